"""How messages look before they are sent: a page for each person and message, and files of them.

Takes a `Preview` that the pipeline has built with made-up links, so that no page can show a real
one. Each message is composed and verified as for sending, then parsed as a mail program would.
`serve` shows the pages to a browser; nothing here sends or stores a message.
"""

import email
import email.policy
import hashlib
import os
import re
import unicodedata
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from email.message import EmailMessage
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

from onboarding.errors import ConfigurationError
from onboarding.files.stamps import stamp_files
from onboarding.messages.attachments import Attachment
from onboarding.messages.composer import Composer
from onboarding.messages.load import load_template_set
from onboarding.messages.mime import CALENDAR_FILE_NAME
from onboarding.messages.request import MessageRequest, ProtectedValues
from onboarding.messages.settings import BrandSettings
from onboarding.messages.templates import TemplateSet
from onboarding.model.deliveries import Message, Rejected
from onboarding.model.kinds import Kind
from onboarding.model.people import Invitee
from onboarding.reports.output_folder import write_files
from onboarding.reports.page import PAGES


@dataclass(frozen=True, slots=True)
class Preview:
    """What is previewed: each person's messages, by roster row and the message's name.

    `names` are the messages: what pages and files call them -> what people do. `scheduled` are the
    templates of the schedule. `notes` say which facts are samples, and which rows can't be shown.
    Every join link in the messages is made up. `reads_answers`: calendars are asked to answer.
    `files` travel with the messages of entries, by the entry's id.
    """

    name: str
    people: tuple[Invitee, ...]
    names: Mapping[str, str]
    requests: Mapping[tuple[int, str], MessageRequest]
    protected: ProtectedValues
    folders: tuple[Path, ...]
    brand: BrandSettings
    notes: tuple[str, ...] = ()
    reads_answers: bool = False
    scheduled: tuple[str, ...] = ()
    files: Mapping[str, tuple[Attachment, ...]] = field(
        default_factory=lambda: MappingProxyType({})
    )


@dataclass(frozen=True, slots=True)
class ParsedMessage:
    """A finished message, parsed. `pictures` are those inside it: Content-ID -> `data:` URL.

    `attached` has the name and bytes of each file that travels with it; the calendar's file is none
    of them.
    """

    headers: tuple[tuple[str, str], ...]
    subject: str
    text: str
    html: str
    calendar: str
    pictures: Mapping[str, str]
    attached: Mapping[str, int]
    size: int


@dataclass(frozen=True, slots=True)
class ComposedMessages:
    """All people's messages of one name, by roster row, made with templates of that `version`.

    `error` says what is wrong with the templates; then there is no message.
    """

    version: str
    messages: Mapping[int, Message | Rejected]
    error: ConfigurationError | None = None


ENDINGS = ("html", "txt", "eml", "ics")
"""The files of one message."""


def template_version(folders: tuple[Path, ...], logo: str) -> str:
    """Identify the state of the templates and the logo: it changes with each save."""
    # Times and not contents: an open page has this asked three times a second (`serve`).
    stamp = stamp_files([Path(logo)] if logo else [], folders)
    stamps = "\n".join(f"{file} {changed}" for file, changed in stamp)
    # A folder's name may be no UTF-8, which `encode` would refuse.
    return hashlib.sha256(os.fsencode(stamps)).hexdigest()[:16]


def compose_messages(preview: Preview, name: str) -> ComposedMessages:
    """Compose all messages of a name with the templates as they are on disk now."""
    # Before loading: what is saved in between has a newer version, so is loaded the next time.
    version = template_version(preview.folders, preview.brand.logo)
    try:
        templates = _load_templates(
            preview.folders,
            preview.brand,
            version,
            reads_answers=preview.reads_answers,
            scheduled=preview.scheduled,
        )
        templates = replace(templates, files=preview.files)
    except ConfigurationError as error:
        return ComposedMessages(version, {}, error)
    composer = Composer(templates, preview.protected)
    messages = {
        person.row: composer.compose(preview.requests[person.row, name])
        for person in preview.people
    }
    return ComposedMessages(version, messages)


