"""Reads every file that a user names. None of them can block the program or fill its memory.

Opening a FIFO without a writer waits for ever, a device never ends, and opening some devices does
harm. So `read_file` takes regular files only; a roster may also be a stream (`read_stream`), which
must not stand still. Knows no format. Every fault is an `OSError`; the caller makes the message
from its `strerror` and the file's name.
"""

import asyncio
import errno
import io
import os
import stat
from pathlib import Path

MEGABYTE = 1024 * 1024

MOST_BYTES = 8 * MEGABYTE
"""Bytes of a file that people make: configuration, secret, template, logo, certificates."""

STREAM_TIMEOUT = 60.0
"""Seconds without a byte after which we give a stream up."""

MAX_STREAM_SECONDS = 600.0
"""Seconds that a stream may take as a whole, even if bytes keep coming."""

READ_SIZE = 65536

_KIND_NAMES = {
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}


class UnsuitableFile(OSError):
    """A file that we refuse to read: no regular file, too large, or a stream that stands still."""

    def __init__(self, reason: str) -> None:
        super().__init__(errno.EINVAL, reason)


def read_file(path: Path, most: int = MOST_BYTES) -> bytes:
    """Read a regular file of at most `most` bytes. Raises `OSError`, never waits."""
    descriptor = _open_checked(path, stat.S_IFREG)
    try:
        return _read_to_end(descriptor, most)
    finally:
        os.close(descriptor)


def read_text(path: Path, most: int = MOST_BYTES) -> str:
    """Read a regular file as UTF-8, with or without a byte order mark.

    Every line end becomes a line feed, as with Python's own `open`. Raises `OSError` or
    `UnicodeDecodeError`.
    """
    return io.StringIO(read_file(path, most).decode("utf-8-sig"), newline=None).read()


def check_file(path: Path, most: int = MOST_BYTES) -> None:
    """Check a file before a library opens it. Raises `OSError` as `read_file` does."""
    descriptor = _open_checked(path, stat.S_IFREG)
    try:
        # The library opens the name once more. So this guards against mistakes, not against a swap.
        _check_size(os.fstat(descriptor).st_size, most)
    finally:
        os.close(descriptor)


async def read_stream(
    source: Path | int,
    most: int,
    *,
    patience: float = STREAM_TIMEOUT,
    longest: float = MAX_STREAM_SECONDS,
) -> bytes:
    """Read a regular file, or a stream to its end: a FIFO, or an open descriptor of no device.

    At most `most` bytes. `patience` and `longest` are seconds: without a byte, and as a whole.
    Raises `OSError`.
    """
    # It is open already, so opening can do no more harm: sockets are allowed too.
    if isinstance(source, int):
        _check_kind(os.fstat(source).st_mode, stat.S_IFREG, stat.S_IFIFO, stat.S_IFSOCK)
        return await _read_all(source, most, patience, longest)
    descriptor = _open_checked(source, stat.S_IFREG, stat.S_IFIFO)
    try:
        return await _read_all(descriptor, most, patience, longest)
    finally:
        os.close(descriptor)


def _open_checked(path: Path, *kinds: int) -> int:
    """Open a file of one of these kinds for reading.

    Checked before, because opening a device may already do something, and again after, because it
    may have been replaced meanwhile. Without O_NONBLOCK, opening a FIFO would wait for its writer.
    """
    _check_kind(path.stat().st_mode, *kinds)
    # O_NOCTTY: a terminal in the file's place must not become the one that controls us.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        _check_kind(os.fstat(descriptor).st_mode, *kinds)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _check_kind(mode: int, *kinds: int) -> None:
    kind = stat.S_IFMT(mode)
    if kind not in kinds:
        lacks = (
            "neither a regular file nor a pipe" if stat.S_IFIFO in kinds else "not a regular file"
        )
        raise UnsuitableFile(f"it is {_KIND_NAMES.get(kind, 'something else')}, and {lacks}")


def _check_size(size: int, most: int) -> None:
    if size > most:
        # Rounded: limits of mail count in millions of bytes, those of files in 1,024 times 1,024.
        raise UnsuitableFile(f"it is larger than {round(most / MEGABYTE)} MB")


def _read_to_end(descriptor: int, most: int) -> bytes:
    """Read a regular file to its end, at most `most` bytes."""
    # The file's size can't be used: files in /proc claim to have size 0.
    content = bytearray()
    while chunk := os.read(descriptor, READ_SIZE):
        content += chunk
        _check_size(len(content), most)
    return bytes(content)


async def _read_all(descriptor: int, most: int, patience: float, longest: float) -> bytes:
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return _read_to_end(descriptor, most)
    content = bytearray()
    try:
        async with asyncio.timeout(longest):
            while chunk := await _read_next(descriptor, patience):
                content += chunk
                _check_size(len(content), most)
    except TimeoutError:
        raise UnsuitableFile(f"it had not come to its end after {longest:g} seconds") from None
    return bytes(content)


async def _read_next(descriptor: int, patience: float) -> bytes:
    """Wait for bytes and read them; empty at the stream's end."""
    while True:
        try:
            async with asyncio.timeout(patience):
                # Before the first read: a FIFO without a writer would seem to be at its end.
                await _wait_readable(descriptor)
        except TimeoutError:
            raise UnsuitableFile(f"nothing came for {patience:g} seconds") from None
        try:
            # On a blocking descriptor, too, this gives what is there and does not wait for more.
            return os.read(descriptor, READ_SIZE)
        except BlockingIOError:
            # The system may wake us for nothing (select(2)).
            continue


async def _wait_readable(descriptor: int) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(descriptor, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(descriptor)
