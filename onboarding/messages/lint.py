"""What `onboarding lint` says about templates and brand: all findings at once, as values.

`load` stops at the first mistake; this goes on to the next template. It also reports
what is allowed but unwise: pictures without alt text, contrast that is too low, a size at which
Gmail cuts the message off. Changes and sends nothing.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from selectolax.lexbor import LexborHTMLParser, LexborNode

from onboarding.errors import ConfigurationError
from onboarding.messages.compiler.compile import is_shallow
from onboarding.messages.compiler.folders import Folders, read_template
from onboarding.messages.compiler.sources import find_pasted_links
from onboarding.messages.compiler.template import (
    CALENDAR,
    Environments,
    Template,
    compile_template,
    list_template_names,
)
from onboarding.messages.link_targets import find_dead_end
from onboarding.messages.load import list_samples, try_sample
from onboarding.messages.logo import logo_of
from onboarding.messages.settings import BrandSettings, Colours
from onboarding.messages.template_names import KINDS, check_complete, kind_without
from onboarding.messages.templates import TemplateSet, make_template_set
from onboarding.model.deliveries import Rejected
from onboarding.model.entries import Entry
from onboarding.model.kinds import Kind, clears_facts, default_template

CLIPPED = 102 * 1024
"""Bytes of HTML from which on Gmail shows "[Message clipped]" instead of the rest."""

CONTRAST = 4.5
"""Least contrast of text with its background (WCAG 2.1, 1.4.3)."""


SMALL_PRINT = "#5b6675"
"""The grey of the shipped templates (`parts/style.mjml.j2`), on white and on the background."""


@dataclass(frozen=True, slots=True)
class LintWarning:
    """One finding: a thing to fix, or to think about.

    `where` is a template's name, a file or a setting. `is_error`: with it, no message would be
    sent.
    """

    where: str
    message: str
    is_error: bool


OUR_SCHEDULED = ("material", "reminder", "missing", "thanks")
"""Templates of scheduled messages that we ship: looked at also where no schedule names them."""


def lint_templates(
    folders: Sequence[Path], brand: BrandSettings, entries: Sequence[Entry] = ()
) -> tuple[LintWarning, ...]:
    """Check all templates of these folders, the messages of the schedule's entries, and the brand.

    Raises `ConfigurationError` only if a folder is missing.
    """
    searched = Folders.of(folders)
    # All further checks read these files, and would stop at the first of them.
    unusable = [*searched.strays()] or [*_unreadable(searched)]
    if unusable:
        return tuple(_as_warning("templates", error) for error in unusable)
    scheduled = tuple(dict.fromkeys([*OUR_SCHEDULED, *(entry.template for entry in entries)]))
    names = list_template_names(searched, (*KINDS, *scheduled, CALENDAR))
    templates, not_compiled = _compile_all(names, searched, brand.language)
    warnings = [
        *_check_colours(brand.colours),
        *not_compiled,
        *_check_files(searched, (*KINDS, *scheduled, CALENDAR)),
        *_check_text_parts(templates),
        *_check_call_off(templates),
        *_check_set(names, templates, searched, brand, scheduled),
        *_check_entries(templates, entries),
    ]
    # the sample people of several languages can get the same finding
    return tuple(dict.fromkeys(warnings))


def _unreadable(folders: Folders) -> Iterator[ConfigurationError]:
    for file in folders.files():
        try:
            read_template(file)
        except ConfigurationError as error:
            yield error


def _as_warning(where: str, error: ConfigurationError) -> LintWarning:
    return LintWarning(where, f"{error.message} {error.hint}".strip(), is_error=True)


def _compile_all(
    names: Sequence[str], folders: Folders, language: str
) -> tuple[dict[str, Template], list[LintWarning]]:
    """Compile each template; returns the compiled ones, and what is wrong with the others."""
    environments = Environments.over(folders)
    templates: dict[str, Template] = {}
    warnings = []
    for name in names:
        try:
            templates[name] = compile_template(name, folders, environments, language)
        except ConfigurationError as error:
            warnings.append(_as_warning(name, error))
    return templates, warnings


def _check_files(folders: Folders, known: Sequence[str]) -> Iterator[LintWarning]:
    for file in folders.files():
        yield from _check_links(file)
    for message in find_pasted_links(folders):
        yield LintWarning("templates", message, is_error=True)
    for file in folders.files():
        yield from _check_file_name(file, known)


_HTTP = re.compile(r"http://(?!www\.w3\.org/)\S")
"""A link without encryption; the names of XML's vocabularies at w3.org are no links."""


def _check_links(file: Path) -> Iterator[LintWarning]:
    for number, line in enumerate(read_template(file).splitlines(), 1):
        if _HTTP.search(line):
            yield LintWarning(
                f"{file}, line {number}",
                "Links in messages begin with https://, not http://.",
                is_error=True,
            )


def _check_file_name(file: Path, known: Sequence[str]) -> Iterator[LintWarning]:
    """Report a template that no person gets, because its name is almost that of a kind."""
    name = file.name.partition(".")[0]
    near = get_close_matches(name, known, n=1, cutoff=0.75)
    # A near name is mostly a mistyping. Others may be parts, which have any name.
    if near and name not in near:
        message = f"No message is called {name}; did you mean {near[0]}?"
        yield LintWarning(str(file), message, is_error=False)


def _check_text_parts(templates: Mapping[str, Template]) -> Iterator[LintWarning]:
    for name, template in templates.items():
        if template.text_is_derived:
            message = f"Its text part is made from the HTML; write {name}.txt.j2 for a better one."
            yield LintWarning(name, message, is_error=False)


