"""The three standard streams, made so that printing can't stop a run in the middle.

A character that a stream's encoding lacks is written as JSON writes it, by its number. Output that
can't be written (full disk, closed pipe) is dropped and the run continues, because mail that was
sent must be recorded. A full disk is reported at the end. It imports nothing slow, since it comes
before everything else.
"""

import codecs
import errno
import io
import os
import select
import sys
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

ESCAPE_HANDLER = "onboarding.escaped"
NEEDS_A_PERSON = 1
READER_GONE = frozenset({errno.EPIPE, errno.ECONNRESET})
"""The reader closed the pipe (`| head -1`). That is no error."""


class SteadyWriter(io.FileIO):
    """Writes to a descriptor. A write that fails counts as done; `lost` is the errno of the first one, or 0."""

    lost = 0

    def write(self, content: "ReadableBuffer", /) -> int:
        """Write what the descriptor takes now. What it refuses is dropped and counts as written."""
        try:
            while (written := super().write(content)) is None:
                self._wait()
        except OSError as error:
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
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        if not self._output.lost or self._output.lost in READER_GONE:
            return code
        sys.stderr.write(
            f"onboarding: the output could not be written: {os.strerror(self._output.lost)}.\n"
        )
        return code or NEEDS_A_PERSON


def replace_streams() -> StandardStreams:
    """Replace the process's standard streams with steady ones of the same encodings."""
    codecs.register_error(ESCAPE_HANDLER, _escape_characters)
    if sys.stdin is None:
        sys.stdin = open(0, closefd=False)  # noqa: SIM115 -- a descriptor, for as long as the program runs
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="replace")
    output = SteadyWriter(1, "w", closefd=False)
    sys.stdout = _open_text(output, sys.stdout)
    sys.stderr = _open_text(SteadyWriter(2, "w", closefd=False), sys.stderr, line_buffering=True)
    return StandardStreams(output)


def _open_text(
    raw: SteadyWriter, before: TextIO | None, *, line_buffering: bool = False
) -> io.TextIOWrapper:
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
