"""Files that users name: a regular file is read, a stream has to go on, no other is opened."""

import asyncio
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from onboarding.files.read import UnsuitableFile, check_file, read_file, read_stream, read_text

MOST = 100_000


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Iterator[Path]:
    """A folder with one of each kind, entered, because a socket's path has to be short."""
    monkeypatch.chdir(tmp_path)
    os.mkfifo("fifo")
    Path("directory").mkdir()
    Path("link-to-fifo").symlink_to("fifo")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind("socket")
        yield Path()


KINDS = [
    ("fifo", "it is a FIFO, and not a regular file"),
    ("link-to-fifo", "it is a FIFO, and not a regular file"),
    ("directory", "it is a directory, and not a regular file"),
    ("socket", "it is a socket, and not a regular file"),
    ("/dev/zero", "it is a device, and not a regular file"),
    ("/dev/tty", "it is a device, and not a regular file"),
    ("missing", "No such file or directory"),
    ("directory/../fifo/below", "Not a directory"),
]


@pytest.mark.parametrize("read", [read_file, read_text, check_file])
@pytest.mark.parametrize(("name", "why"), KINDS)
def test_only_a_regular_file_is_read(folder, name, why, read):
    with pytest.raises(OSError) as caught:  # noqa: PT011 -- its words are looked at below
        read(folder / name)

    assert caught.value.strerror == why


def test_regular_file_is_read_to_its_last_byte(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(content := os.urandom(MOST))

    assert read_file(path, MOST) == content
    check_file(path, MOST)


@pytest.mark.parametrize("read", [read_file, check_file])
def test_file_that_is_larger_than_it_may_be_is_not_read(tmp_path, read):
    path = tmp_path / "file"
    path.write_bytes(b" " * (2 * 1024**2 + 1))

    with pytest.raises(UnsuitableFile, match="it is larger than 2 MB"):
        read(path, 2 * 1024**2)


@pytest.mark.skipif(
    not Path("/proc/self/maps").exists(), reason="only Linux has files that hide their size"
)
def test_file_that_claims_to_be_empty_is_bounded_too():
    assert Path("/proc/self/maps").stat().st_size == 0
    with pytest.raises(UnsuitableFile):
        read_file(Path("/proc/self/maps"), 100)


@pytest.mark.parametrize("content", ["Größe\n", "\ufeffGröße\n", "Größe\r\n", "Größe\r"])
def test_text_is_utf_8_with_or_without_a_byte_order_mark(tmp_path, content):
    path = tmp_path / "file"
    path.write_bytes(content.encode())

    assert read_text(path) == "Größe\n"


# --- streams ---


@contextmanager
def _open_to_write(fifo: Path) -> Iterator[int]:
    """Open a FIFO as its writer. For reading too, because that waits for no other reader."""
    descriptor = os.open(fifo, os.O_RDWR)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@pytest.mark.anyio
async def test_fifo_is_read_to_its_end_in_however_many_pieces_it_comes(folder):
    with _open_to_write(folder / "fifo") as descriptor:
        reading = asyncio.create_task(read_stream(folder / "fifo", MOST))
        for piece in (b"first ", b"second ", b"third"):
            await asyncio.to_thread(os.write, descriptor, piece)

    assert await reading == b"first second third"


@pytest.mark.anyio
async def test_fifo_whose_writer_comes_after_a_while_is_waited_for(folder):
    reading = asyncio.create_task(read_stream(folder / "fifo", MOST))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(reading), 0.05)
    (folder / "fifo").write_bytes(b"late")

    assert await reading == b"late"


@pytest.mark.anyio
async def test_fifo_that_is_silent_is_given_up(folder):
    with pytest.raises(UnsuitableFile, match=r"nothing came for 0\.05 seconds"):
        await read_stream(folder / "fifo", MOST, patience=0.05)


@pytest.mark.anyio
async def test_fifo_that_stands_still_in_the_middle_is_given_up(folder):
    with _open_to_write(folder / "fifo") as descriptor:
        os.write(descriptor, b"first")
        with pytest.raises(UnsuitableFile, match="nothing came for"):
            await read_stream(folder / "fifo", MOST, patience=0.05)


async def _drip(descriptor: int, enough: asyncio.Event) -> None:
    while not enough.is_set():
        await asyncio.to_thread(os.write, descriptor, b".")


@pytest.mark.anyio
async def test_stream_that_drips_for_ever_is_given_up():
    read_end, write_end = os.pipe()
    enough = asyncio.Event()
    dripping = asyncio.create_task(_drip(write_end, enough))
    try:
        with pytest.raises(UnsuitableFile, match=r"it had not come to its end after 0\.2 seconds"):
            await read_stream(read_end, MOST, longest=0.2)
    finally:
        enough.set()
        await dripping
        os.close(read_end)
        os.close(write_end)


@pytest.mark.anyio
async def test_stream_that_never_ends_is_cut_at_its_limit(folder):
    process = await asyncio.create_subprocess_exec(
        "sh", "-c", "exec yes >fifo", cwd=folder, stderr=-3
    )

    with pytest.raises(UnsuitableFile, match="it is larger than"):
        await read_stream(folder / "fifo", MOST)

    assert await process.wait() != 0


@pytest.mark.anyio
@pytest.mark.parametrize("name", ["/dev/zero", "/dev/null", "/dev/tty", "socket", "directory"])
async def test_path_that_is_neither_file_nor_pipe_is_no_stream(folder, name):
    with pytest.raises(UnsuitableFile, match="and neither a regular file nor a pipe"):
        await read_stream(folder / name, MOST)


@pytest.mark.anyio
async def test_regular_file_is_a_stream_too_by_path_and_by_descriptor(folder):
    (folder / "file").write_bytes(b"content")

    with (folder / "file").open("rb") as opened:
        assert await read_stream(opened.fileno(), MOST) == b"content"
    assert await read_stream(folder / "file", MOST) == b"content"


@pytest.mark.anyio
async def test_socket_that_is_open_already_is_a_stream():
    """Programs such as Node give their children sockets for standard input."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(b"content")
        theirs.shutdown(socket.SHUT_WR)

        assert await read_stream(ours.fileno(), MOST) == b"content"


@pytest.mark.anyio
async def test_device_that_is_open_already_is_no_stream():
    opened = os.open("/dev/zero", os.O_RDONLY)
    try:
        with pytest.raises(UnsuitableFile, match="it is a device"):
            await read_stream(opened, MOST)
    finally:
        os.close(opened)
