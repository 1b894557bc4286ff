"""Takes one person out of the ledger, and leaves all others' history as it is.

Rows that are only about the person go. A delivery stays, so that the numbers of its session stay
true, without anything that tells its person. Where a text about others names the person, only the
name is taken out. Whether a person may be forgotten is decided in `pipeline.forget`.
"""

import json
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from html import unescape
from itertools import chain
from typing import Any

import sqlalchemy as sa

from onboarding.ledger import jobs, kept, sql
from onboarding.ledger.schema import (
    answers,
    approvals,
    attendance,
    cached_colleagues,
    cached_webinars,
    called_off,
    deliveries,
    events,
    kept_messages,
    problems,
    registrations,
    replacements,
    reviewed_messages,
    reviews,
    roster_rows,
    sessions,
    skipped_entries,
    suppressed_addresses,
)
from onboarding.model.addresses import address_key
from onboarding.model.deliveries import UNDER_WAY
from onboarding.model.people import FORGOTTEN
from onboarding.model.registrations import Standing

# A new column that holds words of a person or a server belongs here, or `forget` leaves
# a name in it.
_FREE_TEXTS = (
    (deliveries, "reply"),
    (deliveries, "reason"),
    (deliveries, "told"),
    (deliveries, "rehearsal_to"),
    (events, "detail"),
    (problems, "message"),
    (registrations, "asked"),
    (roster_rows, "extra"),
    (reviewed_messages, "text"),
    (approvals, "by"),
    (approvals, "note"),
    (called_off, "by"),
    (suppressed_addresses, "reason"),
)
"""Columns in which a text about others may name the person."""

_MARKUP_TAG = re.compile(r"<[^>]*>")

User = tuple[str, str]
"""A linked user's account id and user id."""


