"""A webinar's templates, compiled once per run: chosen for a person, and rendered.

Makes the parts of a message, and no message: that is `composer`. `load` finds and compiles them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import jinja2

from onboarding.messages import calendar
from onboarding.messages.attachments import Attachment
from onboarding.messages.compiler.compile import join_empty_lines
from onboarding.messages.compiler.template import CALENDAR, Template
from onboarding.messages.context import SessionWords, make_context, plain_text
from onboarding.messages.context_types import Brand, Palette, TemplateContext
from onboarding.messages.dates import locale_of
from onboarding.messages.logo import LOGO_CID, Picture
from onboarding.messages.mime import FixedFields, MessageParts, MimeFrame, make_frame
from onboarding.messages.normal_form import normal_key
from onboarding.messages.rendered_parts import RenderedParts
from onboarding.messages.request import MessageRequest
from onboarding.messages.sandbox.limits import Budget, collect, join_text
from onboarding.messages.settings import BrandSettings
from onboarding.messages.template_names import SCHEDULED, candidates
from onboarding.model.kinds import RULES


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

    def render_parts(
        self, request: MessageRequest, recipient: str, words: SessionWords | None = None
    ) -> MessageParts:
        """Render one person's parts.

        Raises one of `composer.RENDERING` where their values don't fit.
        """
        rendered = self.render(request, words or SessionWords())
        name = plain_text(request.invitee.name)
        return MessageParts(
            name=name,
            recipient=recipient,
            subject=rendered.subject,
            message_id=request.message_id,
            date=request.date,
            text=rendered.text,
            pieces=rendered.pieces,
            calendar=calendar.calendar_entry(
                request,
                self.brand,
                plain_text(request.session.title),
                name,
                rendered.calendar_description,
                asks_for_answer=self.reads_answers,
            ),
        )

    def render(self, request: MessageRequest, words: SessionWords) -> RenderedParts:
        """Render what the templates say; raises as `render_parts` does."""
        template = self.template(request.template, request)
        names = self._context(request, template, words).names()
        # One budget for HTML, text and calendar: the limits are those of a message.
        with Budget():
            return RenderedParts(
                # Left in pieces: `fragments` knows a template's own text again by its piece.
                pieces=collect(_generate(template.html, names)) if template.html else (),
                text=join_empty_lines(join_text(_generate(template.text, names))),
                calendar_description=self._calendar_description(request, template, names, words),
            )

    def name_for(self, request: MessageRequest) -> str:
        """Name the template of a message."""
        return self.template(request.template, request).name

    def frame(self, request: MessageRequest) -> MimeFrame:
        """Find the frame of a message: one for each METHOD, which stands in a header, and files."""
        method, files = calendar.method_of(request, self.brand), self.files.get(request.entry, ())
        if not files:
            return self.frames[method]
        key = (method, tuple(f"{file.name} {file.sha256}" for file in files))
        if key not in self._frames:
            self._frames[key] = make_frame(self.brand, method, self.logo, self.fixed, files)
        return self._frames[key]

    def needs_link(self, request: MessageRequest) -> bool:
        """Whether a message can't be written without its reader's join link."""
        rules = RULES[request.kind]
        if not rules.may_omit_link:
            return rules.holds_join_link
        return self.template(request.template, request).names_link

    def template(self, kind: str, request: MessageRequest) -> Template:
        """Choose the template for a person's role and language, the most special that fits."""
        if template := self._find_template(kind, request):
            return template
        raise LookupError(kind)  # `check_complete` has looked for one of every kind

    def _find_template(self, kind: str, request: MessageRequest) -> Template | None:
        language = request.invitee.language or request.session.locale
        for name in candidates(kind, request.invitee.role, language):
            if template := self.templates.get(name):
                return template
        return None

    def _context(
        self, request: MessageRequest, template: Template, words: SessionWords
    ) -> TemplateContext:
        wanted = locale_of(request.invitee.language or request.session.locale)
        locale = (
            # A region counts (de-AT has other month names), but only for the template's own
            # language: else an English message would have French dates.
            wanted if wanted and wanted.language == template.locale.language else template.locale
        )
        return make_context(request, self.shown_brand, locale, words)

    def _calendar_description(
        self,
        request: MessageRequest,
        beside: Template,
        names: dict[str, Any],
        words: SessionWords,
    ) -> str:
        """Describe the calendar entry: by the calendar's template where there is one.

        Empty for a kind without link, or without a calendar entry.
        """
        rules = RULES[request.kind]
        if not (rules.holds_join_link and rules.has_calendar):
            return ""
        template = self._find_template(CALENDAR, request)
        if template is None:
            return str(names["join_link"])
        if template.locale is not beside.locale:  # to compare them takes longer than to look again
            names = self._context(request, template, words).names()
        return join_text(_generate(template.text, names)).strip()


def _generate(template: jinja2.Template, names: dict[str, Any]) -> Iterator[str]:
    """Render piece by piece. Jinja's own way also rewrites the tracebacks of errors."""
    # A new context for each: what a message sets must not be there in the next one.
    return template.root_render_func(template.new_context(names))


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
        shown_brand=make_brand_context(brand, logo),
        configured=frozenset(map(normal_key, brand.addresses)),
        fixed=fixed,
        logo=logo,
        reads_answers=reads_answers,
        scheduled=tuple(dict.fromkeys(scheduled)),
    )


def make_brand_context(brand: BrandSettings, logo: Picture | None) -> Brand:
    """Write the brand as templates see it."""
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
