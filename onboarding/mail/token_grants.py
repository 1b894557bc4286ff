"""An access token from Microsoft 365 or Google, by credentials of the application's own: no person has to log in.

The providers' own libraries do it, which the extras `m365` and `google` install; their calls are `token_calls`'.
What they say of a refusal is passed on, cleaned: it may quote what was sent.
"""

import json
import math
import shutil
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx
from pydantic import SecretStr

from onboarding.errors import ConfigurationError, OnboardingError, Refused, TryLater
from onboarding.input_files import check_file, read_text
from onboarding.mail.settings import MicrosoftSettings, SmtpSettings
from onboarding.mail.token_calls import Caller, in_thread
from onboarding.mail.token_program import printed_token
from onboarding.mail.tokens import Token
from onboarding.model.foreign_text import clean
from onboarding.model.known_secrets import Secrets
from onboarding.web.client import NoAnswer

EXCHANGE = "https://outlook.office365.com/.default"
"""Microsoft's scope: whatever the application was granted at Exchange Online (SMTP.SendAsApp is needed)."""

GMAIL = "https://mail.google.com/"
"""Google's scope for SMTP; the administrator delegates it to the service account for the whole domain."""

LEEWAY = 300.0
"""Seconds before its end in which a token is not used any more: our clock may be wrong, and mails take time."""

USUAL_LIFETIME = 3600.0
"""Seconds, where a provider does not say."""

LONGEST_LIFETIME = 86400.0
"""Seconds that are believed."""

ODD_ANSWERS = (ValueError, TypeError, AttributeError, KeyError, OverflowError, httpx.HTTPError)
"""What the libraries run into where an answer, or a key, has another shape than it should."""

AWAY = "Nothing is lost: run again when it can be reached."


def source(settings: SmtpSettings) -> Callable[[], Awaitable[Token]]:
    """Where the settings say that tokens come from.

    Raises `ConfigurationError` for whatever can be seen to be missing before one is wanted: a secret, a key, a
    library, a program.
    """
    if settings.m365.tenant:
        if settings.m365.client_secret is None:
            raise ConfigurationError(
                "The application's secret for Microsoft 365 is missing.",
                hint="Set ONBOARDING_SMTP__M365__CLIENT_SECRET, or put a file of that name into the secrets folder.",
            )
        _assert_installed("msal", "Microsoft 365", "m365")
        return partial(in_thread, partial(microsoft_token, settings.m365, settings.m365.client_secret))
    if settings.google.key_file:
        try:
            check_file(settings.google.key_file)
        except OSError as error:
            raise _no_key(settings.google.key_file, str(error.strerror)) from None
        _assert_installed("google.auth", "Google", "google")
        return partial(in_thread, partial(google_token, settings.google.key_file, settings.username))
    if settings.token_command and not shutil.which(settings.token_command[0]):
        raise ConfigurationError(
            f"There is no token program {settings.token_command[0]} that can be started.",
            hint="Check [smtp] token_command.",
        )
    return partial(printed_token, settings.token_command, settings.token_lifetime)


def microsoft_token(settings: MicrosoftSettings, secret: SecretStr, caller: Caller) -> Token:
    """Ask Microsoft's identity platform by client credentials (RFC 6749 4.4).

    Raises `ConfigurationError` where there is no such tenant, `Refused` where Microsoft refuses the application,
    `TryLater` where it can't be reached.
    """
    import msal  # noqa: PLC0415 -- an extra, and slow to import

    authority = f"{settings.authority.rstrip('/')}/{settings.tenant}"
    try:
        application = msal.ConfidentialClientApplication(
            settings.client_id,
            client_credential=secret.get_secret_value(),
            authority=authority,
            instance_discovery=False,  # the authority is the user's own word
            http_client=_MicrosoftCalls(caller),
        )
        answer = application.acquire_token_for_client([EXCHANGE])
    except NoAnswer as error:
        raise _unreachable(f"Microsoft's log-in at {authority}", error) from None
    except ODD_ANSWERS:
        raise ConfigurationError(
            f"There is no log-in at {authority}.", hint="Check tenant and authority in [smtp.m365]."
        ) from None
    if "access_token" not in answer:
        said = str(answer.get("error_description") or answer.get("error") or "without a reason").strip().split("\n")[0]
        why = clean(said, Secrets.of(secret))
        raise Refused(
            f"Microsoft gives no token for the application {settings.client_id}: {why}",
            hint="Check tenant, client_id and the secret of [smtp.m365], and that its consent was granted.",
        )
    return Token(SecretStr(str(answer["access_token"])), _usable(answer.get("expires_in")))


