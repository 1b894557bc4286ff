"""What holds for every snapshot: the promises that each plan has to keep."""

from collections import Counter
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from onboarding.cli.plan_json import plan_json
from onboarding.cli.plan_rows import join_reasons, plan_rows
from onboarding.model.addresses import address_key
from onboarding.model.deliveries import State
from onboarding.model.people import Problem
from onboarding.model.registrations import MANAGED, SEATS, Change, Standing, matches
from onboarding.model.sessions import SessionStatus
from onboarding.plan import Action, Options, Plan, PlanItem, Snapshot, make_plan
from onboarding.plan.identity import identify
from onboarding.plan.messages_due import current_facts as true_facts
from tests.plan.people import CRON, EVERYTHING, HOST, guest, row
from tests.plan.snapshots import any_snapshot, left_undone, mailed, options, registered


@given(any_snapshot(), options())
def test_a_plan_carried_out_leaves_nothing_to_do(snapshot: Snapshot, asked_for: Options):
    agreed = make_plan(snapshot, asked_for)

    after = registered(snapshot, agreed)
    then = make_plan(after, asked_for, within=agreed)
    again = make_plan(mailed(after, then), asked_for)

    assert then.change == Change()
    assert _owed(then) == _owed(agreed)
    assert not again
    assert again.heavy_calls == 2


@given(any_snapshot(), options())
def test_what_ringcentral_leaves_undone_is_asked_for_once(snapshot: Snapshot, asked_for: Options):
    agreed = make_plan(snapshot, asked_for)

    again = make_plan(left_undone(snapshot, agreed), asked_for)

    asked = {
        item.invitee.row for item in agreed.with_action(Action.ADD, Action.UPDATE, Action.REPLACE)
    }
    assert [
        item
        for item in again.with_action(Action.UPDATE, Action.REPLACE)
        if item.invitee.row in asked
    ] == []


@given(any_snapshot(), options(), st.integers(1, 3))
def test_limited_runs_end_where_one_run_does(snapshot: Snapshot, asked_for: Options, limit: int):
    limited = replace(asked_for, limit=limit)
    runs = 0
    while agreed := make_plan(snapshot, limited):
        assert sum(item.needs_anything for item in agreed.items) <= limit
        after = registered(snapshot, agreed)
        then = make_plan(after, limited, within=agreed)
        assert then.change == Change()
        snapshot = mailed(after, then)
        runs += 1
        assert runs < 20

    assert not make_plan(snapshot, asked_for)


@given(any_snapshot(), options())
def test_each_person_who_is_left_alone_has_a_reason_and_a_code(
    snapshot: Snapshot, asked_for: Options
):
    plan = make_plan(snapshot, asked_for)

    assert [item for item in plan.skipped if not (item.skip and join_reasons(item))] == []
    served = {id(item) for item in plan.items} - {id(item) for item in plan.skipped}
    silent = [item for item in plan.items if id(item) in served and not item.needs_anything]
    assert {item.action for item in silent} <= {Action.KEEP}


@given(any_snapshot(), options())
def test_no_person_is_served_twice(snapshot: Snapshot, asked_for: Options):
    plan = make_plan(snapshot, asked_for)

    added = [name for one in plan.change.add for name in {one.key, one.linked_user} - {None}]
    touched = [update.registration.id for update in plan.change.update] + [
        record.id for record in plan.change.remove
    ]
    for several in (added, touched, [item.invitee.key for item in plan.mail]):
        assert max(Counter(several).values(), default=0) <= 1


@given(any_snapshot(), options())
def test_every_row_of_the_roster_ends_in_one_step_or_one_problem(
    snapshot: Snapshot, asked_for: Options
):
    plan = make_plan(snapshot, asked_for)

    items = [item.invitee.row for item in plan.items if item.invitee.row]
    problems = [
        problem.row for problem in plan.problems if problem.row and problem.row not in items
    ]
    assert sorted(items + problems) == sorted(
        [invitee.row for invitee in snapshot.roster.invitees]
        + [problem.row for problem in snapshot.roster.problems]
    )


