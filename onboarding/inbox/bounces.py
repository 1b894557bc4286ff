"""Says whether a message is a bounce, a warning of delay or an automatic answer, and about what.

Delivery reports (RFC 3464) are read with the standard library; what other mail servers write in
their own words is recognised by `flufl.bounce`, and by its codes. Pure: which delivery a report is
about is found by its `Clues`, in the pipeline. A report from outside proves nothing by itself.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import chain

from flufl.bounce import all_failures

from onboarding.inbox.parts import (
    MAX_TEXT,
    MimePart,
    find_returned,
    list_parts,
    parse_blocks,
    read_addresses,
    read_field,
    read_header_fields,
    read_inner_text,
    read_message_ids,
    read_part_text,
)


class ReportKind(StrEnum):
    """What a report says of a message."""

    BOUNCED = "bounced"
    # The server tries on, and will report again.
    DELAYED = "delayed"
    # Passed on to a server that reports no more, or delivered (RFC 3464 2.3.3).
    RELAYED = "relayed"
    # An absence notice or the like: the message has arrived.
    AUTO_REPLY = "auto_reply"


@dataclass(frozen=True, slots=True)
class Clues:
    """By what a report's message can be found, best first.

    `addresses` are those that the report was sent to, and the returned message's own sender: one
    may hold a token of ours. `recipients` are those that it is about.
    """

    addresses: tuple[str, ...] = ()
    envelope_ids: tuple[str, ...] = ()
    message_ids: tuple[str, ...] = ()
    queue_ids: tuple[str, ...] = ()
    recipients: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MailReport:
    """What a mail server, or a mailbox by itself, says of a message.

    `status` is the enhanced status code (RFC 3463), empty where none is given; `text` are the
    server's words, uncleaned.
    """

    kind: ReportKind
    status: str
    text: str
    clues: Clues


DELIVERY_STATUS = frozenset({"message/delivery-status", "message/global-delivery-status"})

# At most three digits each (RFC 3463 2). Not within a longer number, such as an address.
STATUS_CODE = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.]*\d)")
# A reply's code with what follows it in a server's words; not any number of 5xx in a text.
_REPLY_CODE = re.compile(r"(?:^|[\s:<\[(\"'])([45][0-57]\d)(?=[\s\-])")

_ACTIONS = {
    "failed": ReportKind.BOUNCED,
    "delayed": ReportKind.DELAYED,
    "relayed": ReportKind.RELAYED,
    "delivered": ReportKind.RELAYED,
    "expanded": ReportKind.RELAYED,
}
"""RFC 3464 2.3.3."""

_WORST_FIRST = (ReportKind.BOUNCED, ReportKind.DELAYED, ReportKind.RELAYED)

_MAIL_SYSTEMS = re.compile(
    r"^(mailer-daemon|mailer_daemon|postmaster|mail-daemon|maildaemon|mdaemon|"
    r"microsoftexchange[0-9a-f]*|mailadmin|mail\.?delivery\S*|bounce\S*)@",
    re.IGNORECASE,
)
"""Senders of reports that are in no standard form."""

_AUTO_FIELDS = ("X-Autoreply", "X-Autorespond", "X-Autoresponder", "X-AutoReply-From")
_AUTO_SUBJECT = re.compile(
    r"^\s*(auto(matic|mated)?[- ]?(reply|response)|out of (the )?office|abwesen|"
    r"automatische antwort|r[ée]ponse automatique|absence|respuesta autom[áa]tica|"
    r"risposta automatica|automatisch antwoord|resposta autom[áa]tica|自動応答|自动答复|"
    r"автоответ|odpowied[źz] automatyczna)",
    re.IGNORECASE,
)

_RECIPIENT_FIELDS = ("To", "Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To")
_QUEUE_FIELD = re.compile(r"X-Postfix-Queue-ID:[ \t]*(\S{5,40})", re.IGNORECASE)
_INNER_MESSAGE_ID = re.compile(
    r"^[> ]*Message-ID:\s*(<[^<>\s]{3,500}>)", re.IGNORECASE | re.MULTILINE
)
_RECEIVED_ID = re.compile(r"\bid[ \t]+([A-Za-z0-9._-]{5,60})")

MOST_CLUES = 20
"""Of each kind: a hostile report must not become a long query."""


def read_mail_report(message: MimePart) -> MailReport | None:
    """Read what a message reports; None where it reports nothing that concerns a sender."""
    # First: delivery reports carry the fields of automatic answers, too.
    return _read_delivery_status(message) or _read_free_form(message) or _read_auto_reply(message)


def _read_delivery_status(message: MimePart) -> MailReport | None:
    """Read a report in the standard form (RFC 3464)."""
    for part in list_parts(message):
        if part.get_content_type() in DELIVERY_STATUS:
            blocks = parse_blocks(read_inner_text(part))
            if report := _classify_blocks(message, blocks):
                return report
    return None


def _classify_blocks(message: MimePart, blocks: Sequence[MimePart]) -> MailReport | None:
    """Judge the blocks of a report: the first is about the message, each other a recipient."""
    about = [block for block in blocks if block.get("Final-Recipient") or block.get("Action")]
    kinds = [_classify_block(block) for block in about]
    # One message of ours has one recipient. A list behind the address may have several, and then
    # the worst is told.
    for kind in _WORST_FIRST:
        if kind in kinds:
            block = about[kinds.index(kind)]
            return MailReport(
                kind,
                find_status(block),
                _read_diagnostic(block),
                _collect_clues(message, blocks, block),
            )
    return None


def _classify_block(block: MimePart) -> ReportKind | None:
    """Judge one recipient's block. The action counts, also if the status says otherwise."""
    word = read_field(block, "Action").lower().partition(" ")[0].rstrip(";,.")
    if word in _ACTIONS:
        return _ACTIONS[word]
    # Without a known action, the first digit tells (RFC 3463 2).
    classes = {"5": ReportKind.BOUNCED, "4": ReportKind.DELAYED, "2": ReportKind.RELAYED}
    return classes.get(find_status(block)[:1])


