"""Says what the receiving server found about a message: its Authentication-Results (RFC 8601).

Anyone can write such a field. The topmost is the last server's, so only the fields with its name
count, and they are only shown.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from onboarding.inbox.parts import MimePart, read_header_fields

SHOWN_METHODS = {"spf": "SPF", "dkim": "DKIM", "dmarc": "DMARC"}
"""The methods that are shown, in this order."""

RESULT_WORDS = {
    "pass": "passed",
    "none": "found nothing to check",
    "neutral": "says nothing",
    "policy": "failed by the server's own rules",
    "fail": "failed",
    "softfail": "failed (softfail)",
    "hardfail": "failed",
    "temperror": "could not be checked",
    "permerror": "could not be checked, because the records are wrong",
}
"""What each result means in words (RFC 8601 2.7)."""

_COMMENT = re.compile(r"\([^()]*\)")
_RESULT = re.compile(r"([a-z][a-z0-9-]*)(?:/\d+)?\s*=\s*([a-z]+)", re.IGNORECASE)
_DOMAIN = re.compile(
    r"(?:smtp\.mailfrom|header\.d|header\.i|header\.from)\s*=\s*\"?([^\s;\"]+)", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class AuthenticationResult:
    """One result: of which of `SHOWN_METHODS`, RFC 8601's word, and the domain meant."""

    method: str
    result: str
    domain: str = ""

    @property
    def words(self) -> str:
        """The result as a person reads it."""
        about = f" for {self.domain}" if self.domain else ""
        return f"{SHOWN_METHODS[self.method]} {RESULT_WORDS[self.result]}{about}"


def read_authentication(message: MimePart) -> tuple[str, list[AuthenticationResult]]:
    """Read the last server's name and its results; empty where it wrote none.

    Microsoft 365 writes the results without its name.
    """
    fields = [
        _split_field(field) for field in read_header_fields(message, "Authentication-Results")
    ]
    if not fields:
        return "", []
    server = fields[0][0]
    found = [
        result
        for name, parts in fields
        if name == server
        for part in parts
        for result in _read_part(part)
    ]
    # A message may have several signatures: any that passed counts.
    return server, sorted(found, key=lambda result: [*SHOWN_METHODS].index(result.method))


def _split_field(field: str) -> tuple[str, list[str]]:
    parts = _COMMENT.sub(" ", field).split(";")
    if "=" in parts[0]:
        return "", parts
    # A version may follow the server's name.
    return (parts[0].split() or [""])[0].lower(), parts[1:]


def _read_part(part: str) -> Iterator[AuthenticationResult]:
    found = _RESULT.match(part.strip())
    if not found or found[1].lower() not in SHOWN_METHODS or found[2].lower() not in RESULT_WORDS:
        return
    domain = _DOMAIN.search(part)
    shown = domain[1].rpartition("@")[2] if domain else ""
    # What Microsoft 365 writes for an unsigned message.
    shown = "" if shown == "none" else shown
    yield AuthenticationResult(found[1].lower(), found[2].lower(), shown)


def has_failed(results: list[AuthenticationResult]) -> bool:
    """Whether receivers have a reason to distrust the message.

    DMARC decides where it was looked at; without it, every method has to have a pass.
    """
    dmarc = [result.result for result in results if result.method == "dmarc"]
    if dmarc and set(dmarc) != {"none"}:
        return "pass" not in dmarc
    return any(
        "pass" not in [other.result for other in results if other.method == result.method]
        for result in results
        if result.method != "dmarc"
    )
