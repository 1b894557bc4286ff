"""One person of the panel is replaced by another: on the roster first, then by a run for the two.

Everything is looked at before anything is written: a roster that can't be rewritten, a person in
doubt, a new person that the plan would not add. The intention is stored before the roster is
written. So after a crash anywhere, the next run removes the old person and invites the new one.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from types import MappingProxyType

from onboarding import roster as rosters
from onboarding.errors import EXIT_NEEDS_A_PERSON, ConfigurationError, OnboardingError, TryLater
from onboarding.files.backups import write_copy
from onboarding.files.write import can_replace, replace_file
from onboarding.interrupt import wait_unless_stopped
from onboarding.ledger import deliveries, replacements
from onboarding.model.addresses import address_key
from onboarding.model.deliveries import State
from onboarding.model.kinds import RULES, Kind
from onboarding.model.people import Invitee, Problem, Role, Roster, format_problem
from onboarding.model.registrations import find_registration, matches
from onboarding.model.sessions import SessionStatus
from onboarding.pipeline.acts import approve_act
from onboarding.pipeline.lease import HeldLease
from onboarding.pipeline.refresh import RunState, refresh
from onboarding.pipeline.run import execute_plan, recover, start_run
from onboarding.pipeline.run_values import PreparedRun, Result, count_heavy_calls
from onboarding.pipeline.services import Services
from onboarding.pipeline.target import Target
from onboarding.plan import Action, Options, Plan, PlanItem, SkipCode, make_plan
from onboarding.roster.header import Column
from onboarding.roster.rewrite import replace_row

PERSON_COLUMNS = (Column.FIRST_NAME, Column.LAST_NAME, Column.EMAIL, Column.ROLE)
"""What a new person is given by; the role may be left out."""


class NotReplaced(OnboardingError):
    """A person can't be replaced, or not by this one: nothing was done."""

    exit_code = EXIT_NEEDS_A_PERSON


@dataclass(frozen=True, slots=True)
class RosterChange:
    """A roster file before and after, its people afterwards, and the two that it is about."""

    path: Path
    before: bytes
    after: bytes
    old: Invitee
    new: Invitee
    roster: Roster


@dataclass(frozen=True, slots=True)
class PreparedReplacement:
    """A replacement that has looked and not yet done anything.

    `keeps_link`: RingCentral refuses to remove the old person while the session is running.
    """

    change: RosterChange
    run: PreparedRun
    keeps_link: bool


@dataclass(frozen=True, slots=True)
class Replacement:
    """What came of it: the run for both, and the copy of the roster as it was."""

    result: Result
    backup: Path


async def prepare_replacement(
    services: Services, target: Target, old: str, cells: Sequence[str]
) -> PreparedReplacement:
    """Look at everything; call while holding the webinar's lease.

    `cells` are the new person's first name, last name, address and perhaps role. Raises
    ConfigurationError for what is wrong with the input, NotReplaced where it can't be done, and
    what RingCentral's client raises.
    """
    calls_before = count_heavy_calls(services)
    # Before any call: most mistakes are in what was typed, and cost no call then.
    change = await _plan_roster(services, target, old, cells)
    state = await refresh(services, target, change.roster)
    state, doubts = await recover(services, state)
    # Only this pair: an older replacement that is not done yet is left to the next whole run.
    pair = {change.old.key: change.new.key}
    snapshot = replace(state.snapshot, replacements=MappingProxyType(pair))
    state = replace(state, snapshot=snapshot)
    await _refuse_people(services, target, state, change)
    # Nothing else that is due may leave by the way: the person was asked about these two.
    options = Options(only=(change.old.email, change.new.email))
    plan = make_plan(snapshot, options)
    _refuse_new_person(plan, change)
    looked = PreparedRun(target, state, plan, options, None, doubts, calls_before)
    is_there = find_registration(change.old, snapshot.registrations) is not None
    # RingCentral answers a deletion with 403 while a session is `Active` or `Finished`. An unknown
    # status counts as one of these, since the plan removes no person then either.
    keeps_link = is_there and snapshot.session.status is not SessionStatus.SCHEDULED
    return PreparedReplacement(change, await start_run(services, looked), keeps_link)


