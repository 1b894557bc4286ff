"""Which proxy leads to a server, by the usual environment variables. Pure: the environment is handed in.

`HTTPS_PROXY` and `ALL_PROXY` name one, `NO_PROXY` makes exceptions; in lower case they win, as in
curl. Plain HTTP is spoken to this machine only, where no proxy leads. A proxy's address may hold a
password, so no message repeats it.
"""

import ipaddress
import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

from onboarding.errors import ConfigurationError
from onboarding.model.addresses import is_loopback

PROXY_SCHEMES = {
    "http": "http",
    "https": "https",
    "socks": "socks5h",
    "socks5": "socks5h",
    "socks5h": "socks5h",
}
"""What may be written, and what is meant: names are always looked up by a SOCKS proxy, not here."""

HTTPS_PORT = 443

_ENTRY = re.compile(r"(?:\[(?P<six>[^\]]+)\]|(?P<host>[^:\[\]]+))(?::(?P<port>\d+))?")
"""One exception of `NO_PROXY`: a host or an address, with or without a port. A bare IPv6 address has no port."""


class Proxy(NamedTuple):
    """A proxy: its address for the library (a secret), and its host and port for people."""

    url: str
    place: str


def find_proxy(url: str, environ: Mapping[str, str]) -> Proxy | None:
    """Say which proxy leads to an `https` address; None where none does.

    Raises ConfigurationError where the variable that counts is no address of a proxy.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme != "https" or is_loopback(host):
        return None
    if _is_excepted(host, parts.port or HTTPS_PORT, _find_variable(environ, "no_proxy")[1]):
        return None
    for name in ("https_proxy", "all_proxy"):
        variable, value = _find_variable(environ, name)
        if value:
            return _parse_proxy(variable, value)
    return None


def _find_variable(environ: Mapping[str, str], name: str) -> tuple[str, str]:
    """The variable that is set, in lower case or else in upper case, and its value."""
    variable = name if name in environ else name.upper()
    return variable, environ.get(variable, "").strip()


def _parse_proxy(variable: str, value: str) -> Proxy:
    try:
        parts = urlsplit(value if "://" in value else f"http://{value}")
        scheme, host, port = PROXY_SCHEMES[parts.scheme.lower()], parts.hostname or "", parts.port
    except (ValueError, KeyError):
        raise _proxy_variable_error(variable) from None
    if (
        not re.fullmatch(r"[\w.:%-]+", host)
        or parts.path.strip("/")
        or parts.query
        or parts.fragment
    ):
        raise _proxy_variable_error(variable)
    place = _format_place(host, port)
    credentials = parts.netloc.rpartition("@")[0]
    return Proxy(
        f"{scheme}://{credentials}@{place}" if credentials else f"{scheme}://{place}", place
    )


def _format_place(host: str, port: int | None) -> str:
    place = f"[{host}]" if ":" in host else host
    return f"{place}:{port}" if port else place


def _proxy_variable_error(variable: str) -> ConfigurationError:
    return ConfigurationError(
        f"The environment variable {variable} is no proxy that can be used.",
        hint="Write it as http://HOST:PORT, https://HOST:PORT or socks5h://HOST:PORT, or unset it.",
    )


def _is_excepted(host: str, port: int, exceptions: str) -> bool:
    entries = [entry for entry in re.split(r"[,\s]+", exceptions.lower()) if entry]
    return any(_matches_entry(entry, host.lower().rstrip("."), port) for entry in entries)


def _matches_entry(entry: str, host: str, port: int) -> bool:
    """Tell whether one exception means a server. One that can't be read means none."""
    if entry == "*":
        return True
    address, network = _parse_ip_address(host), _parse_network(entry)
    if network:
        return address in network if address else False
    found = _ENTRY.fullmatch(entry)
    if not found or int(found["port"] or port) != port:
        return False
    name = found["six"] or found["host"].removeprefix("*").strip(".")
    if address is None and not found["six"]:
        return _is_within_domain(host, name)
    return address is not None and address == _parse_ip_address(name)


def _is_within_domain(host: str, domain: str) -> bool:
    return bool(domain) and (host == domain or host.endswith(f".{domain}"))


Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def _parse_ip_address(text: str) -> Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _parse_network(text: str) -> Network | None:
    """Read `10.0.0.0/8`, `[fd00::]/8` or a bare IPv6 address as a network."""
    bare = text.replace("[", "").replace("]", "") if "/" in text else text
    if "/" not in bare and bare.count(":") < 2:  # noqa: PLR2004 -- a name or IPv4 address, perhaps with a port
        return None
    try:
        return ipaddress.ip_network(bare, strict=False)
    except ValueError:
        return None
