"""How letters look before anybody gets one: a page for each person and kind, and the same as files.

Takes a `Preview` that the pipeline has put together: letters with made-up links, so that no page can show a real one.
They go the whole way, proof included, and are taken apart again as a mail program would. `serve` shows the pages
to a browser; nothing here sends or stores a message.
"""

import email
import email.policy
import hashlib
import os
import re
import unicodedata
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from onboarding.errors import ConfigurationError
from onboarding.messages.composer import TemplateSet
from onboarding.messages.request import MessageRequest, ProtectedValues
from onboarding.messages.settings import BrandSettings
from onboarding.model.deliveries import Message, Rejected
from onboarding.model.kinds import Kind
from onboarding.model.people import Invitee
from onboarding.reports.output_folder import write_files


@dataclass(frozen=True, slots=True)
class Preview:
    """What is previewed: a letter of every kind for each person (by roster row), and where its templates lie.

    `notes` say which facts are samples, and whose rows can't be shown. Every join link in the letters is made up.
    """

    name: str
    people: tuple[Invitee, ...]
    letters: Mapping[tuple[int, Kind], MessageRequest]
    guarded: ProtectedValues
    folders: tuple[Path, ...]
    brand: BrandSettings
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ParsedMessage:
    """A finished message, taken apart. `pictures` are those inside it: Content-ID -> `data:` address."""

    headers: tuple[tuple[str, str], ...]
    subject: str
    text: str
    html: str
    calendar: str
    pictures: Mapping[str, str]
    size: int


@dataclass(frozen=True, slots=True)
class ComposedKind:
    """Everybody's message of one kind, by roster row, as the templates of that `version` make it.

    `error` says what is wrong with the templates; then nobody has a message.
    """

    version: str
    messages: Mapping[int, Message | Rejected]
    error: ConfigurationError | None = None


ENDINGS = ("html", "txt", "eml", "ics")
"""The files of one letter."""


def version(folders: tuple[Path, ...], logo: str) -> str:
    """Name the state of the templates and the logo: another word after each save."""
    places = [*folders, Path(logo)] if logo else folders
    files = {file for place in places for file in (place.rglob("*") if place.is_dir() else [place]) if file.is_file()}
    stamps = "\n".join(f"{file} {file.stat().st_mtime_ns}" for file in sorted(files))
    return hashlib.sha256(os.fsencode(stamps)).hexdigest()[:16]


def printed(preview: Preview, kind: Kind) -> ComposedKind:
    """Compose everybody's message of a kind with the templates as they are on disk now."""
    now = version(preview.folders, preview.brand.logo)
    try:
        stationery = _stationery(preview.folders, preview.brand, now)
    except ConfigurationError as error:
        return ComposedKind(now, {}, error)
    letters = {one.row: preview.letters[one.row, kind] for one in preview.people}
    return ComposedKind(now, {row: stationery.compose(letter, preview.guarded) for row, letter in letters.items()})


@lru_cache(maxsize=2)
def _stationery(folders: tuple[Path, ...], brand: BrandSettings, _version: str) -> TemplateSet:
    return TemplateSet.load(folders, brand)


def shown(message: Message) -> ParsedMessage:
    """Take a finished message apart."""
    parsed = email.message_from_bytes(message.body, policy=email.policy.default)
    parts = {part.get_content_type(): part for part in parsed.walk() if not part.is_multipart()}
    return ParsedMessage(
        headers=tuple((name, str(value)) for name, value in parsed.items() if name.lower() not in _OF_THE_FORM),
        subject=str(parsed["Subject"]),
        text=parts["text/plain"].get_content(),
        html=parts["text/html"].get_content(),
        calendar=parts["text/calendar"].get_content().replace("\r\n", "\n"),
        pictures={
            str(part["Content-ID"]).strip("<>"): f"data:{kind};base64,{b64encode(part.get_content()).decode()}"
            for kind, part in parts.items()
            if kind.startswith("image/")
        },
        size=len(message.body),
    )


_OF_THE_FORM = frozenset({"mime-version", "content-type", "content-transfer-encoding"})


_PREFERS = re.compile(r"\(\s*prefers-color-scheme\s*:\s*(dark|light)\s*\)", re.IGNORECASE)
ALWAYS, NEVER = "(min-width: 0)", "(max-width: 0)"
"""Media queries in the place of `prefers-color-scheme`: a frame can't be told what its reader prefers."""


