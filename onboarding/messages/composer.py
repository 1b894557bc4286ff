"""The way from a request to a message, for the people of one session.

Renders a person's parts, assembles the message and proves it; answers with a value when that can't
be done. Sends and stores nothing.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

import jinja2
from jinja2.exceptions import SecurityError

from onboarding.messages import verify
from onboarding.messages.attachments import Attachment
from onboarding.messages.context import SessionWords
from onboarding.messages.copies import CopyMaker
from onboarding.messages.fragments import Fragments, Part
from onboarding.messages.headers import transport_address
from onboarding.messages.join_links import leads_below
from onboarding.messages.mime import MessageParts, MimeFrame, is_canonical, own_fields
from onboarding.messages.quoted_printable import encode_pieces
from onboarding.messages.request import MessageRequest, ProtectedValues, UnrenderableValue
from onboarding.messages.seams import is_in_one_piece, seams
from onboarding.messages.templates import TemplateSet
from onboarding.model.copies import KeptFile, MessageCopy
from onboarding.model.deliveries import Message, Rejected

RENDERING = (
    jinja2.TemplateError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""What a template's own expressions can raise for one person's values: it stops that message only.

Nearly everything: a filter asserts, a macro calls itself without end (`RecursionError`), a part is
not there.
"""


class AssembledMessage(NamedTuple):
    """A message before its check: `body` is what would leave.

    `short` is for the check alone: without the middles of long pieces that may stand in any
    message.
    """

    recipient: str
    parts: MessageParts
    frame: MimeFrame
    fields: dict[str, bytes]
    body: bytes
    short: bytes


class Composer:
    """Writes the messages of one session; `guarded` is what the check guards.

    What it has encoded and looked at is remembered (`fragments`), for this session only.
    """

    def __init__(
        self,
        templates: TemplateSet,
        guarded: ProtectedValues,
        part: Part = seams,
        *,
        keeps_copies: bool = False,
    ) -> None:
        self._templates = templates
        self._guarded = guarded
        self._words = SessionWords()
        self._fragments = Fragments(guarded, templates.configured, part)
        # A link's place that a seam can part would be missed between two edges (`seams`).
        self._places_in_one_piece = all(map(is_in_one_piece, guarded.links))
        self._copies = CopyMaker(self._render_again) if keeps_copies else None
        # Looked through once in a session, not for each reader.
        self._leaking: dict[str, bool] = {}

    def compose(self, request: MessageRequest) -> Message | Rejected:
        """Make one person's message and check it; never raises for one person.

        `Rejected` says in plain words what is wrong: with the template for this person's values,
        with the address, or what the check found.
        """
        # Here, because the check's own words for it would not say that RingCentral has to give one.
        if request.join_link is None and self._templates.needs_link(request):
            return Rejected("RingCentral has given no join link for this person.")
        try:
            assembled = self._assemble(request)
        except RENDERING as error:
            return Rejected(describe_refusal(error))
        # The last step before the message exists: nothing may change `body` behind it.
        if fault := self._find_fault(request, assembled):
            return Rejected(f"The message was stopped before it left: {fault}.")
        return Message(
            message_id=request.message_id,
            sender=self._templates.brand.sender_address,
            recipient=assembled.recipient,
            body=assembled.body,
            needs_smtputf8=not assembled.recipient.isascii(),
            # The frame and the encoded parts are so by their making. `: ` stands for the field's
            # name: a value never begins a line.
            canonical=is_canonical(
                b"".join([b": " + field + b"\r\n" for field in assembled.fields.values()])
            ),
            join_link=request.join_link,
            copy=self._make_copy(request, assembled),
        )

    def _assemble(self, request: MessageRequest) -> AssembledMessage:
        """Render, encode and join a message; raises one of `RENDERING`."""
        recipient = transport_address(request.recipient)
        parts = self._templates.render_parts(request, recipient, self._words)
        fields = own_fields(parts)
        html = self._fragments.html(parts.pieces)
        others = {
            **fields,
            "text": encode_pieces((parts.text,)),
            "calendar": encode_pieces((parts.calendar,)),
        }
        frame = self._templates.frame(request)
        return AssembledMessage(
            recipient=recipient,
            parts=parts,
            frame=frame,
            fields=fields,
            body=frame.join({**others, "html": html.encoded}),
            short=frame.join({**others, "html": html.checked}),
        )

    def _make_copy(
        self, request: MessageRequest, assembled: AssembledMessage
    ) -> MessageCopy | None:
        """Make the copy that is kept, if any is."""
        if self._copies is None:
            return None
        copy = self._copies.make(
            request,
            assembled.parts,
            assembled.frame,
            assembled.body,
            self._templates.brand.sender_address,
        )
        files = self._templates.files.get(request.entry, ())
        if not files:
            return copy
        kept = [
            KeptFile(file.name, file.media_type, len(file.content), file.sha256) for file in files
        ]
        return copy._replace(files=tuple(kept))

    def _render_again(self, request: MessageRequest) -> MessageParts | None:
        """Render a message for its copy; None if its template can't work with the stand-ins."""
        try:
            recipient = transport_address(request.recipient)
            return self._templates.render_parts(request, recipient, self._words)
        except RENDERING:
            return None

    def _find_fault(self, request: MessageRequest, assembled: AssembledMessage) -> str:
        """Check the short message; if anything is wrong with it, the whole one, to say what."""
        files = self._templates.files.get(request.entry, ())
        if fault := self._find_leaking_file(files):
            return fault
        known = self._guarded, self._templates.configured, self._templates.fixed, files
        link = request.join_link.get_secret_value().encode() if request.join_link else b""
        may_shorten = self._places_in_one_piece and is_in_one_piece(link)
        recipient = assembled.recipient
        # A fault in the short message alone counts for nothing: then the whole one decides.
        if may_shorten and not verify.find_violation(assembled.short, request, recipient, *known):
            return ""
        return verify.find_violation(assembled.body, request, recipient, *known)

    def _find_leaking_file(self, files: Sequence[Attachment]) -> str:
        """Name a file that holds a join link: each person has a link of their own."""
        for file in files:
            if file.sha256 not in self._leaking:
                content = file.content.lower()
                leaks = any(leads_below(content, place) for place in self._guarded.links)
                self._leaking[file.sha256] = leaks
            if self._leaking[file.sha256]:
                return f"the attached file {file.name} holds a join link"
        return ""


