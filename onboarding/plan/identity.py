"""Who is who: the roster's people, the company directory and RingCentral's records as one set of persons.

A record of a colleague may carry ids and no address; a roster may name a colleague by address and no ids. The
directory joins the two. The webinar's host is recognised by address or ids and never by being the only host: a
stranger would get the host's link. Comes before everything else in `make`; decides nothing about anybody.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Self, TypeVar

from onboarding.model.addresses import address_key
from onboarding.model.people import Colleague, Invitee, LinkedUser, Problem, Role
from onboarding.model.registrations import find_registration
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
        """Make it from the company directory, and from others who show both ids and address of somebody.

        Of two who claim one address the first has it: the company directory's word counts before any other's.
        """
        shown = [
            Colleague(one.linked_user, one.email, one.first_name, one.last_name)
            for one in others
            if one.linked_user and one.email
        ]
        by_address: dict[str, Colleague] = {}
        by_user: dict[LinkedUser, Colleague] = {}
        for one in (*colleagues, *shown):
            if one.email:
                by_address.setdefault(address_key(one.email), one)
            if one.linked_user not in by_user or not by_user[one.linked_user].email:
                by_user[one.linked_user] = one
        return cls(by_address, by_user)

    def find(self, invitee: Invitee) -> Colleague | None:
        """The colleague that a roster row means: by ids where it has them, else by address."""
        if invitee.linked_user:
            return self.by_user.get(invitee.linked_user)
        return self.by_address.get(invitee.key) if invitee.email else None

    def complete(self, invitee: Invitee) -> Invitee:
        """A roster row with what is known of the colleague: a host's or co-host's ids, an address, a name.

        A panelist given by address stays a guest, whose name the roster gives.
        """
        found = self.find(invitee)
        if found is None:
            return invitee
        named = invitee if invitee.first_name or invitee.last_name else found
        return replace(
            invitee,
            linked_user=invitee.linked_user or (None if invitee.role is Role.PANELIST else found.linked_user),
            email=invitee.email or found.email,
            first_name=named.first_name,
            last_name=named.last_name,
        )


@dataclass(frozen=True, slots=True)
class Records:
    """RingCentral's records, to be found by whom they are about. Of two for one person the first counts."""

    hosts: tuple[Registration, ...]
    by_user: Mapping[LinkedUser, Registration]
    by_address: Mapping[str, Registration]
    addresses: Mapping[LinkedUser, str]

    @classmethod
    def of(cls, registrations: Iterable[Registration], colleagues: Iterable[Colleague] = ()) -> Self:
        """Look through the records once, however many people will be looked for.

        `colleagues` are the company directory's: a record may lack the ids that it was made with, and show the
        address that the directory has for them.
        """
        hosts, by_user, by_address = [], dict[LinkedUser, Registration](), dict[str, Registration]()
        for one in registrations:
            if one.role is Role.HOST:
                hosts.append(one)
                continue
            if one.linked_user:
                by_user.setdefault(one.linked_user, one)
            if one.email:
                by_address.setdefault(address_key(one.email), one)
        addresses = {one.linked_user: address_key(one.email) for one in colleagues if one.email}
        return cls(tuple(hosts), by_user, by_address, addresses)

    def host(self, invitee: Invitee) -> Registration | None:
        """Find the Host's record where it is this person's; None where they are not the webinar's host."""
        return find_registration(invitee, self.hosts)

    def find(self, invitee: Invitee) -> Registration | None:
        """Find a record: by linked user, else by address, though it may be linked to another user, or none."""
        by_user = self.by_user.get(invitee.linked_user) if invitee.linked_user else None
        by_address = self.by_address.get(invitee.key) if invitee.email else None
        return by_user or by_address or self._by_directory(invitee)

    def _by_directory(self, invitee: Invitee) -> Registration | None:
        """Find a record without ids by the address that the directory has for the invitee's."""
        address = self.addresses.get(invitee.linked_user, "") if invitee.linked_user else ""
        record = self.by_address.get(address)
        return record if record and record.linked_user is None else None


def needs_directory(
    invitees: Iterable[Invitee], listed: InviteeList, known: Iterable[Colleague], session: Session
) -> bool:
    """Tell whether somebody can't be told for certain without asking the company directory (again).

    That is so for a record with ids and no address; for a linked user without address or name, a co-host or host
    given by address alone, and, where the webinar locks outsiders out, every guest.
    """
    shown = add_host(listed.registrations, session)
    directory, records = Directory.of(known, *shown), Records.of(shown)
    unclear = [record for record in listed.untouched if record.fault]
    every: list[Registration | UntouchedRecord] = [*listed.registrations, *unclear]
    if any(one.linked_user and not one.email and one.linked_user not in directory.by_user for one in every):
        return True
    guests_matter = session.panelist_authentication is not PanelistAuthentication.GUEST
    return any(
        _is_incomplete(one, guests_matter=guests_matter)
        for one in invitees
        if directory.find(one) is None and records.host(one) is None
    )


