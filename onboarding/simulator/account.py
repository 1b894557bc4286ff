"""The simulated account: webinars, sessions, invitees, directory, permissions, tokens.

Answers questions and applies changes by the rules of `invitees`; knows nothing of HTTP, paging or
rate limits (`endpoints`, `server`, `limits`). Everything that depends on time gets it as an
argument.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Literal

from onboarding.model.addresses import address_key
from onboarding.model.people import LinkedUser, Role
from onboarding.model.sessions import SessionStatus
from onboarding.simulator.errors import USER_PERMISSION_MISSING, RequestRefused, not_found
from onboarding.simulator.invitees import ChangeResult, Draft, RuleContext, apply_change
from onboarding.simulator.parse import AddRequest, ChangeRequest
from onboarding.simulator.records import (
    ATTENDEE_ROLE,
    CompanyDirectory,
    DirectoryEntry,
    SimulatedInvitee,
    SimulatedParticipant,
    SimulatedSession,
    SimulatedWebinar,
    make_link,
    make_phone_code,
)
from onboarding.simulator.rules import BadInvitee, History, Rules
from onboarding.simulator.state import AccountState, InviteeState, SessionState, WebinarState
from onboarding.simulator.tokens import IssuedTokens

Key = tuple[str, str]
"""A webinar's id and a session's."""

FIRST_INVITEE_ID = 700_000_001


class SimulatedAccount:
    """One account. Tests may look into it and change it between calls.

    `mailed` lists, in order, who would have got mail from RingCentral itself: an address, or the id
    of an invitee without one. People that the program adds must not appear in it.
    """

    def __init__(self, state: AccountState, now: datetime) -> None:
        self.rules: Rules = state.rules
        self.tokens = IssuedTokens(state.credentials)
        self.app_permissions = set(state.app_permissions)
        self.user_permissions = set(state.user_permissions)
        self.account_id = state.account_id
        self.directory = _build_company_directory(state)
        self.webinars: dict[str, SimulatedWebinar] = {}
        self.sessions: dict[Key, SimulatedSession] = {}
        self.invitees: dict[Key, Mapping[str, SimulatedInvitee]] = {}
        self.participants: dict[Key, list[SimulatedParticipant]] = {}
        self.mailed: list[str] = []
        self._earlier: dict[Key, list[Mapping[str, SimulatedInvitee]]] = {}
        # One count for the whole account: an id never comes back, as ledgers rely on it.
        self._ids = map(str, itertools.count(FIRST_INVITEE_ID))
        for webinar in state.webinars:
            self._open_webinar(webinar, now)
        self.owner = self._find_host(state.owner or state.webinars[0].host)

    def find_webinar(self, webinar_id: str) -> SimulatedWebinar:
        """Find a webinar. Raises RequestRefused (404) if there is none."""
        if webinar_id not in self.webinars:
            raise not_found("Webinar")
        return self.webinars[webinar_id]

    def find_session(self, webinar_id: str, session_id: str) -> SimulatedSession:
        """Find a session. Raises RequestRefused (404) if there is none."""
        self.find_webinar(webinar_id)
        if (webinar_id, session_id) not in self.sessions:
            raise not_found("Session")
        return self.sessions[webinar_id, session_id]

    def list_records(
        self, webinar_id: str, session_id: str, *, lag: int = 0
    ) -> tuple[SimulatedInvitee, ...]:
        """List a session's invitees as they were `lag` changes ago, the Host's record first."""
        self.find_session(webinar_id, session_id)
        key = webinar_id, session_id
        versions = [*self._earlier.get(key, ()), self.invitees[key]]
        return tuple(versions[max(0, len(versions) - 1 - lag)].values())

    def find_record(self, webinar_id: str, session_id: str, invitee_id: str) -> SimulatedInvitee:
        """Find an invitee. Raises RequestRefused (404) if there is none."""
        for record in self.list_records(webinar_id, session_id):
            if record.id == invitee_id:
                return record
        raise not_found("Invitee")

    def change_invitees(
        self, webinar_id: str, session_id: str, request: ChangeRequest, now: datetime
    ) -> ChangeResult:
        """Add, update and delete invitees in one call.

        What a bad invitee means for the others is a switch of the rules. Raises RequestRefused if
        an invitee can't be changed.
        """
        draft = self._start_draft(webinar_id, session_id, now)
        # With `REFUSE_ALL` this raises, and the draft is dropped: nothing was applied.
        applied = apply_change(draft, request, self.rules)
        self._store_draft(webinar_id, session_id, draft)
        # Raised after the draft is saved: this PATCH is refused, and still changes something.
        if applied.refusals and self.rules.bad_invitee is BadInvitee.APPLY_OTHERS_AND_REFUSE:
            raise applied.refusals[0]
        return applied

    def update_invitee(
        self, webinar_id: str, session_id: str, invitee_id: str, request: AddRequest, now: datetime
    ) -> SimulatedInvitee:
        """Change one invitee."""
        # An unknown id in the path is a 404. The draft would answer 400, as for an id in a body.
        self.find_record(webinar_id, session_id, invitee_id)
        draft = self._start_draft(webinar_id, session_id, now)
        record = draft.update(invitee_id, request)
        self._store_draft(webinar_id, session_id, draft)
        return record

    def remove_invitee(
        self, webinar_id: str, session_id: str, invitee_id: str, now: datetime
    ) -> None:
        """Delete one invitee."""
        self.find_record(webinar_id, session_id, invitee_id)
        draft = self._start_draft(webinar_id, session_id, now)
        draft.delete(invitee_id)
        self._store_draft(webinar_id, session_id, draft)

    def move_session(self, webinar_id: str, session_id: str, by: timedelta) -> None:
        """Move a session's start."""
        session = self.find_session(webinar_id, session_id)
        self.update_session(webinar_id, session_id, start=session.start + by)

    def update_session(self, webinar_id: str, session_id: str, **changes: object) -> None:
        """Change fields of a session (`status`, `start`, ...), as its host might."""
        session = self.find_session(webinar_id, session_id)
        # Any later time will do: clients only compare it.
        fields = {"modified": session.modified + timedelta(seconds=1), **changes}
        changed = replace(session, **fields)  # type: ignore[arg-type]  # any field
        self.sessions[webinar_id, session_id] = changed

    def send_now(self, webinar_id: str, session_id: str, now: datetime) -> None:
        """Mail all who were added silently, as a click on *Send now* does; there is no way back."""
        draft = self._start_draft(webinar_id, session_id, now)
        draft.send_now()
        self._store_draft(webinar_id, session_id, draft)

    def join(
        self,
        webinar_id: str,
        session_id: str,
        who: str,
        at: datetime,
        *,
        door: Role | Literal["Attendee"] | None = None,
    ) -> None:
        """Let an invitee join, by the id of their record or by address; else a stranger.

        `door` is the role they come in with: their own, where it is not given.
        """
        records = self.list_records(webinar_id, session_id)
        found = next((record for record in records if self._is_called(record, who)), None)
        original = found.role if found else Role.PANELIST
        participant = SimulatedParticipant(
            joined=at,
            role=door or original,
            original_role=original,
            invitee_id=found.id if found else "",
            email=self._find_address(found) if found else who,
            linked_user=found.linked_user if found else None,
        )
        self.participants.setdefault((webinar_id, session_id), []).append(participant)

    def list_participants(
        self, webinar_id: str, session_id: str, now: datetime
    ) -> list[SimulatedParticipant]:
        """List who has joined by now.

        Raises RequestRefused: 403 unless the user who is logged in is Host or co-host, 404 where
        there is no history (yet).
        """
        session = self.find_session(webinar_id, session_id)
        if not self._may_see_history(webinar_id, session_id):
            message = "The user is neither Host nor CoHost of the session"
            raise RequestRefused(403, USER_PERMISSION_MISSING, message)
        is_ahead = session.status is SessionStatus.SCHEDULED
        if is_ahead or self.rules.history is History.MISSING:
            raise not_found("Session")
        if self.rules.history is History.EMPTY:
            return []
        joined = self.participants.get((webinar_id, session_id), [])
        return [participant for participant in joined if participant.joined <= now]

    def _may_see_history(self, webinar_id: str, session_id: str) -> bool:
        return any(
            record.role in {Role.HOST, Role.COHOST} and record.linked_user == self.owner.linked_user
            for record in self.list_records(webinar_id, session_id)
        )

    def _is_called(self, record: SimulatedInvitee, who: str) -> bool:
        address = self._find_address(record)
        return who == record.id or (bool(address) and address_key(address) == address_key(who))

    def _find_address(self, record: SimulatedInvitee) -> str:
        entry = self.find_entry(record)
        return record.email or (entry.email if entry else "")

    def find_entry(self, record: SimulatedInvitee) -> DirectoryEntry | None:
        """Find the directory's entry of a linked user."""
        return self.directory.find_user(record.linked_user) if record.linked_user else None

    def _start_draft(self, webinar_id: str, session_id: str, now: datetime) -> Draft:
        session = self.find_session(webinar_id, session_id)
        context = RuleContext(
            status=session.status,
            pstn_enabled=self.webinars[webinar_id].pstn_enabled,
            directory=self.directory,
            rules=self.rules,
            ids=self._ids,
            now=now,
        )
        return Draft(self.invitees[webinar_id, session_id], context)

    def _store_draft(self, webinar_id: str, session_id: str, draft: Draft) -> None:
        key = webinar_id, session_id
        # Kept, because a list may lag behind the changes.
        if draft.records != self.invitees[key]:
            self._earlier.setdefault(key, []).append(self.invitees[key])
        self.invitees[key] = draft.records
        self.mailed += draft.mailed

    def _find_host(self, user_id: str) -> DirectoryEntry:
        return next(entry for entry in self.directory.entries if entry.user_id == user_id)

    def _open_webinar(self, state: WebinarState, now: datetime) -> None:
        webinar = _build_simulated_webinar(state, self._find_host(state.host).linked_user, now)
        self.webinars[webinar.id] = webinar
        for session in state.sessions:
            self.sessions[webinar.id, session.id] = _build_simulated_session(
                webinar.id, session, now
            )
            # The Host comes first: `answer_session` reads the Host's link from the first record.
            people = [
                self._build_host(session, now, webinar),
                *(self._build_invitee(invitee, now, webinar) for invitee in session.invitees),
            ]
            self.invitees[webinar.id, session.id] = {record.id: record for record in people}
            self._schedule_joins(webinar.id, session, people)

    def _schedule_joins(
        self, webinar_id: str, state: SessionState, people: Sequence[SimulatedInvitee]
    ) -> None:
        """Let people join as the state says: the Host, who comes first, the others, strangers."""
        host, *invitees = people
        if state.host_joins is not None:
            at = state.start + timedelta(seconds=state.host_joins)
            self.join(webinar_id, state.id, host.id, at)
        for record, invitee in zip(invitees, state.invitees, strict=True):
            if invitee.joins is not None:
                at = state.start + timedelta(seconds=invitee.joins)
                door = ATTENDEE_ROLE if invitee.wrong_door else None
                self.join(webinar_id, state.id, record.id, at, door=door)
        strangers = [
            SimulatedParticipant(
                joined=state.start + timedelta(seconds=stranger.joins),
                role=stranger.role,
                original_role=stranger.role,
                email=stranger.email,
            )
            for stranger in state.strangers
        ]
        self.participants.setdefault((webinar_id, state.id), []).extend(strangers)

    def _build_host(
        self, state: SessionState, now: datetime, webinar: SimulatedWebinar
    ) -> SimulatedInvitee:
        return SimulatedInvitee(
            id=next(self._ids),
            role=Role.HOST,
            # RingCentral never lets a Host be silent.
            send_invite=True,
            join_uri=make_link(),
            created=now,
            modified=now,
            linked_user=webinar.host,
            phone_code=make_phone_code() if webinar.pstn_enabled else "",
            odd=state.odd_host,
        )

    def _build_invitee(
        self, state: InviteeState, now: datetime, webinar: SimulatedWebinar
    ) -> SimulatedInvitee:
        return SimulatedInvitee(
            id=next(self._ids),
            role=state.role,
            send_invite=state.send_invite,
            join_uri=state.join_uri or make_link(),
            created=now,
            modified=now,
            email=state.email,
            first_name=state.first_name,
            last_name=state.last_name,
            job_title=state.job_title,
            linked_user=state.linked_user.as_linked_user() if state.linked_user else None,
            phone_code=make_phone_code() if webinar.pstn_enabled else "",
            odd=state.odd,
        )


def _build_company_directory(state: AccountState) -> CompanyDirectory:
    return CompanyDirectory(
        DirectoryEntry(**entry.model_dump(exclude={"odd"}), odd=entry.odd)
        for entry in state.directory
    )


def _build_simulated_webinar(
    state: WebinarState, host: LinkedUser, now: datetime
) -> SimulatedWebinar:
    return SimulatedWebinar(
        id=state.id,
        title=state.title,
        description=state.description,
        host=host,
        created=now,
        pstn_enabled=state.pstn_enabled,
        panelist_authentication=state.panelist_authentication,
        odd=state.odd,
    )


def _build_simulated_session(
    webinar_id: str, state: SessionState, now: datetime
) -> SimulatedSession:
    return SimulatedSession(
        id=state.id,
        webinar_id=webinar_id,
        start=state.start,
        duration=timedelta(seconds=state.duration),
        time_zone=state.time_zone,
        created=now,
        modified=now,
        attendee_link=make_link("attend"),
        join_offset=timedelta(seconds=state.join_offset),
        locale=state.locale,
        title=state.title,
        status=state.status,
        odd=state.odd,
    )
