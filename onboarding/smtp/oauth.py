"""Where the access token for XOAUTH2 comes from: the user's own program, Microsoft 365 or Google.

A program may be anything that prints a token; its other output is not read, so nothing of it can
reach a log. For Microsoft 365 and Google the application has its own credentials, so no person logs
in; the providers' libraries do it (the extras `m365` and `google`), and `token_calls` makes their
calls. Their words for a refusal are shown, but cleaned: they may quote what was sent. `TokenCache`
keeps the token.
"""

import asyncio
import codecs
import contextlib
import json
import math
import os
import shutil
import signal
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
from pydantic import SecretStr

from onboarding.errors import ConfigurationError, OnboardingError, Refused, TryLater
from onboarding.files.read import check_file, read_text
from onboarding.model.foreign_text import clean
from onboarding.model.known_secrets import Secrets
from onboarding.smtp.settings import LogIn, MicrosoftSettings
from onboarding.smtp.token_calls import Caller, MicrosoftCalls, run_in_thread, send_google_call
from onboarding.web.client import NoAnswer
from onboarding.web.tokens import Token

if TYPE_CHECKING:
    from google.auth.exceptions import RefreshError
    from google.oauth2.service_account import Credentials

COMMAND_TIMEOUT = 60.0
"""Seconds a token program gets."""

KILL_TIMEOUT = 5.0
"""Seconds to wait for a killed program; if the system can't end it, it is left behind."""

MAX_OUTPUT = 65536
"""Of the program's output; tokens have a few thousand."""

EXCHANGE_SCOPE = "https://outlook.office365.com/.default"
"""Microsoft's scope: what the application may do at Exchange Online; it needs SMTP.SendAsApp."""

GMAIL_SCOPE = "https://mail.google.com/"
"""Google's scope for SMTP, which the domain's administrator delegates to the service account."""

LEEWAY = 300.0
"""Seconds before a token's end in which it is not used: clocks differ, and sending takes time."""

USUAL_LIFETIME = 3600.0
"""Seconds, where a provider gives none."""

MAX_LIFETIME = 86400.0
"""Seconds that are believed."""

ODD_ANSWERS = (ValueError, TypeError, AttributeError, KeyError, OverflowError, httpx.HTTPError)
"""What the libraries run into where an answer, or a key, has another shape than it should."""

TRY_LATER_HINT = "Nothing is lost: run again when it can be reached."

COMMAND_HINT = "Check token_command in config.toml."

TokenSource = Callable[[], Awaitable[Token]]
"""Fetches a new token each time."""


def select_token_source(log_in: LogIn) -> TokenSource:
    """Select how tokens are fetched, as the settings say.

    Raises `ConfigurationError` if something is missing that can be seen before the first token is
    needed: a secret, a key, a library, a program.
    """
    # The settings have checked that exactly one source is set.
    if log_in.m365.tenant:
        return _select_microsoft(log_in.m365, log_in.section)
    if log_in.google.key_file:
        return _select_google(log_in.google.key_file, log_in.username)
    if log_in.token_command and not shutil.which(log_in.token_command[0]):
        raise ConfigurationError(
            f"There is no token program {log_in.token_command[0]} that can be started.",
            hint=COMMAND_HINT,
        )
    return partial(command_token, log_in.token_command, log_in.token_lifetime)


def _select_microsoft(settings: MicrosoftSettings, section: str) -> TokenSource:
    if settings.client_secret is None:
        variable = f"ONBOARDING_{section.upper().replace('.', '__')}__M365__CLIENT_SECRET"
        raise ConfigurationError(
            "The application's secret for Microsoft 365 is missing.",
            hint=f"Set {variable}, or put a file of that name into the secrets folder.",
        )
    _check_installed("msal", "Microsoft 365", "m365")
    fetch = partial(client_credentials_token, settings, settings.client_secret)
    return partial(run_in_thread, fetch)


def _select_google(key_file: Path, username: str) -> TokenSource:
    try:
        check_file(key_file)
    except OSError as error:
        raise _key_error(key_file, str(error.strerror)) from None
    _check_installed("google.auth", "Google", "google")
    return partial(run_in_thread, partial(service_account_token, key_file, username))


def _check_installed(library: str, provider: str, extra: str) -> None:
    try:
        # Looked for and not imported: the import is slow, and can wait for the first token.
        found = find_spec(library)
    except ModuleNotFoundError:
        # `find_spec` imports the packages around a module, and they may be missing too.
        found = None
    if found is None:
        raise ConfigurationError(
            f"The log-in by {provider}'s credentials needs a library that is not installed.",
            hint=f"pip install 'webinar-onboarding[{extra}]'",
        )


