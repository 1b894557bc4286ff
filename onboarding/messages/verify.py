"""The check before sending, on the finished bytes: the right link, and nothing unsafe or of others.

Every message passes here after it was assembled and before it leaves (promise 2 of
`docs/architecture.md`). It trusts no template and no code above it, and costs the message's size,
however many people there are. Works on bytes: their `lower` keeps every offset. Answers in words,
which never hold a link or an address.
"""

from collections.abc import Mapping, Sequence

from onboarding.messages import mime_parser
from onboarding.messages.attachments import Attachment
from onboarding.messages.displayed import as_displayed, join_link_lines
from onboarding.messages.foreign import contains_link, find_foreign, has_odd_scheme
from onboarding.messages.mime import MESSAGE_NAME, FixedFields
from onboarding.messages.normal_form import Normal, normal_key
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
    request: MessageRequest,
    recipient: str,
    guarded: ProtectedValues,
    configured: frozenset[str],
    fixed: FixedFields = (),
    files: Sequence[Attachment] = (),
) -> str:
    """Say what is wrong with a finished message; empty where it may leave.

    `recipient` is as it stands on the envelope; `configured` are keys of addresses that may stand
    in any message; `fixed` are the fields that it has to bear as they were configured, `files` what
    is attached to it and nothing else.
    """
    try:
        fields, parts = mime_parser.parse_message(body)
        leaves, attached = _split_files(parts, files)
        return (
            # The order matters: the content is looked up by the parts that the structure has shown
            # to be there, and the first fault is the one that is reported.
            _check_owner(request, guarded)
            or _check_header(fields, recipient)
            or _check_structure(leaves, request)
            or _verify_files(attached, files)
            or _check_fixed_fields(fields, request, fixed)
            or _check_content(fields, leaves, request, recipient, guarded, configured)
            or _check_file_headers(attached, guarded)
        )
    except mime_parser.UnreadableError as error:
        return f"it can't be read back ({error})"


NEEDED_FIELDS = ("from", "date", "message-id", "reply-to")
"""Fields that a header has to have, beside To and Subject."""


def _check_owner(request: MessageRequest, guarded: ProtectedValues) -> str:
    """The link has to be this person's own: from their own record, and on no other record too.

    A message of a kind that holds a link never leaves without one.
    The Host's link is RingCentral's `hostJoinUri` as well, so stands twice by right.
    """
    registration, link = request.registration, request.join_link
    rules = RULES[request.kind]
    if link is None and rules.holds_join_link and not rules.may_omit_link:
        return "it has no join link"
    if registration and _is_other_persons(registration, request.invitee):
        return "its join link is from somebody else's record"
    if (
        link
        # Nearly always empty: then no digest is made.
        and guarded.shared
        and link_digest(link) in guarded.shared
        and request.invitee.role is not Role.HOST
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


def _check_structure(leaves: Sequence[mime_parser.BodyPart], request: MessageRequest) -> str:
    # Other parts may be there, such as the logo.
    known = [leaf for leaf in leaves if leaf.content_type in (*PARTS, CALENDAR_FILE_TYPE)]
    types = [leaf.content_type for leaf in known]
    if not RULES[request.kind].has_calendar:
        right = types == list(PARTS)[:2]
        return "" if right else "it doesn't have one text and one HTML part, and no calendar"
    # What is published is a file alone (`mime.add_calendar`).
    if types == [*PARTS] and PUBLISHED in known[-1].body:
        return ""
    if types != [*PARTS, CALENDAR_FILE_TYPE]:
        return "it doesn't have one text, one HTML and one calendar part, and that as a file"
    entry, file = known[-2:]
    # In the same bytes, so that all that is true of the one is true of the other.
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
    found = names and find_foreign(Normal.of(names), b"", guarded, frozenset())
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
    fields: mime_parser.Fields, request: MessageRequest, fixed: FixedFields
) -> str:
    """Each fixed field stands there once, as it was configured."""
    for name, wanted in fixed:
        if mime_parser.field_value(fields, name.lower()) != wanted.replace(
            MESSAGE_NAME, request.message_id
        ):
            return f"its {name} field isn't as it was configured"
    return ""


def _check_content(
    fields: mime_parser.Fields,
    leaves: Sequence[mime_parser.BodyPart],
    request: MessageRequest,
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
    shown = {part: as_displayed(part, content) for part, content in contents.items()}
    own = request.join_link.get_secret_value().encode() if request.join_link else b""
    # Before what is foreign: one's own link with something behind it would be called another's.
    if missing := _check_own_parts(shown, own, request):
        return missing
    texts = {"header": _header_text(fields, leaves)}
    texts |= {f"{part} part": text for part, text in shown.items()}
    texts["HTML part"] += join_link_lines(contents["HTML"], shown["HTML"])
    allowed = configured | _own_addresses(request, recipient)
    # A line break between them, so no word reaches from one text into the next.
    if find_foreign(Normal.of(b"\n".join(texts.values())), own, guarded, allowed):
        return _describe_where(texts, own, guarded, allowed)
    odd = has_odd_scheme(contents["HTML"])
    return "its HTML part holds a link that mail may not hold" if odd else ""


def _own_addresses(request: MessageRequest, recipient: str) -> set[str]:
    """Give the keys of the reader's addresses."""
    # In a rehearsal the recipient is another than the invitee; on the envelope the domain may be an
    # A-label.
    return set(map(normal_key, (request.invitee.email, request.recipient, recipient)))


def _check_own_parts(shown: Mapping[str, bytes], own: bytes, request: MessageRequest) -> str:
    """Say which part lacks what makes it this person's; empty if none does."""
    if own and (part := _find_part_without(own, shown, request)):
        return f"its {part} part lacks this person's join link"
    if "calendar" in shown and not _is_own_entry(shown["calendar"], request.uid):
        return "its calendar part isn't this person's entry"
    return ""


def _find_part_without(link: bytes, shown: Mapping[str, bytes], request: MessageRequest) -> str:
    """Name the first part that lacks a link, empty where each has it.

    A message that may omit the link has it in all of its parts or in none: its readers see one of
    them only.
    """
    lacking = [part for part, text in shown.items() if not contains_link(text, link)]
    if RULES[request.kind].may_omit_link and len(lacking) == len(shown):
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


def _describe_where(
    texts: Mapping[str, bytes], own: bytes, guarded: ProtectedValues, allowed: frozenset[str]
) -> str:
    """Say which of the texts holds what it may not; in none of them where only all together do."""
    for place, text in texts.items():
        if found := find_foreign(Normal.of(text), own, guarded, allowed):
            return f"its {place} holds {found}"
    return "it holds what it may not"
