"""What a rehearsal does with mailboxes and alerts: it reads none for real, and posts nowhere.

The mail catcher puts what comes back into a maildir of its own; the variables here lead the program
there, in place of what config.toml names.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import typer

from onboarding.config import Config
from onboarding.config.companies import name_variables
from onboarding.simulator.replying_store import PARTICIPATIONS, ReplyRules

REPLIES_FOLDER = "replies"
"""The maildir, in the folder of caught mail."""

NO_MAILBOX = {"HOST": "", "USERNAME": ""}
"""Keys of a section that leads to no mailbox server."""


def parse_reply_rules(bounce: Sequence[str], answers: Sequence[str]) -> ReplyRules:
    """Read the options; an answer is written ADDRESS=WORD. Raises BadParameter."""
    pairs = [answer.rpartition("=") for answer in answers]
    for answer, (address, _, word) in zip(answers, pairs, strict=True):
        if not address or word not in PARTICIPATIONS:
            words = ", ".join(PARTICIPATIONS)
            raise typer.BadParameter(
                f"{answer!r} has to be ADDRESS=WORD, where the word is one of {words}.",
                param_hint="--answer",
            )
    return ReplyRules(frozenset(bounce), {address: word for address, _, word in pairs})


def mailbox_variables(config: Config | None, rules: ReplyRules, maildir: Path) -> dict[str, str]:
    """The variables that keep a rehearsal from real mailboxes and from the webhook.

    Answers are asked for as config.toml says, and where something is to come back.
    """
    found: dict[str, str] = {}
    reads = config is not None and config.replies.is_configured
    if reads or rules.bounce or rules.answers:
        own = {**NO_MAILBOX, "MBOX": "", "DONE": "seen", "MAILDIR": str(maildir.absolute())}
        found |= _name_keys("ONBOARDING_REPLIES__", own)
    if config is None:
        return found
    servers = {"ONBOARDING_SMTP__": config.smtp} | {
        name_variables("smtp_servers", name): server for name, server in config.smtp_servers.items()
    }
    for prefix, server in servers.items():
        if server.sent.is_configured:
            found |= _name_keys(f"{prefix}SENT__", {**NO_MAILBOX, "LOG": ""})
    if config.alerts.webhook:
        found["ONBOARDING_ALERTS__WEBHOOK"] = ""
    return found


def _name_keys(prefix: str, values: Mapping[str, str]) -> dict[str, str]:
    return {f"{prefix}{key}": value for key, value in values.items()}
