"""The company directory. An entry that can't be read is left out."""

from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import ValidationError

from onboarding.model.people import Colleague, LinkedUser
from onboarding.ringcentral.fields import (
    ApiRecord,
    Id,
    LooseText,
    lenient,
)


class Account(ApiRecord):
    """A directory entry's account."""

    id: Id


class Contact(ApiRecord):
    """An entry of the company directory; rooms and queues too, so only the id is certain."""

    id: Id
    type: LooseText = ""
    status: LooseText = ""
    account: Annotated[Account | None, lenient(None)] = None
    email: LooseText = ""
    first_name: LooseText = ""
    last_name: LooseText = ""
    job_title: LooseText = ""

    def to_colleague(self) -> Colleague | None:
        """The entry as colleague; None unless it is an enabled user's."""
        # Without the account there are no ids to invite them by (`showFederated`).
        if self.type != "User" or self.status != "Enabled" or self.account is None:
            return None
        user = LinkedUser(self.account.id, self.id)
        return Colleague(user, self.email, self.first_name, self.last_name, self.job_title)


def parse_colleagues(records: Iterable[Any]) -> list[Colleague]:
    """Parse the enabled users of a directory; an entry that can't be read is left out."""
    found = []
    for record in records:
        try:
            contact = Contact.model_validate(record)
        except ValidationError:
            continue
        if colleague := contact.to_colleague():
            found.append(colleague)
    return found


class DirectoryPaging(ApiRecord):
    """Numbered pages; the total may be left out."""

    per_page: Annotated[int | None, lenient(None)] = None
    total_pages: Annotated[int | None, lenient(None)] = None


class DirectoryPage(ApiRecord):
    """A page of the company directory; each entry is read by itself."""

    records: tuple[Any, ...]
    paging: Annotated[DirectoryPaging, lenient(DirectoryPaging())] = DirectoryPaging()

    def is_last(self, page: int) -> bool:
        """Tell whether no page follows the given one (from 1)."""
        if not self.records:
            return True
        if self.paging.total_pages is not None:
            return page >= self.paging.total_pages
        # Without any paging, `client` ends the list at a page that repeats the one before.
        return self.paging.per_page is not None and len(self.records) < self.paging.per_page
