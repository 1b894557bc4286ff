"""The environment variables that lead a call: which proxy it takes, which certificates it trusts.

`HTTPS_PROXY` and `ALL_PROXY` name a proxy, `NO_PROXY` makes exceptions; in lower case they win, as
in curl. Plain HTTP is spoken to this machine only, where no proxy leads. A proxy's address may hold
a password, so no message repeats it.

`SSL_CERT_FILE` and `SSL_CERT_DIR` count for every encrypted connection: to RingCentral, to a
provider's log-in and to the mail server. OpenSSL is silent where they lead nowhere, and then trusts
no server at all; so they are checked here.

The environment is an argument. Only the files that it names are read.
"""

import ipaddress
import re
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import certifi

from onboarding.errors import ConfigurationError
from onboarding.files.read import check_file
from onboarding.model.addresses import is_loopback

PROXY_SCHEMES = {
    "http": "http",
    "https": "https",
    "socks": "socks5h",
    "socks5": "socks5h",
    "socks5h": "socks5h",
}
"""What may be written, and what is meant: a SOCKS proxy looks up all names, we look up none."""

HTTPS_PORT = 443

_PROXY_HOST = re.compile(r"[\w.:%-]+")

_ENTRY = re.compile(r"(?:\[(?P<six>[^\]]+)\]|(?P<host>[^:\[\]]+))(?::(?P<port>[0-9]{1,5}))?")
"""An exception in `NO_PROXY`: a host or address, perhaps with a port; never a bare IPv6 address."""

CERTIFICATE_FILE, CERTIFICATE_FOLDER = "SSL_CERT_FILE", "SSL_CERT_DIR"

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Proxy(NamedTuple):
    """A proxy: its address for the library (a secret), and its host and port for people."""

    url: str
    host_and_port: str


def find_proxy(url: str, environ: Mapping[str, str]) -> Proxy | None:
    """Find the proxy that leads to an `https` address; None where none does.

    Raises ConfigurationError where the variable that counts is no address of a proxy.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    # A proxy would look for a loopback address on its own machine.
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
    """Find the variable that is set, in lower case or else in upper case, and its value."""
    # An empty one counts as set: with it a user switches off the one in upper case.
    variable = name if name in environ else name.upper()
    return variable, environ.get(variable, "").strip()


def _parse_proxy(variable: str, value: str) -> Proxy:
    try:
        parts = urlsplit(value if "://" in value else f"http://{value}")
        scheme, host, port = PROXY_SCHEMES[parts.scheme.lower()], parts.hostname or "", parts.port
    except (ValueError, KeyError):
        raise _proxy_variable_error(variable) from None
    # An address with more than a host is that of a page, such as a PAC file.
    rest = parts.path.strip("/") or parts.query or parts.fragment
    if rest or not _PROXY_HOST.fullmatch(host):
        raise _proxy_variable_error(variable)
    place = _format_host_and_port(host, port)
    # As written: httpx itself decodes the percent signs in it.
    credentials = parts.netloc.rpartition("@")[0]
    login = f"{credentials}@" if credentials else ""
    return Proxy(f"{scheme}://{login}{place}", place)


def _format_host_and_port(host: str, port: int | None) -> str:
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
    """Tell whether an exception matches a server. An entry that can't be read matches none."""
    if entry == "*":
        return True
    address, network = _parse_address(host), _parse_network(entry)
    if network:
        return address is not None and address in network
    found = _ENTRY.fullmatch(entry)
    if not found or int(found["port"] or port) != port:
        return False
    if found["six"]:
        return address is not None and address == _parse_address(found["six"])
    # `*.example.com` and `.example.com` are other ways to write `example.com`.
    return _matches_name(found["host"].removeprefix("*").strip("."), host, address)


def _matches_name(name: str, host: str, address: Address | None) -> bool:
    """Compare addresses as addresses; a name also matches every host within its domain."""
    if address is not None:
        return address == _parse_address(name)
    return bool(name) and (host == name or host.endswith(f".{name}"))


def _parse_address(text: str) -> Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _parse_network(text: str) -> Network | None:
    """Read `10.0.0.0/8`, `[fd00::]/8` or a bare IPv6 address as a network."""
    if "/" in text:
        text = text.replace("[", "").replace("]", "")
    elif text.count(":") <= 1:
        # A name or an IPv4 address, perhaps with a port.
        return None
    try:
        # `strict` would refuse `10.1.2.3/8`, as people write it.
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def build_web_context(environ: Mapping[str, str]) -> ssl.SSLContext:
    """Make a context that verifies web servers: by the variables, or else by certifi's list.

    Raises ConfigurationError where a variable names no file of certificates, or no folder.
    """
    check_certificate_variables(environ)
    file, folder = environ.get(CERTIFICATE_FILE) or None, environ.get(CERTIFICATE_FOLDER) or None
    if not (file or folder):
        # Slim containers have no certificates of the system's own.
        return ssl.create_default_context(cafile=certifi.where())
    try:
        return ssl.create_default_context(cafile=file, capath=folder)
    except ssl.SSLError:
        why = "it holds no certificate"
        raise _certificates_error(CERTIFICATE_FILE, str(file), why) from None


def check_certificate_variables(environ: Mapping[str, str]) -> None:
    """Raise ConfigurationError where a variable names no file, or no folder."""
    file, folder = environ.get(CERTIFICATE_FILE), environ.get(CERTIFICATE_FOLDER)
    if file:
        try:
            check_file(Path(file))
        except OSError as error:
            raise _certificates_error(CERTIFICATE_FILE, file, str(error.strerror)) from None
    if folder and not Path(folder).is_dir():
        raise _certificates_error(CERTIFICATE_FOLDER, folder, "it is no folder")


def _certificates_error(variable: str, value: str, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"The environment variable {variable} names {value}, which can't be used: {why}.",
        hint="Let it name certificates in PEM form, or unset it.",
    )
