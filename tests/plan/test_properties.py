"""What holds for every picture: the promises that the plan has to keep, whatever it looks at."""

from collections import Counter
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from onboarding.model.addresses import address_key
from onboarding.model.deliveries import State
from onboarding.model.people import Problem
from onboarding.model.registrations import MANAGED, SEATS, Change, Standing, matches
from onboarding.model.sessions import SessionStatus
from onboarding.plan import Action, Options, Plan, PlanItem, Snapshot, as_json, as_rows, make_plan
from onboarding.plan.identity import identify
from onboarding.plan.messages_due import facts as true_facts
from tests.plan.people import CRON, EVERYTHING, HOST, guest, row
from tests.plan.snapshots import left_undone, mailed, options, pictures, registered


@given(pictures(), options())
def test_a_plan_carried_out_leaves_nothing_to_do(seen: Snapshot, asked_for: Options):
    agreed = make_plan(seen, asked_for)

    after = registered(seen, agreed)
    then = make_plan(after, asked_for, within=agreed)
    again = make_plan(mailed(after, then), asked_for)

    assert then.change == Change()
    assert _owed(then) == _owed(agreed)
    assert not again
    assert again.heavy_calls == 2


@given(pictures(), options())
def test_what_ringcentral_leaves_undone_is_asked_for_once(seen: Snapshot, asked_for: Options):
    agreed = make_plan(seen, asked_for)

    again = make_plan(left_undone(seen, agreed), asked_for)

    asked = {step.invitee.row for step in agreed.at(Action.ADD, Action.UPDATE, Action.REPLACE)}
    assert [step for step in again.at(Action.UPDATE, Action.REPLACE) if step.invitee.row in asked] == []


@given(pictures(), options(), st.integers(1, 3))
def test_limited_runs_end_where_one_run_does(seen: Snapshot, asked_for: Options, limit: int):
    limited = replace(asked_for, limit=limit)
    runs = 0
    while agreed := make_plan(seen, limited):
        assert sum(step.needs_anything for step in agreed.items) <= limit
        after = registered(seen, agreed)
        then = make_plan(after, limited, within=agreed)
        assert then.change == Change()
        seen = mailed(after, then)
        runs += 1
        assert runs < 20

    assert not make_plan(seen, asked_for)


@given(pictures(), options())
def test_nobody_is_served_twice(seen: Snapshot, asked_for: Options):
    plan = make_plan(seen, asked_for)

    added = [name for one in plan.change.add for name in {one.key, one.linked_user} - {None}]
    touched = [one.registration.id for one in plan.change.update] + [one.id for one in plan.change.remove]
    for several in (added, touched, [step.invitee.key for step in plan.mail]):
        assert max(Counter(several).values(), default=0) <= 1


@given(pictures(), options())
def test_every_row_of_the_roster_ends_in_one_step_or_one_problem(seen: Snapshot, asked_for: Options):
    plan = make_plan(seen, asked_for)

    steps = [step.invitee.row for step in plan.items if step.invitee.row]
    problems = [one.row for one in plan.problems if one.row and one.row not in steps]
    assert sorted(steps + problems) == sorted(
        [one.row for one in seen.roster.invitees] + [one.row for one in seen.roster.problems]
    )


@given(pictures(), options())
def test_every_step_says_why(seen: Snapshot, asked_for: Options):
    plan = make_plan(seen, asked_for)

    assert all(step.reason for step in plan.items)
    assert all(step.mail_reason for step in plan.mail)
    assert all(one.message for one in plan.problems)
    assert len(as_rows(plan)) == len(plan.items)


@given(pictures())
def test_cron_removes_nobody(seen: Snapshot):
    plan = make_plan(seen, CRON)

    assert plan.at(Action.REMOVE) == ()
    assert plan.change.remove == tuple(step.registration for step in plan.at(Action.REPLACE))


@given(pictures())
def test_cron_mails_nobody_whom_ringcentral_has_mailed_and_this_ledger_told_nothing(seen: Snapshot):
    for step in _registered(make_plan(seen, CRON).mail):
        if not seen.mailbox(step.invitee.key).told:
            assert step.registration.send_invite is not True or step.queued
            silent = step.registration.send_invite is False or step.queued
            assert silent or _standings(step, seen) & {Standing.ADDING, Standing.ADDED}


@given(pictures())
def test_who_has_been_told_something_is_never_left_out_of_date_without_a_word(seen: Snapshot):
    """Whatever RingCentral has mailed: what is not true any more is corrected, or a reason is given."""
    for step in make_plan(seen, CRON).items:
        box, record = seen.mailbox(step.invitee.key), step.registration
        if step.invitee.row and record and record.join_uri and box.told and not seen.is_over:
            true = true_facts(seen.session, step.role, record)
            assert step.mail or step.mail_reason or box.told == true or step.action is Action.NONE


@given(pictures())
def test_cron_mails_nobody_whom_another_ledger_has_registered(seen: Snapshot):
    for step in _registered(make_plan(seen, CRON).mail):
        # Whom RingCentral has mailed is no other ledger's; told from here they go on hearing from here.
        goes_on = seen.mailbox(step.invitee.key).told and step.registration.send_invite is not False
        assert _standings(step, seen) & MANAGED or goes_on


