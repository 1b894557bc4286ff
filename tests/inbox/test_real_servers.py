"""A real Postfix and a real Dovecot: what bounces comes back, and what is in doubt is found."""

import asyncio
import imaplib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime

import pytest

from onboarding.errors import ConfigurationError, Refused, TryLater
from onboarding.inbox.imap import ImapFolder
from onboarding.inbox.mailboxes import Position
from onboarding.inbox.settings import RepliesSettings
from onboarding.simulator.smtp_catcher import MailRules
from tests.cli.command import on
from tests.inbox import reports
from tests.inbox.dovecot import PASSWORD, Dovecot, dovecot
from tests.inbox.dovecot import why_not as why_no_dovecot
from tests.smtp.postfix import PASSWORD as SMTP_PASSWORD
from tests.smtp.postfix import USER, Postfix, postfix, until
from tests.smtp.postfix import why_not as why_no_postfix
from tests.stage import HOST, NAME, Stage, stage

WHY_NOT = why_no_postfix() or why_no_dovecot()
pytestmark = [pytest.mark.anyio, pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)]

UNKNOWN = {**HOST, "first_name": "Una", "email": "unknown@example.com", "role": "Panelist"}
PERSON = {**HOST, "first_name": "Pia", "email": "person1@example.com", "role": "Panelist"}


@pytest.fixture(scope="module")
def smtp_server(authority):
    with postfix(authority.authority) as running:
        yield running


@pytest.fixture(scope="module")
def imap_server(authority, smtp_server):
    with dovecot(authority.authority, smtp_server.folder / "mail", "postfix", "postfix") as running:
        yield running


@contextmanager
def mailbox(server: Dovecot, user: str):
    """The mailbox as a person's mail program has it."""
    context = ssl.create_default_context(cafile=server.ca_file)
    with imaplib.IMAP4_SSL("127.0.0.1", server.ports["tls"], ssl_context=context) as box:
        box.authenticate("PLAIN", lambda _: f"\0{user}\0{PASSWORD}".encode())
        yield box


def put(server: Dovecot, user: str, *messages: str, folder: str = "INBOX") -> None:
    with mailbox(server, user) as box:
        box.create(folder)
        for text in messages:
            box.append(folder, None, None, text.replace("\n", "\r\n").encode())


def flags(server: Dovecot, user: str, folder: str = "INBOX") -> list[bytes]:
    """Each message's flags, in order."""
    with mailbox(server, user) as box:
        box.select(folder, readonly=True)
        _, found = box.fetch("1:*", "(FLAGS)")
        return [line for line in found if line]


def use_postfix(scene: Stage, server: Postfix) -> None:
    changes = {
        "HOST": "127.0.0.1",
        "PORT": str(server.ports["plain"]),
        "SECURITY": "starttls",
        "CA_FILE": str(server.folder / "config" / "ca.pem"),
        "USERNAME": USER,
        "PASSWORD": SMTP_PASSWORD,
    }
    scene.variables.update({f"ONBOARDING_SMTP__{key}": value for key, value in changes.items()})
    scene.variables["ONBOARDING_BRAND__SENDER"] = USER
    # The servers' clocks are real, and the mailbox is searched by their dates.
    scene.clock.time = datetime.now(UTC)


async def test_message_to_an_unknown_user_comes_back(tmp_path, smtp_server, imap_server):
    async with stage(tmp_path, [{**HOST, "email": "person2@example.com"}, UNKNOWN]) as scene:
        use_postfix(scene, smtp_server)
        scene.variables |= imap_server.variables("REPLIES", "events")
        put(imap_server, "events", reports.NEWSLETTER)
        await scene.run()
        await asyncio.to_thread(
            until, lambda: len(flags(imap_server, "events")) == 2, "the bounce to come in"
        )

        code = await scene.cron()

        records = {record.delivery.email: record for record in (await scene.status()).records}
        found = records["unknown@example.com"]
        assert (found.delivery.state, code) == ("bounced", 1)
        assert found.reply == (
            "550 5.1.1 <unknown@example.com>: Recipient address rejected: "
            "User unknown in virtual mailbox table"
        )
        assert records["person2@example.com"].delivery.state == "sent"
        newsletter, bounce = flags(imap_server, "events")
        assert b"Seen" not in newsletter
        assert b"Seen" in bounce


