"""A webinar's templates, compiled once per run, and the way from a request to a message.

`load` finds every mistake that can be found without knowing people; `compose` renders, assembles
and proves one person's message, and answers with a value when that can't be done. Sends and stores
nothing.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import jinja2
from jinja2.exceptions import SecurityError

from onboarding.errors import ConfigurationError
from onboarding.files.read import read_file
from onboarding.messages import calendar, sample_people, verify
from onboarding.messages.attachments import Attachment
from onboarding.messages.compiler.compile import join_empty_lines
from onboarding.messages.compiler.folders import Folders
from onboarding.messages.compiler.sources import find_pasted_links
from onboarding.messages.context import (
    Brand,
    Palette,
    SessionWords,
    TemplateContext,
    make_context,
    plain_text,
)
from onboarding.messages.copies import CopyMaker
from onboarding.messages.dates import locale_of
from onboarding.messages.fragments import Fragments, Part
from onboarding.messages.headers import transport_address
from onboarding.messages.join_links import leads_below
from onboarding.messages.mime import (
    LOGO_CID,
    FixedFields,
    MessageParts,
    MimeFrame,
    Picture,
    is_canonical,
    make_frame,
    own_fields,
)
from onboarding.messages.normal_form import normal_key
from onboarding.messages.quoted_printable import quoted_printable
from onboarding.messages.rendered_parts import RenderedParts
from onboarding.messages.request import MessageRequest, ProtectedValues, UnrenderableValue
from onboarding.messages.sandbox.limits import (
    MOST_SECONDS_FOR_SAMPLES,
    Budget,
    LimitExceeded,
    collect,
    join_text,
)
from onboarding.messages.seams import is_in_one_piece, seams
from onboarding.messages.settings import BrandSettings
from onboarding.messages.templates import (
    CALENDAR,
    Environments,
    Template,
    candidates,
    compile_template,
    list_names,
)
from onboarding.model.copies import KeptFile, MessageCopy
from onboarding.model.deliveries import Message, Rejected
from onboarding.model.kinds import RULES, Kind, default_template
from onboarding.model.people import Role

SCHEDULED = tuple(RULES[kind].template for kind in Kind if RULES[kind].template)
"""The templates of scheduled messages, where no one says which ones the schedule has."""

KINDS = tuple(default_template(kind) for kind in Kind if not RULES[kind].template)
"""The templates that every webinar needs: those of the kinds that are named like them."""

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
"""What a template's own expressions can raise for one person's values: it stops that letter only.

