"""The company directory: who is a colleague, by ids and by address, and what a search finds.

Pure. Only `Enabled` entries of type `User` are colleagues who can be invited; the others are listed all the same,
as RingCentral does (`docs/ringcentral.md`, "Linked users").
"""

from collections.abc import Iterable
from dataclasses import dataclass

from onboarding.model.people import LinkedUser, address_key
from onboarding.simulator.odd import NOT_ODD, Odd


@dataclass(frozen=True, slots=True)
class Colleague:
    """One entry of the directory."""

    user_id: str
    account_id: str
    email: str = ""
    first_name: str = ""
    last_name: str = ""
    job_title: str = ""
    extension: str = ""
    type: str = "User"
    status: str = "Enabled"
    odd: Odd = NOT_ODD

    @property
    def can_be_invited(self) -> bool:
        """Tell whether this is a person with a working account, not a room or somebody who left."""
        return self.type == "User" and self.status == "Enabled"

    @property
    def linked_user(self) -> LinkedUser:
        """The ids by which RingCentral links this colleague."""
        return LinkedUser(self.account_id, self.user_id)


class Directory:
    """The entries, in the order in which they are listed."""

    def __init__(self, entries: Iterable[Colleague] = ()) -> None:
        self.entries = tuple(entries)
        self._by_user = {entry.linked_user: entry for entry in self.entries}
        self._by_address = {address_key(entry.email): entry for entry in self.entries if entry.can_be_invited}

    def user(self, linked_user: LinkedUser) -> Colleague | None:
        """Find the entry of a linked user, whatever its type and status."""
        return self._by_user.get(linked_user)

    def colleague_at(self, email: str) -> Colleague | None:
        """Find the colleague who can be invited and has this very address."""
        return self._by_address.get(address_key(email)) if email else None

    def search(self, text: str, fields: Iterable[str]) -> tuple[Colleague, ...]:
        """Find entries in which any of the fields holds the text, as a part of it and in any case."""
        wanted, columns = text.casefold(), [_COLUMNS[field] for field in fields if field in _COLUMNS]
        return tuple(
            entry for entry in self.entries if any(wanted in getattr(entry, column).casefold() for column in columns)
        )


_COLUMNS = {
    "firstName": "first_name",
    "lastName": "last_name",
    "extensionNumber": "extension",
    "email": "email",
    "jobTitle": "job_title",
}

SEARCH_FIELDS = tuple(_COLUMNS)
"""The fields that are searched where a search names none."""