def framed(letter: ParsedMessage, *, dark: bool) -> str:
    """Make the HTML that stands in a frame: as a dark or a light mail program shows it, its links leading nowhere.

    A letter that says nothing about dark mode stays as it is, as it does in mail programs that ask it.
    """
    scheme = "dark" if dark else "light"
    html = _PREFERS.sub(lambda query: ALWAYS if query[1].lower() == scheme else NEVER, letter.html)
    for content_id, address in letter.pictures.items():
        html = html.replace(f"cid:{content_id}", address)
    palette = f"color-scheme: {scheme};" if "color-scheme" in letter.html else ""
    # A scroll bar would take its width from the phone's. The sandbox opens no new windows, so that a click on a link
    # does nothing: not even a made-up one is visited.
    return f'{html}<style>:root {{ scrollbar-width: none; {palette} }}</style><base target="_blank">'


def folder_of(person: Invitee) -> str:
    """Name a person's pages: their roster row, and their name as far as plain letters can tell it."""
    plain = unicodedata.normalize("NFKD", f"{person.first_name} {person.last_name}").encode("ascii", "ignore").decode()
    return "-".join([f"{person.row:03}", *re.findall(r"[a-z0-9]+", plain.lower())])


def page_of(person: Invitee, kind: Kind) -> str:
    """Address a page, from the preview's root."""
    return f"{folder_of(person)}/{kind}.page.html"


RELOAD = """
const { root, version } = document.documentElement.dataset;
new EventSource(root + "changes").onmessage = (event) => { if (event.data !== version) location.reload(); };
"""
"""The page's only script: it loads the page again once a template was saved. Not in pages that are files."""

POLICY = "; ".join(
    (
        "default-src 'none'",
        "style-src 'unsafe-inline'",
        "img-src https: data:",
        "font-src https: data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        f"script-src 'sha256-{b64encode(hashlib.sha256(RELOAD.encode()).digest()).decode()}'",
    )
)
"""What a page, and the letters in its frames, may load and run: pictures, and that one script."""


def page(preview: Preview, person: Invitee, kind: Kind, letters: ComposedKind, *, root: str, live: bool) -> str:
    """Render one person's page. `root` leads from it to the preview's root; `live` pages load themselves again."""
    message = letters.messages.get(person.row)
    letter = shown(message) if isinstance(message, Message) else None
    return _TEMPLATES.get_template("preview.html.j2").render(
        preview=preview,
        person=person,
        kind=kind,
        kinds=[(one, root + page_of(person, one)) for one in Kind],
        people=[
            (one, root + page_of(one, kind), isinstance(letters.messages.get(one.row), Rejected))
            for one in preview.people
        ],
        letter=letter,
        light=framed(letter, dark=False) if letter else "",
        dark=framed(letter, dark=True) if letter else "",
        fault=message.reason if isinstance(message, Rejected) else "",
        error=letters.error,
        files={ending: f"{root}{folder_of(person)}/{kind}.{ending}" for ending in ENDINGS},
        version=letters.version,
        root=root,
        reload=RELOAD if live else "",
        policy=POLICY,
    )


def file_of(message: Message, ending: str) -> bytes:
    """One of a letter's files: its HTML, text and calendar parts, or the whole message."""
    letter = shown(message)
    match ending:
        case "html":
            return letter.html.encode()
        case "txt":
            return letter.text.encode()
        case "ics":
            return letter.calendar.replace("\n", "\r\n").encode()
        case _:
            return message.body


def write(preview: Preview, folder: Path) -> list[str]:
    """Write every page, and every letter's files, into a folder; `index.html` is the first page.

    What an earlier preview wrote there, and this one does not, is removed (`output_folder`). Returns what is wrong with
    whose letter. Raises ConfigurationError where the templates can't be used, or the folder can't be written.
    """
    letters = {kind: printed(preview, kind) for kind in Kind}
    if error := next((one.error for one in letters.values() if one.error), None):
        raise error
    try:
        write_files(folder, _files(preview, letters))
    except OSError as refusal:
        raise ConfigurationError(
            f"{refusal.filename} can't be written: {refusal.strerror}", hint="Choose another --out."
        ) from None
    return [
        f"{one.name}, {kind}: {message.reason}"
        for kind in Kind
        for one in preview.people
        if isinstance(message := letters[kind].messages[one.row], Rejected)
    ]


def _files(preview: Preview, letters: Mapping[Kind, ComposedKind]) -> Iterator[tuple[str, bytes]]:
    first, kind = preview.people[0], Kind.INVITATION
    yield "index.html", page(preview, first, kind, letters[kind], root="", live=False).encode()
    for kind in Kind:
        for one in preview.people:
            yield page_of(one, kind), page(preview, one, kind, letters[kind], root="../", live=False).encode()
            if isinstance(message := letters[kind].messages[one.row], Message):
                yield from ((f"{folder_of(one)}/{kind}.{ending}", file_of(message, ending)) for ending in ENDINGS)


_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
