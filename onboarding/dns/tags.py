"""Reads the lists of tags in which DKIM keys and DMARC policies are written (RFC 6376 3.2)."""

from collections.abc import Mapping, Sequence


def parse_tags(text: str) -> Mapping[str, str]:
    """Parse `v=DMARC1; p=none` to names, in lower case, and values. Of a name the first counts."""
    found: dict[str, str] = {}
    for part in text.split(";"):
        name, equals, value = part.partition("=")
        if equals:
            found.setdefault(name.strip().lower(), value.strip())
    return found


def select_versions(texts: Sequence[str], version: str) -> list[str]:
    """Select the records of one kind: a name may have TXT records for many purposes."""
    wanted = version.lower()
    return [text for text in texts if text.split(";")[0].replace(" ", "").lower() == wanted]
