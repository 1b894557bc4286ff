"""The `[smtp]` settings: where the mail server is, how we get in, and how fast it may be used.

Light on purpose (pydantic only): `config` imports it for every command. It checks what can be
checked without the network; whether a secret is there is checked when a connection is wanted,
because `status` needs none.
"""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Protocol, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    PlainSerializer,
    PositiveInt,
    SecretStr,
    model_validator,
)

from onboarding.model.addresses import DNS_LABELS, encode_address_domain, is_loopback
from onboarding.smtp.host_names import format_host_and_port, validate_host
from onboarding.smtp.providers import PRESETS, Provider

PORTS = {"starttls": 587, "tls": 465, "none": 25}
SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
RATE = re.compile(r"\s*(\d+)\s*(?:/|per)\s*(second|minute|hour|day)\s*", re.IGNORECASE)

LONGEST_NAME, LONGEST_VALUE = 76, 900
"""Characters of a header field. Both fit into one line (RFC 5322 2.1.1), so nothing is folded."""

# No line end in either: it would begin another field, or the body.
FIELD_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,75}")
FIELD_VALUE = re.compile(r"[\x21-\x7e]|[\x21-\x7e][\x20-\x7e]{0,898}[\x21-\x7e]")
RESERVED_FIELDS = frozenset(
    {
        # The program writes these.
        *("from", "to", "reply-to", "subject", "date", "message-id", "mime-version"),
        *("auto-submitted", "x-auto-response-suppress"),
        # A message has one recipient; the last three are for mail servers to write.
        *("cc", "bcc", "received", "return-path", "dkim-signature"),
    }
)
# The first make a mail look forwarded, the second would contradict the MIME structure. The last are
# our own: a test message and a copy are recognised by them.
RESERVED_PREFIXES = ("resent-", "content-", "x-onboarding-")

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
# RFC 5321's `Dot-string`: MAIL needs no quotes around it.
BARE_LOCAL = re.compile(rf"{_ATOM}(\.{_ATOM})*")
LONGEST_LOCAL_PART = 64
"""Characters before the `@` (RFC 5321 4.5.3.1.1). Servers refuse a longer one at MAIL."""
BARE_DOMAIN = re.compile(r"[^\W_][\w.-]*[^\W_]")

EHLO_NAME = re.compile(r"[\x21-\x7e]*")

TOKEN_MARK = "{token}"  # noqa: S105 -- no password
"""In `envelope_sender`, stands for what names the message: each has a return address of its own."""

LONGEST_DNS_NAME = 253
"""Characters of a name (RFC 1035 2.3.4)."""

LONGEST_TOKEN = 32
"""Characters: the digits of `ledger.bounces.BounceTokens`."""

TRIAL_TOKEN = "trial"  # noqa: S105 -- no password
"""Stands there in a message that is no delivery, such as that of `send-test`."""

TOKEN_SOURCES = ("token_command", "m365", "google")


@dataclass(frozen=True, slots=True)
class Rate:
    """So many messages in so many seconds."""

    messages: int
    seconds: int

    @property
    def interval(self) -> float:
        """Seconds from one message to the next at an even pace."""
        return self.seconds / self.messages

    def __str__(self) -> str:
        unit = next(name for name, seconds in SECONDS.items() if seconds == self.seconds)
        return f"{self.messages}/{unit}"


def parse_rate(value: Any) -> Any:
    """Read "30/minute" (also per second, hour or day). Raises ValueError with an example."""
    if not isinstance(value, str):
        return value
    found = RATE.fullmatch(value)
    if not found or int(found[1]) == 0:
        raise ValueError('write a rate as "30/minute" (or /second, /hour, /day)')
    return Rate(int(found[1]), SECONDS[found[2].lower()])


def parse_command(value: Any) -> Any:
    """Split a command as a shell would; none runs it. Raises ValueError for an open quote."""
    return shlex.split(value) if isinstance(value, str) else value


def validate_address(value: str) -> str:
    """Accept a bare address of plain letters before its `@`, or nothing."""
    local, _, domain = value.rpartition("@")
    if "{" in value.replace(TOKEN_MARK, "", 1) or TOKEN_MARK in value.rpartition("@")[2]:
        raise ValueError('write {token} once, before the @, as in "bounces+{token}@example.com"')
    if value and (not BARE_LOCAL.fullmatch(local) or not BARE_DOMAIN.fullmatch(domain)):
        raise ValueError('write a bare address, such as "bounces@example.com"')
    length = len(local.replace(TOKEN_MARK, "x" * LONGEST_TOKEN))
    if length > LONGEST_LOCAL_PART:
        raise ValueError(
            f"it has up to {length} characters before its @, and mail servers take "
            f"{LONGEST_LOCAL_PART} ({TOKEN_MARK} becomes up to {LONGEST_TOKEN}): shorten it"
        )
    try:
        encode_address_domain(value)
    except ValueError:
        raise ValueError("the domain of this address can't exist") from None
    return value


