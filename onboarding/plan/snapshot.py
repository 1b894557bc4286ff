"""What a plan looks at and consists of: the values that go into `make_plan` and come out of it.

`pipeline.refresh` builds a `Snapshot`; the other modules of this room read it and return `PlanItem`
values. A snapshot answers questions about one person. It decides nothing.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from onboarding.model.addresses import address_key
from onboarding.model.answers import Answer
from onboarding.model.deliveries import Mailbox
from onboarding.model.entries import Attendance, Schedule
from onboarding.model.kinds import Kind, clears_facts
from onboarding.model.people import Colleague, Invitee, LinkedUser, Problem, Role, Roster
from onboarding.model.registrations import MANAGED, Change, ManagedRegistration, Standing
from onboarding.model.sessions import (
    CallOff,
    InviteeList,
    Registration,
    Session,
    UntouchedRecord,
    has_ended,
)
from onboarding.plan.entries_due import DueEntry, Reader, TimelineRow, Timetable

ADDED_HERE = frozenset({Standing.ADDING, Standing.ADDED})
"""Standings of people that this ledger registered itself, so silently."""


@dataclass(frozen=True, slots=True)
class Options:
    """What is asked for beyond the plain run: by a person, or for cron in config.toml.

    `limit` keeps the run to the first so many people who need anything; `only` (addresses), `roles`
    and `kinds` keep it to the people and messages that they name, empty: to all. `as_told` records
    that the mailboxes hold what is true, and mails nothing of it. `remove_at_most` keeps a removal
    that no person looks at within bounds (`cron_removals`).
    """

    adopt: bool = False
    include_already_mailed: bool = False
    remove: bool = False
    remove_foreign: bool = False
    limit: int | None = None
    only: tuple[str, ...] = ()
    roles: frozenset[Role] = frozenset()
    kinds: frozenset[Kind] = frozenset()
    as_told: bool = False
    remove_at_most: int | None = None

    @property
    def is_selective(self) -> bool:
        """Whether the run keeps to some of the people."""
        return self.limit is not None or bool(self.only or self.roles or self.kinds)


_EMPTY_MAILBOX = Mailbox()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that is known when a plan is made.

    `registrations` is RingCentral's list, `untouched` the records in it that are left alone.
    `managed` (by address key) has the people that this ledger had to do with, `mailboxes` (by
    address key) what each mailbox holds, `colleagues` the company directory, as far as it was
    asked. `allow_domains` is the fence of a rehearsal (`[rehearsal] allow_domains`), as A-labels;
    empty: all people. `replacements` has the people that a person wants replaced (address key of
    the old -> of the new). `call_off` is None for a session that takes place. `suppressed` has the
    addresses to which no message goes, by key, and why.

    `schedule` are the webinar's messages on a schedule, `seen` says when a run first saw each of
    its entries (`entries_due.Timetable`). `answers` has what people answered from their calendar,
    `agreed` those of them that were given to the session's times as they are now,
    `attendance` who has joined, all by address key; who is not in it is unknown.
    `attendance_note` says why RingCentral does not say who has joined (empty: it does, or was not
    asked), `attendance_calls` counts the calls that this look made for it.
    """

    session: Session
    roster: Roster
    registrations: tuple[Registration, ...]
    now: datetime
    managed: Mapping[str, ManagedRegistration] = field(default_factory=lambda: MappingProxyType({}))
    mailboxes: Mapping[str, Mailbox] = field(default_factory=lambda: MappingProxyType({}))
    colleagues: tuple[Colleague, ...] = ()
    untouched: tuple[UntouchedRecord, ...] = ()
    allow_domains: frozenset[str] = frozenset()
    replacements: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    call_off: CallOff | None = None
    suppressed: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    schedule: Schedule = field(default_factory=Schedule)
    seen: Mapping[str, Mapping[datetime, datetime]] = field(
        default_factory=lambda: MappingProxyType({})
    )
    answers: Mapping[str, Answer] = field(default_factory=lambda: MappingProxyType({}))
    agreed: Mapping[str, Answer] = field(default_factory=lambda: MappingProxyType({}))
    attendance: Mapping[str, Attendance] = field(default_factory=lambda: MappingProxyType({}))
    attendance_note: str = ""
    attendance_calls: int = 0

    def participation(self, key: str) -> Answer | None:
        """What a person has answered to the entry in their calendar; None: they are to be asked.

        Who was removed has no entry any more, and a new invitation asks again.
        """
        return self.agreed.get(key) if self.mailbox(key).facts else None

    @property
    def timetable(self) -> Timetable:
        """The schedule as it stands at the moment of the snapshot."""
        return Timetable(self.schedule, self.session, self.now, self.seen)

    def reader(self, person: Invitee, role: Role) -> Reader:
        """What decides which entries a person is due."""
        box = self.mailbox(person.key)
        return Reader(
            key=person.key,
            role=role,
            zone=person.time_zone or self.session.time_zone,
            invited_at=box.invited_at,
            entries=box.entries,
            answer=self.answers.get(person.key),
            attendance=self.attendance.get(person.key, Attendance.UNKNOWN),
        )

    @property
    def seats_taken(self) -> int:
        """The seats of co-hosts and panelists that are taken."""
        return InviteeList(self.registrations, self.untouched).seats_taken

    @property
    def is_over(self) -> bool:
        """Whether it is too late to get on board, even if RingCentral says it is scheduled."""
        return has_ended(self.session.status, self.session.end, self.now)

    @property
    def panel_joins_at(self) -> datetime | None:
        """When the panel is to be there; None for a session that is called off."""
        return None if self.call_off else self.session.arrive_by

    def says_called_off(self, kind: Kind) -> bool:
        """Whether a message of this kind says that the session does not take place."""
        return self.call_off is not None and clears_facts(kind)

    def mailbox(self, key: str) -> Mailbox:
        """What one mailbox holds."""
        return self.mailboxes.get(key, _EMPTY_MAILBOX)

    def is_replaced(self, person: Invitee) -> bool:
        """Whether a person wants this one replaced, and the roster has the other one by now."""
        # Only once the other one has a row: a typing error must not just remove a person.
        new = self.replacements.get(person.key)
        return new is not None and any(row.key == new for row in self.roster.invitees)

    def find_managed(
        self, person: Invitee, record: Registration | None = None
    ) -> list[ManagedRegistration]:
        """What this ledger had to do with a person: by their address, then by their ids.

        With `record`, also what it had to do with the person that the record shows. Two linked
        users are two people, though the ledger knew them under one address.
        """
        found: list[ManagedRegistration] = []
        for side in (person, record) if record else (person,):
            by_address = self._find_managed_by_address(side)
            found += [by_address] if by_address else self._find_managed_by_directory(side)
            if side.linked_user:
                found += self._find_managed_by_users({side.linked_user})
        # Entries can't be hashed, and are few.
        return [known for number, known in enumerate(found) if known not in found[:number]]

    def _find_managed_by_address(self, side: Invitee | Registration) -> ManagedRegistration | None:
        """Find what is known under an address, unless it is another linked user's."""
        known = self.managed.get(address_key(side.email)) if side.email else None
        if known is None or side.linked_user is None:
            return known
        # Two colleagues may have had one address in turn: the ids say who is meant.
        return known if known.invitee.linked_user in {None, side.linked_user} else None

    def _find_managed_by_directory(self, side: Invitee | Registration) -> list[ManagedRegistration]:
        """Find the linked user that has an address in the directory, where a record shows no ids.

        Not where another record has their ids: then the address is a guest's.
        """
        if side.linked_user or not side.email:
            return []
        users = {
            colleague.linked_user
            for colleague in self.colleagues
            if address_key(colleague.email) == address_key(side.email)
        }
        users -= {record.linked_user for record in self.registrations if record.linked_user}
        return self._find_managed_by_users(users)

    def _find_managed_by_users(self, users: Collection[LinkedUser]) -> list[ManagedRegistration]:
        return [known for known in self.managed.values() if known.invitee.linked_user in users]

    def is_address_taken(self, person: Invitee) -> bool:
        """Whether the roster gives this linked user's address to another one."""
        return any(
            row.linked_user not in {None, person.linked_user} and row.key == person.key
            for row in self.roster.invitees
            if person.email and person.linked_user
        )

    def has_standing(
        self, person: Invitee, standings: Collection[Standing], record: Registration | None = None
    ) -> bool:
        """Whether this ledger gave a person one of these standings."""
        return any(known.standing in standings for known in self.find_managed(person, record))

    def find_unfulfilled(self, person: Invitee) -> Mapping[str, str]:
        """What RingCentral was asked for about a person and did not set, field -> value."""
        requests: dict[str, str] = {}
        # What is known under their address comes first and counts most, so it is written last.
        for known in reversed(self.find_managed(person)):
            requests |= known.last_requested
        return requests

    def is_managed(self, person: Invitee, record: Registration | None) -> bool:
        """Whether this ledger may mail a registered person: it added or adopted them."""
        return self.has_standing(person, MANAGED, record)

    def is_mailing_known(self, person: Invitee, record: Registration) -> bool:
        """Whether a run has reported already that RingCentral has mailed a person from here."""
        return any(known.mailed_by_ringcentral for known in self.find_managed(person, record))

    @property
    def has_unsent_invites(self) -> bool:
        """Whether RingCentral offers to mail those who were added silently.

        Where it does not say, the records tell.
        """
        # RingCentral's own word first: the records only hint at what its page offers.
        if self.session.has_unsent_invites is not None:
            return self.session.has_unsent_invites
        return self.holds_silent_records

    @property
    def holds_silent_records(self) -> bool:
        """Whether people are registered that RingCentral has not mailed."""
        return any(
            # None is no answer, and must cause no warning. A Host is never silent.
            record.send_invite is False and record.role is not Role.HOST
            for record in self.registrations
        )

    def is_silent(self, person: Invitee, record: Registration) -> bool:
        """Whether RingCentral has not mailed a person.

        A record that doesn't say counts as silent if we added it.
        """
        if record.send_invite is None:
            # Any other counts as mailed: a second mail can't be taken back.
            return self.has_standing(person, ADDED_HERE, record)
        return not record.send_invite


