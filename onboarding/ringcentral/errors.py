"""Answers that say no, or that RingCentral never gave: what they mean, in plain words.

Decided on status and `errorCode`, never on the message, which may be localised
(`docs/ringcentral.md`, "Errors"). `bisection` decides which invitee a refusal means. RingCentral
answers in JSON and never redirects: a proxy's page, a network's log-in page or a redirect is
another's answer. A 5xx is left to `transport`, which makes the call again.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from onboarding.errors import ConfigurationError, OnboardingError, Refused
from onboarding.model.foreign_text import NO_CODE, clean, error_code, oauth_error
from onboarding.model.known_secrets import NONE, Secrets
from onboarding.ringcentral.requests import ApiRequest
from onboarding.ringcentral.transport import NETWORK_LOGIN, SERVER_FAULT
from onboarding.web.strict_json import UnsoundJson, decode_json
from onboarding.web.variables import find_proxy

APP_PERMISSION = frozenset({"CMN-401", "ADG-100", "ADG-101"})
USER_PERMISSION = frozenset({"CMN-408"})
PARAMETER_INVALID = frozenset({"CMN-101"})
NOT_FOUND = frozenset({"CMN-102"})
UNREADABLE = frozenset({"CMN-103"})
TOO_LARGE = frozenset({"CMN-106"})

UNAUTHORIZED, FORBIDDEN, NOT_THERE, CONFLICT, CONTENT_TOO_LARGE = 401, 403, 404, 409, 413
ABOUT_PEOPLE = frozenset({400, FORBIDDEN, NOT_THERE, CONFLICT, CONTENT_TOO_LARGE, 422})
"""Statuses that may mean some of the invitees of a change rather than all of it."""

MAX_SHOWN = 300
"""Characters of a refusal that are shown: they are in one line with the person's address."""


@dataclass(frozen=True, slots=True)
class ErrorEntry:
    """One entry of an error body: a code, words for people, and the parameter that it blames.

    Each may be empty. `parameter` and `value` are as they came, to be compared, and never shown.
    """

    code: str
    message: str = ""
    parameter: str = ""
    value: str = ""


@dataclass(frozen=True, slots=True)
class ApiError:
    """An answer that says no. `oauth` is the log-in's own `error` word (RFC 6749 5.2)."""

    status: int
    entries: tuple[ErrorEntry, ...] = ()
    oauth: str = ""

    @property
    def codes(self) -> frozenset[str]:
        """All error codes of the answer."""
        return frozenset(entry.code for entry in self.entries if entry.code)

    @property
    def words(self) -> str:
        """The refusal for people: codes and the vendor's own sentences."""
        sentences = [
            ": ".join(filter(None, (entry.code or NO_CODE, entry.message)))
            for entry in self.entries
        ]
        words = "; ".join(sentences) or self.oauth or f"status {self.status}"
        return clean(words, limit=MAX_SHOWN)

    @property
    def is_too_large(self) -> bool:
        """Whether fewer people at a time would do. Nothing of such a batch was applied."""
        return self.status == CONTENT_TOO_LARGE or bool(self.codes & TOO_LARGE)

    @property
    def is_not_found(self) -> bool:
        """Whether something that the call names is not there (any more)."""
        return self.status == NOT_THERE or bool(self.codes & NOT_FOUND)

    @property
    def is_about_token(self) -> bool:
        """Whether the access token is the matter: expired, revoked or unreadable."""
        # `all` of no codes is true: a 401 without a code is taken for the token's, too.
        return self.status == UNAUTHORIZED and all(code.startswith("OAU-") for code in self.codes)

    @property
    def is_about_us(self) -> bool:
        """Whether the refusal means this program or its account, and so every invitee."""
        ours = APP_PERMISSION | USER_PERMISSION | UNREADABLE
        # Any other status would come back for each half, down to the last person.
        return bool(self.codes & ours) or self.status not in ABOUT_PEOPLE


def parse_error(answer: httpx.Response, secrets: Secrets = NONE) -> ApiError:
    """Read an error body; of one that can't be read, only the status is known.

    `secrets` are what the server was sent or has sent: its sentences may quote them.
    """
    try:
        body = decode_json(answer.content)
    except UnsoundJson:
        # A refusal that can't be read is still a refusal: its status decides.
        body = None
    if not isinstance(body, dict):
        return ApiError(answer.status_code)
    oauth = body.get("error")
    # Cleaned first: a secret of small letters has the form of an OAuth error.
    word = oauth_error(clean(str(oauth), secrets)) if oauth else ""
    return ApiError(answer.status_code, _parse_entries(body, secrets), word)


def _parse_entries(body: dict[str, Any], secrets: Secrets) -> tuple[ErrorEntry, ...]:
    listed = body.get("errors")
    entries = listed if isinstance(listed, list) else []
    errors = tuple(_parse_entry(entry, secrets) for entry in entries if isinstance(entry, dict))
    # Older calls have a single error, as the body itself.
    if not errors and "errorCode" in body:
        return (_parse_entry(body, secrets),)
    return errors


class NotThere(ConfigurationError):
    """RingCentral knows nothing under an id, or its user may not see it."""


class NotPermitted(Refused):
    """RingCentral's user may not make this call, for any webinar."""


