"""Compares a message as it arrived with the message as it was sent, for `send-test --round-trip`.

Servers on the way may put links of their own in place of the join link, strip calendars, give
another Message-ID. Each thing that was compared is a `CheckResult` in a sentence. Pure. The link in
such a message is made up, and of the links on the way only hosts are shown.
"""

import html
import re
from collections import Counter
from collections.abc import Sequence
from urllib.parse import urlsplit

from icalendar import Calendar

from onboarding.inbox.answers import ODD_VALUES
from onboarding.inbox.authentication import has_failed, read_authentication
from onboarding.inbox.parts import (
    MimePart,
    list_parts,
    parse_incoming,
    read_addresses,
    read_field,
    read_message_ids,
    read_part_text,
)
from onboarding.model.checks import CheckResult
from onboarding.model.foreign_text import clean, printable

MARK_FIELD = "X-Onboarding-Round-Trip"
"""The header field by which a message is recognised, even if all else changes."""

BODIES = {"text/plain": "the text", "text/html": "the HTML"}
REWRITERS = {
    "safelinks.protection.outlook.com": "Microsoft Safe Links",
    "urldefense.com": "Proofpoint URL Defense",
    "urldefense.proofpoint.com": "Proofpoint URL Defense",
    "mimecastprotect.com": "Mimecast URL Protect",
    "mimecast.com": "Mimecast URL Protect",
    "linkprotect.cudasvc.com": "Barracuda Link Protection",
}
"""What puts links to these hosts, or below them, in place of others: protection of readers."""

RECEIVER_HINT = "Ask the administrator of the receiving company to exempt the join links."
SENDER_HINT = "Switch click tracking off at your provider: the guide on mail servers says where."
CALENDAR_HINT = "Find the server or filter on the way that does it; people need the entry."
ID_HINT = (
    "Give each message a return address of its own ([smtp] envelope_sender with {token}), and see "
    "the guide on messages in doubt."
)

_WRITTEN_LINK = re.compile(r"https?://[^\s\"'<>]+", re.IGNORECASE)


def is_trial(content: bytes, mark: str, message_id: str) -> bool:
    """Whether a message of the mailbox is the one that was sent."""
    message = parse_incoming(content)
    if read_field(message, MARK_FIELD) == mark:
        return True
    return message_id in read_message_ids(message, "Message-ID")


def compare_messages(sent: bytes, arrived: bytes, link: str) -> list[CheckResult]:
    """Compare a message with what became of it. Looks at all of both."""
    before, after = (parse_incoming(content, len(content)) for content in (sent, arrived))
    return [
        *_compare_links(before, after, link),
        *_compare_calendars(before, after),
        _compare_ids(before, after),
        _compare_senders(before, after),
        _classify_authentication(after),
    ]


def _compare_links(before: MimePart, after: MimePart, link: str) -> list[CheckResult]:
    results = []
    for kind, name in BODIES.items():
        sent_links, arrived_links = _list_links(before, kind), _list_links(after, kind)
        wanted = Counter(sent_links)[link]
        # A cancellation has no join link.
        if not wanted:
            continue
        missing = wanted - Counter(arrived_links)[link]
        if missing <= 0:
            detail = f"untouched in {name}"
            results.append(CheckResult("join link", ok=True, detail=detail))
        else:
            foreign = sorted(_find_hosts(arrived_links) - _find_hosts(sent_links))
            results.append(_describe_loss(name, foreign, is_all=missing == wanted))
    return results


def _describe_loss(name: str, foreign: Sequence[str], *, is_all: bool) -> CheckResult:
    where = name if is_all else f"a part of {name}"
    if not foreign:
        hint = "Find the server or filter on the way that does it; people need the link."
        return CheckResult("join link", ok=False, detail=f"missing in {where}", hint=hint)
    makers = dict.fromkeys(filter(None, map(_find_rewriter, foreign)))
    by = f" ({', '.join(makers)})" if makers else ""
    shown = ", ".join(printable(host, 80) for host in foreign[:3])
    detail = f"in {where} it leads to {shown} instead{by}"
    hint = RECEIVER_HINT if makers else SENDER_HINT
    return CheckResult("join link", ok=False, detail=detail, hint=hint)


def _list_links(message: MimePart, kind: str) -> list[str]:
    texts = [
        read_part_text(part, _count_encoded_bytes(part))
        for part in list_parts(message)
        if part.get_content_type() == kind and not part.get_filename()
    ]
    # In HTML, `&` is written as an entity.
    plain = map(html.unescape, texts) if kind == "text/html" else texts
    return [link.rstrip(".,;:)") for text in plain for link in _WRITTEN_LINK.findall(text)]


