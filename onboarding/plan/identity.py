"""Who is who: the roster's people, the company directory and RingCentral's records, joined.

A record of a colleague may carry ids and no address; a roster may name a colleague by address and
no ids. The directory joins the two. The webinar's host is recognised by address or ids and never by
being the only host: a stranger would get the host's link. `make_plan` calls `identify` first.
Decides nothing about a person.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Self, TypeVar

from onboarding.model.addresses import address_key
from onboarding.model.people import Colleague, Invitee, LinkedUser, Problem, Role
from onboarding.model.registrations import ManagedRegistration, Standing, find_registration
from onboarding.model.sessions import (
    InviteeList,
    PanelistAuthentication,
    Registration,
    Session,
    UntouchedRecord,
    link_digest,
)
from onboarding.plan.snapshot import Snapshot

PersonKey = str | LinkedUser
"""An address key or a linked user: what a person goes by."""

R = TypeVar("R", Registration, UntouchedRecord)


@dataclass(frozen=True, slots=True)
class Directory:
    """Colleagues by address key and by linked user."""

    by_address: Mapping[str, Colleague]
    by_user: Mapping[LinkedUser, Colleague]

    @classmethod
    def of(cls, colleagues: Iterable[Colleague], *others: Registration | Invitee) -> Self:
        """Make it from the company directory, and from others that show both ids and an address.

        Of two people with one address the first has it: the company directory counts before all
        others.
        """
        shown = [
            Colleague(person.linked_user, person.email, person.first_name, person.last_name)
            for person in others
            if person.linked_user and person.email
        ]
        by_address: dict[str, Colleague] = {}
        by_user: dict[LinkedUser, Colleague] = {}
        for colleague in (*colleagues, *shown):
            user = colleague.linked_user
            if colleague.email:
                by_address.setdefault(address_key(colleague.email), colleague)
            # An entry without an address gives way: the address is what others look for here.
            if user not in by_user or not by_user[user].email:
                by_user[user] = colleague
        return cls(by_address, by_user)

    def find(self, invitee: Invitee) -> Colleague | None:
        """The colleague that a roster row means: by ids where it has them, else by address."""
        if invitee.linked_user:
            return self.by_user.get(invitee.linked_user)
        return self.by_address.get(invitee.key) if invitee.email else None

    def complete(self, invitee: Invitee) -> Invitee:
        """Complete a roster row with what is known of the colleague.

        That is a host's or co-host's ids, an address, a name. A panelist given by address stays a
        guest, with the name that the roster gives.
        """
        found = self.find(invitee)
        if found is None:
            return invitee
        # Both names from one source: half of each could be the name of a third person.
        named = invitee if invitee.first_name or invitee.last_name else found
        user = None if invitee.role is Role.PANELIST else found.linked_user
        return replace(
            invitee,
            linked_user=invitee.linked_user or user,
            email=invitee.email or found.email,
            first_name=named.first_name,
            last_name=named.last_name,
        )


@dataclass(frozen=True, slots=True)
class Records:
    """RingCentral's records, to be found by person. Of two for one person the first counts."""

    hosts: tuple[Registration, ...]
    by_user: Mapping[LinkedUser, Registration]
    by_address: Mapping[str, Registration]
    addresses: Mapping[LinkedUser, str]

    @classmethod
    def of(
        cls, registrations: Iterable[Registration], colleagues: Iterable[Colleague] = ()
    ) -> Self:
        """Look through the records once, however many people will be looked for.

        `colleagues` are the company directory's: a record may lack the ids that it was made with,
        and show the address that the directory has for them.
        """
        hosts, by_user, by_address = [], dict[LinkedUser, Registration](), dict[str, Registration]()
        for record in registrations:
            if record.role is Role.HOST:
                # Kept apart: no row of another person may find this record, and so its link.
                hosts.append(record)
                continue
            if record.linked_user:
                by_user.setdefault(record.linked_user, record)
            if record.email:
                by_address.setdefault(address_key(record.email), record)
        addresses = {
            colleague.linked_user: address_key(colleague.email)
            for colleague in colleagues
            if colleague.email
        }
        return cls(tuple(hosts), by_user, by_address, addresses)

    def host(self, invitee: Invitee) -> Registration | None:
        """Find the Host's record if it is this person's; None if another person is host."""
        return find_registration(invitee, self.hosts)

    def find(self, invitee: Invitee) -> Registration | None:
        """Find a record: by linked user, else by address, even if it has another user."""
        by_user = self.by_user.get(invitee.linked_user) if invitee.linked_user else None
        by_address = self.by_address.get(invitee.key) if invitee.email else None
        # Ids first: an address may have gone over to another colleague.
        return by_user or by_address or self._by_directory(invitee)

    def _by_directory(self, invitee: Invitee) -> Registration | None:
        """Find a record without ids by the address that the directory has for the invitee's."""
        address = self.addresses.get(invitee.linked_user, "") if invitee.linked_user else ""
        record = self.by_address.get(address)
        return record if record and record.linked_user is None else None


