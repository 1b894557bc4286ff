"""What a mailbox is owed, one sentence of the issue a line."""

from datetime import timedelta

import pytest

from onboarding.model.deliveries import Mailbox, State
from onboarding.model.kinds import Kind
from onboarding.model.registrations import ManagedRegistration, Standing
from onboarding.model.sessions import SessionStatus
from onboarding.plan import Action, Options
from tests.plan.people import (
    COHOST,
    CRON,
    HOST,
    HOUR,
    MOVED,
    PANELIST,
    START,
    colleague,
    facts,
    guest,
    holding,
    holds,
    host,
    link,
    linked,
    make_snapshot,
    only_item,
    plan_of,
    row,
    user,
)

INVITATION, UPDATE, CANCELLATION = Kind.INVITATION, Kind.UPDATE, Kind.CANCELLATION
ADOPT = Options(adopt=True)
INCLUDE = Options(include_already_mailed=True)
OURS = {"ada": Standing.ADDED}
ADA_IS_A_COLLEAGUE = (colleague("ada"),)


def registered(box: Mailbox | None = None, standing: Standing | None = Standing.ADDED, **changed):
    """Ada, on the roster and registered, with this in her mailbox."""
    known = {"ada": standing} if standing else {}
    return make_snapshot(
        row("ada"), there=(guest("ada", **changed),), known=known, boxes={"ada": box} if box else {}
    )


def latest(state: State, kind: Kind = UPDATE, *, told=None, saying=None):
    """Ada's mailbox, with a latest message in this state that says what is true now."""
    return registered(holding("ada", told, state, kind, saying or facts("ada")))


OLD = facts("ada", **MOVED)


@pytest.mark.parametrize(
    ("snapshot", "kind", "reason"),
    [
        pytest.param(
            make_snapshot(row("ada")),
            INVITATION,
            "has no invitation yet",
            id="who is about to be added",
        ),
        pytest.param(
            registered(), INVITATION, "has no invitation yet", id="added and never mailed"
        ),
        pytest.param(registered(holds("ada")), None, "", id="who is up to date"),
        pytest.param(
            registered(holds("ada", **MOVED)), UPDATE, "new start", id="the session moved"
        ),
        pytest.param(
            registered(holds("ada", duration=2 * HOUR, start=START - HOUR)),
            UPDATE,
            "new start, new duration",
            id="twice",
        ),
        pytest.param(
            registered(holds("ada"), join_uri=link("new")),
            UPDATE,
            "new link",
            id="the link changed",
        ),
        pytest.param(
            registered(holds("ada", COHOST)), UPDATE, "new role", id="the role was changed there"
        ),
        pytest.param(
            make_snapshot(row("ada"), known=OURS, boxes={"ada": holds("ada")}),
            UPDATE,
            "gets a new link",
            id="another person removed them: registered again",
        ),
        pytest.param(
            make_snapshot(
                row("ada", COHOST),
                there=(guest("ada"),),
                known=OURS,
                boxes={"ada": holds("ada")},
                colleagues=ADA_IS_A_COLLEAGUE,
            ),
            UPDATE,
            "gets a new link",
            id="a guest who becomes co-host",
        ),
        pytest.param(
            make_snapshot(
                row("ada", COHOST),
                there=(linked("ada", PANELIST),),
                known=OURS,
                boxes={"ada": holds("ada")},
                colleagues=ADA_IS_A_COLLEAGUE,
            ),
            UPDATE,
            "new role",
            id="a colleague who becomes co-host",
        ),
        pytest.param(
            make_snapshot(
                row("ada", COHOST),
                there=(guest("ada"),),
                known=OURS,
                boxes={"ada": holds("ada", **MOVED)},
            ),
            UPDATE,
            "new start",
            id="the new start, though the new role is refused",
        ),
        pytest.param(
            registered(holds("ada", **MOVED), last_name="L."),
            UPDATE,
            "new start",
            id="a new name",
        ),
        pytest.param(registered(holds("ada"), last_name="L."), None, "", id="a name is no fact"),
        pytest.param(
            registered(send_invite=None),
            INVITATION,
            "has no invitation yet",
            id="a record that doesn't say, ours",
        ),
    ],
)
def test_cron_mails_people_that_it_may(snapshot, kind, reason):
    item = only_item(snapshot)

    assert (item.mail, item.mail_reason) == (kind, reason)


