"""`preview --out` knows what it has written, and removes nothing else."""

import json
import os
from pathlib import Path

import pytest

from onboarding.errors import ConfigurationError
from onboarding.reports.output_folder import LIST, PREVIEW_FILE, write_files
from onboarding.reports.preview import write_preview
from tests.reports.test_preview import ANNA, HANA, HOSTILE, preview

ANNAS, EVES = "002-anna-author/invitation.eml", "003-eve/invitation.eml"
BOTH = {"index.html": b"both", ANNAS: b"to anna", EVES: b"to eve"}
ANNA_ALONE = {"index.html": b"one", ANNAS: b"to anna"}


@pytest.fixture
def folder(tmp_path) -> Path:
    write_files(tmp_path / "out", BOTH.items())
    return tmp_path / "out"


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}


def test_letters_of_a_person_who_is_gone_are_removed_with_their_folder(tmp_path):
    write_preview(preview(people=(ANNA, HOSTILE, HANA)), tmp_path)
    write_preview(preview(people=(ANNA, HANA)), tmp_path)

    assert {path.name for path in tmp_path.iterdir() if path.is_dir()} == {"002-anna-author", "004"}
    listed = set(json.loads((tmp_path / LIST).read_text()))
    assert names(tmp_path) == listed | {LIST}
    assert [name for name in listed if not PREVIEW_FILE.fullmatch(name)] == []


def test_new_files_are_private_and_the_others_keep_their_mode(folder):
    (folder / ANNAS).chmod(0o644)
    write_files(folder, [*BOTH.items(), ("004-new/update.txt", b"")])
    modes = {
        name: (folder / name).stat().st_mode & 0o777
        for name in (ANNAS, EVES, LIST, "004-new/update.txt")
    }
    assert modes == {ANNAS: 0o644, EVES: 0o600, LIST: 0o600, "004-new/update.txt": 0o600}


def test_what_a_person_changed_or_added_stays(folder):
    (folder / EVES).write_bytes(b"my own notes")
    (folder / "003-eve" / "invitation.txt").write_bytes(b"mine")
    (folder / "005-mine").mkdir()
    (folder / "005-mine" / "update.eml").write_bytes(b"mine")

    write_files(folder, ANNA_ALONE.items())

    assert names(folder) == {
        *ANNA_ALONE,
        LIST,
        EVES,
        "003-eve/invitation.txt",
        "005-mine/update.eml",
    }


def test_file_that_a_person_changed_is_theirs_from_then_on(folder):
    (folder / EVES).write_bytes(b"changed")
    write_files(folder, ANNA_ALONE.items())
    (folder / EVES).write_bytes(BOTH[EVES])
    write_files(folder, ANNA_ALONE.items())
    assert (folder / EVES).exists()


def test_link_in_the_place_of_a_letter_or_folder_is_not_followed_when_removing(tmp_path, folder):
    outside = tmp_path / "elsewhere"
    outside.mkdir()
    (outside / "invitation.eml").write_bytes(BOTH[EVES])
    (folder / EVES).unlink()
    (folder / "003-eve").rmdir()
    (folder / "003-eve").symlink_to(outside)
    write_files(folder, ANNA_ALONE.items())
    assert (names(outside), (folder / "003-eve").is_symlink()) == ({"invitation.eml"}, True)


@pytest.mark.parametrize("place", [LIST, "index.html", ANNAS, "002-anna-author"])
def test_link_in_the_place_of_what_is_written_is_refused(tmp_path, folder, place):
    outside = tmp_path / "elsewhere"
    outside.mkdir()
    (folder / ANNAS).unlink()
    if place == "002-anna-author":
        (folder / place).rmdir()
    (folder / place).unlink(missing_ok=True) if place != "002-anna-author" else None
    (folder / place).symlink_to(outside if place == "002-anna-author" else outside / "file")

    with pytest.raises(ConfigurationError, match="is a link"):
        write_files(folder, BOTH.items())
    assert names(outside) == set()


@pytest.mark.parametrize(
    "listed",
    [
        {"../kept.txt": "DIGEST"},
        {
            "/etc/passwd": "DIGEST",
            "002-anna-author/../../kept.txt": "DIGEST",
            "": "DIGEST",
            ".": "DIGEST",
        },
        {"kept.txt": "DIGEST", "003-eve/Kept.txt": "DIGEST", "eve/kept.txt": "DIGEST"},
        {EVES: 1},
    ],
)
def test_list_is_not_believed_beyond_the_shape_of_a_preview(tmp_path, folder, listed):
    digest = json.loads((folder / LIST).read_text())["index.html"]
    (folder / "eve").mkdir()
    inside = ("kept.txt", "003-eve/Kept.txt", "eve/kept.txt")
    for kept in (tmp_path / "kept.txt", *(folder / name for name in inside)):
        kept.write_bytes(BOTH["index.html"])
    listed = {**dict.fromkeys(ANNA_ALONE, "DIGEST"), **listed}
    (folder / LIST).write_text(json.dumps(listed).replace("DIGEST", digest))
    before = names(tmp_path)

    write_files(folder, ANNA_ALONE.items())

    assert names(tmp_path) == before


@pytest.mark.parametrize("place", ["index.html", ANNAS])
def test_file_of_a_person_is_not_replaced(tmp_path, place):
    (tmp_path / place).parent.mkdir(exist_ok=True)
    (tmp_path / place).write_bytes(b"my own page")

    with pytest.raises(ConfigurationError) as refused:
        write_files(tmp_path, BOTH.items())

    message = f"{tmp_path / place} is not from an earlier preview, so it is not replaced."
    hint = "Choose another --out, or move the file away."
    assert (refused.value.message, refused.value.hint) == (message, hint)
    assert (tmp_path / place).read_bytes() == b"my own page"
    # What was written before is listed, and their file never is.
    listed = json.loads((tmp_path / LIST).read_text())
    assert names(tmp_path) == {*listed, place, LIST}
    assert place not in listed


@pytest.mark.parametrize("text", ['["index.html"]', "[" * 100_000, "no list", "\xff"])
def test_file_with_the_name_of_the_list_is_not_replaced_by_one(tmp_path, text):
    (tmp_path / LIST).write_text(text, encoding="latin-1")
    with pytest.raises(ConfigurationError, match=f"{LIST} is not from an earlier preview"):
        write_files(tmp_path, BOTH.items())
    assert names(tmp_path) == {LIST}
    assert (tmp_path / LIST).read_text(encoding="latin-1") == text


def test_what_was_written_before_the_disk_was_full_is_in_the_list(folder):
    def until_full():
        yield "004-new/update.txt", b"new"
        raise OSError(28, os.strerror(28))

    with pytest.raises(OSError, match="No space"):
        write_files(folder, until_full())
    assert set(json.loads((folder / LIST).read_text())) == {*BOTH, "004-new/update.txt"}

    write_files(folder, ANNA_ALONE.items())
    assert names(folder) == {*ANNA_ALONE, LIST}
