"""The end of a run: what is recorded of it, what no later run has to do again, and its result.

Comes after all that `run` does, also if the run was stopped.
"""

from collections import Counter
from dataclasses import dataclass
from functools import partial

from onboarding.errors import EXIT_NEEDS_A_PERSON
from onboarding.ledger import deliveries, registrations, replacements, sessions
from onboarding.model.deliveries import State
from onboarding.model.people import Problem
from onboarding.pipeline.evidence import is_settling
from onboarding.pipeline.refresh import RunState
from onboarding.pipeline.run_values import BegunRun, PreparedRun, Result, count_heavy_calls
from onboarding.pipeline.services import Services
from onboarding.pipeline.status import find_attention
from onboarding.plan import Action, Plan, PlanItem
from onboarding.plan.make import list_call_off_notes


@dataclass(frozen=True, slots=True)
class EndNews:
    """What a run has found that the last one had not.

    `differs`: its problems or notes are other ones. `notes` are the new ones about the webinar.
    """

    differs: bool
    notes: tuple[str, ...]


async def build_result(services: Services, begun: BegunRun, news: EndNews) -> Result:
    """Make the result of a run that has come to its end."""
    prepared, plan = begun.prepared, begun.prepared.plan
    row = prepared.state.session_row
    records = await services.ledger.run(deliveries.list_deliveries, row)
    newly_mailed = any(item.newly_mailed for item in begun.plan.items)
    sent, now = services.config.smtp.sent, services.clock.now()
    settling = [record for record in records if is_settling(record, sent, now)]
    return Result(
        name=prepared.target.name,
        title=prepared.state.snapshot.session.title,
        sent=begun.sent,
        recorded=begun.recorded,
        registered=len(plan.with_action(Action.ADD, Action.REPLACE)),
        counts=Counter(record.delivery.state for record in records),
        problems=begun.problems,
        heavy_calls=begun.heavy_calls,
        has_changes=_has_changes(begun),
        has_news=news.differs or newly_mailed,
        new_notes=news.notes,
        has_unsent_invites=_has_unsent_invites(prepared, begun.state),
        attention=find_attention(
            # A person is told once it is unlikely that the server still shows it.
            [record for record in records if record not in settling],
            begun.problems,
        ),
        skipped=begun.plan.skipped,
        settling=len(settling),
    )


def _has_changes(begun: BegunRun) -> bool:
    # The first plan's change: the second plan has only what is left of it.
    change, doubts = begun.prepared.plan.change, begun.prepared.doubts
    return bool(begun.sent or begun.queued or begun.recorded or change or doubts)


def is_settled(services: Services, result: Result) -> bool:
    """Whether what a run has left waits for a person alone, and is no news.

    Then RingCentral need not be asked again at each run of cron.
    """
    # The mail server may still show what became of a message in doubt.
    has_doubt = bool(result.counts.get(State.IN_DOUBT))
    is_looked_up = has_doubt and services.config.smtp.sent.is_configured
    needs_a_person = result.exit_code == EXIT_NEEDS_A_PERSON
    return needs_a_person and not (result.has_changes or result.has_news or is_looked_up)


def _has_unsent_invites(prepared: PreparedRun, state: RunState) -> bool:
    """Whether RingCentral's *Send now* would mail people after this run."""
    # It mails people who were added silently, as this run adds them.
    # The session's flag is from before the PATCH, so it can't know the people added by it.
    added = bool(prepared.plan.change.add) and state.snapshot.holds_silent_records
    return added or state.snapshot.has_unsent_invites


async def record_problems(services: Services, begun: BegunRun) -> EndNews:
    """Record problems and notes. Returns how they differ from those of the last run."""
    state = begun.prepared.state
    row, problems, notes = state.session_row, begun.problems, _run_notes(begun.plan, state)
    # Read before `record_run_end` replaces them: cron reports only what is new.
    earlier = await services.ledger.run(sessions.list_problems, row)
    # Not counted after the calls were made: other webinars of `run --all` make theirs meanwhile.
    calls = begun.heavy_calls or count_heavy_calls(services) - begun.prepared.calls_before
    finish = partial(sessions.record_run_end, notes=notes)
    await services.ledger.run(finish, row, problems, calls, services.clock.now())
    new_notes = [note.message for note in notes if note not in earlier and not note.email]
    return EndNews(list(earlier) != [*problems, *notes], tuple(new_notes))


def _run_notes(plan: Plan, state: RunState) -> list[Problem]:
    """Say what needs nothing done: the plan's notes, and why people on the roster get no message.

    With the latter `status` has an answer for every row of the roster.
    """
    # The ledger knows by itself that it is called off: a note would still say so after --undo.
    known = list_call_off_notes(state.snapshot)
    notes = [Problem(None, None, "", note) for note in plan.notes if note not in known]
    unmailed = [
        Problem(item.invitee.row, None, item.invitee.email, item.mail_reason or item.reason)
        for item in plan.items
        if _is_left_unmailed(item, state)
    ]
    return [*notes, *unmailed]


def _is_left_unmailed(item: PlanItem, state: RunState) -> bool:
    """Whether a person on the roster has had no message, gets none now, and has no problem."""
    on_roster = bool(item.invitee.row)
    # Any earlier message counts, sent or not: `status` shows that one with its own reason.
    has_mail = item.mail or state.snapshot.mailbox(item.invitee.key).messages
    return on_roster and not has_mail and not item.problems


async def finish_replacements(services: Services, begun: BegunRun) -> None:
    """Forget the replacements that are done, so that no later run removes the person again.

    One stays while the old person is registered, and the roster has the new one instead.
    """
    snapshot = begun.state.snapshot
    on_roster = {invitee.key for invitee in snapshot.roster.invitees}
    waiting = {
        item.invitee.key
        for item in begun.plan.items
        if item.registration and snapshot.is_replaced(item.invitee)
    }
    # Back on the roster means that the person is wanted after all: then it is forgotten, too.
    done = snapshot.replacements.keys() - (waiting - on_roster)
    if done:
        row = begun.state.session_row
        await services.ledger.run(replacements.remove_replacements, row, sorted(done))


async def record_newly_mailed(services: Services, state: RunState, plan: Plan) -> None:
    """Record the people that this run reports as mailed by RingCentral, so that later runs don't.

    Called last of all: a run that is stopped has reported nothing.
    """
    newly_mailed = [item.invitee for item in plan.items if item.newly_mailed]
    if newly_mailed:
        await services.ledger.run(
            registrations.record_mailed, state.session_row, newly_mailed, services.clock.now()
        )
