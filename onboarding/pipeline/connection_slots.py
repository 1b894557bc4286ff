"""Keeps to `max_connections` in all processes together: `model.ports.ConnectionSlots`.

Costs a write for each connection that is opened or closed, and one every ten seconds; none for a
message. Who may open one is decided in `ledger.slots`; this waits, renews, and gives up when the
wait gets too long.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from onboarding.errors import OnboardingError, TryLater
from onboarding.ledger import slots
from onboarding.ledger.leases import Holder, new_holder
from onboarding.ledger.store import Ledger
from onboarding.model.ports import Progress, Slot
from onboarding.smtp.settings import SmtpSettings

LONGEST_SLOT_WAIT = timedelta(minutes=2)
"""Longer than it takes until a machine that died is noticed."""

SLOT_POLL = 1.0
"""Seconds between two questions whether it is this connection's turn."""


def mail_account(smtp: SmtpSettings) -> str:
    """Name what connections and messages are counted for: the account at the mail server."""
    # Providers limit an account, not a webinar: all webinars that send through it share one count.
    return f"smtp {smtp.host}:{smtp.port} {smtp.username}"


@dataclass(slots=True)
class LedgerSlots:
    """The slots of one run's connections to one mail server.

    `now` gives aware UTC time, `sleep` waits seconds.
    """

    ledger: Ledger
    smtp: SmtpSettings
    progress: Progress
    now: Callable[[], datetime]
    sleep: Callable[[float], Awaitable[None]]
    holder: Holder = field(default_factory=new_holder)
    _taken: dict[int, Slot] = field(default_factory=dict)

    async def take(self, *, may_wait: bool) -> Slot | None:
        """Take a slot for a connection. None if all are taken, and it may not wait.

        Raises TryLater if it waits for too long.
        """
        now = self.now()
        name, most = mail_account(self.smtp), self.smtp.max_connections
        new = await self.ledger.run(slots.add_slot, name, most, self.holder, now, may_wait=may_wait)
        if new is None:
            return None
        slot = self._taken[new.number] = Slot(new.number)
        if not new.is_open:
            await self._wait_turn(slot)
        return slot

    async def free(self, slot: Slot) -> None:
        """Free a slot, once its connection is closed."""
        self._taken.pop(slot.number, None)
        try:
            await self.ledger.run(slots.remove_slot, slot.number, self.holder)
        except OnboardingError as error:
            # The connection is closed all the same, and what has failed before says more. Nothing
            # renews the row any more, so it ends within a minute.
            self.progress.say(str(error))

    async def renew(self) -> None:
        """Show the others that this process lives."""
        # One that is taken during the question is missing in the answer.
        taken = dict(self._taken)
        if not taken:
            return
        try:
            held = await self.ledger.run(slots.renew_slots, list(taken), self.holder, self.now())
        except OnboardingError as error:
            self.progress.say(str(error))
            # Others may take our slots now. A connection that needs one asks again.
            held = frozenset()
        for number, slot in taken.items():
            slot.is_held = number in held

    async def _wait_turn(self, slot: Slot) -> None:
        """Wait until a connection may be opened. Its row goes if it never is."""
        name, most = mail_account(self.smtp), self.smtp.max_connections
        until = self.now() + LONGEST_SLOT_WAIT
        is_open = False
        try:
            while not is_open:
                await self._wait_once(until)
                await self.renew()
                now = self.now()
                is_open = await self.ledger.run(slots.may_open, name, most, slot.number, now)
        finally:
            if not is_open:
                await self.free(slot)

    async def _wait_once(self, until: datetime) -> None:
        """Wait until it is worth asking again. Raises TryLater if it has been too long."""
        now = self.now()
        if now >= until:
            raise await self._all_taken(now)
        self.progress.waiting("Other runs use all connections to the mail server", SLOT_POLL)
        await self.sleep(SLOT_POLL)

    async def _all_taken(self, now: datetime) -> TryLater:
        """Say which other runs have the connections."""
        holders = await self.ledger.run(slots.list_slot_holders, mail_account(self.smtp), now)
        others = {
            f"process {holder.pid} on {holder.host}": None
            for holder in holders[: self.smtp.max_connections]
        }
        return TryLater(
            f"Other runs use all connections to {self.smtp.host_and_port} that [smtp] "
            f"max_connections = {self.smtp.max_connections} allows ({', '.join(others)}).",
            hint="Nothing is lost: what is left stays queued. Run again when they have ended.",
        )
