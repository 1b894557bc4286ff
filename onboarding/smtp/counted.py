"""Opens lines to the mail server only as far as all processes together may have them open.

Each open line has a slot (`model.ports.ConnectionSlots`). A run that has a line goes on with what
it has and never waits for more, so two runs can't wait for each other. A run without any line waits
for its turn.
"""

import asyncio
import weakref

from onboarding.model.ports import ConnectionSlots, Slot
from onboarding.smtp.connect import Connector
from onboarding.smtp.phases import ConnectionRefusal
from onboarding.smtp.protocol import WireProtocol
from onboarding.smtp.settings import SmtpSettings


class NoSlotLeft(ConnectionRefusal):
    """Other runs have all other connections just now: this run goes on with those that it has."""


class CountedConnector(Connector):
    """The way to the mail server for a whole run, with a slot for each line."""

    def __init__(
        self, settings: SmtpSettings, slots: ConnectionSlots, stop: asyncio.Event | None = None
    ) -> None:
        super().__init__(settings, stop=stop)
        self._slots = slots
        self._slot_of: weakref.WeakKeyDictionary[WireProtocol, Slot] = weakref.WeakKeyDictionary()
        self._asked = 0
        """Slots that this run has or asks for."""

    async def open(self, instead_of: WireProtocol | None = None) -> WireProtocol:
        """Open a line, with the slot of a closed one that it replaces, or with a new slot.

        Raises what `Connector.open` raises; `NoSlotLeft` where this run has other lines and other
        runs have the rest, and `TryLater` where it has waited for long and got none.
        """
        failed_before = self.count_failures()
        replaced = self._slot_of.pop(instead_of, None) if instead_of else None
        # All ask at once, so that they share a commit: lines are opened one after the other.
        slot = replaced or await self._take_slot()
        try:
            line = await self.open_unless_failed(failed_before)
        # Also what is no Exception: a slot that stays taken is missing in all runs.
        except BaseException:
            await self._free(slot)
            raise
        self._slot_of[line] = slot
        return line

    async def release(self, line: WireProtocol) -> None:
        """Free the slot of a line that is closed."""
        if slot := self._slot_of.pop(line, None):
            await self._free(slot)

    def may_use(self, line: WireProtocol) -> bool:
        """Tell whether an open line still has its slot."""
        slot = self._slot_of.get(line)
        return slot is not None and slot.is_held

    async def _take_slot(self) -> Slot:
        may_wait = self._asked == 0
        self._asked += 1
        slot = None
        try:
            slot = await self._slots.take(may_wait=may_wait)
        finally:
            self._asked -= slot is None
        if slot is None:
            raise NoSlotLeft(
                f"Other runs use the other connections to {self.settings.host_and_port}."
            )
        return slot

    async def _free(self, slot: Slot) -> None:
        self._asked -= 1
        await self._slots.free(slot)
