"""What the big providers publish: their servers, their limits, and what their typical answers mean.

Data only: `settings` takes the limits as defaults, `replies` looks answers up. Limits change; each can be overruled
in `[smtp]`. Answers of servers of every kind that codes alone don't explain stand in `EVERYWHERE`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from onboarding.model.deliveries import Reply
from onboarding.smtp.phases import DAY

MINUTE, HOUR = 60.0, 3600.0


class Provider(StrEnum):
    """Providers whose limits and answers are known here."""

    MICROSOFT365 = "microsoft365"
    GMAIL = "gmail"
    WORKSPACE_RELAY = "workspace-relay"
    SES = "ses"
    AZURE = "azure"
    SENDGRID = "sendgrid"
    MAILGUN = "mailgun"
    POSTMARK = "postmark"
    BREVO = "brevo"
    RESEND = "resend"


@dataclass(frozen=True, slots=True)
class Meaning:
    """A refusal of us that is known: what to do about it, and after how many seconds it passes.

    Without `passes_after` the code tells whether it may pass. A daily limit does, though it comes as 550.
    `crowded`: we use more connections at once than the server allows.
    """

    hint: str
    passes_after: float | None = None
    crowded: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply that means us, known by its code, enhanced code or a part of its text: each only where given."""

    meaning: Meaning
    code: int = 0
    enhanced: tuple[str, ...] = ()
    says: str = ""

    def fits(self, reply: Reply) -> bool:
        """Tell whether this is the reply that is meant (the text is compared without regard to case)."""
        return (
            self.code in (0, reply.code)
            and (not self.enhanced or reply.enhanced in self.enhanced)
            and self.says in reply.text.lower()
        )


class MessageIds(StrEnum):
    """What becomes of the Message-ID that we give a message (`docs/guides/in-doubt.md` says what that means)."""

    KEPT = "kept"
    REPLACED = "replaced"
    UNKNOWN = "not documented"


Fields = tuple[tuple[str, str], ...]
"""Header fields, name and value."""


@dataclass(frozen=True, slots=True)
class Preset:
    """A provider's defaults for `[smtp]`, its answers, and what it documents about tracking and copies.

    `tracking_off` and `copies` are header fields sent with every message: the first has links left as they are, the
    second lets the provider drop a copy (`{message_id}` stands for the message's name), `keeps_id` has our Message-ID
    kept. Empty where the provider documents none. `source` is the vendor's page, `read` when a copy of it was
    last looked at.
    """

    defaults: Mapping[str, str | int]
    answers: tuple[Answer, ...]
    source: str
    read: str
    message_ids: MessageIds = MessageIds.UNKNOWN
    tracking_off: Fields = ()
    copies: Fields = ()
    keeps_id: Fields = ()

    @property
    def fields(self) -> Fields:
        """The header fields of every message."""
        return (*self.tracking_off, *self.copies, *self.keeps_id)


SEND_AS = Meaning("The account may not send as this sender: change [brand] sender, or have the right granted.")
NOT_OURS = Meaning("The server does not let this account use this sender: check [brand] sender and [smtp] username.")
WANTS_LOGIN = Meaning("The server wants a log-in, or encryption first: give [smtp] username, password and security.")
BASIC_OFF = Meaning("Log-in by password is switched off at Microsoft 365: use [smtp.m365], or a token_command.")
APP_PASSWORD = Meaning("Google wants an app password, or a token ([smtp.google] or token_command), instead of this.")
RELAY_RULES = Meaning("Allow this machine or this account in Google's SMTP relay settings.")
UNVERIFIED = Meaning("Verify the sender at Amazon SES in this region, and have the account moved out of the sandbox.")
NO_RIGHT = Meaning("The SMTP credentials lack the right ses:SendRawEmail.")
BLOCKED = Meaning("The provider has blocked this account or tenant: an administrator has to have the block lifted.")
DAILY = Meaning("A daily limit is reached: run again tomorrow, and set [smtp] per_day below the limit.", DAY)
TOO_FAST = Meaning("We are too fast for the server: lower [smtp] rate or max_connections, and run again.", MINUTE)
CROWDED = Meaning(
    "The server allows fewer connections at once: lower [smtp] max_connections, and run again.",
    MINUTE,
    crowded=True,
)
TOO_MANY_LOGINS = Meaning("Too many log-ins: run again in an hour.", HOUR)
BUSY = Meaning("The server asks to come back later: run again in a while.", 15 * MINUTE)

CROWDED_WORDS = (
    "too many connections",
    "too many concurrent",
    "too many open connections",
    "too many simultaneous",
    "too many sessions",
    "simultaneous connections",
    "concurrent connections",
    "concurrent server connections",
    "number of connections",
    "connection limit",
    "connections limit",
    "connection rate limit",
    "thread limit",
)
"""What Postfix, Exim, sendmail, Exchange, Dovecot and others say of one connection too many, under many codes."""

MICROSOFT_THROTTLES = tuple(f"4.7.{detail}" for detail in range(500, 700))
"""Microsoft's "Server busy" (4.7.500) and "temporarily rate limited due to IP reputation" (4.7.650), and between."""

