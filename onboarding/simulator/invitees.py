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
    """What the rules need besides the invitees: session, company, switches, time."""

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
    """A session's invitees while a change is tried.

    `records` are by id; `mailed` are the addresses that RingCentral itself would mail.
    """

    def __init__(self, records: Mapping[str, SimulatedInvitee], context: RuleContext) -> None:
        self.records = dict(records)
        self.mailed: list[str] = []
        self._context = context

    def add(self, request: AddRequest) -> SimulatedInvitee:
        """Add one invitee."""
        linked_user = self._check_colleague(request) if request.linked_user else None
        if not linked_user:
            _check_guest(request)
        record = self._build_record(request, linked_user)
        self._check_cohost(record)
        self._check_unique(record)
        # Last: a person who is invited already is a conflict, also where no seat is free.
        self._check_seats()
        return self._put(record)

    def _build_record(
        self, request: AddRequest, linked_user: LinkedUser | None
    ) -> SimulatedInvitee:
        context = self._context
        # Missing means true, as with the vendor: a client that forgets the field has people mailed.
        silent = request.send_invite is False and context.rules.silent_additions_stay_silent
        return SimulatedInvitee(
            id=next(context.ids),
            role=_check_role(request),
            send_invite=not silent,
            join_uri=make_link(),
            created=context.now,
            modified=context.now,
            email=request.email or "",
            first_name=request.first_name or "",
            last_name=request.last_name or "",
            job_title=request.job_title or "",
            linked_user=linked_user,
            kind=request.type,
            phone_code=make_phone_code() if context.pstn_enabled else "",
        )

    def update(self, invitee_id: str, request: AddRequest) -> SimulatedInvitee:
        """Change one invitee. A field that is not given stays as it is."""
        old = self._find_changeable(invitee_id)
        _check_linked_user(old, request)
        record = replace(
            old,
            role=_check_role(request),
            send_invite=self._decide_send_invite(old, request),
            modified=self._context.now,
            email=old.email if request.email is None else request.email,
            first_name=old.first_name if request.first_name is None else request.first_name,
            last_name=old.last_name if request.last_name is None else request.last_name,
            job_title=old.job_title if request.job_title is None else request.job_title,
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
        # The harsher reading: RingCentral also mails about a removal where `sendInvite` is true.
        del self.records[invitee_id]
        self._mail(record)

    def send_now(self) -> None:
        """Mail all who were added silently; their records say from then on that they were."""
        for record in list(self.records.values()):
            if not record.send_invite:
                self._put(replace(record, send_invite=True, modified=self._context.now))

    def list_addresses(self, record: SimulatedInvitee) -> frozenset[str]:
        """List every address of a person: their own, and a linked user's in the directory."""
        emails = [record.email]
        if record.linked_user:
            entry = self._context.directory.find_user(record.linked_user)
            emails.append(entry.email if entry else "")
        return frozenset(address_key(email) for email in emails if email)

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

    def _check_colleague(self, request: AddRequest) -> LinkedUser:
        """Check the ids of a linked user against the directory."""
        if request.email or request.first_name or request.last_name:
            raise invalid(
                "linkedUser", "Either 'linkedUser' or 'firstName'/'lastName'/'email', but not both"
            )
        if not request.linked_user:
            raise invalid("linkedUser", "'linkedUser' is missing")
        linked_user = request.linked_user.as_linked_user()
        entry = self._context.directory.find_user(linked_user)
        # Users of the `ilm` domain are in another directory.
        if linked_user.domain == "pbx" and not (entry and entry.can_be_invited):
            message = "User is not found in the directory"
            raise RequestRefused(
                400, UNKNOWN_ID, message, parameter="linkedUser.userId", value=linked_user.user_id
            )
        return linked_user

    def _check_cohost(self, record: SimulatedInvitee) -> None:
        """Check that a co-host is a colleague: a linked user, or a colleague by address."""
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
                # Without an address of its own, the smallest one: the answer is always the same.
                raise self._make_conflict("email", record.email or min(mine))

    def _make_conflict(self, parameter: str, value: str) -> RequestRefused:
        message = "This person is already invited"
        return RequestRefused(
            409, self._context.rules.conflict_code, message, parameter=parameter, value=value
        )

    def _check_seats(self) -> None:
        seatless = {Role.HOST, ATTENDEE_ROLE}
        taken = sum(record.role not in seatless for record in self.records.values())
        seats = self._context.rules.seats
        if taken >= seats:
            raise forbidden(f"A webinar holds at most {seats} co-hosts and panelists")

    def _decide_send_invite(self, old: SimulatedInvitee, request: AddRequest) -> bool:
        """Decide `sendInvite` after an update: once true it stays true."""
        if request.send_invite is None:
            # The harsher reading: a client that leaves the field out has the person mailed.
            return old.send_invite or self._context.rules.update_without_send_invite_means_true
        if old.send_invite and not request.send_invite:
            raise invalid("sendInvite", "'sendInvite' can't be changed from true to false", "false")
        return request.send_invite


def apply_change(draft: Draft, request: ChangeRequest, rules: Rules) -> ChangeResult:
    """Apply a PATCH to a draft, invitee by invitee.

    Raises RequestRefused if the batch is too large, or if an invitee is refused and the rules then
    refuse all.
    """
    if request.size > rules.largest_batch:
        message = f"At most {rules.largest_batch} invitees can be changed in one call"
        raise RequestRefused(400, BATCH_TOO_LARGE, message)
    applied = ChangeResult()
    for location, verb, value in _order_changes(request, deletes_first=rules.deletes_first):
        try:
            _apply_invitee(draft, applied, verb, value)
        except RequestRefused as error:
            if rules.bad_invitee is BadInvitee.REFUSE_ALL:
                raise error.within(location) from error
            # A refusal that is named by its place in the body, as the vendor's parameters are.
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


def _order_changes(
    request: ChangeRequest, *, deletes_first: bool
) -> Iterator[tuple[str, str, Any]]:
    """Yield each invitee's location in the body, the verb, and the request."""
    gone = [("deletedInvitees", request.deleted_invitees)]
    # Updates before additions in both orders: only the place of the deletions is a switch.
    rest = [
        ("updatedInvitees", request.updated_invitees),
        ("addedInvitees", request.added_invitees),
    ]
    for verb, people in gone + rest if deletes_first else rest + gone:
        for index, value in enumerate(people):
            yield f"{verb}[{index}]", verb, value


def _check_role(request: AddRequest) -> Role:
    """Return the role, if an invitee can have it."""
    if request.role not in {Role.PANELIST, Role.COHOST}:
        raise invalid("role", f"An invitee can't have the role '{request.role}'", request.role)
    return Role(request.role)


def _check_guest(request: AddRequest) -> None:
    """Check that a guest has both names and an address; the names may be blank."""
    given = {"email": request.email, "firstName": request.first_name, "lastName": request.last_name}
    for parameter, value in given.items():
        if value is None:
            raise invalid(
                parameter, "Either 'linkedUser' or 'firstName'/'lastName'/'email' must be given"
            )


def _check_linked_user(old: SimulatedInvitee, request: AddRequest) -> None:
    """Check that an update doesn't link, unlink or relink a person, or rename a linked user."""
    if request.linked_user and request.linked_user.as_linked_user() != old.linked_user:
        raise invalid(
            "linkedUser", "'linkedUser' can't be changed: delete the invitee and add another"
        )
    if old.linked_user and (request.email or request.first_name or request.last_name):
        raise invalid("linkedUser", "Names and address of a linked user can't be changed")
