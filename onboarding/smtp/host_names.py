"""Names of hosts: the server's as `[smtp] host`, and ours as the EHLO command gives it.

Pure but for `find_machine_name`. What people write in place of a server's name (a URL, `host:587`,
brackets) is refused with the words to write: a guessed port or encryption would send the log-in
where it was not meant to go.
"""

import re
import socket
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit

HOST_NAME = re.compile(r"[^\W_]([\w-]*[^\W_])?(\.[^\W_]([\w-]*[^\W_])?)*\.?")
"""Labels of letters (of any script), digits, hyphens and underscores between dots."""

TLS_SCHEMES = frozenset({"ssl", "smtps", "tls", "ssmtp", "imaps"})

LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
DOMAIN = re.compile(rf"(?:{LABEL}\.)*(?![0-9]+$){LABEL}")
"""Letters, digits, hyphens and dots (RFC 1123 2.1). A last label of digits makes it an address."""

MAX_DOMAIN_LENGTH = 253
"""Characters (RFC 1035 2.3.4)."""


def validate_host(host: str) -> str:
    """Accept a server's name or address. Raises ValueError that says what to write instead."""
    if not host or _is_host(host):
        return host
    raise ValueError(
        f"it is the server's name or address alone; write {_build_advice(host.strip())}"
    )


def _is_host(text: str) -> bool:
    return bool(HOST_NAME.fullmatch(text) or _parse_ip(text))


def _parse_ip(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


def _build_advice(host: str) -> str:
    """Write what was meant as settings, if that can be seen."""
    name, port, scheme = _split_host(host)
    if not _is_host(name):
        return "it as smtp.example.com"
    keys = [f'host = "{name}"']
    if scheme in TLS_SCHEMES:
        keys.append('security = "tls"')
    if port:
        keys.append(f"port = {port}")
    *first, last = keys
    return f"{', '.join(first)} and {last}" if first else last


def _split_host(host: str) -> tuple[str, str, str]:
    """Split into name, port and scheme; each is empty where there is none."""
    scheme, mark, rest = host.rpartition("://")
    # `urlsplit` raises for an open bracket, `port` for one that is no number up to 65535.
    try:
        parts = urlsplit(f"//{rest}")
        return parts.hostname or "", str(parts.port or ""), scheme.lower() if mark else ""
    except ValueError:
        return "", "", ""


def format_host_and_port(host: str, port: int) -> str:
    """Write both for messages; an IPv6 address in brackets (RFC 3986 3.2.2)."""
    return f"[{host}]:{port}" if isinstance(_parse_ip(host), IPv6Address) else f"{host}:{port}"


def find_machine_name() -> str:
    """Ask for this machine's full name: empty if there is none. The DNS may take seconds."""
    try:
        return socket.getfqdn()
    # `UnicodeError`: a label that is empty or too long fails in Python's IDNA codec.
    except (OSError, UnicodeError):
        return ""


def select_ehlo_name(machine: str, own_address: str) -> str:
    """Choose the name for EHLO: the machine's, or else the IP address of our end.

    RFC 5321 4.1.1.1 wants a domain name, or an address literal where there is none.
    """
    name = machine.removesuffix(".")
    # A container's name may have an underscore, which RFC 5321 4.1.2 does not allow here.
    if len(name) <= MAX_DOMAIN_LENGTH and DOMAIN.fullmatch(name):
        return name
    return format_address_literal(own_address)


def format_address_literal(address: str) -> str:
    """Write an IP address for EHLO (RFC 5321 4.1.3), without a zone: `%eth0` is only ours."""
    ip = _parse_ip(address.partition("%")[0])
    if ip is None:
        # Our address is not known, and the command needs a literal all the same.
        return "[127.0.0.1]"
    return f"[IPv6:{ip}]" if isinstance(ip, IPv6Address) else f"[{ip}]"