@dataclass(frozen=True, slots=True)
class KnownPerson:
    """What the ledger calls a person: every key, spelling of the address, name and linked user."""

    keys: frozenset[str]
    addresses: frozenset[str]
    names: frozenset[str]
    users: frozenset[User]

    def pattern(self) -> re.Pattern[str]:
        """Build the pattern that finds the person in a text.

        A name of a single word is left out: it would be found in other people's texts.
        """
        words = [name.split() for name in self.names]
        # A directory, a mail server or a person may also write `Last, First`.
        turned = [[f"{last[-1]},", *last[:-1]] for last in words if len(last) > 1]
        names = [
            r"\s+".join(map(re.escape, parts)) for parts in [*words, *turned] if len(parts) > 1
        ]
        spelled = [*map(re.escape, self.addresses | self.keys), *names]
        # An alternation takes what matches first: a short name would leave the rest of a long one.
        longest_first = sorted(filter(None, spelled), key=len, reverse=True)
        # The look-behind has the characters of a local part: `ann@` is not found in `jo.ann@`.
        return re.compile(rf"(?<![\w.+-])(?:{'|'.join(longest_first)})(?!\w)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Forgotten:
    """How many rows were removed, and in how many other texts the person's name was taken out.

    `deliveries` stay and name no person. `messages` are kept copies: the person's own, and those of
    others that name them.
    """

    registrations: int
    deliveries: int
    events: int
    problems: int
    directory: int
    roster_rows: int
    reviewed_messages: int
    messages: int
    mentions: int


def find_person(connection: sa.Connection, email: str) -> KnownPerson:
    """Find what the ledger calls the person with an address."""
    key = address_key(email)
    users = frozenset(
        chain(
            _list_users(connection, registrations, key),
            _list_users(connection, cached_colleagues, key),
        )
    )
    # As `registration_key` writes the ids of a person without an address.
    keys = frozenset([key, *(f"{account}/{user}" for account, user in users)])
    called = set(_list_names(connection, keys))
    addresses = {email, key, *(address for address, _name in called)}
    names = {" ".join(name.split()) for _address, name in called}
    return KnownPerson(keys, frozenset(addresses - {""}), frozenset(names - {""}), users)


def find_unfinished(connection: sa.Connection, person: KnownPerson) -> list[sa.Row[tuple[object]]]:
    """List the sessions in which the person is registered, or a message to them is under way."""
    registered = sa.select(registrations.c.session).where(
        registrations.c.key.in_(person.keys), registrations.c.standing != Standing.REMOVED
    )
    under_way = sa.select(deliveries.c.session).where(
        deliveries.c.key.in_(person.keys), deliveries.c.state.in_(UNDER_WAY)
    )
    columns = (sessions.c.title, sessions.c.status, sessions.c.start, sessions.c.duration)
    query = sa.select(*columns).where(sessions.c.id.in_(registered.union(under_way)))
    return list(connection.execute(query))


def remove_person(connection: sa.Connection, person: KnownPerson) -> Forgotten:
    """Take a person out of every table. Call it while no run is at work."""
    jobs.forget_sessions(connection)
    # Messages and events are found by the delivery's key, so both go before that is blanked.
    # Mentions come last: what is left by then is about others.
    messages = _remove_messages(connection, person)
    _remove_replacements(connection, person)
    _remove_hosted_facts(connection, person)
    _remove_by_key(connection, skipped_entries, person)
    _remove_by_key(connection, answers, person)
    _remove_by_key(connection, attendance, person)
    # Who has been forgotten is a new person, to whom nothing has come back yet.
    _remove_by_key(connection, suppressed_addresses, person)
    ours = sa.select(deliveries.c.id).where(deliveries.c.key.in_(person.keys))
    of_person = connection.execute(
        events.delete().where(events.c.key.in_(person.keys) | events.c.delivery.in_(ours))
    )
    return Forgotten(
        registrations=_remove_by_key(connection, registrations, person),
        roster_rows=_remove_by_key(connection, roster_rows, person),
        reviewed_messages=_remove_by_key(connection, reviewed_messages, person),
        directory=_remove_colleague(connection, person),
        problems=_remove_problems(connection, person),
        events=of_person.rowcount,
        deliveries=_blank_deliveries(connection, person),
        messages=messages,
        mentions=_blank_mentions(connection, person) + _blank_changes(connection, person),
    )


@sql.autocommit
def compact(connection: sa.Connection, items: Collection[None]) -> list[bool]:
    """Write SQLite's whole file again, so that no free page and no log holds what was removed.

    False: another process is reading the ledger, and the old log is still there.
    """
    if connection.dialect.name != "sqlite":
        # Its rows are gone for every statement; the server itself uses their room again.
        return [True for _item in items]
    execute = sql.driver(connection).execute
    # VACUUM refuses to run in a transaction, and itself writes through the log: so the
    # checkpoint comes after it.
    execute("VACUUM")
    busy = execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    return [not busy for _item in items]


def _list_users(connection: sa.Connection, table: sa.Table, key: str) -> Iterator[User]:
    rows = connection.execute(
        sa.select(table.c.email, table.c.account_id, table.c.user_id).where(table.c.user_id != "")
    )
    # Compared here and not in SQL, which can't fold an address as `address_key` does.
    for email, account, user in rows:
        if address_key(email) == key:
            yield account, user


def _list_names(connection: sa.Connection, keys: Collection[str]) -> Iterator[tuple[str, str]]:
    """List the addresses and names under which the ledger knows a person."""
    for table in (registrations, roster_rows):
        full_name = table.c.first_name + " " + table.c.last_name
        query = sa.select(table.c.email, full_name.label("name")).where(table.c.key.in_(keys))
        yield from ((row.email, row.name) for row in connection.execute(query))
    query = sa.select(deliveries.c.email, deliveries.c.name).where(deliveries.c.key.in_(keys))
    yield from ((row.email, row.name) for row in connection.execute(query))


def _remove_by_key(connection: sa.Connection, table: sa.Table, person: KnownPerson) -> int:
    return connection.execute(table.delete().where(table.c.key.in_(person.keys))).rowcount


def _remove_replacements(connection: sa.Connection, person: KnownPerson) -> None:
    """Remove what is left to do about them: a person who may be forgotten is on no roster."""
    pair = replacements.c.old.in_(person.keys) | replacements.c.new.in_(person.keys)
    connection.execute(replacements.delete().where(pair))


def _remove_colleague(connection: sa.Connection, person: KnownPerson) -> int:
    table = cached_colleagues
    users = [
        sa.and_(table.c.account_id == account, table.c.user_id == user)
        for account, user in person.users
    ]
    # `false()`: without a user the condition would be empty, and match the whole directory.
    return connection.execute(table.delete().where(sa.or_(sa.false(), *users))).rowcount


def _remove_hosted_facts(connection: sa.Connection, person: KnownPerson) -> None:
    """Remove what is remembered of webinars whose host they are: it has the host's ids."""
    facts = connection.execute(sa.select(cached_webinars.c.facts, *cached_webinars.primary_key))
    for known, *key in facts.all():
        host = known.get("host") or {}
        if (host.get("account_id"), host.get("user_id")) in person.users:
            columns = zip(cached_webinars.primary_key, key, strict=True)
            is_row = [column == part for column, part in columns]
            # Asked for again by the next run that needs it.
            connection.execute(cached_webinars.delete().where(*is_row))


def _remove_problems(connection: sa.Connection, person: KnownPerson) -> int:
    rows = connection.execute(sa.select(problems.c.id, problems.c.email))
    # Problems have no key, only the address as the roster has it.
    ids = [row.id for row in rows if address_key(row.email) in person.keys]
    return connection.execute(problems.delete().where(problems.c.id.in_(ids))).rowcount


def _blank_deliveries(connection: sa.Connection, person: KnownPerson) -> int:
    """Take everything out of the deliveries that tells their person."""
    # The key stays different for each: unique indexes count a mailbox's messages.
    own_number = sa.cast(deliveries.c.id, sa.Text)
    # `state` must not be among the values: the trigger would write a new event for the row.
    # A UID too is a digest of the address, and in older ledgers of nothing else.
    texts = ("name", "reply", "queue_id", "reason", "told", "holder", "link", "uid")
    blanks = dict.fromkeys(texts, "")
    blanked = connection.execute(
        deliveries.update()
        .where(deliveries.c.key.in_(person.keys))
        .values(
            key=sa.literal(f"{FORGOTTEN} ") + own_number,
            email=FORGOTTEN,
            # A Message-ID is a digest of the address: with it, a guess could be checked, and the
            # mail server's log could be searched.
            message_id=sa.literal("<forgotten-") + own_number + ">",
            **blanks,
        )
    )
    return blanked.rowcount


def _remove_messages(connection: sa.Connection, person: KnownPerson) -> int:
    """Remove the kept messages of the person, and all messages of others that name them."""
    pattern = person.pattern()
    names = ("delivery", "headers", "sender", "recipient", "files")
    columns = (kept_messages.c[name] for name in names)
    query = sa.select(deliveries.c.key, *columns).join(
        deliveries, deliveries.c.id == kept_messages.c.delivery
    )
    rows = connection.execute(kept.with_texts(query)).mappings()
    ids = [
        row["delivery"]
        for row in rows
        if row["key"] in person.keys or pattern.search(_read_words(row))
    ]
    removed = connection.execute(kept_messages.delete().where(kept_messages.c.delivery.in_(ids)))
    kept.remove_unused_parts(connection)
    return removed.rowcount


def _read_words(row: sa.RowMapping) -> str:
    """All that a reader of a kept message sees, as one text without tags."""
    text, calendar, html = kept.build_texts(row)
    # In this order: an escaped `<` is text, and would look like the start of a tag.
    shown = unescape(_MARKUP_TAG.sub(" ", html))
    envelope = (row["headers"], row["sender"], row["recipient"], row["files"])
    # With its tags too: an address in an attribute went away with its tag.
    return "\n".join((*envelope, text, calendar, shown, html))


def _blank_mentions(connection: sa.Connection, person: KnownPerson) -> int:
    """Take address and name out of texts about others. Returns in how many they were."""
    pattern = person.pattern()
    return sum(_blank_column(connection, table, name, pattern) for table, name in _FREE_TEXTS)


def _blank_column(
    connection: sa.Connection, table: sa.Table, name: str, pattern: re.Pattern[str]
) -> int:
    is_json = isinstance(table.c[name].type, sa.JSON)
    # As text, also where it is JSON: `registrations.asked` is JSON in a column of text.
    column = sa.cast(table.c[name], sa.Text)
    query = sa.select(column.label("text"), *table.primary_key)
    count = 0
    for text, *key in connection.execute(query.where(column != "")).all():
        value = _read_text(text)
        blanked = _blank_value(value, pattern)
        if blanked == value:
            continue
        is_row = [part == known for part, known in zip(table.primary_key, key, strict=True)]
        stored = blanked if is_json or isinstance(blanked, str) else json.dumps(blanked)
        connection.execute(table.update().where(*is_row).values({name: stored}))
        count += 1
    return count


def _read_text(text: str) -> Any:
    """Read a text that is an object or a list of JSON; any other is given back as it is."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    # A number is a text here, too: written again, `1e3` would be `1000.0`.
    return value if isinstance(value, dict | list) else text


def _blank_value(value: Any, pattern: re.Pattern[str]) -> Any:
    """Take the person out of a text, or out of each text in a value of JSON.

    There a name may be written in other letters: `json` escapes quotes, and those beyond ASCII.
    """
    match value:
        case str():
            return pattern.sub(FORGOTTEN, value)
        case dict():
            return {
                _blank_value(key, pattern): _blank_value(part, pattern)
                for key, part in value.items()
            }
        case list():
            return [_blank_value(part, pattern) for part in value]
    return value


def _blank_changes(connection: sa.Connection, person: KnownPerson) -> int:
    """Take the person out of the changes that plan pages showed."""
    count = 0
    for row in connection.execute(sa.select(reviews.c.id, reviews.c.changes)).all():
        changes = [change for change in row.changes if change[1] not in person.keys]
        if changes != row.changes:
            blanked = reviews.update().where(reviews.c.id == row.id).values(changes=changes)
            connection.execute(blanked)
            count += 1
    return count