def validate_ehlo_name(name: str) -> str:
    """Accept what the greeting may name. Raises ValueError with examples."""
    # No space and no line end: the name goes into a command as it is.
    if name and not EHLO_NAME.fullmatch(name):
        raise ValueError('write a name such as "mail.example.com", or an address: "[192.0.2.1]"')
    return name


def validate_dns_name(name: str) -> str:
    """Accept a DKIM selector or a domain, in lower case. Raises ValueError for other text."""
    lower = name.strip().lower().rstrip(".")
    # A selector may have dots and underscores, too.
    if lower and not (len(lower) <= LONGEST_DNS_NAME and DNS_LABELS.fullmatch(lower)):
        raise ValueError("write it with letters, digits, hyphens and dots, as the DNS has it")
    return lower


def validate_headers(fields: dict[str, str]) -> dict[str, str]:
    """Accept header fields that a user may add to every message. Raises ValueError for others."""
    for name, value in fields.items():
        _check_field(name, value)
    if len({name.lower() for name in fields}) < len(fields):
        raise ValueError("one header is there twice (capitals make no difference)")
    return fields


def _check_field(name: str, value: str) -> None:
    if not FIELD_NAME.fullmatch(name):
        raise ValueError(
            f"{name!r} is no header's name: use letters, digits and hyphens, at most {LONGEST_NAME}"
        )
    lower = name.lower()
    if lower in RESERVED_FIELDS or lower.startswith(RESERVED_PREFIXES):
        raise ValueError(f"{name} is not yours to set: the program or the mail server does")
    if not FIELD_VALUE.fullmatch(value):
        raise ValueError(
            f"the value of {name} has to be 1 to {LONGEST_VALUE} plain characters in one line"
        )


def select_auth(filled: Mapping[str, Any]) -> str:
    """Choose the kind of log-in by the credentials that are given."""
    if any(filled.get(source) for source in TOKEN_SOURCES):
        return "xoauth2"
    # A token needs a username too, so that alone does not decide.
    return "password" if filled.get("username") else "none"


def check_log_in(log_in: "LogIn") -> None:
    """Raise ValueError unless what is set fits together as one way to log in."""
    sources = _list_token_sources(log_in)
    if log_in.auth == "none" and (log_in.username or sources):
        raise ValueError(
            'auth = "none" means no log-in: '
            "leave username and the source of tokens out, or change it"
        )
    if log_in.auth != "none" and not log_in.username:
        raise ValueError(f'auth = "{log_in.auth}" needs a username')
    if log_in.auth == "xoauth2" and len(sources) != 1:
        found = f"it has {' and '.join(sources)}: leave one" if sources else "it has none"
        m365, google = f"[{log_in.section}.m365]", f"[{log_in.section}.google]"
        raise ValueError(f'auth = "xoauth2" needs token_command, {m365} or {google}; {found}')


def _list_token_sources(log_in: "LogIn") -> list[str]:
    """The keys of `TOKEN_SOURCES` that are set."""
    values = (log_in.token_command, log_in.m365.tenant, log_in.google.key_file)
    return [name for name, value in zip(TOKEN_SOURCES, values, strict=True) if value]


class MicrosoftSettings(BaseModel, extra="forbid", frozen=True):
    """An application at Microsoft 365 that may send as the mailbox (`SMTP.SendAsApp`).

    Unused without a tenant. `authority` differs in national clouds.
    """

    tenant: str = ""
    client_id: str = ""
    client_secret: SecretStr | None = None
    # The application's secret is posted there, so nothing but https is accepted.
    authority: str = Field(default="https://login.microsoftonline.com", pattern="^https://")

    @model_validator(mode="after")
    def _check_complete(self) -> Self:
        if bool(self.tenant) != bool(self.client_id):
            raise ValueError(
                "needs tenant and client_id, "
                "as the application's page at Microsoft Entra shows them"
            )
        return self


class GoogleSettings(BaseModel, extra="forbid", frozen=True):
    """A service account at Google that may speak for the mailbox. Unused without a key."""

    key_file: Path | None = None


class LogIn(Protocol):
    """How to get in at a mail server: what `[smtp]` and the mailboxes of `inbox` have in common.

    `section` is the section of config.toml, without brackets.
    """

    section: ClassVar[str]

    @property
    def security(self) -> str:
        """How the line is encrypted; `none` for not at all."""

    @property
    def ca_file(self) -> Path | None:
        """The certificates to trust instead of the usual ones."""

    @property
    def auth(self) -> str:
        """How: `password`, `xoauth2` or `none`."""

    @property
    def username(self) -> str:
        """Who logs in."""

    @property
    def password(self) -> SecretStr | None:
        """The password, where one is used."""

    @property
    def token_command(self) -> tuple[str, ...]:
        """The program that prints a token."""

    @property
    def token_lifetime(self) -> float:
        """How long its token is good for, in seconds."""

    @property
    def m365(self) -> MicrosoftSettings:
        """The application at Microsoft 365."""

    @property
    def google(self) -> GoogleSettings:
        """The service account at Google."""


