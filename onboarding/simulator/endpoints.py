"""The calls of the API: path, query and body in; status and JSON out. One function each.

Straight from the request's parts to `account` and back through `answers`. `server` does limits,
tokens, permissions and faults before and after.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Any
from urllib.parse import parse_qsl

from starlette.datastructures import QueryParams

from onboarding.simulator import answers
from onboarding.simulator.account import SimulatedAccount
from onboarding.simulator.errors import (
    DIRECTORY_BODY_INVALID,
    INVALID_PARAMETER,
    RequestRefused,
    not_found,
)
from onboarding.simulator.limits import LimitGroup
from onboarding.simulator.parse import (
    LARGEST_PAGE,
    AddRequest,
    ChangeRequest,
    SearchRequest,
    parse_body,
    parse_directory_number,
    parse_page,
    parse_statuses,
    parse_time,
    parse_value,
)
from onboarding.simulator.records import (
    SEARCH_FIELDS,
    DirectoryEntry,
    SimulatedInvitee,
    SimulatedSession,
)

FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Call:
    """One request, in parts; `lag` is how many changes ago the invitees are listed."""

    account: SimulatedAccount
    path: Mapping[str, str]
    query: QueryParams
    headers: Mapping[str, str]
    body: bytes
    base_url: str
    now: datetime
    lag: int = 0

    @property
    def session_key(self) -> tuple[str, str]:
        """The session that the path names."""
        return self.path["webinar"], self.path["session"]


@dataclass(frozen=True, slots=True)
class ApiAnswer:
    """A status, and what is answered as JSON (None: nothing)."""

    status: int
    json: Any = None


def answer_login(call: Call) -> ApiAnswer:
    """`POST /restapi/oauth/token`."""
    token = call.account.tokens.log_in(
        call.headers.get("authorization", ""), _parse_form(call), call.now
    )
    answer = {
        **token,
        "scope": " ".join(sorted(call.account.app_permissions)),
        "owner_id": call.account.owner.user_id,
        "endpoint_id": "simulator",
    }
    return ApiAnswer(200, answer)


def answer_revoke(call: Call) -> ApiAnswer:
    """`POST /restapi/oauth/revoke`: not in the vendor's excerpt, but its SDK signs out so."""
    call.account.tokens.revoke(_parse_form(call).get("token", ""))
    return ApiAnswer(200, {})


def answer_webinar(call: Call) -> ApiAnswer:
    """`GET .../webinars/{id}`."""
    return ApiAnswer(200, answers.format_webinar(call.account.find_webinar(call.path["webinar"])))


def answer_session(call: Call) -> ApiAnswer:
    """`GET .../webinars/{id}/sessions/{id}`."""
    session = call.account.find_session(*call.session_key)
    records = call.account.list_records(*call.session_key)
    unsent = any(not record.send_invite for record in records)
    # The Host's record: always the first, and never deleted.
    host_link = records[0].join_uri.get_secret_value()
    return ApiAnswer(200, answers.format_session(session, host_link, unsent=unsent))


def answer_own_sessions(call: Call) -> ApiAnswer:
    """`GET .../sessions`: the sessions hosted by the user who is logged in."""
    return _answer_sessions(call, (call.account.owner.user_id,), call.query.get("nameFragment", ""))


def answer_company_sessions(call: Call) -> ApiAnswer:
    """`GET .../company/sessions`: those of all hosts, or of the hosts in the query."""
    hosts = ",".join(call.query.getlist("hostUserId"))
    return _answer_sessions(call, hosts.split(",") if hosts else [])


def _answer_sessions(call: Call, hosts: Sequence[str], fragment: str = "") -> ApiAnswer:
    """Sessions that end at `endTimeFrom` or later, the earliest first."""
    since = parse_time(call.query, "endTimeFrom")
    statuses = parse_statuses(call.query)
    sessions = [
        session
        for session in sorted(call.account.sessions.values(), key=attrgetter("start"))
        # By the end: a session that is under way is listed, too.
        if session.end >= since
        and session.status in statuses
        and _is_listed(call.account, session, hosts, fragment)
    ]
    page, paging = answers.select_page_by_token(sessions, *parse_page(call.query))
    entries = [
        answers.format_session_entry(session, call.account.webinars[session.webinar_id])
        for session in page
    ]
    return ApiAnswer(200, {"records": entries, "paging": paging})


def _is_listed(
    account: SimulatedAccount, session: SimulatedSession, hosts: Sequence[str], fragment: str
) -> bool:
    """Tell whether a session has a host and a title that are asked for; blank asks for all."""
    webinar = account.webinars[session.webinar_id]
    if hosts and webinar.host.user_id not in hosts:
        return False
    return fragment.casefold() in (session.title or webinar.title).casefold()