Nearly everything: a filter asserts, a macro calls itself without end (`RecursionError`), a part is
not there.
"""


@dataclass(frozen=True, slots=True)
class TemplateSet:
    """A webinar's templates, compiled, and the brand that they are printed with.

    `logo` is the picture that travels inside each message, None where there is none. Calendars are
    asked to answer only where someone reads the answers (`reads_answers`). `scheduled` are the
    templates of the webinar's schedule, `files` what travels with the messages of its entries, by
    the entry's id.
    """

    brand: BrandSettings
    templates: Mapping[str, Template]
    frames: Mapping[str, MimeFrame]
    shown_brand: Brand
    configured: frozenset[str]
    fixed: FixedFields = ()
    logo: Picture | None = None
    reads_answers: bool = False
    scheduled: tuple[str, ...] = SCHEDULED
    files: Mapping[str, tuple[Attachment, ...]] = field(
        default_factory=lambda: MappingProxyType({})
    )
    _frames: dict[tuple[str, tuple[str, ...]], MimeFrame] = field(default_factory=dict, repr=False)

    @classmethod
    def load(
        cls,
        folders: Sequence[Path],
        brand: BrandSettings,
        fixed: FixedFields = (),
        *,
        reads_answers: bool = False,
        scheduled: Sequence[str] = SCHEDULED,
    ) -> "TemplateSet":
        """Compile all templates of these folders, the most special folder first.

        Messages bear the `fixed` fields. `reads_answers`: what calendars answer is read.
        `scheduled` are the templates that the webinar's schedule names.

        Raises `ConfigurationError` naming file, line and the unknown name with the nearest known
        one; for a kind without template; for a logo that can't be read.
        """
        searched = Folders.of(folders)
        # Before any template is read, so that no link out of the folders is followed.
        if stray := next(searched.strays(), None):
            raise stray
        logo = logo_of(brand)
        environments = Environments.over(searched, _brand_context(brand, logo))
        wanted = (*KINDS, *scheduled)
        found = list_names(searched, (*wanted, CALENDAR))
        assert_complete(frozenset(found), searched, wanted)
        templates = {
            name: compile_template(name, searched, environments, brand.language) for name in found
        }
        if pasted := next(find_pasted_links(searched), ""):
            raise ConfigurationError(
                pasted, hint="Write {{ join_link }}: each person has a link of their own."
            )
        stationery = make_template_set(
            templates, brand, logo, fixed, reads_answers=reads_answers, scheduled=scheduled
        )
        stationery.try_out()
        return stationery

    def try_out(self) -> None:
        """Compose every letter for sample people.

        Raises `ConfigurationError` for the first that fails.
        """
        for letter in self.samples():
            if wrong := self.find_fault(letter):
                raise ConfigurationError(
                    f"The template {self.name_for(letter)} fails "
                    f"for a sample {letter.invitee.role}: {wrong}",
                    hint="`onboarding lint` says all that is wrong with the templates.",
                )

    def samples(self, time: Budget | None = None) -> Iterator[MessageRequest]:
        """Give every letter to sample people, one after the other.

        Raises `ConfigurationError` where composing them takes too long: each of them may be within
        its limits still.
        """
        # Each language that has a template: a sample person of another one would get the same
        # letters.
        languages = {template.locale.language for template in self.templates.values()}
        # Not entered by `with`: each letter counts its own steps, only their time adds up here.
        all_together = time or Budget(MOST_SECONDS_FOR_SAMPLES)
        for letter in sample_people.sample_messages(sorted(languages), self.scheduled):
            yield letter
            try:
                # Control comes back here when the letter has been composed.
                all_together.look()
            except LimitExceeded as error:
                raise ConfigurationError(
                    f"The template {self.name_for(letter)} is slow. "
                    f"For the letters to sample people, {error}.",
                    hint="Look for loops and large values in the templates and their shared parts.",
                ) from error

    def find_fault(self, sample: MessageRequest) -> str:
        """Say what is wrong with the letter of a sample person, if anything."""
        composed = self.compose(sample, sample_people.GUARDED)
        if isinstance(composed, Rejected):
            return composed.reason
        tag = sample_people.leftover_tag(self.render_parts(sample, sample.recipient))
        return f"a tag is left over: {tag}" if tag else ""

    def compose(self, letter: MessageRequest, guarded: ProtectedValues) -> Message | Rejected:
        """Make one person's message and prove it; never raises for one person.

        As a `Composer` does, for a letter or two of a session.
        """
        return Composer(self, guarded).compose(letter)

    def render_parts(
        self, letter: MessageRequest, recipient: str, said: SessionWords | None = None
    ) -> MessageParts:
        """Render one person's parts; raises one of `RENDERING` where their values don't fit."""
        words = self.render(letter, said or SessionWords())
        name = plain_text(letter.invitee.name)
        return MessageParts(
            name=name,
            recipient=recipient,
            subject=words.subject,
            message_id=letter.message_id,
            date=letter.date,
            text=words.text,
            pieces=words.pieces,
            calendar=calendar.calendar_entry(
                letter,
                self.brand,
                plain_text(letter.session.title),
                name,
                words.calendar_description,
                asks_for_answer=self.reads_answers,
            ),
        )

    def render(self, letter: MessageRequest, said: SessionWords) -> RenderedParts:
        """Render what the templates say; raises one of `RENDERING`."""
        template = self.template(letter.template, letter)
        names = self._context(letter, template, said).names()
        # One budget for HTML, text and calendar: the limits are those of a letter.
        with Budget():
            return RenderedParts(
                # Left in pieces: `fragments` knows a template's own text again by its piece.
                pieces=collect(_generate(template.html, names)) if template.html else (),
                text=join_empty_lines(join_text(_generate(template.text, names))),
                calendar_description=self._calendar_description(letter, template, names, said),
            )

    def name_for(self, letter: MessageRequest) -> str:
        """Name the template of a letter."""
        return self.template(letter.template, letter).name

    def frame(self, letter: MessageRequest) -> MimeFrame:
        """Find the frame of a letter: one for each METHOD, which stands in a header, and files."""
        method, files = calendar.method_of(letter, self.brand), self.files.get(letter.entry, ())
        if not files:
            return self.frames[method]
        key = (method, tuple(f"{file.name} {file.sha256}" for file in files))
        if key not in self._frames:
            self._frames[key] = make_frame(self.brand, method, self.logo, self.fixed, files)
        return self._frames[key]

    def needs_link(self, letter: MessageRequest) -> bool:
        """Whether a letter can't be written without its reader's join link."""
        rules = RULES[letter.kind]
        if not rules.may_omit_link:
            return rules.holds_join_link
        return self.template(letter.template, letter).names_link

    def template(self, kind: str, letter: MessageRequest) -> Template:
        """Choose the template for a person's role and language, the most special that fits."""
        if template := self._find_template(kind, letter):
            return template
        raise LookupError(kind)  # `assert_complete` has looked for one of every kind

    def _find_template(self, kind: str, letter: MessageRequest) -> Template | None:
        language = letter.invitee.language or letter.session.locale
        for name in candidates(kind, letter.invitee.role, language):
            if template := self.templates.get(name):
                return template
        return None

    def _context(
        self, letter: MessageRequest, template: Template, said: SessionWords
    ) -> TemplateContext:
        wanted = locale_of(letter.invitee.language or letter.session.locale)
        locale = (
            # A region counts (de-AT has other month names), but only for the template's own
            # language: else an English letter would have French dates.
            wanted if wanted and wanted.language == template.locale.language else template.locale
        )
        return make_context(letter, self.shown_brand, locale, said)

    def _calendar_description(
        self, letter: MessageRequest, beside: Template, names: dict[str, Any], said: SessionWords
    ) -> str:
        """Describe the calendar entry: by the calendar's template where there is one.

        Empty for a kind without link, or without a calendar entry.
        """
        rules = RULES[letter.kind]
        if not (rules.holds_join_link and rules.has_calendar):
            return ""
        template = self._find_template(CALENDAR, letter)
        if template is None:
            return str(names["join_link"])
        if template.locale is not beside.locale:  # to compare them takes longer than to look again
            names = self._context(letter, template, said).names()
        return join_text(_generate(template.text, names)).strip()