def describe_refusal(problem: Exception) -> str:
    """Say why a person's message can't be written; never the values, which may be secrets."""
    match problem:
        case UnrenderableValue():
            return f"The message can't be written: {problem}."
        case RecursionError():
            return "The template calls or includes itself without end."
        case jinja2.TemplateSyntaxError():
            return f"A shared part can't be compiled: {problem.message}."
        case jinja2.TemplateNotFound():
            return "The template asks for a shared part that is not in the template folders."
        case jinja2.TemplateError() if why := _what_is_missing(problem):
            return f"The template asks for {_name(problem)!r}, which {why}."
    # Only the type: Python's own words for an error often quote the value.
    return f"The template can't work with this person's values ({type(problem).__name__})."


def _what_is_missing(problem: jinja2.TemplateError) -> str:
    """Say what is the matter with a name that a template asks for, if it is about one."""
    message = problem.message or ""
    if isinstance(problem, SecurityError):
        return "no template may use"
    if isinstance(problem, jinja2.UndefinedError):
        # Jinja's message names the owner's type, and of all that a template sees only a roster's
        # further columns are such a mapping.
        is_column = message.startswith("'mappingproxy object'")
        return "this person's row doesn't have" if is_column else "does not exist"
    return (
        "is no filter or test of a template" if re.match(r"No (filter|test) named", message) else ""
    )


def _name(problem: jinja2.TemplateError) -> str:
    """Take the name that Jinja's message is about, where it is one: all else may be a value."""
    name = re.search(r"'(\w{1,40})'(?: is undefined)?\.?$", problem.message or "")
    return name[1] if name else "something"
