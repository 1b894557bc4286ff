"""Runs that live, die and come back may try anything in any order: promise 3 holds.

Hypothesis plays several runs (each may be taken over and go on without knowing it), time, and a
person. After every step each delivery's history must be a path along the arrows, and a body may
have left only where one was allowed to.
"""

from collections import Counter
from datetime import timedelta
from functools import partial

import sqlalchemy as sa
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from onboarding.ledger import claims, deliveries, mailboxes, new_deliveries, operator_actions
from onboarding.ledger.schema import deliveries as table
from onboarding.ledger.schema import events as history
from onboarding.model.addresses import address_key
from onboarding.model.deliveries import (
    Deferred,
    Delivery,
    InDoubt,
    Rejected,
    RetryPolicy,
    Sent,
    State,
    settle,
)
from tests.ledger.making import (
    ADA,
    GRACE,
    NOW,
    TAKEN,
    in_doubt,
    order,
    record,
    requeue_last,
    seen,
    sending,
)

ARROWS = {
    None: {State.QUEUED},
    State.QUEUED: {
        State.QUEUED,
        State.SENDING,
        State.REJECTED,
        State.FAILED,
        State.SUPERSEDED,
        State.EXPIRED,
        State.CANCELLED,
    },
    State.SENDING: {State.SENT, State.QUEUED, State.REJECTED, State.FAILED, State.IN_DOUBT},
}
BY_A_PERSON = {
    State.IN_DOUBT: {State.SENT, State.QUEUED},
    State.REJECTED: {State.QUEUED},
    State.FAILED: {State.QUEUED},
    State.QUEUED: {State.CANCELLED},
    State.CANCELLED: {State.QUEUED},
}
OUTCOMES = st.sampled_from(
    [
        Sent(TAKEN),
        Deferred("not now"),
        Deferred("not now", retry_after=1e6),
        Rejected("no such user"),
        InDoubt("lost"),
    ]
)
PEOPLE = st.sampled_from([ADA, GRACE])


