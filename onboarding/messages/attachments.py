"""Files that travel with the messages of a schedule's entry: read once, and looked at before.

A file is admitted by its type, which its name and its first bytes have to agree on. Nothing that a
click starts is admitted: no programs or scripts, no documents with macros, no archives that hold
any of these or that can't be looked into. Sends nothing; `mime` attaches what is read here.
"""

import base64
import hashlib
import io
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from onboarding.errors import ConfigurationError
from onboarding.files.read import read_file

MILLION = 1_000_000

MOST_ATTACHED = 5 * MILLION
"""Bytes of all files of one message.

Many servers refuse messages above 10 MB, and a file grows by a third on its way (RFC 2045 6.8).
"""

MOST_IN_ARCHIVE = 1000
"""Files in an archive that are looked at; one with more is refused."""

TEXT, ZIPPED = "", "PK\x03\x04"
"""What a file begins with: a text may begin with anything."""

OFFICE = "application/vnd.openxmlformats-officedocument"
OPEN_DOCUMENT = "application/vnd.oasis.opendocument"

ADMITTED: dict[str, tuple[str, tuple[str, ...]]] = {
    ".pdf": ("application/pdf", ("%PDF-",)),
    ".png": ("image/png", ("\x89PNG\r\n\x1a\n",)),
    ".jpg": ("image/jpeg", ("\xff\xd8\xff",)),
    ".jpeg": ("image/jpeg", ("\xff\xd8\xff",)),
    ".gif": ("image/gif", ("GIF87a", "GIF89a")),
    ".txt": ("text/plain", (TEXT,)),
    ".md": ("text/markdown", (TEXT,)),
    ".csv": ("text/csv", (TEXT,)),
    ".docx": (f"{OFFICE}.wordprocessingml.document", (ZIPPED,)),
    ".xlsx": (f"{OFFICE}.spreadsheetml.sheet", (ZIPPED,)),
    ".pptx": (f"{OFFICE}.presentationml.presentation", (ZIPPED,)),
    ".odt": (f"{OPEN_DOCUMENT}.text", (ZIPPED,)),
    ".ods": (f"{OPEN_DOCUMENT}.spreadsheet", (ZIPPED,)),
    ".odp": (f"{OPEN_DOCUMENT}.presentation", (ZIPPED,)),
    ".zip": ("application/zip", (ZIPPED,)),
}
"""Admitted endings: the media type, and what such a file begins with (Latin-1)."""

PROGRAM = "it is a program, or starts one"
SCRIPTED = "it can run a script when it is opened"
MACROS = "it can hold macros"
CLOSED = "what is in it can't be looked into"
CALENDAR_IS_THERE = "invitations carry the calendar entry already"

REFUSED = {
    **dict.fromkeys(
        (
            *(".exe", ".com", ".scr", ".pif", ".msi", ".msp", ".dll", ".cpl", ".bat", ".cmd"),
            *(".ps1", ".psm1", ".vbs", ".vbe", ".js", ".jse", ".wsf", ".wsh", ".hta", ".lnk"),
            *(".url", ".scf", ".reg", ".inf", ".jar", ".jnlp", ".class", ".sh", ".bash", ".py"),
            *(".pl", ".rb", ".php", ".app", ".command", ".dmg", ".pkg", ".deb", ".rpm", ".apk"),
            *(".appimage", ".run", ".bin", ".elf", ".so", ".gadget", ".application", ".desktop"),
        ),
        PROGRAM,
    ),
    **dict.fromkeys((".html", ".htm", ".xhtml", ".svg", ".mht", ".mhtml", ".xml"), SCRIPTED),
    **dict.fromkeys(
        (
            *(".doc", ".dot", ".xls", ".xlt", ".ppt", ".pot", ".pps", ".rtf", ".docm", ".dotm"),
            *(".xlsm", ".xltm", ".xlsb", ".xlam", ".pptm", ".potm", ".ppsm", ".ppam", ".one"),
        ),
        MACROS,
    ),
    **dict.fromkeys(
        (".7z", ".rar", ".gz", ".tgz", ".bz2", ".xz", ".tar", ".iso", ".img", ".cab", ".vhd"),
        CLOSED,
    ),
    **dict.fromkeys((".ics", ".vcs"), CALENDAR_IS_THERE),
}
"""Endings that are refused, with the reason."""

BEGINS_A_PROGRAM = (
    b"MZ",
    b"\x7fELF",
    b"#!",
    b"\xca\xfe\xba\xbe",
    b"\xfe\xed\xfa\xce",
    b"\xfe\xed\xfa\xcf",
    b"\xce\xfa\xed\xfe",
    b"\xcf\xfa\xed\xfe",
)
"""First bytes of programs for Windows, Linux, Java and macOS, and of scripts."""

ACTS_IN_PDF = (b"/JavaScript", b"/Launch", b"/EmbeddedFile")
"""Names in a PDF that run a script, start a program or hold another file (ISO 32000-1, 12.6.4)."""

MACROS_INSIDE = ("vbaproject.bin", "basic/", "scripts/")
"""Where documents keep their macros: Office Open XML, and OpenDocument."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file as it travels: `encoded` is its content in base64, with CRLF (RFC 2045 6.8)."""

    name: str
    media_type: str
    sha256: str
    content: bytes = field(repr=False)
    encoded: bytes = field(repr=False)