def find_status(block: MimePart) -> str:
    """Find the enhanced status code of a recipient's block; empty where it has none.

    Where `Status` says no more than the class, a code in the server's own words is the better one.
    """
    given = STATUS_CODE.search(read_field(block, "Status"))
    quoted = STATUS_CODE.search(read_field(block, "Diagnostic-Code"))
    if given is None:
        return quoted[1] if quoted else ""
    is_vague = given[1].endswith(".0.0")
    return quoted[1] if is_vague and quoted and quoted[1][0] == given[1][0] else given[1]


def _read_diagnostic(block: MimePart) -> str:
    """Read the server's words: `smtp; 550 5.1.1 …` without the type."""
    kind, semicolon, words = read_field(block, "Diagnostic-Code").partition(";")
    return (words if semicolon else kind).strip()


def _collect_clues(message: MimePart, blocks: Sequence[MimePart], block: MimePart) -> Clues:
    """Gather what a report in the standard form names its message by."""
    found = _build_clues(message, "")
    recipients = [
        value.partition(";")[2].strip() or value
        for name in ("Original-Recipient", "Final-Recipient")
        for value in read_header_fields(block, name)
    ]
    queue_ids = _read_all_fields(blocks, "X-Postfix-Queue-ID")
    return replace(
        found,
        envelope_ids=_limit(_read_all_fields(blocks, "Original-Envelope-Id")),
        queue_ids=_limit([*queue_ids, *found.queue_ids]),
        recipients=_limit([*recipients, *found.recipients]),
    )


def _read_all_fields(blocks: Sequence[MimePart], name: str) -> list[str]:
    return list(chain.from_iterable(read_header_fields(block, name) for block in blocks))


def _build_clues(message: MimePart, text: str) -> Clues:
    """Put together what names the message: the report's fields, the returned header, its `text`."""
    # A report that returns nothing is read as one that returns an empty header.
    header = find_returned(message) or MimePart()
    message_ids = [
        *read_message_ids(header, "Message-ID"),
        *_INNER_MESSAGE_ID.findall(text),
        *read_message_ids(message, "In-Reply-To", "References"),
    ]
    return Clues(
        addresses=_limit(
            [*read_addresses(message, *_RECIPIENT_FIELDS), *read_addresses(header, "Return-Path")]
        ),
        message_ids=_limit(message_ids),
        queue_ids=_limit(_find_queue_ids(header, text, message_ids)),
        recipients=_limit(
            [*read_addresses(message, "X-Failed-Recipients"), *read_addresses(header, "To")]
        ),
    )


