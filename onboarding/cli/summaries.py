"""What a person reads before a run, after it, and from `status`.

These are the plan, the result and what needs attention. It prints what it is given and decides
nothing. Programs read `output` instead.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from onboarding.cli.plan_rows import NOTHING, PlanRow, attendee_rows, plan_rows
from onboarding.cli.terminal import LabelledText, print_list, print_table, print_text
from onboarding.config import Config
from onboarding.errors import EXIT_DONE
from onboarding.model.answers import STANDING_ANSWERS, PersonAnswer
from onboarding.model.deliveries import NEEDS_A_PERSON, State
from onboarding.model.entries import Attendance
from onboarding.model.foreign_text import printable
from onboarding.model.people import (
    MOST_SHOWN,
    Problem,
    format_problem,
    join_names,
    shorten_problems,
)
from onboarding.model.time_zones import format_in_zone, format_with_zone
from onboarding.pipeline.forecast import forecast
from onboarding.pipeline.run_values import Result
from onboarding.pipeline.status import Attention, HistoryEvent, MessageRecord, Status
from onboarding.plan import Action, Plan, PlanItem, SkipCode, Snapshot
from onboarding.plan.agreement import DO_NOT_SEND_NOW
from onboarding.plan.entries_due import TimelineRow
from onboarding.plan.timeline import describe_recipients

PROBLEM_MARK = "  ! "
NOTE_MARK = "  - "


def print_plan(
    snapshot: Snapshot,
    plan: Plan,
    config: Config,
    *,
    all_people: bool = False,
    name: str,
    rehearsal_to: str = "",
) -> None:
    """Print which servers are used, what is done for each person, and how long sending takes.

    `all_people`: also the people for which there is nothing to do.
    """
    session = snapshot.session
    start = format_with_zone(session.start, session.time_zone)
    print_text(f"{session.title}  ({session.key}), {session.status}\n{start}")
    # Named each time: a rehearsal and the real account differ in nothing else that a person sees.
    print_text(f"RingCentral {session.key.server}, mail through {config.smtp.host_and_port}")
    if rehearsal_to:
        print_text(f"REHEARSAL: people are registered, all mail goes to {rehearsal_to}")
    if rows := _rows_to_show(plan, all_people=all_people):
        columns = ("person", "role", "RingCentral", "mail", "why")
        print_table("What a run does", columns, rows, narrow=[_plan_text(row) for row in rows])
    _print_timeline(plan, session.time_zone)
    for note in plan.notes:
        print_text(note)
    # The command with --json, because the plan itself shows only the first of many.
    print_problems(plan.problems, f"onboarding plan {name} --json")
    # How long it takes decides whether to start now: a slow
    # server may not be done before the start.
    if sentence := forecast(plan.message_count, config.smtp, snapshot.panel_joins_at, snapshot.now):
        print_text(sentence)
    if sentence := _approval_step(name, plan.items):
        print_text(sentence)
    # What is held back is not “nothing to do”, so only one of the two sentences is said.
    elif not plan:
        print_text(_nothing_to_do(plan))


def _print_timeline(plan: Plan, time_zone: str) -> None:
    """Print the schedule as a timeline, each entry with how many people still wait for it."""
    if not plan.timeline:
        return
    rows = [_timeline_row(row, time_zone) for row in plan.timeline]
    columns = ("when", "entry", "to", "people")
    narrow = [(f"  {when}  ", f"{entry}, to {to}: {people}") for when, entry, to, people in rows]
    print_table("Schedule", columns, rows, narrow=narrow)


def _timeline_row(row: TimelineRow, time_zone: str) -> tuple[str, str, str, str]:
    when = format_in_zone(row.first, time_zone)
    # Readers with other clocks get it at other times: the last one shows how far they are apart.
    if row.last != row.first:
        when = f"{when} to {format_in_zone(row.last, time_zone)}"
    people = f"{row.waiting} to come" if row.waiting else "-"
    if row.had:
        people = f"{people}, {row.had} done" if row.waiting else f"{row.had} done"
    return when, row.entry.id, describe_recipients(row.entry.to), people


def print_result(result: Result, *, seen: Collection[Problem] = (), rehearsal_to: str = "") -> None:
    """Print the end of a run and the next step, without problems that the person has `seen`."""
    counts = _join_counts(result.counts)
    print_text(f"{result.name}: sent {result.sent} now. All messages so far: {counts or 'none'}.")
    if result.recorded:
        people = _count(result.recorded, "mailbox", "mailboxes")
        print_text(f"{people} recorded as told; nothing was mailed. Later changes will be.")
    unseen = [problem for problem in result.problems if problem not in seen]
    print_problems(unseen, f"onboarding status {result.name}")
    # If all problems were seen, the plan above has said this sentence.
    if unseen and (sentence := _approval_step(result.name, result.skipped)):
        print_text(sentence)
    for sentence in _list_steps(result, rehearsal_to):
        print_text(sentence)


def _list_steps(result: Result, rehearsal_to: str) -> list[str]:
    """List what a person may do now, in the order in which it is said."""
    is_left = result.has_queue and not result.is_sent_by_others
    has_many_problems = len(result.problems) > MOST_SHOWN
    command = f"onboarding report {result.name} --failed-roster to-correct.csv"
    steps = (
        f"The next run sends what is queued: `onboarding status {result.name}`." * is_left,
        "Whether a message in doubt was sent is looked up again by the next run."
        * bool(result.settling),
        attention_needed(result.name, result.attention),
        f"`{command}` writes the rows that need correcting, each with its error."
        * has_many_problems,
        _next_step(result, rehearsal_to),
    )
    return [step for step in steps if step]


def print_status(status: Status) -> None:
    """Print each person's message and what came of it, then what is wrong."""
    seen = status.seen
    if status.pause:
        zone = seen.time_zone if seen else ""
        print_text(describe_pause(status.name, status.pause.until, zone))
    # A plan alone leaves no status: it has promised nothing to any person.
    if seen is None:
        print_text(f"{status.name}: no run yet. `onboarding run {status.name}` starts one.")
        return
    start = format_with_zone(seen.start, seen.time_zone)
    title = f"{seen.title}  ({seen.key}), {seen.status}\n{start}"
    _print_messages(title, status.current, seen.time_zone)
    _print_remarks(status, seen.time_zone)
    _print_next(status, seen.time_zone)
    print_text(f"\n{_status_line(status)}")


