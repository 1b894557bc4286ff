"""One invitee, from a row of the roster to `sent`, in the order in which the program does it.

A newcomer reads this first. Every step is the real one, over real sockets, with a real ledger in a
file.
"""

import asyncio
from pathlib import Path

import pytest

from onboarding import plan as plans
from onboarding import roster
from onboarding.cli.terminal import NoProgress
from onboarding.ledger import (
    claims,
    deliveries,
    leases,
    mailboxes,
    new_deliveries,
    registrations,
    transitions,
)
from onboarding.ledger.new_deliveries import load_uid_seed
from onboarding.messages.composer import Composer
from onboarding.messages.request import MessageRequest, ProtectedValues
from onboarding.model.deliveries import (
    Message,
    RetryPolicy,
    Sent,
    State,
    calendar_uid,
    message_id,
    settle,
)
from onboarding.model.kinds import Kind
from onboarding.model.people import Role
from onboarding.model.registrations import Standing
from onboarding.pipeline import mailer, refresh, services
from onboarding.pipeline.clock import Clock as RunClock
from onboarding.pipeline.target import find_target
from onboarding.plan import Action, Options
from onboarding.plan.messages_due import current_facts
from onboarding.smtp.pool import Pool
from onboarding.smtp.transaction import EnvelopeAccepted
from tests.stage import HOST, NAME, PANELIST, stage

pytestmark = pytest.mark.anyio


async def test_one_invitee_from_row_to_sent(tmp_path: Path) -> None:
    async with stage(tmp_path, [HOST, PANELIST]) as scene:
        config, clock = scene.config, scene.clock
        async with services.open_services(
            config, NoProgress(), RunClock(clock.now, clock.sleep), asyncio.Event()
        ) as opened:
            ledger, ringcentral = opened.ledger, opened.ringcentral
            goal = find_target(config, NAME)

            # The roster is read: the file's second person is Jörg, in the spreadsheet's third row.
            people = roster.read(await roster.fetch(tmp_path / "invitees.csv"))
            joerg = people.invitees[1]
            assert (joerg.row, joerg.name, joerg.role) == (3, "Jörg Müller", Role.PANELIST)

            # This run takes the webinar's lease, so that no other run works on it.
            holder = leases.new_holder()
            assert await ledger.run(leases.acquire, NAME, holder, clock.now()) is None

            # The list at RingCentral is read, and the plan says what is missing.
            view = await refresh.refresh(opened, goal, people)
            plan = plans.make_plan(view.snapshot, Options())
            step = plan.items[1]
            assert (step.invitee, step.action, step.mail) == (joerg, Action.ADD, Kind.INVITATION)

            # The templates are compiled and tried: what is wrong there is found before a person is
            # registered.
            templates = mailer.load_templates(config, goal)

            # The intention is committed. Then one PATCH registers Jörg, and RingCentral sends no
            # mail.
            await ledger.run(
                registrations.set_standing, view.session_row, [joerg], Standing.ADDING, clock.now()
            )
            applied = await ringcentral.apply(
                view.snapshot.session.key, plan.change, view.snapshot.registrations
            )
            await ledger.run(
                registrations.set_standing, view.session_row, [joerg], Standing.ADDED, clock.now()
            )
            record = next(person for person in applied.registrations if person.email == joerg.email)
            assert record.join_uri is not None
            (patch,) = scene.ringcentral.requests.select("PATCH")
            assert [added["sendInvite"] for added in patch.body["addedInvitees"]] == [False]

            # The message is queued: its name is made once, its facts are kept without the link
            # itself.
            session = view.snapshot.session
            facts = current_facts(session, Role.PANELIST, record)
            assert facts is not None
            name = message_id(session.key, joerg.email, Kind.INVITATION, 1, "brightwater.example")
            order = new_deliveries.NewDelivery(
                email=joerg.email,
                name=joerg.name,
                kind=Kind.INVITATION,
                number=1,
                message_id=name,
                facts=facts,
                due_at=clock.now(),
                expires_at=session.end,
                uid=calendar_uid(
                    await ledger.run(load_uid_seed), session.key, joerg.email, "brightwater.example"
                ),
            )
            await ledger.run(new_deliveries.enqueue, view.session_row, [order], clock.now())

            # It is claimed, and the message is composed. The check reads its finished bytes: they
            # have Jörg's link and no other person's.
            (delivery,) = await ledger.run(
                claims.claim, view.session_row, holder.name, clock.now(), 10
            )
            links = [person.join_uri for person in applied.registrations if person.join_uri]
            protected = ProtectedValues.of(links, [person.email for person in people.invitees])
            request = MessageRequest(
                kind=Kind.INVITATION,
                invitee=joerg,
                session=session,
                registration=record,
                message_id=name,
                date=clock.now(),
                recipient=joerg.email,
                uid=delivery.uid,
                sequence=delivery.sequence,
            )
            message = Composer(templates, protected).compose(request)
            assert isinstance(message, Message)

            # The mail server takes the envelope; `sending` is committed; only then the body leaves.
            async with Pool(config.smtp) as pool, pool.connection() as connection:
                assert isinstance(await connection.send_envelope(message), EnvelopeAccepted)
                assert await ledger.submit(
                    transitions.write_transitions,
                    transitions.start_sending(delivery, holder.name, clock.now()),
                )
                assert scene.mail.messages() == ()
                outcome = await connection.send_body(message)
            assert isinstance(outcome, Sent)

            # What the outcome means is decided in one place, and recorded.
            transition = settle(delivery, outcome, RetryPolicy(), clock.now(), 0.5)
            assert await ledger.submit(
                transitions.write_transitions,
                transitions.record_outcome(delivery, holder.name, transition, clock.now()),
            )
            (entry,) = await ledger.run(deliveries.list_deliveries, view.session_row)
            assert (entry.delivery.state, entry.reply[:3]) == (State.SENT, "250")

            # The ledger knows what the mailbox holds now.
            boxes = await ledger.run(mailboxes.load_mailboxes, view.session_row)
            assert boxes[joerg.key].facts == facts
        assert scene.recipients() == [joerg.email]
        text = scene.messages()[0].get_body(("plain",))
        assert text is not None
        assert record.join_uri.get_secret_value() in text.get_content()


async def test_a_second_run_sends_nothing(tmp_path: Path) -> None:
    async with stage(tmp_path, [HOST, PANELIST]) as scene:
        first = await scene.run()
        second = await scene.run()
        assert (first.sent, first.registered, first.exit_code) == (2, 1, 0)
        assert (second.sent, second.registered, second.exit_code, second.has_changes) == (
            0,
            0,
            0,
            False,
        )
        assert scene.recipients() == [HOST["email"], PANELIST["email"]]
        assert second.heavy_calls == 2
