"""The one form in which two spellings of a link are compared: percent-escapes undone."""

import re


def normal(text: bytes) -> bytes:
    """Undo percent-escapes, also those of escapes: a redirecting link holds another one so."""
    return _ESCAPE.sub(_octet, text)


_ESCAPE = re.compile(rb"%(?:25)*([0-9A-Fa-f]{2})")


def _octet(found: re.Match[bytes]) -> bytes:
    return _OCTETS[found[1].lower()]


_OCTETS = {f"{octet:02x}".encode(): bytes([octet]) for octet in range(256)}
