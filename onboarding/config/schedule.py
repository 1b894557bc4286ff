"""Reads `[messages]` and `[webinars.NAME.messages]` into a webinar's schedule.

A wrong entry is left out, with a sentence in `Schedule.faults`: it must not keep people from their
invitation. Reads no file; of a template it only looks whether it is there.
"""

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from onboarding.errors import ConfigurationError
from onboarding.model.entries import (
    EARLIEST_ATTENDANCE,
    NEEDS_ATTENDANCE,
    Anchor,
    Audience,
    Entry,
    QuietHours,
    Recipients,
    Schedule,
    When,
    list_repeated,
    parse_quiet,
    parse_when,
)
from onboarding.model.foreign_text import printable
from onboarding.model.kinds import Kind
from onboarding.model.people import Role

ENTRY_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
"""What the key of an entry, and the name of its template, look like."""

SETTINGS = ("quiet", "send_after")
"""Keys of `[messages]` that are no entry."""

ENTRY_KEYS = ("when", "template", "to", "attach")
SEND_AFTER_FORM = "Write 2026-12-01 09:00, or a time before the session as -14d 09:00."


@dataclass(slots=True)
class _Faults:
    """Collects what is wrong, each with the file, the section and the key."""

    file: Path
    shared: Mapping[str, Any]
    own: Mapping[str, Any]
    name: str
    sentences: list[str] = field(default_factory=list)

    def add(self, key: str, error: ValueError) -> None:
        self.sentences.append(f"{self.where(key)}: {error}")

    def where(self, key: str) -> str:
        section = f"webinars.{self.name}.messages" if key in self.own else "messages"
        return f"{self.file}: [{section}] {printable(key)}"


def build_schedule(
    file: Path,
    shared: Mapping[str, Any],
    own: Mapping[str, Any],
    name: str,
    folders: Sequence[Path] = (),
) -> Schedule:
    """Build a webinar's schedule from `[messages]` (`shared`) and its own section (`own`).

    `folders` are those with its templates, the most special first; without any they are not looked
    for.

    A webinar's own key replaces the shared one; an empty list or text leaves it out. Raises
    ConfigurationError for a `send_after` that is not understood, because without it people would be
    mailed too early.
    """
    faults = _Faults(file, shared, own, name)
    values = {**shared, **own}
    entries = [*_read_entries(values, file.parent, folders, faults)]
    quiet, is_clear = _read_quiet(values, faults)
    return Schedule(
        # Without the hours that were meant, a message could come at three in the morning.
        entries=tuple(entries) if is_clear else (),
        quiet=quiet,
        send_after=_read_send_after(values, faults),
        faults=tuple(faults.sentences),
    )


def _read_quiet(values: Mapping[str, Any], faults: _Faults) -> tuple[QuietHours | None, bool]:
    """Read the quiet hours. Returns also whether they are understood."""
    written = values.get("quiet") or ""
    if not written:
        return None, True
    try:
        return parse_quiet(_as_text(written)), True
    except ValueError as error:
        faults.add("quiet", ValueError(f"{error} Until then no entry is sent."))
        return None, False


def _read_send_after(values: Mapping[str, Any], faults: _Faults) -> When | datetime | None:
    written = values.get("send_after") or ""
    if not written:
        return None
    try:
        return _parse_send_after(written)
    except ValueError as error:
        message = f"{faults.where('send_after')}: {error}"
        raise ConfigurationError(message, hint=SEND_AFTER_FORM) from None


def _parse_send_after(written: object) -> When | datetime:
    """Read a day and time in the session's zone, or a time before the session."""
    if isinstance(written, datetime):
        moment = written
    else:
        text = _as_text(written).strip()
        if text.startswith(("-", "\u2212", "\u2013", "start")):
            return _parse_when_before(text)
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise ValueError(f"{printable(text)!r} is no day and time.") from None
    if moment.tzinfo:
        raise ValueError("It is in the session's zone, so it has no zone of its own.")
    return moment


def _parse_when_before(text: str) -> When:
    when = parse_when(text)
    if when.offset.total_seconds() > 0:
        raise ValueError(f"{text!r} is after the session's start.")
    return when


def _read_entries(
    values: Mapping[str, Any], folder: Path, folders: Sequence[Path], faults: _Faults
) -> Iterator[Entry]:
    """Read the entries of all keys; a key with a fault has none."""
    for key, value in values.items():
        if key in SETTINGS:
            continue
        try:
            entries = _parse_key(key, value, folder)
            _check_entry_templates(entries, folders)
            if folders:
                _check_attached(entries, folder)
            yield from entries
        except ValueError as error:
            faults.add(key, error)


def _parse_key(key: str, value: Any, folder: Path) -> list[Entry]:
    """Read the entries of one key: a time, a list of times, or a table."""
    table = _parse_table(key, value)
    written = table["when"]
    is_list = isinstance(written, Sequence) and not isinstance(written, str)
    times = [_parse_time(key, when) for when in (written if is_list else [written])]
    template = _parse_template(table.get("template", key))
    to = _parse_recipients(table.get("to", Audience.ALL.value))
    attach = tuple(folder / _as_text(name) for name in _as_list(table.get("attach", [])))
    entries = [
        Entry(f"{key}@{when}" if is_list else key, key, template, when, to, attach)
        for when in times
    ]
    if repeated := list_repeated(entries):
        raise ValueError(f"{repeated[0].partition('@')[2]} is there twice. Delete one of them.")
    for entry in entries:
        _check_attendance(entry)
    return entries


