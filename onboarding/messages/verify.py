"""The check before sending, on the finished bytes: the right link, and nothing unsafe or of others.

Every message passes here after it was assembled and before it leaves (promise 2 of
`docs/architecture.md`). It trusts no template and no code above it, and costs the message's size,
however many people there are. Works on bytes: their `lower` keeps every offset. Answers in words,
which never hold a link or an address.
"""

import re
import string
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from html import unescape
from typing import NamedTuple

from onboarding.messages import mime_parser
from onboarding.messages.attachments import Attachment
from onboarding.messages.join_links import leads_below, long_words
from onboarding.messages.mime import MESSAGE_NAME, FixedFields
from onboarding.messages.normal_form import Normal, normal_key, normalize
from onboarding.messages.request import MessageRequest, ProtectedValues
from onboarding.model.kinds import RULES
from onboarding.model.people import Invitee, Role
from onboarding.model.sessions import Registration, link_digest

PARTS = {"text/plain": "text", "text/html": "HTML", "text/calendar": "calendar"}
"""The parts that have to be there, once each and in this order, and what people call them.

The calendar only in messages of a kind that has one.
"""

CALENDAR_FILE_TYPE = "application/ics"
"""The calendar entry once more, for programs that open files only."""

PUBLISHED = b"\r\nMETHOD:PUBLISH\r\n"


def find_violation(
    body: bytes,
    letter: MessageRequest,
    recipient: str,
    guarded: ProtectedValues,
    configured: frozenset[str],
    fixed: FixedFields = (),
    files: Sequence[Attachment] = (),
) -> str:
    """Say what is wrong with a finished message; empty where it may leave.

    `recipient` is as it stands on the envelope; `configured` are keys of addresses that may stand
    in any letter; `fixed` are the fields that it has to bear as they were configured, `files` what
    is attached to it and nothing else.
    """
    try:
        fields, parts = mime_parser.parse_message(body)
        leaves, attached = _split_files(parts, files)
        return (
            # The order matters: the content is looked up by the parts that the structure has shown
            # to be there, and the first fault is the one that is reported.
            _check_owner(letter, guarded)
            or _check_header(fields, recipient)
            or _check_structure(leaves, letter)
            or _verify_files(attached, files)
            or _check_fixed_fields(fields, letter, fixed)
            or _check_content(fields, leaves, letter, recipient, guarded, configured)
            or _check_file_headers(attached, guarded)
        )
    except mime_parser.UnreadableError as error:
        return f"it can't be read back ({error})"


class CheckedPiece(NamedTuple):
    """A piece of HTML, ready to be looked through for one session after the other.

    `addresses` is its text where it may hold one, else empty; `long_words` are those in it.
    """

    addresses: bytes
    lower: bytes
    long_words: bytes

    @classmethod
    def of(cls, html: bytes) -> "CheckedPiece | None":
        """Make a piece ready; None where a link in it leads where mail may not lead."""
        shown = _as_displayed("HTML", html)
        # What a link over several lines becomes is looked through beside the text, not instead.
        text, lower = Normal.of(shown + _over_lines(html, shown))
        # Both need no people, so they are judged here, once for a piece.
        if _odd_scheme(html) or _is_unencrypted(lower):
            return None
        return cls(text if b"@" in text else b"", lower, long_words(lower))


def is_neutral(
    pieces: Iterable[CheckedPiece], guarded: ProtectedValues, configured: frozenset[str]
) -> bool:
    """Tell whether pieces, each ending where a word does, may all be in every letter."""
    addresses, lower, words = map(b"\n".join, zip(*pieces, strict=True))
    leads_on = any(leads_below(lower, place) for place in guarded.links)
    foreign = leads_on or any(guarded.tokens.find_in(words, b""))
    return not foreign and not _has_foreign_address(addresses, guarded, configured)


