"""Reports and previews on the disk: new files are private, old ones keep their modes."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from onboarding.files.write import write_file
from tests.users import NOBODY, needs_root, open_folder

MORE = b"more than was there before"


@pytest.fixture
def open_umask():
    """What the program does not restrict itself is open to all users."""
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777


@pytest.mark.usefixtures("open_umask")
def test_new_file_is_private(tmp_path):
    write_file(tmp_path / "report.html", MORE)
    assert (mode(tmp_path / "report.html"), (tmp_path / "report.html").read_bytes()) == (
        0o600,
        MORE,
    )


@pytest.mark.usefixtures("open_umask")
def test_new_file_where_a_link_leads_is_private(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "new.csv")
    write_file(tmp_path / "link", MORE)
    assert (mode(tmp_path / "new.csv"), (tmp_path / "link").is_symlink()) == (0o600, True)


@pytest.mark.parametrize("kept", [0o644, 0o660, 0o600, 0o640])
def test_file_that_is_there_keeps_its_mode_and_is_replaced_whole(tmp_path, kept):
    path = tmp_path / "report.html"
    path.write_bytes(b"old")
    path.chmod(kept)
    with path.open("rb") as reader:
        write_file(path, MORE)
        assert reader.read() == b"old"
    assert (mode(path), path.read_bytes(), [*tmp_path.iterdir()]) == (kept, MORE, [path])


def test_link_stays_a_link_and_a_second_name_stays_the_same_file(tmp_path):
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to("real")
    write_file(tmp_path / "link", b"once")
    (tmp_path / "second").hardlink_to(tmp_path / "real")
    write_file(tmp_path / "second", MORE)

    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == MORE


def test_pipe_is_written_into(tmp_path):
    """As by `report -o >(program)`."""
    os.mkfifo(tmp_path / "pipe")
    with subprocess.Popen(["cat", tmp_path / "pipe"], stdout=subprocess.PIPE) as reader:
        write_file(tmp_path / "pipe", MORE)
        assert reader.communicate()[0] == MORE


def _as_another_user(script: str, *arguments: Path) -> str:
    """Run Python as another user, in no group."""
    # Imports come first: that user may not read root's interpreter.
    start = (
        "import os, sys, tempfile, shutil\nfrom pathlib import Path\n"
        "from onboarding.files.write import write_file\n"
        f"os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})\n"
    )
    command = [sys.executable, "-c", start + script, *arguments]
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout


@needs_root
def test_file_of_another_user_is_written_in_place_and_stays_theirs():
    with open_folder() as folder:
        folder.chmod(0o777)
        path = folder / "report.html"
        path.write_bytes(b"old")
        path.chmod(0o666)
        before = path.stat().st_ino
        _as_another_user("write_file(Path(sys.argv[1]), b'new')", path)
        after = path.stat()
        assert (path.read_bytes(), after.st_uid, after.st_mode & 0o777, after.st_ino) == (
            b"new",
            0,
            0o666,
            before,
        )
        assert [*folder.iterdir()] == [path]


@needs_root
def test_file_of_another_user_that_root_replaces_stays_theirs(tmp_path):
    path = tmp_path / "report.html"
    path.write_bytes(b"old")
    os.chown(path, NOBODY, NOBODY)
    write_file(path, MORE)
    assert (path.read_bytes(), path.stat().st_uid, path.stat().st_gid) == (MORE, NOBODY, NOBODY)


@needs_root
def test_file_that_was_closed_on_purpose_is_not_replaced():
    with open_folder() as folder:
        path = folder / "report.html"
        path.write_bytes(b"old")
        os.chown(path, NOBODY, NOBODY)
        os.chown(folder, NOBODY, NOBODY)
        path.chmod(0o444)
        script = (
            "try: write_file(Path(sys.argv[1]), b'new')\nexcept PermissionError: print('refused')"
        )
        assert (_as_another_user(script, path), path.read_bytes()) == ("refused\n", b"old")


@pytest.mark.parametrize("is_there", [True, False])
def test_full_disk_leaves_what_was_there(tmp_path, is_there):
    """A limit on the size of files does what a full disk does: a write in the middle fails."""
    path = tmp_path / "report.html"
    if is_there:
        path.write_bytes(b"old")
    script = (
        "import resource, signal, sys\nfrom pathlib import Path\n"
        "from onboarding.files.write import write_file\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, (1000, {resource.RLIM_INFINITY}))\n"
        "try: write_file(Path(sys.argv[1]), b'x' * 100_000)\nexcept OSError: print('failed')"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script, path], capture_output=True, check=True, text=True
    )

    assert ended.stdout == "failed\n"
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == (
        {"report.html": b"old"} if is_there else {}
    )
