"""What the big providers publish: their servers, their limits, and what their typical replies mean.

Data only: `settings` takes the limits as defaults, `replies` looks up the replies, before it looks
at codes and phases. To say what a provider's 452 at RCPT means, add one `KnownReply` to its preset.
Replies that servers of every kind give, and that codes alone don't explain, are in `EVERYWHERE`.
Limits change; each can be overruled in `[smtp]`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType

from onboarding.model.deliveries import Reply
from onboarding.smtp.phases import SECONDS_PER_DAY, Phase, RefusalScope

SECONDS_PER_MINUTE, SECONDS_PER_HOUR = 60.0, 3600.0


class Provider(StrEnum):
    """The providers that have a preset."""

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
class KnownReply:
    """One row: a reply that is recognised, and what it means.

    It is recognised by its code, its enhanced code, a part of its text in lower case, and the phase
    in which it came, each only where given. `scope` is what it refuses. With `retry_after`
    (seconds) the refusal passes, even if its code says otherwise: a daily limit comes as 550.
    Without it the code decides. A person's message waits that long or longer. `hint` is shown only
    where the refusal stops a connection or the run. `crowded`: we use more connections at once than
    the server allows.
    """

    code: int = 0
    enhanced: tuple[str, ...] = ()
    text: str = ""
    phase: Phase | None = None
    scope: RefusalScope = RefusalScope.CONNECTION
    retry_after: float | None = None
    hint: str = ""
    crowded: bool = False

    def matches(self, phase: Phase, reply: Reply) -> bool:
        """Tell whether this is the reply that is meant."""
        return (
            self.phase in (None, phase)
            and self.code in (0, reply.code)
            and (not self.enhanced or reply.enhanced in self.enhanced)
            and self.text in reply.text.lower()
        )


class MessageIds(StrEnum):
    """What a provider does to our Message-ID (`docs/guides/in-doubt.md` says what that means)."""

    KEPT = "kept"
    REPLACED = "replaced"
    UNKNOWN = "not documented"


HeaderFields = tuple[tuple[str, str], ...]
"""Header fields, name and value."""


@dataclass(frozen=True, slots=True)
class Preset:
    """A provider's defaults for `[smtp]`, its replies, and the header fields that it documents.

    Three kinds of fields go with every message: by `tracking_off` links are left as they are, by
    `copies` the provider drops a copy (`{message_id}` stands for the message's name), by `keeps_id`
    our Message-ID is kept. They are empty where the provider documents none. `source` is the
    vendor's page, `read` the month in which we last read it.

    The rest is for the DNS: what SPF records include, DKIM's usual selectors (none where each
    customer gets others), and whether the provider puts in a return address of its own
    (`writes_return`), so that SPF is about its domain.
    """

    defaults: Mapping[str, str | int]
    replies: tuple[KnownReply, ...]
    source: str
    read: str
    message_ids: MessageIds = MessageIds.UNKNOWN
    tracking_off: HeaderFields = ()
    copies: HeaderFields = ()
    keeps_id: HeaderFields = ()
    spf_include: str = ""
    dkim_selectors: tuple[str, ...] = ()
    writes_return: bool = False

    @property
    def fields(self) -> HeaderFields:
        """The header fields of every message."""
        return (*self.tracking_off, *self.copies, *self.keeps_id)


# Meanings, which several rows share. `replace` adds what a row is recognised by.
SEND_AS = KnownReply(
    scope=RefusalScope.SENDER,
    hint="The account may not send as this sender: "
    "change [brand] sender, or have the right granted.",
)
NOT_OURS = KnownReply(
    scope=RefusalScope.SENDER,
    hint="The server does not let this account use this sender: "
    "check [brand] sender and [smtp] username.",
)
WANTS_LOGIN = KnownReply(
    scope=RefusalScope.SENDER,
    hint="The server wants a log-in, or encryption first: "
    "give [smtp] username, password and security.",
)
BASIC_OFF = KnownReply(
    scope=RefusalScope.SENDER,
    hint="Log-in by password is switched off at Microsoft 365: "
    "use [smtp.m365], or a token_command.",
)
APP_PASSWORD = KnownReply(
    scope=RefusalScope.SENDER,
    hint="Google wants an app password, or a token ([smtp.google] or token_command), "
    "instead of this.",
)
RELAY_RULES = KnownReply(
    scope=RefusalScope.SENDER,
    hint="Allow this machine or this account in Google's SMTP relay settings.",
)
UNVERIFIED = KnownReply(
    scope=RefusalScope.SENDER,
    hint="Verify the sender at Amazon SES in this region, "
    "and have the account moved out of the sandbox.",
)
NO_RIGHT = KnownReply(
    scope=RefusalScope.SENDER, hint="The SMTP credentials lack the right ses:SendRawEmail."
)
BLOCKED = KnownReply(
    scope=RefusalScope.SENDER,
    hint="The provider has blocked this account or tenant. "
    "Ask an administrator to have the block lifted.",
)
DAILY = KnownReply(
    scope=RefusalScope.SENDER,
    retry_after=SECONDS_PER_DAY,
    hint="A daily limit is reached: run again tomorrow, and set [smtp] per_day below the limit.",
)
TOO_FAST = KnownReply(
    retry_after=SECONDS_PER_MINUTE,
    hint="We are too fast for the server: lower [smtp] rate or max_connections, and run again.",
)
CROWDED = KnownReply(
    retry_after=SECONDS_PER_MINUTE,
    hint="The server allows fewer connections at once: "
    "lower [smtp] max_connections, and run again.",
    crowded=True,
)
TOO_MANY_LOGINS = KnownReply(
    retry_after=SECONDS_PER_HOUR, hint="Too many log-ins: run again in an hour."
)
BUSY = KnownReply(
    retry_after=15 * SECONDS_PER_MINUTE,
    hint="The server asks to come back later: run again in a while.",
)

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
"""What mail servers say of one connection too many, under many codes.

