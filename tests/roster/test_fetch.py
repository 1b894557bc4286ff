"""Where a roster's bytes come from: a file, a pipe, standard input; no device, and not for ever."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from onboarding import roster
from onboarding.errors import ConfigurationError
from onboarding.roster.reader import MOST_ROSTER_BYTES

ROWS = b"first_name,last_name,email,role\nAda,Lovelace,ada@example.com,Panelist\n"
FETCH = "import asyncio; from onboarding import roster; print(len(asyncio.run(roster.fetch('-'))))"


def fetched(path: Path) -> bytes:
    return asyncio.run(roster.fetch(path))


def test_file_is_fetched(tmp_path):
    (tmp_path / "invitees.csv").write_bytes(ROWS)

    assert fetched(tmp_path / "invitees.csv") == ROWS


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("nobody.csv", "No such file or directory"),
        (".", "it is a directory, and neither a regular file nor a pipe"),
        ("/dev/zero", "it is a device, and neither a regular file nor a pipe"),
        ("/dev/tty", "it is a device, and neither a regular file nor a pipe"),
    ],
)
def test_roster_that_can_not_be_read_is_named_with_the_reason(tmp_path, name, why):
    with pytest.raises(ConfigurationError) as caught:
        fetched(tmp_path / name)

    assert caught.value.message == f"The roster {tmp_path / name} can't be read: {why}."
    assert caught.value.hint


def test_roster_of_more_than_32_mb_is_not_read(tmp_path):
    with (tmp_path / "invitees.csv").open("wb") as file:
        file.truncate(MOST_ROSTER_BYTES + 1)

    with pytest.raises(ConfigurationError, match="it is larger than 32 MB"):
        fetched(tmp_path / "invitees.csv")


@pytest.mark.parametrize("way", ["a pipe", "a file"])
def test_standard_input_is_fetched(tmp_path, way):
    (tmp_path / "piped").write_bytes(ROWS)
    with (tmp_path / "piped").open("rb") as file:
        given = {"input": ROWS} if way == "a pipe" else {"stdin": file}
        printed = subprocess.run(
            [sys.executable, "-c", FETCH], capture_output=True, check=True, **given
        )

    assert int(printed.stdout) == len(ROWS)


def test_roster_of_a_fifo_is_fetched(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    with subprocess.Popen(
        ["sh", "-c", "cat >fifo"], stdin=subprocess.PIPE, cwd=tmp_path
    ) as process:
        process.stdin.write(ROWS)
        process.stdin.close()

        assert fetched(tmp_path / "fifo") == ROWS