NEEDED_FIELDS = ("from", "date", "message-id", "reply-to")
"""Fields that a header has to have, beside To and Subject."""


def _check_owner(letter: MessageRequest, guarded: ProtectedValues) -> str:
    """The link has to be this person's own: from their own record, and on no other record too.

    A message of a kind that holds a link never leaves without one.
    The Host's link is RingCentral's `hostJoinUri` as well, so stands twice by right.
    """
    registration, link = letter.registration, letter.join_link
    rules = RULES[letter.kind]
    if link is None and rules.holds_join_link and not rules.may_omit_link:
        return "it has no join link"
    if registration and _is_other_persons(registration, letter.invitee):
        return "its join link is from somebody else's record"
    if (
        link
        # Nearly always empty: then no digest is made.
        and guarded.shared
        and link_digest(link) in guarded.shared
        and letter.invitee.role is not Role.HOST
    ):
        return "RingCentral has given its join link to somebody else too"
    return ""


def _is_other_persons(registration: Registration, invitee: Invitee) -> bool:
    """Tell whether a record is certainly not the invitee's; one without person may be."""
    # Ids decide alone where both have them: an address can change, a linked user can't.
    if registration.linked_user and invitee.linked_user:
        return registration.linked_user != invitee.linked_user
    return bool(registration.email and invitee.email) and normal_key(
        registration.email
    ) != normal_key(invitee.email)


def _check_structure(leaves: Sequence[mime_parser.BodyPart], letter: MessageRequest) -> str:
    # Other parts may be there, such as the logo.
    known = [leaf for leaf in leaves if leaf.content_type in (*PARTS, CALENDAR_FILE_TYPE)]
    types = [leaf.content_type for leaf in known]
    if not RULES[letter.kind].has_calendar:
        right = types == list(PARTS)[:2]
        return "" if right else "it doesn't have one text and one HTML part, and no calendar"
    # What is published is a file alone (`mime.add_calendar`).
    if types == [*PARTS] and PUBLISHED in known[-1].body:
        return ""
    if types != [*PARTS, CALENDAR_FILE_TYPE]:
        return "it doesn't have one text, one HTML and one calendar part, and that as a file"
    entry, file = known[-2:]
    # In the same bytes, so that whatever is true of the one is true of the other.
    same = (entry.encoding, entry.body) == (file.encoding, file.body)
    return "" if same else "its calendar part and the calendar file differ"


def _split_files(
    leaves: Sequence[mime_parser.BodyPart], files: Sequence[Attachment]
) -> tuple[Sequence[mime_parser.BodyPart], Sequence[mime_parser.BodyPart]]:
    """Split the attached files off: they come last, and may be of any type, text too."""
    end = max(0, len(leaves) - len(files))
    return leaves[:end], leaves[end:]


def _verify_files(attached: Sequence[mime_parser.BodyPart], files: Sequence[Attachment]) -> str:
    for part, file in zip(attached, files, strict=False):
        # As encoded: to decode megabytes for each reader would take longer than all other checks.
        same = part.encoding == "base64" and part.body.rstrip() == file.encoded.rstrip()
        if not same or part.content_type != file.media_type:
            return f"the attached file {file.name} is not as it was read"
    return "" if len(attached) == len(files) else "it lacks an attached file"


def _check_file_headers(attached: Sequence[mime_parser.BodyPart], guarded: ProtectedValues) -> str:
    """A file's name may hold no one's address or link: all readers see it."""
    names = "\n".join(part.header for part in attached).encode()
    found = names and _find_foreign(Normal.of(names), b"", guarded, frozenset())
    return f"the name of an attached file holds {found}" if found else ""