@given(any_snapshot(), options())
def test_every_step_says_why(snapshot: Snapshot, asked_for: Options):
    plan = make_plan(snapshot, asked_for)

    assert all(item.reason for item in plan.items)
    assert all(item.mail_reason for item in plan.mail)
    assert all(problem.message for problem in plan.problems)
    assert len(plan_rows(plan)) == len(plan.items)


@given(any_snapshot())
def test_cron_removes_no_person(snapshot: Snapshot):
    plan = make_plan(snapshot, CRON)

    assert plan.with_action(Action.REMOVE) == ()
    assert plan.change.remove == tuple(
        item.registration for item in plan.with_action(Action.REPLACE)
    )


@given(any_snapshot())
def test_cron_mails_no_person_that_only_ringcentral_has_mailed(
    snapshot: Snapshot,
):
    for item in _registered(make_plan(snapshot, CRON).mail):
        if not snapshot.mailbox(item.invitee.key).facts:
            assert item.registration.send_invite is not True or item.queued
            silent = item.registration.send_invite is False or item.queued
            assert silent or _standings(item, snapshot) & {Standing.ADDING, Standing.ADDED}


@given(any_snapshot())
def test_a_person_who_had_mail_is_never_left_out_of_date_without_a_word(snapshot: Snapshot):
    """What is not true any more is corrected, or a reason is given."""
    for item in make_plan(snapshot, CRON).items:
        box, record = snapshot.mailbox(item.invitee.key), item.registration
        if item.invitee.row and record and record.join_uri and box.facts and not snapshot.is_over:
            true = true_facts(snapshot.session, item.role, record)
            assert item.mail or item.mail_reason or box.facts == true or item.action is Action.NONE


@given(any_snapshot())
def test_cron_mails_no_person_that_another_ledger_has_registered(snapshot: Snapshot):
    for item in _registered(make_plan(snapshot, CRON).mail):
        # Whom RingCentral has mailed is no other ledger's; told from here they go on hearing from
        # here.
        goes_on = (
            snapshot.mailbox(item.invitee.key).facts and item.registration.send_invite is not False
        )
        assert _standings(item, snapshot) & MANAGED or goes_on


@given(any_snapshot())
def test_cron_replaces_only_its_own_people(snapshot: Snapshot):
    for item in make_plan(snapshot, CRON).with_action(Action.REPLACE):
        assert _standings(item, snapshot) & MANAGED
        assert item.registration.send_invite is not True


@given(any_snapshot())
def test_what_is_adopted_is_adopted_on_request(snapshot: Snapshot):
    assert not any(
        item.adopted for item in make_plan(snapshot, replace(EVERYTHING, adopt=False)).items
    )


@given(any_snapshot(), options())
def test_the_host_is_never_added_updated_or_removed(snapshot: Snapshot, asked_for: Options):
    change = make_plan(snapshot, asked_for).change
    hosts = [record for record in identify(snapshot).registrations if record.role is HOST]

    assert not [
        one
        for one in (*change.remove, *(update.registration for update in change.update))
        if one.role is HOST
    ]
    assert not [
        one
        for one in (*change.add, *(update.invitee for update in change.update))
        if one.role is HOST
    ]
    assert not [one for one in change.add for record in hosts if matches(record, one)]


@given(any_snapshot(), options())
def test_only_the_host_gets_the_hosts_link(snapshot: Snapshot, asked_for: Options):
    known = identify(snapshot)
    hosts = [record for record in known.registrations if record.role is HOST]

    for item in make_plan(snapshot, asked_for).mail:
        if item.registration and item.registration.role is HOST:
            assert item.registration in hosts
            assert matches(item.registration, item.invitee)
            assert item.invitee.role is HOST