class Action(StrEnum):
    """What happens to one person at RingCentral."""

    ADD = "add"
    UPDATE = "update"
    REPLACE = "replace"  # delete and add: what an update can't change
    REMOVE = "remove"
    KEEP = "keep"
    NONE = "none"


class SkipCode(StrEnum):
    """Why a run leaves a person alone, or sends them nothing: programs read these codes.

    `docs/reference.md` explains each; a code is never renamed.
    """

    FENCED = "fenced"
    NOT_APPROVED = "not_approved"
    NOT_SELECTED = "not_selected"
    NOT_ON_ROSTER = "not_on_roster"
    FOREIGN = "foreign"
    MAILED_BY_RINGCENTRAL = "mailed_by_ringcentral"
    NO_LINK = "no_link"
    BEING_SENT = "being_sent"
    IN_DOUBT = "in_doubt"
    HELD = "held"
    SUPPRESSED = "suppressed"
    CANCELLED = "cancelled"
    NEVER_MAILED = "never_mailed"
    SESSION_OVER = "session_over"
    SEND_AFTER = "send_after"
    CALLED_OFF = "called_off"
    PROBLEM = "problem"
    ATTENDEE = "attendee"


@dataclass(frozen=True, slots=True)
class PlanItem:
    """One person's line of the plan: what is done at RingCentral, what is mailed, and why.

    `registration` is the record as it stands now (None: not registered). `changes` maps a field to
    its old and new value. `mail` is the kind of message that is due, `mail_reason` why it is or why
    it is not (empty: nothing to say, the mailbox is up to date). `adopted`: this item needs
    `--adopt`, which has to be recorded. `queued`: the message is in the queue already. `held`: no
    message may leave to them, because RingCentral has mailed them instead. `newly_mailed`:
    RingCentral has mailed a person that we registered, and no run has said so yet. `problems`: what
    a person has to look at. `skip`: why they are left alone (`is_left_alone`). `as_told`: the kind
    of message that is recorded and not sent (`--as-told`). `entries` are the messages of the
    schedule that are due besides, `missed` those that the person does not get any more, and
    `upcoming` those that come later.
    """

    invitee: Invitee
    action: Action
    reason: str
    registration: Registration | None = None
    changes: Mapping[str, tuple[str, str]] = field(default_factory=lambda: MappingProxyType({}))
    mail: Kind | None = None
    mail_reason: str = ""
    adopted: bool = False
    queued: bool = False
    held: bool = False
    newly_mailed: bool = False
    problems: tuple[Problem, ...] = ()
    skip: SkipCode | None = None
    as_told: Kind | None = None
    entries: tuple[DueEntry, ...] = ()
    missed: tuple[DueEntry, ...] = ()
    upcoming: tuple[DueEntry, ...] = ()

    @property
    def is_left_alone(self) -> bool:
        """Whether a run does not touch this person, or sends them nothing, for a reason."""
        has_nothing = self.mail is None and self.as_told is None and not self.entries
        return has_nothing and (self.action is Action.NONE or bool(self.mail_reason))

    @property
    def needs_anything(self) -> bool:
        """Whether a run does anything for this person."""
        has_news = self.mail is not None or self.as_told is not None or bool(self.entries)
        return has_news or self.action not in {Action.KEEP, Action.NONE}

    @property
    def role(self) -> Role:
        """The person's role after the run: the roster's if applied, else the registered one."""
        # An update that is not sent leaves the record's role, and the mail must not name another.
        if self.registration is None or self.action in {Action.UPDATE, Action.REPLACE}:
            return self.invitee.role
        return self.registration.role


