"""What `onboarding lint` says about templates and brand before anybody gets a letter: everything at once, as values.

Where `TemplateSet.load` stops at the first mistake, this goes on to the next template, and also
tells what is allowed but unwise: pictures without words, contrast too low, a size that Gmail cuts
off.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from selectolax.lexbor import LexborHTMLParser, LexborNode

from onboarding.errors import ConfigurationError
from onboarding.messages.compiler.compile import is_shallow
from onboarding.messages.compiler.folders import Folders, read_template
from onboarding.messages.compiler.sources import find_pasted_links
from onboarding.messages.composer import (
    KINDS,
    TemplateSet,
    assert_complete,
    kind_without,
    logo_of,
    make_template_set,
)
from onboarding.messages.request import MessageRequest
from onboarding.messages.settings import BrandSettings, Colours
from onboarding.messages.templates import (
    CALENDAR,
    Environments,
    Template,
    compile_template,
    list_names,
)

CLIPPED = 102 * 1024
"""Bytes of HTML from which on Gmail shows "[Message clipped]" instead of the rest."""

CONTRAST = 4.5
"""Least contrast of text with its background (WCAG 2.1, 1.4.3)."""


SMALL_PRINT = "#5b6675"
"""The grey of the shipped templates (`parts/style.mjml.j2`); it stands on white and on the background."""


@dataclass(frozen=True, slots=True)
class LintWarning:
    """One thing to mend. `where` is a template's name, a file or a setting; `is_error`: no letter would leave so."""

    where: str
    message: str
    is_error: bool


def lint_templates(folders: Sequence[Path], brand: BrandSettings) -> tuple[LintWarning, ...]:
    """Look at all templates of these folders and at the brand. Raises `ConfigurationError` only without folders."""
    searched = Folders.of(folders)
    if unusable := [*searched.strays()] or [*_read_error(searched)]:
        return tuple(
            LintWarning("templates", _to_warning(each), is_error=True) for each in unusable
        )
    environments = Environments.over(searched)
    findings = [*_check_colours(brand.colours)]
    names = list_names(searched, (*KINDS, CALENDAR))
    templates: dict[str, Template] = {}
    for name in names:
        try:
            templates[name] = compile_template(name, searched, environments, brand.language)
        except ConfigurationError as problem:
            findings.append(LintWarning(name, _to_warning(problem), is_error=True))
    findings += [found for file in searched.files() for found in _plain_http(file)]
    findings += [
        LintWarning("templates", place, is_error=True) for place in find_pasted_links(searched)
    ]
    findings += _misspelt(searched)
    findings += [found for template in templates.values() for found in _text_part(template)]
    try:
        assert_complete(frozenset(names), searched)
        logo = logo_of(brand)
        if not kind_without(
            frozenset(templates)
        ):  # else one that can't be compiled is all there is of its kind
            findings += _check_samples(make_template_set(templates, brand, logo))
    except ConfigurationError as problem:
        findings.append(LintWarning("templates", _to_warning(problem), is_error=True))
    return tuple(dict.fromkeys(findings))


def _read_error(folders: Folders) -> Iterator[ConfigurationError]:
    for file in folders.files():
        try:
            read_template(file)
        except ConfigurationError as error:
            yield error


def _to_warning(problem: ConfigurationError) -> str:
    return f"{problem.message} {problem.hint}".strip()


_HTTP = re.compile(r"http://(?!www\.w3\.org/)\S")


def _plain_http(file: Path) -> Iterator[LintWarning]:
    for number, line in enumerate(read_template(file).splitlines(), 1):
        if _HTTP.search(line):
            yield LintWarning(
                f"{file}, line {number}",
                "Links in letters begin with https://, not http://.",
                is_error=True,
            )


def _misspelt(folders: Folders) -> Iterator[LintWarning]:
    """Find templates that nobody gets, because their name is nearly that of a kind."""
    for file in folders.files():
        word = file.name.partition(".")[0]
        near = get_close_matches(word, (*KINDS, CALENDAR), n=1, cutoff=0.75)
        if near and word not in near:
            yield LintWarning(
                str(file), f"No letter is called {word}; did you mean {near[0]}?", is_error=False
            )


def _text_part(template: Template) -> Iterator[LintWarning]:
    if template.text_is_derived:
        words = (
            f"Its text part is made from the HTML; write {template.name}.txt.j2 for a better one."
        )
        yield LintWarning(template.name, words, is_error=False)


def _check_samples(stationery: TemplateSet) -> Iterator[LintWarning]:
    """Look at the letters that sample people would get."""
    for letter in stationery.samples():
        name = stationery.name_for(letter)
        if wrong := stationery.find_fault(letter):
            yield LintWarning(
                name, f"A letter to a sample {letter.invitee.role} fails: {wrong}", is_error=True
            )
        else:
            yield from (
                LintWarning(name, words, is_error=False) for words in _unwise(stationery, letter)
            )


def _unwise(stationery: TemplateSet, letter: MessageRequest) -> Iterator[str]:
    html = stationery.render_parts(letter, letter.recipient).html
    if len(html.encode()) > CLIPPED:
        yield f"The HTML has {len(html.encode()) // 1024} KB; Gmail cuts a message off after 102 KB."
    if not is_shallow(html):
        yield "Its HTML has too many elements within each other."
        return  # the parser takes minutes for them
    document = LexborHTMLParser(html)
    pictures = document.css("img")
    for link in document.css("a[href], area[href]"):
        if (link.attributes.get("href") or "").strip() in {"", "#"}:
            yield f"The link {_words_of(link)} leads nowhere: its address is empty or #."
    yield from (
        f"The picture {picture.attributes.get('src')} has no alt text, for people who don't see it."
        for picture in pictures
        if not picture.attributes.get("alt")
    )


def _words_of(link: LexborNode) -> str:
    """Name a link by its words, or by its picture's."""
    picture = link.css_first("img")
    words = " ".join(link.text().split()) or (picture.attributes.get("alt") if picture else "")
    return repr((words or "without words")[:LONGEST_SHOWN])


LONGEST_SHOWN = 60
"""Characters of a link's words in a message."""


def _check_colours(colours: Colours) -> Iterator[LintWarning]:
    """Compare the colours that stand on each other."""
    pairs = [
        ("button_text", colours.button_text, "primary", colours.primary),
        ("text", colours.text, "background", colours.background),
        ("text", colours.text, "white", "#ffffff"),
        ("small print", SMALL_PRINT, "background", colours.background),
        ("primary (links)", colours.primary, "white", "#ffffff"),
    ]
    for front_name, front, back_name, back in pairs:
        if (found := contrast(front, back)) < CONTRAST:
            words = f"{front_name} {front} on {back_name} {back} has a contrast of {found:.1f}; {CONTRAST} is the least."
            yield LintWarning("[brand] colours", words, is_error=False)


def contrast(one: str, other: str) -> float:
    """Compare two colours `#rrggbb`: 1 (the same) to 21 (black on white); WCAG 2.1, "contrast ratio"."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    red, green, blue = (_linear(int(colour[at : at + 2], 16) / 255) for at in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


DARKEST = 0.04045
"""Channels up to here are on the straight part of sRGB's curve (IEC 61966-2-1)."""


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= DARKEST else ((channel + 0.055) / 1.055) ** 2.4
