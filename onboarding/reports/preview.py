"""How messages look before they are sent: a page for each person and kind, and the same as files.

Takes a `Preview` that the pipeline has built, whose links are made up, so that no page can show a
real one. Each message is composed and verified as for sending, then parsed as a mail program would.
`serve` shows the pages to a browser; nothing here sends or stores a message.
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

from onboarding.errors import ConfigurationError
from onboarding.messages.composer import TemplateSet
from onboarding.messages.request import MessageRequest, ProtectedValues
from onboarding.messages.settings import BrandSettings
from onboarding.model.deliveries import Message, Rejected
from onboarding.model.kinds import Kind
from onboarding.model.people import Invitee
from onboarding.reports.output_folder import write_files
from onboarding.reports.page import PAGES


@dataclass(frozen=True, slots=True)
class Preview:
    """What is previewed: a message of every kind for each person (by roster row), and where its templates are.

    `notes` say which facts are samples, and which rows can't be shown. Every join link in the
    messages is made up.
    """

    name: str
    people: tuple[Invitee, ...]
    requests: Mapping[tuple[int, Kind], MessageRequest]
    protected: ProtectedValues
    folders: tuple[Path, ...]
    brand: BrandSettings
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ParsedMessage:
    """A finished message, parsed. `pictures` are those inside it: Content-ID -> `data:` URL."""

    headers: tuple[tuple[str, str], ...]
    subject: str
    text: str
    html: str
    calendar: str
    pictures: Mapping[str, str]
    size: int


@dataclass(frozen=True, slots=True)
class ComposedKind:
    """All people's messages of one kind, by roster row, as the templates of that `version` make them.

    `error` says what is wrong with the templates; then there is no message.
    """

    version: str
    messages: Mapping[int, Message | Rejected]
    error: ConfigurationError | None = None


ENDINGS = ("html", "txt", "eml", "ics")
"""The files of one message."""


def template_version(folders: tuple[Path, ...], logo: str) -> str:
    """Identify the state of the templates and the logo: it changes with each save."""
    places = [*folders, Path(logo)] if logo else folders
    files = {
        file
        for place in places
        for file in (place.rglob("*") if place.is_dir() else [place])
        if file.is_file()
    }
    stamps = "\n".join(f"{file} {file.stat().st_mtime_ns}" for file in sorted(files))
    return hashlib.sha256(os.fsencode(stamps)).hexdigest()[:16]


def compose_kind(preview: Preview, kind: Kind) -> ComposedKind:
    """Compose all messages of a kind with the templates as they are on disk now."""
    now = template_version(preview.folders, preview.brand.logo)
    try:
        templates = _load_templates(preview.folders, preview.brand, now)
    except ConfigurationError as error:
        return ComposedKind(now, {}, error)
    letters = {person.row: preview.requests[person.row, kind] for person in preview.people}
    return ComposedKind(
        now, {row: templates.compose(letter, preview.protected) for row, letter in letters.items()}
    )


@lru_cache(maxsize=2)
def _load_templates(folders: tuple[Path, ...], brand: BrandSettings, _version: str) -> TemplateSet:
    return TemplateSet.load(folders, brand)


def parse_for_page(message: Message) -> ParsedMessage:
    """Parse a finished message."""
    parsed = email.message_from_bytes(message.body, policy=email.policy.default)
    parts = {part.get_content_type(): part for part in parsed.walk() if not part.is_multipart()}
    return ParsedMessage(
        headers=tuple(
            (name, str(value))
            for name, value in parsed.items()
            if name.lower() not in _MIME_HEADERS
        ),
        subject=str(parsed["Subject"]),
        text=parts["text/plain"].get_content(),
        html=parts["text/html"].get_content(),
        calendar=parts["text/calendar"].get_content().replace("\r\n", "\n"),
        pictures={
            str(part["Content-ID"]).strip(
                "<>"
            ): f"data:{kind};base64,{b64encode(part.get_content()).decode()}"
            for kind, part in parts.items()
            if kind.startswith("image/")
        },
        size=len(message.body),
    )


_MIME_HEADERS = frozenset({"mime-version", "content-type", "content-transfer-encoding"})


_PREFERS = re.compile(r"\(\s*prefers-color-scheme\s*:\s*(dark|light)\s*\)", re.IGNORECASE)
ALWAYS, NEVER = "(min-width: 0)", "(max-width: 0)"
"""Media queries instead of `prefers-color-scheme`: a page can't tell a frame which scheme to use."""


