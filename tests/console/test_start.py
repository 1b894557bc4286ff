"""How the console starts and stops: what can't be served is said at once, in words."""

import asyncio
import fcntl
import os
import pty
import signal
import socket
import ssl
import sys
import termios
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme
from argon2 import PasswordHasher

from onboarding.config.console import ConsoleSettings
from onboarding.console.checks import check_settings
from onboarding.console.passwords import hash_password
from onboarding.console.start import list_origins
from onboarding.console.tls import load_tls
from onboarding.errors import ConfigurationError
from tests.cli.command import OWN, on, started
from tests.console.serving import serve_on
from tests.stage import HOST, NAME, ROOMY, Stage, stage

pytestmark = pytest.mark.anyio

HASH = hash_password("correct horse battery staple")
DANA = {"role": "approver", "password_hash": HASH}
TLS = {"tls_certificate": "cert.pem", "tls_key": "key.pem"}
LINK = "/enter/"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"host": "192.0.2.1", "users": {"dana": DANA}}, "it needs tls_certificate and tls_key"),
        ({"host": "192.0.2.1", **TLS}, "so it needs users"),
        ({"host": "console.example.com", **TLS}, "so it needs users"),
        ({"tls_certificate": "cert.pem"}, "tls_certificate and tls_key go together"),
        ({"tls_key": "key.pem"}, "tls_certificate and tls_key go together"),
        ({"host": "0.0.0.0", **TLS, "users": {"dana": DANA}}, "so it needs public_url"),
        ({"public_url": "https://console.example.com"}, "so it needs users"),
        (
            {"public_url": "http://console.example.com", "users": {"dana": DANA}},
            "has to begin with https://",
        ),
        ({"public_url": "http://[2001:db8::1]", "users": {"dana": DANA}}, "begin with https://"),
        ({"users": {"dana": {"role": "viewer"}}}, "[console.users.dana] has no password"),
        ({"users": {"dana": {}}}, "[console.users.dana] has no role"),
        (
            {"users": {"dana": {"password_hash": HASH}}},
            "Or delete ONBOARDING_CONSOLE__USERS__DANA__PASSWORD_HASH",
        ),
        (
            {"users": {"dana": {"role": "viewer", "password_hash": "hunter2"}}},
            "ONBOARDING_CONSOLE__USERS__DANA__PASSWORD_HASH is no hash",
        ),
        ({"users": {"dana": {**DANA, "webinars": ["lunch"]}}}, "Did you mean launch?"),
    ],
)
async def test_settings_that_do_not_fit_are_named(tmp_path, settings, words):
    async with stage(tmp_path, [HOST]) as scene:
        config = scene.config.model_copy(
            update={"console": ConsoleSettings.model_validate(settings)}
        )
        with pytest.raises(ConfigurationError) as caught:
            check_settings(config)

    assert words in caught.value.message
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"host": "localhost"},
        {"host": "::1"},
        {"users": {"dana": DANA}},
        {"public_url": "http://localhost:8080", "users": {"dana": DANA}},
        {"public_url": "http://[::1]:8080", "users": {"dana": DANA}},
        {"public_url": "https://console.example.com", "users": {"dana": DANA}},
        {"host": "192.0.2.1", **TLS, "users": {"dana": {**DANA, "webinars": [NAME]}}},
        {
            "host": "0.0.0.0",
            **TLS,
            "users": {"dana": DANA},
            "public_url": "https://console.example.com",
        },
    ],
)
async def test_settings_that_fit_are_accepted(tmp_path, settings):
    async with stage(tmp_path, [HOST]) as scene:
        console_settings = ConsoleSettings.model_validate(settings)
        check_settings(scene.config.model_copy(update={"console": console_settings}))


@pytest.mark.parametrize(
    ("settings", "url", "origins"),
    [
        (
            {},
            "http://127.0.0.1:8040",
            ["http://127.0.0.1:8040", "http://localhost:8040", "http://[::1]:8040"],
        ),
        ({"host": "::1"}, "http://[::1]", ["http://127.0.0.1", "http://localhost", "http://[::1]"]),
        ({"host": "192.0.2.1"}, "https://192.0.2.1:8040", ["https://192.0.2.1:8040"]),
        (
            {"public_url": "https://console.example.com:443/"},
            "http://127.0.0.1:8040",
            ["https://console.example.com"],
        ),
    ],
)
def test_console_answers_under_its_own_addresses_only(settings, url, origins):
    assert list_origins(ConsoleSettings.model_validate(settings), url) == origins


def write_pair(folder: Path) -> trustme.CA:
    """Write a certificate for 127.0.0.1 and its key."""
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    certificate.private_key_pem.write_to_path(folder / "key.pem")
    (chain,) = certificate.cert_chain_pems
    chain.write_to_path(folder / "cert.pem")
    return authority


def put_fifo_for_key(folder: Path) -> None:
    """Put what nobody will write to in the key's place."""
    (folder / "key.pem").unlink()
    os.mkfifo(folder / "key.pem")


