"""What happened to one address, as the ledger recorded it: for `onboarding history`. Changes nothing."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from onboarding.config import Config
from onboarding.ledger import events
from onboarding.ledger.events import Event as HistoryEvent
from onboarding.ledger.read_only import read_ledger
from onboarding.ledger.settings import ledger_path
from onboarding.model.addresses import address_key
from onboarding.model.foreign_text import clean, printable
from onboarding.model.ports import Progress

__all__ = ["HistoryEvent", "read_history"]


def read_history(config: Config, email: str, progress: Progress) -> Sequence[HistoryEvent]:
    """Read everything that happened to an address, in order, in all sessions. Raises what `read_ledger` raises."""
    of_person = partial(events.list_events, key=address_key(email))
    found = read_ledger(ledger_path(config.ledger), of_person, progress) or []
    # A ledger of an older version holds texts as they came from outside.
    return [
        replace(event, title=printable(event.title), detail=clean(event.detail, config.secrets))
        for event in found
    ]