def answer_invitees(call: Call) -> ApiAnswer:
    """`GET .../invitees`."""
    records = call.account.list_records(*call.session_key, lag=call.lag)
    page, paging = answers.select_page_by_token(records, *parse_page(call.query))
    shown = [_format_invitee(call, record) for record in page]
    return ApiAnswer(200, {"records": shown, "paging": paging})


def answer_change(call: Call) -> ApiAnswer:
    """`PATCH .../invitees`."""
    request = parse_value(ChangeRequest, parse_body(call.body))
    applied = call.account.change_invitees(*call.session_key, request, call.now)
    done = {
        "addedInvitees": [_format_invitee(call, record) for record in applied.added],
        "updatedInvitees": [_format_invitee(call, record) for record in applied.updated],
        "deletedInvitees": [{"id": invitee_id} for invitee_id in applied.deleted],
    }
    return ApiAnswer(200, {name: people for name, people in done.items() if people})


def answer_invitee(call: Call) -> ApiAnswer:
    """`GET .../invitees/{id}`."""
    record = call.account.find_record(*call.session_key, call.path["invitee"])
    return ApiAnswer(200, _format_invitee(call, record))


def answer_update(call: Call) -> ApiAnswer:
    """`PUT .../invitees/{id}`."""
    invitee_id = call.path["invitee"]
    request = parse_value(AddRequest, parse_body(call.body))
    record = call.account.update_invitee(*call.session_key, invitee_id, request, call.now)
    return ApiAnswer(200, _format_invitee(call, record))


def answer_delete(call: Call) -> ApiAnswer:
    """`DELETE .../invitees/{id}`."""
    call.account.remove_invitee(*call.session_key, call.path["invitee"], call.now)
    return ApiAnswer(204)


def answer_participants(call: Call) -> ApiAnswer:
    """`GET .../history/.../participants`: who has joined, of the roles that are asked for."""
    joined = call.account.list_participants(*call.session_key, call.now)
    roles = {name: call.query.getlist(name) for name in ("role", "originalRole")}
    selected = [
        participant
        for participant in joined
        if participant.role in (roles["role"] or [participant.role])
        and participant.original_role in (roles["originalRole"] or [participant.original_role])
    ]
    page, paging = answers.select_page_by_token(selected, *parse_page(call.query))
    rules = call.account.rules
    shown = [answers.format_participant(participant, rules) for participant in page]
    return ApiAnswer(200, {"records": shown, "paging": paging})


def answer_directory(call: Call) -> ApiAnswer:
    """`GET .../directory/entries`."""
    federated = call.query.get("showFederated", "true") != "false"
    entries = call.account.directory.entries
    selected = [
        entry
        for entry in _select_entries(call.account, entries, federated=federated)
        if _has_type(entry, call.query.get("type"), call.query.get("typeGroup"))
    ]
    per_page = call.query.get("perPage", "max")
    limit = LARGEST_PAGE
    # The description has these two words. They make a page no longer than usual.
    if per_page not in {"max", "all"}:
        limit = parse_directory_number("perPage", per_page)
    page = parse_directory_number("page", call.query.get("page", "1"))
    return _answer_contacts(selected, page, limit, federated=federated)


def _has_type(entry: DirectoryEntry, kind: str | None, group: str | None) -> bool:
    own_group = "User" if entry.type == "User" else "NonUser"
    return kind in {None, entry.type} and group in {None, own_group}


def answer_search(call: Call) -> ApiAnswer:
    """`POST .../directory/entries/search`: finds parts of an address, too."""
    try:
        request = parse_value(SearchRequest, parse_body(call.body))
    except RequestRefused as error:
        # The directory has error codes of its own, also for a body that is no JSON.
        message = "Request body is invalid"
        raise RequestRefused(
            400, DIRECTORY_BODY_INVALID, message, parameter=error.parameter
        ) from error
    found = call.account.directory.search(
        request.search_string, request.search_fields or SEARCH_FIELDS
    )
    entries = [
        entry
        for entry in _select_entries(call.account, found, federated=request.show_federated)
        if entry.status in (request.extension_statuses or [entry.status])
        and entry.type in (request.extension_types or [entry.type])
    ]
    return _answer_contacts(
        entries, request.page, request.per_page, federated=request.show_federated
    )


