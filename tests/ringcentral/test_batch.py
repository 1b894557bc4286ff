"""A change as pure steps: what is still missing, and how few groups find the refused people."""

from dataclasses import dataclass, replace
from math import ceil, log2

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onboarding.model.people import Invitee, Problem, Role
from onboarding.model.registrations import NO_LINK, SEATS, Change, Update
from onboarding.model.sessions import InviteeList, Registration, UntouchedRecord
from onboarding.ringcentral.batch import (
    BatchState,
    apply_answer,
    apply_list,
    apply_lookup,
    build_change,
    list_items,
    select_missing,
    start_batch,
)
from onboarding.ringcentral.bisection import MAX_UNNAMED_REFUSALS, bisect, needs_list
from onboarding.ringcentral.errors import ApiError, ErrorEntry
from onboarding.ringcentral.schemas.invitees import ChangeAnswer
from tests.ringcentral.people import colleague, guest, host, on_wire, record

RENAMED = Update(record(1), guest(1, first_name="New"))
PROMOTED = Update(record(1), guest(1, role=Role.COHOST))
LINKED = record(
    5, email="", linked_user=colleague(5).linked_user, role=Role.COHOST, first_name="", last_name=""
)


@pytest.mark.parametrize(
    ("change", "registrations", "missing"),
    [
        (Change(), (), Change()),
        (Change(add=(guest(1),)), (host(),), Change(add=(guest(1),))),
        (Change(add=(guest(1),)), (host(), record(1)), Change()),
        (Change(add=(guest(1),)), (record(1, email="GUEST1@Example.COM"),), Change()),
        (Change(add=(colleague(5),)), (LINKED,), Change()),
        (Change(add=(colleague(6),)), (LINKED,), Change(add=(colleague(6),))),
        (Change(add=(guest(1), guest(2))), (record(2),), Change(add=(guest(1),))),
        (Change(remove=(record(1),)), (record(1),), Change(remove=(record(1),))),
        (Change(remove=(record(1),)), (), Change()),
        (Change(remove=(record(1),)), (record(1, id="other"),), Change()),
        (Change(update=(PROMOTED,)), (record(1),), Change(update=(PROMOTED,))),
        (Change(update=(PROMOTED,)), (record(1, role=Role.COHOST),), Change()),
        (Change(update=(RENAMED,)), (record(1),), Change(update=(RENAMED,))),
        (Change(update=(RENAMED,)), (record(1, first_name="New"),), Change()),
        (Change(update=(RENAMED,)), (), Change()),
        (Change(update=(Update(record(1), guest(1, job_title="")),)), (record(1),), Change()),
        (
            Change(update=(Update(record(1), guest(1)),)),
            (record(1, job_title=""),),
            Change(update=(Update(record(1), guest(1)),)),
        ),
        (Change(update=(Update(LINKED, colleague(5, first_name="Ann")),)), (LINKED,), Change()),
    ],
)
def test_what_is_still_missing_is_what_the_list_does_not_show(change, registrations, missing):
    assert select_missing(change, registrations) == missing


@st.composite
def states(draw):
    """A change of up to twelve people, and the records that stand after some of it was applied."""
    numbers = draw(st.lists(st.integers(1, 12), unique=True))
    parts = [(number, draw(st.sampled_from("aur")), draw(st.booleans())) for number in numbers]
    change = Change(
        add=tuple(guest(number) for number, kind, _ in parts if kind == "a"),
        update=tuple(
            Update(record(number), guest(number, first_name="New"))
            for number, kind, _ in parts
            if kind == "u"
        ),
        remove=tuple(record(number) for number, kind, _ in parts if kind == "r"),
    )
    standing = [record(number) for number, kind, done in parts if kind == "a" and done]
    standing += [
        record(number, first_name="New" if done else "Old")
        for number, kind, done in parts
        if kind == "u"
    ]
    standing += [record(number) for number, kind, done in parts if kind == "r" and not done]
    undone = {number for number, _, done in parts if not done}
    return change, tuple(draw(st.permutations(standing))), undone


