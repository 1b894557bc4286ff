"""Log-in: which credentials get a token, and what becomes of it (`docs/ringcentral.md`, "Log in").

Serves the JWT bearer grant (RFC 7523) and the refresh token grant. Tokens live in memory and time
is passed in. Without credentials to hold a client to, any that are not blank will do: a rehearsal
needs none of the real ones.
"""

import base64
import binascii
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import unquote_plus

from pydantic import BaseModel, ConfigDict, SecretStr

from onboarding.simulator.errors import (
    CLIENT_WRONG,
    CREDENTIALS_WRONG,
    INVALID_PARAMETER,
    TOKEN_CORRUPTED,
    TOKEN_EXPIRED,
    LoginRefused,
)

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
LIFETIME = timedelta(seconds=7200)
REFRESH_LIFETIME = timedelta(seconds=604800)


class Credentials(BaseModel):
    """The only application and user that may log in."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    client_id: str
    client_secret: SecretStr
    jwt: SecretStr


class IssuedTokens:
    """The tokens that were issued, each with the time at which it expires."""

    def __init__(self, credentials: Credentials | None = None) -> None:
        self.credentials = credentials
        """The only ones that are taken; None: any that are not blank."""
        self._access: dict[str, datetime] = {}
        self._refresh: dict[str, datetime] = {}

    def log_in(self, authorization: str, form: Mapping[str, str], now: datetime) -> dict[str, Any]:
        """Exchange a JWT or a refresh token for an access token; return the answer's OAuth part.

        Raises LoginRefused if the client, JWT, refresh token or grant type is wrong.
        """
        self._check_client(*_parse_basic(authorization))
        match form.get("grant_type"):
            case grant if grant == JWT_BEARER:
                self._check_jwt(form.get("assertion", ""))
            case "refresh_token":
                self._use_refresh_token(form.get("refresh_token", ""), now)
            case _:
                raise _grant_error()
        return self._issue(_decide_lifetime(form), now)

    def check(self, authorization: str, now: datetime) -> None:
        """Check the token of a call.

        Raises LoginRefused if it has expired (`OAU-128`), was never issued, or was revoked
        (`OAU-129`).
        """
        scheme, _, token = authorization.partition(" ")
        # A revoked token is forgotten, so it gets the code of one that was never issued.
        expires = self._access.get(token.strip()) if scheme.lower() == "bearer" else None
        if expires is None:
            raise LoginRefused(401, "invalid_token", TOKEN_CORRUPTED, "Access token corrupted")
        if expires <= now:
            raise LoginRefused(401, "invalid_token", TOKEN_EXPIRED, "Access token expired")

    def is_known(self, authorization: str) -> bool:
        """Whether a request is this account's: by the client's id at the log-in, else by token."""
        client_id, _ = _parse_basic(authorization)
        wanted = self.credentials
        is_client = bool(client_id and wanted and client_id == wanted.client_id)
        return is_client or authorization.partition(" ")[2].strip() in self._access

    def list_tokens(self) -> frozenset[str]:
        """List the tokens that were issued and not revoked, for tests that show that none leaks."""
        return frozenset((*self._access, *self._refresh))

    def revoke(self, token: str) -> None:
        """Revoke one token; one that was never issued is no error (RFC 7009 2.2)."""
        self._access.pop(token, None)
        self._refresh.pop(token, None)

    def revoke_all(self) -> None:
        """Revoke all tokens, as when a person signs the application out."""
        self._access.clear()
        self._refresh.clear()

    def expire_all(self, now: datetime) -> None:
        """Let every access token expire now."""
        self._access = dict.fromkeys(self._access, now)

    def _check_client(self, client_id: str, client_secret: str) -> None:
        wanted = self.credentials
        right = bool(client_id and client_secret)
        if wanted:
            # Compared plainly: no real secret can be guessed on this machine.
            right = (client_id, client_secret) == (
                wanted.client_id,
                wanted.client_secret.get_secret_value(),
            )
        if not right:
            raise LoginRefused(401, "invalid_client", CLIENT_WRONG, "Client credentials are wrong")

    def _check_jwt(self, assertion: str) -> None:
        wanted = self.credentials
        right = assertion == wanted.jwt.get_secret_value() if wanted else bool(assertion)
        if not right:
            raise LoginRefused(
                400, "invalid_grant", CREDENTIALS_WRONG, "Invalid resource owner credentials"
            )

    def _use_refresh_token(self, refresh_token: str, now: datetime) -> None:
        # Used once: the answer has a new one. A token that was never issued counts as expired.
        expires = self._refresh.pop(refresh_token, now)
        if expires <= now:
            raise LoginRefused(
                400, "invalid_grant", CREDENTIALS_WRONG, "Refresh token is wrong or has expired"
            )

    def _issue(self, life: timedelta, now: datetime) -> dict[str, Any]:
        access, refresh = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        self._access[access] = now + life
        self._refresh[refresh] = now + REFRESH_LIFETIME
        return {
            "access_token": access,
            "token_type": "bearer",
            # A second less than it lives, as the vendor's 7199.
            "expires_in": int(life.total_seconds()) - 1,
            "refresh_token": refresh,
            "refresh_token_expires_in": int(REFRESH_LIFETIME.total_seconds()) - 1,
            "session_id": secrets.token_hex(8),
        }


def _grant_error() -> LoginRefused:
    error, message = "unsupported_grant_type", "Unsupported grant type"
    return LoginRefused(400, error, INVALID_PARAMETER, message, parameter="grant_type")


def _parse_basic(authorization: str) -> tuple[str, str]:
    """Parse HTTP Basic (RFC 7617); blank where it is something else.

    Both parts may be form-encoded (RFC 6749 2.3.1).
    """
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        name, _, secret = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return unquote_plus(name), unquote_plus(secret)


def _decide_lifetime(form: Mapping[str, str]) -> timedelta:
    """Decide how long a token lives: what the client asks for, but never longer than usual."""
    seconds = form.get("access_token_ttl", "")
    return min(LIFETIME, timedelta(seconds=int(seconds))) if seconds.isdecimal() else LIFETIME