async def command_token(
    command: Sequence[str], lifetime: float, seconds: float = COMMAND_TIMEOUT
) -> Token:
    """Run a program, without a shell, that prints a token; it is good for `lifetime` seconds.

    Raises `ConfigurationError` where it can't be run or prints no token, `TryLater` where it takes
    more than `seconds`.
    """
    program = command[0]
    process = await _start_program(command)
    try:
        async with asyncio.timeout(seconds):
            printed = await _read_output(process, program)
            # Within the limit too: a program may close its output and run on.
            await process.wait()
    except TimeoutError:
        raise TryLater(
            f"The token program {program} was not done after {seconds:g} seconds.",
            hint="Run it by hand: it may be waiting for a log-in.",
        ) from None
    finally:
        # After a time-out, a cancellation or too much output. A program that is done is left alone.
        await _kill_program(process)
    if process.returncode:
        raise ConfigurationError(
            f"The token program {program} failed with exit code {process.returncode}.",
            hint="Run it by hand to see why; it must print an access token and nothing else.",
        )
    return Token(_parse_token(printed, program), lifetime)


async def _start_program(command: Sequence[str]) -> asyncio.subprocess.Process:
    try:
        # No input, so that a question ends it and does not hang. A session of its own, so that
        # `_kill_program` has a group to kill, and a Ctrl-C in the terminal reaches us alone.
        return await asyncio.create_subprocess_exec(
            *command, stdin=DEVNULL, stdout=PIPE, stderr=DEVNULL, start_new_session=True
        )
    except OSError as error:
        raise ConfigurationError(
            f"The token program {command[0]} can't be started: {error.strerror}.",
            hint=COMMAND_HINT,
        ) from error


def _parse_token(printed: bytes, program: str) -> SecretStr:
    """Read the one word that was printed. Raises `ConfigurationError`, which shows no output."""
    # PowerShell may write a byte order mark.
    words = printed.removeprefix(codecs.BOM_UTF8).split()
    if len(words) != 1 or not words[0].isascii():
        raise ConfigurationError(
            f"The token program {program} must print one access token and nothing else; "
            f"it printed {len(words)} words.",
            hint=COMMAND_HINT,
        )
    return SecretStr(words[0].decode())


async def _read_output(process: asyncio.subprocess.Process, program: str) -> bytes:
    """Read what the program prints, to its end. Raises `ConfigurationError` if that is too much."""
    if process.stdout is None:
        raise AssertionError("the program's output is a pipe")
    # Read by hand: `communicate` would keep all that an endless program prints.
    printed = b""
    while chunk := await process.stdout.read(MAX_OUTPUT):
        printed += chunk
        if len(printed) > MAX_OUTPUT:
            raise ConfigurationError(
                f"The token program {program} prints more than a token.", hint=COMMAND_HINT
            )
    return printed