@given(states())
def test_exactly_the_undone_part_of_any_change_is_still_missing(state):
    change, standing, undone = state

    missing = select_missing(change, standing)

    emails = {
        (part.invitee if isinstance(part, Update) else part).email for part in list_items(missing)
    }
    assert emails == {guest(number).email for number in undone}
    assert select_missing(missing, standing) == missing


@given(states())
def test_a_change_taken_apart_into_people_and_put_together_is_the_same(state):
    change, _, _ = state

    assert build_change(list_items(change)) == change


def answer(added=(), updated=()):
    people = {
        "addedInvitees": [on_wire(record) for record in added],
        "updatedInvitees": [on_wire(record) for record in updated],
    }
    return ChangeAnswer.model_validate(people)


@dataclass
class Strict:
    """A server that refuses every group with one of `bad`, and names them only with `names`."""

    bad: frozenset[str]
    names: bool = False
    in_part: bool = False
    largest: int = 1000
    records: tuple[Registration, ...] = ()
    patches: int = 0
    lists: int = 0

    def patch(self, group):
        self.patches += 1
        if len(group) > self.largest:
            return ApiError(400, (ErrorEntry("CMN-106"),))
        wrong = [part.email for part in group if part.email in self.bad]
        if not wrong or self.in_part:
            new = [registered(part) for part in group if part.email not in self.bad]
            self.records = (*self.records, *new)
        if not wrong:
            return answer(added=new)
        return ApiError(
            400, (ErrorEntry("CMN-101", "No.", "email", wrong[0] if self.names else ""),)
        )

    def carry_out(self, change):
        work = start_batch(BatchState(self.records), change)
        while work.waiting:
            response = self.patch(work.group)
            if isinstance(response, ChangeAnswer):
                work = apply_answer(work, response)
                continue
            now = work
            if needs_list(work, response):
                self.lists += 1
                now = apply_list(work, InviteeList(self.records))
            work = bisect(work, now, response)
        return work


def registered(invitee: Invitee) -> Registration:
    return replace(record(invitee.row - 1), job_title=invitee.job_title)


bad_people = st.integers(1, 99).flatmap(
    lambda size: st.tuples(st.just(size), st.frozensets(st.integers(1, size), max_size=4))
)


@settings(max_examples=20, deadline=None)
@given(bad_people, st.booleans(), st.booleans())
def test_refused_people_are_found_and_the_others_go_through(sizes, names, in_part):
    size, bad = sizes
    server = Strict(frozenset(guest(number).email for number in bad), names=names, in_part=in_part)

    work = server.carry_out(Change(add=tuple(guest(number) for number in range(1, size + 1))))

    assert sorted(record.email for record in server.records) == sorted(
        guest(number).email for number in {*range(1, size + 1)} - bad
    )
    assert {(problem.row, problem.email) for problem in work.problems} == {
        (number + 1, guest(number).email) for number in bad
    }
    assert set(work.records) == set(server.records)
    halvings = ceil(log2(size)) if size > 1 else 0
    assert server.patches <= 1 + len(bad) * (1 if names else halvings + 2)
    assert server.lists <= len(bad) * (1 if names else halvings + 1)


def test_a_server_that_refuses_all_and_names_no_person_is_not_asked_for_ever():
    invitees = tuple(guest(number) for number in range(1, SEATS + 1))
    server = Strict(frozenset(invitee.email for invitee in invitees))

    work = server.carry_out(Change(add=invitees))

    assert [problem.email for problem in work.problems] == [invitee.email for invitee in invitees]
    assert server.patches + server.lists <= 2 * MAX_UNNAMED_REFUSALS + 3
    assert work.problems[0].message == "RingCentral refuses this person (CMN-101: No.)."
    assert work.problems[-1].message.startswith(
        "Held back: RingCentral refuses every group with this person"
    )


