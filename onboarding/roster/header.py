"""Which column of the grid means what: forgiving about spelling, never about doubt.

Knows headers, not the cells below them (`row` does). A header that is none of ours becomes an
`extra`, under a name that templates can use. Called once per roster by `reader`.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from types import MappingProxyType

from onboarding.errors import ConfigurationError
from onboarding.model.foreign_text import clean
from onboarding.roster.cells import fold


class Column(StrEnum):
    """The roster's own columns, as the documentation and `[webinars.NAME.columns]` spell them."""

    FIRST_NAME = "first_name"
    LAST_NAME = "last_name"
    EMAIL = "email"
    ROLE = "role"
    JOB_TITLE = "job_title"
    LANGUAGE = "language"
    TIME_ZONE = "time_zone"
    ACCOUNT_ID = "account_id"
    USER_ID = "user_id"
    DOMAIN = "domain"


# As `fold` leaves them. A spelling belongs to one column only, or a header would be found twice.
_OTHER_SPELLINGS = {
    Column.FIRST_NAME: ("givenname", "forename", "vorname"),
    Column.LAST_NAME: ("surname", "familyname", "nachname", "familienname"),
    Column.EMAIL: ("mail", "emailaddress", "mailaddress", "emailadresse", "mailadresse"),
    Column.ROLE: ("webinarrole", "rolle"),
    Column.JOB_TITLE: ("position", "berufsbezeichnung"),
    Column.LANGUAGE: ("locale", "sprache"),
    Column.TIME_ZONE: ("tz", "zeitzone"),
    Column.ACCOUNT_ID: (),
    Column.USER_ID: (),
    Column.DOMAIN: (),
}
_RESERVED = frozenset(
    {*Column, *(name for name in dir(MappingProxyType) if not name.startswith("_"))}
)
"""Names that no extra gets: in a template `extra.items` would be the mapping's method."""


@dataclass(frozen=True, slots=True)
class Header:
    """What the header says: its cells as written, and the index of each column and each extra."""

    cells: tuple[str, ...]
    indexes: Mapping[Column, int]
    extras: Mapping[str, int]

    def label(self, column: Column) -> str:
        """Give the column's header as the user wrote it, or our own name for it."""
        return self.cells[self.indexes[column]] if column in self.indexes else column.value

    def is_blank(self, texts: Sequence[str]) -> bool:
        """Tell whether a row is empty. A note below a column without a header is no person."""
        # Producers keep notes beside the list, such as “call her first”. They are no people.
        nameless = {index for index, cell in enumerate(self.cells) if not cell}
        return not any(text for index, text in enumerate(texts) if index not in nameless)

    def describe_missing(self, column: Column) -> str:
        """Say that a column is missing, and which header may have been meant."""
        others = {fold(self.cells[index]): self.cells[index] for index in self.extras.values()}
        for word in _list_spellings(column):
            # A misspelt header is only named, never taken: the column
            # would decide who gets which link.
            for nearest in get_close_matches(word, others, n=1, cutoff=0.75):
                return f"There is no column {column}; is it “{others[nearest]}”, misspelt?"
        return f"There is no column {column}."


def parse_header(cells: Sequence[str], columns: Mapping[str, str], name: str) -> Header:
    """Read the header. `columns` maps our columns to headers, where the spelling doesn't say it.

    Raises ConfigurationError if a needed column is missing, if two headers mean the same column, or
    if `columns` names what doesn't exist.
    """
    indexes = _map_columns(cells, columns, name)
    # What config.toml names is taken out first, so it wins over any spelling.
    others = _select_others(dict(enumerate(cells)), indexes)
    for column in Column:
        if column in indexes:
            continue
        index = _find_column(column, others, name)
        if index is not None:
            indexes[column] = index
    header = Header(tuple(cells), indexes, _name_extras(_select_others(others, indexes)))
    _require_columns(header, name)
    return header


def _select_others(headers: Mapping[int, str], indexes: Mapping[Column, int]) -> dict[int, str]:
    """Select the headers that none of our columns has, by index; blank ones are left out."""
    known = set(indexes.values())
    return {index: cell for index, cell in headers.items() if cell and index not in known}