def needs_directory(
    invitees: Iterable[Invitee],
    listed: InviteeList,
    known: Iterable[Colleague],
    session: Session,
    managed: Iterable[ManagedRegistration] = (),
) -> bool:
    """Tell whether the company directory has to be asked (again) to know who each person is.

    That is so for a record with ids and no address; for a linked user without address or name, a
    co-host or host given by address alone, and, where the webinar locks outsiders out, every guest.
    It is so, too, where a linked user of the roster or of this ledger (`managed`) has no record,
    while a record without ids has an address that no row has: it may be theirs, under the address
    that the directory has for them.
    """
    shown = add_host(listed.registrations, session)
    colleagues, rows = tuple(known), tuple(invitees)
    directory, records = Directory.of(colleagues, *shown), Records.of(shown, colleagues)
    # People who were removed have no record, and would have the directory asked in every run.
    here = [person.invitee for person in managed if person.standing is not Standing.REMOVED]
    people = (*rows, *here)
    # Both, since the answer can only help if there is a record left that may be theirs.
    if _has_unmatched_user(people, records, directory) and _has_unmatched_address(people, shown):
        return True
    if _has_unknown_colleague(listed, directory):
        return True
    guests_matter = session.panelist_authentication is not PanelistAuthentication.GUEST
    return any(
        _is_incomplete(invitee, guests_matter=guests_matter)
        for invitee in rows
        if directory.find(invitee) is None and records.host(invitee) is None
    )


def _has_unmatched_user(people: Iterable[Invitee], records: Records, directory: Directory) -> bool:
    """Whether a linked user has no record that we know, but may have one by their address."""
    return any(
        person.linked_user is not None
        and person.linked_user not in directory.by_user
        and records.find(person) is None
        and records.host(person) is None
        for person in people
    )


def _has_unmatched_address(people: Iterable[Invitee], records: Iterable[Registration]) -> bool:
    """Whether a record without ids has an address that none of these people has."""
    addresses = {person.key for person in people if person.email}
    return any(
        record.linked_user is None
        and bool(record.email)
        and address_key(record.email) not in addresses
        for record in records
        if record.role is not Role.HOST
    )


def _has_unknown_colleague(listed: InviteeList, directory: Directory) -> bool:
    """Whether a record has only ids, and the directory has no colleague with them."""
    records: list[Registration | UntouchedRecord] = [*listed.registrations]
    # An attendee is left alone in any case, so their address is not needed.
    records += [record for record in listed.untouched if record.fault]
    nameless = [record.linked_user for record in records if not record.email]
    return any(user is not None and user not in directory.by_user for user in nameless)


def _is_incomplete(invitee: Invitee, *, guests_matter: bool) -> bool:
    if invitee.linked_user:
        return not invitee.email or not (invitee.first_name or invitee.last_name)
    return guests_matter or invitee.role is not Role.PANELIST


def identify(snapshot: Snapshot) -> Snapshot:
    """Complete all people, and the Host, with the ids and addresses that are known of them.

    A second row of the same person becomes a problem.
    """
    # In this order: records get their addresses first, because rows are matched with them.
    shown, untouched = _complete_records(snapshot)
    directory = Directory.of(snapshot.colleagues, *shown)
    records = Records.of(shown, snapshot.colleagues)
    completed = [
        _add_registered_ids(directory.complete(row), records, snapshot)
        for row in snapshot.roster.invitees
    ]
    invitees, problems = _split_second_rows(completed, directory, records)
    problems = [*snapshot.roster.problems, *problems]
    roster = replace(snapshot.roster, invitees=tuple(invitees), problems=tuple(problems))
    return replace(snapshot, roster=roster, registrations=shown, untouched=untouched)