def test_patience_is_counted_from_the_last_person_who_was_accepted():
    invitees = [guest(number) for number in range(1, SEATS + 1)]
    server = Strict(frozenset(invitee.email for invitee in invitees[5::6]))

    work = server.carry_out(Change(add=tuple(invitees)))

    assert server.lists > MAX_UNNAMED_REFUSALS
    assert sorted(problem.email for problem in work.problems) == sorted(server.bad)
    assert len(server.records) == len(invitees) - len(server.bad)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 99), st.integers(1, 99))
def test_a_batch_that_is_too_large_is_halved_until_it_fits(size, largest):
    server = Strict(frozenset(), largest=largest)

    work = server.carry_out(Change(add=tuple(guest(number) for number in range(1, size + 1))))

    assert len(server.records) == size
    assert (work.problems, server.lists) == ((), 0)
    assert server.patches <= ceil(log2(size / largest) if size > largest else 0) + ceil(
        2 * size / largest
    )


def test_one_person_who_is_too_large_alone_is_reported():
    server = Strict(frozenset(), largest=0)

    work = server.carry_out(Change(add=(guest(1),)))

    assert work.problems == (
        Problem(2, None, "guest1@example.com", "RingCentral refuses this person (CMN-106)."),
    )


ADD = (guest(1), guest(2), colleague(3))
UPDATE = (Update(record(4), guest(4, first_name="New")),)
REMOVE = (record(5), record(6))
MIXED = BatchState(
    (record(4), record(5), record(6)), waiting=list_items(Change(ADD, UPDATE, REMOVE))
)


@pytest.mark.parametrize(
    ("parameter", "value", "blamed"),
    [
        ("addedInvitees[1].email", "", "guest2@example.com"),
        ("addedInvitees.1.email", "", "guest2@example.com"),
        ("/addedInvitees/1/email", "", "guest2@example.com"),
        ("addedInvitees[0].role", "CoHost", "guest1@example.com"),
        ("addedInvitees[1].email", "guest1@example.com", "guest1@example.com"),
        ("addedInvitees", "guest2@example.com", "guest2@example.com"),
        ("email", "GUEST1@example.com", "guest1@example.com"),
        ("linkedUser.userId", "9003", "colleague3@example.com"),
        ("updatedInvitees[0]", "", "guest4@example.com"),
        ("id", "70004", "guest4@example.com"),
        ("deletedInvitees[1].id", "", "guest6@example.com"),
        ("id", "70005", "guest5@example.com"),
    ],
)
def test_a_refusal_that_names_a_person_by_place_or_value_means_that_person(
    parameter, value, blamed
):
    work = bisect(MIXED, MIXED, ApiError(400, (ErrorEntry("CMN-101", "No.", parameter, value),)))

    assert [problem.email for problem in work.problems] == [blamed]
    assert len(work.waiting) == len(MIXED.waiting) - 1
    assert work.group == work.waiting


@pytest.mark.parametrize(
    "fault",
    [
        ErrorEntry("CMN-101", "", "addedInvitees[9].email"),
        ErrorEntry("CMN-101", "", f"addedInvitees[{'9' * 5_000}].email"),
        ErrorEntry("CMN-101", "", "email", "nobody@example.com"),
        ErrorEntry(""),
    ],
)
def test_a_refusal_that_names_no_person_of_the_group_halves_it(fault):
    work = bisect(MIXED, MIXED, ApiError(400, (fault,)))

    assert work.problems == ()
    assert work.group == MIXED.waiting[:3]


def test_a_refusal_that_names_several_people_sets_them_all_apart():
    faults = (
        ErrorEntry("CMN-101", "", "addedInvitees[0]"),
        ErrorEntry("CMN-101", "", "updatedInvitees[0]"),
    )

    work = bisect(MIXED, MIXED, ApiError(400, faults))

    assert [problem.email for problem in work.problems] == [
        "guest1@example.com",
        "guest4@example.com",
    ]