def _is_incomplete(invitee: Invitee, *, guests_matter: bool) -> bool:
    if invitee.linked_user:
        return not invitee.email or not (invitee.first_name or invitee.last_name)
    return guests_matter or invitee.role is not Role.PANELIST


def identify(snapshot: Snapshot) -> Snapshot:
    """Everybody with all the ids and addresses that are known of them, the Host complete, and nobody in two rows."""
    shown, untouched = _complete_records(snapshot)
    directory, records = Directory.of(snapshot.colleagues, *shown), Records.of(shown, snapshot.colleagues)
    completed = [_add_registered_ids(directory.complete(one), records, snapshot) for one in snapshot.roster.invitees]
    rows: dict[PersonKey, int] = {}
    invitees, problems = [], list(snapshot.roster.problems)
    for one in completed:
        names = _all_keys(one, directory, records)
        first = min((rows[name] for name in names if name in rows), default=None)
        if first is None:
            rows |= dict.fromkeys(names, one.row)
            invitees.append(one)
        else:
            message = f"is the same person as row {first}, which counts: delete one of the two rows"
            problems.append(Problem(one.row, None, one.email, message))
    roster = replace(snapshot.roster, invitees=tuple(invitees), problems=tuple(problems))
    return replace(snapshot, roster=roster, registrations=shown, untouched=untouched)


def _add_registered_ids(invitee: Invitee, records: Records, snapshot: Snapshot) -> Invitee:
    """A row without ids, with those under which this ledger added its address, while they are registered.

    Not where another row has them, nor where the address has a record of its own.
    """
    known = snapshot.managed.get(invitee.key) if invitee.email else None
    user = known.invitee.linked_user if known else None
    if invitee.linked_user or user is None or user not in records.by_user or records.find(invitee):
        return invitee
    is_another_rows = any(row.linked_user == user for row in snapshot.roster.invitees)
    return invitee if is_another_rows else replace(invitee, linked_user=user)


def _complete_records(snapshot: Snapshot) -> tuple[tuple[Registration, ...], tuple[UntouchedRecord, ...]]:
    """The records with every address that is known for their ids: the directory's, else that of whom we invited."""
    by_ids = {one.linked_user for one in snapshot.roster.invitees}
    known = (one.invitee for one in snapshot.managed.values())
    # An address that the roster gives to another linked user by now is nobody's but theirs.
    invited = (one for one in known if one.linked_user not in by_ids and not snapshot.is_address_taken(one))
    colleagues = tuple(Directory.of(snapshot.colleagues, *invited).by_user.values())
    registrations = add_addresses(add_host(snapshot.registrations, snapshot.session), colleagues)
    untouched = add_addresses(snapshot.untouched, colleagues)
    return registrations, tuple(_add_address_by_link(record, snapshot) for record in untouched)


def _add_address_by_link(record: UntouchedRecord, snapshot: Snapshot) -> UntouchedRecord:
    """Give a record without an address that of the mailbox which was sent its very link."""
    if record.email or record.join_uri is None:
        return record
    digest = link_digest(record.join_uri)
    keys = (key for key, box in snapshot.mailboxes.items() if box.told and box.told.link == digest)
    return replace(record, email=next(keys, ""))


def _all_keys(invitee: Invitee, directory: Directory, records: Records) -> set[PersonKey]:
    """All that a roster's person goes by: in their row, in the directory, and in their record."""
    sources = (invitee, directory.find(invitee), records.find(invitee))
    return {name for one in sources if one for name in person_keys(one)}


def person_keys(person: Invitee | Colleague | Registration | UntouchedRecord) -> set[PersonKey]:
    """What a person goes by in one place."""
    address = {address_key(person.email)} if person.email else set[PersonKey]()
    return address | ({person.linked_user} if person.linked_user else set())


def add_addresses(registrations: Iterable[R], colleagues: Iterable[Colleague]) -> tuple[R, ...]:
    """Give records that carry only ids the address that the directory has for them."""
    addresses = {one.linked_user: one.email for one in colleagues}
    return tuple(
        replace(one, email=addresses.get(one.linked_user, "")) if one.linked_user and not one.email else one
        for one in registrations
    )


def add_host(registrations: Iterable[Registration], session: Session) -> tuple[Registration, ...]:
    """The records with a Host whom one can tell: a record that says nobody's name is the session's own host's.

    A Host without a link gets the session's `hostJoinUri` (`docs/ringcentral.md`, "Invitees").
    """
    records = tuple(registrations)
    if session.host and not any(one.role is Role.HOST for one in records):
        records = (*records, Registration(id="", role=Role.HOST))
    return tuple(_complete_host(one, session) if one.role is Role.HOST else one for one in records)


def _complete_host(record: Registration, session: Session) -> Registration:
    return replace(
        record,
        linked_user=record.linked_user if person_keys(record) else session.host,
        join_uri=record.join_uri or session.host_join_uri,
    )
