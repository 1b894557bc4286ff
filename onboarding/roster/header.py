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
"""Names that an extra never gets: in a template `extra.items` would be the mapping's method, not the column."""


@dataclass(frozen=True, slots=True)
class Header:
    """What the header says: the place of each column, the name and place of each extra, and its own spelling."""

    cells: tuple[str, ...]
    places: Mapping[Column, int]
    extras: Mapping[str, int]

    def label(self, column: Column) -> str:
        """Give the column's header as the user wrote it, or our own name for it."""
        return self.cells[self.places[column]] if column in self.places else column.value

    def is_blank(self, texts: Sequence[str]) -> bool:
        """Tell whether a row says nothing: a note below a column without a header is no person."""
        nameless = {place for place, cell in enumerate(self.cells) if not cell}
        return not any(text for place, text in enumerate(texts) if place not in nameless)

    def describe_missing(self, column: Column) -> str:
        """Say that a column is missing, and which header may have been meant."""
        others = {fold(self.cells[place]): self.cells[place] for place in self.extras.values()}
        nearest = [
            match
            for word in _spellings(column)
            for match in get_close_matches(word, others, n=1, cutoff=0.75)
        ]
        meant = f"; is it “{others[nearest[0]]}”, misspelt?" if nearest else "."
        return f"There is no column {column}{meant}"


def parse_header(cells: Sequence[str], columns: Mapping[str, str], name: str) -> Header:
    """Read the header. `columns` says which header means which of our columns, where the spelling doesn't.

    Raises ConfigurationError if a needed column is missing, if two headers mean the same column, or
    if `columns` names what doesn't exist.
    """
    places = _map_columns(cells, columns, name)
    others = {
        place: cell for place, cell in enumerate(cells) if cell and place not in places.values()
    }
    for column in Column:
        if column not in places and (found := _find_column(column, others, name)) is not None:
            places[column] = found
    further = {place: cell for place, cell in others.items() if place not in places.values()}
    header = Header(tuple(cells), places, _name_extras(further))
    _require_columns(header, name)
    return header


def _map_columns(cells: Sequence[str], columns: Mapping[str, str], name: str) -> dict[Column, int]:
    headers = {fold(cell): place for place, cell in reversed(list(enumerate(cells)))}
    places: dict[Column, int] = {}
    for column, cell in columns.items():
        if column not in set(Column):
            raise ConfigurationError(
                f"[webinars.NAME.columns] names “{column}”, which is no column of a roster.",
                hint=f"The columns are {', '.join(Column)}." + _suggest_word(column, list(Column)),
            )
        if fold(cell) not in headers:
            raise ConfigurationError(
                f"[webinars.NAME.columns] says {column} = “{cell}”, but the roster {name} has no such header.",
                hint=f"Its headers are {clean(', '.join(filter(None, cells)))}."
                + _suggest_word(cell, cells),
            )
        places[Column(column)] = headers[fold(cell)]
    return places


def _suggest_word(word: str, words: Sequence[str]) -> str:
    nearest = get_close_matches(word, words, n=1)
    return f" Did you mean “{nearest[0]}”?" if nearest else ""


def _find_column(column: Column, headers: Mapping[int, str], name: str) -> int | None:
    """Find the column by its own name, else by another spelling."""
    own = [place for place, cell in headers.items() if fold(cell) == fold(column)]
    found = own or [place for place, cell in headers.items() if fold(cell) in _spellings(column)]
    if len(found) > 1:
        both = " and ".join(f"“{headers[place]}”" for place in found)
        raise ConfigurationError(
            f"The roster {name} has more than one column for {column}: {both}.",
            hint=f'Rename one of them, or say which it is: [webinars.NAME.columns] {column} = "…".',
        )
    return found[0] if found else None


def _spellings(column: Column) -> tuple[str, ...]:
    return (fold(column), *_OTHER_SPELLINGS[column])


def _name_extras(headers: Mapping[int, str]) -> dict[str, int]:
    """Name the further columns; of two that would be called the same, the second gets a number."""
    named: dict[str, int] = {}
    for place, cell in headers.items():
        word = template_name(cell)
        spellings = (word, *(f"{word}_{number}" for number in range(2, len(headers) + 2)))
        named[
            next(
                spelling
                for spelling in spellings
                if spelling not in named and spelling not in _RESERVED
            )
        ] = place
    return named


def template_name(header: str) -> str:
    """Give a header as templates write it: lower case, and `_` for all that is no letter or digit.

    `T-Shirt size` is `t_shirt_size`, `Straße` is `straße`, `2. Wahl` is `column_2_wahl`.
    """
    word = re.sub(r"\W+", "_", unicodedata.normalize("NFKC", header).lower()).strip("_")
    return word if word.isidentifier() else f"column_{word}".rstrip("_")


def _require_columns(header: Header, name: str) -> None:
    """Require the role, and who it is: an address, or the two ids of a linked user."""
    by_ids = Column.ACCOUNT_ID in header.places and Column.USER_ID in header.places
    needed = [Column.ROLE] if by_ids else [Column.EMAIL, Column.ROLE]
    lacking = [header.describe_missing(column) for column in needed if column not in header.places]
    if lacking:
        raise ConfigurationError(
            f"The header of the roster {name} can't be understood. {' '.join(lacking)}",
            hint="The first row names the columns: first_name, last_name, email, role. Other names are declared in"
            " [webinars.NAME.columns].",
        )