def pair(folder: Path) -> dict[str, Any]:
    return {"tls_certificate": folder / "cert.pem", "tls_key": folder / "key.pem"}


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda folder: (folder / "key.pem").unlink(), "There is no"),
        (lambda folder: (folder / "cert.pem").write_text("hello"), "can't be used for TLS"),
        (lambda folder: (folder / "key.pem").write_text(""), "can't be used for TLS"),
        (
            lambda folder: trustme.CA().private_key_pem.write_to_path(folder / "key.pem"),
            "the key does not belong to the certificate",
        ),
        (put_fifo_for_key, "can't be read"),
    ],
)
def test_tls_files_that_do_not_work_are_named(tmp_path, spoil, words):
    write_pair(tmp_path)
    spoil(tmp_path)

    with pytest.raises(ConfigurationError) as caught:
        load_tls(ConsoleSettings.model_validate(pair(tmp_path)))

    assert words in caught.value.message
    assert str(tmp_path) in caught.value.message


async def test_console_by_https_has_a_cookie_for_https_only(tmp_path):
    authority = write_pair(tmp_path)
    settings = {**pair(tmp_path), "users": {"dana": DANA}}
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    async with (
        stage(tmp_path, [HOST]) as scene,
        serve_on(scene, settings=settings) as served,
        httpx.AsyncClient(base_url=served.url, verify=trust) as browser,
    ):
        form = {"name": "dana", "password": "correct horse battery staple"}
        entered = await browser.post("/log-in", data=form, headers={"Origin": served.url})
        page = await browser.get("/")

    assert served.url.startswith("https://127.0.0.1:")
    assert entered.headers["set-cookie"].startswith("__Host-onboarding-")
    assert "; Secure" in entered.headers["set-cookie"]
    assert page.status_code == 200


async def test_behind_a_proxy_only_the_public_address_counts(tmp_path):
    settings = {"public_url": "https://console.example.com", "users": {"dana": DANA}}
    async with stage(tmp_path, [HOST]) as scene, serve_on(scene, settings=settings) as served:
        port = next(iter(served.console.origins))
        assert (served.url, port) == ("https://console.example.com",) * 2


async def test_port_in_use_is_said_with_the_way_out(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        async with stage(tmp_path, [HOST]) as scene:
            seen = await on(scene, "serve", "--port", port)

    assert seen.code == 2
    assert f"can't listen at http://127.0.0.1:{port}: address already in use" in seen.err.lower()
    assert "--port" in seen.err
    assert (seen.out, "Traceback" in seen.err) == ("", False)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda folder: (folder / "config.toml").unlink(), "There is no"),
        (lambda folder: (folder / "onboarding.db").mkdir(), "onboarding.db"),
        (lambda folder: (folder / "onboarding.db").write_text("no ledger " * 99), "onboarding.db"),
    ],
    ids=["no configuration", "ledger is a folder", "ledger is a text"],
)
async def test_files_that_keep_it_from_starting_are_named(tmp_path, spoil, words):
    async with stage(tmp_path, [HOST]) as scene:
        spoil(tmp_path)
        seen = await on(scene, "serve", "--port", "0")

    assert (seen.code, seen.out, "Traceback" in seen.err) == (2, "", False)
    assert words in seen.err


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ("[console]\nhost='192.0.2.1'", "so it needs users"),
        ("[console]\npublic_url='x'", '[console] public_url: Write it as "https://'),
        ("[console]\nforwarded_from=['proxy']", "Write an address or a network"),
        (
            "[console.users.dana]\nrole='viewer'\npassword_hash='x'",
            "set the variable ONBOARDING_CONSOLE__USERS__DANA__PASSWORD_HASH",
        ),
        ("[console.users.Dana]\nrole='viewer'", "A user's name has to be of lower-case letters"),
        ("[console.users.dana]\nrole='boss'", "It has to be 'viewer' or 'approver'."),
        ("[console.users.dana]\nrule='viewer'", "Unknown key. Did you mean role?"),
    ],
)
async def test_settings_that_can_not_be_are_named(tmp_path, section, words):
    async with stage(tmp_path, [HOST]) as scene:
        append(tmp_path, section)
        seen = await on(scene, "serve", "--port", "0")

    assert (seen.code, seen.out, "Traceback" in seen.err) == (2, "", False)
    assert words in seen.err


def append(folder: Path, section: str) -> None:
    """Add a section to the configuration."""
    file = folder / "config.toml"
    file.write_text(f"{file.read_text()}\n{section}\n")


async def test_signal_ends_it_at_once_and_is_its_normal_end(tmp_path):
    async with stage(tmp_path, [HOST]) as scene:
        process = await started(scene.folder, "serve", "--port", "0", variables=scene.variables)
        assert process.stdout
        link = await read_link(process.stdout)
        async with httpx.AsyncClient(base_url=link.partition(LINK)[0]) as browser:
            assert (await browser.get(link)).status_code == 303
            async with browser.stream("GET", "/stream") as opened:
                process.send_signal(signal.SIGTERM)
                events = (await opened.aread()).decode()
            out, err = await process.communicate()

    assert (process.returncode, b"Traceback" in err) == (0, False)
    assert events.endswith("event: end\ndata: \n\n")
    assert link.encode() not in out + err


