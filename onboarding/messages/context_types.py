"""What a template may say: the names written between `{{` and `}}`, and nothing else.

The field names are the documented template language: `names` checks templates against them.
`context` makes the values.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class Person:
    """A person on board, as the producer's sheet shows them: never an address, never a link."""

    name: str
    role: str
    job_title: str


@dataclass(frozen=True, slots=True)
class Recipient:
    """The invitee. `role` is `Host`, `CoHost` or `Panelist`; `extra` has further columns."""

    name: str
    first_name: str
    last_name: str
    email: str
    role: str
    job_title: str
    extra: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class SessionContext:
    """The session. All times are words, in the invitee's zone; `start` and `end` are times of day.

    `arrive_by_date` differs from `date` only around midnight. `end_days` counts the days from
    `date` to `end_date` (0: the same day). `zone_days` is 1 where `date` is a day later than in the
    session's own time zone, and -1 where it is a day earlier; `own_date`, `own_start` and
    `own_zone` are the start in that zone. Only in scheduled messages: `days_left` counts the days
    from the day of the message to `date` (0: the same day, or less than six hours), `starts_in`
    says `in 2 hours` or `in 7 days`; after the start they are 0 and empty.
    """

    title: str
    date: str
    start: str
    end: str
    end_date: str
    end_days: int
    duration: str
    zone: str
    zone_days: int
    own_date: str
    own_start: str
    own_zone: str
    arrive_by: str
    arrive_by_date: str
    days_left: int = 0
    starts_in: str = ""


@dataclass(frozen=True, slots=True)
class PreviousContext:
    """What an update's reader knew before, and what of it is not true any more."""

    date: str
    start: str
    zone: str
    duration: str
    role: str
    time_changed: bool
    link_changed: bool
    role_changed: bool


@dataclass(frozen=True, slots=True)
class Palette:
    """`[brand.colours]` of config.toml, each `#rrggbb`."""

    primary: str
    background: str
    text: str
    button_text: str


@dataclass(frozen=True, slots=True)
class Brand:
    """`[brand]` of config.toml. `logo` is ready for an image's `src`, empty where there is none."""

    name: str
    help_address: str
    logo: str
    imprint: str
    dial_in: str
    device_test: str
    colours: Palette
    language: str


@dataclass(frozen=True, slots=True)
class AddTo:
    """Addresses that add the session to a calendar on the web.

    They lack the join link, for they end up in logs.
    """

    google: str
    outlook: str


@dataclass(frozen=True, slots=True)
class TemplateContext:
    """All names that a template may use, with plain values only: none of them can do anything.

    `called_off` is true only in a cancellation.
    """

    kind: str
    invitee: Recipient
    session: SessionContext
    brand: Brand
    add_to: AddTo
    join_link: str
    phone_code: str
    previous: PreviousContext | None
    called_off: bool
    panel: tuple[Person, ...]

    def names(self) -> dict[str, Any]:
        """The names as Jinja takes them."""
        # Not `asdict`: it would copy the whole panel, for each message.
        return {name: getattr(self, name) for name in _CONTEXT_NAMES}


_CONTEXT_NAMES = tuple(field.name for field in fields(TemplateContext))

SHOWN = (Person, Recipient, SessionContext, PreviousContext, Palette, Brand, AddTo)
"""The types that a template sees beside text, numbers, true and false, tuples and mappings."""

FIELDS_OF: Mapping[type, frozenset[str]] = {
    shown: frozenset(field.name for field in fields(shown)) for shown in SHOWN
}
"""What a template may ask of each of them."""