def render_frame(letter: ParsedMessage, *, dark: bool) -> str:
    """Make the HTML of a frame: as a dark or a light mail program shows it, with links that open nothing.

    A message that says nothing about dark mode stays as it is, as it does in mail programs that
    respect this.
    """
    scheme = "dark" if dark else "light"
    html = _PREFERS.sub(lambda query: ALWAYS if query[1].lower() == scheme else NEVER, letter.html)
    for content_id, address in letter.pictures.items():
        html = html.replace(f"cid:{content_id}", address)
    palette = f"color-scheme: {scheme};" if "color-scheme" in letter.html else ""
    # A scroll bar would make the phone's page narrower. The frame's sandbox opens no windows, so a
    # click on a link does nothing: not even a made-up link is visited.
    return (
        f'{html}<style>:root {{ scrollbar-width: none; {palette} }}</style><base target="_blank">'
    )


def person_folder(person: Invitee) -> str:
    """Name a person's folder: their roster row, and their name in plain ASCII letters."""
    plain = (
        unicodedata.normalize("NFKD", f"{person.first_name} {person.last_name}")
        .encode("ascii", "ignore")
        .decode()
    )
    return "-".join([f"{person.row:03}", *re.findall(r"[a-z0-9]+", plain.lower())])


def page_path(person: Invitee, kind: Kind) -> str:
    """The path of a page, from the preview's root."""
    return f"{person_folder(person)}/{kind}.page.html"


RELOAD = """
const { root, version } = document.documentElement.dataset;
new EventSource(root + "changes").onmessage = (event) => { if (event.data !== version) location.reload(); };
"""
"""The page's only script: it reloads the page when a template was saved. Pages that are files have none."""

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
"""What a page, and the messages in its frames, may load and run: pictures, and that one script."""


def render_page(
    preview: Preview, person: Invitee, kind: Kind, letters: ComposedKind, *, root: str, live: bool
) -> str:
    """Render one person's page. `root` leads from it to the preview's root; `live` pages reload themselves."""
    message = letters.messages.get(person.row)
    letter = parse_for_page(message) if isinstance(message, Message) else None
    people = [
        (
            other,
            root + page_path(other, kind),
            isinstance(letters.messages.get(other.row), Rejected),
        )
        for other in preview.people
    ]
    return PAGES.get_template("preview.html.j2").render(
        preview=preview,
        person=person,
        kind=kind,
        kinds=[(other, root + page_path(person, other)) for other in Kind],
        people=people,
        letter=letter,
        light=render_frame(letter, dark=False) if letter else "",
        dark=render_frame(letter, dark=True) if letter else "",
        fault=message.reason if isinstance(message, Rejected) else "",
        error=letters.error,
        files={ending: f"{root}{person_folder(person)}/{kind}.{ending}" for ending in ENDINGS},
        version=letters.version,
        root=root,
        reload=RELOAD if live else "",
        policy=POLICY,
    )


def message_file(message: Message, ending: str) -> bytes:
    """The content of one of a message's files: its HTML, text or calendar part, or the whole message."""
    letter = parse_for_page(message)
    match ending:
        case "html":
            return letter.html.encode()
        case "txt":
            return letter.text.encode()
        case "ics":
            return letter.calendar.replace("\n", "\r\n").encode()
        case _:
            return message.body


def write_preview(preview: Preview, folder: Path) -> list[str]:
    """Write every page, and every message's files, into a folder; `index.html` is the first page.

    What an earlier preview wrote there, and this one does not, is removed (`output_folder`).
    Returns a line for each message that can't be made. Raises ConfigurationError if the templates
    or the folder can't be used.
    """
    letters = {kind: compose_kind(preview, kind) for kind in Kind}
    if broken := next((composed.error for composed in letters.values() if composed.error), None):
        raise broken
    try:
        write_files(folder, _preview_files(preview, letters))
    except OSError as error:
        raise ConfigurationError(
            f"{error.filename} can't be written: {error.strerror}.", hint="Choose another --out."
        ) from None
    return [
        f"{person.name}, {kind}: {message.reason}"
        for kind in Kind
        for person in preview.people
        if isinstance(message := letters[kind].messages[person.row], Rejected)
    ]


def _preview_files(
    preview: Preview, letters: Mapping[Kind, ComposedKind]
) -> Iterator[tuple[str, bytes]]:
    first, kind = preview.people[0], Kind.INVITATION
    yield (
        "index.html",
        render_page(preview, first, kind, letters[kind], root="", live=False).encode(),
    )
    for kind, composed in letters.items():
        for person in preview.people:
            page = render_page(preview, person, kind, composed, root="../", live=False)
            yield page_path(person, kind), page.encode()
            message = composed.messages[person.row]
            if isinstance(message, Message):
                for ending in ENDINGS:
                    name = f"{person_folder(person)}/{kind}.{ending}"
                    yield name, message_file(message, ending)