class Composer:
    """Writes the letters of one session; `guarded` is what the check guards.

    What it has encoded and looked at is remembered (`fragments`), for this session only.
    """

    def __init__(
        self,
        stationery: TemplateSet,
        guarded: ProtectedValues,
        part: Part = seams,
        *,
        keeps_copies: bool = False,
    ) -> None:
        self._stationery = stationery
        self._guarded = guarded
        self._said = SessionWords()
        self._fragments = Fragments(guarded, stationery.configured, part)
        # A link's place that a seam can part would be missed between two edges (`seams`).
        self._places_in_one_piece = all(map(is_in_one_piece, guarded.links))
        self._copies = CopyMaker(self._render_again) if keeps_copies else None
        # Looked through once in a session, not for each reader.
        self._leaking: dict[str, bool] = {}

    def compose(self, letter: MessageRequest) -> Message | Rejected:
        """Make one person's message and check it; never raises for one person.

        `Rejected` says in plain words what is wrong: with the template for this person's values,
        with the address, or what the check found.
        """
        stationery = self._stationery
        # Here, because the check's own words for it would not say that RingCentral has to give one.
        if letter.join_link is None and stationery.needs_link(letter):
            return Rejected("RingCentral has given no join link for this person.")
        try:
            recipient = transport_address(letter.recipient)
            filling = stationery.render_parts(letter, recipient, self._said)
            fields = own_fields(filling)
            html = self._fragments.html(filling.pieces)
            others = {
                **fields,
                "text": quoted_printable((filling.text,)),
                "calendar": quoted_printable((filling.calendar,)),
            }
        except RENDERING as error:
            return Rejected(explain(error))
        frame = stationery.frame(letter)
        body = frame.join({**others, "html": html.encoded})
        # Only for the check: without the middles of long pieces that may stand in any letter.
        short = frame.join({**others, "html": html.checked})
        # The last step before the message exists: nothing may change `body` behind it.
        if fault := self._fault(letter, recipient, body, short):
            return Rejected(f"The message was stopped before it left: {fault}.")
        sender = stationery.brand.sender_address
        return Message(
            message_id=letter.message_id,
            sender=sender,
            recipient=recipient,
            body=body,
            needs_smtputf8=not recipient.isascii(),
            # The frame and the encoded parts are so by their making. `: ` stands for the field's
            # name: a value never begins a line.
            canonical=is_canonical(
                b"".join([b": " + field + b"\r\n" for field in fields.values()])
            ),
            join_link=letter.join_link,
            copy=self._make_copy(letter, filling, frame, body),
        )

    def _make_copy(
        self, letter: MessageRequest, filling: MessageParts, frame: MimeFrame, body: bytes
    ) -> MessageCopy | None:
        """Make the copy that is kept, if any is."""
        if self._copies is None:
            return None
        sender = self._stationery.brand.sender_address
        copy = self._copies.make(letter, filling, frame, body, sender)
        files = self._stationery.files.get(letter.entry, ())
        if not files:
            return copy
        kept = [
            KeptFile(file.name, file.media_type, len(file.content), file.sha256) for file in files
        ]
        return copy._replace(files=tuple(kept))

    def _render_again(self, letter: MessageRequest) -> MessageParts | None:
        """Render a message for its copy; None if its template can't work with the stand-ins."""
        try:
            return self._stationery.render_parts(
                letter, transport_address(letter.recipient), self._said
            )
        except RENDERING:
            return None

    def _fault(self, letter: MessageRequest, recipient: str, body: bytes, short: bytes) -> str:
        """Check the short message; if anything is wrong with it, the whole one, to say what."""
        guarded, configured = self._guarded, self._stationery.configured
        link = letter.join_link.get_secret_value().encode() if letter.join_link else b""
        # A fault in the short message alone counts for nothing: then the whole one decides.
        may_shorten = self._places_in_one_piece and is_in_one_piece(link)
        fixed, files = self._stationery.fixed, self._stationery.files.get(letter.entry, ())
        if fault := self._find_leaking_file(files):
            return fault
        if may_shorten and not verify.find_violation(
            short, letter, recipient, guarded, configured, fixed, files
        ):
            return ""
        return verify.find_violation(body, letter, recipient, guarded, configured, fixed, files)

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