async def read_link(stream: asyncio.StreamReader) -> str:
    """Read what `serve` prints until the link."""
    while LINK not in (line := (await stream.readline()).decode()):
        assert line, "it ended without a link"
    return line.split()[-1]


async def test_enter_prints_another_link_and_the_first_one_ends(tmp_path):
    async with stage(tmp_path, [HOST]) as scene:
        links, code = await serve_on_terminal(scene)

    first, second, answers = links
    assert first != second
    assert (answers, code) == ([403, 303], 0)


@asynccontextmanager
async def terminal_of(scene: Stage, *words: str) -> AsyncIterator[tuple[int, Process]]:
    """Run `onboarding WORDS` on a terminal; gives our end of it."""
    ours, its = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "onboarding", *words),
        cwd=scene.folder,
        env={**OWN, **scene.variables, "TERM": "dumb"},
        stdin=its,
        stdout=its,
        stderr=its,
        preexec_fn=take_terminal,
    )
    os.close(its)
    try:
        yield ours, process
    finally:
        os.close(ours)
        if process.returncode is None:
            process.kill()
            await process.wait()


def take_terminal() -> None:
    """Make standard input the terminal of a session of its own, as a shell's window does."""
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


async def serve_on_terminal(scene: Stage) -> tuple[tuple[str, str, list[int]], int]:
    """Serve on a terminal, press Enter once, open both links, and press Ctrl-C."""
    async with terminal_of(scene, "serve", "--port", "0") as (ours, process):
        shown = await asyncio.to_thread(read_until, ours, b"", "Stop with Ctrl-C.", 1)
        os.write(ours, b"\n")
        shown = await asyncio.to_thread(read_until, ours, shown, "Stop with Ctrl-C.", 2)
        first, second = [word for word in shown.decode().split() if LINK in word]
        async with httpx.AsyncClient() as browser:
            answers = [(await browser.get(link)).status_code for link in (first, second)]
        os.write(ours, b"\x03")
        return (first, second, answers), await process.wait()


def read_until(terminal: int, shown: bytes, words: str, number: int) -> bytes:
    """Read until some words are on the terminal so many times."""
    while shown.count(words.encode()) < number:
        shown += os.read(terminal, 65536)
    return shown


@pytest.mark.parametrize(
    ("typed", "code", "words"),
    [
        (["correct horse battery staple"] * 2, 0, "single quotes"),
        (["correct horse battery staple", "correct horse battery stable"], 2, "not the same"),
        (["short", ""], 2, "12 to 1000 characters"),
    ],
)
async def test_password_is_asked_for_twice_and_never_shown(tmp_path, typed, code, words):
    async with (
        stage(tmp_path, [HOST]) as scene,
        terminal_of(scene, "console-password") as (ours, process),
    ):
        shown = await asyncio.to_thread(read_until, ours, b"", "Password: ", 1)
        os.write(ours, f"{typed[0]}\n".encode())
        if typed[1]:
            shown = await asyncio.to_thread(read_until, ours, shown, "Once more: ", 1)
            os.write(ours, f"{typed[1]}\n".encode())
        text = (await asyncio.to_thread(read_until, ours, shown, words, 1)).decode()
        assert await process.wait() == code

    assert [one for one in typed if one and one in text] == []
    hashes = [word for word in text.split() if word.startswith("$argon2id$")]
    assert [PasswordHasher().verify(one, typed[0]) for one in hashes] == [True] * (code == 0)


async def test_console_password_needs_a_terminal(tmp_path):
    async with stage(tmp_path, [HOST]) as scene:
        seen = await on(scene, "console-password")

    assert (seen.code, seen.out) == (2, "")
    assert "No terminal to ask for a password on." in seen.err


async def test_by_is_refused_where_people_log_in_by_name(tmp_path):
    async with stage(tmp_path, [HOST]) as scene:
        append(tmp_path, "[console.users.dana]\nrole='viewer'")
        seen = await on(
            scene,
            *("serve", "--port", "0", "--by", "Dana"),
            ONBOARDING_CONSOLE__USERS__DANA__PASSWORD_HASH=HASH,
        )

    assert seen.code == 2
    assert "people log in by name" in seen.err


async def test_secret_of_a_former_user_stops_no_other_command(tmp_path):
    async with stage(tmp_path, [HOST], limits=ROOMY) as scene:
        left = {"ONBOARDING_CONSOLE__USERS__DANA__PASSWORD_HASH": HASH}
        ran = await on(scene, "run", NAME, "--yes", **left)
        served = await on(scene, "serve", "--port", "0", **left)

    assert (ran.code, served.code) == (0, 2)
    assert "[console.users.dana] has no role" in served.err