@given(
    any_snapshot(),
    options(),
    st.integers(0, 20),
    st.integers(0, 20),
    st.none() | st.integers(1, 10),
)
def test_there_are_never_more_people_than_seats(
    snapshot: Snapshot, asked_for: Options, free: int, wanting: int, limit: int | None
):
    taken = sum(record.role is not HOST for record in snapshot.registrations)
    crowd = tuple(guest(f"crowd{number}") for number in range(SEATS - free - taken))
    hopeful = tuple(row(f"hopeful{number}", row=100 + number) for number in range(wanting))
    crowded = replace(
        snapshot,
        registrations=(*snapshot.registrations, *crowd),
        roster=replace(snapshot.roster, invitees=(*snapshot.roster.invitees, *hopeful)),
    )

    after = registered(crowded, make_plan(crowded, replace(asked_for, limit=limit)))

    assert sum(record.role is not HOST for record in after.registrations) <= max(
        SEATS, taken + len(crowd)
    )


@given(
    any_snapshot(status=SessionStatus.FINISHED) | any_snapshot(status=SessionStatus.ACTIVE),
    options(),
)
def test_no_person_is_removed_once_the_session_has_begun(snapshot: Snapshot, asked_for: Options):
    assert make_plan(snapshot, asked_for).change.remove == ()


@given(any_snapshot(status=SessionStatus.FINISHED), options())
def test_a_finished_session_asks_for_nothing(snapshot: Snapshot, asked_for: Options):
    plan = make_plan(snapshot, asked_for)

    assert not plan
    assert plan.heavy_calls == 2


@given(any_snapshot(), options(), st.sampled_from(("", "ada", "ada@", "ada@example,com")))
def test_a_row_without_a_sound_address_keeps_all_people_registered(
    snapshot: Snapshot, asked_for: Options, email: str
):
    bad = replace(snapshot.roster, problems=(Problem(99, "Kontakt", email, "..."),))

    assert make_plan(replace(snapshot, roster=bad), asked_for).with_action(Action.REMOVE) == ()


@given(any_snapshot(), options())
def test_no_person_is_mailed_while_their_last_message_is_in_doubt(
    snapshot: Snapshot, asked_for: Options
):
    for item in make_plan(snapshot, asked_for).mail:
        last = snapshot.mailbox(item.invitee.key).last
        assert last is None or last.state not in {State.IN_DOUBT, State.SENDING}


@given(any_snapshot(), options())
def test_the_json_names_each_registered_person_once(snapshot: Snapshot, asked_for: Options):
    plan = make_plan(snapshot, asked_for)
    told = plan_json(plan)["register"]

    counts = {word: len(people) for word, people in told.items()}
    assert counts == {
        "add": len(plan.change.add),
        "update": len(plan.change.update),
        "remove": len(plan.change.remove),
        "keep": len(plan.with_action(Action.KEEP)),
    }


@given(any_snapshot(), options())
def test_identifying_twice_changes_nothing(snapshot: Snapshot, asked_for: Options):
    assert identify(identify(snapshot)) == identify(snapshot)
    assert make_plan(identify(snapshot), asked_for) == make_plan(snapshot, asked_for)


def _owed(plan: Plan) -> list[tuple[str, str]]:
    return sorted((item.invitee.key, item.mail or "") for item in plan.mail)


def _registered(items: tuple[PlanItem, ...]) -> list[PlanItem]:
    """Those who are registered already, without the Host and its exemption."""
    return [item for item in items if item.registration and item.registration.role is not HOST]


def _standings(item: PlanItem, snapshot: Snapshot) -> set[Standing]:
    """All that the ledger knows of a person, by addresses or ids of their row and record."""
    sides = [item.invitee, *([item.registration] if item.registration else [])]
    addresses = {address_key(side.email) for side in sides if side.email}
    users = {side.linked_user for side in sides if side.linked_user}
    return {
        known.standing
        for key, known in snapshot.managed.items()
        if key in addresses or known.invitee.linked_user in users
    }
