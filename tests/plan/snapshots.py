"""Any snapshot that a plan may look at (for Hypothesis), and what is true after a run.

Five people and a host, each on the roster or not, registered or not, known to the ledger and the
directory or not, and all of that in every form that occurs. The forms are listed beforehand: that
is what makes drawing them quick.
"""

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from itertools import product
from typing import Any, TypeVar

from hypothesis import strategies as st

from onboarding.model.addresses import address_key
from onboarding.model.deliveries import Mailbox, State
from onboarding.model.kinds import Kind
from onboarding.model.people import Colleague, Invitee, Problem, Role
from onboarding.model.registrations import ManagedRegistration, Standing, record_fields
from onboarding.model.sessions import PanelistAuthentication, Registration, SessionStatus
from onboarding.plan import Action, Options, Plan, Snapshot
from onboarding.plan.identity import Records
from onboarding.plan.invitee_changes import diff
from onboarding.plan.messages_due import current_facts as true_facts
from tests.plan.people import (
    COHOST,
    HOST,
    HOUR,
    MOVED,
    NOW,
    PANELIST,
    START,
    address,
    colleague,
    delivery,
    facts,
    guest,
    host,
    link,
    linked,
    make_snapshot,
    row,
    user,
)

T = TypeVar("T")

NAMES = ("ada", "bob", "cleo", "dora", "eve")
CONFUSED = {"ada": "bob", "cleo": "dora"}
"""People that have ids, which may be in another person's row."""
BROKEN = ("", "ada", "bob@", "cleo(at)example.com", "dora@example..com")
TITLES = ("", "Engineer", "Poet")


def rows(name: str) -> list[Invitee]:
    """All rows for a person: by address, ids or both; with another's ids, or under an alias."""
    by_address = [
        row(name, role, job_title=title)
        for role, title in product((PANELIST, PANELIST, PANELIST, COHOST, COHOST, HOST), TITLES)
    ]
    by_ids = [
        row(name, role, email=address(written), linked_user=user(ids))
        for role, written, ids in product(
            (PANELIST, COHOST), (name, f"alias-{name}", ""), (name, CONFUSED.get(name, name))
        )
    ]
    return by_address + by_ids


def records(name: str) -> list[Registration]:
    """All records of a person: as a guest, or as a colleague with or without address."""
    return [
        record(role, send_invite=send_invite, join_uri=uri)
        for record, role, send_invite, uri in product(
            (
                partial(guest, name, job_title="Poet"),
                partial(guest, name),
                partial(linked, name),
                partial(linked, name, email=address(name)),
            ),
            (PANELIST, COHOST),
            (False, False, False, True, None),
            (link(name), link(name), None),
        )
    ]


def mailboxes(name: str) -> list[Mailbox]:
    """All that a mailbox may hold, with every state of the latest message to it."""
    known = [
        facts(one, role, **moved)
        for one in (name, "old")
        for role in (PANELIST, COHOST)
        for moved in ({}, MOVED)
    ]
    sent = [Mailbox(one, delivery(name, State.SENT, told=one), 1) for one in known]
    cancelled = [
        Mailbox(None, delivery(name, State.SENT, Kind.CANCELLATION, one), 2) for one in known
    ]
    as_told = [Mailbox(one, delivery(name, State.RECORDED, told=one), 1) for one in known]
    unsent = [
        Mailbox(told, delivery(name, state, kind, latest), 2)
        for state in sorted(set(State) - {State.SUPERSEDED, State.SENT, State.RECORDED})
        for told, latest, kind in product(
            (None, known[0], known[1]), known[:4], (Kind.UPDATE, Kind.CANCELLATION)
        )
    ]
    return [*sent * 10, *as_told * 2, *cancelled * 2, *unsent]


def acquaintances(name: str) -> list[ManagedRegistration]:
    """All that the ledger may know of a person; most often that it added them."""
    standings = (*Standing, *[Standing.ADDED] * 6)
    return [
        ManagedRegistration(row(name, linked_user=ids), one)
        for ids, one in product((None, user(name)), standings)
    ]


def absent(some: list[T], share: float) -> list[T | None]:
    """The same, and nothing in a share of cases."""
    return [*some, *[None] * round(len(some) * share / (1 - share))]


