"""`show`, `prune`, `forget`: what the ledger keeps of messages and people, and for how long.

`show` only reads. What is removed, and when that is refused, is decided in `pipeline`.
"""

import asyncio
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from onboarding.cli import options
from onboarding.cli.output import kept_json
from onboarding.cli.output_file import check_output_file, write_output_file
from onboarding.cli.streams import echo, echo_json
from onboarding.cli.terminal import ProgressLines, confirm, run_until_stopped
from onboarding.errors import EXIT_DONE, EXIT_NEEDS_A_PERSON
from onboarding.model.time_zones import format_machine_time, format_with_zone
from onboarding.pipeline.forget import ForgottenPerson, forget_person, read_all_rosters
from onboarding.pipeline.kept_messages import KeptForPerson, read_fields, read_kept, rebuild
from onboarding.pipeline.prune import Pruned, prune
from onboarding.pipeline.target import find_webinar

Eml = Annotated[
    Path | None,
    typer.Option("--eml", metavar="FILE", help="Write one message to a file for mail programs."),
]
Number = Annotated[
    int | None,
    typer.Option("--number", min=1, metavar="N", help="Only this message; the first is 1."),
]


def show_command(
    name: options.Name,
    email: options.PersonEmail,
    *,
    number: Number = None,
    eml: Eml = None,
    as_json: options.AsJson = False,
    config_file: options.ConfigFile = None,
) -> None:
    """Show the messages that a person was sent; join links are masked.

    The latest comes last. With --eml it is written to a file, or the one that --number names.
    """
    if eml and as_json:
        raise typer.BadParameter("Choose one of --eml and --json.", param_hint="--eml / --json")
    config, target = find_webinar(options.load_config(config_file), name)
    if eml:
        # Before the ledger is read, so a wrong file name is refused at once.
        check_output_file(eml, config, [target])
    found = read_kept(config, target, email, datetime.now(UTC), ProgressLines())
    chosen = _select_messages(found, number)
    # JSON is printed even if it is an empty list: a program expects
    # it, and the exit code says the rest.
    if as_json:
        _print_json(found, chosen)
    if not found.messages:
        echo(_describe_missing_copies(found, name, email), err=True)
        raise typer.Exit(EXIT_NEEDS_A_PERSON)
    if eml:
        # Without --number the latest: it says what holds now. A file holds one message.
        _write_copy(found, max(chosen), eml)
    elif not as_json:
        for place in chosen:
            _print_message(found, place)


def prune_command(*, config_file: options.ConfigFile = None) -> None:
    """Remove what has been over for longer than the configuration keeps it.

    That is `keep` and `keep_messages` in `[ledger]`, for all webinars. Each run does the same.
    """
    config = options.load_config(config_file)

    async def work(stop: asyncio.Event) -> Pruned:
        async with options.open_command_services(config, stop, quiet=True) as services:
            return await prune(services)

    # No question: it removes only what the configuration says, as each run does anyway.
    removed = run_until_stopped(work)
    # Days count from the last run where today is later: a clock
    # that is set far ahead removes nothing.
    if removed.counted_from is None:
        echo("No run has been yet, so there is nothing to remove.")
        return
    echo(f"Sessions removed, with their people and history: {removed.sessions}")
    echo(f"Copies of messages removed: {removed.messages}")
    echo(f"Days are counted from the last run: {format_machine_time(removed.counted_from)}")


def forget_command(
    email: options.PersonEmail, *, yes: options.Yes = False, config_file: options.ConfigFile = None
) -> None:
    """Remove a person from the ledger, its copies of messages and its backups.

    Refused while the person is on a roster, or registered for a session that is not over. It can't
    be undone.
    """
    # A name or an empty text would match no person, and “nothing
    # about them” would sound like an answer.
    if "@" not in email.strip():
        raise typer.BadParameter("Give one e-mail address.", param_hint="EMAIL")
    options.require_answer(yes=yes)
    config = options.load_config(config_file)

    async def work(stop: asyncio.Event) -> ForgottenPerson | None:
        async with options.open_command_services(config, stop, quiet=True) as services:
            # Before the question: where a roster can't be read, the
            # person must not have agreed for nothing.
            rosters = await read_all_rosters(services)
            if not yes and not await confirm(f"Forget {email}? It can't be undone.", stop):
                return None
            return await forget_person(services, email, rosters)

    forgotten = run_until_stopped(work)
    if forgotten is None:
        echo("Nothing was forgotten.")
        raise typer.Exit(EXIT_NEEDS_A_PERSON)
    _print_forgotten(forgotten, email)
    raise typer.Exit(EXIT_DONE)