Seen in Postfix, Exim, sendmail, Exchange and Dovecot, among others.
"""

MICROSOFT_THROTTLES = tuple(f"4.7.{detail}" for detail in range(500, 700))
"""From "Server busy" (4.7.500) to "temporarily rate limited due to IP reputation" (4.7.650)."""

# The first row that matches wins, so words about connections come before bare codes.
EVERYWHERE = (
    *(replace(CROWDED, text=words) for words in CROWDED_WORDS),
    # Exchange: a bare 554 5.2.0 stands for many exceptions, so the name in the text decides.
    replace(SEND_AS, text="sendasdenied"),
    replace(SEND_AS, enhanced=("5.2.252", "5.7.60")),
    replace(WANTS_LOGIN, code=530),
    replace(NOT_OURS, text="sender address rejected"),
    replace(NOT_OURS, text="sender verify failed"),
    # Google's daily limit. RFC 3463 has the code for congestion, which would not last a day.
    replace(DAILY, enhanced=("5.4.5",)),
    replace(DAILY, text="submissionquotaexceeded"),
    # 5.7.139 comes at the log-in, 5.7.30 may come at MAIL or RCPT.
    replace(BASIC_OFF, enhanced=("5.7.30", "5.7.139")),
    # Exchange's limit of submissions at once. By RFC 4954 a 432 is about the password.
    replace(CROWDED, code=432, enhanced=("4.3.2",)),
    replace(BUSY, code=451, enhanced=MICROSOFT_THROTTLES),
    # Google's: an unusual rate of mail.
    replace(TOO_FAST, enhanced=("4.7.28", "5.7.28")),
)

MICROSOFT365 = Preset(
    defaults=MappingProxyType(
        {
            "host": "smtp.office365.com",
            "port": 587,
            "security": "starttls",
            # Both limits are those of one mailbox, other programs included.
            "rate": "30/minute",
            "per_day": 10_000,
        }
    ),
    replies=(
        # Two exceptions behind one code: only their names tell a limit from a block.
        replace(DAILY, enhanced=("5.2.0",), text="quota"),
        replace(DAILY, enhanced=("5.7.232", "5.7.233", "5.7.705")),
        replace(BLOCKED, enhanced=("5.2.0",), text="outboundspam"),
        replace(BLOCKED, enhanced=("5.1.8", "5.7.501", "5.7.502", "5.7.503", "5.7.708", "5.7.750")),
    ),
    source="Exchange Online limits",
    read="2026-11",
    message_ids=MessageIds.KEPT,
    spf_include="spf.protection.outlook.com",
    dkim_selectors=("selector1", "selector2"),
)

GMAIL = Preset(
    defaults=MappingProxyType(
        {"host": "smtp.gmail.com", "port": 587, "security": "starttls", "per_day": 2_000}
    ),
    replies=(
        replace(BUSY, code=421, enhanced=("4.7.0",)),
        replace(TOO_MANY_LOGINS, code=454, enhanced=("4.7.0",)),
        replace(APP_PASSWORD, code=534),
        replace(DAILY, text="sending limit exceeded"),
    ),
    source="Gmail sending limits in Google Workspace",
    read="2026-11",
    message_ids=MessageIds.KEPT,
    spf_include="_spf.google.com",
    dkim_selectors=("google",),
)

WORKSPACE_RELAY = Preset(
    defaults=MappingProxyType(
        {"host": "smtp-relay.gmail.com", "port": 587, "security": "starttls", "per_day": 10_000}
    ),
    replies=(
        *GMAIL.replies,
        replace(DAILY, text="relay limit exceeded"),
        replace(RELAY_RULES, text="relay denied"),
        replace(RELAY_RULES, text="credentials for relay"),
    ),
    source="Route outgoing SMTP relay messages through Google",
    read="2026-11",
    message_ids=MessageIds.KEPT,
    spf_include="_spf.google.com",
    dkim_selectors=("google",),
)

SES = Preset(
    # No host: each region has its own.
    defaults=MappingProxyType({"port": 587, "security": "starttls"}),
    replies=(
        # SES has one code for several reasons and gives no enhanced one, so its words decide.
        replace(DAILY, code=454, text="daily message quota"),
        replace(TOO_FAST, code=454, text="maximum sending rate"),
        replace(UNVERIFIED, code=554, text="address is not verified"),
        replace(NO_RIGHT, code=554, text="access denied"),
    ),
    source="Amazon SES header fields",
    read="2026-11",
    message_ids=MessageIds.REPLACED,
    spf_include="amazonses.com",
    writes_return=True,  # at amazonses.com, or at a subdomain that the customer names
)

AZURE = Preset(
    defaults=MappingProxyType(
        # The second limit, 100 an hour, is left to the user: two rates can't be set at once.
        {"host": "smtp.azurecomm.net", "port": 587, "security": "starttls", "rate": "30/minute"}
    ),
    replies=(),
    source="Service limits for Azure Communication Services",
    read="2026-11",
    spf_include="spf.protection.outlook.com",
)

SENDGRID = Preset(
    defaults=MappingProxyType({"host": "smtp.sendgrid.net", "port": 587, "security": "starttls"}),
    replies=(),
    source="SMTP filters (X-SMTPAPI)",
    read="2026-11",
    tracking_off=(
        (
            "X-SMTPAPI",
            '{"filters": {"clicktrack": {"settings": {"enable": 0, "enable_text": false}}}}',
        ),
    ),
    spf_include="sendgrid.net",
    dkim_selectors=("s1", "s2"),
    writes_return=True,
)

MAILGUN = Preset(
    defaults=MappingProxyType({"host": "smtp.mailgun.org", "port": 587, "security": "starttls"}),
    replies=(),
    source="Pass sending options",
    read="2026-11",
    tracking_off=(("X-Mailgun-Track-Clicks", "no"),),
    spf_include="mailgun.org",
)

POSTMARK = Preset(
    defaults=MappingProxyType(
        {"host": "smtp.postmarkapp.com", "port": 587, "security": "starttls"}
    ),
    replies=(),
    source="Sending email with SMTP",
    read="2026-11",
    message_ids=MessageIds.KEPT,  # by the field below; without it, replaced
    tracking_off=(("X-PM-TrackLinks", "None"),),
    keeps_id=(("X-PM-KeepID", "true"),),
    spf_include="spf.mtasv.net",
    writes_return=True,
)

BREVO = Preset(
    defaults=MappingProxyType(
        {"host": "smtp-relay.brevo.com", "port": 587, "security": "starttls"}
    ),
    replies=(),
    source="SMTP relay integration",
    read="2026-11",
    spf_include="spf.brevo.com",
    dkim_selectors=("brevo1", "brevo2", "mail"),
    writes_return=True,
)

RESEND = Preset(
    defaults=MappingProxyType({"host": "smtp.resend.com", "port": 587, "security": "starttls"}),
    replies=(),
    source="Idempotency Keys",
    read="2026-11",
    copies=(("Resend-Idempotency-Key", "{message_id}"),),
    spf_include="amazonses.com",
    dkim_selectors=("resend",),
    writes_return=True,  # at a subdomain of the customer's
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


def find_provider(given: Provider | None, host: str) -> Provider | None:
    """Find the provider that is meant: the one that was named, else by the host of its preset."""
    if given:
        return given
    known = {preset.defaults.get("host"): provider for provider, preset in PRESETS.items()}
    return known.get(host.lower())