def _map_columns(cells: Sequence[str], columns: Mapping[str, str], name: str) -> dict[Column, int]:
    # Reversed, so that of two equal headers the first counts.
    headers = {fold(cell): index for index, cell in reversed(list(enumerate(cells)))}
    indexes: dict[Column, int] = {}
    for column, cell in columns.items():
        if column not in set(Column):
            raise ConfigurationError(
                f"[webinars.NAME.columns] names “{column}”, which is no column of a roster.",
                hint=f"The columns are {', '.join(Column)}." + _suggest_word(column, list(Column)),
            )
        # Not ignored: config.toml is older than the file, and a
        # renamed column would be lost silently.
        if fold(cell) not in headers:
            known = clean(", ".join(filter(None, cells)))
            raise ConfigurationError(
                f"[webinars.NAME.columns] says {column} = “{cell}”,"
                f" but the roster {name} has no such header.",
                hint=f"Its headers are {known}." + _suggest_word(cell, cells),
            )
        indexes[Column(column)] = headers[fold(cell)]
    return indexes


def _suggest_word(word: str, words: Sequence[str]) -> str:
    nearest = get_close_matches(word, words, n=1)
    return f" Did you mean “{nearest[0]}”?" if nearest else ""


def _find_column(column: Column, headers: Mapping[int, str], name: str) -> int | None:
    """Find the column by its own name, else by another spelling."""
    spellings = _list_spellings(column)
    # An export may have `email` beside `mail`: the exact name decides, and leaves no doubt.
    own = [index for index, cell in headers.items() if fold(cell) == fold(column)]
    found = own or [index for index, cell in headers.items() if fold(cell) in spellings]
    # Never simply the first: a column decides who gets which link, so a person has to choose.
    if len(found) > 1:
        both = " and ".join(f"“{headers[index]}”" for index in found)
        raise ConfigurationError(
            f"The roster {name} has more than one column for {column}: {both}.",
            hint=f'Rename one of them, or say which it is: [webinars.NAME.columns] {column} = "…".',
        )
    return found[0] if found else None


def _list_spellings(column: Column) -> tuple[str, ...]:
    return (fold(column), *_OTHER_SPELLINGS[column])


def _name_extras(headers: Mapping[int, str]) -> dict[str, int]:
    """Name the further columns; of two that would be called the same, the second gets a number."""
    names: dict[str, int] = {}
    for index, cell in headers.items():
        word = name = template_name(cell)
        number = 1
        # Numbers go by the order of columns, so a template keeps its name while the order stays.
        while name in names or name in _RESERVED:
            number += 1
            name = f"{word}_{number}"
        names[name] = index
    return names


def template_name(header: str) -> str:
    """Give a header as templates write it: lower case, and `_` for all that is no letter or digit.

    `T-Shirt size` is `t_shirt_size`, `Straße` is `straße`, `2. Wahl` is `column_2_wahl`.
    """
    # Punctuation at the ends leaves no underscore there: `Size?` is `size`.
    word = re.sub(r"\W+", "_", unicodedata.normalize("NFKC", header).lower()).strip("_")
    return word if word.isidentifier() else f"column_{word}".rstrip("_")


def _require_columns(header: Header, name: str) -> None:
    """Require the role, and who it is: an address, or the two ids of a linked user."""
    by_ids = Column.ACCOUNT_ID in header.indexes and Column.USER_ID in header.indexes
    # Names are not needed here: colleagues have theirs at RingCentral. `row` asks guests for them.
    needed = [Column.ROLE] if by_ids else [Column.EMAIL, Column.ROLE]
    lacking = [header.describe_missing(column) for column in needed if column not in header.indexes]
    if lacking:
        raise ConfigurationError(
            f"The header of the roster {name} can't be understood. {' '.join(lacking)}",
            hint="The first row names the columns: first_name, last_name, email, role."
            " Other names are declared in [webinars.NAME.columns].",
        )
