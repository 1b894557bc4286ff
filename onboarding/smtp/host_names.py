"""What may be written as `[smtp] host`: a name or an address, and nothing else.

Pure. What people write instead (a URL, `host:587`, brackets) is refused with the words to write in
its place: guessing a port or an encryption would send the log-in where it was not meant to go.
"""

import re
from ipaddress import IPv6Address, ip_address
from urllib.parse import urlsplit

HOST_NAME = re.compile(r"[^\W_]([\w-]*[^\W_])?(\.[^\W_]([\w-]*[^\W_])?)*\.?")
"""Labels of letters (of any script), digits, hyphens and underscores between dots."""

TLS_SCHEMES = frozenset({"ssl", "smtps", "tls", "ssmtp"})


def validate_host(host: str) -> str:
    """Take a server's name or address. Raises ValueError that says what to write instead."""
    if not host or HOST_NAME.fullmatch(host) or _is_address(host):
        return host
    raise ValueError(f"is the server's name or address alone; write {_build_advice(host.strip())}")


def _build_advice(host: str) -> str:
    """Write what was meant as settings, if that can be seen."""
    name, port, scheme = _split_host(host)
    keys = [f'host = "{name}"'] if HOST_NAME.fullmatch(name) or _is_address(name) else []
    if keys and scheme in TLS_SCHEMES:
        keys.append('security = "tls"')
    if keys and port:
        keys.append(f"port = {port}")
    if not keys:
        return "it as smtp.example.com"
    *first, last = keys
    return f"{', '.join(first)} and {last}" if first else last


def _split_host(host: str) -> tuple[str, str, str]:
    """Take name, port and scheme apart, each empty where there is none."""
    scheme, mark, rest = host.rpartition("://")
    try:
        parts = urlsplit(f"//{rest}")
        return parts.hostname or "", str(parts.port or ""), scheme.lower() if mark else ""
    except ValueError:
        return "", "", ""


def _is_address(host: str) -> bool:
    try:
        return bool(ip_address(host))
    except ValueError:
        return False


def format_host_and_port(host: str, port: int) -> str:
    """Write both for messages; an IPv6 address in brackets (RFC 3986 3.2.2)."""
    try:
        return f"[{host}]:{port}" if isinstance(ip_address(host), IPv6Address) else f"{host}:{port}"
    except ValueError:
        return f"{host}:{port}"