class Runs(RuleBasedStateMachine):
    """One session, two people, a run that is taken over again and again by the next."""

    def __init__(self, memory: sa.Engine) -> None:
        super().__init__()
        self.ledger = memory.connect()
        self.transaction = self.ledger.begin()
        self.session_row = seen(self.ledger)
        self.now, self.run = NOW, 1
        self.offers: list[tuple[Delivery, str]] = []
        self.bodies: Counter[int] = Counter()
        self.allowed: Counter[int] = Counter()

    def teardown(self) -> None:
        self.transaction.rollback()
        self.ledger.close()

    @rule(hours=st.sampled_from([0.02, 1, 30]))
    def time_goes_by(self, hours):
        self.now += timedelta(hours=hours)

    @rule(email=PEOPLE, although_queued=st.booleans())
    def newer_facts(self, email, although_queued):
        box = mailboxes.load_mailboxes(self.ledger, self.session_row).get(address_key(email))
        # Not the latest alone: a person may have had an older one sent again, after calling off
        # what followed it.
        states = (
            self.ledger.execute(sa.select(table.c.state).where(table.c.key == address_key(email)))
            .scalars()
            .all()
        )
        if State.SENDING in states or (State.QUEUED in states and not although_queued):
            return
        number = box.messages + 1 if box else 1
        made = order(email, number, due_at=self.now, expires_at=self.now + timedelta(days=3))
        new_deliveries.enqueue(self.ledger, self.session_row, [made], self.now)

    @rule(most=st.integers(1, 2), crosses=st.booleans(), outcome=st.none() | OUTCOMES)
    def work(self, most, crosses, outcome):
        """The present run takes what is due, queueing something first if there is nothing."""
        if deliveries.find_next_due(self.ledger, self.session_row) is None:
            self.newer_facts(ADA, although_queued=False)
        name = f"run-{self.run}"
        for delivery in claims.claim(self.ledger, self.session_row, name, self.now, most):
            self.offers.append((delivery, name))
            self.offer(1, crosses, outcome)

    @precondition(lambda self: self.offers)
    @rule(which=st.integers(1, 4), crosses=st.booleans(), outcome=st.none() | OUTCOMES)
    def offer(self, which, crosses, outcome):
        """One of the latest offers goes on, be it of a run that was taken over meanwhile."""
        delivery, holder = self.offers[-min(which, len(self.offers))]
        if crosses and sending(self.ledger, delivery, holder, self.now):
            assert holder == f"run-{self.run}"
            self.bodies[delivery.id] += 1
        if outcome:
            self._answer(delivery, holder, outcome)

    @precondition(lambda self: self.offers)
    @rule(which=st.integers(1, 4))
    def refuse_us(self, which):
        """The server refuses us, or the connection, in reply to one of the latest offers."""
        delivery, holder = self.offers[-min(which, len(self.offers))]
        before = self._state(delivery.id)
        if requeue_last(self.ledger, delivery, holder, self.now):
            assert holder == f"run-{self.run}"
            self.allowed[delivery.id] += before is State.SENDING

    def _answer(self, delivery, holder, outcome):
        transition = settle(delivery, outcome, RetryPolicy(), self.now, 0.5)
        before = self._state(delivery.id)
        if record(self.ledger, delivery, holder, transition, self.now):
            assert holder == f"run-{self.run}"
            self.allowed[delivery.id] += before is State.SENDING and isinstance(
                outcome, Deferred | Rejected
            )

    @precondition(lambda self: self.offers)
    @rule()
    def crash(self):
        """The old run's offers are kept: it may only have been asleep."""
        self.run += 1
        claims.recover_stalled(self.ledger, self.session_row, self.now)

    @precondition(lambda self: self.offers)
    @rule()
    def give_back(self):
        claims.release_claims(self.ledger, f"run-{self.run}")

    @rule(email=PEOPLE)
    def ringcentral_mails(self, email):
        reason = deliveries.MAILED_BY_RINGCENTRAL
        deliveries.hold_back(self.ledger, self.session_row, [email], reason, self.now)

    @rule()
    def expire(self):
        deliveries.expire_overdue(self.ledger, self.session_row, self.now)

    @precondition(lambda self: in_doubt(self.ledger, self.session_row))
    @rule(emails=st.none() | st.sets(PEOPLE))
    def resend(self, emails):
        before = {record.delivery.id for record in in_doubt(self.ledger, self.session_row)}
        operator_actions.resolve_resend(self.ledger, self.session_row, emails, "Mia", self.now)
        self.allowed.update(
            delivery for delivery in before if self._state(delivery) is State.QUEUED
        )

    @precondition(lambda self: self.bodies)
    @rule(
        emails=st.none() | st.sets(PEOPLE),
        decide=st.sampled_from(
            [
                operator_actions.resolve_sent,
                operator_actions.retry_unsent,
                operator_actions.retry_unsent,
                operator_actions.cancel_queued,
            ]
        ),
    )
    def person(self, emails, decide):
        decide(self.ledger, self.session_row, emails, "Mia", self.now)

    @invariant()
    def every_history_is_a_path_along_the_arrows(self):
        for path in self._histories():
            for (before, _), (after, detail) in zip([(None, ""), *path], path, strict=False):
                arrows = BY_A_PERSON if "person" in detail else ARROWS
                assert after in arrows.get(before, set()), (before, after, detail)
                refused = (before, after) != (State.SENDING, State.QUEUED) or detail.startswith(
                    "not now"
                )
                assert refused, "only the server's own answer brings a message back into the queue"

    @invariant()
    def nothing_is_sent_twice(self):
        for path in self._histories():
            assert [state for state, _ in path].count(State.SENT) <= 1

    @invariant()
    def no_body_leaves_again_unless_refused_or_a_person_asked(self):
        for delivery, left in self.bodies.items():
            assert left <= 1 + self.allowed[delivery]

    @invariant()
    def the_last_event_is_the_state(self):
        rows = self.ledger.execute(sa.select(table.c.state).order_by(table.c.id)).scalars().all()
        assert [path[-1][0] for path in self._histories()] == rows

    def _histories(self) -> list[list[tuple[State, str]]]:
        paths: dict[int, list[tuple[State, str]]] = {}
        columns = (history.c.delivery, history.c.what, history.c.detail)
        for delivery, what, detail in self.ledger.execute(
            sa.select(*columns).order_by(history.c.id)
        ):
            paths.setdefault(delivery, []).append((State(what), detail))
        return [paths[delivery] for delivery in sorted(paths)]

    def _state(self, delivery: int) -> State:
        return State(
            self.ledger.execute(sa.select(table.c.state).where(table.c.id == delivery)).scalar_one()
        )


def test_no_sequence_of_steps_sends_twice_or_leaves_a_final_state_without_a_person(memory):
    run_state_machine_as_test(
        partial(Runs, memory), settings=settings(max_examples=100, stateful_step_count=30)
    )