# `_version` is in the key only: after a save the same folders are loaded again.
@lru_cache(maxsize=2)
def _load_templates(
    folders: tuple[Path, ...],
    brand: BrandSettings,
    _version: str,
    *,
    reads_answers: bool,
    scheduled: tuple[str, ...],
) -> TemplateSet:
    return load_template_set(folders, brand, reads_answers=reads_answers, scheduled=scheduled)


_MIME_HEADERS = frozenset({"mime-version", "content-type", "content-transfer-encoding"})


def parse_for_page(message: Message) -> ParsedMessage:
    """Parse a finished message."""
    parsed = email.message_from_bytes(message.body, policy=email.policy.default)
    leaves = [part for part in parsed.walk() if not part.is_multipart()]
    # Apart from what the message says: an attached text file is of the same type as its text.
    parts = {part.get_content_type(): part for part in leaves if not part.is_attachment()}
    attached = [part for part in leaves if part.is_attachment()]
    return ParsedMessage(
        headers=tuple(_list_headers(parsed)),
        subject=str(parsed["Subject"]),
        text=parts["text/plain"].get_content(),
        html=parts["text/html"].get_content(),
        # Not all kinds carry an entry.
        calendar=_read_calendar(parts.get("text/calendar")),
        pictures=_read_pictures(parts),
        attached=_measure_files(attached),
        size=len(message.body),
    )


def _list_headers(parsed: EmailMessage) -> list[tuple[str, str]]:
    # Decoded by the package: the page shows what a mail program shows, not encoded words.
    headers = [(name, str(value)) for name, value in parsed.items()]
    return [(name, value) for name, value in headers if name.lower() not in _MIME_HEADERS]


def _read_pictures(parts: Mapping[str, EmailMessage]) -> Mapping[str, str]:
    pictures = [part for kind, part in parts.items() if kind.startswith("image/")]
    return {str(part["Content-ID"]).strip("<>"): _data_url(part) for part in pictures}


def _measure_files(attached: Iterable[EmailMessage]) -> Mapping[str, int]:
    # The calendar's file is no file of the sender's: the page shows the calendar by itself.
    files = [part for part in attached if part.get_filename() != CALENDAR_FILE_NAME]
    return {str(part.get_filename()): _count_bytes(part) for part in files}


def _read_calendar(part: EmailMessage | None) -> str:
    return part.get_content().replace("\r\n", "\n") if part else ""


def _count_bytes(part: EmailMessage) -> int:
    return len(part.get_payload(decode=True) or b"")


def _data_url(picture: EmailMessage) -> str:
    content = b64encode(picture.get_content()).decode()
    return f"data:{picture.get_content_type()};base64,{content}"


_PREFERS = re.compile(r"\(\s*prefers-color-scheme\s*:\s*(dark|light)\s*\)", re.IGNORECASE)
ALWAYS, NEVER = "(min-width: 0)", "(max-width: 0)"
"""Media queries instead of `prefers-color-scheme`: a page can't choose the scheme of a frame."""


def render_frame(message: ParsedMessage, *, dark: bool) -> str:
    """Make a frame's HTML, as a dark or a light mail program shows it. Its links open nothing.

    A message that says nothing about dark mode stays as it is, as it does in mail programs that
    respect this.
    """
    scheme = "dark" if dark else "light"
    html = _PREFERS.sub(lambda query: ALWAYS if query[1].lower() == scheme else NEVER, message.html)
    for content_id, address in message.pictures.items():
        html = html.replace(f"cid:{content_id}", address)
    palette = f"color-scheme: {scheme};" if "color-scheme" in message.html else ""
    # A scroll bar would make the phone's page narrower. The frame's sandbox opens no windows, so a
    # click on a link does nothing: not even a made-up link is visited.
    style = f"<style>:root {{ scrollbar-width: none; {palette} }}</style>"
    # Behind the message: its doctype has to come first, and of equal rules the last one wins.
    return f'{html}{style}<base target="_blank">'


def person_folder(person: Invitee) -> str:
    """Name a person's folder: their roster row, and their name in plain ASCII letters."""
    name = unicodedata.normalize("NFKD", f"{person.first_name} {person.last_name}")
    plain = name.encode("ascii", "ignore").decode().lower()
    # The row comes first: two people may share a name, and one may have no ASCII letter in it.
    return "-".join([f"{person.row:03}", *re.findall(r"[a-z0-9]+", plain)])