def read_attachments(paths: Sequence[Path], folder: Path) -> tuple[Attachment, ...]:
    """Read the files of one message; `folder` is that of config.toml.

    Raises `ConfigurationError` that names the file and says why it can't be attached.
    """
    files = tuple(_read_attachment(path, folder) for path in paths)
    if repeated := _find_repeated(file.name.lower() for file in files):
        raise ConfigurationError(
            f"Two attached files are called {repeated}.", hint="Give them different names."
        )
    size = sum(len(file.content) for file in files)
    if size > MOST_ATTACHED:
        raise ConfigurationError(
            f"The attached files have {size / MILLION:.1f} MB together; "
            f"{MOST_ATTACHED // MILLION} MB is the most.",
            hint="Put large files on the web, and write their address in the template.",
        )
    return files


def _find_repeated(names: Iterable[str]) -> str:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return ""


def _read_attachment(path: Path, folder: Path) -> Attachment:
    if not _is_at_home(path, folder):
        raise _make_refusal(
            path, f"it is a link that leads elsewhere, to {path.resolve()}", COPY_IT
        )
    try:
        status = path.stat()
    except OSError as error:
        raise _make_refusal(path, f"{error.strerror}", "Check attach in [messages].") from error
    # In the key: a file that was saved again is read again, by the next run.
    return _read_once(path, status.st_mtime_ns, status.st_size)


COPY_IT = "Copy the file to the folder of config.toml."


def _is_at_home(path: Path, folder: Path) -> bool:
    """Whether a file is where its name says, or below config.toml's folder, all links followed."""
    real = path.resolve()
    # The folder itself may be a link, as a template folder may.
    return any(real.is_relative_to(home.resolve()) for home in (path.parent, folder))


@lru_cache(maxsize=64)
def _read_once(path: Path, _changed: int, _size: int) -> Attachment:
    try:
        content = read_file(path, MOST_ATTACHED)
    except OSError as error:
        raise _make_refusal(path, f"{error.strerror}", "Check attach in [messages].") from error
    media_type = _find_type(path, content)
    return Attachment(
        name=path.name,
        media_type=media_type,
        sha256=hashlib.sha256(content).hexdigest(),
        content=content,
        encoded=base64.encodebytes(content).replace(b"\n", b"\r\n"),
    )


def _find_type(path: Path, content: bytes) -> str:
    """Find the media type. Raises `ConfigurationError` for a file that is not admitted."""
    if not path.name.isprintable():
        raise _make_refusal(path, "its name has characters that can't be shown", "Rename it.")
    ending = path.suffix.lower()
    if reason := REFUSED.get(ending):
        raise _make_refusal(path, reason, INSTEAD)
    if ending not in ADMITTED:
        raise _make_refusal(path, "its type is not one of those that may be attached", INSTEAD)
    if not content:
        raise _make_refusal(path, "it is empty", "Save it again.")
    if content.startswith(BEGINS_A_PROGRAM):
        raise _make_refusal(path, PROGRAM, INSTEAD)
    media_type, beginnings = ADMITTED[ending]
    if not content.startswith(tuple(begin.encode("latin-1") for begin in beginnings)):
        raise _make_refusal(path, f"its content is not that of a {ending} file", "Save it again.")
    if reason := _find_danger(ending, content):
        raise _make_refusal(path, reason, INSTEAD)
    return media_type


INSTEAD = f"Attach {', '.join(sorted(ADMITTED))}; for all else, write an address in the template."


def _find_danger(ending: str, content: bytes) -> str:
    """Say what in a file of an admitted type may not be there; empty if nothing is."""
    beginning = ADMITTED[ending][1][0]
    if beginning == TEXT:
        return _find_binary(content)
    if beginning == ZIPPED:
        return _look_into_archive(ending, content)
    has_acts = ending == ".pdf" and any(name in content for name in ACTS_IN_PDF)
    return SCRIPTED if has_acts else ""


def _find_binary(content: bytes) -> str:
    try:
        is_text = "\0" not in content.decode("utf-8-sig")
    except UnicodeDecodeError:
        is_text = False
    return "" if is_text else "it is not text in UTF-8"


def _look_into_archive(ending: str, content: bytes) -> str:
    """Say what in an archive, or in a document that is one, may not be there."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            files = [entry for entry in archive.infolist() if not entry.is_dir()]
            if len(files) > MOST_IN_ARCHIVE:
                return f"it holds more than {MOST_IN_ARCHIVE:,} files"
            found = (_find_danger_inside(ending, archive, entry) for entry in files)
            return next(filter(None, found), "")
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, ValueError, EOFError):
        # What `zipfile` raises for archives that are damaged, or packed in a way it can't read.
        return CLOSED


ENCRYPTED = 0x1
"""The flag of an encrypted file in an archive (APPNOTE.TXT 4.4.4)."""


def _find_danger_inside(ending: str, archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> str:
    name = entry.filename.lower()
    if entry.flag_bits & ENCRYPTED:
        return CLOSED
    if ending != ".zip":
        has_macros = name.endswith(MACROS_INSIDE[0]) or name.startswith(MACROS_INSIDE[1:])
        return MACROS if has_macros else ""
    inner = Path(name).suffix
    with archive.open(entry) as opened:
        # Only the beginning: a few bytes may unpack to gigabytes.
        begins_a_program = opened.read(4).startswith(BEGINS_A_PROGRAM)
    if begins_a_program or (inner in REFUSED and REFUSED[inner] is not CALENDAR_IS_THERE):
        return f"it holds {printable_name(entry)}: {REFUSED.get(inner, PROGRAM)}"
    return CLOSED if inner == ".zip" else ""


def printable_name(entry: zipfile.ZipInfo) -> str:
    """Make the name of a file in an archive safe to show: it may hold anything."""
    return "".join(letter for letter in entry.filename if letter.isprintable())[:80]


def _make_refusal(path: Path, reason: str, hint: str) -> ConfigurationError:
    return ConfigurationError(f"{path} can't be attached: {reason}.", hint=hint)