class SmtpSettings(BaseModel, extra="forbid", frozen=True):
    """The mail server. `provider` fills in what is not given: host, port, security, rate, per_day.

    `timeout` (seconds) replaces every wait of RFC 5321 4.5.3.2; a short one only makes doubt.
    `allow_plaintext` lets mail go unencrypted to another machine, without a log-in.
    `envelope_sender` gets the bounces, in place of the messages' sender. `max_messages` is how many
    messages one connection carries before it is replaced. `headers` are fields of every message.
    `brake` is read as `max_consecutive_rejections`.
    """

    section: ClassVar[str] = "smtp"

    provider: Provider | None = None
    host: Annotated[str, Field(min_length=1), AfterValidator(validate_host)]
    port: int = Field(ge=1, le=65535)
    security: Literal["starttls", "tls", "none"] = "starttls"
    allow_plaintext: bool = False
    ca_file: Path | None = None
    auth: Literal["password", "xoauth2", "none"]
    username: str = ""
    password: SecretStr | None = None
    token_command: Annotated[tuple[str, ...], BeforeValidator(parse_command)] = ()
    # Ten minutes short of the usual hour: a program may print a token that it has cached.
    token_lifetime: float = Field(default=3000.0, gt=0)
    m365: MicrosoftSettings = MicrosoftSettings()
    google: GoogleSettings = GoogleSettings()
    ehlo_name: Annotated[str, AfterValidator(validate_ehlo_name)] = ""
    envelope_sender: Annotated[str, AfterValidator(validate_address)] = ""
    headers: Annotated[dict[str, str], AfterValidator(validate_headers)] = {}
    # Exchange Online allows 3 per mailbox, and another program may use one of them.
    max_connections: PositiveInt = 2
    max_messages: PositiveInt = 100
    rate: Annotated[
        Rate | None, BeforeValidator(parse_rate), PlainSerializer(lambda rate: rate and str(rate))
    ] = None
    per_day: PositiveInt | None = None
    brake: PositiveInt = 10
    dkim_selectors: tuple[Annotated[str, AfterValidator(validate_dns_name)], ...] = ()
    dkim_domain: Annotated[str, AfterValidator(validate_dns_name)] = ""
    timeout: float | None = Field(default=None, gt=0)

    @property
    def fixed_fields(self) -> tuple[tuple[str, str], ...]:
        """The header fields of every message: the provider's, and the user's, which win."""
        given = {name.lower() for name in self.headers}
        preset = PRESETS[self.provider].fields if self.provider else ()
        kept = [(name, value) for name, value in preset if name.lower() not in given]
        return (*kept, *self.headers.items())

    @property
    def max_consecutive_rejections(self) -> int:
        """How many rejections in a row stop a run (key `brake`)."""
        return self.brake

    def make_envelope_sender(self, token: str = "") -> str:
        """Make the address that gets a message's bounces; empty where none is set."""
        return self.envelope_sender.replace(TOKEN_MARK, token or TRIAL_TOKEN)

    @property
    def is_plaintext(self) -> bool:
        """Whether mail goes unencrypted to another machine: `allow_plaintext` was set."""
        return self.security == "none" and not is_loopback(self.host)

    @property
    def host_and_port(self) -> str:
        """Host and port, for messages."""
        return format_host_and_port(self.host, self.port)

    @model_validator(mode="before")
    @classmethod
    def _add_defaults(cls, given: Any) -> Any:
        """Choose what the user left open by the preset, the security and the credentials."""
        if not isinstance(given, dict):
            return given
        # A provider that has no preset is reported by the field's own check.
        # A list, because a wrong value may be one that can't be hashed, such as a table.
        is_known = given.get("provider") in [*Provider]
        preset = PRESETS[Provider(given["provider"])].defaults if is_known else {}
        filled = {**preset, **given}
        # A wrong `security` gets a port too: only it is reported then, and no missing port besides.
        filled.setdefault("port", PORTS.get(str(filled.get("security")), PORTS["starttls"]))
        filled.setdefault("auth", select_auth(filled))
        return filled

    @model_validator(mode="after")
    def _check_encryption(self) -> Self:
        if self.allow_plaintext and (self.security, self.auth) != ("none", "none"):
            raise ValueError(
                'allow_plaintext = true goes with security = "none" and auth = "none" only: '
                "no password may travel unencrypted"
            )
        if self.is_plaintext and not self.allow_plaintext:
            raise ValueError(
                f"{self.host} is another machine, so the line has to be encrypted: "
                'set security = "starttls" or "tls" '
                "(or, for a relay inside your own network that needs no log-in, "
                "allow_plaintext = true)"
            )
        return self

    @model_validator(mode="after")
    def _check_credentials(self) -> Self:
        check_log_in(self)
        return self