def _print_messages(title: str, records: Sequence[MessageRecord], time_zone: str) -> None:
    rows = [_status_row(record, time_zone) for record in records]
    narrow = [_status_text(record, time_zone) for record in records]
    columns = ("person", "address", "role", "mail", "state", "when", "why")
    print_table(title, columns, rows, narrow=narrow)


def _print_remarks(status: Status, time_zone: str) -> None:
    """Print what else a person should know: problems, and what others have done."""
    if status.problems or status.notes:
        print_text("\nRemarks on the last run:")
        print_list([_problem_item(problem) for problem in status.problems])
        print_list([_problem_item(note, NOTE_MARK) for note in status.notes])
    if status.call_off:
        call_off = status.call_off.describe(time_zone)
        print_text(f"{call_off} `onboarding call-off {status.name} --undo` takes that back.")
    for sentence in filter(None, (describe_answers(status.answers), describe_attendance(status))):
        print_text(sentence)
    for key, reason in status.suppressed.items():
        print_text(
            f"No message goes to {key} any more ({reason}). Correct the address on the roster, "
            f"or `onboarding retry {status.name} {key}`."
        )
    if status.mailed_by_ringcentral:
        people = ", ".join(status.mailed_by_ringcentral)
        print_text(f"RingCentral has mailed these people itself: {people}.")


def describe_answers(answers: Mapping[str, PersonAnswer]) -> str:
    """Say who has answered what from their calendar; empty without an answer."""
    groups = {
        answer: [key for key, given in answers.items() if given.answer is answer]
        for answer in STANDING_ANSWERS
    }
    parts = [f"{answer}: {', '.join(people)}" for answer, people in groups.items() if people]
    return f"Answers from calendars: {'; '.join(parts)}." if parts else ""


