"""The access token: asked for with the user's JWT, used until shortly before it expires, and never written down.

No refresh tokens: the JWT serves as well, and a token that is only in memory can't be stolen from a file. Log-ins pass
the gate in a group of their own, five a minute (`docs/ringcentral.md`, "Log in").
"""

from base64 import b64encode
from datetime import datetime, timedelta

import anyio
import httpx
from pydantic import SecretStr

from onboarding.errors import ConfigurationError
from onboarding.model.known_secrets import Secrets
from onboarding.ringcentral.errors import login_error, parse_error
from onboarding.ringcentral.lenient_records import parse_answer
from onboarding.ringcentral.proxy_answers import assert_from_ringcentral
from onboarding.ringcentral.rate_limits import CallGroup
from onboarding.ringcentral.schemas import TokenAnswer
from onboarding.ringcentral.settings import RingCentralSettings
from onboarding.ringcentral.transport import Transport

TOKEN_PATH = "/restapi/oauth/token"  # noqa: S105 - a path, no password
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"

MARGIN = 60.0
"""Seconds before its end at which a token is no longer used: a call under way must not outlive it."""

LONGEST_LIFETIME = 86400.0
"""Seconds for which a token is believed to be good at the most; RingCentral's are for two hours."""


class Login:
    """The one place that logs in, once at a time, however many tasks ask for a token."""

    def __init__(self, settings: RingCentralSettings, line: Transport) -> None:
        self._settings = settings
        self._line = line
        self._lock = anyio.Lock()
        self._token: SecretStr | None = None
        self._use_until: datetime | None = None
        self.permissions: frozenset[str] = frozenset()
        """What the app may do, as the last log-in said; empty before the first."""

    @property
    def secrets(self) -> Secrets:
        """What the server was given, and gave, at the log-in: its answers may quote it."""
        mine = self._settings
        return Secrets.of(mine.client_secret, mine.jwt, self._token)

    async def token(self, *, refused: SecretStr | None = None) -> SecretStr:
        """Give a token that is good for a while; `refused` is one that the server no longer accepts.

        Raises `ConfigurationError` where a credential is missing, `Refused` where they are wrong.
        """
        async with self._lock:
            token = self._token if self._is_fresh() else None
            if token is None or token == refused:
                token = await self._log_in()
            return token

    def _is_fresh(self) -> bool:
        return self._use_until is not None and self._line.clock() < self._use_until

    async def _log_in(self) -> SecretStr:
        asked = self._line.clock()
        answer = await self._line.send_idempotent(self._request(), CallGroup.AUTH)
        assert_from_ringcentral(answer)
        if not answer.is_success:
            raise login_error(parse_error(answer, self.secrets))
        given = parse_answer(TokenAnswer, answer.content, "a log-in")
        self._token = given.access_token
        self.permissions = frozenset(given.scope.split())
        lifetime = min(given.expires_in, LONGEST_LIFETIME)
        self._use_until = asked + timedelta(seconds=lifetime - min(MARGIN, lifetime / 10))
        return self._token

    def _request(self) -> httpx.Request:
        client_id, secret, jwt = self._credentials()
        basic = b64encode(f"{client_id}:{secret.get_secret_value()}".encode()).decode()
        form = {"grant_type": GRANT, "assertion": jwt.get_secret_value()}
        return self._line.http.build_request("POST", TOKEN_PATH, data=form, headers={"Authorization": f"Basic {basic}"})

    def _credentials(self) -> tuple[str, SecretStr, SecretStr]:
        mine = self._settings
        if mine.client_id and mine.client_secret and mine.jwt:
            return mine.client_id, mine.client_secret, mine.jwt
        given = {
            "RC_APP_CLIENT_ID": mine.client_id,
            "RC_APP_CLIENT_SECRET": mine.client_secret,
            "RC_USER_JWT": mine.jwt,
        }
        missing = ", ".join(name for name, value in given.items() if not value)
        raise ConfigurationError(
            f"RingCentral's credentials are not complete: {missing} is not set.",
            hint="Set the variables, or put files of these names into a folder that ONBOARDING_SECRETS_DIR names.",
        )
