"""What the simulator answers when it says no: a status, an error code, and the wrong parameter.

Raised by the rules, turned into the vendor's error body by `server`. Codes and shapes are those of
`docs/ringcentral.md`, "Errors"; messages are ours, because a client must not decide by them.
"""

from http import HTTPStatus
from typing import Any

INVALID_PARAMETER = "CMN-101"
UNKNOWN_ID = "CMN-102"
UNREADABLE_JSON = "CMN-103"
BATCH_TOO_LARGE = "CMN-106"
RATE_EXCEEDED = "CMN-301"
SERVER_ERROR = "CMN-201"
DIRECTORY_ERRORS = {500: "ADG-001", 503: "ADG-000"}
CONFLICT = "WBN-409"
"""Made up: the vendor documents no code of a conflict."""
APP_PERMISSION_MISSING = "CMN-401"
USER_PERMISSION_MISSING = "CMN-408"
TOKEN_EXPIRED = "OAU-128"  # noqa: S105 - an error code, no token
TOKEN_CORRUPTED = "OAU-129"  # noqa: S105 - an error code, no token
CREDENTIALS_WRONG = "OAU-140"
CLIENT_WRONG = "OAU-146"
DIRECTORY_BODY_INVALID = "ADG-112"
DIRECTORY_PARAMETER_INVALID = "ADG-121"


class RequestRefused(Exception):
    """The request is understood and refused.

    `parameter` and `value` name what is wrong, if it is a single thing.
    """

    def __init__(
        self, status: int, code: str, message: str, *, parameter: str = "", value: str = ""
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.parameter = parameter
        self.value = value

    def within(self, location: str) -> "RequestRefused":
        """Return the same refusal, with its parameter inside `location` (`addedInvitees[2]`)."""
        parameter = f"{location}.{self.parameter}" if self.parameter else location
        return RequestRefused(
            self.status, self.code, self.message, parameter=parameter, value=self.value
        )

    def as_json(self) -> dict[str, Any]:
        """Render the vendor's error body."""
        error = {"errorCode": self.code, "message": self.message}
        if self.parameter:
            error["parameterName"] = self.parameter
        if self.value:
            error["parameterValue"] = self.value
        return {"errors": [error]}


class LoginRefused(RequestRefused):
    """A log-in is refused: the body has `error` and `error_description`, too (RFC 6749 5.2)."""

    def __init__(
        self, status: int, error: str, code: str, message: str, *, parameter: str = ""
    ) -> None:
        super().__init__(status, code, message, parameter=parameter)
        self.error = error

    def as_json(self) -> dict[str, Any]:
        """Render the OAuth error body."""
        return {"error": self.error, "error_description": self.message, **super().as_json()}


def server_error(status: int, path: str) -> RequestRefused:
    """The server itself fails; the directory has codes of its own."""
    # Only 500 and 503 come here: a 502 is a gateway's web page without any code.
    code = DIRECTORY_ERRORS[status] if "/directory/" in path else SERVER_ERROR
    return RequestRefused(status, code, HTTPStatus(status).phrase)


def invalid(parameter: str, message: str, value: str = "") -> RequestRefused:
    """A parameter breaks a rule."""
    return RequestRefused(400, INVALID_PARAMETER, message, parameter=parameter, value=value)


def forbidden(message: str, parameter: str = "", value: str = "") -> RequestRefused:
    """The state of the session forbids it, with any parameters."""
    # Not a permission's code: a client must not read every 403 as a missing permission.
    return RequestRefused(403, INVALID_PARAMETER, message, parameter=parameter, value=value)


def not_found(resource: str) -> RequestRefused:
    """An id in the path leads nowhere."""
    return RequestRefused(404, UNKNOWN_ID, f"{resource} is not found")
