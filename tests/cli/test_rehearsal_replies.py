"""A rehearsal with what comes back: from the mail catcher, and from no real mailbox."""

import json
from pathlib import Path

import pytest
import typer

from onboarding import roster
from onboarding.cli.rehearsal_replies import mailbox_variables, parse_reply_rules
from onboarding.config import Config, load
from onboarding.simulator.replying_store import ReplyRules
from tests.cli.command import command
from tests.cli.test_show import simulator

REAL = """
[smtp]
host = "mail.example.com"
[smtp.sent]
host = "imap.example.com"
username = "events"
[smtp_servers.acme]
host = "mail.acme.example"
[smtp_servers.acme.sent]
log = "/var/log/mail.log"
[brand]
name = "Brightwater"
sender = "events@brightwater.example"
[replies]
{replies}
"""
NO_REPLIES = ReplyRules()


def configure(folder: Path, replies: str, **variables: str) -> Config:
    (folder / "config.toml").write_text(REAL.format(replies=replies), encoding="utf-8")
    webhook = {"ONBOARDING_ALERTS__WEBHOOK": "https://hooks.example.com/T0"}
    return load(folder / "config.toml", {**webhook, **variables})


@pytest.mark.anyio
async def test_what_comes_back_is_rehearsed(tmp_path):
    await command(tmp_path, "init", ".")
    bounced, accepted, declined, *_ = [
        invitee.email for invitee in roster.read((tmp_path / "invitees.csv").read_bytes()).invitees
    ]
    back = ("--bounce-mail", bounced, "--answer", f"{accepted}=accepted")
    async with simulator(tmp_path, *back, "--answer", f"{declined}=declined") as variables:
        ran = await command(tmp_path, "run", "town-hall", "--yes", variables=variables)
        read = await command(tmp_path, "replies", "town-hall", "--json", variables=variables)
        again = await command(tmp_path, "replies", "town-hall", variables=variables)
        status = await command(tmp_path, "status", "town-hall", "--json", variables=variables)

    assert (ran.code, read.code, again.code) == (0, 1, 0), ran.all + read.all + again.all
    news = {found["email"]: found["what"] for found in json.loads(read.out)["news"]}
    assert news == {bounced: "bounced", accepted: "accepted", declined: "declined"}
    assert json.loads(status.out)["counts"] == {"sent": 4, "bounced": 1}
    assert "came back" not in again.out


IMAP = """
host = "imap.example.com"
username = "events"
done = "Done"
m365.tenant = "t"
m365.client_id = "c"
"""


@pytest.mark.parametrize(
    "replies",
    [
        IMAP,
        'mbox = "/var/mail/events"',
        'maildir = "/var/mail/events"\ndone = "keep"',
    ],
    ids=["IMAP", "mbox", "maildir"],
)
def test_a_rehearsal_reads_no_real_mailbox_and_posts_nowhere(tmp_path, replies):
    maildir = tmp_path / "mail" / "replies"

    found = mailbox_variables(configure(tmp_path, replies), NO_REPLIES, maildir)
    rehearsed = configure(tmp_path, replies, **found)

    assert (rehearsed.replies.maildir, rehearsed.replies.host, rehearsed.replies.mbox) == (
        maildir,
        "",
        None,
    )
    servers = [rehearsed.smtp, *rehearsed.smtp_servers.values()]
    assert [server.sent.is_configured for server in servers] == [False, False]
    assert not rehearsed.alerts.webhook


def test_answers_are_asked_for_only_where_they_are_read(tmp_path):
    config = configure(tmp_path, "")
    maildir = tmp_path / "replies"
    answers = ReplyRules(answers={"ada@example.com": "accepted"})

    quiet = configure(tmp_path, "", **mailbox_variables(config, NO_REPLIES, maildir))
    answered = configure(tmp_path, "", **mailbox_variables(config, answers, maildir))

    assert (quiet.replies.is_configured, answered.replies.is_configured) == (False, True)
    assert mailbox_variables(None, NO_REPLIES, maildir) == {}


def test_answers_are_read_from_options():
    rules = parse_reply_rules(["ada@example.com"], ["a=b@example.com=tentative"])

    expected = ReplyRules(frozenset({"ada@example.com"}), {"a=b@example.com": "tentative"})
    assert rules == expected


@pytest.mark.parametrize("answer", ["ada@example.com", "=accepted", "ada@example.com=yes", ""])
def test_an_answer_that_is_none_is_refused(answer):
    with pytest.raises(typer.BadParameter, match="has to be ADDRESS=WORD"):
        parse_reply_rules([], [answer])
