"""The account that the simulator plays: webinars, sessions, invitees, directory, permissions, tokens.

Answers questions and applies changes by the rules of `invitees`; knows nothing of HTTP, paging or rate limits
(`calls`, `server`, `limits`). Everything that depends on time gets it as an argument.
"""

import itertools
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from onboarding.model.people import Role
from onboarding.simulator.errors import not_found
from onboarding.simulator.invitees import ChangeResult, Draft, RuleContext, apply_change
from onboarding.simulator.parse import AddRequest, ChangeRequest
from onboarding.simulator.records import (
    CompanyDirectory,
    DirectoryEntry,
    InviteeRecord,
    SessionRecord,
    WebinarRecord,
    make_link,
    make_phone_code,
)
from onboarding.simulator.rules import BadInvitee, Rules
from onboarding.simulator.state import AccountState, InviteeState, SessionState, WebinarState
from onboarding.simulator.tokens import IssuedTokens

Key = tuple[str, str]
"""A webinar's id and a session's."""

FIRST_INVITEE_ID = 700_000_001


class SimulatedAccount:
    """One account. Tests may look into it and change it between calls.

    `mailed` lists whom RingCentral would have mailed by itself, in order: an address, or the id of an invitee without
    one. It must stay empty of everybody whom the program adds.
    """

    def __init__(self, state: AccountState, now: datetime) -> None:
        self.rules: Rules = state.rules
        self.tokens = IssuedTokens(state.credentials)
        self.app_permissions = set(state.app_permissions)
        self.user_permissions = set(state.user_permissions)
        self.account_id = state.account_id
        self.directory = CompanyDirectory(
            DirectoryEntry(**entry.model_dump(exclude={"odd"}), odd=entry.odd) for entry in state.directory
        )
        self.webinars: dict[str, WebinarRecord] = {}
        self.sessions: dict[Key, SessionRecord] = {}
        self.invitees: dict[Key, Mapping[str, InviteeRecord]] = {}
        self.mailed: list[str] = []
        self._earlier: dict[Key, list[Mapping[str, InviteeRecord]]] = {}
        self._ids = map(str, itertools.count(FIRST_INVITEE_ID))
        for webinar in state.webinars:
            self._open(webinar, now)
        self.owner = self._user(state.owner or state.webinars[0].host)

    def find_webinar(self, webinar_id: str) -> WebinarRecord:
        """Find a webinar (404 where there is none)."""
        if webinar_id not in self.webinars:
            raise not_found("Webinar")
        return self.webinars[webinar_id]

    def find_session(self, webinar_id: str, session_id: str) -> SessionRecord:
        """Find a session (404 where there is none)."""
        self.find_webinar(webinar_id)
        if (webinar_id, session_id) not in self.sessions:
            raise not_found("Session")
        return self.sessions[webinar_id, session_id]

    def list_records(self, webinar_id: str, session_id: str, *, lag: int = 0) -> tuple[InviteeRecord, ...]:
        """Everybody who is invited to a session, the Host's implicit record first; as it was `lag` changes ago."""
        self.find_session(webinar_id, session_id)
        key = webinar_id, session_id
        versions = [*self._earlier.get(key, ()), self.invitees[key]]
        return tuple(versions[max(0, len(versions) - 1 - lag)].values())

    def find_record(self, webinar_id: str, session_id: str, invitee_id: str) -> InviteeRecord:
        """Find one invitee (404 where there is none)."""
        for record in self.list_records(webinar_id, session_id):
            if record.id == invitee_id:
                return record
        raise not_found("Invitee")

    def change_invitees(self, webinar_id: str, session_id: str, request: ChangeRequest, now: datetime) -> ChangeResult:
        """Add, update and delete invitees in one go; what counts where one is bad is a switch of the rules.

        Raises:
            Refusal: by the first invitee who can't be served.

        """
        draft = self._draft(webinar_id, session_id, now)
        applied = apply_change(draft, request, self.rules)
        self._keep(webinar_id, session_id, draft)
        if applied.refusals and self.rules.bad_invitee is BadInvitee.APPLY_OTHERS_AND_REFUSE:
            raise applied.refusals[0]
        return applied

    def update_invitee(
        self, webinar_id: str, session_id: str, invitee_id: str, request: AddRequest, now: datetime
    ) -> InviteeRecord:
        """Change one invitee."""
        self.find_record(webinar_id, session_id, invitee_id)
        draft = self._draft(webinar_id, session_id, now)
        record = draft.update(invitee_id, request)
        self._keep(webinar_id, session_id, draft)
        return record

    def delete_invitee(self, webinar_id: str, session_id: str, invitee_id: str, now: datetime) -> None:
        """Delete one invitee."""
        self.find_record(webinar_id, session_id, invitee_id)
        draft = self._draft(webinar_id, session_id, now)
        draft.delete(invitee_id)
        self._keep(webinar_id, session_id, draft)

    def move_session(self, webinar_id: str, session_id: str, by: timedelta) -> None:
        """Move a session's start."""
        session = self.find_session(webinar_id, session_id)
        self.update_session(webinar_id, session_id, start=session.start + by)

    def update_session(self, webinar_id: str, session_id: str, **changes: object) -> None:
        """Change a session's facts by the names of `records.Session` (`status`, `start`, ...), as its host might."""
        session = self.find_session(webinar_id, session_id)
        self.sessions[webinar_id, session_id] = replace(session, **changes)  # type: ignore[arg-type]  # any field

    def send_now(self, webinar_id: str, session_id: str, now: datetime) -> None:
        """Mail all who were added silently, as a click on *Send now* does; there is no way back."""
        draft = self._draft(webinar_id, session_id, now)
        draft.send_now()
        self._keep(webinar_id, session_id, draft)

    def find_entry(self, record: InviteeRecord) -> DirectoryEntry | None:
        """The directory's entry of a linked user."""
        return self.directory.find_user(record.linked_user) if record.linked_user else None

    def _draft(self, webinar_id: str, session_id: str, now: datetime) -> Draft:
        session = self.find_session(webinar_id, session_id)
        around = RuleContext(
            status=session.status,
            pstn_enabled=self.webinars[webinar_id].pstn_enabled,
            directory=self.directory,
            rules=self.rules,
            ids=self._ids,
            now=now,
        )
        return Draft(self.invitees[webinar_id, session_id], around)

    def _keep(self, webinar_id: str, session_id: str, draft: Draft) -> None:
        key = webinar_id, session_id
        if draft.records != self.invitees[key]:
            self._earlier.setdefault(key, []).append(self.invitees[key])
        self.invitees[key] = draft.records
        self.mailed += draft.mailed

    def _user(self, user_id: str) -> DirectoryEntry:
        return next(entry for entry in self.directory.entries if entry.user_id == user_id)

    def _open(self, state: WebinarState, now: datetime) -> None:
        host = self._user(state.host).linked_user
        webinar = WebinarRecord(
            id=state.id,
            title=state.title,
            description=state.description,
            host=host,
            created=now,
            pstn_enabled=state.pstn_enabled,
            panelist_authentication=state.panelist_authentication,
            odd=state.odd,
        )
        self.webinars[webinar.id] = webinar
        for session in state.sessions:
            self.sessions[webinar.id, session.id] = _session(webinar.id, session, now)
            people = [
                self._host(session, now, webinar),
                *(self._invited(one, now, webinar) for one in session.invitees),
            ]
            self.invitees[webinar.id, session.id] = {record.id: record for record in people}

    def _host(self, state: SessionState, now: datetime, webinar: WebinarRecord) -> InviteeRecord:
        return InviteeRecord(
            id=next(self._ids),
            role=Role.HOST,
            send_invite=True,
            join_uri=make_link(),
            created=now,
            modified=now,
            linked_user=webinar.host,
            phone_code=make_phone_code() if webinar.pstn_enabled else "",
            odd=state.odd_host,
        )

    def _invited(self, state: InviteeState, now: datetime, webinar: WebinarRecord) -> InviteeRecord:
        return InviteeRecord(
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
            linked_user=state.linked_user.linked_user() if state.linked_user else None,
            phone_code=make_phone_code() if webinar.pstn_enabled else "",
            odd=state.odd,
        )


def _session(webinar_id: str, state: SessionState, now: datetime) -> SessionRecord:
    return SessionRecord(
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
