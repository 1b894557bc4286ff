"""The rules of a session's invitees: who may be added, updated and deleted.

Pure but for fresh ids and links: a `Draft` is a copy, which `account` keeps or throws away. No
HTTP, no paging. Each rule is one of `docs/ringcentral.md`, "Invitees"; what that page leaves open
is a switch in `rules`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from onboarding.model.addresses import address_key
from onboarding.model.people import LinkedUser, Role
from onboarding.model.sessions import SessionStatus
from onboarding.simulator.errors import (
    BATCH_TOO_LARGE,
    UNKNOWN_ID,
    RequestRefused,
    forbidden,
    invalid,
)
from onboarding.simulator.parse import (
    AddRequest,
    ChangeRequest,
    DeleteRequest,
    UpdateRequest,
    parse_value,
)
from onboarding.simulator.records import (
    ATTENDEE_ROLE,
    CompanyDirectory,
    SimulatedInvitee,
    make_link,
    make_phone_code,
)
from onboarding.simulator.rules import BadInvitee, Rules


@dataclass(frozen=True, slots=True)
class RuleContext:
    """What the rules need besides the invitees: the session, the company, the switches, the time."""

    status: SessionStatus
    pstn_enabled: bool
    directory: CompanyDirectory
    rules: Rules
    ids: Iterator[str]
    now: datetime


@dataclass(slots=True)
class ChangeResult:
    """What a PATCH did, in the order of the request, and what it refused."""

    added: list[SimulatedInvitee] = field(default_factory=list)
    updated: list[SimulatedInvitee] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    refusals: list[RequestRefused] = field(default_factory=list)


class Draft:
    """A session's invitees while a change is tried: `records` by id, and the addresses that RingCentral would mail."""

    def __init__(self, records: Mapping[str, SimulatedInvitee], context: RuleContext) -> None:
        self.records = dict(records)
        self.mailed: list[str] = []
        self._context = context

    def add(self, asked: AddRequest) -> SimulatedInvitee:
        """Add one invitee."""
        linked_user = self._check_colleague(asked) if asked.linked_user else None
        if not linked_user:
            _check_guest(asked)
        record = SimulatedInvitee(
            id=next(self._context.ids),
            role=_check_role(asked),
            send_invite=asked.send_invite is not False
            or not self._context.rules.silent_additions_stay_silent,
            join_uri=make_link(),
            created=self._context.now,
            modified=self._context.now,
            email=asked.email or "",
            first_name=asked.first_name or "",
            last_name=asked.last_name or "",
            job_title=asked.job_title or "",
            linked_user=linked_user,
            kind=asked.type,
            phone_code=make_phone_code() if self._context.pstn_enabled else "",
        )
        self._check_cohost(record)
        self._check_unique(record)
        self._check_seats()
        return self._put(record)

    def update(self, invitee_id: str, asked: AddRequest) -> SimulatedInvitee:
        """Change one invitee. A field that is not given stays as it is."""
        old = self._find_changeable(invitee_id)
        _check_linked_user(old, asked)
        record = replace(
            old,
            role=_check_role(asked),
            send_invite=self._decide_send_invite(old, asked),
            modified=self._context.now,
            email=old.email if asked.email is None else asked.email,
            first_name=old.first_name if asked.first_name is None else asked.first_name,
            last_name=old.last_name if asked.last_name is None else asked.last_name,
            job_title=old.job_title if asked.job_title is None else asked.job_title,
        )
        self._check_cohost(record)
        self._check_unique(record)
        return self._put(record)

    def delete(self, invitee_id: str) -> None:
        """Delete one invitee: refused for the Host, and for all once the session has begun."""
        record = self._find_changeable(invitee_id)
        if self._context.status is not SessionStatus.SCHEDULED:
            raise forbidden(
                f"An invitee of a session in status '{self._context.status}' can't be deleted"
            )
        del self.records[invitee_id]
        self._mail(record)

    def send_now(self) -> None:
        """Mail all who were added silently; from then on their records say that they were mailed."""
        for record in list(self.records.values()):
            if not record.send_invite:
                self._put(replace(record, send_invite=True, modified=self._context.now))

    def list_addresses(self, record: SimulatedInvitee) -> frozenset[str]:
        """Every address by which a person is known: their own, and the directory's for a linked user."""
        entry = (
            self._context.directory.find_user(record.linked_user) if record.linked_user else None
        )
        return frozenset(
            address_key(email) for email in (record.email, entry.email if entry else "") if email
        )

    def _put(self, record: SimulatedInvitee) -> SimulatedInvitee:
        self.records[record.id] = record
        self._mail(record)
        return record

    def _mail(self, record: SimulatedInvitee) -> None:
        """Note who gets mail from RingCentral itself."""
        if record.send_invite:
            self.mailed += sorted(self.list_addresses(record)) or [record.id]

    def _find_changeable(self, invitee_id: str) -> SimulatedInvitee:
        """Find an invitee who may be changed: all but the Host, because that record is implicit."""
        record = self.records.get(invitee_id)
        if not record:
            raise RequestRefused(
                400, UNKNOWN_ID, "Invitee is not found", parameter="id", value=invitee_id
            )
        if record.role is Role.HOST:
            raise forbidden("The implicit record of the host can't be changed", "id", invitee_id)
        return record

    def _check_colleague(self, asked: AddRequest) -> LinkedUser:
        """Check the ids of a linked user against the directory. Users of the `ilm` domain stand in another one."""
        if asked.email or asked.first_name or asked.last_name:
            raise invalid(
                "linkedUser", "Either 'linkedUser' or 'firstName'/'lastName'/'email', but not both"
            )
        if not asked.linked_user:
            raise invalid("linkedUser", "'linkedUser' is missing")
        linked_user = asked.linked_user.as_linked_user()
        entry = self._context.directory.find_user(linked_user)
        if linked_user.domain == "pbx" and not (entry and entry.can_be_invited):
            message = "User is not found in the directory"
            raise RequestRefused(
                400, UNKNOWN_ID, message, parameter="linkedUser.userId", value=linked_user.user_id
            )
        return linked_user

    def _check_cohost(self, record: SimulatedInvitee) -> None:
        """A co-host is a colleague: a linked user, or a guest with the address of a colleague in the directory."""
        if record.role is not Role.COHOST or record.linked_user:
            return
        if not self._context.directory.find_colleague(record.email):
            raise invalid("role", "A co-host must belong to the RingCentral account", record.role)

    def _check_unique(self, record: SimulatedInvitee) -> None:
        mine = self.list_addresses(record)
        for other in self.records.values():
            if other.id == record.id:
                continue
            if record.linked_user and other.linked_user == record.linked_user:
                raise self._make_conflict("linkedUser.userId", record.linked_user.user_id)
            if mine & self.list_addresses(other):
                raise self._make_conflict("email", record.email or min(mine))

    def _make_conflict(self, parameter: str, value: str) -> RequestRefused:
        message = "This person is already invited"
        return RequestRefused(
            409, self._context.rules.conflict_code, message, parameter=parameter, value=value
        )

    def _check_seats(self) -> None:
        taken = sum(
            record.role not in {Role.HOST, ATTENDEE_ROLE} for record in self.records.values()
        )
        if taken >= self._context.rules.seats:
            raise forbidden(
                f"A webinar holds at most {self._context.rules.seats} co-hosts and panelists"
            )

    def _decide_send_invite(self, old: SimulatedInvitee, asked: AddRequest) -> bool:
        """`sendInvite` after an update: once true it stays true."""
        if asked.send_invite is None:
            return old.send_invite or self._context.rules.update_without_send_invite_means_true
        if old.send_invite and not asked.send_invite:
            raise invalid("sendInvite", "'sendInvite' can't be changed from true to false", "false")
        return asked.send_invite


