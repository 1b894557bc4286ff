"""Reads SPF records (RFC 7208), and follows what they include, to count the look-ups.

It does not decide about a sending machine's address: a mail server's own addresses are not known
here. The addresses behind `a`, `mx` and `exists` are not asked for; each counts as one look-up, as
it does for a receiver.
"""

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import takewhile

from onboarding.dns.lookup import FindTexts

SPF_VERSION = "v=spf1"
MOST_LOOKUPS = 10
"""Terms that make a receiver ask the DNS; with more, the record is broken (RFC 7208 4.6.4)."""

MOST_FOLLOWED = 30
"""Where we stop to count: a record may include itself."""

_MECHANISM = re.compile(
    r"([-+~?]?)(all|include|a|mx|ptr|ip4|ip6|exists)((?:[:/].*)?)", re.IGNORECASE
)
_MODIFIER = re.compile(r"([a-z][a-z0-9._-]*)=(.*)", re.IGNORECASE)
_COUNTED = {"a", "mx", "ptr", "exists"}
_NEED_VALUE = {"include", "ip4", "ip6", "exists"}


@dataclass(frozen=True, slots=True)
class SpfRecord:
    """One record: what it includes, how many other terms need a look-up, and its last word.

    `rest` is the sign before `all`, empty where there is none; `fault` is the first term that no
    receiver understands.
    """

    includes: tuple[str, ...] = ()
    redirect: str = ""
    others: int = 0
    rest: str = ""
    fault: str = ""


@dataclass(slots=True)
class SpfResult:
    """What following a domain's record gave.

    `count` is the number of the domain's SPF records: only exactly one is a record that counts.
    `lookups` stops at `MOST_FOLLOWED`. `names` are the domains that are included, however deep.
    """

    count: int
    record: SpfRecord = SpfRecord()
    lookups: int = 0
    names: set[str] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)


async def follow_spf(domain: str, find_texts: FindTexts) -> SpfResult:
    """Read a domain's record and all that it includes. Raises what `find_texts` raises."""
    texts = select_spf(await find_texts(domain))
    if len(texts) != 1:
        return SpfResult(len(texts))
    result = SpfResult(1, parse_spf(texts[0]))
    waiting = _count_record(result, domain, result.record)
    while waiting and result.lookups <= MOST_FOLLOWED:
        name = waiting.pop(0)
        # What stands in a macro depends on the message, so it can't be followed.
        if "%" not in name:
            waiting += await _follow_name(result, name, find_texts)
    return result


async def _follow_name(result: SpfResult, name: str, find_texts: FindTexts) -> list[str]:
    result.names.add(name)
    texts = select_spf(await find_texts(name))
    if len(texts) == 1:
        return _count_record(result, name, parse_spf(texts[0]))
    # RFC 7208 5.2: an include without a record breaks the record that has it.
    amount = "no SPF record" if not texts else f"{len(texts)} SPF records"
    result.faults.append(f"{name}, which is included, has {amount}")
    return []


def _count_record(result: SpfResult, domain: str, record: SpfRecord) -> list[str]:
    """Count a record's look-ups. Returns the names to follow."""
    if record.fault:
        result.faults.append(f"the record of {domain} has a term that is not SPF: {record.fault}")
    following = [*record.includes, *filter(None, [record.redirect])]
    result.lookups += record.others + len(following)
    return following


def select_spf(texts: Sequence[str]) -> list[str]:
    """Select the SPF records among TXT records (RFC 7208 4.5)."""
    return [text for text in texts if text.lower().split(" ")[0] == SPF_VERSION]


@dataclass(frozen=True, slots=True)
class SpfTerm:
    """One term of a record: `sign` and `kind` of a mechanism, or a modifier's name, and its value.

    `kind` is empty for a term that no receiver understands.
    """

    text: str
    kind: str
    value: str = ""
    sign: str = ""


def parse_spf(text: str) -> SpfRecord:
    """Parse a record. What stands behind `all` is never reached, so it is not counted."""
    terms = [_parse_term(term) for term in text.split()[1:]]
    reached = [*takewhile(lambda term: term.kind != "all", terms)]
    rest = _select(terms, "all")
    # Wherever it stands, a term that is none breaks the whole record (RFC 7208 4.6).
    faults, redirects = _select(terms, ""), _select(terms, "redirect")
    return SpfRecord(
        includes=tuple(term.value for term in _select(reached, "include")),
        # RFC 7208 6.1: beside `all`, a redirect says nothing.
        redirect=redirects[0].value if redirects and not rest else "",
        others=sum(term.kind in _COUNTED for term in reached),
        rest=rest[0].sign if rest else "",
        fault=faults[0].text if faults else "",
    )


def _select(terms: Sequence[SpfTerm], kind: str) -> list[SpfTerm]:
    return [term for term in terms if term.kind == kind]


def _parse_term(text: str) -> SpfTerm:
    if modifier := _MODIFIER.fullmatch(text):
        return SpfTerm(text, modifier[1].lower(), _normalize_name(modifier[2]))
    found = _MECHANISM.fullmatch(text)
    if not found or not _has_good_value(found[2].lower(), found[3]):
        return SpfTerm(text, "")
    # Without a sign, RFC 7208 4.6.2 reads a plus.
    return SpfTerm(text, found[2].lower(), _normalize_name(found[3][1:]), found[1] or "+")


def _has_good_value(kind: str, value: str) -> bool:
    if kind == "all":
        return not value
    if kind in _NEED_VALUE and not (value.startswith(":") and value[1:]):
        return False
    if kind not in {"ip4", "ip6"}:
        return True
    try:
        network = ipaddress.ip_network(value[1:], strict=False)
    except ValueError:
        return False
    return f"ip{network.version}" == kind


def _normalize_name(name: str) -> str:
    return name.lower().rstrip(".")