@pytest.mark.parametrize(
    ("snapshot", "asked_for"),
    [
        pytest.param(
            registered(standing=None, send_invite=True), INCLUDE, id="RingCentral has mailed them"
        ),
        pytest.param(
            registered(standing=None, send_invite=None),
            INCLUDE,
            id="RingCentral may have mailed them",
        ),
        pytest.param(
            registered(standing=Standing.ADOPTED, send_invite=None),
            INCLUDE,
            id="adopted, it may have",
        ),
        pytest.param(registered(standing=None), ADOPT, id="registered by another ledger"),
        pytest.param(
            registered(standing=Standing.UPDATED), ADOPT, id="by another ledger, changed by us"
        ),
        pytest.param(
            registered(standing=Standing.REMOVED),
            ADOPT,
            id="removed by us, registered again by another",
        ),
        pytest.param(
            registered(standing=Standing.REMOVING),
            ADOPT,
            id="perhaps removed by us, and registered again",
        ),
        pytest.param(
            registered(
                holding("ada", None, State.SENT, CANCELLATION, OLD), standing=Standing.REMOVED
            ),
            ADOPT,
            id="cancelled by us, registered again by another",
        ),
    ],
)
def test_some_are_mailed_only_on_request(snapshot, asked_for):
    assert not plan_of(snapshot).mail
    assert [item.mail for item in plan_of(snapshot, asked_for).items] == [
        UPDATE if snapshot.mailbox("ada@example.com").facts else INVITATION
    ]


@pytest.mark.parametrize("standing", [Standing.ADDED, Standing.ADOPTED, None])
@pytest.mark.parametrize("send_invite", [True, None])
def test_people_that_had_mail_from_this_ledger_get_more_of_it(standing, send_invite):
    snapshot = registered(holds("ada", **MOVED), standing=standing, send_invite=send_invite)

    assert only_item(snapshot).mail is UPDATE


def known(standing: Standing = Standing.ADDED, *, mailed: bool) -> ManagedRegistration:
    return ManagedRegistration(row("ada"), standing, mailed_by_ringcentral=mailed)


@pytest.mark.parametrize(("mailed", "problems"), [(False, 1), (True, 0)])
def test_that_ringcentral_has_mailed_them_too_is_said_once(mailed, problems):
    snapshot = make_snapshot(
        row("ada"),
        there=(guest("ada", send_invite=True),),
        known={"ada": known(mailed=mailed)},
        boxes={"ada": holds("ada")},
    )

    plan = plan_of(snapshot)

    assert (len(plan.problems), plan.items[0].newly_mailed, plan.items[0].held) == (
        problems,
        not mailed,
        False,
    )


@pytest.mark.parametrize("mailed", [False, True])
def test_who_was_added_silently_and_mailed_all_the_same_is_a_problem_until_a_person_decides(mailed):
    snapshot = make_snapshot(
        row("ada"), there=(guest("ada", send_invite=True),), known={"ada": known(mailed=mailed)}
    )

    plan = plan_of(snapshot)
    asked = plan_of(snapshot, INCLUDE)

    assert (plan.items[0].mail, plan.items[0].held, len(plan.problems)) == (None, True, 1)
    assert (asked.items[0].mail, asked.items[0].held, asked.problems) == (INVITATION, False, ())


def test_a_person_off_the_roster_and_without_mail_is_no_problem():
    snapshot = make_snapshot(
        there=(guest("ada", send_invite=True),), known={"ada": known(mailed=False)}
    )

    assert plan_of(snapshot).problems == ()


@pytest.mark.parametrize(("mailed", "mail"), [(False, None), (True, INVITATION)])
def test_message_queued_before_ringcentral_mailed_is_held_and_one_asked_for_since_is_not(
    mailed, mail
):
    queued = holding("ada", None, State.QUEUED, INVITATION, facts("ada"))
    snapshot = make_snapshot(
        row("ada"),
        there=(guest("ada", send_invite=True),),
        known={"ada": known(mailed=mailed)},
        boxes={"ada": queued},
    )

    item = plan_of(snapshot).items[0]

    assert (item.mail, item.held) == (mail, mail is None)


