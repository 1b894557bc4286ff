"""What the process brings with it: its standard streams, and the environment variable `TZ`.

Printing must not stop a run in the middle. So a character that a stream's encoding lacks is written
as JSON writes it, by its number. Output that can't be written (full disk, closed pipe) is dropped
and the run continues, because mail that was sent must be recorded. A full disk is reported at the
end. A time zone that can't be read means UTC, with a warning; the C library would use UTC silently.
This module comes before everything else, so it imports nothing slow.
"""

import codecs
import errno
import io
import os
import select
import stat
import sys
import time
from collections.abc import MutableMapping
from typing import TYPE_CHECKING, TextIO

from onboarding.errors import EXIT_NEEDS_A_PERSON

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

ESCAPE_HANDLER = "onboarding.escaped"
READER_GONE = frozenset({errno.EPIPE, errno.ECONNRESET})
"""The reader closed the pipe (`| head -1`). That is no error."""

ZONE_FOLDERS = (
    "/usr/share/zoneinfo",
    "/usr/lib/zoneinfo",
    "/usr/share/lib/zoneinfo",
    "/etc/zoneinfo",
)
"""Where C libraries look for time zones, unless `TZDIR` names a folder."""

UTC_NAMES = frozenset({"UTC", "UTC0", "GMT", "GMT0", "Etc/UTC", "Etc/GMT", "Zulu", "Universal"})
"""Names that mean UTC: right even on a machine without a list of zones."""

ZONE_FILE_START = b"TZif"
"""The first bytes of a time zone file (RFC 8536 3.1)."""

SHOWN_CHARACTERS = 60
"""Characters of `TZ` that the warning repeats."""


class SteadyWriter(io.FileIO):
    """Writes to a descriptor. A write that fails counts as done."""

    lost = 0
    """The errno of the first write that failed."""

    def write(self, content: "ReadableBuffer", /) -> int:
        """Write what the descriptor takes now. What it refuses is dropped and counts as written."""
        try:
            # None means that a non-blocking pipe is full: waiting is
            # right, dropping would lose a line.
            while (written := super().write(content)) is None:
                self._wait()
        except OSError as error:
            # The first errno: later ones often follow from it. A reader
            # that is gone is judged at the end.
            self.lost = self.lost or error.errno or errno.EIO
            return memoryview(content).nbytes
        return written

    def _wait(self) -> None:
        """Wait until the reader has read: some programs give us a pipe that never blocks."""
        select.select([], [self], [])


class StandardStreams:
    """The streams that replaced the standard ones."""

    def __init__(self, output: SteadyWriter) -> None:
        self._output = output

    def exit_code(self, code: str | int | None) -> str | int | None:
        """Flush, and return the exit code: lost output turns 0 into one that needs a person."""
        # What is still in the buffer may be what can't be written, so
        # the loss is known only after this.
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        # Standard error is not looked at: there is no place left to report its loss.
        if not self._output.lost or self._output.lost in READER_GONE:
            return code
        sys.stderr.write(
            f"onboarding: the output could not be written: {os.strerror(self._output.lost)}.\n"
        )
        # A code that says more is kept: 75 asks for another run, and that is still true.
        return code or EXIT_NEEDS_A_PERSON


def replace_streams() -> StandardStreams:
    """Replace the process's standard streams with steady ones of the same encodings."""
    codecs.register_error(ESCAPE_HANDLER, _escape_characters)
    if sys.stdin is None:
        sys.stdin = open(0, closefd=False)  # noqa: SIM115 -- a descriptor, for as long as the program runs
    if isinstance(sys.stdin, io.TextIOWrapper):
        # An answer to a question must not crash; a roster is read as bytes, by its own rules.
        sys.stdin.reconfigure(errors="replace")
    # Not closed at the end: the number would be free for the next
    # file, and late output would go there.
    output = SteadyWriter(1, "w", closefd=False)
    sys.stdout = _open_text(output, sys.stdout)
    sys.stderr = _open_text(SteadyWriter(2, "w", closefd=False), sys.stderr, line_buffering=True)
    return StandardStreams(output)


def _open_text(
    raw: SteadyWriter, before: TextIO | None, *, line_buffering: bool = False
) -> io.TextIOWrapper:
    # Python has no stream for a descriptor that was closed; the
    # entry point has opened it on /dev/null.
    encoding = before.encoding if before else "utf-8"
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=encoding,
        errors=ESCAPE_HANDLER,
        line_buffering=line_buffering or raw.isatty(),
    )


def _escape_characters(error: UnicodeError) -> tuple[str, int]:
    """Write characters as JSON does, those beyond U+FFFF as a pair (RFC 8259 7)."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    units = error.object[error.start : error.end].encode("utf-16-be", "surrogatepass")
    pairs = (units[start : start + 2].hex() for start in range(0, len(units), 2))
    return "".join(f"\\u{pair}" for pair in pairs), error.end


def check_time_zone(environ: MutableMapping[str, str]) -> str:
    """Set `TZ` to UTC if it can't be read. Returns the warning for that, else an empty text."""
    zone = environ.get("TZ", "")
    if not zone or is_readable(zone, environ.get("TZDIR", "")):
        return ""
    environ["TZ"] = "UTC0"
    # The C library has read TZ before. Without this, local times would stay in the unreadable zone.
    time.tzset()
    # ASCII, since the warning is written before anything makes text harmless to a terminal.
    shown = ascii(zone)[:SHOWN_CHARACTERS]
    return (
        f"onboarding: the environment variable TZ names no time zone ({shown}): times are in UTC."
    )


def is_readable(zone: str, folder: str = "") -> bool:
    """Whether the C library can read a zone (tzset(3)).

    A zone is a file of the library's list, the path of such a file, or a rule.
    """
    name = zone.removeprefix(":")
    # A colon announces a file, so what follows it is no rule.
    if name in UTC_NAMES or (name == zone and _is_rule(name)):
        return True
    if name.startswith("/"):
        return _is_zone_file(name)
    folders = (folder,) if folder else ZONE_FOLDERS
    return any(_is_zone_file(f"{root}/{name}") for root in folders)


def _is_zone_file(path: str) -> bool:
    """Whether a path is a time zone file. A FIFO or a device is not opened: that could block."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # noqa: PTH116 -- pathlib takes time to import
            return False
        # O_NONBLOCK although it is a regular file: it may have been
        # exchanged since the look at its mode.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            return os.read(descriptor, len(ZONE_FILE_START)) == ZONE_FILE_START
        finally:
            os.close(descriptor)
    except (OSError, ValueError):
        return False


def _is_rule(text: str) -> bool:
    """Whether a text begins as a rule does (POSIX 8.3).

    That is a name of three letters or more, or one in `<>`, and the hours from UTC.
    """
    if text.startswith("<"):
        name, closed, rest = text[1:].partition(">")
        return bool(name and closed) and _is_offset(rest)
    letters = len(text) - len(text.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"))
    return letters >= 3 and _is_offset(text[letters:])  # noqa: PLR2004 -- POSIX's own number


def _is_offset(text: str) -> bool:
    """Whether hours come next, at most 24."""
    unsigned = text[1:] if text[:1] in {"+", "-"} else text
    hours = unsigned[: len(unsigned) - len(unsigned.lstrip("0123456789"))]
    return len(hours) in {1, 2} and int(hours) <= 24  # noqa: PLR2004 -- POSIX's own number