def _check_header(fields: mime_parser.Fields, recipient: str) -> str:
    """One recipient, a subject, and the fields that a message has to have."""
    # Resent fields name further recipients as well (RFC 5322 3.6.6).
    if {"cc", "bcc"} & fields.keys() or any(name.startswith("resent-") for name in fields):
        return "it goes to somebody in copy"
    to = mime_parser.field_value(fields, "to")
    # Compared as written: we have written it ourselves, so any difference is a fault.
    if to != recipient and not to.endswith(f"<{recipient}>"):
        return "its To: field isn't the recipient's"
    missing = [name for name in NEEDED_FIELDS if not mime_parser.field_value(fields, name)]
    if missing:
        return f"it has no {missing[0]} field"
    return (
        ""
        if mime_parser.decode_words(mime_parser.field_value(fields, "subject")).strip()
        else "its subject is empty"
    )


def _check_fixed_fields(
    fields: mime_parser.Fields, letter: MessageRequest, fixed: FixedFields
) -> str:
    """Each fixed field stands there once, as it was configured."""
    for name, wanted in fixed:
        if mime_parser.field_value(fields, name.lower()) != wanted.replace(
            MESSAGE_NAME, letter.message_id
        ):
            return f"its {name} field isn't as it was configured"
    return ""


def _check_content(
    fields: mime_parser.Fields,
    leaves: Sequence[mime_parser.BodyPart],
    letter: MessageRequest,
    recipient: str,
    guarded: ProtectedValues,
    configured: frozenset[str],
) -> str:
    """Find what may not be in the header or in a part, or a part without its link.

    All of them are looked through at once. Only what is found there is looked for in each, to say
    where it is.
    """
    contents = {
        PARTS[leaf.content_type]: leaf.content() for leaf in leaves if leaf.content_type in PARTS
    }
    shown = {part: _as_displayed(part, content) for part, content in contents.items()}
    own = letter.join_link.get_secret_value().encode() if letter.join_link else b""
    # Before what is foreign: one's own link with something behind it would be called another's.
    if missing := _check_own_parts(shown, own, letter):
        return missing
    texts = {"header": _header_text(fields, leaves)}
    texts |= {f"{part} part": text for part, text in shown.items()}
    texts["HTML part"] += _over_lines(contents["HTML"], shown["HTML"])
    # In a rehearsal the letter's recipient is another than the invitee; on the envelope the domain
    # may be an A-label.
    allowed = configured | set(map(normal_key, (letter.invitee.email, letter.recipient, recipient)))
    # A line break between them, so no word reaches from one text into the next.
    if _find_foreign(Normal.of(b"\n".join(texts.values())), own, guarded, allowed):
        return _say_where(texts, own, guarded, allowed)
    odd = _odd_scheme(contents["HTML"])
    return "its HTML part holds a link that mail may not hold" if odd else ""


def _check_own_parts(shown: Mapping[str, bytes], own: bytes, letter: MessageRequest) -> str:
    """Say which part lacks what makes it this person's; empty if none does."""
    if own and (part := _find_part_without(own, shown, letter)):
        return f"its {part} part lacks this person's join link"
    if "calendar" in shown and not _is_own_entry(shown["calendar"], letter.uid):
        return "its calendar part isn't this person's entry"
    return ""


def _find_part_without(link: bytes, shown: Mapping[str, bytes], letter: MessageRequest) -> str:
    """Name the first part that lacks a link, empty where each has it.

    A message that may omit the link has it in all of its parts or in none: its readers see one of
    them only.
    """
    lacking = [part for part, text in shown.items() if not _contains_link(text, link)]
    if RULES[letter.kind].may_omit_link and len(lacking) == len(shown):
        return ""
    return lacking[0] if lacking else ""


def _is_own_entry(entry: bytes, uid: str) -> bool:
    """Whether a calendar entry, unfolded, has this UID: another would be another event."""
    # With the line end before and behind it: the description may hold any words.
    return bool(uid) and f"\nUID:{uid}\r".encode() in entry


def _header_text(fields: mime_parser.Fields, leaves: Sequence[mime_parser.BodyPart]) -> bytes:
    """Join what the message's own header says, and the headers of all its parts."""
    headers = [mime_parser.header_text(fields), *(leaf.header for leaf in leaves)]
    return "\n".join(headers).encode()