def describe_attendance(status: Status) -> str:
    """Say who has joined, who is missing, and who is not known; empty before any look."""
    groups: dict[str, list[str]] = {word: [] for word in Attendance}
    for key, came in status.attendance.items():
        zone = status.seen.time_zone if status.seen else ""
        since = f"since {format_in_zone(came.joined_at, zone)}" if came.joined_at else ""
        door = "by the attendees' door" if came.wrong_door else ""
        remarks = ", ".join(filter(None, (since, door)))
        email = status.find_written_address(key)
        groups[came.attendance].append(f"{email} ({remarks})" if remarks else email)
    parts = [f"{word}: {', '.join(people)}" for word, people in groups.items() if people]
    return f"In the room: {'; '.join(parts)}." if parts else ""


def _print_next(status: Status, time_zone: str) -> None:
    """Print what the schedule has next, for which people, by time."""
    people: dict[tuple[datetime, str], list[str]] = {}
    for person in status.upcoming.people:
        if due := person.entries.next:
            names = people.setdefault((due.due_at, due.entry.id), [])
            names.append(printable(person.invitee.name or person.invitee.email))
    if not people:
        return
    print_text("\nNext on the schedule:")
    print_list(
        [
            (f"  {format_in_zone(at, time_zone)}  ", f"{entry}: {join_names(names)}")
            for (at, entry), names in sorted(people.items())
        ]
    )


def print_history(who: str, events: Sequence[HistoryEvent]) -> None:
    """Print everything that happened to an address, or to a webinar as a whole, in order."""
    rows = [_history_row(event) for event in events]
    columns = ("when", "webinar", "message", "what", "detail")
    narrow = [
        (f"  {when}  ", f"{title}: {what}\n{detail}".rstrip())
        for when, title, _number, what, detail in rows
    ]
    print_table(f"History of {who}", columns, rows, narrow=narrow)


def describe_pause(name: str, until: datetime | None, time_zone: str) -> str:
    """Say that a webinar is paused, until when, and how to end that."""
    held = f" until {format_with_zone(until, time_zone)}" if until else ""
    return (
        f"{name} is paused{held}: `run --all` leaves it alone. "
        f"`onboarding resume {name}` ends the pause."
    )


def print_send_now_warning(*, has_unsent_invites: bool) -> None:
    """Warn of RingCentral's own button while it would mail the people who were added from here."""
    if has_unsent_invites:
        print_text(DO_NOT_SEND_NOW)


def print_problems(problems: Sequence[Problem], where: str) -> None:
    """Print the problems, each on a line. Of many the first, and `where` (a command) all are."""
    shown, rest = shorten_problems(problems)
    print_list([_problem_item(problem) for problem in shown])
    if rest:
        print_text(f"  … {rest}: `{where}` shows them all.")


def attention_needed(name: str, attention: Attention) -> str:
    """One sentence on what needs a person, and the command that shows it; empty if nothing does."""
    if not attention:
        return ""
    who = {0: "The webinar needs attention", 1: "1 person needs attention"}
    start = who.get(attention.people, f"{attention.people} people need attention")
    # In the order of `State`, so that the sentence is the same from run to run.
    states = {state: attention.states[state] for state in State if attention.states.get(state)}
    found = f" ({_join_counts(states)})" if states else ""
    commands = f"`onboarding status {name}`"
    if State.IN_DOUBT in states:
        commands += f", and `onboarding resolve {name}` for messages in doubt"
    # One line, because it becomes a mail's text from cron.
    return f"{start}{found}: {commands}."


def _approval_step(name: str, items: Iterable[PlanItem]) -> str:
    """Say how what is held back can be approved; empty if nothing is held back."""
    held = sum(item.skip is SkipCode.NOT_APPROVED for item in items)
    if not held:
        return ""
    who = "1 person is" if held == 1 else f"{held} people are"
    return (
        f"{who} held back, since no approved page shows this. "
        f"`onboarding plan {name} --page FILE` writes a page to approve."
    )


