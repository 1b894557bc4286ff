"""Checks that the settings of `[console]` fit together: before a port is opened, and in words.

A console that other machines reach needs a certificate and users: this is the one place that says
so. The form of each value is checked where it is read (`config.console`).
"""

import ipaddress
from collections.abc import Iterator

from onboarding.config import Config
from onboarding.config.console import ConsoleSettings, ConsoleUser
from onboarding.config.settings import suggest
from onboarding.console.passwords import is_password_hash
from onboarding.console.tls import load_tls
from onboarding.errors import ConfigurationError
from onboarding.model.checks import CheckResult
from onboarding.model.foreign_text import printable

ANY_ADDRESS = frozenset({"0.0.0.0", "::"})  # noqa: S104 -- compared with, not listened at
"""Hosts that stand for all addresses of a machine, so that none of them is the console's name."""


def check_settings(config: Config) -> None:
    """Check that the settings fit together. Raises ConfigurationError with all that is wrong."""
    problems = [*_find_console_problems(config.console), *_find_user_problems(config)]
    # All at once: a person who sets up the console should not have to start it five times.
    if problems:
        lines = "\n".join(f"{config.file}: {problem}" for problem in problems)
        raise ConfigurationError(lines, hint="The guide on the console shows each set-up.")


def check_console(config: Config) -> CheckResult:
    """Check what would keep `serve` from starting, as one line of `check`."""
    try:
        check_settings(config)
        load_tls(config.console)
    except ConfigurationError as error:
        return CheckResult("console", ok=False, detail=error.message, hint=error.hint)
    return CheckResult("console", ok=True, detail="its settings fit together")


def is_loopback_host(host: str) -> bool:
    """Whether only this machine reaches a server there."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        # No other name is looked up: what it means may change while the console runs.
        return host == "localhost"


def _find_console_problems(settings: ConsoleSettings) -> Iterator[str]:
    """Say what does not fit together in `[console]` itself."""
    host, url = settings.host, settings.public_url
    has_certificate, has_key = bool(settings.tls_certificate), bool(settings.tls_key)
    is_local = is_loopback_host(host)
    from_outside = f"[console] host = {host!r} is reached from other machines"
    problems = {
        "[console] tls_certificate and tls_key go together.": has_certificate != has_key,
        f"{from_outside}, so it needs tls_certificate and tls_key.": (
            not is_local and not (has_certificate and has_key)
        ),
        "[console] is reached from other machines, so it needs users: [console.users.NAME].": (
            (bool(url) or not is_local) and not settings.users
        ),
        "[console] public_url has to begin with https:// for other machines.": (
            url.startswith("http:") and not _is_local_url(url)
        ),
        f"[console] host = {host!r} has no name of its own, so it needs public_url.": (
            host in ANY_ADDRESS and not url
        ),
    }
    return (problem for problem, is_there in problems.items() if is_there)


def _is_local_url(url: str) -> bool:
    authority = url.partition("://")[2]
    # Without the port; of an IPv6 address, which is in brackets, the colons stay.
    host = authority.partition("]")[0] if "]" in authority else authority.partition(":")[0]
    return is_loopback_host(host.removeprefix("["))


def _find_user_problems(config: Config) -> Iterator[str]:
    """Say what is wrong with users: a hash that is missing or malformed, an unknown webinar."""
    for name, user in config.console.users.items():
        yield from _find_role_problems(name, user)
        yield from _find_hash_problems(name, user)
        for webinar in user.webinars:
            if webinar not in config.webinars:
                near = suggest(webinar, config.webinars)
                known = f"[console.users.{name}] webinars names {printable(webinar)!r}"
                yield f"{known}, which is not configured. {near}".strip()


def _find_role_problems(name: str, user: ConsoleUser) -> Iterator[str]:
    if user.role is None:
        # A secret makes a user, too: it may be what is left of a person who was taken out.
        left = f" Or delete {_variable_of(name)}." if user.password_hash else ""
        yield f'[console.users.{name}] has no role: write "viewer" or "approver".{left}'


def _find_hash_problems(name: str, user: ConsoleUser) -> Iterator[str]:
    variable = _variable_of(name)
    if user.password_hash is None:
        yield (
            f"[console.users.{name}] has no password. `onboarding console-password` makes its "
            f"hash, for {variable}."
        )
    elif not is_password_hash(user.password_hash.get_secret_value()):
        yield f"{variable} is no hash that `onboarding console-password` has printed."


def _variable_of(name: str) -> str:
    """Name the secret of a user's password."""
    return f"ONBOARDING_CONSOLE__USERS__{name.upper()}__PASSWORD_HASH"