async def _kill_program(process: asyncio.subprocess.Process) -> None:
    """Kill the program and all that it has started: a child would hold the output open."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            # It leads a session of its own, so that its id is also its group's.
            os.killpg(process.pid, signal.SIGKILL)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(KILL_TIMEOUT):
                await process.wait()


def client_credentials_token(
    settings: MicrosoftSettings, secret: SecretStr, caller: Caller
) -> Token:
    """Ask Microsoft's identity platform by client credentials (RFC 6749 4.4).

    Raises `ConfigurationError` where there is no such tenant, `Refused` where Microsoft refuses the
    application, `TryLater` where it can't be reached.
    """
    answer = _request_microsoft_token(settings, secret, caller)
    if "access_token" in answer:
        lifetime = _limit_lifetime(answer.get("expires_in"))
        return Token(SecretStr(str(answer["access_token"])), lifetime)
    reason = answer.get("error_description") or answer.get("error") or "without a reason"
    # Microsoft's other lines are ids for its own support.
    why = clean(str(reason).strip().split("\n")[0], Secrets.of(secret))
    raise Refused(
        f"Microsoft gives no token for the application {settings.client_id}: {why}",
        hint="Check tenant, client_id and the application's secret, "
        "and that its consent was granted.",
    )


def _request_microsoft_token(
    settings: MicrosoftSettings, secret: SecretStr, caller: Caller
) -> Mapping[str, Any]:
    """Return the answer, which holds a token or says why there is none."""
    import msal  # noqa: PLC0415 -- an extra, and slow to import

    authority = f"{settings.authority.rstrip('/')}/{settings.tenant}"
    try:
        # `instance_discovery` would ask Microsoft about the authority, which the user has chosen.
        # Made for each fetch: msal's own cache would return the token that was just refused.
        application = msal.ConfidentialClientApplication(
            settings.client_id,
            client_credential=secret.get_secret_value(),
            authority=authority,
            instance_discovery=False,
            http_client=MicrosoftCalls(caller),
        )
        answer: Mapping[str, Any] = application.acquire_token_for_client([EXCHANGE_SCOPE])
    # `from None` here and below: a library's error may hold the request, and so the secret.
    except NoAnswer as error:
        raise _unreachable_error(f"Microsoft's log-in at {authority}", error) from None
    # msal looks for the tenant's endpoints first, and ends in a ValueError where there are none.
    except ODD_ANSWERS:
        raise ConfigurationError(
            f"There is no log-in at {authority}.",
            hint="Check tenant and authority in the section m365.",
        ) from None
    return answer


def service_account_token(key_file: Path, username: str, caller: Caller) -> Token:
    """Ask Google as a service account that acts for `username` (domain-wide delegation, RFC 7523).

    Raises `ConfigurationError` where the key is wrong, `Refused` where Google refuses the account,
    `TryLater` where it can't be reached.
    """
    from google.auth.exceptions import RefreshError  # noqa: PLC0415 -- an extra, and slow to import

    account = _load_service_account(key_file, username)
    try:
        account.refresh(partial(send_google_call, caller))
        # google-auth gives a UTC time without a zone.
        lifetime = (account.expiry.replace(tzinfo=UTC) - datetime.now(UTC)).total_seconds()
    except NoAnswer as error:
        raise _unreachable_error("Google's log-in", error) from None
    except RefreshError as error:
        raise _google_error(username, error) from None
    except ODD_ANSWERS:
        raise Refused(
            "Google's log-in gives an answer that is no token.", hint="Check token_uri in the key."
        ) from None
    return Token(SecretStr(account.token), _limit_lifetime(lifetime))


def _load_service_account(key_file: Path, username: str) -> "Credentials":
    from google.auth.exceptions import GoogleAuthError  # noqa: PLC0415 -- as above
    from google.oauth2.service_account import Credentials  # noqa: PLC0415

    try:
        key = json.loads(read_text(key_file))
        return Credentials.from_service_account_info(key, scopes=[GMAIL_SCOPE], subject=username)
    except (OSError, RecursionError, *ODD_ANSWERS, GoogleAuthError):
        raise _key_error(key_file, "it is no key") from None


def _google_error(username: str, error: "RefreshError") -> OnboardingError:
    if error.retryable:
        return TryLater("Google's log-in has trouble of its own.", hint=TRY_LATER_HINT)
    # The key itself never leaves. What it signs is a JWT, and `clean` removes every one.
    why = clean(str(error.args[0])) if error.args else "without a reason"
    return Refused(
        f"Google gives no token for {username}: {why}",
        hint=f"The domain's administrator has to delegate {GMAIL_SCOPE} to the service account.",
    )


def _unreachable_error(server: str, error: NoAnswer) -> OnboardingError:
    why = f"its certificate is not trusted ({error.untrusted})" if error.untrusted else error.reason
    if error.final:
        return Refused(
            f"{server} can't be asked: {why}.",
            hint="Check the settings of the log-in and the proxy.",
        )
    return TryLater(f"{server} can't be reached: {why}.", hint=TRY_LATER_HINT)


def _limit_lifetime(lifetime: Any) -> float:
    """Seconds for which a token is used. A lifetime of over a day, or none, is not believed."""
    try:
        seconds = float(lifetime)
    except (TypeError, ValueError, OverflowError):
        seconds = math.nan
    believed = min(seconds, MAX_LIFETIME) if math.isfinite(seconds) else USUAL_LIFETIME
    # A token of shorter life is used for one log-in, and fetched again for the next.
    return max(believed - LEEWAY, 0.0)


def _key_error(key_file: Path, why: str) -> OnboardingError:
    return ConfigurationError(
        f"The service account's key {key_file} can't be read: {why}.",
        hint="key_file in the section google is the JSON file that Google gives for the account.",
    )