def _say_where(
    texts: Mapping[str, bytes], own: bytes, guarded: ProtectedValues, allowed: frozenset[str]
) -> str:
    """Say which of the texts holds what it may not; in none of them where only all together do."""
    for place, text in texts.items():
        if found := _find_foreign(Normal.of(text), own, guarded, allowed):
            return f"its {place} holds {found}"
    return "it holds what it may not"


def _as_displayed(part: str, content: bytes) -> bytes:
    """Show a part's text as a mail program would: entities, folded lines and escapes undone."""
    match part:
        case "HTML":
            parts = _ENTITY.split(content)  # text and an entity in turn
            parts[1::2] = map(_character, parts[1::2])
            return b"".join(parts)
        case "calendar":
            # Before the escapes: a fold may stand between a backslash and its character.
            unfolded = content.replace(b"\r\n ", b"").replace(b"\r\n\t", b"")
            parts = _CALENDAR_ESCAPE.split(unfolded)  # text and an escaped character in turn
            parts[1::2] = [_LINE_ENDS.get(escaped, escaped) for escaped in parts[1::2]]
            return b"".join(parts)
    return content


def _over_lines(html: bytes, shown: bytes) -> bytes:
    """Write attributes' values of several lines in one, as browsers read links (WHATWG URL 4.4)."""
    if not any(map(shown.rstrip().__contains__, (b"\n", b"\r", b"\t"))):
        return b""
    values = _SEVERAL_LINES.findall(_BREAK.sub(b"\n", html))
    in_one = b"\n".join([value.translate(None, b"\t\r\n") for value in values])
    return b"\n" + _as_displayed("HTML", in_one)


_BREAK = re.compile(
    rb"&(?:#0*(?:9|1[03])(?![0-9])|#[xX]0*[9aAdD](?![0-9a-fA-F])|Tab(?=;)|NewLine(?=;));?"
)
_SEVERAL_LINES = re.compile(rb"""=\s*["']([^"'<>\t\r\n]*+[\t\r\n][^"'<>]*+)""")

_ENTITY = re.compile(rb"(&(?:#[0-9]+|#[xX][0-9a-fA-F]+|[A-Za-z][A-Za-z0-9]{1,31});?)")


@lru_cache(maxsize=1024)
def _character(entity: bytes) -> bytes:
    return unescape(entity.decode()).encode()


_CALENDAR_ESCAPE = re.compile(rb"\\(.)")
_LINE_ENDS = {b"n": b"\n", b"N": b"\n"}


def _find_foreign(
    text: Normal, own: bytes, guarded: ProtectedValues, allowed: frozenset[str]
) -> str:
    """Find another person's link or address, or a link without encryption."""
    if _foreign_link(text, normalize(own), guarded):
        return "a join link that isn't this person's"
    if _has_foreign_address(text.text, guarded, allowed):
        return "somebody else's address"
    return "a link without encryption (http:)" if _is_unencrypted(text.lower) else ""


def _has_foreign_address(text: bytes, guarded: ProtectedValues, allowed: frozenset[str]) -> bool:
    return any(
        # One lawful way to read it is enough: `x=me@example.com` is one's own address behind a
        # sign.
        not allowed.intersection(keys) and guarded.addresses.intersection(keys)
        for keys in _addresses(text, guarded.domains)
    )


def _is_unencrypted(lower: bytes) -> bool:
    """Tell whether a text holds a link without encryption."""
    return bool(_PLAIN_HTTP.search(lower))


_GOES_ON = re.compile(rb"[\w%&=+~/?#@$-]|[.,;:!*'](?=\w)")
"""What makes an address longer, so another one; a full stop at its end does not."""


