"""A stamp tells whether files have changed, whatever else a person or an editor leaves there."""

import os

import pytest

from onboarding.files.stamps import stamp_files


def test_each_file_comes_once_and_in_one_order(tmp_path):
    inner = tmp_path / "parts"
    inner.mkdir()
    files = [tmp_path / "b.txt", inner / "c.txt", tmp_path / "a.txt"]
    for file in files:
        file.write_text("here")

    stamp = stamp_files(files, [tmp_path, inner])

    assert [file for file, _changed in stamp] == sorted(files)


def test_file_that_is_saved_again_within_a_second_has_another_stamp(tmp_path):
    file = tmp_path / "a.txt"
    file.write_text("one")
    os.utime(file, ns=(10**18, 10**18))
    before = stamp_files([file])
    os.utime(file, ns=(10**18, 10**18 + 1_000_000))

    assert stamp_files([file]) != before


@pytest.mark.parametrize(
    "name",
    ["missing.txt", "folder", "loop", "dangling", f"https://cdn.example.com/logo?key={'k' * 300}"],
)
def test_what_is_no_file_is_left_out(tmp_path, name):
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "dangling").symlink_to("nothing")

    assert stamp_files([tmp_path / name], [tmp_path / "no such folder", tmp_path]) == ()
