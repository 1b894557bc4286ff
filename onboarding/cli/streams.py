"""The three standard streams, made so that nothing that is printed or asked can end a run in the middle.

A character that a stream's encoding lacks is written as JSON writes it, by its number. What can't be written
(a full disk, a reader who has left) is lost, and the run goes on: mail that was sent must be written down. Only a full
disk is reported, at the end. Imports nothing that takes time.
"""

import codecs
import errno
import io
import os
import sys
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

ESCAPED = "onboarding.escaped"
NEEDS_A_PERSON = 1
GONE = frozenset({errno.EPIPE, errno.ECONNRESET})
"""The reader has left (`| head -1`): they have what they wanted."""


class Steady(io.FileIO):
    """A descriptor to write to. A write that fails counts as done; the first reason is kept in `lost`."""

    lost = 0

    def write(self, content: "ReadableBuffer", /) -> int:
        """Write as much as goes; what can't be written is taken all the same."""
        try:
            while (written := super().write(content)) is None:
                self._wait()
        except OSError as error:
            self.lost = self.lost or error.errno or errno.EIO
            return memoryview(content).nbytes
        return written

    def _wait(self) -> None:
        """Wait until the other end has read: some programs hand over pipes that never wait by themselves."""
        import select

        select.select([], [self], [])


class Streams:
    """What was put in place of the standard streams."""

    def __init__(self, output: Steady) -> None:
        self._output = output

    def exit_code(self, code: str | int | None) -> str | int | None:
        """Give the exit code that is right now that everything was written: output that was lost needs a person."""
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        if not self._output.lost or self._output.lost in GONE:
            return code
        sys.stderr.write(f"onboarding: the output could not be written: {os.strerror(self._output.lost)}.\n")
        return code or NEEDS_A_PERSON


def hold() -> Streams:
    """Put steady streams in place of the process's own, in the encodings that those had."""
    codecs.register_error(ESCAPED, _escaped)
    if sys.stdin is None:
        sys.stdin = open(0, closefd=False)  # noqa: SIM115 -- a descriptor, for as long as the program runs
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="replace")
    output = Steady(1, "w", closefd=False)
    sys.stdout = _text(output, sys.stdout)
    sys.stderr = _text(Steady(2, "w", closefd=False), sys.stderr, line_buffering=True)
    return Streams(output)


def _text(raw: Steady, before: TextIO | None, *, line_buffering: bool = False) -> io.TextIOWrapper:
    encoding = before.encoding if before else "utf-8"
    return io.TextIOWrapper(
        io.BufferedWriter(raw), encoding=encoding, errors=ESCAPED, line_buffering=line_buffering or raw.isatty()
    )


def _escaped(error: UnicodeError) -> tuple[str, int]:
    """Write characters as JSON does, those beyond U+FFFF as a pair (RFC 8259 7)."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    units = error.object[error.start : error.end].encode("utf-16-be", "surrogatepass")
    pairs = (units[at : at + 2].hex() for at in range(0, len(units), 2))
    return "".join(f"\\u{pair}" for pair in pairs), error.end
