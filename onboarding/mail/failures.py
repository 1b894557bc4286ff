"""Why we did not get in, in words: from aiosmtplib's and Python's exceptions to `Refused` and `TryLater`.

Pure. `Refused` where somebody has to change something (password, certificate, port), `TryLater` where the server or
the way to it is away, `ConnectionRefusal` where this one connection was turned away at once and another may not be.
No message holds more of our side than host, port and user name.
"""

import socket
import ssl
from dataclasses import replace

import aiosmtplib

from onboarding.errors import OnboardingError, Refused, TryLater
from onboarding.mail.replies import LOWEST_REFUSAL, cleaned, judge, refusal, reply_of
from onboarding.mail.settings import SmtpSettings
from onboarding.mail.verdicts import ConnectionRefusal, Phase
from onboarding.model.foreign_text import clean
from onboarding.model.known_secrets import NONE, Secrets

SECURITY_HINT = 'Usual are security = "starttls" with port 587 and security = "tls" with port 465.'
CERTIFICATE_HINT = (
    "Give [smtp] host the very name that the certificate bears; where your company has its own authority, "
    "give its certificate as [smtp] ca_file."
)
LOG_IN_HINT = "Check [smtp] username, and that the token is for this server and may send mail for this mailbox."
AWAY_HINT = "Nothing is lost: run again when it is back. If it never answers, check [smtp] host and port."

Failure = aiosmtplib.SMTPException | OSError
"""What connecting, encrypting and logging in can raise (`ssl.SSLError` and time-outs are OSErrors)."""


def explain(phase: Phase, failure: Failure, settings: SmtpSettings, secrets: Secrets = NONE) -> OnboardingError:
    """Put a failure at a phase of opening into the error that stops the run.

    `secrets` are what the server was given: the answer to a log-in may quote it.
    """
    place = settings.place
    if isinstance(failure, aiosmtplib.SMTPResponseException):
        return _answered(phase, failure, settings, secrets)
    cause = failure.__cause__ if isinstance(failure, aiosmtplib.SMTPConnectError) and failure.__cause__ else failure
    match cause:
        case ssl.SSLCertVerificationError():
            why = clean(cause.verify_message).rstrip(".")
            return Refused(f"The certificate of {place} can't be trusted: {why}.", hint=CERTIFICATE_HINT)
        case ssl.SSLError():
            return Refused(f"{place} does not begin an encrypted connection.", hint=SECURITY_HINT)
        case socket.gaierror():
            return TryLater(f"The mail server's name {settings.host} is not known here.", hint=AWAY_HINT)
        case TimeoutError():
            return TryLater(f"The mail server {place} did not answer in time.", hint=f"{AWAY_HINT} {SECURITY_HINT}")
        case _:
            message = f"The mail server {place} can't be reached, or closed the connection."
            return ConnectionRefusal(message, hint=AWAY_HINT, phase=phase)


def _answered(
    phase: Phase, failure: aiosmtplib.SMTPResponseException, settings: SmtpSettings, secrets: Secrets
) -> OnboardingError:
    if failure.code < LOWEST_REFUSAL:
        return Refused(f"{settings.place} does not answer as a mail server.", hint="Check [smtp] host and port.")
    reply = cleaned(reply_of(failure.code, failure.message.split("\n")), secrets)
    verdict = judge(phase, reply, settings.provider)
    if phase is Phase.LOGIN and settings.auth == "xoauth2" and not verdict.hint:
        verdict = replace(verdict, hint=LOG_IN_HINT)
    return refusal(phase, reply, settings.place, verdict)