def apply_change(draft: Draft, asked: ChangeRequest, rules: Rules) -> ChangeResult:
    """Apply a PATCH to a draft, invitee by invitee.

    Raises RequestRefused if the batch is too large, or if an invitee is refused and the rules then
    refuse all.
    """
    if asked.size > rules.largest_batch:
        raise RequestRefused(
            400,
            BATCH_TOO_LARGE,
            f"At most {rules.largest_batch} invitees can be changed in one call",
        )
    applied = ChangeResult()
    for location, verb, value in _order_changes(asked, deletes_first=rules.deletes_first):
        try:
            _apply_invitee(draft, applied, verb, value)
        except RequestRefused as error:
            if rules.bad_invitee is BadInvitee.REFUSE_ALL:
                raise error.within(location) from error
            applied.refusals.append(error.within(location))
    return applied


def _apply_invitee(draft: Draft, applied: ChangeResult, verb: str, value: Any) -> None:
    match verb:
        case "addedInvitees":
            applied.added.append(draft.add(parse_value(AddRequest, value)))
        case "updatedInvitees":
            update = parse_value(UpdateRequest, value)
            applied.updated.append(draft.update(update.id, update))
        case _:
            gone = parse_value(DeleteRequest, value).id
            draft.delete(gone)
            applied.deleted.append(gone)


def _order_changes(asked: ChangeRequest, *, deletes_first: bool) -> Iterator[tuple[str, str, Any]]:
    """Yield each invitee's location in the body, the verb, and the request."""
    gone = [("deletedInvitees", asked.deleted_invitees)]
    rest = [("updatedInvitees", asked.updated_invitees), ("addedInvitees", asked.added_invitees)]
    for verb, people in gone + rest if deletes_first else rest + gone:
        for index, value in enumerate(people):
            yield f"{verb}[{index}]", verb, value


def _check_role(asked: AddRequest) -> Role:
    """Return the role, if an invitee can have it."""
    if asked.role not in {Role.PANELIST, Role.COHOST}:
        raise invalid("role", f"An invitee can't have the role '{asked.role}'", asked.role)
    return Role(asked.role)


def _check_guest(asked: AddRequest) -> None:
    """A guest brings all three of names and address; the names may be blank."""
    given = {"email": asked.email, "firstName": asked.first_name, "lastName": asked.last_name}
    for parameter, value in given.items():
        if value is None:
            raise invalid(
                parameter, "Either 'linkedUser' or 'firstName'/'lastName'/'email' must be given"
            )


def _check_linked_user(old: SimulatedInvitee, asked: AddRequest) -> None:
    """An update can't link, unlink or relink a person, nor rename a linked user."""
    if asked.linked_user and asked.linked_user.as_linked_user() != old.linked_user:
        raise invalid(
            "linkedUser", "'linkedUser' can't be changed: delete the invitee and add another"
        )
    if old.linked_user and (asked.email or asked.first_name or asked.last_name):
        raise invalid("linkedUser", "Names and address of a linked user can't be changed")