def test_the_wrong_request_does_not_help():
    assert not plan_of(registered(standing=None), INCLUDE).mail
    assert not plan_of(registered(standing=None, send_invite=True), ADOPT).mail


def test_mail_from_another_ledger_is_a_problem_until_a_person_decides():
    problem = plan_of(registered(standing=None)).problems[0]

    assert (problem.row, problem.email) == (2, "ada@example.com")
    assert problem.message.startswith("registered silently, but not from here")
    assert plan_of(registered(standing=None), ADOPT).problems == ()


def test_a_person_that_ringcentral_has_mailed_is_no_problem():
    assert plan_of(registered(standing=None, send_invite=True)).problems == ()


def test_adopting_is_recorded_where_a_mail_rests_on_it():
    assert only_item(registered(standing=None), ADOPT).adopted
    assert not only_item(registered(), ADOPT).adopted
    assert not only_item(
        registered(standing=None, send_invite=True),
        Options(adopt=True, include_already_mailed=True),
    ).adopted


@pytest.mark.parametrize("send_invite", [True, None, False])
def test_the_host_is_mailed_whatever_their_record_says(send_invite):
    snapshot = make_snapshot(
        row("henry", HOST), there=(host(email="henry@example.com", send_invite=send_invite),)
    )

    assert only_item(snapshot, CRON).mail is INVITATION


def test_a_host_on_the_roster_who_is_a_panelist_there_is_not_exempt():
    snapshot = make_snapshot(row("ada", HOST), there=(guest("ada", send_invite=True),))

    assert only_item(snapshot).mail is None


def test_a_record_without_a_link_is_one_persons_problem():
    plan = plan_of(registered(join_uri=None))

    assert not plan
    no_link = "RingCentral has given no join link that can be used for them. "
    no_link += "Run again, or look at them in RingCentral."
    assert [problem.message for problem in plan.problems] == [no_link]


@pytest.mark.parametrize(
    ("snapshot", "kind"),
    [
        pytest.param(latest(State.QUEUED, INVITATION), INVITATION, id="queued: this run sends it"),
        pytest.param(
            latest(State.QUEUED, INVITATION, saying=OLD),
            INVITATION,
            id="queued, and the session moved",
        ),
        pytest.param(latest(State.QUEUED, told=OLD), UPDATE, id="an update is queued"),
        pytest.param(
            latest(State.QUEUED, told=facts("ada"), saying=OLD),
            UPDATE,
            id="moved and moved back meanwhile",
        ),
        pytest.param(
            latest(State.QUEUED, CANCELLATION, told=facts("ada")),
            UPDATE,
            id="a cancellation that is void",
        ),
        pytest.param(latest(State.FAILED, INVITATION), None, id="failed: a person retries"),
        pytest.param(
            latest(State.FAILED, INVITATION, saying=OLD),
            INVITATION,
            id="failed, and the session moved",
        ),
        pytest.param(latest(State.REJECTED, told=OLD), None, id="an update was rejected"),
        pytest.param(
            latest(State.REJECTED, told=OLD, saying=facts("ada", COHOST)),
            UPDATE,
            id="and is old by now",
        ),
        pytest.param(
            latest(State.REJECTED, told=facts("ada"), saying=OLD),
            None,
            id="rejected, moved back: up to date",
        ),
        pytest.param(latest(State.EXPIRED, INVITATION), None, id="expired"),
        pytest.param(
            latest(State.EXPIRED, INVITATION, saying=OLD),
            INVITATION,
            id="expired, and the session moved",
        ),
        pytest.param(latest(State.BOUNCED, INVITATION), None, id="bounced"),
        pytest.param(latest(State.CANCELLED, INVITATION), None, id="cancelled by a person"),
        pytest.param(
            latest(State.CANCELLED, INVITATION, saying=OLD), INVITATION, id="called off, then news"
        ),
        pytest.param(latest(State.IN_DOUBT, INVITATION), None, id="in doubt"),
        pytest.param(
            latest(State.IN_DOUBT, INVITATION, saying=OLD),
            None,
            id="in doubt, with any change",
        ),
        pytest.param(
            latest(State.SENDING, INVITATION, saying=OLD),
            None,
            id="being sent, with any change",
        ),
        pytest.param(
            latest(State.SENT, CANCELLATION), INVITATION, id="cancelled, and registered again"
        ),
        pytest.param(
            latest(State.FAILED, CANCELLATION, told=facts("ada")),
            None,
            id="a cancellation failed, link alive",
        ),
        pytest.param(
            latest(State.EXPIRED, Kind.SCHEDULED, told=facts("ada")),
            None,
            id="a late reminder changes nothing",
        ),
    ],
)
def test_the_latest_message_decides_whether_another_one_goes_out(snapshot, kind):
    assert only_item(snapshot).mail is kind


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (State.QUEUED, "queued by an earlier run"),
        (State.REJECTED, "rejected: fix what the reply says, then onboarding retry"),
        (State.FAILED, "failed: onboarding retry tries again"),
        (State.EXPIRED, "it was too late to send it"),
        (State.CANCELLED, "cancelled by a person; the next change is sent again"),
        (State.BOUNCED, "bounced: correct the address on the roster"),
        (State.IN_DOUBT, "in doubt: the last message may have arrived; onboarding resolve decides"),
    ],
)
def test_why_nothing_further_is_sent_is_said(state, reason):
    assert only_item(latest(state, INVITATION)).mail_reason == reason