class _MicrosoftCalls:
    """The calls as msal makes them."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def get(self, url: str, params: Any = None, headers: Any = None, **_options: Any) -> httpx.Response:
        return self._caller.call("GET", url, headers, params=params)

    def post(self, url: str, params: Any = None, data: Any = None, headers: Any = None, **_: Any) -> httpx.Response:
        return self._caller.call("POST", url, headers, params=params, data=data)

    def close(self) -> None:
        """Nothing is left open."""


def google_token(key_file: Path, username: str, caller: Caller) -> Token:
    """Ask Google as a service account that speaks for `username` (domain-wide delegation, RFC 7523).

    Raises `ConfigurationError` where the key is wrong, `Refused` where Google refuses the account, `TryLater` where
    it can't be reached.
    """
    from google.auth.exceptions import GoogleAuthError, RefreshError  # noqa: PLC0415 -- an extra, and slow to import
    from google.oauth2.service_account import Credentials  # noqa: PLC0415

    try:
        key = json.loads(read_text(key_file))
        account = Credentials.from_service_account_info(key, scopes=[GMAIL], subject=username)
    except (OSError, RecursionError, *ODD_ANSWERS, GoogleAuthError):
        raise _no_key(key_file, "it is no key") from None
    try:
        account.refresh(partial(_google_call, caller))
        left = (account.expiry.replace(tzinfo=UTC) - datetime.now(UTC)).total_seconds()
    except NoAnswer as error:
        raise _unreachable("Google's log-in", error) from None
    except RefreshError as refused:
        if refused.retryable:
            raise TryLater("Google's log-in has trouble of its own.", hint=AWAY) from None
        why = clean(str(refused.args[0])) if refused.args else "without a reason"
        raise Refused(
            f"Google gives no token for {username}: {why}",
            hint=f"The domain's administrator has to delegate {GMAIL} to the service account.",
        ) from None
    except ODD_ANSWERS:
        raise Refused("Google's log-in gives an answer that is no token.", hint="Check token_uri in the key.") from None
    return Token(SecretStr(account.token), _usable(left))


@dataclass(frozen=True, slots=True)
class _GoogleAnswer:
    """An answer as Google's library reads it."""

    status: int
    headers: Mapping[str, str]
    data: bytes


def _google_call(
    caller: Caller, url: str, method: str = "GET", body: Any = None, headers: Any = None, **_options: Any
) -> _GoogleAnswer:
    answer = caller.call(method, url, headers, content=body)
    return _GoogleAnswer(answer.status_code, answer.headers, answer.content)


def _unreachable(whom: str, error: NoAnswer) -> OnboardingError:
    why = f"its certificate is not trusted ({error.untrusted})" if error.untrusted else error.reason
    if error.final:
        return Refused(f"{whom} can't be asked: {why}.", hint="Check the settings of the log-in and the proxy.")
    return TryLater(f"{whom} can't be reached: {why}.", hint=AWAY)


def _usable(lifetime: Any) -> float:
    """Seconds for which a token is used; a lifetime that is none, or longer than a day, is not believed."""
    try:
        seconds = float(lifetime)
    except (TypeError, ValueError, OverflowError):
        seconds = math.nan
    believed = min(seconds, LONGEST_LIFETIME) if math.isfinite(seconds) else USUAL_LIFETIME
    return max(believed - LEEWAY, 0.0)


def _no_key(key_file: Path, why: str) -> OnboardingError:
    return ConfigurationError(
        f"The service account's key {key_file} can't be read: {why}.",
        hint="[smtp.google] key_file is the JSON file that Google gives out once for a service account's key.",
    )


def _assert_installed(library: str, provider: str, extra: str) -> None:
    try:
        there = find_spec(library)
    except ModuleNotFoundError:  # of a package within one that is missing too
        there = None
    if there is None:
        raise ConfigurationError(
            f"The log-in by {provider}'s credentials needs a library that is not installed.",
            hint=f"pip install 'webinar-onboarding[{extra}]'",
        )
