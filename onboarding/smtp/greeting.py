"""The name by which we greet the mail server (EHLO): this machine's, or the address of our end of the connection.

Pure but for `find_machine_name`. RFC 5321 4.1.1.1 wants a domain name, or an address literal
(4.1.3) where there is none.
"""

import re
import socket
from ipaddress import IPv6Address, ip_address

LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
DOMAIN = re.compile(rf"(?:{LABEL}\.)*(?![0-9]+$){LABEL}")
"""Letters, digits, hyphens and dots (RFC 1123 2.1); the last label is not all digits, else it is an address."""

MAX_DOMAIN_LENGTH = 253
"""Characters (RFC 1035 2.3.4)."""


def find_machine_name() -> str:
    """Ask for this machine's full name, which can take the DNS seconds; empty where it has none that can be asked."""
    try:
        return socket.getfqdn()
    except (OSError, UnicodeError):
        return ""


def choose_ehlo_name(machine: str, own_address: str) -> str:
    """Choose between the machine's name and the IP address of our end of the connection."""
    name = machine.removesuffix(".")
    if len(name) <= MAX_DOMAIN_LENGTH and DOMAIN.fullmatch(name):
        return name
    return format_address_literal(own_address)


def format_address_literal(address: str) -> str:
    """Write an IP address for EHLO (RFC 5321 4.1.3); a zone (`%eth0`) means nothing to the server."""
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return "[127.0.0.1]"
    return f"[IPv6:{ip}]" if isinstance(ip, IPv6Address) else f"[{ip}]"
