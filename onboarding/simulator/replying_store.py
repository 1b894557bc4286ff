"""Keeps caught mail, and puts what comes back for it into a maildir, as its readers would.

For rehearsals of what follows: a message that comes back, an answer from a calendar. The maildir is
one that the program then reads as its mailbox.
"""

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import MappingProxyType

from onboarding.model.addresses import address_key
from onboarding.simulator.replies import build_answer, build_bounce
from onboarding.simulator.smtp_catcher import CaughtMail, MailStore

NO_SUCH_ADDRESS = ("5.1.1", "550 5.1.1 No such user here")
"""Status code (RFC 3463 3.2), and what the reader's server says."""

PARTICIPATIONS = ("accepted", "declined", "tentative")
"""What a calendar can answer (RFC 5545 3.2.12)."""

MAILDIR_PARTS = ("new", "cur", "tmp")


@dataclass(frozen=True, slots=True)
class ReplyRules:
    """What comes back, by recipient.

    Each message to those in `bounce` comes back as to an unknown user. `answers` has what a
    recipient's calendar answers to each entry: one of `PARTICIPATIONS`.
    """

    bounce: frozenset[str] = frozenset()
    answers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


class ReplyingStore:
    """A store of caught mail with a maildir beside it, for what comes back."""

    def __init__(
        self, store: MailStore, maildir: Path, rules: ReplyRules, now: Callable[[], datetime]
    ) -> None:
        for part in MAILDIR_PARTS:
            (maildir / part).mkdir(mode=0o700, parents=True, exist_ok=True)
        self._store = store
        self._maildir = maildir
        self._bounce = {address_key(address) for address in rules.bounce}
        self._answers = {address_key(address): word for address, word in rules.answers.items()}
        self._now = now

    def keep(self, sender: str, recipients: tuple[str, ...], content: bytes) -> CaughtMail:
        """Keep one message, and put what comes back for it into the maildir."""
        caught = self._store.keep(sender, recipients, content)
        if reply := self._build_reply(caught):
            self._deliver(f"{caught.number:04d}", reply)
        return caught

    def messages(self) -> tuple[CaughtMail, ...]:
        """Return what was kept, in order."""
        return self._store.messages()

    def _build_reply(self, caught: CaughtMail) -> bytes:
        key = address_key(caught.recipients[0])
        if key in self._bounce:
            return build_bounce(caught, *NO_SUCH_ADDRESS, self._now())
        # A message on the schedule has no calendar entry, so nothing answers it.
        with suppress(ValueError):
            if word := self._answers.get(key):
                return build_answer(caught, word.upper(), self._now())
        return b""

    def _deliver(self, name: str, content: bytes) -> None:
        """Deliver as mail servers do: the file is whole when it comes into `new`."""
        written = self._maildir / "tmp" / name
        descriptor = os.open(written, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
        written.rename(self._maildir / "new" / name)