@pytest.mark.parametrize(
    "state", [State.QUEUED, State.REJECTED, State.FAILED, State.CANCELLED, State.BOUNCED]
)
def test_who_was_removed_and_is_back_gets_the_new_link(state):
    snapshot = make_snapshot(
        row("ada"),
        known={"ada": Standing.REMOVED},
        boxes={"ada": holding("ada", facts("ada"), state, CANCELLATION, facts("ada"))},
    )

    assert (only_item(snapshot).action, only_item(snapshot).mail) == (Action.ADD, UPDATE)


def test_who_was_removed_with_a_cancellation_and_is_back_is_invited_anew():
    box = holding("ada", None, State.SENT, CANCELLATION, facts("ada"))

    assert (
        only_item(
            make_snapshot(row("ada"), known={"ada": Standing.REMOVED}, boxes={"ada": box})
        ).mail
        is INVITATION
    )


def test_a_colleague_with_a_new_address_is_still_ours_and_is_invited_there():
    known = {
        "maiden": ManagedRegistration(
            row("maiden", COHOST, linked_user=user("ada")), Standing.ADDED
        )
    }
    married = make_snapshot(
        row("ada", COHOST), there=(linked("ada"),), known=known, colleagues=ADA_IS_A_COLLEAGUE
    )

    assert only_item(married).mail is INVITATION


@pytest.mark.parametrize(
    "when",
    [
        pytest.param({"status": SessionStatus.FINISHED}, id="finished"),
        pytest.param({"now": START + HOUR}, id="its end has passed"),
        pytest.param(
            {"now": START + timedelta(hours=2), "status": SessionStatus.ACTIVE}, id="it overruns"
        ),
    ],
)
def test_no_person_is_mailed_about_a_session_that_is_over(when):
    snapshot = make_snapshot(
        row("ada"),
        row("bob"),
        there=(guest("ada"),),
        known=OURS,
        boxes={"bob": holds("bob")},
        **when,
    )

    plan = plan_of(snapshot)

    assert not plan
    assert [item.mail_reason for item in plan.items] == ["the session is over", ""]


def test_a_message_queued_for_a_person_who_is_not_on_board_is_cancelled():
    queued = holding("ada", None, State.QUEUED, INVITATION, facts("ada"))

    item = only_item(make_snapshot(there=(guest("ada"),), known=OURS, boxes={"ada": queued}))

    assert item.mail_reason == "the message queued for them is cancelled"
