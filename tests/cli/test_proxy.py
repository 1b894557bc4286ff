"""RingCentral behind a company's proxy: only the proxy knows `https://platform.example`."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trustme

from tests.cli.command import Seen, command
from tests.ringcentral.scripted import Reply, Scripted, scripted
from tests.stage import CONFIG
from tests.web.connect_proxy import ConnectProxy, connect_proxy

pytestmark = pytest.mark.anyio

PLATFORM = "https://platform.example"
AUTHENTICATE = (
    b"HTTP/1.1 407 Say who you are\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n"
)


@asynccontextmanager
async def company(
    folder: Path, refusal: bytes = b""
) -> AsyncIterator[tuple[Scripted, ConnectProxy]]:
    """RingCentral with a certificate of the company's own, and the proxy that leads there."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("platform.example").configure_cert(context)
    (folder / "config.toml").write_text(CONFIG)
    async with scripted(context) as server:
        server.script = [Reply({"records": []})] * 5
        port = int(server.url.rpartition(":")[2])
        async with connect_proxy({"platform.example:443": port}, refusal) as proxy:
            yield server, proxy


async def webinars(folder: Path, **variables: str) -> Seen:
    known = {
        "RC_SERVER_URL": PLATFORM,
        "RC_APP_CLIENT_ID": "client",
        "RC_APP_CLIENT_SECRET": "hush-secret",
        "RC_USER_JWT": "hush-jwt",
        "SSL_CERT_FILE": "ca.pem",
    }
    return await command(folder, "webinars", variables={**known, **variables})


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
@pytest.mark.parametrize("scheme", ["http", "socks"])
async def test_ringcentral_is_reached_through_the_proxy(tmp_path, variable, scheme):
    async with company(tmp_path) as (server, proxy):
        seen = await webinars(
            tmp_path,
            **{variable: f"{scheme}://127.0.0.1:{proxy.port}", "NO_PROXY": "::1,[fd00::]/8"},
        )

        assert (seen.code, seen.err) == (0, "")
        assert set(proxy.asked) == {"platform.example:443"}
        assert server.requests[0].path == "/restapi/oauth/token"


async def test_proxy_gets_its_own_log_in_and_ringcentral_s_stays_inside(tmp_path):
    async with company(tmp_path) as (_server, proxy):
        seen = await webinars(tmp_path, HTTPS_PROXY=f"http://events:word@127.0.0.1:{proxy.port}")

        assert seen.code == 0
        (head, *_) = proxy.heads
        assert b"Basic ZXZlbnRzOndvcmQ=" in head
        assert b"platform.example" in head
        assert b"Bearer" not in b"".join(proxy.heads)


async def test_proxy_that_wants_a_log_in_is_named_at_once(tmp_path):
    async with company(tmp_path, AUTHENTICATE) as (server, proxy):
        seen = await webinars(tmp_path, HTTPS_PROXY=f"http://events:word@127.0.0.1:{proxy.port}")

        assert seen.code == 2
        assert f"the proxy 127.0.0.1:{proxy.port} refuses to lead there with status 407" in seen.err
        assert "word" not in seen.all
        assert server.requests == []


async def test_variable_of_a_proxy_that_is_wrong_is_named(tmp_path):
    async with company(tmp_path):
        seen = await webinars(tmp_path, HTTPS_PROXY="http://hush:word@proxy.example:port")

    assert (seen.code, "HTTPS_PROXY" in seen.err, "word" in seen.all, "Traceback" in seen.all) == (
        2,
        True,
        False,
        False,
    )


async def test_certificates_that_are_missing_are_named(tmp_path):
    async with company(tmp_path) as (_server, proxy):
        seen = await webinars(
            tmp_path, HTTPS_PROXY=f"http://127.0.0.1:{proxy.port}", SSL_CERT_FILE="gone.pem"
        )

    assert (seen.code, "SSL_CERT_FILE names gone.pem" in seen.err, "Traceback" in seen.all) == (
        2,
        True,
        False,
    )