async def execute_replacement(
    services: Services, prepared: PreparedReplacement, lease: HeldLease, by: str
) -> Replacement:
    """Write the roster, then run for both. Raises what a run raises: the next run goes on."""
    change, run = prepared.change, prepared.run
    # A person was asked meanwhile, and may have the file open in an editor. `after` was made from
    # `before`, so writing it would undo what they have saved.
    if await _fetch(services, change.path) != change.before:
        message = f"The roster {change.path} has changed meanwhile: nothing was done."
        raise TryLater(message, hint="Type the command again.")
    acted = [item for item in run.plan.items if item.needs_anything]
    # The first step that can refuse comes before the first one that writes.
    await approve_act(services, run.target, run.state, acted, by, replacements.REPLACE)
    row, now = run.state.session_row, services.clock.now()
    old, new = change.old.key, change.new.key
    await services.ledger.run(replacements.record_replacement, row, old, new, by, now)
    # The intention is stored by now. If the roster can't be written, it has no effect: it counts
    # only once the new person is on the roster, and the next run forgets it.
    backup = _write_roster(change, now)
    return Replacement(await execute_plan(services, run, lease), backup)


async def _fetch(services: Services, source: Path) -> bytes:
    return await wait_unless_stopped(services.stop, rosters.fetch(source))


async def _plan_roster(
    services: Services, target: Target, old: str, cells: Sequence[str]
) -> RosterChange:
    """Find the row, and how it reads afterwards. Writes nothing."""
    if target.invitees is None:
        raise ConfigurationError(
            f"No roster is given for {target.name}.", hint="Name it with --invitees FILE."
        )
    name = rosters.name_of(target.invitees)
    content = await wait_unless_stopped(services.stop, rosters.fetch(target.invitees))
    roster = rosters.read(content, name, target.columns)
    person = _find_old(roster, old, name)
    values = _read_cells(cells, person)
    _refuse_known(roster, values[Column.EMAIL], name)
    _check_values(values, person.row)
    advice = _describe_row(person, values, target.name)
    # Asked before the first call: a file in a folder that we can't write to, or with a second hard
    # link, can't be replaced as a whole.
    if target.invitees == "-" or not can_replace(target.invitees):
        raise ConfigurationError(f"The roster {name} can't be written.", hint=advice)
    try:
        after = replace_row(content, name, person.row, values, target.columns)
    except ConfigurationError as error:
        hint = f"{error.hint} {advice}".strip()
        raise ConfigurationError(error.message, hint=hint) from None
    # Read as a run will read it: a fault of the new person, or a cell that the rewriting has
    # spoilt, shows before anything is written.
    changed = rosters.read(after, name, target.columns)
    new = _find_new(changed, person.row)
    _refuse_second_row(person, roster, changed, name)
    return RosterChange(target.invitees, content, after, person, new, changed)


def _find_old(roster: Roster, old: str, name: str) -> Invitee:
    """Find the person to be replaced. Raises ConfigurationError if no usable row has them."""
    key = address_key(old)
    person = next((row for row in roster.invitees if row.key == key), None)
    if person:
        return person
    faults = [problem for problem in roster.problems if address_key(problem.email) == key]
    if faults:
        # Which of the row's cells are the person's is not certain while the row has a fault.
        raise ConfigurationError(
            "\n".join(map(format_problem, faults)),
            hint=f"Correct that row of the roster {name} first. Nothing was done.",
        )
    raise ConfigurationError(
        f"{old} is not on the roster {name}.",
        hint="If they have been replaced already, `onboarding run` goes on with it.",
    )


def _read_cells(cells: Sequence[str], old: Invitee) -> Mapping[Column, str]:
    """Give each column its text; the role is the old person's unless another is given."""
    role = cells[3] if len(cells) > len(PERSON_COLUMNS) - 1 else old.role.value
    return dict(zip(PERSON_COLUMNS, (*cells[:3], role), strict=True))


def _check_values(values: Mapping[Column, str], row: int) -> None:
    """Check the new person by themselves. Raises ConfigurationError with all that is wrong.

    A person who has to change the roster by hand must not be advised to write a fault into it.
    """
    alone = json.dumps([{column.value: text for column, text in values.items()}]).encode()
    found = rosters.read(alone, "of the new person").problems
    if found:
        raise _faulty_person([replace(problem, row=row) for problem in found])


def _describe_row(old: Invitee, values: Mapping[Column, str], name: str) -> str:
    """Say which row a person has to change by hand, and how."""
    return (
        f"Change row {old.row} ({old.email}) yourself to {', '.join(values.values())}; "
        f"then `onboarding run {name} --remove`."
    )