def request_error(call: ApiRequest, refusal: ApiError) -> OnboardingError:
    """Put a refusal of a whole call into the error that ends the run."""
    refused = f"RingCentral refuses {call.description}"
    # Codes before statuses: they name the cure, a bare 403 or 404 does not.
    if refusal.codes & APP_PERMISSION:
        return Refused(
            f"{refused}: the app lacks the permission {call.permission} ({refusal.words}).",
            hint=f"Add {call.permission} to the app in RingCentral's developer console,"
            " then run again.",
        )
    if refusal.codes & USER_PERMISSION:
        return NotPermitted(
            f"{refused}: the user of the JWT lacks a permission ({refusal.words}).",
            hint="Ask the RingCentral administrator for a role that may do this,"
            " or use another user's JWT.",
        )
    if call.resource and refusal.is_not_found:
        return NotThere(
            f"RingCentral knows no {call.resource}, or its user may not see it ({refusal.words}).",
            hint="Compare the ids with those that `onboarding webinars` lists.",
        )
    if refusal.is_about_token:
        return Refused(
            f"RingCentral does not accept its own access token for {call.description}"
            f" ({refusal.words}).",
            hint="Check that RC_SERVER_URL is the server for which the app was made.",
        )
    if refusal.status == FORBIDDEN:
        return NotPermitted(f"{refused} ({refusal.words}).", hint="Nothing further was changed.")
    # "Further", because an earlier part of the change may be done.
    return Refused(f"{refused} ({refusal.words}).", hint="Nothing further was changed.")


def login_error(refusal: ApiError) -> Refused:
    """Put the refusal of a log-in into words.

    The vendor's sentence is left out, because it may quote the request.
    """
    return Refused(
        f"RingCentral refuses the log-in ({_describe_login(refusal)}).",
        hint=_LOGIN_HINTS.get(refusal.oauth, _LOGIN_HINT),
    )


def _describe_login(refusal: ApiError) -> str:
    reason = ", ".join(sorted(refusal.codes)) or refusal.oauth
    if reason not in {"", NO_CODE}:
        return reason
    status = f"status {refusal.status}"
    return f"{NO_CODE}, {status}" if reason or refusal.entries else status


_LOGIN_HINT = (
    "Check RC_APP_CLIENT_ID, RC_APP_CLIENT_SECRET and RC_USER_JWT,"
    " and that all belong to RC_SERVER_URL."
)
_LOGIN_HINTS = {
    "invalid_client": "Check RC_APP_CLIENT_ID and RC_APP_CLIENT_SECRET,"
    " and that they belong to RC_SERVER_URL.",
    "invalid_grant": "Check RC_USER_JWT: it may have expired, been revoked,"
    " or be made for another app or server.",
    "unauthorized_client": "Allow the JWT auth flow for the app"
    " in RingCentral's developer console.",
}


def _parse_entry(entry: dict[str, Any], secrets: Secrets) -> ErrorEntry:
    """Read one error. The directory wraps its code in a longer text, so the code is cut out."""
    code = error_code(str(entry.get("errorCode") or ""))
    message = clean(str(entry.get("message") or ""), secrets, MAX_SHOWN)
    parameter, value = entry.get("parameterName"), entry.get("parameterValue")
    # Empty without a code, so that such a 401 still counts as the token's (`is_about_token`).
    return ErrorEntry(
        "" if code == NO_CODE else code, message, str(parameter or ""), str(value or "")
    )


REDIRECTS = range(300, 400)
PROXY_LOGIN = 407
"""RFC 9110 15.5.8."""


def check_from_ringcentral(answer: httpx.Response, environ: Mapping[str, str] = os.environ) -> None:
    """Raise `Refused` for an answer that something else has given in RingCentral's place.

    `environ` names the proxy, where there is one.
    """
    what = _describe_foreign_answer(answer)
    if what:
        raise Refused(
            f"{answer.url.host} {what}: this is not RingCentral's own answer.",
            hint=_build_proxy_hint(answer.url, environ),
        )


def _describe_foreign_answer(answer: httpx.Response) -> str:
    status = answer.status_code
    if status in REDIRECTS:
        location = clean(answer.headers.get("Location", "")) or "nowhere"
        return f"sends us on to {location} (status {status})"
    if status in {PROXY_LOGIN, NETWORK_LOGIN}:
        return f"wants a log-in of its own (status {status})"
    # A gateway's 502 is a page, too, but passes: it is tried again, and does not end the run.
    if status < SERVER_FAULT and _is_page(answer):
        return f"answers with a web page (status {status})"
    return ""


def _is_page(answer: httpx.Response) -> bool:
    if "html" in answer.headers.get("Content-Type", "").lower():
        return True
    # A log-in page may come with any Content-Type. No JSON begins like this.
    return answer.content.lstrip()[:1] == b"<"


def _build_proxy_hint(url: httpx.URL, environ: Mapping[str, str]) -> str:
    proxy = find_proxy(str(url), environ)
    between = f"the proxy {proxy.host_and_port}" if proxy else "a proxy or a network's log-in page"
    return (
        f"Check RC_SERVER_URL, and {between}:"
        " open the address in a browser on this machine to see who answers."
    )
