"""RingCentral's log-in: an access token for the user's JWT, used until shortly before it expires.

No refresh tokens: the JWT serves as well, and a token that is only in memory can't be stolen from a
file. Log-ins count in a rate-limit group of their own, five a minute (`docs/ringcentral.md`, "Log
in").
"""

from base64 import b64encode
from typing import Annotated

import httpx
from pydantic import AfterValidator, Field, SecretStr

from onboarding.errors import ConfigurationError
from onboarding.model.known_secrets import Secrets
from onboarding.ringcentral.errors import check_from_ringcentral, login_error, parse_error
from onboarding.ringcentral.fields import ApiRecord, LooseText, lenient, parse_answer
from onboarding.ringcentral.rate_limits import CallGroup
from onboarding.ringcentral.settings import RingCentralSettings
from onboarding.ringcentral.transport import Transport
from onboarding.web.tokens import Token, TokenCache, TokenStore

TOKEN_PATH = "/restapi/oauth/token"  # noqa: S105 - a path, no password
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"

MARGIN = 60.0
"""Seconds before its end from which a token is not used: a call must not outlive its token."""

USUAL_TOKEN_LIFETIME, MAX_TOKEN_LIFETIME = 3600.0, 86400.0
"""Seconds for which a token is believed to be good where the answer does not say, and at most."""


def _check_token(token: SecretStr) -> SecretStr:
    """Refuse a token that no header can hold (RFC 6750 2.1)."""
    word = token.get_secret_value()
    if not (word.isascii() and word.isprintable() and " " not in word):
        raise ValueError("no token")
    return token


# OAuth's names are in snake case, unlike those of all other answers.
class TokenAnswer(ApiRecord, alias_generator=None):
    """The answer to a log-in (RFC 6749 5.1).

    `expires_in` is in seconds, `scope` lists app permissions.
    """

    access_token: Annotated[SecretStr, Field(min_length=1), AfterValidator(_check_token)]
    expires_in: Annotated[
        float, Field(gt=0, le=MAX_TOKEN_LIFETIME), lenient(USUAL_TOKEN_LIFETIME)
    ] = USUAL_TOKEN_LIFETIME
    scope: LooseText = ""


class Login:
    """The only place that logs in, one log-in at a time, however many tasks ask for a token."""

    def __init__(
        self, settings: RingCentralSettings, transport: Transport, store: TokenStore
    ) -> None:
        self._settings = settings
        self._transport = transport
        self._tokens = TokenCache(self._log_in, lambda: transport.clock().timestamp(), store=store)
        self.permissions: frozenset[str] = frozenset()
        """What the app may do, as the last log-in said; empty before the first."""

    @property
    def secrets(self) -> Secrets:
        """What the server was given, and gave, at the log-in: its answers may quote it."""
        settings = self._settings
        return Secrets.of(settings.client_secret, settings.jwt, self._tokens.last)

    async def token(self, *, refused: SecretStr | None = None) -> SecretStr:
        """Return a token that is good for a while; the server no longer accepts `refused`.

        Raises `ConfigurationError` if a credential is missing, `Refused` if they are wrong.
        """
        return await self._tokens.current(refused)

    async def _log_in(self) -> Token:
        # A log-in may be repeated: each one gives a token of its own, and changes nothing else.
        answer = await self._transport.send_idempotent(self._build_login_request(), CallGroup.AUTH)
        check_from_ringcentral(answer)
        if not answer.is_success:
            raise login_error(parse_error(answer, self.secrets))
        given = parse_answer(TokenAnswer, answer.content, "a log-in")
        self.permissions = frozenset(given.scope.split())
        lifetime = min(given.expires_in, MAX_TOKEN_LIFETIME)
        # A tenth for a token of a few minutes: a whole MARGIN could leave nothing of it.
        return Token(given.access_token, lifetime - min(MARGIN, lifetime / 10))

    def _build_login_request(self) -> httpx.Request:
        client_id, secret, jwt = self._find_credentials()
        basic = b64encode(f"{client_id}:{secret.get_secret_value()}".encode()).decode()
        form = {"grant_type": GRANT, "assertion": jwt.get_secret_value()}
        return self._transport.http.build_request(
            "POST", TOKEN_PATH, data=form, headers={"Authorization": f"Basic {basic}"}
        )

    def _find_credentials(self) -> tuple[str, SecretStr, SecretStr]:
        settings = self._settings
        if settings.client_id and settings.client_secret and settings.jwt:
            return settings.client_id, settings.client_secret, settings.jwt
        given = {
            "RC_APP_CLIENT_ID": settings.client_id,
            "RC_APP_CLIENT_SECRET": settings.client_secret,
            "RC_USER_JWT": settings.jwt,
        }
        missing = ", ".join(name for name, value in given.items() if not value)
        raise ConfigurationError(
            f"Missing RingCentral credentials: {missing}.",
            # An empty file is what `touch` leaves, and is as good as none.
            hint="Set the variables, or put files of these names, with the values in them, into "
            "secrets/ beside config.toml.",
        )