def _find_queue_ids(header: MimePart, text: str, message_ids: Sequence[str]) -> Iterator[str]:
    """Yield what may be the name of the message in our own server's log."""
    yield from _QUEUE_FIELD.findall(text)
    for value in read_header_fields(header, "Received"):
        yield from _RECEIVED_ID.findall(value)
    for found in message_ids:
        # Some providers replace the Message-ID by one made of their own id (SES).
        yield found.strip("<>").partition("@")[0]


def _limit(found: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(found))[:MOST_CLUES]


def _read_free_form(message: MimePart) -> MailReport | None:
    """Read a report in a mail server's own words."""
    # A person may quote such a report in an answer of their own, which is none.
    if not _is_from_mail_system(message):
        return None
    text = "\n".join(_list_texts(message))[:MAX_TEXT]
    kind, recipients = _ask_library(message)
    status, words = _find_code(text)
    kind = kind or {"5": ReportKind.BOUNCED, "4": ReportKind.DELAYED}.get(status[:1] or words[:1])
    if kind is None:
        return None
    clues = _build_clues(message, text)
    named = _limit([*recipients, *clues.recipients])
    return MailReport(kind, status, words, replace(clues, recipients=named))


def _is_from_mail_system(message: MimePart) -> bool:
    """Whether a message has the marks of one that a mail server wrote (RFC 5321 4.5.5)."""
    if any(read_header_fields(message, "X-Failed-Recipients")):
        return True
    if any(map(_MAIL_SYSTEMS.match, read_addresses(message, "From"))):
        return True
    # An absence notice has no sender on its envelope either.
    has_no_sender = any(value in {"<>", ""} for value in read_header_fields(message, "Return-Path"))
    return has_no_sender and not _is_auto_reply(message)


def _ask_library(message: MimePart) -> tuple[ReportKind | None, list[str]]:
    """Ask `flufl.bounce` who failed, for good or for now."""
    try:
        temporary, permanent = all_failures(message)
    # Its detectors expect the shapes that they know, and a hostile message has any: what they make
    # of it is no report then, and the message's own codes still count.
    except Exception:  # noqa: BLE001
        return None, []
    found = permanent or temporary
    kind = ReportKind.BOUNCED if permanent else ReportKind.DELAYED if temporary else None
    return kind, sorted(address.decode("utf-8", "replace") for address in found)


def _list_texts(message: MimePart) -> Iterator[str]:
    """Yield the texts that people read, in which a server says what is wrong."""
    for part in list_parts(message):
        if part.get_content_type() in {"text/plain", "text/html"}:
            yield read_part_text(part)


def _find_code(text: str) -> tuple[str, str]:
    """Find the code in a server's words, and the line that it is in."""
    for line in text.splitlines():
        found = STATUS_CODE.search(line)
        if found and found[1][0] in "45":
            return found[1], _as_words(line)
    for line in text.splitlines():
        if found := _REPLY_CODE.search(line):
            return "", _as_words(line[found.start(1) :])
    return "", ""


def _as_words(line: str) -> str:
    return " ".join(line.split())[:500]


def _read_auto_reply(message: MimePart) -> MailReport | None:
    """Read an automatic answer: an event of a message that has arrived."""
    if not _is_auto_reply(message):
        return None
    subject = read_field(message, "Subject")
    clues = replace(_build_clues(message, ""), recipients=_limit(read_addresses(message, "From")))
    return MailReport(ReportKind.AUTO_REPLY, "", subject, clues)


def _is_auto_reply(message: MimePart) -> bool:
    """Whether a mailbox has answered by itself (RFC 3834 5)."""
    submitted = read_field(message, "Auto-Submitted").lower().partition(";")[0].strip()
    if submitted.startswith("auto-replied"):
        return True
    if read_field(message, "Precedence").lower() == "auto_reply":
        return True
    has_field = any(read_field(message, name) for name in _AUTO_FIELDS)
    return has_field or bool(_AUTO_SUBJECT.match(read_field(message, "Subject")))


def suppresses(status: str) -> bool:
    """Whether a bounce says that no further message can reach the address.

    RFC 3463 3.2 to 3.5: there is no such mailbox or domain (5.1.x; 5.1.8 is about our own address),
    it is closed (5.2.1), or no server takes mail for it (5.4.4).
    """
    return status in {"5.2.1", "5.4.4"} or (status.startswith("5.1.") and status != "5.1.8")
