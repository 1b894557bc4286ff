"""Access tokens from a program: fetched once per validity, and never shown."""

import asyncio
import os
import sys
from functools import partial

import psutil
import pytest

from onboarding.errors import ConfigurationError, Interrupted, TryLater
from onboarding.smtp.oauth import command_token
from onboarding.web.tokens import TokenCache

pytestmark = pytest.mark.anyio

COUNTING = """
import pathlib, sys
count = pathlib.Path(sys.argv[1])
count.write_text(count.read_text() + "x" if count.exists() else "x")
print("token-" + str(len(count.read_text())))
"""


class Clock:
    """A clock that is set by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def printing(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code)


@pytest.fixture
def counting(tmp_path) -> tuple[str, ...]:
    """A program that prints another token each time it runs."""
    return (sys.executable, "-c", COUNTING, str(tmp_path / "count"))


async def test_refused_token_is_fetched_anew_by_one_of_those_whom_it_failed(counting):
    tokens = TokenCache(partial(command_token, counting, 3000))
    refused = await tokens.current()

    seen = await asyncio.gather(*(tokens.current(refused=refused) for _ in range(3)))

    assert {token.get_secret_value() for token in seen} == {"token-2"}


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (
            ("/no/such/program",),
            "The token program /no/such/program can't be started: No such file or directory.",
        ),
        (printing("raise SystemExit(3)"), "failed with exit code 3."),
        (printing(""), "must print one access token and nothing else; it printed 0 words."),
        (printing("print('geheim and', 'more')"), "it printed 3 words."),
        (printing("print('geh\\u00e4im')"), "it printed 1 words."),
    ],
)
async def test_program_that_prints_no_token_is_a_wrong_setting(command, words):
    with pytest.raises(ConfigurationError) as raised:
        await command_token(command, 1)

    assert words in raised.value.message
    assert "geh" not in str(raised.value)


async def test_program_that_hangs_is_ended(tmp_path):
    noted = tmp_path / "pid"
    code = (
        f"import os, pathlib, threading; pathlib.Path({str(noted)!r}).write_text(str(os.getpid()))"
    )
    waiting = printing(f"{code}; threading.Event().wait(60)")

    with pytest.raises(TryLater, match=r"was not done after 0\.5 seconds"):
        await command_token(waiting, 1, seconds=0.5)

    assert not psutil.pid_exists(int(noted.read_text()))


async def test_program_that_hangs_is_ended_with_all_that_it_has_started():
    waiting = ("sh", "-c", "sleep 600 & sleep 600 & wait")

    with pytest.raises(TryLater, match="was not done after"):
        await command_token(waiting, 1, seconds=0.5)


async def test_program_that_never_ends_to_print_is_ended():
    with pytest.raises(ConfigurationError, match="The token program yes prints more than a token"):
        await command_token(("yes",), 1)


async def test_stop_signal_ends_the_wait_for_a_program(tmp_path):
    os.mkfifo(tmp_path / "begun")
    stop = asyncio.Event()
    tokens = TokenCache(
        partial(command_token, ("sh", "-c", f"echo >{tmp_path}/begun; sleep 600"), 1), stop=stop
    )

    waiting = asyncio.create_task(tokens.current())
    await asyncio.to_thread((tmp_path / "begun").read_bytes)
    stop.set()

    with pytest.raises(Interrupted):
        await waiting


async def test_program_runs_without_a_shell_and_without_its_words_on_our_terminal(capfd):
    command = (
        *printing("import sys; print('geheim', file=sys.stderr); print(sys.argv[1])"),
        "$HOME;x",
    )

    token = await command_token(command, 1)

    assert token.value.get_secret_value() == "$HOME;x"
    assert capfd.readouterr() == ("", "")
