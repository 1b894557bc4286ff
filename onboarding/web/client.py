"""One call to a web server at a time, with a limit on the time and on the bytes, also unpacked.

Follows no redirect and repeats nothing. An answer is an `httpx.Response` with its content read;
that none came, or none that can be used, is `NoAnswer`, which says whether the request may have
arrived.
"""

import asyncio
import os
import ssl
import zlib
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import httpx

from onboarding.errors import ConfigurationError
from onboarding.files.read import MEGABYTE
from onboarding.interrupt import wait_unless_stopped
from onboarding.model.foreign_text import clean
from onboarding.web.variables import build_web_context, find_proxy

MAX_RECEIVED = 16 * MEGABYTE
"""Bytes of an answer as they come."""

MAX_UNPACKED = 64 * MEGABYTE
"""Bytes of an answer once unpacked: a gzip file of a few kilobytes can hold gigabytes."""

GZIP = 31
"""What zlib calls a gzip header and trailer around the largest window."""

# httpx by itself also asks for br and zstd where it can; we limit only what gzip unpacks to.
REQUEST_HEADERS = {
    "Accept": "application/json",
    "Accept-Encoding": "gzip",
    "User-Agent": "webinar-onboarding",
}

AUTHENTICATION_REQUIRED, FORBIDDEN = 407, 403