PEOPLE = {
    name: st.tuples(
        st.sampled_from(absent(rows(name), 0.4)),
        st.sampled_from(absent(records(name), 0.4)),
        st.sampled_from(absent(acquaintances(name), 0.2)),
        st.sampled_from(absent(mailboxes(name), 0.3)),
        st.sampled_from(absent([colleague(name)], 0.5)),
    )
    for name in NAMES
}
HOSTS: list[tuple[Registration, ...]] = [
    (host(),),
    (host(email=address("henry")),),
    (host(linked_user=None),),
    (host(join_uri=None),),
    (),
]
SESSIONS = [
    {"status": status, "now": now, "host": of, "panelist_authentication": needed}
    for status, now, of, needed in product(
        (*[SessionStatus.SCHEDULED] * 4, *SessionStatus),
        (*[NOW] * 4, START, START + HOUR),
        (user("henry"), None),
        (*[PanelistAuthentication.GUEST] * 2, *PanelistAuthentication),
    )
]


def any_snapshot(status: SessionStatus | None = None) -> st.SearchStrategy[Snapshot]:
    """Any snapshot, or any with one status; but no row with the ids of another row."""
    snapshots = st.builds(
        _build_snapshot,
        st.tuples(*PEOPLE.values()),
        st.sampled_from(absent([row("henry", role) for role in Role], 0.5)),
        st.sampled_from(HOSTS),
        st.sampled_from(absent([colleague("henry")], 0.3)),
        st.sampled_from(absent([*BROKEN, *map(address, NAMES)], 0.7)),
        st.sampled_from([one for one in SESSIONS if status in {None, one["status"]}]),
    )
    return snapshots.filter(lambda snapshot: not has_crossed_ids(snapshot))


def _build_snapshot(
    people: tuple[Any, ...],
    henry: Invitee | None,
    there: tuple[Registration, ...],
    known_host: Colleague | None,
    bad: str | None,
    of_session: dict[str, Any],
) -> Snapshot:
    rows, records, known, boxes, colleagues = zip(*people, strict=True)
    # A guest who is on the roster by ids and under an alias: RingCentral knows them for one person,
    # and tells us so.
    mistaken = {
        one.linked_user
        for one in rows
        if one and one.linked_user and one.email != address(one.linked_user.user_id)
    }
    guests = {address(one.user_id) for one in mistaken}
    return make_snapshot(
        *filter(None, (*rows[:2], henry, *rows[2:])),
        there=(
            *there,
            *(
                record
                for record in records
                if record and (record.linked_user or record.email not in guests)
            ),
        ),
        known={name: one for name, one in zip(NAMES, known, strict=True) if one},
        boxes={name: one for name, one in zip(NAMES, boxes, strict=True) if one},
        colleagues=tuple(filter(None, (*colleagues, known_host))),
        problems=() if bad is None else (Problem(90, "Kontakt", bad, "..."),),
        **of_session,
    )


def options(**fixed: Any) -> st.SearchStrategy[Options]:
    choices = {
        word: st.booleans()
        for word in ("adopt", "include_already_mailed", "remove", "remove_foreign")
    }
    return st.builds(
        Options,
        **(choices | {"limit": st.none()} | {word: st.just(one) for word, one in fixed.items()}),
    )


def registered(snapshot: Snapshot, plan: Plan) -> Snapshot:
    """What is true once RingCentral has done everything that the plan asks for."""
    gone = {record.id for record in plan.change.remove}
    updated = {
        update.registration.id: _updated(update.registration, update.invitee)
        for update in plan.change.update
    }
    new = [_new(one, snapshot.colleagues, number) for number, one in enumerate(plan.change.add)]
    left = [
        updated.get(record.id, record) for record in snapshot.registrations if record.id not in gone
    ]
    return replace(snapshot, registrations=(*left, *new), managed=_acquainted(snapshot, plan))


def _updated(record: Registration, invitee: Invitee) -> Registration:
    if record.linked_user:
        return replace(record, role=invitee.role)
    words = {
        word: getattr(invitee, word) or getattr(record, word)
        for word in ("first_name", "last_name", "job_title")
    }
    return replace(record, role=invitee.role, **words)


