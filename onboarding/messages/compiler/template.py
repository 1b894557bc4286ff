"""A template and its text, found in the folders and compiled together.

Says in which language a template is written. Which of several templates a person gets is decided in
`template_names`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from babel import Locale

from onboarding.errors import ConfigurationError
from onboarding.messages.compiler.compile import compile_source
from onboarding.messages.compiler.constants import is_constant
from onboarding.messages.compiler.folders import FolderLoader, Folders, read_template
from onboarding.messages.compiler.names import check_names
from onboarding.messages.compiler.sources import read_pieces
from onboarding.messages.context_types import Brand
from onboarding.messages.dates import locale_of
from onboarding.messages.sandbox.environment import MessageEnvironment
from onboarding.model.people import Role

HTML_ENDINGS = (".mjml.j2", ".html.j2")
TEXT_ENDING = ".txt.j2"
CALENDAR = "calendar"
"""The template of the calendar entry's description; text only."""


@dataclass(frozen=True, slots=True)
class Environments:
    """Jinja for HTML (autoescaped) and for text, both sandboxed and strict about unknown names."""

    html: jinja2.Environment
    text: jinja2.Environment

    @classmethod
    def over(cls, folders: Folders, brand: Brand | None = None) -> "Environments":
        """Make environments in which templates may include what is in `folders`.

        A given `brand` is put in while compiling, except if any template gives the name `brand`
        another meaning: the parts that it includes would then go on with the old one.
        """
        loader = FolderLoader(folders)
        # Over all files, used or not: which of them a template includes is known only later.
        fixed = brand and is_constant("brand", map(read_template, folders.files()))
        known = {"brand": brand} if fixed else {}
        # One loader, but two environments: a part that is included in a text must not be escaped.
        html, text = (_environment(loader, known, autoescape=escape) for escape in (True, False))
        return cls(html, text)

    @property
    def derived(self) -> jinja2.Environment:
        """For text that was derived from HTML: each of its line ends is meant."""
        return self.text.overlay(trim_blocks=False, lstrip_blocks=False)


def _environment(
    loader: jinja2.BaseLoader, known: Mapping[str, Any], *, autoescape: bool
) -> MessageEnvironment:
    # White space means nothing in HTML. In text, a line with only a block is no empty line.
    environment = MessageEnvironment(
        autoescape=autoescape,
        loader=loader,
        trim_blocks=not autoescape,
        lstrip_blocks=not autoescape,
        keep_trailing_newline=not autoescape,
    )
    environment.known = known
    return environment


@dataclass(frozen=True, slots=True)
class Template:
    """A compiled template. `html` is None for the calendar's.

    `names_link`: it asks for the join link, so it can't be used for a reader who has none.
    `names_call_off`: both its parts ask whether the session is called off.
    """

    name: str
    locale: Locale
    html: jinja2.Template | None
    text: jinja2.Template
    text_is_derived: bool = False
    names_link: bool = False
    names_call_off: bool = False


def find_template(name: str, folders: Folders) -> tuple[Path | None, Path | None]:
    """Find a template's HTML source and its text.

    The text counts only beside the HTML, in the same folder: our text must not go with the user's
    own HTML.
    """
    for folder in folders.paths:
        paths = (folders.file(folder / (name + ending)) for ending in HTML_ENDINGS)
        sources = [path for path in paths if path]
        # Not the first of them: an edit of the other one would then have no effect, silently.
        if len(sources) > 1:
            raise ConfigurationError(
                f"{sources[0]} and {sources[1]} are both sources of one template.",
                hint="Remove one of them.",
            )
        text = folders.file(folder / (name + TEXT_ENDING))
        if sources or text:
            return (sources[0] if sources else None), text
    return None, None


def list_template_names(folders: Folders, kinds: tuple[str, ...]) -> tuple[str, ...]:
    """List every template of these kinds, without endings.

    Shared parts are in folders of their own and don't count.
    """
    found = set()
    for folder in folders.paths:
        for file in folder.iterdir():
            name = _without_ending(file.name)
            # `exists`: a link that leads nowhere is no template.
            if name and name.partition(".")[0] in kinds and file.exists():
                found.add(name)
    return tuple(sorted(found))


def _without_ending(file_name: str) -> str:
    """Return a template's name, empty if the file is no template."""
    for ending in (*HTML_ENDINGS, TEXT_ENDING):
        if file_name.endswith(ending):
            return file_name.removesuffix(ending)
    return ""


def compile_template(
    name: str, folders: Folders, environments: Environments, language: str
) -> Template:
    """Compile a template.

    Raises `ConfigurationError`, with file and line, for all that can be wrong with it.
    """
    source, text = find_template(name, folders)
    # A message always has an HTML part (the check asks for it); a calendar's entry has none.
    if source is None and not name.startswith(CALENDAR):
        raise ConfigurationError(
            f"The template {text} has no HTML beside it.",
            hint=f"Write {name}.mjml.j2 or {name}.html.j2, or remove it.",
        )
    html, derived = _compile_html(source, folders, environments.html) if source else (None, "")
    plain = _read_source(text, folders, environments.text) if text else derived
    try:
        return Template(
            name=name,
            locale=_locale(name, language),
            html=environments.html.from_string(html) if html is not None else None,
            text=(environments.text if text else environments.derived).from_string(plain),
            text_is_derived=text is None,
            # Shared parts are in their place by now. In doubt it is needed: a condition on it may
            # show nothing.
            names_link="join_link" in (html or "") + plain,
            # A text of its own has to ask by itself: some people read nothing else.
            names_call_off="called_off" in (html or "") and (not text or "called_off" in plain),
        )
    except jinja2.TemplateSyntaxError as error:
        # each file is right by itself, but together they are not
        raise ConfigurationError(
            f"The template {name}, together with its shared parts, can't be compiled: "
            f"{error.message}.",
            hint="Look at what it includes or extends.",
        ) from error


def _compile_html(file: Path, folders: Folders, environment: jinja2.Environment) -> tuple[str, str]:
    """Return Jinja source of the HTML, and of the text derived from it."""
    check_names(file, folders, environment)
    return compile_source(file, folders, environment)


def _read_source(file: Path, folders: Folders, environment: jinja2.Environment) -> str:
    """Return Jinja source of a text, with its shared parts in their place."""
    check_names(file, folders, environment)
    pieces = read_pieces(file, folders, environment)
    return "".join(piece.text for piece in pieces)


@cache
def _locale(name: str, language: str) -> Locale:
    """Find the language in which a template is written: its suffix, else `[brand] language`."""
    roles = {role.value.lower() for role in Role}
    suffixes = [word for word in name.split(".")[1:] if word not in roles]
    tag = suffixes[-1] if suffixes else language
    if found := locale_of(tag):
        return found
    raise ConfigurationError(
        f"The template {name} is in a language that is not known: {tag!r}.",
        hint="Names are like invitation.de, invitation.cohost or invitation.cohost.de.",
    )
