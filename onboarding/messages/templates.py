"""A folder's templates, found by kind, role and language, and compiled.

Knows which of `invitation.cohost.de`, `invitation.cohost`, `invitation.de` and `invitation` a
person gets. Renders and sends nothing: `stationery` does the first.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from babel import Locale

from onboarding.errors import ConfigurationError
from onboarding.messages.compiler import names
from onboarding.messages.compiler.compile import compile_source
from onboarding.messages.compiler.constants import is_constant
from onboarding.messages.compiler.folders import FolderLoader, Folders, read_template
from onboarding.messages.compiler.sources import pieces_of
from onboarding.messages.context import Brand
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
        """Let templates include what lies in their folders; a brand that is given is put in place at once.

        Not so where one of them may mean something else by `brand`: a part that it includes would
        not hear of it.
        """
        loader = FolderLoader(folders)
        fixed = brand and is_constant("brand", map(read_template, folders.files()))
        known = {"brand": brand} if fixed else {}
        html, text = (_environment(loader, known, autoescape=escape) for escape in (True, False))
        return cls(html, text)

    @property
    def derived(self) -> jinja2.Environment:
        """For text derived from HTML, whose line ends are there on purpose."""
        return self.text.overlay(trim_blocks=False, lstrip_blocks=False)


def _environment(
    loader: jinja2.BaseLoader, known: Mapping[str, Any], *, autoescape: bool
) -> MessageEnvironment:
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
    """One template, compiled. `html` is None for the calendar's."""

    name: str
    locale: Locale
    html: jinja2.Template | None
    text: jinja2.Template
    text_is_derived: bool = False


def language_tags(language: str) -> tuple[str, ...]:
    """Name a language from the special to the general: `de-at`, `de`."""
    tag = language.replace("_", "-").lower()
    return tuple(dict.fromkeys(one for one in (tag, tag.partition("-")[0]) if one))


@cache
def candidates(kind: str, role: Role, language: str) -> tuple[str, ...]:
    """Name the templates that fit, the most special first."""
    tags = language_tags(language)
    special = f"{kind}.{role.value.lower()}"
    return (
        *(f"{special}.{tag}" for tag in tags),
        special,
        *(f"{kind}.{tag}" for tag in tags),
        kind,
    )


def find_template(name: str, folders: Folders) -> tuple[Path | None, Path | None]:
    """Find a template's HTML source and its text; the text counts only beside the HTML, in the same folder."""
    for folder in folders.paths:
        sources = [
            file for ending in HTML_ENDINGS if (file := folders.file(folder / (name + ending)))
        ]
        if len(sources) > 1:
            raise ConfigurationError(
                f"{sources[0]} and {sources[1]} are both sources of one template.",
                hint="Remove one of them.",
            )
        text = folders.file(folder / (name + TEXT_ENDING))
        if sources or text:
            return (sources[0] if sources else None), text
    return None, None


def list_names(folders: Folders, kinds: tuple[str, ...]) -> tuple[str, ...]:
    """Name every template of these kinds in the folders; shared parts lie in folders of their own and don't count."""
    endings = (*HTML_ENDINGS, TEXT_ENDING)
    files = (file.name for folder in folders.paths for file in folder.iterdir() if file.exists())
    found = {
        name.removesuffix(ending) for name in files for ending in endings if name.endswith(ending)
    }
    return tuple(sorted(name for name in found if name.split(".")[0] in kinds))


def compile_template(
    name: str, folders: Folders, environments: Environments, language: str
) -> Template:
    """Compile a template. Raises `ConfigurationError`, naming file and line, for whatever is wrong with it."""
    source, text = find_template(name, folders)
    if source is None and not name.startswith(CALENDAR):
        raise ConfigurationError(
            f"The template {text} has no HTML beside it.",
            hint=f"Write {name}.mjml.j2 or {name}.html.j2, or remove it.",
        )
    if source:
        names.check_names(source, folders, environments.html)
    html, derived = compile_source(source, folders, environments.html) if source else (None, "")
    if text:
        names.check_names(text, folders, environments.text)
        derived = "".join(piece.text for piece in pieces_of(text, folders, environments.text))
    try:
        return Template(
            name=name,
            locale=_locale(name, language),
            html=environments.html.from_string(html) if html is not None else None,
            text=(environments.text if text else environments.derived).from_string(derived),
            text_is_derived=text is None,
        )
    except (
        jinja2.TemplateSyntaxError
    ) as problem:  # only where parts that are right alone don't fit together
        raise ConfigurationError(
            f"The template {name}, together with its shared parts, can't be compiled: {problem.message}.",
            hint="Look at what it includes or extends.",
        ) from problem


@cache
def _locale(name: str, language: str) -> Locale:
    """Say in which language a template is written: its suffix, else `[brand] language`."""
    roles = {role.value.lower() for role in Role}
    own = [word for word in name.split(".")[1:] if word not in roles]
    if found := locale_of(own[-1] if own else language):
        return found
    raise ConfigurationError(
        f"The template {name} is in a language that is not known: {(own or [language])[-1]!r}.",
        hint="Names are like invitation.de, invitation.cohost or invitation.cohost.de.",
    )