CANCELLATIONS = frozenset(default_template(kind) for kind in Kind if clears_facts(kind))
"""Templates that serve people who are removed, and all people of a session that is called off."""


def _check_call_off(templates: Mapping[str, Template]) -> Iterator[LintWarning]:
    """Report cancellations that would tell the readers of a call-off that they were removed."""
    for name, template in templates.items():
        if name.partition(".")[0] in CANCELLATIONS and not template.names_call_off:
            message = (
                "Its HTML or its text says the same of a webinar that is called off as to a person "
                "who is removed. Write {% if called_off %}The webinar does not take place."
                "{% else %}You are no longer on board.{% endif %} in both."
            )
            yield LintWarning(name, message, is_error=False)


def _check_set(
    names: Sequence[str],
    templates: Mapping[str, Template],
    folders: Folders,
    brand: BrandSettings,
    scheduled: Sequence[str],
) -> Iterator[LintWarning]:
    """Check that each kind has a template, and the messages that sample people would get."""
    # Only what is there: a folder without our own templates needs no thank-you.
    present = [name for name in scheduled if not kind_without(frozenset(names), (name,))]
    wanted = (*KINDS, *present)
    try:
        check_complete(frozenset(names), folders, wanted)
        logo = logo_of(brand)
        # a kind that has no template but one that can't be compiled was reported already
        if not kind_without(frozenset(templates), wanted):
            yield from _check_samples(make_template_set(templates, brand, logo, scheduled=present))
    except ConfigurationError as error:
        yield _as_warning("templates", error)


def _check_samples(template_set: TemplateSet) -> Iterator[LintWarning]:
    """Check the messages that sample people would get."""
    for request in list_samples(template_set):
        name = template_set.name_for(request)
        tried = try_sample(template_set, request)
        if isinstance(tried, Rejected):
            message = f"A message to a sample {request.invitee.role} fails: {tried.reason}"
            yield LintWarning(name, message, is_error=True)
        else:
            advice = _unwise(tried.html)
            yield from (LintWarning(name, words, is_error=False) for words in advice)


def _check_entries(
    templates: Mapping[str, Template], entries: Sequence[Entry]
) -> Iterator[LintWarning]:
    """Report entries before the session's end if their message shows no join link."""
    for entry in entries:
        used = [
            template
            for name, template in templates.items()
            if name.partition(".")[0] == entry.template
        ]
        if not entry.is_after_end and used and not any(template.names_link for template in used):
            message = (
                f"The message {entry.id} goes out before the end and shows no join link. "
                "Write {{ join_link }} if its readers should have it at hand."
            )
            yield LintWarning(entry.template, message, is_error=False)


def _unwise(html: str) -> Iterator[str]:
    """Say what is allowed in a message, but not good for its readers."""
    size = len(html.encode())
    if size > CLIPPED:
        yield f"The HTML has {size // 1024} KB; Gmail cuts a message off after 102 KB."
    if not is_shallow(html):
        yield "Its HTML has too many elements within each other."
        # the parser takes minutes for them
        return
    document = LexborHTMLParser(html)
    yield from _list_dead_ends(document)
    for picture in document.css("img"):
        if not picture.attributes.get("alt"):
            source = picture.attributes.get("src")
            yield f"The picture {source} has no alt text, for people who don't see it."


def _list_dead_ends(document: LexborHTMLParser) -> Iterator[str]:
    places = document.css("[id], a[name]")
    names = {node.attributes.get(key) or "" for node in places for key in ("id", "name")}
    for link in document.css("a[href], area[href]"):
        if reason := find_dead_end(link.attributes.get("href") or "", names):
            yield f"The link {_words_of(link)} leads nowhere: {reason}."


def _words_of(link: LexborNode) -> str:
    """Name a link by its words, or by its picture's."""
    picture = link.css_first("img")
    words = " ".join(link.text().split()) or (picture.attributes.get("alt") if picture else "")
    return repr((words or "without words")[:LONGEST_SHOWN])


LONGEST_SHOWN = 60
"""Characters of a link's words in a message."""


def _check_colours(colours: Colours) -> Iterator[LintWarning]:
    """Compare each colour of text with its background."""
    pairs = [
        ("button_text", colours.button_text, "primary", colours.primary),
        ("text", colours.text, "background", colours.background),
        ("text", colours.text, "white", "#ffffff"),
        ("small print", SMALL_PRINT, "background", colours.background),
        ("primary (links)", colours.primary, "white", "#ffffff"),
    ]
    for front_name, front, back_name, back in pairs:
        ratio = contrast(front, back)
        if ratio < CONTRAST:
            pair = f"{front_name} {front} on {back_name} {back}"
            message = f"{pair} has a contrast of {ratio:.1f}; {CONTRAST} is the least."
            yield LintWarning("[brand] colours", message, is_error=False)


def contrast(first: str, second: str) -> float:
    """Compare two colours `#rrggbb`: 1 (the same) to 21 (black on white).

    WCAG 2.1, "contrast ratio".
    """
    darker, lighter = sorted((_luminance(first), _luminance(second)))
    # WCAG adds 0.05 for the light that any screen reflects.
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    """Return a colour's relative luminance, 0 to 1 (WCAG 2.1)."""
    red, green, blue = (_linear(channel / 255) for channel in bytes.fromhex(colour[1:]))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


DARKEST = 0.04045
"""Channels up to here are on the straight part of sRGB's curve (IEC 61966-2-1)."""


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= DARKEST else ((channel + 0.055) / 1.055) ** 2.4