def _refuse_known(roster: Roster, email: str, name: str) -> None:
    key = address_key(email)
    rows = [invitee.row for invitee in roster.invitees if invitee.key == key]
    # A row with a fault counts: once it is corrected, the person would be on the roster twice.
    rows += [problem.row or 0 for problem in roster.problems if address_key(problem.email) == key]
    if rows:
        message = f"{email} is on the roster {name} already (row {rows[0]}): nothing was done."
        raise NotReplaced(message)


def _refuse_second_row(old: Invitee, before: Roster, after: Roster, name: str) -> None:
    """Refuse a person who has another row: by that one they would stay on board."""
    used = {invitee.row for invitee in before.invitees}
    # A second row of a person is not used until the first one is another's: then it counts.
    rows = [invitee.row for invitee in after.invitees if invitee.row not in used]
    rows += [
        problem.row or 0 for problem in after.problems if address_key(problem.email) == old.key
    ]
    if rows:
        message = f"{old.email} is also in row {min(rows)} of the roster {name}: nothing was done."
        raise NotReplaced(message, hint="Delete that row first: by it they would stay on board.")


def _find_new(roster: Roster, row: int) -> Invitee:
    """Find the new person. Raises ConfigurationError with everything that is wrong with them."""
    new = next((invitee for invitee in roster.invitees if invitee.row == row), None)
    if new:
        return new
    raise _faulty_person([problem for problem in roster.problems if problem.row == row])


def _faulty_person(found: Sequence[Problem]) -> ConfigurationError:
    return ConfigurationError(
        "\n".join(map(format_problem, found)),
        hint='Nothing was done. Write --with "First,Last,EMAIL" or "First,Last,EMAIL,ROLE".',
    )


async def _refuse_people(
    services: Services, target: Target, state: RunState, change: RosterChange
) -> None:
    """Refuse what no run could do right. Raises NotReplaced."""
    snapshot, old = state.snapshot, change.old
    found = await services.ledger.run(deliveries.list_deliveries, state.session_row)
    own = [record.delivery for record in found if address_key(record.delivery.email) == old.key]
    states = {delivery.state for delivery in own}
    hosts = [record for record in snapshot.registrations if record.role is Role.HOST]
    is_host = old.role is Role.HOST or any(matches(host, old) for host in hosts)
    obstacles = {
        f"{target.name} is called off": snapshot.call_off is not None,
        "The session is over": RULES[Kind.INVITATION].is_over(snapshot.session, snapshot.now),
        # The Host's record can't be deleted (docs/ringcentral.md, "Invitees"), and their role on
        # the roster may be wrong: so RingCentral's list is asked, too.
        f"{old.email} is the host, and a webinar keeps its host": is_host,
        f"A message to {old.email} is being sent just now, so try again in a minute": (
            State.SENDING in states
        ),
        f"A message to {old.email} is in doubt: `onboarding resolve {target.name}` first": (
            State.IN_DOUBT in states
        ),
    }
    for message, is_there in obstacles.items():
        if is_there:
            raise NotReplaced(f"{message}: nothing was done.")


def _refuse_new_person(plan: Plan, change: RosterChange) -> None:
    """Refuse a person that this run would not add: registered already, or refused elsewhere."""
    item = next((item for item in plan.items if item.invitee.row == change.new.row), None)
    if item is None or item.action is not Action.ADD:
        reason = _find_reason(item) if item else "unknown"
        raise NotReplaced(f"{change.new.email} can't be added ({reason}): nothing was done.")


def _find_reason(item: PlanItem) -> str:
    # What the fence keeps out is not registered, and only the mail's reason says why.
    return item.mail_reason if item.skip is SkipCode.FENCED else item.reason


def _write_roster(change: RosterChange, now: datetime) -> Path:
    """Copy the roster, then replace it as a whole. Returns the copy."""
    try:
        # The copy first: a roster is often the only list that a team has, and we are not its owner.
        backup = write_copy(change.path, change.before, now)
        replace_file(change.path, change.after)
    except OSError as error:
        raise ConfigurationError(
            f"The roster {change.path} can't be written: {error.strerror}.",
            hint="Nothing was done at RingCentral, and nothing was mailed.",
        ) from None
    return backup