async def test_round_trip_through_real_servers(tmp_path, smtp_server, imap_server):
    async with stage(tmp_path, [PERSON]) as scene:
        use_postfix(scene, smtp_server)
        mailbox = imap_server.variables("REPLIES", "person60")
        put(imap_server, "person60", reports.NEWSLETTER)
        words = ("send-test", NAME, "--to", "person60@example.com", "--round-trip")

        seen = await on(scene, *words, **mailbox)

        assert (seen.code, seen.err) == (0, "")
        found = [line.split(": ", 1) for line in seen.out.splitlines() if line.startswith("ok  ")]
        assert [what for what, _ in found] == [
            "ok  arrival",
            "ok  join link",
            "ok  join link",
            "ok  calendar",
            "ok  calendar",
            "ok  Message-ID",
            "ok  sender",
            "ok  authentication",
        ]
        newsletter, trial = flags(imap_server, "person60")
        assert (b"Seen" in newsletter, b"Seen" in trial) == (False, True)


async def test_message_in_doubt_is_found_in_the_sent_folder(tmp_path, imap_server):
    rules = MailRules(lose_reply=frozenset({PERSON["email"]}))
    async with stage(tmp_path, [HOST, PERSON], mail_rules=rules) as scene:
        scene.variables |= imap_server.variables("SMTP__SENT", "person90", FOLDER="Sent")
        await scene.run()
        [doubt] = (await scene.status()).in_doubt
        message_id = doubt.delivery.message_id
        # The server finds parts of a Message-ID too.
        longer = f"Message-ID: <x{message_id[1:]}\nSubject: x\n\nx\n"
        put(imap_server, "person90", longer, folder="Sent")
        await scene.run()
        before = (await scene.states())[PERSON["email"]]

        put(imap_server, "person90", f"Message-ID: {message_id}\n\nx\n", folder="Sent")
        await scene.run()

        assert (before, (await scene.states())[PERSON["email"]]) == ("in_doubt", "sent")