def make_template_set(
    templates: Mapping[str, Template],
    brand: BrandSettings,
    logo: Picture | None,
    fixed: FixedFields = (),
    *,
    reads_answers: bool = False,
    scheduled: Sequence[str] = SCHEDULED,
) -> TemplateSet:
    """Put compiled templates and the brand together, untried."""
    return TemplateSet(
        brand=brand,
        templates=templates,
        frames={
            method: make_frame(brand, method, logo, fixed)
            for method in (*calendar.ENTRY_METHODS, "")
        },
        shown_brand=_brand_context(brand, logo),
        configured=frozenset(map(normal_key, brand.addresses)),
        fixed=fixed,
        logo=logo,
        reads_answers=reads_answers,
        scheduled=tuple(dict.fromkeys(scheduled)),
    )


def _generate(template: jinja2.Template, names: dict[str, Any]) -> Iterator[str]:
    """Render piece by piece. Jinja's own way also rewrites the tracebacks of errors."""
    # A new context for each: what a letter sets must not be there in the next one.
    return template.root_render_func(template.new_context(names))


def explain(problem: Exception) -> str:
    """Say why a person's letter can't be written; never the values, which may be secrets."""
    match problem:
        case UnrenderableValue():
            return f"The letter can't be written: {problem}."
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


def assert_complete(
    names: AbstractSet[str], folders: Folders, wanted: Sequence[str] = (*KINDS, *SCHEDULED)
) -> None:
    """Raise `ConfigurationError` where a role has no template: no run may end halfway."""
    if kind := kind_without(names, wanted):
        where = ", ".join(map(str, folders.paths))
        raise ConfigurationError(
            f"There is no template {kind}.mjml.j2 or {kind}.html.j2 in {where}.",
            hint="`onboarding init` writes one of every kind; copy it from there.",
        )


def kind_without(names: AbstractSet[str], wanted: Sequence[str] = (*KINDS, *SCHEDULED)) -> str:
    """Name what some role could not get with templates of these names; empty for none."""
    return next(
        (kind for kind in wanted for role in Role if names.isdisjoint(candidates(kind, role, ""))),
        "",
    )


_SIGNATURES = {b"\x89PNG\r\n": "png", b"\xff\xd8\xff": "jpeg", b"GIF8": "gif"}


def logo_of(brand: BrandSettings) -> Picture | None:
    """Read the logo where it is a file. Raises `ConfigurationError` where it can't be read."""
    if not brand.logo or brand.logo.startswith("https://"):
        return None
    try:
        content = read_file(Path(brand.logo))
    except OSError as error:
        raise ConfigurationError(
            f"The logo {brand.logo} can't be read: {error.strerror}."
        ) from error
    # By the first bytes, not the file's name: mail programs believe the subtype.
    for signature, subtype in _SIGNATURES.items():
        if content.startswith(signature):
            return Picture(content, subtype)
    raise ConfigurationError(
        f"The logo {brand.logo} is no PNG, JPEG or GIF; mail programs show no others."
    )


def _brand_context(brand: BrandSettings, logo: Picture | None) -> Brand:
    return Brand(
        name=plain_text(brand.name),
        help_address=brand.help_address,
        logo=f"cid:{LOGO_CID}" if logo else brand.logo,
        imprint=brand.imprint,
        dial_in=brand.dial_in,
        device_test=brand.device_test,
        colours=Palette(**brand.colours.model_dump()),
        language=brand.language,
    )
