"""Every request that this program can make of RingCentral's webinars and directory, as a value.

Pure: a call names its path, query, body, rate-limit group, the app permission that it needs, and
its description for messages. `transport` sends it. The only module that makes request bodies, so
the only one that decides `sendInvite` (`docs/ringcentral.md`, "Invitees").
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from onboarding.model.people import Invitee, LinkedUser, Role
from onboarding.model.registrations import Change, Update
from onboarding.model.sessions import SessionKey
from onboarding.ringcentral.rate_limits import CallGroup

WEBINAR_API = "/webinar/configuration/v1"
HISTORY_API = "/webinar/history/v1"
DIRECTORY_API = "/restapi/v1.0/account/~/directory/entries"

PAGE_SIZE = 1000
"""Records asked for at once: the most that RingCentral gives, so that a list is one call."""


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """One request. `description` names it for people; `resource` is what is missing after a 404."""

    method: str
    path: str
    group: CallGroup
    description: str
    permission: str
    resource: str = ""
    query: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None


def get_webinar(webinar_id: str) -> ApiRequest:
    """Ask for a webinar's facts."""
    subject = f"webinar {webinar_id}"
    path = f"{WEBINAR_API}/webinars/{quote(webinar_id, safe='')}"
    return ApiRequest(
        "GET", path, CallGroup.HEAVY, f"the facts of {subject}", "ReadWebinars", subject
    )


def get_session(webinar_id: str, session_id: str) -> ApiRequest:
    """Ask for a session's facts."""
    subject = f"session {session_id} of webinar {webinar_id}"
    path = _build_session_path(webinar_id, session_id)
    return ApiRequest(
        "GET", path, CallGroup.HEAVY, f"the facts of {subject}", "ReadWebinars", subject
    )


def list_sessions(since: datetime, page: str = "", *, company: bool) -> ApiRequest:
    """Ask for the sessions that end after `since`: one's own, or the whole company's."""
    owner = "company/sessions" if company else "sessions"
    what = "the list of the company's sessions" if company else "the list of your sessions"
    path = f"{WEBINAR_API}/{owner}"
    end = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    query = {"endTimeFrom": end, **_build_page_query(page)}
    return ApiRequest("GET", path, CallGroup.HEAVY, what, "ReadWebinars", query=query)


def list_invitees(key: SessionKey, page: str = "") -> ApiRequest:
    """Ask who is registered for a session, the implicit Host among them."""
    subject = f"session {key.session_id} of webinar {key.webinar_id}"
    path = f"{_build_session_path(key.webinar_id, key.session_id)}/invitees"
    what = f"the list of invitees of {subject}"
    return ApiRequest(
        "GET", path, CallGroup.HEAVY, what, "ReadWebinars", subject, _build_page_query(page)
    )


def list_participants(key: SessionKey) -> ApiRequest:
    """Ask who of the panel has joined a session: a panel has 100 people, so one page holds all."""
    subject = f"session {key.session_id} of webinar {key.webinar_id}"
    path = f"{_build_session_path(key.webinar_id, key.session_id, HISTORY_API)}/participants"
    roles = [role.value for role in (Role.HOST, Role.COHOST, Role.PANELIST)]
    query = {"originalRole": roles, "perPage": str(PAGE_SIZE)}
    what = f"the participants of {subject}"
    return ApiRequest("GET", path, CallGroup.HEAVY, what, "ReadWebinars", subject, query)


def change_invitees(key: SessionKey, wanted: Change) -> ApiRequest:
    """Add, update and delete invitees in one PATCH (`docs/ringcentral.md`, "Invitees")."""
    subject = f"session {key.session_id} of webinar {key.webinar_id}"
    path = f"{_build_session_path(key.webinar_id, key.session_id)}/invitees"
    body = {
        "addedInvitees": [_build_addition(invitee) for invitee in wanted.add],
        "updatedInvitees": [_build_update(update) for update in wanted.update],
        "deletedInvitees": [{"id": record.id} for record in wanted.remove],
    }
    # What the vendor makes of an empty list is not documented, so none is sent.
    filled = {name: people for name, people in body.items() if people}
    what = f"the change of the invitees of {subject}"
    return ApiRequest("PATCH", path, CallGroup.HEAVY, what, "EditWebinars", subject, body=filled)


def list_directory(page: int) -> ApiRequest:
    """Ask for a page of the company directory, from 1.

    `showFederated` stays true: without it the entries lack the account, and no colleague could be
    invited as linked user (`docs/ringcentral.md`, "Linked users").
    """
    query = {"showFederated": "true", "type": "User", "page": str(page), "perPage": str(PAGE_SIZE)}
    return ApiRequest(
        "GET", DIRECTORY_API, CallGroup.MEDIUM, "the company directory", "ReadAccounts", query=query
    )


def _build_session_path(webinar_id: str, session_id: str, api: str = WEBINAR_API) -> str:
    # Quoted whole, slashes too: an id from a file must not lead to another path.
    webinar, session = quote(webinar_id, safe=""), quote(session_id, safe="")
    return f"{api}/webinars/{webinar}/sessions/{session}"


def _build_page_query(token: str) -> dict[str, str]:
    return {"perPage": str(PAGE_SIZE)} | ({"pageToken": token} if token else {})


def _build_addition(invitee: Invitee) -> dict[str, Any]:
    """A new invitee, always silent."""
    # Without `sendInvite: false` RingCentral would mail the person itself.
    silent = {"role": invitee.role.value, "sendInvite": False}
    # Never both: names or an address beside `linkedUser` are refused.
    if invitee.linked_user:
        return {**silent, **_build_linked_user(invitee.linked_user)}
    return {**silent, **_build_contact(invitee)}


def _build_update(update: Update) -> dict[str, Any]:
    """An invitee as it should be; what the roster leaves open is sent as it is."""
    record = update.registration
    body = {
        "id": record.id,
        "role": update.invitee.role.value,
        # Always sent, because it is not known what leaving it out means. A record at true can't be
        # made silent again, so true stays. A record that does not say gets false: at worst that is
        # refused, while true would have RingCentral mail a person who was silent so far.
        "sendInvite": record.send_invite is True,
    }
    # RingCentral has a colleague's names itself, and refuses any change of `linkedUser`.
    is_colleague = record.linked_user or update.invitee.linked_user
    return body if is_colleague else body | _build_changed_contact(update)


def _build_contact(invitee: Invitee) -> dict[str, str]:
    # Both names even if blank: they are a required part of a guest. A job title is not.
    contact = {
        "firstName": invitee.first_name,
        "lastName": invitee.last_name,
        "email": invitee.email,
    }
    return contact | ({"jobTitle": invitee.job_title} if invitee.job_title else {})


def _build_changed_contact(update: Update) -> dict[str, str]:
    record, invitee = update.registration, update.invitee
    # The roster's blanks are filled from the record: a field that is left out might be cleared.
    contact = {
        "firstName": invitee.first_name or record.first_name,
        "lastName": invitee.last_name or record.last_name,
        # The record's own spelling: it is the same mailbox, and no change was asked for.
        "email": record.email or invitee.email,
        "jobTitle": invitee.job_title or record.job_title,
    }
    return {name: value for name, value in contact.items() if value}


def _build_linked_user(user: LinkedUser) -> dict[str, Any]:
    return {
        "linkedUser": {"accountId": user.account_id, "userId": user.user_id, "domain": user.domain}
    }