def _new(invitee: Invitee, colleagues: Iterable[Colleague], number: int) -> Registration:
    """A fresh record with a fresh link; a colleague's address is the directory's, if anybody's."""
    fresh = {"id": f"new-{number}-{invitee.row}", "join_uri": link(f"new-{number}-{invitee.row}")}
    if not invitee.linked_user:
        words = {
            word: getattr(invitee, word)
            for word in ("email", "first_name", "last_name", "job_title")
        }
        return guest("new", invitee.role, **(words | fresh))
    email = next((one.email for one in colleagues if one.linked_user == invitee.linked_user), "")
    return linked(
        "new", invitee.role, **({"email": email, "linked_user": invitee.linked_user} | fresh)
    )


def _acquainted(snapshot: Snapshot, plan: Plan) -> dict[str, ManagedRegistration]:
    """What the ledger stores of it, as `pipeline.register` does; known ids are not forgotten."""
    known = dict(snapshot.managed)
    for one in plan.change.update:
        known.setdefault(one.invitee.key, ManagedRegistration(one.invitee, Standing.UPDATED))
    stands = [
        *((item.invitee, Standing.ADOPTED) for item in plan.items if item.adopted),
        *((invitee, Standing.ADDED) for invitee in plan.change.add),
        *((item.invitee, Standing.REMOVED) for item in plan.with_action(Action.REMOVE)),
    ]
    for one, standing in stands:
        before = known[one.key].invitee.linked_user if one.key in known else None
        known[one.key] = ManagedRegistration(
            replace(one, linked_user=one.linked_user or before), standing
        )
    known.pop("", None)
    return known


def left_undone(snapshot: Snapshot, plan: Plan) -> Snapshot:
    """What is true if RingCentral accepts all, changes nothing, and shows no new ids or titles."""
    after = registered(snapshot, plan)
    kept = {update.registration.id: update.registration for update in plan.change.update}
    new = {f"new-{number}-{one.row}": one.email for number, one in enumerate(plan.change.add)}
    records = tuple(
        replace(record, linked_user=None, job_title="", email=new[record.id])
        if record.id in new
        else kept.get(record.id, record)
        for record in after.registrations
    )
    known = dict(after.managed)
    for item in plan.with_action(Action.ADD, Action.UPDATE, Action.REPLACE):
        record = Records.of(records, snapshot.colleagues).find(item.invitee)
        left = diff(item.invitee, record) if record else {}
        asked = {name: value for name, value in record_fields(item.invitee).items() if name in left}
        known[item.invitee.key] = replace(known[item.invitee.key], last_requested=asked)
    return replace(after, registrations=records, managed=known)


def mailed(snapshot: Snapshot, plan: Plan) -> Snapshot:
    """What is true once everything was sent that a plan made after registering owes."""
    boxes = dict(snapshot.mailboxes)
    for item in plan.mail:
        box = snapshot.mailbox(item.invitee.key)
        now_true = item.registration and true_facts(snapshot.session, item.role, item.registration)
        told = box.facts if item.mail is Kind.CANCELLATION else now_true
        assert told, "a message that is owed has something to tell"
        sent = delivery("a person", State.SENT, item.mail, told)
        boxes[item.invitee.key] = Mailbox(
            None if item.mail is Kind.CANCELLATION else told, sent, box.messages + 1
        )
    return replace(snapshot, mailboxes=boxes)


def has_crossed_ids(snapshot: Snapshot) -> bool:
    """Whether a row has the ids that belong to the address of another row.

    Which of the two people is meant can't be told. Such a roster is planned row by row, and no
    promise is made about the second run.
    """
    users: dict[str, set[object]] = {}
    for key, known in snapshot.managed.items():
        users.setdefault(key, set()).add(known.invitee.linked_user)
    for person in (*snapshot.colleagues, *snapshot.registrations):
        users.setdefault(address_key(person.email), set()).add(person.linked_user)
    return any(
        row.linked_user is not None
        and row.linked_user in users.get(other.key, ())
        and row.key != other.key
        for row in snapshot.roster.invitees
        for other in snapshot.roster.invitees
    )
