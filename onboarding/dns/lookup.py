"""Asks a DNS server for TXT records, in bounded time. What they mean is decided elsewhere.

dnspython sends the questions, asks again over TCP where an answer was cut off, and refuses answers
to other questions. An answer that does not come is one of two errors: about the server, which is
not asked again, or about one name.
"""

import asyncio
import ipaddress
import re
from collections.abc import Awaitable, Callable, Sequence

import dns.asyncresolver
import dns.exception
import dns.name
import dns.rcode
import dns.resolver

from onboarding.errors import ConfigurationError
from onboarding.interrupt import wait_unless_stopped

ANSWER_SECONDS, TRY_SECONDS = 6.0, 2.0
"""Seconds for an answer in all, and until the question is sent again."""

DNS_PORT = 53
WITH_PORT = re.compile(r"(?:\[([^]]+)\]|([^:]+))(?::([^:]*))?")

FindTexts = Callable[[str], Awaitable[Sequence[str]]]
"""Finds the TXT records of a name; none where the name does not exist."""


class DnsFault(Exception):
    """No answer came; the message is a sentence without its full stop."""


class ServerSilent(DnsFault):
    """The DNS server does not answer, or refuses us: it would be so for the next name too."""


class NameUnanswered(DnsFault):
    """The DNS server can't say anything about one name: the name's own servers are broken."""


class Resolver:
    """A DNS server to ask: `address`, as in `192.0.2.1` or `[2001:db8::1]:5353`, or the machine's.

    Raises ConfigurationError for what is no address, and where the machine names no DNS server. An
    answer may take `seconds`.
    """

    def __init__(self, address: str, stop: asyncio.Event, seconds: float = ANSWER_SECONDS) -> None:
        self._stop = stop
        self._resolver = _build_resolver(address)
        self._resolver.lifetime = seconds
        self._resolver.timeout = min(TRY_SECONDS, seconds)
        # SPF and DMARC ask for some names twice.
        self._resolver.cache = dns.resolver.Cache()

    @property
    def label(self) -> str:
        """The server's name in messages."""
        named = [str(server) for server in self._resolver.nameservers]
        return " and ".join(named[:2])

    async def find_texts(self, name: str) -> Sequence[str]:
        """Find the TXT records of a name. Raises DnsFault, and Interrupted after a signal."""
        try:
            absolute = dns.name.from_text(name)
        # A record can name what no name can be, such as `a..b`. It is not there, then.
        except dns.exception.DNSException:
            return ()
        return await wait_unless_stopped(self._stop, self._ask(absolute))

    async def _ask(self, name: dns.name.Name) -> Sequence[str]:
        try:
            answer = await self._resolver.resolve(name, "TXT", search=False)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return ()
        except dns.resolver.LifetimeTimeout:
            raise ServerSilent(f"the DNS server {self.label} does not answer") from None
        except dns.exception.DNSException as error:
            raise self._translate(name, error) from None
        # RFC 7208 3.3 and 6376 3.6.2.2: the strings of a record are joined without spaces.
        return [b"".join(record.strings).decode("utf-8", "replace") for record in answer]

    def _translate(self, name: dns.name.Name, error: dns.exception.DNSException) -> DnsFault:
        shown = name.to_text(omit_final_dot=True)
        answers = error.kwargs.get("errors", [])
        codes = {answer[3] for answer in answers if isinstance(answer[3], str)}
        if dns.rcode.to_text(dns.rcode.REFUSED) in codes:
            return ServerSilent(f"the DNS server {self.label} refuses to answer us")
        # Anything else that came is an answer that makes no sense: it is not quoted.
        code = next(iter(codes & KNOWN_CODES), "an answer that can't be read")
        return NameUnanswered(f"the DNS server {self.label} can't answer about {shown} ({code})")


KNOWN_CODES = {code.name for code in dns.rcode.Rcode}


def _build_resolver(address: str) -> dns.asyncresolver.Resolver:
    if not address:
        try:
            return dns.asyncresolver.Resolver()
        except dns.resolver.NoResolverConfiguration:
            raise ConfigurationError(
                "This machine names no DNS server.", hint="Give its address with --resolver."
            ) from None
    host, port = parse_server(address)
    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.port = port
    resolver.nameservers = [host]
    return resolver


def parse_server(address: str) -> tuple[str, int]:
    """Split an IP address and its port, 53 where none is given.

    Raises ConfigurationError for what is neither: a name would need a DNS server to find it.
    """
    found = WITH_PORT.fullmatch(address)
    # An IPv6 address without brackets has colons of its own.
    host, port = (found[1] or found[2], found[3]) if found else (address, None)
    try:
        return str(ipaddress.ip_address(host)), _parse_port(port or str(DNS_PORT))
    except ValueError:
        raise ConfigurationError(
            f"{address!r} is no address of a DNS server.",
            hint="Write an IP address, such as 192.0.2.1, 192.0.2.1:5353 or [2001:db8::1]:5353.",
        ) from None


def _parse_port(text: str) -> int:
    port = int(text) if text.isdecimal() and text.isascii() else 0
    if not 0 < port < 2**16:
        raise ValueError(text)
    return port