@pytest.mark.parametrize(
    "fault",
    [ErrorEntry("CMN-101", "Active."), ErrorEntry("CMN-101", "Active.", "deletedInvitees[0].id")],
)
def test_a_forbidden_removal_means_every_removal_and_no_other_person(fault):
    work = bisect(MIXED, MIXED, ApiError(403, (fault,)))

    words = "RingCentral removes no one once a session is under way or over (CMN-101: Active.)."
    assert work.problems == tuple(
        Problem(None, None, f"guest{number}@example.com", words) for number in (5, 6)
    )
    assert work.waiting == (*ADD, *UPDATE)


def test_a_forbidden_addition_leaves_the_removals_alone():
    work = bisect(
        MIXED, MIXED, ApiError(403, (ErrorEntry("CMN-101", "", "addedInvitees[0].role", "CoHost"),))
    )

    assert [problem.email for problem in work.problems] == ["guest1@example.com"]


def test_a_conflict_whose_person_turns_out_to_be_registered_is_no_problem():
    before = BatchState((), waiting=(guest(1), guest(2)))
    now = apply_list(before, InviteeList((record(1),)))

    work = bisect(before, now, ApiError(409, (ErrorEntry("X", "", "addedInvitees[0].email"),)))

    assert (work.problems, work.waiting, work.records) == ((), (guest(2),), (record(1),))


def test_a_conflict_without_a_name_is_explained_by_the_list_before_anything_is_halved():
    before = BatchState((), waiting=(guest(1), guest(2), guest(3)))
    now = apply_list(before, InviteeList((record(1),)))

    work = bisect(before, now, ApiError(409))

    assert (work.problems, work.group) == ((), (guest(2), guest(3)))


def test_an_update_of_a_person_who_was_deleted_meanwhile_is_reported():
    work = apply_list(BatchState((record(4),), waiting=UPDATE), InviteeList())

    words = "This person was removed at RingCentral during the run. Run again."
    assert (work.problems, work.waiting) == ((Problem(5, None, "guest4@example.com", words),), ())


def test_an_update_that_was_accepted_and_not_carried_out_is_reported_and_not_repeated():
    work = BatchState(
        (record(1),), waiting=(Update(record(1), guest(1, first_name="New", role=Role.COHOST)),)
    )

    after = apply_answer(work, answer(updated=[record(1)]))

    words = (
        "RingCentral was asked to change the role and the first name and did not."
        " Change it there by hand."
    )
    assert after == BatchState(
        (record(1),),
        problems=(Problem(2, None, "guest1@example.com", words),),
        answered=(record(1),),
    )


@pytest.mark.parametrize("step", [guest(1), Update(record(1), guest(1, job_title="New"))])
def test_who_has_no_link_in_the_answer_nor_in_the_list_is_reported(step):
    linkless = record(1, join_uri=None, job_title="New")

    after = apply_lookup(
        apply_answer(BatchState((record(1),), waiting=(step,)), answer(added=[linkless])),
        InviteeList((linkless,)),
    )

    words = NO_LINK
    assert after == BatchState(
        (linkless,), problems=(Problem(2, None, "guest1@example.com", words),)
    )


@pytest.mark.parametrize("step", [guest(1), RENAMED, record(1)])
def test_who_is_neither_answered_nor_listed_as_asked_is_reported(step):
    standing = () if isinstance(step, Invitee) else (record(1),)

    after = apply_lookup(
        apply_answer(BatchState(standing, waiting=(step,)), ChangeAnswer()), InviteeList(standing)
    )

    row = None if isinstance(step, Registration) else 2
    words = (
        "RingCentral accepted the change without a complaint,"
        " but did not carry it out for this person. Run again."
    )
    assert after == BatchState(
        standing, problems=(Problem(row, None, "guest1@example.com", words),)
    )