def _next_step(result: Result, rehearsal_to: str) -> str:
    """Name the next step; empty where a sentence before has named it."""
    if rehearsal_to and not result.sent:
        # After the real run no person is due anything: an empty mailbox would look like a fault.
        return (
            f"Nothing was sent to {rehearsal_to}. "
            f"`onboarding send-test {result.name} --to {rehearsal_to}` sends one message anyway."
        )
    if rehearsal_to:
        return (
            f"Look at the messages in the mailbox {rehearsal_to}. "
            f"Next: `onboarding run {result.name}` mails the people themselves."
        )
    # Only then: while something needs a person, the hand-off would be premature.
    if result.exit_code == EXIT_DONE:
        return (
            f"Next: `onboarding status {result.name}` shows who has their link, "
            f"`onboarding report {result.name} --html -o {result.name}.html` writes the hand-off."
        )
    return ""


def _rows_to_show(plan: Plan, *, all_people: bool) -> list[PlanRow]:
    rows = [
        row
        for item, row in zip(plan.items, plan_rows(plan), strict=True)
        if all_people or item.needs_anything or _is_left_alone(item)
    ]
    # Shown, since a person who compares with RingCentral's list would miss them.
    return rows + attendee_rows(plan)


def _is_left_alone(item: PlanItem) -> bool:
    # A mail's reason without a mail says why there is none: that is what people look for.
    return bool(item.mail_reason) or item.action is Action.NONE


def _nothing_to_do(plan: Plan) -> str:
    """Why a plan is empty."""
    if plan.problems:
        return "Nothing left to do automatically. Fix the rows above and run again."
    if any(_is_left_alone(item) for item in plan.items):
        return (
            "Nothing to do. The table says why these people are left alone; "
            "all others are up to date."
        )
    return "All people are up to date: nothing to do."


def _problem_item(problem: Problem, mark: str = PROBLEM_MARK) -> LabelledText:
    """A problem as an item of a list. Further lines, which show what has changed, are below it."""
    return mark, format_problem(problem).replace("\n", "\n  ")


def _plan_text(row: PlanRow) -> LabelledText:
    """A person of a plan as an item of a list, labelled with what happens at RingCentral."""
    person, role, action, mail, why = row
    about = f"{person}, {role}" if mail == NOTHING else f"{person}, {role}, mail: {mail}"
    return f"  {action}  ", f"{about}\n{why}".rstrip()


def _history_row(event: HistoryEvent) -> tuple[str, str, str, str, str]:
    when = format_in_zone(event.at, event.time_zone)
    return when, event.title, str(event.delivery or ""), event.what, event.detail


def _status_row(record: MessageRecord, time_zone: str) -> tuple[str, ...]:
    delivery, when = record.delivery, format_in_zone(record.at, time_zone)
    person = (record.name, delivery.email, delivery.facts.role)
    return (*person, delivery.label, _label(delivery.state), when, _describe_reason(record))


def _status_text(record: MessageRecord, time_zone: str) -> LabelledText:
    """A message as an item of a list: what it is about, the whole address, and why."""
    delivery, when = record.delivery, format_in_zone(record.at, time_zone)
    named = "" if record.name == delivery.email else f"{record.name}, "
    about = f"{named}{delivery.facts.role}, {delivery.label}, {when}"
    lines = filter(None, (about, delivery.email, _describe_reason(record)))
    mark = "!" if delivery.state in NEEDS_A_PERSON else " "
    return f"{mark} {_label(delivery.state)}  ", "\n".join(lines)


def _describe_reason(record: MessageRecord) -> str:
    """Say why a message is in its state. The reply to one that was sent says nothing of use."""
    # A reason and a reply are often the same text, so each is said once.
    reply = "" if record.delivery.state is State.SENT else record.reply
    return "; ".join(dict.fromkeys(filter(None, (record.reason, reply))))


def _label(state: State) -> str:
    return state.replace("_", " ")


def _status_line(status: Status) -> str:
    counts = {State(state): count for state, count in status.counts.items()}
    parts = [_join_counts(counts) or "no message yet"]
    if status.problems:
        parts.append(_count(len(status.problems), "problem"))
    elif not NEEDS_A_PERSON & set(counts):
        parts.append("no problems")
    return f"{', '.join(parts)}."


def _join_counts(counts: Mapping[State, int]) -> str:
    return ", ".join(f"{count} {_label(state)}" for state, count in counts.items())


def _count(number: int, noun: str, plural: str = "") -> str:
    return f"{number} {noun if number == 1 else plural or f'{noun}s'}"