class NoAnswer(Exception):
    """No answer that can be used.

    `reason` says why, in words that complete a sentence. `may_have_arrived`: the server may have
    done what it was asked. `final`: another try would bring the same. `untrusted` is what is wrong
    with the server's certificate.
    """

    def __init__(
        self, reason: str, *, may_have_arrived: bool, final: bool = False, untrusted: str = ""
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.may_have_arrived = may_have_arrived
        self.final = final
        self.untrusted = untrusted


class WebClient:
    """Calls to one server; use it as an async context manager.

    `timeout` is in seconds, for a whole call from the connection to the last byte. Once `stop` is
    set, a call ends at once with `Interrupted`. Proxy and certificates are as `environ` says. Both
    are read, and a connection is opened, only for the first call.
    """

    def __init__(
        self,
        server: str,
        *,
        timeout: float,
        stop: asyncio.Event | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self.server = server
        self._timeout = timeout
        self._stop = stop or asyncio.Event()
        self._environ = environ
        self._http: httpx.AsyncClient | None = None
        self._proxy = ""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close what was opened."""
        if self._http:
            await self._http.aclose()

    def build_request(
        self, method: str, path: str, *, headers: Mapping[str, str], **content: Any
    ) -> httpx.Request:
        """Make a request; `content` is httpx's: `params`, `json`, `data`, `content`."""
        return httpx.Request(
            method, self.server + path, headers={**REQUEST_HEADERS, **headers}, **content
        )

    async def send(self, request: httpx.Request) -> httpx.Response:
        """Make one call.

        Raises `NoAnswer`, `Interrupted`, or `ConfigurationError` for a variable that is wrong.
        """
        http, progress = self._open_client(), _Progress()
        request.extensions["trace"] = progress
        try:
            # httpx limits each read alone; a server that drips could hold us for ever.
            async with asyncio.timeout(self._timeout):
                return await wait_unless_stopped(self._stop, _exchange(http, request, progress))
        except httpx.ProxyError as error:
            # `from None` everywhere here: httpx's errors hold the request, and so the token.
            raise self._proxy_refusal_error(error) from None
        # Before the next clause, which would catch two of these as well: nothing was sent here.
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise self._no_connection_error(error) from None
        except (TimeoutError, httpx.TimeoutException):
            raise NoAnswer("it does not answer in time", may_have_arrived=progress.sent) from None
        except httpx.RequestError:
            raise NoAnswer("the connection was lost", may_have_arrived=progress.sent) from None

    def _open_client(self) -> httpx.AsyncClient:
        if self._http is None:
            proxy = find_proxy(self.server, self._environ)
            self._proxy = proxy.host_and_port if proxy else ""
            # httpx does not read the environment (`trust_env`): it would not name a wrong variable.
            self._http = httpx.AsyncClient(
                verify=build_web_context(self._environ),
                proxy=proxy.url if proxy else None,
                timeout=self._timeout,
                trust_env=False,
            )
        return self._http

    def _no_connection_error(self, error: httpx.TransportError) -> NoAnswer:
        through = f" through the proxy {self._proxy}" if self._proxy else ""
        return NoAnswer(
            f"no connection can be made{through}",
            may_have_arrived=False,
            untrusted=_find_certificate_fault(error),
        )

    def _proxy_refusal_error(self, error: httpx.ProxyError) -> NoAnswer:
        """Say that a proxy does not lead on. Of its words only the status is shown."""
        # httpx's text for an HTTP proxy begins with the status.
        status = str(error)[:3]
        code = int(status) if status.isascii() and status.isdigit() else 0
        answers = f" with status {code}" if code else ""
        return NoAnswer(
            f"the proxy {self._proxy} refuses to lead there{answers}",
            may_have_arrived=False,
            # A person has to change the proxy's password or rules. A 502 or 503 may pass.
            final=code in {AUTHENTICATION_REQUIRED, FORBIDDEN},
        )


class _Progress:
    """How far a call is, as the library reports it (httpx's extension `trace`)."""

    def __init__(self) -> None:
        self.sent = False
        self._stream: Any = None

    async def __call__(self, event: str, details: Mapping[str, Any]) -> None:
        """Take a report; CONNECT is what a proxy is asked, and not the request itself."""
        if event.endswith("connect_tcp.complete"):
            self._stream = details["return_value"]
        # At the start, not the end: from the first byte on nothing is known for sure.
        elif event.endswith("send_request_headers.started"):
            self.sent = self.sent or details["request"].method != b"CONNECT"

    async def abort(self) -> None:
        """Close the connection: the library forgets it if it is cancelled during the handshake."""
        if self._stream is not None:
            await self._stream.aclose()


async def _exchange(
    http: httpx.AsyncClient, request: httpx.Request, progress: _Progress
) -> httpx.Response:
    """Send a request and read the answer's content, both as they come."""
    try:
        # Streamed, because httpx would unpack and keep an answer of any size.
        answer = await http.send(request, stream=True)
    except asyncio.CancelledError:
        await progress.abort()
        raise
    try:
        content = await _read_content(answer)
    finally:
        await answer.aclose()
    # The content is unpacked and whole now, and httpx must not unpack it again.
    headers = answer.headers.copy()
    for name in ("Content-Encoding", "Transfer-Encoding"):
        headers.pop(name, None)
    return httpx.Response(answer.status_code, headers=headers, content=content, request=request)


async def _read_content(answer: httpx.Response) -> bytes:
    unpacker = _select_unpacker(answer.headers.get("Content-Encoding", ""))
    received, content = 0, bytearray()
    async for chunk in answer.aiter_raw():
        received += len(chunk)
        if unpacker:
            # One byte more than is allowed shows that there is too much.
            # So it is never 0, which zlib takes for no limit at all.
            content += _decompress(unpacker, chunk, MAX_UNPACKED + 1 - len(content))
        else:
            content += chunk
        if received > MAX_RECEIVED or len(content) > MAX_UNPACKED:
            raise _too_large_error(received)
    # A stream that stops before gzip's trailer was cut off.
    if unpacker and received and not unpacker.eof:
        raise NoAnswer("its answer can't be unpacked", may_have_arrived=True)
    return bytes(content)


def _select_unpacker(encoding: str) -> Any:
    """Choose by the header Content-Encoding; None where nothing is packed. Raises `NoAnswer`."""
    encoding = encoding.strip().lower()
    if encoding not in {"", "identity", "gzip", "x-gzip"}:
        reason = "its answer is packed in a way that was not asked for"
        raise NoAnswer(reason, may_have_arrived=True)
    return zlib.decompressobj(GZIP) if "gzip" in encoding else None


def _decompress(unpacker: Any, chunk: bytes, most: int) -> bytes:
    try:
        unpacked: bytes = unpacker.decompress(chunk, most)
    except zlib.error:
        raise NoAnswer("its answer can't be unpacked", may_have_arrived=True) from None
    return unpacked


def _too_large_error(received: int) -> NoAnswer:
    most = f"{MAX_RECEIVED // MEGABYTE} MB"
    if received <= MAX_RECEIVED:
        most = f"{MAX_UNPACKED // MEGABYTE} MB, once unpacked"
    return NoAnswer(f"its answer is larger than {most}", may_have_arrived=True, final=True)


def _find_certificate_fault(error: BaseException | None) -> str:
    """Find what is wrong with a certificate, if the connection failed for that; else empty."""
    # httpx and httpcore wrap the TLS error, each in an error of its own.
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return clean(error.verify_message)
        error = error.__cause__ or error.__context__
    return ""


def validate_web_address(url: str) -> str:
    """Check an address that a person wrote, and return it. Raises `ConfigurationError`."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        parsed = httpx.URL("")
    if parsed.scheme != "https" or not parsed.host:
        raise ConfigurationError(
            f"{url} is no address that can be asked.", hint="Write it as https://HOST."
        )
    return url