def test_no_person_is_added_beyond_the_seats_of_a_webinar():
    taken = tuple(record(number) for number in range(1, SEATS))

    work = start_batch(BatchState((host(), *taken)), Change(add=(guest(200), guest(201))))

    assert work.waiting == (guest(200),)
    assert work.problems == (
        Problem(
            202, None, "guest201@example.com", "All 99 seats for co-hosts and panelists are taken."
        ),
    )


def test_records_that_are_not_understood_take_seats_and_attendees_and_hosts_do_not():
    taken = tuple(record(number) for number in range(1, SEATS - 1))
    odd = UntouchedRecord(id="9", fault="`role` is “Moderator”")
    others = (UntouchedRecord(id="8", email="a@example.com"), replace(odd, id="7", role=Role.HOST))

    work = start_batch(
        BatchState((host(), *taken), untouched=(odd, *others)), Change(add=(guest(200), guest(201)))
    )

    assert (work.seats_taken, work.waiting) == (SEATS - 1, (guest(200),))


def test_no_person_with_a_record_is_added_again():
    assert start_batch(BatchState((record(1),)), Change(add=(guest(1),))).waiting == ()


ODD = UntouchedRecord(id="70001", email="GUEST1@example.com", fault="`type` is “Robot”")
LEFT_ALONE = (
    "RingCentral's record of this person is not understood (`type` is “Robot”),"
    " so they are left as they are."
    " Look at them in RingCentral, or for a newer version of this program."
)


def test_who_was_added_with_a_record_that_is_not_understood_is_reported_and_not_added_again():
    """After a lost answer, and after one that lacks them."""
    sent = BatchState((), waiting=(guest(1), guest(2)))
    found = InviteeList((record(2),), (ODD,))
    problem = Problem(2, None, "guest1@example.com", LEFT_ALONE)

    assert apply_list(sent, found) == BatchState(
        (record(2),), problems=(problem,), untouched=(ODD,)
    )
    assert apply_lookup(apply_answer(sent, ChangeAnswer()), found) == BatchState(
        (record(2),), problems=(problem,), untouched=(ODD,)
    )


def test_an_update_of_whose_record_is_no_longer_understood_is_not_repeated():
    work = apply_list(BatchState((record(1),), waiting=(RENAMED,)), InviteeList((), (ODD,)))

    assert (work.waiting, work.problems) == (
        (),
        (Problem(2, None, "guest1@example.com", LEFT_ALONE),),
    )


def test_a_removal_goes_by_its_id_whatever_the_record_says_by_now():
    work = apply_list(BatchState((record(1),), waiting=(record(1),)), InviteeList((), (ODD,)))

    assert (work.waiting, work.problems) == ((record(1),), ())
    gone = apply_answer(work, ChangeAnswer.model_validate({"deletedInvitees": [{"id": "70001"}]}))
    assert (gone.waiting, gone.untouched, gone.unanswered) == ((), (), ())


def test_an_attendee_of_the_same_address_is_no_record_of_the_person():
    attendee = UntouchedRecord(id="70001", email="guest1@example.com")

    assert apply_list(
        BatchState((), waiting=(guest(1),)), InviteeList((), (attendee,))
    ).waiting == (guest(1),)


@pytest.mark.parametrize(
    ("registration", "named"),
    [
        (record(1), "guest1@example.com"),
        (record(1, email=""), "First1 Last1"),
        (record(1, email="", first_name="", last_name=""), "invitee 70001"),
    ],
)
def test_a_problem_of_a_removal_names_the_person_as_well_as_can_be(registration, named):
    work = BatchState((registration,), waiting=(registration,))

    problems = bisect(work, work, ApiError(400)).problems

    assert problems == (
        Problem(None, None, named, "RingCentral refuses to remove this person (status 400)."),
    )