EVERYWHERE = (
    *(Answer(CROWDED, says=words) for words in CROWDED_WORDS),
    Answer(SEND_AS, says="sendasdenied"),
    Answer(SEND_AS, enhanced=("5.2.252", "5.7.60")),
    Answer(WANTS_LOGIN, code=530),
    Answer(NOT_OURS, says="sender address rejected"),
    Answer(NOT_OURS, says="sender verify failed"),
    Answer(DAILY, enhanced=("5.4.5",)),
    Answer(DAILY, says="submissionquotaexceeded"),
    Answer(BASIC_OFF, enhanced=("5.7.30", "5.7.139")),
    Answer(CROWDED, code=432, enhanced=("4.3.2",)),
    Answer(BUSY, code=451, enhanced=MICROSOFT_THROTTLES),
    Answer(TOO_FAST, enhanced=("4.7.28", "5.7.28")),
)

MICROSOFT365 = Preset(
    defaults=MappingProxyType(
        {"host": "smtp.office365.com", "port": 587, "security": "starttls", "rate": "30/minute", "per_day": 10_000}
    ),
    answers=(
        Answer(DAILY, enhanced=("5.2.0",), says="quota"),
        Answer(DAILY, enhanced=("5.7.232", "5.7.233", "5.7.705")),
        Answer(BLOCKED, enhanced=("5.2.0",), says="outboundspam"),
        Answer(BLOCKED, enhanced=("5.1.8", "5.7.501", "5.7.502", "5.7.503", "5.7.708", "5.7.750")),
    ),
    source="Exchange Online limits",
    read="2026-11",
    message_ids=MessageIds.KEPT,
)

GMAIL = Preset(
    defaults=MappingProxyType({"host": "smtp.gmail.com", "port": 587, "security": "starttls", "per_day": 2_000}),
    answers=(
        Answer(BUSY, code=421, enhanced=("4.7.0",)),
        Answer(TOO_MANY_LOGINS, code=454, enhanced=("4.7.0",)),
        Answer(APP_PASSWORD, code=534),
        Answer(DAILY, says="sending limit exceeded"),
    ),
    source="Gmail sending limits in Google Workspace",
    read="2026-11",
    message_ids=MessageIds.KEPT,
)

WORKSPACE_RELAY = Preset(
    defaults=MappingProxyType({"host": "smtp-relay.gmail.com", "port": 587, "security": "starttls", "per_day": 10_000}),
    answers=(
        *GMAIL.answers,
        Answer(DAILY, says="relay limit exceeded"),
        Answer(RELAY_RULES, says="relay denied"),
        Answer(RELAY_RULES, says="credentials for relay"),
    ),
    source="Route outgoing SMTP relay messages through Google",
    read="2026-11",
    message_ids=MessageIds.KEPT,
)

SES = Preset(
    defaults=MappingProxyType({"port": 587, "security": "starttls"}),
    answers=(
        Answer(DAILY, code=454, says="daily message quota"),
        Answer(TOO_FAST, code=454, says="maximum sending rate"),
        Answer(UNVERIFIED, code=554, says="address is not verified"),
        Answer(NO_RIGHT, code=554, says="access denied"),
    ),
    source="Amazon SES header fields",
    read="2026-11",
    message_ids=MessageIds.REPLACED,
)

AZURE = Preset(
    defaults=MappingProxyType({"host": "smtp.azurecomm.net", "port": 587, "security": "starttls", "rate": "30/minute"}),
    answers=(),
    source="Service limits for Azure Communication Services",
    read="2026-11",
)

SENDGRID = Preset(
    defaults=MappingProxyType({"host": "smtp.sendgrid.net", "port": 587, "security": "starttls"}),
    answers=(),
    source="SMTP filters (X-SMTPAPI)",
    read="2026-11",
    tracking_off=(("X-SMTPAPI", '{"filters": {"clicktrack": {"settings": {"enable": 0, "enable_text": false}}}}'),),
)

MAILGUN = Preset(
    defaults=MappingProxyType({"host": "smtp.mailgun.org", "port": 587, "security": "starttls"}),
    answers=(),
    source="Pass sending options",
    read="2026-11",
    tracking_off=(("X-Mailgun-Track-Clicks", "no"),),
)

POSTMARK = Preset(
    defaults=MappingProxyType({"host": "smtp.postmarkapp.com", "port": 587, "security": "starttls"}),
    answers=(),
    source="Sending email with SMTP",
    read="2026-11",
    message_ids=MessageIds.KEPT,  # by the field below; without it, replaced
    tracking_off=(("X-PM-TrackLinks", "None"),),
    keeps_id=(("X-PM-KeepID", "true"),),
)

BREVO = Preset(
    defaults=MappingProxyType({"host": "smtp-relay.brevo.com", "port": 587, "security": "starttls"}),
    answers=(),
    source="SMTP relay integration",
    read="2026-11",
)

RESEND = Preset(
    defaults=MappingProxyType({"host": "smtp.resend.com", "port": 587, "security": "starttls"}),
    answers=(),
    source="Idempotency Keys",
    read="2026-11",
    copies=(("Resend-Idempotency-Key", "{message_id}"),),
)

PRESETS: Mapping[Provider, Preset] = MappingProxyType(
    {
        Provider.MICROSOFT365: MICROSOFT365,
        Provider.GMAIL: GMAIL,
        Provider.WORKSPACE_RELAY: WORKSPACE_RELAY,
        Provider.SES: SES,
        Provider.AZURE: AZURE,
        Provider.SENDGRID: SENDGRID,
        Provider.MAILGUN: MAILGUN,
        Provider.POSTMARK: POSTMARK,
        Provider.BREVO: BREVO,
        Provider.RESEND: RESEND,
    }
)