def _contains_link(text: bytes, link: bytes) -> bool:
    at = text.find(link)
    # Further places count: the first may be the beginning of a longer link.
    while at >= 0 and _GOES_ON.match(text, at + len(link)):
        at = text.find(link, at + 1)
    return at >= 0


def _foreign_link(text: Normal, own: bytes, guarded: ProtectedValues) -> bool:
    """Look beside the own link, which has to be whole, for other links and others' tokens."""
    lower, rest = text.lower, _BEFORE_HOST.sub(b"", own)
    # One's own link lies below a guarded place like all others, so it is cut out before looking.
    if rest:
        before, *beside = text.text.split(rest)
        # With something behind it, one's own link is another link.
        if any(map(_GOES_ON.match, beside)):
            return True
        # A line break in its place: what stood on its two sides must not become one word.
        lower = b"\n".join((before, *beside)).lower()
    leads_on = any(leads_below(lower, place) for place in guarded.links)
    return leads_on or any(guarded.tokens.find_in(lower, own.lower()))


_BEFORE_HOST = re.compile(rb"\A[^/?#]*//(?:[^/?#]*@)?")


_PLAIN_HTTP = re.compile(rb"http:(?!//www\.w3\.org/)")
"""`http://www.w3.org/` names XHTML's vocabulary; it leads no reader there."""

SCHEMES = frozenset({b"https", b"mailto", b"tel", b"cid"})
_COLON = rb"(?::|&colon;|&#0*58;|&#x0*3a;)"
_SCHEMES_USED = tuple(
    re.compile(
        attribute
        + rb"""\s*+=\s*+["']\s*+((?:[^"':/?#&]++|(?!"""
        + _COLON
        + rb""")(?:&#?\w+;|&))*+)"""
        + _COLON
    )
    for attribute in (b"href", b"src")
)
"""One pattern per attribute, each beginning with letters: ten times as fast as alternatives.

Each character can be read in one way only (`*+` gives none back): else a row of entities takes
ages.
"""


def _odd_scheme(html: bytes) -> bool:
    """Look at where links lead, in the markup: names are escaped there, so have no quotes."""
    lower = html.lower()
    return not all(SCHEMES.issuperset(used.findall(lower)) for used in _SCHEMES_USED)


LONGEST_LOCAL = 128
"""Bytes looked at before an `@`: a local part has 64 (RFC 5321 4.5.3.1.1), more may touch it."""

LONGEST_DOMAIN = 256
"""Bytes looked at behind an `@` (RFC 5321 4.5.3.1.2)."""

_WORD_BYTES = (
    string.ascii_letters.encode() + string.digits.encode() + b"_" + bytes(range(0x80, 0x100))
)
_LOCAL = _WORD_BYTES + b".!#$%&'*+/=?^`{|}~-"
_BEHIND_AT = re.compile(rb"@([A-Za-z0-9_.\x80-\xff-]{0,%d})" % LONGEST_DOMAIN)
_BEFORE = re.compile(rb"[!#$%&'*/=?^`{|}~]")
"""May begin an address by RFC 5321, but in running text and links rather stands before one."""


def _addresses(text: bytes, domains: frozenset[bytes]) -> Iterator[list[str]]:
    """Give, for each address at one of these domains, the ways to read it: whole, and cut.

    It is cut behind each character that may also come before an address.

    A domain beyond ASCII can be written in several ways, so it is always looked at.
    """
    for found in _BEHIND_AT.finditer(text):
        # A full stop or dash at the end belongs to the sentence.
        at, domain = found.start(), found[1].rstrip(b".-")
        if domain.lower() in domains or not domain.isascii():
            before = text[max(0, at - LONGEST_LOCAL) : at]
            local = before[len(before.rstrip(_LOCAL)) :]
            starts = [0, *(found.end() for found in _BEFORE.finditer(local))]
            yield [
                normal_key((local[start:] + b"@" + domain).decode(errors="replace"))
                for start in starts
            ]
