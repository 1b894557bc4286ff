"""Opens every file that a user names, so that none of them can hold the program up or fill its memory.

A FIFO without a writer waits for ever when it is opened, a device never ends, and opening some devices does harm. So
`read_file` takes regular files only; a roster may also be a stream (`read_stream`), which has to go on. Knows no
format. Every fault is an `OSError`, whose `strerror` the caller puts into words with the file's name.
"""

import asyncio
import errno
import io
import os
import stat
from pathlib import Path

MEGABYTE = 1024 * 1024

MOST_BYTES = 8 * MEGABYTE
"""Bytes of a file that people write or draw: configuration, secret, template, logo, certificates."""

PATIENCE = 60.0
"""Seconds without a byte after which a stream is given up."""

LONGEST_STREAM = 600.0
"""Seconds that a stream may take as a whole, however busy it is."""

PIECE = 65536

_WORDS = {
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}


class UnsuitableFile(OSError):
    """A file that is there and may be read, but is not: no regular file, too large, or a stream that stands still."""

    def __init__(self, why: str) -> None:
        super().__init__(errno.EINVAL, why)


def read_file(path: Path, most: int = MOST_BYTES) -> bytes:
    """Read a regular file of at most `most` bytes. Raises `OSError`, never waits."""
    descriptor = _open(path, stat.S_IFREG)
    try:
        return _rest(descriptor, most)
    finally:
        os.close(descriptor)


def read_text(path: Path, most: int = MOST_BYTES) -> str:
    """Read a regular file as UTF-8, with or without a byte order mark. Raises `OSError` or `UnicodeDecodeError`.

    Every line end becomes a line feed, as Python's own `open` has it.
    """
    return io.StringIO(read_file(path, most).decode("utf-8-sig"), newline=None).read()


def check_file(path: Path, most: int = MOST_BYTES) -> None:
    """Raise `OSError` unless a library that opens files itself may be given this one."""
    descriptor = _open(path, stat.S_IFREG)
    try:
        _check_size(os.fstat(descriptor).st_size, most)
    finally:
        os.close(descriptor)


async def read_stream(
    source: Path | int, most: int, *, patience: float = PATIENCE, longest: float = LONGEST_STREAM
) -> bytes:
    """Read a regular file, or a stream until its end: a FIFO by its path, or any open descriptor that is no device.

    At most `most` bytes. `patience` and `longest` are seconds: without a byte, and as a whole. Raises `OSError`.
    """
    if isinstance(source, int):
        _check_kind(os.fstat(source).st_mode, stat.S_IFREG, stat.S_IFIFO, stat.S_IFSOCK)
        return await _all_of(source, most, patience, longest)
    descriptor = _open(source, stat.S_IFREG, stat.S_IFIFO)
    try:
        return await _all_of(descriptor, most, patience, longest)
    finally:
        os.close(descriptor)


def _open(path: Path, *kinds: int) -> int:
    """Open a file of one of these kinds for reading.

    It is looked at before, because opening a device may already do something, and again after: it may have been
    replaced. Without O_NONBLOCK, opening a FIFO would wait for its writer.
    """
    _check_kind(path.stat().st_mode, *kinds)
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
        wanted = "and neither a regular file nor a pipe" if stat.S_IFIFO in kinds else "and not a regular file"
        raise UnsuitableFile(f"it is {_WORDS.get(kind, 'something else')}, {wanted}")


def _check_size(size: int, most: int) -> None:
    if size > most:
        raise UnsuitableFile(f"it is larger than {most // MEGABYTE} MB")


def _rest(descriptor: int, most: int) -> bytes:
    """Read a regular file to its end; its size alone is no bound, since some files (in /proc) claim to have none."""
    content = bytearray()
    while piece := os.read(descriptor, PIECE):
        content += piece
        _check_size(len(content), most)
    return bytes(content)


async def _all_of(descriptor: int, most: int, patience: float, longest: float) -> bytes:
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return _rest(descriptor, most)
    content = bytearray()
    try:
        async with asyncio.timeout(longest):
            while piece := await _next_piece(descriptor, patience):
                content += piece
                _check_size(len(content), most)
    except TimeoutError:
        raise UnsuitableFile(f"it had not come to its end after {longest:g} seconds") from None
    return bytes(content)


async def _next_piece(descriptor: int, patience: float) -> bytes:
    """Wait for bytes, which are empty at the stream's end."""
    while True:
        try:
            async with asyncio.timeout(patience):
                await _readable(descriptor)
        except TimeoutError:
            raise UnsuitableFile(f"nothing came for {patience:g} seconds") from None
        try:
            return os.read(descriptor, PIECE)
        except BlockingIOError:
            continue  # the system may wake us for nothing (select(2))


async def _readable(descriptor: int) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(descriptor, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(descriptor)
