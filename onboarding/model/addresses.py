"""Whether a host is this very machine: there, and only there, a line may go without encryption."""

from ipaddress import ip_address


def is_loopback(host: str) -> bool:
    """Tell whether a host is this very machine, without asking the DNS (RFC 1122 3.2.1.3, RFC 4291 2.5.3)."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"