def _split_second_rows(
    invitees: Iterable[Invitee], directory: Directory, records: Records
) -> tuple[list[Invitee], list[Problem]]:
    """Keep each person's first row; each further one is a problem."""
    rows: dict[PersonKey, int] = {}
    kept, problems = [], []
    for invitee in invitees:
        keys = _all_keys(invitee, directory, records)
        # A row may meet several earlier ones, by address and by ids: the first of them is named.
        first = min((rows[key] for key in keys if key in rows), default=None)
        if first is None:
            rows |= dict.fromkeys(keys, invitee.row)
            kept.append(invitee)
        else:
            message = f"is the same person as row {first}, which counts: delete one of the two rows"
            problems.append(Problem(invitee.row, None, invitee.email, message))
    return kept, problems


def _add_registered_ids(invitee: Invitee, records: Records, snapshot: Snapshot) -> Invitee:
    """Give a row without ids those with which this ledger added its address, if still registered.

    Not where another row has them, nor where the address has a record of its own.
    """
    known = snapshot.managed.get(invitee.key) if invitee.email else None
    user = known.invitee.linked_user if known else None
    # `complete` leaves a panelist without ids. Without these, the colleague that we added under
    # this address would look like a stranger, and be added a second time.
    if invitee.linked_user or user is None or user not in records.by_user or records.find(invitee):
        return invitee
    is_another_rows = any(row.linked_user == user for row in snapshot.roster.invitees)
    return invitee if is_another_rows else replace(invitee, linked_user=user)


def _complete_records(
    snapshot: Snapshot,
) -> tuple[tuple[Registration, ...], tuple[UntouchedRecord, ...]]:
    """Add the addresses known for a record's ids: the directory's, else those that we invited."""
    # What the ledger knows is older than the roster, so it fills gaps only.
    on_roster = {invitee.linked_user for invitee in snapshot.roster.invitees}
    # An address that the roster now gives to another linked user is only theirs.
    invited = [
        known.invitee
        for known in snapshot.managed.values()
        if known.invitee.linked_user not in on_roster
        and not snapshot.is_address_taken(known.invitee)
    ]
    colleagues = tuple(Directory.of(snapshot.colleagues, *invited).by_user.values())
    registrations = add_addresses(add_host(snapshot.registrations, snapshot.session), colleagues)
    untouched = add_addresses(snapshot.untouched, colleagues)
    return registrations, tuple(_add_address_by_link(record, snapshot) for record in untouched)


def _add_address_by_link(record: UntouchedRecord, snapshot: Snapshot) -> UntouchedRecord:
    """Give a record without an address that of the mailbox which was sent its very link."""
    if record.email or record.join_uri is None:
        return record
    # Without an address the record would match no row, and its person would be added again.
    digest = link_digest(record.join_uri)
    keys = (
        key for key, box in snapshot.mailboxes.items() if box.facts and box.facts.link == digest
    )
    return replace(record, email=next(keys, ""))


def _all_keys(invitee: Invitee, directory: Directory, records: Records) -> set[PersonKey]:
    """Collect a person's keys: from their row, from the directory, and from their record."""
    sources = (invitee, directory.find(invitee), records.find(invitee))
    return {key for source in sources if source for key in person_keys(source)}


def person_keys(person: Invitee | Colleague | Registration | UntouchedRecord) -> set[PersonKey]:
    """List what a person goes by in one source."""
    address = {address_key(person.email)} if person.email else set[PersonKey]()
    return address | ({person.linked_user} if person.linked_user else set())


def add_addresses(registrations: Iterable[R], colleagues: Iterable[Colleague]) -> tuple[R, ...]:
    """Give records that carry only ids the address that the directory has for them."""
    addresses = {colleague.linked_user: colleague.email for colleague in colleagues}
    return tuple(
        replace(record, email=addresses.get(record.linked_user, ""))
        if record.linked_user and not record.email
        else record
        for record in registrations
    )


def add_host(registrations: Iterable[Registration], session: Session) -> tuple[Registration, ...]:
    """Complete the Host's record, or add one.

    A Host's record without address and ids is that of the session's own host. A Host without a link
    gets the session's `hostJoinUri` (`docs/ringcentral.md`, "Invitees").
    """
    records = tuple(registrations)
    if session.host and not any(record.role is Role.HOST for record in records):
        # Without an id, which says to `removals` that RingCentral's list lacks this record.
        records = (*records, Registration(id="", role=Role.HOST))
    return tuple(
        _complete_host(record, session) if record.role is Role.HOST else record
        for record in records
    )


def _complete_host(record: Registration, session: Session) -> Registration:
    return replace(
        record,
        # What the record itself says counts more: the webinar's facts may be from the cache.
        linked_user=record.linked_user if person_keys(record) else session.host,
        join_uri=record.join_uri or session.host_join_uri,
    )