def answer_extension(call: Call) -> ApiAnswer:
    """`GET /restapi/v1.0/account/{id}/extension/{id}`; `~` means the user who is logged in."""
    _check_account_id(call)
    user_id = call.path["extension"]
    if user_id == "~":
        return ApiAnswer(200, answers.format_extension(call.account.owner, call.base_url))
    for entry in call.account.directory.entries:
        if entry.user_id == user_id:
            return ApiAnswer(200, answers.format_extension(entry, call.base_url))
    raise not_found("Extension")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A call of the API: its rate limit group, its permissions, and what answers it."""

    method: str
    path: str
    group: LimitGroup
    answer: Callable[[Call], ApiAnswer]
    app_permission: str = ""
    user_permission: str = ""
    needs_token: bool = True


WEBINARS_PATH = "/webinar/configuration/v1"
SESSION_PATH = f"{WEBINARS_PATH}/webinars/{{webinar}}/sessions/{{session}}"
HISTORY_PATH = "/webinar/history/v1/webinars/{webinar}/sessions/{session}"
INVITEES_PATH = f"{SESSION_PATH}/invitees"
INVITEE_PATH = f"{INVITEES_PATH}/{{invitee}}"
ACCOUNT_PATH = "/restapi/v1.0/account/{account}"
DIRECTORY_PATH = f"{ACCOUNT_PATH}/directory/entries"

ENDPOINTS = (
    Endpoint("POST", "/restapi/oauth/token", LimitGroup.AUTH, answer_login, needs_token=False),
    Endpoint("POST", "/restapi/oauth/revoke", LimitGroup.AUTH, answer_revoke, needs_token=False),
    Endpoint(
        "GET",
        f"{WEBINARS_PATH}/webinars/{{webinar}}",
        LimitGroup.HEAVY,
        answer_webinar,
        "ReadWebinars",
    ),
    Endpoint(
        "GET", f"{WEBINARS_PATH}/sessions", LimitGroup.HEAVY, answer_own_sessions, "ReadWebinars"
    ),
    Endpoint(
        "GET",
        f"{WEBINARS_PATH}/company/sessions",
        LimitGroup.HEAVY,
        answer_company_sessions,
        "ReadWebinars",
        # The only webinar call that needs a permission of the user, and not of the app alone.
        "WebinarSettings",
    ),
    Endpoint("GET", SESSION_PATH, LimitGroup.HEAVY, answer_session, "ReadWebinars"),
    Endpoint("GET", INVITEES_PATH, LimitGroup.HEAVY, answer_invitees, "ReadWebinars"),
    Endpoint(
        "GET",
        f"{HISTORY_PATH}/participants",
        LimitGroup.HEAVY,
        answer_participants,
        "ReadWebinars",
    ),
    Endpoint("PATCH", INVITEES_PATH, LimitGroup.HEAVY, answer_change, "EditWebinars"),
    Endpoint("GET", INVITEE_PATH, LimitGroup.HEAVY, answer_invitee, "ReadWebinars"),
    Endpoint("PUT", INVITEE_PATH, LimitGroup.HEAVY, answer_update, "EditWebinars"),
    Endpoint("DELETE", INVITEE_PATH, LimitGroup.HEAVY, answer_delete, "EditWebinars"),
    Endpoint("GET", DIRECTORY_PATH, LimitGroup.MEDIUM, answer_directory, "ReadAccounts"),
    Endpoint(
        "POST",
        # Heavy, unlike the list of entries: one more reason for a client to read the list.
        f"{DIRECTORY_PATH}/search",
        LimitGroup.HEAVY,
        answer_search,
        "ReadAccounts",
        "ReadExtensions",
    ),
    Endpoint(
        "GET",
        f"{ACCOUNT_PATH}/extension/{{extension}}",
        LimitGroup.LIGHT,
        answer_extension,
        "ReadAccounts",
        "ReadExtensions",
    ),
)


def _format_invitee(call: Call, record: SimulatedInvitee) -> answers.Json:
    return answers.format_invitee(record, call.account.find_entry(record), call.account.rules)


def _parse_form(call: Call) -> dict[str, str]:
    """Parse a form (the token calls take nothing else)."""
    if not call.headers.get("content-type", "").startswith(FORM):
        raise RequestRefused(
            415, INVALID_PARAMETER, f"The body must be {FORM}", parameter="Content-Type"
        )
    return dict(parse_qsl(call.body.decode(errors="replace"), keep_blank_values=True))


def _select_entries(
    account: SimulatedAccount, entries: Sequence[DirectoryEntry], *, federated: bool
) -> list[DirectoryEntry]:
    """Select the federation's entries, or only those of the account itself."""
    return [entry for entry in entries if federated or entry.account_id == account.account_id]


def _answer_contacts(
    entries: Sequence[DirectoryEntry], page: int, per_page: int, *, federated: bool
) -> ApiAnswer:
    shown, paging = answers.select_page_by_number(entries, page, min(per_page, LARGEST_PAGE))
    contacts = [answers.format_contact(entry, with_account=federated) for entry in shown]
    return ApiAnswer(200, {"records": contacts, "paging": paging})


def _check_account_id(call: Call) -> None:
    if call.path["account"] not in {"~", call.account.account_id}:
        raise not_found("Account")