@asynccontextmanager
async def cut_line(port: int) -> AsyncIterator[int]:
    """A way to a server on which its answer to the final dot gets lost."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        near, far = await asyncio.open_connection("127.0.0.1", port)
        is_over = asyncio.Event()

        async def forward_answers() -> None:
            while answer := await near.read(4096):
                if is_over.is_set():
                    break
                writer.write(answer)
            writer.close()
            far.close()

        answers = asyncio.create_task(forward_answers())
        while content := await reader.read(4096):
            if content.endswith(b"\r\n.\r\n"):
                is_over.set()
            far.write(content)
        await answers
        far.close()
        await asyncio.gather(writer.wait_closed(), far.wait_closed(), return_exceptions=True)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def test_message_in_doubt_is_found_in_the_log_of_postfix(tmp_path, smtp_server):
    host = {**HOST, "email": "person3@example.com"}
    async with stage(tmp_path, [host]) as scene, cut_line(smtp_server.ports["open"]) as port:
        use_postfix(scene, smtp_server)
        for key in ("USERNAME", "PASSWORD", "CA_FILE"):
            del scene.variables[f"ONBOARDING_SMTP__{key}"]
        scene.variables |= {
            "ONBOARDING_SMTP__SECURITY": "none",
            "ONBOARDING_SMTP__PORT": str(port),
            "ONBOARDING_SMTP__SENT__LOG": str(smtp_server.folder / "log"),
        }
        first = await scene.run()
        before = await scene.states()
        await asyncio.to_thread(smtp_server.mailbox, "person3", 1)
        second = await scene.run()

        assert (before, first.exit_code) == ({"person3@example.com": "in_doubt"}, 75)
        assert (await scene.states(), second.exit_code) == ({"person3@example.com": "sent"}, 0)
        assert len(smtp_server.mailbox("person3", 1)) == 1


def settings(server: Dovecot, user: str, **changes: object) -> RepliesSettings:
    given = {
        "host": "127.0.0.1",
        "port": server.ports["tls"],
        "ca_file": server.ca_file,
        "username": user,
        "password": PASSWORD,
    }
    return RepliesSettings.model_validate({**given, **changes})


def open_folder(server: Dovecot, user: str, done: str = "seen", **changes: object) -> ImapFolder:
    return ImapFolder(settings(server, user, **changes), PASSWORD, done, datetime.now(UTC))


def read(folder: ImapFolder, position: Position | None = None):
    batches = list(folder.read(position))
    messages = [message for batch in batches for message in batch.messages]
    return messages, batches[-1].position if batches else position


@pytest.mark.parametrize("security", ["tls", "starttls"])
async def test_folder_is_read_from_where_the_last_reading_ended(imap_server, security):
    user = f"person{91 if security == 'tls' else 92}"
    put(imap_server, user, *(f"Subject: {number}\n\nx\n" for number in range(60)))
    port = imap_server.ports[security]
    folder = open_folder(imap_server, user, security=security, port=port)

    messages, position = read(folder)
    put(imap_server, user, "Subject: new\n\nx\n")
    more, _ = read(folder, position)
    anew, _ = read(folder, Position(position.validity + 1, position.last))
    folder.close()

    assert len(messages) == 60
    assert [message.content.split(b"\r\n")[0] for message in more] == [b"Subject: new"]
    assert len(anew) == 61
    assert not any(b"Seen" in line for line in flags(imap_server, user))


@pytest.mark.parametrize(
    ("done", "seen", "moved"), [("seen", 1, 0), ("keep", 0, 0), ("Dealt with/äöü", 0, 1)]
)
async def test_message_of_ours_is_dealt_with_as_the_settings_say(imap_server, done, seen, moved):
    user = f"person{93 + seen + 2 * moved}"
    put(imap_server, user, "Subject: 1\n\nx\n", "Subject: 2\n\nx\n")
    with mailbox(imap_server, user) as box:
        box.create('"Dealt with/&AOQA9gD8-"')
    folder = open_folder(imap_server, user, done)
    messages, _ = read(folder)

    folder.mark_done([messages[0].name])
    folder.close()

    inbox = flags(imap_server, user)
    assert (len(inbox), sum(b"Seen" in line for line in inbox)) == (2 - moved, seen)


async def test_folder_for_what_is_done_has_to_be_there(imap_server):
    put(imap_server, "person98", "Subject: 1\n\nx\n")
    folder = open_folder(imap_server, "person98", "No such/one")
    messages, _ = read(folder)

    for use in (folder.check, lambda: folder.mark_done([messages[0].name])):
        with pytest.raises(ConfigurationError) as raised:
            use()
        message = raised.value.message
        assert message.startswith("Messages can't be moved to the folder No such/one of person98: ")
        assert raised.value.hint == "Create that folder, or correct [replies] done."
        assert "[" not in message
    folder.close()
    assert len(flags(imap_server, "person98")) == 1


async def test_long_message_is_read_in_part(imap_server):
    put(imap_server, "person97", f"Subject: long\n\n{'x' * 70}\n" * 10_000)
    folder = open_folder(imap_server, "person97")

    [message], _ = read(folder)
    folder.close()

    assert len(message.content) == 262_144


async def test_trouble_is_said_in_words(imap_server):
    with pytest.raises(Refused, match=r"refuses the log-in of events: .*AUTHENTICATIONFAILED"):
        ImapFolder(settings(imap_server, "events"), "geheim", "seen", datetime.now(UTC))
    with pytest.raises(Refused, match="can't be trusted"):
        open_folder(imap_server, "events", ca_file=None)
    with pytest.raises(TryLater, match="can't be reached, or closed the connection"):
        open_folder(imap_server, "events", port=1)
    folder = open_folder(imap_server, "events", folder="Nowhere")
    with pytest.raises(Exception, match="The folder Nowhere of events can't be opened"):
        read(folder)
    folder.close()
