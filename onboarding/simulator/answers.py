"""How the account's values look on the wire: the vendor's field names, times and pages.

Pure. What an answer holds is decided in `account` and `endpoints`; here is only its form, checked
against the vendor's description by `tests/simulator/test_contract.py`.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from onboarding.model.people import LinkedUser
from onboarding.simulator.records import (
    DirectoryEntry,
    SimulatedInvitee,
    SimulatedParticipant,
    SimulatedSession,
    SimulatedWebinar,
)
from onboarding.simulator.rules import Rules

Json = dict[str, Any]
PageItem = TypeVar("PageItem")


def format_webinar(webinar: SimulatedWebinar) -> Json:
    """A webinar, whole."""
    host = {"accountId": webinar.host.account_id, "userId": webinar.host.user_id}
    answer = {
        "id": webinar.id,
        "creationTime": format_time(webinar.created),
        "lastModifiedTime": format_time(webinar.created),
        "title": webinar.title,
        "description": webinar.description,
        "settings": {
            "panelistAuthentication": webinar.panelist_authentication,
            "pstnEnabled": webinar.pstn_enabled,
            "registrationEnabled": False,
        },
        # Both forms in which the description has the host: a client may read either.
        "host": {**host, "linkedUser": format_linked_user(webinar.host), "entitled": True},
    }
    return webinar.odd.distort(answer)


def format_session(session: SimulatedSession, host_link: str, *, unsent: bool) -> Json:
    """A session, whole, with the links of its host and of attendees.

    `unsent`: some invitees were added silently, and not mailed since.
    """
    answer = {
        **_format_session_fields(session),
        "hostJoinUri": host_link,
        "attendeeJoinUri": session.attendee_link.get_secret_value(),
        "hasUnsentInvites": unsent,
    }
    return session.odd.distort(answer)


def format_session_entry(session: SimulatedSession, webinar: SimulatedWebinar) -> Json:
    """A session as the lists over many webinars show it."""
    answer = {
        **_format_session_fields(session),
        "webinar": {
            "id": webinar.id,
            "title": webinar.title,
            "description": webinar.description,
            "host": {"linkedUser": format_linked_user(webinar.host)},
        },
    }
    return session.odd.distort(answer)


def _format_session_fields(session: SimulatedSession) -> Json:
    return {
        "id": session.id,
        "creationTime": format_time(session.created),
        "lastModifiedTime": format_time(session.modified),
        "scheduledStartTime": format_time(session.start),
        "scheduledDuration": int(session.duration.total_seconds()),
        "timeZone": session.time_zone,
        "panelJoinTimeOffset": int(session.join_offset.total_seconds()),
        "localeCode": session.locale,
        "title": session.title,
        "status": session.status,
    }


def format_invitee(record: SimulatedInvitee, entry: DirectoryEntry | None, rules: Rules) -> Json:
    """An invitee, whole.

    What a linked user's record shows of the directory's `entry` is a switch of the rules.
    """
    answer: Json = {
        "id": record.id,
        "creationTime": format_time(record.created),
        "lastModifiedTime": format_time(record.modified),
        "role": record.role,
        "type": record.kind,
        "sendInvite": record.send_invite,
        "joinUri": record.join_uri.get_secret_value(),
    }
    if record.linked_user and rules.linked_users_show_ids:
        answer["linkedUser"] = format_linked_user(record.linked_user)
    own = {
        "firstName": record.first_name,
        "lastName": record.last_name,
        "email": record.email,
        "jobTitle": record.job_title,
        "phoneParticipantCode": record.phone_code,
    }
    # The directory's texts count only where the record itself has none.
    texts = _select_directory_texts(entry, rules) if entry else {}
    texts |= {name: text for name, text in own.items() if text}
    answer |= {name: text for name, text in texts.items() if text}
    # Last, so that an oddity overrules every switch.
    return record.odd.distort(answer)


def _select_directory_texts(entry: DirectoryEntry, rules: Rules) -> dict[str, str]:
    texts: dict[str, str] = {}
    if rules.linked_users_show_names:
        texts |= {"firstName": entry.first_name, "lastName": entry.last_name}
    if rules.linked_users_show_email:
        texts["email"] = entry.email
    return texts


def format_participant(participant: SimulatedParticipant, rules: Rules) -> Json:
    """One who has joined; whether history names their record is a switch of the rules."""
    answer: Json = {
        "role": participant.role,
        "originalRole": participant.original_role,
        "type": "User",
        "joinTime": format_time(participant.joined),
    }
    if participant.invitee_id and rules.participants_show_ids:
        answer["inviteeId"] = participant.invitee_id
    if participant.email:
        answer["email"] = participant.email
    if participant.linked_user:
        answer["linkedUser"] = format_linked_user(participant.linked_user)
    return participant.odd.distort(answer)


def format_contact(entry: DirectoryEntry, *, with_account: bool) -> Json:
    """An entry of the directory; it has its account only where the federation is asked for."""
    shown = {
        "email": entry.email,
        "firstName": entry.first_name,
        "lastName": entry.last_name,
        "jobTitle": entry.job_title,
        "extensionNumber": entry.extension,
    }
    answer = {
        "id": entry.user_id,
        "type": entry.type,
        "status": entry.status,
        **({"account": {"id": entry.account_id}} if with_account else {}),
        **{name: value for name, value in shown.items() if value},
    }
    return entry.odd.distort(answer)


def format_extension(entry: DirectoryEntry, base_url: str) -> Json:
    """A user of the account. The vendor's id is a number: one that is none is left out."""
    account = f"{base_url}/restapi/v1.0/account/{entry.account_id}"
    name = f"{entry.first_name} {entry.last_name}".strip()
    return {
        **({"id": int(entry.user_id)} if entry.user_id.isdecimal() else {}),
        "uri": f"{account}/extension/{entry.user_id}",
        "account": {"id": entry.account_id, "uri": account},
        "name": name,
        "contact": {
            "firstName": entry.first_name,
            "lastName": entry.last_name,
            "name": name,
            "email": entry.email,
        },
        "type": entry.type,
        "status": entry.status,
    }


def format_linked_user(user: LinkedUser) -> Json:
    """The ids of a colleague."""
    return {"accountId": user.account_id, "userId": user.user_id, "domain": user.domain}


def format_time(time: datetime) -> str:
    """A time in UTC, RFC 3339."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def select_page_by_token(
    items: Sequence[PageItem], first: int, per_page: int
) -> tuple[Sequence[PageItem], Json]:
    """Select a page of a list, and describe it by page tokens, as webinar calls do.

    `first` counts from 0.
    """
    # The token is the index of the page's first item. No client may rely on that.
    paging: Json = {"pageToken": str(first), "perPage": per_page}
    if first + per_page < len(items):
        paging["nextPageToken"] = str(first + per_page)
    if first:
        paging["previousPageToken"] = str(max(0, first - per_page))
    return items[first : first + per_page], paging


def select_page_by_number(
    items: Sequence[PageItem], page: int, per_page: int
) -> tuple[Sequence[PageItem], Json]:
    """Select a page of a list, and describe it by its number, as the directory does.

    `page` counts from 1.
    """
    first = (page - 1) * per_page
    shown = items[first : first + per_page]
    totals = {
        "perPage": per_page,
        "totalPages": -(-len(items) // per_page),
        "totalElements": len(items),
    }
    if not shown:
        return shown, totals
    return shown, {**totals, "page": page, "pageStart": first, "pageEnd": first + len(shown) - 1}