def _select_messages(found: KeptForPerson, number: int | None) -> list[int]:
    """The numbers of the messages to show. Raises BadParameter for one that is not there."""
    count = len(found.messages)
    if number is None:
        return list(range(1, count + 1))
    # With no message at all the caller explains why, which helps more than a wrong number.
    if count and number > count:
        kept = "messages are" if count > 1 else "message is"
        message = f"Only {count} {kept} kept: 1 is the first, {count} the latest."
        raise typer.BadParameter(message, param_hint="--number")
    return [number]


def _describe_missing_copies(found: KeptForPerson, name: str, email: str) -> str:
    """Say why there is no message to show."""
    if not found.sent:
        return f"No message has left for {email} in {name}."
    if not found.days:
        return f"No copies are kept ([ledger] keep_messages = 0). See `onboarding history {email}`."
    return (
        f"The messages to {email} in {name} are not kept any more: copies are removed "
        f"{found.days} days after the session, and there are none of before this was kept. "
        f"See `onboarding history {email}`."
    )


def _write_copy(found: KeptForPerson, number: int, file: Path) -> None:
    write_output_file(file, rebuild(found.messages[number - 1]))
    echo(f"wrote {file}", err=True)


def _print_json(found: KeptForPerson, chosen: list[int]) -> None:
    # A message keeps its number: the same one then names it in the next command.
    echo_json([entry for entry in kept_json(found) if entry["number"] in chosen])


def _print_message(found: KeptForPerson, number: int) -> None:
    message = found.messages[number - 1]
    echo(f"{_describe_message(found, number)}\n")
    for name, value in read_fields(message).items():
        echo(f"{name}: {value}")
    for file in message.files:
        echo(f"Attached: {file.name} ({file.media_type}, {file.size:,} bytes)")
    if message.record.delivery.facts.link:
        echo(f"Fingerprint of the join link: {message.record.delivery.facts.link}")
    echo(f"SHA-256 of the message: {message.sha256}\n")
    # Mail has CRLF (RFC 5322 2.1), and `echo` would show each
    # carriage return as a control character.
    echo(message.text.replace("\r\n", "\n"))


def _describe_message(found: KeptForPerson, number: int) -> str:
    """Say which message this is, what became of it, and when."""
    message = found.messages[number - 1]
    record = message.record
    when = format_with_zone(record.at, found.time_zone)
    title = f"Message {number} of {len(found.messages)}: {record.delivery.label}"
    rehearsal = f", rehearsal to {record.delivery.rehearsal_to}" * bool(
        record.delivery.rehearsal_to
    )
    words = f"{title}{rehearsal}, {record.delivery.state} {when}"
    return f"{words}\n{record.reply or record.reason}".rstrip()


def _print_forgotten(forgotten: ForgottenPerson, email: str) -> None:
    counts = asdict(forgotten.removed)
    # Not an error: to forget a person twice, or one never known, leaves what was asked for. But
    # after a mistyped address “is forgotten” would be taken for the right person.
    is_known = any(counts.values())
    if is_known:
        echo(f"{email} is forgotten. Removed:")
    else:
        echo(f"The ledger has nothing about {email}. Check the address.")
    if forgotten.backups and not is_known:
        echo("Removed all the same, since they may name anyone:")
    for what, count in {**counts, "backups": forgotten.backups}.items():
        if count:
            echo(f"  {FORGOTTEN_WORDS[what]}: {count}")


FORGOTTEN_WORDS = {
    "registrations": "registrations",
    "deliveries": "deliveries that no longer name a person",
    "events": "events",
    "problems": "problems",
    "directory": "entries of the directory",
    "roster_rows": "rows remembered from rosters",
    "reviewed_messages": "messages remembered from plan pages",
    "messages": "copies of messages, those of others that name the person included",
    "mentions": "texts about others in which the person was named",
    "backups": "backups of the ledger and of rosters",
}
