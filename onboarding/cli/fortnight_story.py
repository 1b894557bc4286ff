"""Tells what each run of `demo --fortnight` has done, from the ledger's events.

Invents nothing: each line about the program is an event that the ledger has since the last one,
joined with the message that the mail catcher got.
"""

import email
import email.policy
import textwrap
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from itertools import groupby
from typing import NamedTuple

from onboarding.cli.streams import echo
from onboarding.cli.terminal import NoProgress
from onboarding.config import Config
from onboarding.model.addresses import address_key
from onboarding.model.answers import WORDS, Answer
from onboarding.model.deliveries import State
from onboarding.model.kinds import Kind
from onboarding.model.time_zones import zone_named
from onboarding.pipeline.status import HistoryEvent, MessageRecord, Status, read_history
from onboarding.pipeline.target import Target
from onboarding.simulator.smtp_catcher import RunningMail

LINE_WIDTH = 96
SHOWN_NAMES = 4
ZONE = "Europe/Berlin"
"""The clock of the story: the session's."""

MISSED = "skipped"
"""What history calls an entry of the schedule that a person missed."""

REASONS = {
    Kind.INVITATION: "on the roster, and not invited so far",
    Kind.UPDATE: "what the last message said is not true any more",
    Kind.CANCELLATION: "not on the roster any more",
}
"""Why a message went out that no schedule names."""


class SentMessage(NamedTuple):
    """A message that left: when, and what the clock of its reader goes by."""

    at: datetime
    record: MessageRecord
    zone: str


class Story:
    """The story so far: which events were told, and under which date the last line is."""

    def __init__(self, config: Config, target: Target, mail: RunningMail) -> None:
        self._config = config
        self._target = target
        self._mail = mail
        self._told: dict[str, int] = {}
        self._day: date | None = None
        self._zone = zone_named(ZONE)

    def tell_happening(self, now: datetime, sentence: str) -> None:
        """Tell what happens in the world."""
        self._print(now, sentence, mark="*")

    def tell_run(self, status: Status, errors: Sequence[str]) -> None:
        """Tell what a run has done: the events since the one before."""
        by_id = {record.delivery.id: record for record in status.records}
        events = self._list_new_events(status)
        known = [(event, by_id[event.delivery]) for event in events if event.delivery in by_id]
        self._tell_messages(_list_sent(known, status))
        for event, record in known:
            self._print(event.at, _describe_return(event, record))
        for event in events:
            if event.what == MISSED:
                self._print(event.at, f"Not sent: {event.detail}.")
        for error in errors:
            echo(textwrap.indent(error, " " * 10))

    def _list_new_events(self, status: Status) -> list[HistoryEvent]:
        """List what happened to anyone since the last time."""
        found: list[HistoryEvent] = []
        for address in dict.fromkeys(record.delivery.email for record in status.records):
            events = read_history(self._config, address, NoProgress())
            found += events[self._told.get(address, 0) :]
            self._told[address] = len(events)
        return sorted(found, key=lambda event: event.at)

    def _tell_messages(self, sent: Iterable[SentMessage]) -> None:
        """Tell who was mailed what, one line for each kind or entry."""
        subjects = self._read_subjects()
        for label, group in groupby(sorted(sent, key=_name_kind), key=_name_kind):
            messages = list(group)
            names = _join_few([message.record.name for message in messages])
            first = messages[0]
            why = REASONS.get(first.record.delivery.kind) or _describe_clocks(messages)
            self._print(first.at, f"{label} to {names}: {why}.")
            self._print_aside(subjects.get(first.record.delivery.message_id, ""))

    def _read_subjects(self) -> dict[str, str]:
        """Read the subject of each caught message, by Message-ID."""
        parsed = (
            email.message_from_bytes(caught.content, policy=email.policy.default)
            for caught in self._mail.messages()
        )
        return {str(message["Message-ID"]): str(message["Subject"]) for message in parsed}

    def _print(self, at: datetime, sentence: str, mark: str = " ") -> None:
        if not sentence:
            return
        local = at.astimezone(self._zone)
        if local.date() != self._day:
            self._day = local.date()
            echo(f"\n{local:%A} {local.day} {local:%B}")
        first = f"  {local:%H:%M} {mark} "
        echo(textwrap.fill(sentence, LINE_WIDTH, initial_indent=first, subsequent_indent=" " * 10))

    def _print_aside(self, subject: str) -> None:
        quoted = textwrap.shorten(f"“{subject}”", LINE_WIDTH, placeholder=" …")
        echo(textwrap.indent(quoted, " " * 10))


def _name_kind(message: SentMessage) -> str:
    """Name what was mailed: `Update`, `Reminder (-1d 09:00)`."""
    delivery = message.record.delivery
    key, _, when = delivery.entry.partition("@")
    name = (key or delivery.kind.value).capitalize()
    return f"{name} ({when})" if when else name


def _describe_clocks(messages: Sequence[SentMessage]) -> str:
    """Say what the clocks of the readers show: `09:00 in Tokyo`."""
    clocks = dict.fromkeys(
        f"{message.at.astimezone(zone_named(message.zone)):%H:%M} in {_name_city(message.zone)}"
        for message in messages
    )
    return f"it is {_join_few([*clocks])}"


def _name_city(zone: str) -> str:
    return zone.rpartition("/")[-1].replace("_", " ")


def _join_few(names: Sequence[str]) -> str:
    if len(names) > SHOWN_NAMES:
        return f"{', '.join(names[: SHOWN_NAMES - 1])} and {len(names) - SHOWN_NAMES + 1} more"
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _list_sent(
    known: Iterable[tuple[HistoryEvent, MessageRecord]], status: Status
) -> list[SentMessage]:
    """List what has left, with the zone of each reader."""
    zones = {person.invitee.key: person.invitee.time_zone for person in status.upcoming.people}
    return [
        SentMessage(event.at, record, zones.get(address_key(record.delivery.email)) or ZONE)
        for event, record in known
        if event.what == State.SENT
    ]


def _describe_return(event: HistoryEvent, record: MessageRecord) -> str:
    """Say what came back; empty for any other event."""
    if event.what == State.BOUNCED:
        return f"{record.name}: the message bounced. {event.detail}"
    if event.what in {*Answer}:
        return f"{record.name} {WORDS[Answer(event.what)]} {event.detail}".rstrip() + "."
    return ""
