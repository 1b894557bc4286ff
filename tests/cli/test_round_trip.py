"""`send-test --round-trip` through relays that change what they pass on, into a maildir."""

import email
import email.policy
from urllib.parse import quote

import pytest

from tests.cli.command import Seen, on
from tests.inbox.delivering import ChangingRelay, serve_relay
from tests.stage import HOST, NAME, Stage, stage

pytestmark = pytest.mark.anyio

ME = "me@example.com"


async def send(scene: Stage, relay: ChangingRelay, *words: str) -> Seen:
    """Send a message through the relay, and see what the command says."""
    return await on(
        scene,
        "send-test",
        NAME,
        "--to",
        ME,
        "--round-trip",
        *words,
        ONBOARDING_SMTP__PORT=str(relay.port),
        ONBOARDING_REPLIES__MAILDIR=str(relay.maildir),
    )


def parse(content: bytes):
    return email.message_from_bytes(content, policy=email.policy.SMTP)


def keep(content: bytes) -> bytes:
    found = b"Authentication-Results: mx.example.com; spf=pass; dkim=pass; dmarc=pass\r\n"
    return found + b"Received: from a by b; Mon, 1 Mar 2027 12:00:00 +0000\r\n" + content


def track(content: bytes) -> bytes:
    """Put links of our own in place of all others, as click tracking does."""
    message = parse(content)
    for part in message.walk():
        if part.get_content_type() == "text/html":
            text = part.get_content()
            for link in {piece.split('"')[0] for piece in text.split('href="')[1:]}:
                target = f"https://click.example/?to={quote(link, safe='')}"
                text = text.replace(f'href="{link}"', f'href="{target}"')
            part.set_content(text, subtype="html")
    return message.as_bytes()


def strip_calendars(content: bytes) -> bytes:
    message = parse(content)
    for holder in [part for part in message.walk() if part.is_multipart()]:
        kept = [
            part
            for part in holder.get_payload()
            if part.get_content_type() not in {"text/calendar", "application/ics"}
        ]
        holder.set_payload(kept)
    return message.as_bytes()


def replace_ids(content: bytes) -> bytes:
    message = parse(content)
    message.replace_header("Message-ID", "<0102@provider.example>")
    return message.as_bytes()


async def test_message_that_arrives_as_sent_exits_0_and_is_marked_as_seen(tmp_path):
    async with stage(tmp_path, [HOST]) as scene, serve_relay(tmp_path, keep) as relay:
        (relay.maildir / "new" / "other").write_bytes(b"Subject: of others\n\nx\n")
        seen = await send(scene, relay)
        assert (seen.code, seen.err) == (0, "")
        lines = [line for line in seen.out.splitlines() if line.startswith("ok  ")]
        assert lines[0].startswith("ok  arrival: after ")
        assert lines[1:] == [
            "ok  join link: untouched in the text",
            "ok  join link: untouched in the HTML",
            "ok  calendar: the invitation is still a calendar entry",
            "ok  calendar: the attached file is still a calendar entry",
            "ok  Message-ID: kept",
            "ok  sender: still events@brightwater.example",
            "ok  authentication: mx.example.com says: SPF passed, DKIM passed, DMARC passed",
        ]
        assert [file.name for file in (relay.maildir / "new").iterdir()] == ["other"]
        assert [file.name for file in (relay.maildir / "cur").iterdir()] == ["m1:2,S"]
        # Nothing counts as sent, and the mark is in no other message.
        assert (await scene.status()).counts == {}


@pytest.mark.parametrize(
    ("change", "faults"),
    [
        (track, ["NO  join link: in a part of the HTML it leads to click.example instead"]),
        (
            strip_calendars,
            ["NO  calendar: the invitation is gone", "NO  calendar: the attached file is gone"],
        ),
        (replace_ids, ["NO  Message-ID: replaced by another"]),
    ],
)
async def test_what_a_relay_changes_is_said_and_exits_1(tmp_path, change, faults):
    async with stage(tmp_path, [HOST]) as scene, serve_relay(tmp_path, change) as relay:
        seen = await send(scene, relay)
    assert seen.code == 1
    assert [line for line in seen.out.splitlines() if line.startswith("NO  ")] == faults


async def test_message_that_does_not_arrive_is_given_up(tmp_path):
    async with (
        stage(tmp_path, [HOST]) as scene,
        serve_relay(tmp_path, lambda _: b"Subject: another\n\nx\n") as relay,
    ):
        seen = await send(scene, relay, "--wait", "1")
    assert seen.code == 1
    assert "It did not arrive in the mailbox of [replies] within 1 second." in seen.err


async def test_without_a_mailbox_nothing_is_sent(tmp_path):
    async with stage(tmp_path, [HOST]) as scene:
        seen = await on(scene, "send-test", NAME, "--to", ME, "--round-trip")
        assert (seen.code, scene.messages()) == (2, [])
        assert "--round-trip needs a mailbox" in seen.err


async def test_mailbox_that_can_not_be_read_stops_before_anything_is_sent(tmp_path):
    async with stage(tmp_path, [HOST]) as scene:
        gone = {"ONBOARDING_REPLIES__MAILDIR": str(tmp_path / "gone")}
        seen = await on(scene, "send-test", NAME, "--to", ME, "--round-trip", **gone)
        assert (seen.code, scene.messages()) == (2, [])
        assert "can't be read" in seen.err