@given(pictures())
def test_cron_replaces_nobody_but_its_own(seen: Snapshot):
    for step in make_plan(seen, CRON).at(Action.REPLACE):
        assert _standings(step, seen) & MANAGED
        assert step.registration.send_invite is not True


@given(pictures())
def test_what_is_adopted_is_adopted_on_request(seen: Snapshot):
    assert not any(step.adopted for step in make_plan(seen, replace(EVERYTHING, adopt=False)).items)


@given(pictures(), options())
def test_the_host_is_never_added_updated_or_removed(seen: Snapshot, asked_for: Options):
    change = make_plan(seen, asked_for).change
    hosts = [one for one in identify(seen).registrations if one.role is HOST]

    assert not [one for one in (*change.remove, *(update.registration for update in change.update)) if one.role is HOST]
    assert not [one for one in (*change.add, *(update.invitee for update in change.update)) if one.role is HOST]
    assert not [one for one in change.add for record in hosts if matches(record, one)]


@given(pictures(), options())
def test_only_the_host_gets_the_hosts_link(seen: Snapshot, asked_for: Options):
    everybody = identify(seen)
    hosts = [one for one in everybody.registrations if one.role is HOST]

    for step in make_plan(seen, asked_for).mail:
        if step.registration and step.registration.role is HOST:
            assert step.registration in hosts
            assert matches(step.registration, step.invitee)
            assert step.invitee.role is HOST


@given(pictures(), options(), st.integers(0, 20), st.integers(0, 20), st.none() | st.integers(1, 10))
def test_there_are_never_more_people_than_seats(
    seen: Snapshot, asked_for: Options, free: int, wanting: int, limit: int | None
):
    taken = sum(one.role is not HOST for one in seen.registrations)
    crowd = tuple(guest(f"crowd{number}") for number in range(SEATS - free - taken))
    hopeful = tuple(row(f"hopeful{number}", row=100 + number) for number in range(wanting))
    crowded = replace(
        seen,
        registrations=(*seen.registrations, *crowd),
        roster=replace(seen.roster, invitees=(*seen.roster.invitees, *hopeful)),
    )

    after = registered(crowded, make_plan(crowded, replace(asked_for, limit=limit)))

    assert sum(one.role is not HOST for one in after.registrations) <= max(SEATS, taken + len(crowd))


@given(pictures(status=SessionStatus.FINISHED) | pictures(status=SessionStatus.ACTIVE), options())
def test_nobody_is_removed_once_the_session_has_begun(seen: Snapshot, asked_for: Options):
    assert make_plan(seen, asked_for).change.remove == ()


@given(pictures(status=SessionStatus.FINISHED), options())
def test_a_finished_session_asks_for_nothing(seen: Snapshot, asked_for: Options):
    plan = make_plan(seen, asked_for)

    assert not plan
    assert plan.heavy_calls == 2


@given(pictures(), options(), st.sampled_from(("", "ada", "ada@", "ada@example,com")))
def test_a_row_without_a_sound_address_keeps_everybody_registered(seen: Snapshot, asked_for: Options, email: str):
    bad = replace(seen.roster, problems=(Problem(99, "Kontakt", email, "..."),))

    assert make_plan(replace(seen, roster=bad), asked_for).at(Action.REMOVE) == ()


@given(pictures(), options())
def test_nobody_is_mailed_while_their_last_message_is_in_doubt(seen: Snapshot, asked_for: Options):
    for step in make_plan(seen, asked_for).mail:
        last = seen.mailbox(step.invitee.key).last
        assert last is None or last.state not in {State.IN_DOUBT, State.SENDING}


@given(pictures(), options())
def test_the_json_names_everybody_who_is_registered_once(seen: Snapshot, asked_for: Options):
    plan = make_plan(seen, asked_for)
    told = as_json(plan)["register"]

    counts = {word: len(people) for word, people in told.items()}
    assert counts == {
        "add": len(plan.change.add),
        "update": len(plan.change.update),
        "remove": len(plan.change.remove),
        "keep": len(plan.at(Action.KEEP)),
    }


@given(pictures(), options())
def test_identifying_twice_changes_nothing(seen: Snapshot, asked_for: Options):
    assert identify(identify(seen)) == identify(seen)
    assert make_plan(identify(seen), asked_for) == make_plan(seen, asked_for)


def _owed(plan: Plan) -> list[tuple[str, str]]:
    return sorted((step.invitee.key, step.mail or "") for step in plan.mail)


def _registered(steps: tuple[PlanItem, ...]) -> list[PlanItem]:
    """Those who are registered already, and for whom the Host's exemption does not count."""
    return [step for step in steps if step.registration and step.registration.role is not HOST]


def _standings(step: PlanItem, seen: Snapshot) -> set[Standing]:
    """All that the ledger knows of a person, under the addresses or ids of their row and of their record."""
    sides = [step.invitee, *([step.registration] if step.registration else [])]
    addresses = {address_key(side.email) for side in sides if side.email}
    users = {side.linked_user for side in sides if side.linked_user}
    return {
        known.standing for key, known in seen.managed.items() if key in addresses or known.invitee.linked_user in users
    }