@dataclass(frozen=True, slots=True)
class Plan:
    """What `run` will do: an item per person in the roster's order, then people who are not on it.

    `heavy_calls` are the scarce calls that `run` will make from its start to its end, all going
    well. `attendees` stand in RingCentral's list and are left alone. `notes` are worth knowing, and
    need nothing done. `timeline` is the webinar's schedule.
    """

    items: tuple[PlanItem, ...]
    problems: tuple[Problem, ...]
    change: Change
    heavy_calls: int
    attendees: tuple[UntouchedRecord, ...] = ()
    notes: tuple[str, ...] = ()
    timeline: tuple[TimelineRow, ...] = ()

    @property
    def mail(self) -> tuple[PlanItem, ...]:
        """The items with a message that is due."""
        return tuple(item for item in self.items if item.mail)

    @property
    def scheduled(self) -> tuple[tuple[PlanItem, DueEntry], ...]:
        """The messages of the schedule that are due, each with the item of its person."""
        return tuple((item, due) for item in self.items for due in item.entries)

    @property
    def message_count(self) -> int:
        """How many messages are due, those of the schedule included."""
        return len(self.mail) + len(self.scheduled)

    @property
    def as_told(self) -> tuple[PlanItem, ...]:
        """The items of people who count as informed from now on (`--as-told`)."""
        return tuple(item for item in self.items if item.as_told)

    @property
    def skipped(self) -> tuple[PlanItem, ...]:
        """The items of people who are left alone, each with its reason and code."""
        return tuple(item for item in self.items if item.is_left_alone)

    def __bool__(self) -> bool:
        return any(item.needs_anything for item in self.items)

    def with_action(self, *actions: Action) -> tuple[PlanItem, ...]:
        """The items with one of these actions."""
        return tuple(item for item in self.items if item.action in actions)
