"""Finds the log-ins that end within two weeks, so that a person renews them before a run fails.

Three things say when they end: RingCentral's JWT, the certificates that config.toml names, and what
a mail provider has announced. No server is asked.
"""

import base64
import binascii
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from onboarding.config import Config
from onboarding.config.companies import Company, rename_sections
from onboarding.config.settings import MailSettings
from onboarding.inbox.settings import ImapSettings
from onboarding.smtp.announced_ends import ANNOUNCED_ENDS
from onboarding.smtp.providers import find_provider
from onboarding.smtp.settings import SmtpSettings

LOG_IN_NOTICE = timedelta(days=14)
"""How long before its end a log-in is told of."""

RENEW_JWT = "Make another in RingCentral's developer console."
RENEW_CERTIFICATE = "Put a new one into that file."
RENEW_AUTHORITY = "Ask for the authority's new certificate, and put it into that file."


@dataclass(frozen=True, slots=True)
class LogInEnd:
    """A log-in that ends: `subject` says which, with its section, and `hint` what to do."""

    subject: str
    day: date
    hint: str


def find_ending_log_ins(config: Config, now: datetime) -> list[LogInEnd]:
    """Find what ends within two weeks, or has ended.

    What a provider has announced counts until its day: afterwards the log-in itself is refused in
    words, or an administrator has allowed it longer.
    """
    last = (now + LOG_IN_NOTICE).date()
    ends = [*_list_jwt_ends(config), *_list_certificate_ends(config)]
    announced = [end for end in _list_announced_ends(config) if now.date() <= end.day]
    return [end for end in (*ends, *announced) if end.day <= last]


def _list_jwt_ends(config: Config) -> Iterator[LogInEnd]:
    accounts = {"[ringcentral]": config.ringcentral} | {
        f"[accounts.{name}]": account for name, account in config.accounts.items()
    }
    for section, account in accounts.items():
        end = find_jwt_end(account.jwt.get_secret_value()) if account.jwt else None
        if end:
            yield LogInEnd(f"the JWT of {section}", end.date(), RENEW_JWT)


def find_jwt_end(token: str) -> datetime | None:
    """Read when a JWT ends (RFC 7519 4.1.4); None where it does not say.

    Its signature is RingCentral's matter.
    """
    parts = token.split(".")
    if len(parts) != 3:  # noqa: PLR2004 -- header, claims, signature
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        return datetime.fromtimestamp(float(claims["exp"]), UTC)
    except (binascii.Error, ValueError, KeyError, TypeError, OverflowError, OSError):
        # A token of another form logs in all the same, or is refused in words.
        return None


def _list_certificate_ends(config: Config) -> Iterator[LogInEnd]:
    certificate = config.console.tls_certificate
    # With its chain: once one of them has ended, browsers refuse all.
    if certificate and (ends := _read_ends(certificate)):
        subject = "the certificate in [console] tls_certificate"
        yield LogInEnd(subject, min(ends).date(), RENEW_CERTIFICATE)
    for section, log_in in _list_log_ins(config):
        # The last one: while an authority changes its certificate, the file has both.
        if log_in.ca_file and (ends := _read_ends(log_in.ca_file)):
            subject = f"the certificate in {section} ca_file"
            yield LogInEnd(subject, max(ends).date(), RENEW_AUTHORITY)


def _read_ends(path: Path) -> list[datetime]:
    # A late import: most configurations name no certificate.
    from onboarding.files.certificates import read_certificate_ends  # noqa: PLC0415

    try:
        return read_certificate_ends(path)
    except (OSError, ValueError):
        # Who needs the file says so: the log-in, or the console as it starts.
        return []


def _list_announced_ends(config: Config) -> Iterator[LogInEnd]:
    for name, server in _list_mail_servers(config):
        provider = find_provider(server.provider, server.host)
        end = ANNOUNCED_ENDS.get(provider) if provider else None
        if end and end.auth == server.auth:
            subject = f"the {end.auth} of [smtp], as {end.announced_by} has announced,"
            company = Company(smtp=name)
            yield LogInEnd(
                rename_sections(subject, company), end.day, rename_sections(end.hint, company)
            )


def _list_mail_servers(config: Config) -> Iterator[tuple[str, MailSettings]]:
    """List the mail servers by name; the one of `[smtp]` has none."""
    yield "", config.smtp
    yield from config.smtp_servers.items()


def _list_log_ins(config: Config) -> Iterator[tuple[str, SmtpSettings | ImapSettings]]:
    """List the mail servers and mailboxes that are logged in at, each with its section."""
    for name, server in _list_mail_servers(config):
        section = f"smtp_servers.{name}" if name else "smtp"
        yield f"[{section}]", server
        yield f"[{section}.sent]", server.sent
    yield "[replies]", config.replies
