"""One invitee, from a row of the roster to `sent`, told in the order in which the program does it.

A newcomer reads this first: every stage is the real one, over real sockets, with a real ledger in a real file.
"""

import asyncio
from pathlib import Path

import pytest

from onboarding import plan as plans
from onboarding import roster
from onboarding.cli.terminal import Quiet
from onboarding.ledger import deliveries, leases, moves, registrations
from onboarding.letters.letter import Guarded, Letter
from onboarding.mail.pool import Pool
from onboarding.mail.transaction import Ready
from onboarding.model.changes import Standing
from onboarding.model.deliveries import Kind, Message, RetryPolicy, Sent, State, message_id, settle
from onboarding.model.people import Role
from onboarding.pipeline import looking, rooms, writing
from onboarding.pipeline.target import target
from onboarding.plan import Action, Options
from onboarding.plan.mailing import facts
from tests.stage import HOST, NAME, PANELIST, stage

pytestmark = pytest.mark.anyio


async def test_one_invitee_from_row_to_sent(tmp_path: Path) -> None:
    async with stage(tmp_path, [HOST, PANELIST]) as scene:
        config, clock = scene.config, scene.clock
        async with rooms.opened(config, Quiet(), rooms.Clock(clock.now, clock.sleep), asyncio.Event()) as opened:
            ledger, ringcentral = opened.ledger, opened.ringcentral
            goal = target(config, NAME)

            # The roster is read: the file's second person is Jörg, in the spreadsheet's third row.
            people = roster.read(await roster.fetch(tmp_path / "invitees.csv"))
            joerg = people.invitees[1]
            assert (joerg.row, joerg.name, joerg.role) == (3, "Jörg Müller", Role.PANELIST)

            # This run takes the webinar's lease, so that no other one begins beside it.
            holder = leases.this_run()
            assert await ledger.run(leases.acquire, NAME, holder, clock.now()) is None

            # RingCentral is looked at, and the plan says what is missing.
            view = await looking.look(opened, goal, people)
            plan = plans.make(view.picture, Options())
            step = plan.steps[1]
            assert (step.invitee, step.action, step.mail) == (joerg, Action.ADD, Kind.INVITATION)

            # The intention is written down, then one PATCH registers Jörg, and RingCentral mails nobody.
            await ledger.run(registrations.stand, view.session_row, [joerg], Standing.ADDING, clock.now())
            applied = await ringcentral.apply(view.picture.session.key, plan.change, view.picture.registrations)
            await ledger.run(registrations.stand, view.session_row, [joerg], Standing.ADDED, clock.now())
            record = next(one for one in applied.registrations if one.email == joerg.email)
            assert record.join_uri is not None
            (patch,) = scene.ringcentral.requests.of("PATCH")
            assert [one["sendInvite"] for one in patch.body["addedInvitees"]] == [False]

            # The message is queued: its name is made once, its facts are kept without the link itself.
            session = view.picture.session
            told = facts(session, Role.PANELIST, record)
            assert told is not None
            name = message_id(session.key, joerg.email, Kind.INVITATION, 1, "brightwater.example")
            order = deliveries.Order(joerg.email, joerg.name, Kind.INVITATION, 1, name, told, clock.now(), session.end)
            await ledger.run(deliveries.enqueue, view.session_row, [order], clock.now())

            # It is claimed, and the letter is written: Jörg's own link and nobody else's, proved on the bytes.
            (delivery,) = await ledger.run(deliveries.claim, view.session_row, holder.name, clock.now(), 10)
            letters = writing.stationery(config, goal)
            links = [one.join_uri for one in applied.registrations if one.join_uri]
            guarded = Guarded.of(links, [one.email for one in people.invitees])
            letter = Letter(Kind.INVITATION, joerg, session, record, 1, name, clock.now(), joerg.email)
            message = letters.compose(letter, guarded)
            assert isinstance(message, Message)

            # The mail server takes the envelope; `sending` is committed; only then the body leaves.
            async with Pool(config.smtp) as pool, pool.connection() as connection:
                assert isinstance(await connection.offer(message), Ready)
                assert await ledger.hand_in(moves.carry_out, moves.sending(delivery, holder.name, clock.now()))
                assert scene.mail.messages() == ()
                outcome = await connection.hand_over(message)
            assert isinstance(outcome, Sent)

            # What became of it is decided in one place, and written down.
            transition = settle(delivery, outcome, RetryPolicy(), clock.now(), 0.5)
            assert await ledger.hand_in(moves.carry_out, moves.record(delivery, holder.name, transition, clock.now()))
            (entry,) = await ledger.run(deliveries.entries, view.session_row)
            assert (entry.delivery.state, entry.reply[:3]) == (State.SENT, "250")

            # The mailbox holds what is true now.
            boxes = await ledger.run(deliveries.mailboxes, view.session_row)
            assert boxes[joerg.key].told == told
        assert scene.recipients() == [joerg.email]
        text = scene.messages()[0].get_body(("plain",))
        assert text is not None
        assert record.join_uri.get_secret_value() in text.get_content()


async def test_a_second_run_sends_nothing(tmp_path: Path) -> None:
    async with stage(tmp_path, [HOST, PANELIST]) as scene:
        first = await scene.run()
        second = await scene.run()
        assert (first.sent, first.registered, first.exit_code) == (2, 1, 0)
        assert (second.sent, second.registered, second.exit_code, second.did) == (0, 0, 0, False)
        assert scene.recipients() == [HOST["email"], PANELIST["email"]]
        assert second.heavy_calls == 2