def page_path(person: Invitee, name: str) -> str:
    """The path of a page, from the preview's root."""
    return f"{person_folder(person)}/{name}.page.html"


RELOAD = """
const { root, version } = document.documentElement.dataset;
const changes = new EventSource(root + "changes");
changes.onmessage = (event) => { if (event.data !== version) location.reload(); };
"""
"""The page's only script: it reloads the page when a template is saved. Files have none."""

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
    preview: Preview,
    person: Invitee,
    name: str,
    composed: ComposedMessages,
    *,
    root: str,
    live: bool,
) -> str:
    """Render one person's page.

    `root` leads from it to the preview's root; `live` pages reload themselves.
    """
    message = composed.messages.get(person.row)
    parsed = parse_for_page(message) if isinstance(message, Message) else None
    return PAGES.get_template("preview.html.j2").render(
        preview=preview,
        person=person,
        kind=preview.names[name],
        kinds=[(label, root + page_path(person, other)) for other, label in preview.names.items()],
        people=[_person_link(other, name, composed, root) for other in preview.people],
        message=parsed,
        light=render_frame(parsed, dark=False) if parsed else "",
        dark=render_frame(parsed, dark=True) if parsed else "",
        fault=message.reason if isinstance(message, Rejected) else "",
        error=composed.error,
        files={ending: root + _file_path(person, name, ending) for ending in ENDINGS},
        version=composed.version,
        root=root,
        reload=RELOAD if live else "",
        policy=POLICY,
    )


def _person_link(
    person: Invitee, name: str, composed: ComposedMessages, root: str
) -> tuple[Invitee, str, bool]:
    """Make a person's entry in the page's list; the last part is whether they have no message."""
    is_rejected = isinstance(composed.messages.get(person.row), Rejected)
    return person, root + page_path(person, name), is_rejected


def message_file(message: Message, ending: str) -> bytes:
    """Make one of a message's files: its HTML, text or calendar part, or the whole message."""
    parsed = parse_for_page(message)
    match ending:
        case "html":
            return parsed.html.encode()
        case "txt":
            return parsed.text.encode()
        case "ics":
            # RFC 5545 3.1 wants CRLF; the page shows the lines without.
            return parsed.calendar.replace("\n", "\r\n").encode()
        case _:
            return message.body


def write_preview(preview: Preview, folder: Path) -> list[str]:
    """Write every page, and every message's files, into a folder; `index.html` is the first page.

    What an earlier preview wrote there, and this one does not, is removed (`output_folder`).
    Returns a line for each message that can't be made. Raises ConfigurationError if the templates
    or the folder can't be used.
    """
    # All messages before the first file: with a broken template the folder stays as it was.
    messages = {name: compose_messages(preview, name) for name in preview.names}
    for composed in messages.values():
        if composed.error:
            raise composed.error
    try:
        write_files(folder, _preview_files(preview, messages))
    except OSError as error:
        raise ConfigurationError(
            f"{error.filename} can't be written: {error.strerror}.", hint="Choose another --out."
        ) from None
    return [
        f"{person.name}, {preview.names[name]}: {message.reason}"
        for name, composed in messages.items()
        for person in preview.people
        if isinstance(message := composed.messages[person.row], Rejected)
    ]


def _preview_files(
    preview: Preview, messages: Mapping[str, ComposedMessages]
) -> Iterator[tuple[str, bytes]]:
    first, name = preview.people[0], Kind.INVITATION.value
    index = render_page(preview, first, name, messages[name], root="", live=False)
    yield "index.html", index.encode()
    for name, composed in messages.items():
        for person in preview.people:
            page = render_page(preview, person, name, composed, root="../", live=False)
            yield page_path(person, name), page.encode()
            yield from _message_files(person, name, composed.messages[person.row])


def _message_files(
    person: Invitee, name: str, message: Message | Rejected
) -> Iterator[tuple[str, bytes]]:
    if isinstance(message, Message):
        for ending in ENDINGS:
            # Not all kinds carry a calendar entry.
            if content := message_file(message, ending):
                yield _file_path(person, name, ending), content


def _file_path(person: Invitee, name: str, ending: str) -> str:
    return f"{person_folder(person)}/{name}.{ending}"