def _parse_table(key: str, value: Any) -> Mapping[str, Any]:
    """Check the names of a key and of its table; a time or a list of times is a table's `when`."""
    if not ENTRY_NAME.fullmatch(key):
        raise ValueError("A key is of lower-case letters, digits, - and _.")
    # Tables and pages name a message by its entry or its kind, so no entry may look like a kind.
    if key in [*Kind]:
        raise ValueError(f"{key} is a kind of message, so no entry can have this name.")
    table = value if isinstance(value, Mapping) else {"when": value}
    if unknown := next((name for name in table if name not in ENTRY_KEYS), None):
        hint = _suggest(unknown, ENTRY_KEYS)
        raise ValueError(f"Unknown key {printable(unknown)}. {hint}".strip())
    if "when" not in table:
        raise ValueError('It has no time. Add when = "-1d 09:00".')
    return table


def _check_attached(entries: Sequence[Entry], folder: Path) -> None:
    """Refuse entries with a file that can't be attached: a run reads it again."""
    # Items of a list have the same files.
    if not (entries and entries[0].attach):
        return
    # A late import: every command comes through here, and few webinars attach anything.
    from onboarding.messages.attachments import read_attachments  # noqa: PLC0415

    try:
        read_attachments(entries[0].attach, folder)
    except ConfigurationError as error:
        raise ValueError(f"{error.message} {error.hint}") from error


def _check_entry_templates(entries: Sequence[Entry], folders: Sequence[Path]) -> None:
    """Refuse an entry if its templates are in none of the folders: no run may stop at it."""
    for name in dict.fromkeys(entry.template for entry in entries if folders):
        # For all roles, or for each of them.
        of_roles = [_has_template(f"{name}.{role.lower()}", folders) for role in Role]
        if not (_has_template(name, folders) or all(of_roles)):
            where = ", ".join(map(str, folders))
            raise ValueError(f"There is no template {name}.mjml.j2 or {name}.html.j2 in {where}.")


def _has_template(name: str, folders: Sequence[Path]) -> bool:
    files = [f"{name}.{ending}.j2" for ending in ("mjml", "html")]
    return any((folder / file).is_file() for folder in folders for file in files)


def _parse_time(key: str, written: object) -> When:
    try:
        return parse_when(_as_text(written))
    except ValueError as error:
        # A setting with a typing error looks like an entry: its value is then no time.
        raise ValueError(f"{error} {_suggest(key, SETTINGS)}".strip()) from None


def _parse_template(written: object) -> str:
    name = _as_text(written)
    if not ENTRY_NAME.fullmatch(name):
        raise ValueError(
            f"{printable(name)!r} is no name of a template. Write it without its ending."
        )
    return name


def _parse_recipients(written: object) -> Recipients:
    """Read a named audience, or a list of roles."""
    if isinstance(written, str):
        audiences = {audience.value: audience for audience in Audience}
        if written.lower() in audiences:
            return audiences[written.lower()]
        if written.lower() not in _ROLES_BY_NAME:
            names = (*audiences, *Role)
            raise ValueError(
                f"{printable(written)!r} are no recipients. Write one of {', '.join(audiences)}, "
                f"or a list of roles. {_suggest(written, names)}".strip()
            )
    return frozenset(_parse_role(_as_text(role)) for role in _as_list(written))


_ROLES_BY_NAME = {role.value.lower(): role for role in Role}


def _parse_role(written: str) -> Role:
    if role := _ROLES_BY_NAME.get(written.lower()):
        return role
    raise ValueError(
        f"{printable(written)!r} is no role. Write {', '.join(Role)}. "
        f"{_suggest(written, [*Role])}".strip()
    )


def _check_attendance(entry: Entry) -> None:
    """Refuse to ask who has joined before the panel comes in."""
    asks = isinstance(entry.to, Audience) and entry.to in NEEDS_ATTENDANCE
    when = entry.when
    too_early = when.anchor is Anchor.START and (
        when.clock is not None or when.offset < EARLIEST_ATTENDANCE
    )
    if asks and too_early:
        raise ValueError(
            f'to = "{entry.to}" can be known from start-15m on, without a clock time; '
            f"{when} is too early."
        )


def _as_list(written: object) -> list[Any]:
    if isinstance(written, str):
        return [written]
    if not isinstance(written, list | tuple):
        raise _wrong_type(written, "a list of texts")
    return [*written]


def _as_text(written: object) -> str:
    if not isinstance(written, str):
        raise _wrong_type(written, "a text in quotes")
    return written


def _wrong_type(written: object, needed: str) -> ValueError:
    """Make the error for a value of another type: ValueError, as for any other wrong value."""
    return ValueError(f"{printable(str(written))!r} has to be {needed}.")


def _suggest(word: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return f"Did you mean {close[0]}?" if close else ""
