"""Fictional people as the plan sees them: on the roster, and in each place that knows people.

Each goes by a first name: Ada is `ada@example.com`, her link ends in `ada`, her user id as a
colleague is `ada`.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from pydantic import SecretStr

from onboarding.model.deliveries import Delivery, Mailbox, State
from onboarding.model.kinds import Kind
from onboarding.model.people import Colleague, Invitee, LinkedUser, Problem, Role, Roster
from onboarding.model.registrations import ManagedRegistration, Standing
from onboarding.model.sessions import Facts, Registration, Session, UntouchedRecord, link_digest
from onboarding.plan import Options, Plan, PlanItem, Snapshot, make_plan
from tests.samples import HOUR, LAST_NAMES, NOW, SPRING_LAUNCH, START

KEY = SPRING_LAUNCH.key

HOST, COHOST, PANELIST = Role.HOST, Role.COHOST, Role.PANELIST

CRON = Options()
EVERYTHING = Options(adopt=True, include_already_mailed=True, remove=True, remove_foreign=True)


def address(name: str) -> str:
    return f"{name}@example.com" if name else ""


def last_name(name: str) -> str:
    return LAST_NAMES.get(name, "Example")


def user(name: str) -> LinkedUser:
    return LinkedUser("company", name)


def link(name: str) -> SecretStr:
    return SecretStr(f"https://v.example.com/join/{name}")


def session(**fields: Any) -> Session:
    return replace(
        SPRING_LAUNCH,
        **{"host": user("henry"), "host_join_uri": link("host-of-the-session")} | fields,
    )


def row(name: str, role: Role = PANELIST, **fields: Any) -> Invitee:
    """A row of the roster; `snapshot` numbers it."""
    given = {
        "row": 0,
        "email": address(name),
        "role": role,
        "first_name": name.title(),
        "last_name": last_name(name),
    }
    return Invitee(**(given | fields))


def guest(name: str, role: Role = PANELIST, **fields: Any) -> Registration:
    """The silent and complete record of a person invited by name and address."""
    given = {
        "id": f"id-{name}",
        "role": role,
        "email": address(name),
        "first_name": name.title(),
        "last_name": last_name(name),
        "send_invite": False,
        "join_uri": link(name),
    }
    return Registration(**(given | fields))


def linked(name: str, role: Role = COHOST, **fields: Any) -> Registration:
    """The silent and complete record of a colleague: ids, and neither address nor name."""
    return guest(
        name,
        role,
        **({"email": "", "first_name": "", "last_name": "", "linked_user": user(name)} | fields),
    )


def host(name: str = "henry", **fields: Any) -> Registration:
    """The implicit Host, by ids alone; `sendInvite` can't be false for them."""
    return linked(name, HOST, **({"send_invite": True} | fields))


def odd(record: Registration, fault: str = "`role` is “Moderator”") -> UntouchedRecord:
    """What is read of a record that isn't understood; of an attendee's if the reason is empty."""
    return UntouchedRecord(
        id=record.id,
        email=record.email,
        linked_user=record.linked_user,
        first_name=record.first_name,
        last_name=record.last_name,
        join_uri=record.join_uri,
        fault=fault,
    )


def colleague(name: str, **fields: Any) -> Colleague:
    given = {
        "linked_user": user(name),
        "email": address(name),
        "first_name": name.title(),
        "last_name": last_name(name),
    }
    return Colleague(**(given | fields))


def facts(name: str, role: Role = PANELIST, **fields: Any) -> Facts:
    """What is true for a person with this name's link."""
    return replace(Facts(link_digest(link(name)), role, START, HOUR), **fields)


MOVED = {"start": START - timedelta(days=1)}
"""Facts of before the session moved by a day."""


def delivery(
    name: str, state: State, kind: Kind = Kind.INVITATION, told: Facts | None = None
) -> Delivery:
    return Delivery(
        id=1,
        session=KEY,
        email=address(name),
        kind=kind,
        number=1,
        state=state,
        attempt=1,
        queued_at=NOW,
        due_at=NOW,
        expires_at=START + HOUR,
        message_id="<1@example.com>",
        facts=told or facts(name),
    )


def holds(name: str, role: Role = PANELIST, **changed: Any) -> Mailbox:
    """The mailbox of a person who was sent these facts, and nothing since."""
    told = facts(name, role, **changed)
    return Mailbox(told, delivery(name, State.SENT, told=told), 1)


def holding(name: str, told: Facts | None, state: State, kind: Kind, latest: Facts) -> Mailbox:
    """A mailbox that holds facts (or none), with the state of the latest message to it."""
    return Mailbox(told, delivery(name, state, kind, latest), 2)


def make_snapshot(
    *rows: Invitee,
    there: tuple[Registration, ...] = (),
    known: Mapping[str, Standing | ManagedRegistration] | None = None,
    boxes: Mapping[str, Mailbox] | None = None,
    colleagues: tuple[Colleague, ...] = (),
    problems: tuple[Problem, ...] = (),
    untouched: tuple[UntouchedRecord, ...] = (),
    now: datetime = NOW,
    **of_session: Any,
) -> Snapshot:
    """What a plan looks at: rows from the second on, records, and the ledger by first name."""
    invitees = tuple(replace(one, row=number) for number, one in enumerate(rows, 2))
    return Snapshot(
        session=session(**of_session),
        roster=Roster(invitees, problems),
        registrations=there,
        now=now,
        managed={address(name): _acquaintance(name, what) for name, what in (known or {}).items()},
        mailboxes={address(name): box for name, box in (boxes or {}).items()},
        colleagues=colleagues,
        untouched=untouched,
    )


def _acquaintance(name: str, what: Standing | ManagedRegistration) -> ManagedRegistration:
    return what if isinstance(what, ManagedRegistration) else ManagedRegistration(row(name), what)


def plan_of(snapshot: Snapshot, options: Options = CRON) -> Plan:
    return make_plan(snapshot, options)


def only_item(snapshot: Snapshot, options: Options = CRON) -> PlanItem:
    (item,) = make_plan(snapshot, options).items
    return item