def _count_encoded_bytes(part: MimePart) -> int:
    return len(str(part.get_payload()))


def _find_hosts(links: Sequence[str]) -> set[str]:
    return {_read_host(link) for link in links} - {""}


def _read_host(link: str) -> str:
    try:
        return (urlsplit(link).hostname or "").lower()
    except ValueError:
        return ""


def _find_rewriter(host: str) -> str:
    return next((name for known, name in REWRITERS.items() if f".{host}".endswith(f".{known}")), "")


def _compare_calendars(before: MimePart, after: MimePart) -> list[CheckResult]:
    results = []
    for name, is_file in (("the invitation", False), ("the attached file", True)):
        sent_parts = _list_calendars(before, is_file=is_file)
        if not sent_parts:
            continue
        arrived = _list_calendars(after, is_file=is_file)
        fault = _find_calendar_fault(sent_parts[0], arrived) if arrived else "gone"
        detail = f"{name} is {fault}" if fault else f"{name} is still a calendar entry"
        hint = CALENDAR_HINT if fault else ""
        results.append(CheckResult("calendar", ok=not fault, detail=detail, hint=hint))
    return results


def _list_calendars(message: MimePart, *, is_file: bool) -> list[MimePart]:
    """List the parts with a calendar entry: what mail programs show, or what is attached."""
    return [
        part
        for part in list_parts(message)
        if bool(part.get_filename()) == is_file
        and (
            part.get_content_type() in {"text/calendar", "application/ics"}
            or str(part.get_filename()).lower().endswith(".ics")
        )
    ]


def _find_calendar_fault(sent: MimePart, arrived: Sequence[MimePart]) -> str:
    wanted = _describe_entry(sent)
    found = [_describe_entry(part) for part in arrived]
    if wanted in found:
        return ""
    if not any(found):
        return "no entry that a calendar program could read"
    return f"changed: another {_name_difference(wanted, next(filter(None, found)))}"


ENTRY_FIELDS = ("METHOD", "UID", "SEQUENCE", "DTSTART", "DTEND", "LOCATION")
"""What makes it the same entry; programs on the way may write the rest in another order."""


def _describe_entry(part: MimePart) -> tuple[str, ...]:
    """The fields of an entry, as text; empty for what is none."""
    try:
        calendar = Calendar.from_ical(read_part_text(part, _count_encoded_bytes(part)))
        if calendar.name != "VCALENDAR":
            return ()
        event = calendar.walk("VEVENT")[0]
        # With the parameter too: without it, a mail program shows no invitation (RFC 6047 2.4).
        method = f"{calendar.get('METHOD', '')} {part.get_param('method') or ''}".upper()
        values = [event.get(name) for name in ENTRY_FIELDS[1:]]
        return (method, *(_write_value(value) for value in values))
    # The library raises ValueError, and for odd values any of the others.
    except (*ODD_VALUES, RecursionError):
        return ()


def _write_value(value: object) -> str:
    moment = getattr(value, "dt", None)
    return str(value if moment is None else moment)


def _name_difference(wanted: Sequence[str], found: Sequence[str]) -> str:
    differing = [
        name
        for name, before, after in zip(ENTRY_FIELDS, wanted, found, strict=False)
        if before != after
    ]
    return ", ".join(differing)


def _compare_ids(before: MimePart, after: MimePart) -> CheckResult:
    sent, arrived = (read_message_ids(message, "Message-ID")[:1] for message in (before, after))
    if sent == arrived:
        return CheckResult("Message-ID", ok=True, detail="kept")
    detail = "replaced by another" if arrived else "removed"
    return CheckResult("Message-ID", ok=False, detail=detail, hint=ID_HINT)


def _compare_senders(before: MimePart, after: MimePart) -> CheckResult:
    sent, arrived = (read_addresses(message, "From") for message in (before, after))
    if sent == arrived:
        return CheckResult("sender", ok=True, detail=f"still {', '.join(sent)}")
    shown = clean(", ".join(arrived), limit=200) or "no address"
    hint = "Have the provider accept [brand] sender: an unknown domain is often replaced."
    return CheckResult("sender", ok=False, detail=f"replaced by {shown}", hint=hint)


def _classify_authentication(message: MimePart) -> CheckResult:
    server, results = read_authentication(message)
    if not results:
        detail = "the receiving server does not say what it found"
        return CheckResult("authentication", ok=True, detail=detail)
    words = clean(", ".join(result.words for result in results[:6]), limit=300)
    hint = "`onboarding check --dns` says what is wrong." if has_failed(results) else ""
    detail = f"{printable(server, 80) or 'the receiving server'} says: {words}"
    return CheckResult("authentication", ok=not hint, detail=detail, hint=hint)
