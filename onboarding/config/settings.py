"""What can be set: one model that holds the settings of each room, with every path absolute.

Relative paths count from the folder of `config.toml`, from wherever the program is started.
Otherwise cron would begin a second ledger and mail every person twice. Reads nothing; `load` does.
"""

import difflib
import re
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, Self, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from onboarding.config.alerts import AlertSettings
from onboarding.config.companies import Company, NamedBrandSettings, SectionName
from onboarding.config.console import ConsoleSettings
from onboarding.errors import ConfigurationError
from onboarding.inbox.settings import ImapSettings, RepliesSettings, SentSettings
from onboarding.ledger.settings import SCHEME, SERVER_SCHEME, LedgerSettings
from onboarding.messages.settings import BrandSettings
from onboarding.model.accounts import DEFAULT_ACCOUNT, AccountKey
from onboarding.model.addresses import encode_domain
from onboarding.model.foreign_text import printable
from onboarding.model.known_secrets import Secrets
from onboarding.model.reviews import ApprovalMode
from onboarding.ringcentral.settings import RingCentralSettings
from onboarding.smtp.settings import SmtpSettings

PREFIX = "ONBOARDING_"

# TOML reads RingCentral's id as a number where it has no quotes.
Identifier = Annotated[
    str, BeforeValidator(lambda value: str(value) if isinstance(value, int) else value)
]


_APPROVAL_MODES = {
    "true": ApprovalMode.REQUIRED,
    "false": ApprovalMode.NONE,
    "strict": ApprovalMode.STRICT,
}


def _parse_approval(value: object) -> object:
    """Take true, false or "strict"; a variable has them as words."""
    if isinstance(value, ApprovalMode):
        return value
    word = str(value).lower() if isinstance(value, bool) else value
    if not isinstance(word, str) or word not in _APPROVAL_MODES:
        raise ValueError('write true, false or "strict"')
    return _APPROVAL_MODES[word]


def _encode_allowed(domain: str) -> str:
    """Write a domain as its A-label, as addresses are compared. Raises ValueError if it is none."""
    try:
        return encode_domain(domain.strip().rstrip("."))
    except ValueError:
        raise ValueError("a domain is written as example.com, without @ and *") from None


MOST_REMOVED = 3
"""`remove_at_most`, unless config.toml says otherwise."""


class WebinarSettings(BaseModel, extra="forbid", frozen=True):
    """`[webinars.NAME]`: which webinar, who is invited, and which templates are used.

    `session` may be left out if the webinar has only one. `columns` maps our columns to the
    roster's headers. With `approval`, only what a person has approved is done: see
    `plan.approval`. `messages` replaces keys of the section `[messages]`: `schedule` reads both.
    `account`, `brand` and `smtp` name the company's sections; without them the plain ones are used.
    """

    webinar: Annotated[Identifier, Field(pattern=r"^\d{1,20}$")]
    session: Annotated[Identifier, Field(pattern=r"^\d{1,20}$")] | None = None
    invitees: Path
    templates: Path | None = None
    columns: dict[str, str] = {}
    approval: Annotated[ApprovalMode, BeforeValidator(_parse_approval)] = ApprovalMode.NONE
    messages: dict[str, Any] = {}
    remove: bool = False
    """Whether `run --all` removes people who have left the roster (`plan.cron_removals`)."""
    remove_at_most: Annotated[int, Field(ge=1, le=99)] = MOST_REMOVED
    """If more people have left at once, it removes none of them."""
    account: str = ""
    brand: str = ""
    smtp: str = ""

    @property
    def company(self) -> Company:
        """The sections that it uses."""
        return Company(self.account or DEFAULT_ACCOUNT, self.brand, self.smtp)


class RehearsalSettings(BaseModel, extra="forbid", frozen=True):
    """`[rehearsal]`: the fence that keeps a rehearsal from reaching real people.

    With `allow_domains`, people at other domains are neither registered nor mailed.
    """

    allow_domains: tuple[Annotated[str, AfterValidator(_encode_allowed)], ...] = ()


class ReportSettings(BaseModel, extra="forbid", frozen=True):
    """`[reports.NAME]`: a CRM's headers, each with our column, and its word for each status.

    What they name is checked when the report is made: the rosters have columns of their own.
    """

    columns: dict[str, str]
    status: dict[str, str] = {}


WEBINAR_NAME = r"^[a-z0-9][a-z0-9_-]*$"
WebinarName = Annotated[str, Field(pattern=WEBINAR_NAME, max_length=64)]


class MailSettings(SmtpSettings, extra="forbid", frozen=True):
    """`[smtp]` with `[smtp.sent]`, the place that shows what the server has taken."""

    sent: SentSettings = SentSettings()


class Config(BaseSettings):
    """Everything that can be set, and the `file` that it was read from; all paths are absolute."""

    model_config = SettingsConfigDict(
        extra="forbid",
        frozen=True,
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        nested_model_default_partial_update=True,
    )

    ringcentral: RingCentralSettings = RingCentralSettings()
    smtp: MailSettings
    # A factory: pydantic-settings would put a default's values beside those that are given, and
    # the log-in is chosen by what is given.
    replies: RepliesSettings = Field(default_factory=RepliesSettings)
    brand: BrandSettings
    ledger: LedgerSettings = LedgerSettings()
    accounts: dict[SectionName, RingCentralSettings] = {}
    brands: dict[SectionName, NamedBrandSettings] = {}
    smtp_servers: dict[SectionName, MailSettings] = {}
    rehearsal: RehearsalSettings = RehearsalSettings()
    messages: dict[str, Any] = {}
    webinars: dict[WebinarName, WebinarSettings] = {}
    reports: dict[WebinarName, ReportSettings] = {}
    alerts: AlertSettings = AlertSettings()
    console: ConsoleSettings = ConsoleSettings()
    file: Path
    secret_files: tuple[Path, ...] = ()
    """Files of the secrets folder, if the user and not systemd has set their modes."""
    stand_ins: frozenset[str] = frozenset()
    """The plain sections that are left out, because each webinar names its own."""
    company: Company = Company()
    """The company that `ringcentral`, `brand` and `smtp` belong to (`of_company`)."""

    @property
    def folder(self) -> Path:
        """The folder of config.toml, from which every relative path in it counts."""
        return self.file.parent

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003  -- the signature is pydantic-settings'
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take exactly what `load` passes in: the process's own environment is read there, once."""
        return (init_settings,)

    @property
    def secrets(self) -> Secrets:
        """The secrets of the configuration, to be removed from any text from outside."""
        # Of all companies, also in one company's view: a server may repeat what it was sent by
        # mistake.
        return Secrets.of(
            *chain.from_iterable(
                (account.client_secret, account.jwt) for account in self._all_accounts
            ),
            *chain.from_iterable(
                (log_in.password, log_in.m365.client_secret) for log_in in self._all_log_ins
            ),
            self.ledger.password,
            self.alerts.webhook,
            *(user.password_hash for user in self.console.users.values()),
        )

    @property
    def _all_accounts(self) -> tuple[RingCentralSettings, ...]:
        return (self.ringcentral, *self.accounts.values())

    @property
    def _all_log_ins(self) -> tuple[MailSettings | ImapSettings, ...]:
        servers = (self.smtp, *self.smtp_servers.values())
        return (*servers, *(server.sent for server in servers), self.replies)

    @property
    def envelope_senders(self) -> frozenset[str]:
        """The return addresses of all mail servers: one mailbox may take what any sends back."""
        servers = (self.smtp, *self.smtp_servers.values())
        return frozenset(server.envelope_sender for server in servers)

    @property
    def account(self) -> AccountKey:
        """The RingCentral account as the ledger knows it."""
        return AccountKey(self.ringcentral.server, self.company.account)

    def of_company(self, company: Company) -> Self:
        """Give the same configuration with one company's account, brand and mail server."""
        if company == self.company:
            return self
        # Under the plain sections' names: from one company's view another's can be made.
        accounts = {DEFAULT_ACCOUNT: self.ringcentral, **self.accounts}
        brands = {"": self.brand, **self.brands}
        servers = {"": self.smtp, **self.smtp_servers}
        return self.model_copy(
            update={
                "company": company,
                "ringcentral": accounts[company.account],
                "brand": brands[company.brand],
                "smtp": servers[company.smtp],
                "accounts": accounts,
                "brands": brands,
                "smtp_servers": servers,
            }
        )

    @property
    def private_paths(self) -> tuple[Path, ...]:
        """What only this user should be able to read: secrets folder, its files, and key files."""
        folders = dict.fromkeys(file.parent for file in self.secret_files)
        keys = [*(log_in.google.key_file for log_in in self._all_log_ins), self.console.tls_key]
        return (*folders, *self.secret_files, *dict.fromkeys(filter(None, keys)))

    def of_account(self, name: str) -> Self:
        """Give the same configuration with an account; empty is `[ringcentral]`'s.

        Raises ConfigurationError naming the nearest one there is.
        """
        account = name or DEFAULT_ACCOUNT
        if account not in {DEFAULT_ACCOUNT, *self.accounts}:
            raise ConfigurationError(
                f"There is no section [accounts.{printable(name)}] in {self.file}.",
                hint=suggest(name, self.accounts) or "Add it, or leave --account out.",
            )
        return self.of_company(Company(account))

    def check_plain(self, use: str) -> None:
        """Check that the plain sections are there. Raises ConfigurationError naming the use."""
        if self.stand_ins:
            missing = " and ".join(f"[{section}]" for section in sorted(self.stand_ins))
            raise ConfigurationError(
                f"{use} needs {missing}, and {self.file} has none.",
                hint="Add it, or name a webinar of config.toml, which has its own.",
            )

    def webinar(self, name: str) -> WebinarSettings:
        """Find a webinar. Raises ConfigurationError naming the nearest one there is."""
        if name in self.webinars:
            return self.webinars[name]
        raise ConfigurationError(
            f"There is no webinar called {name!r} in {self.file}.",
            hint=suggest(name, self.webinars) or _hint_for_name(name),
        )

    def report(self, name: str) -> ReportSettings:
        """Find a report's shape. Raises ConfigurationError naming the nearest one there is."""
        if name in self.reports:
            return self.reports[name]
        raise ConfigurationError(
            f"There is no section [reports.{printable(name)}] in {self.file}.",
            hint=suggest(name, self.reports) or "Add it with columns and status.",
        )


def _hint_for_name(name: str) -> str:
    """Say how to add a name, or how names and ids are written if it can be neither."""
    if re.fullmatch(WEBINAR_NAME, name):
        return f"Add a section [webinars.{name}] with webinar and invitees."
    return (
        "Write a name of config.toml (lower-case letters, digits, - and _), "
        "or WEBINAR_ID/SESSION_ID in digits."
    )


NO_SECTIONS = frozenset({"file", "secret_files", "stand_ins", "company"})
"""What a `Config` holds that is no section of config.toml."""

SECTIONS = [section for section in Config.model_fields if section not in NO_SECTIONS]


def suggest(word: str, known: Iterable[str]) -> str:
    """Suggest the nearest known word; empty if none is near."""
    close = difflib.get_close_matches(word.lower(), [*known], n=1, cutoff=0.5)
    return f"Did you mean {close[0]}?" if close else ""


def resolve_paths(config: Config) -> Config:
    """Make every relative path count from the folder of config.toml."""
    folder = config.folder
    updates = {
        "smtp": _resolve_smtp(folder, config.smtp),
        "replies": _resolve_replies(folder, config.replies),
        "smtp_servers": {
            name: _resolve_smtp(folder, smtp) for name, smtp in config.smtp_servers.items()
        },
        "brand": _resolve_brand(folder, config.brand),
        "brands": {name: _resolve_brand(folder, brand) for name, brand in config.brands.items()},
        "ledger": config.ledger.model_copy(
            update={"database": _resolve_database(folder, config.ledger.database)}
        ),
        "console": _resolve_console(folder, config.console),
        "webinars": {
            name: _resolve_webinar(folder, webinar) for name, webinar in config.webinars.items()
        },
    }
    return config.model_copy(update=updates)


def _resolve_smtp(folder: Path, smtp: MailSettings) -> MailSettings:
    files = _resolve_files(folder, smtp)
    sent_files = {**_resolve_files(folder, smtp.sent), "log": _beside(folder, smtp.sent.log)}
    return smtp.model_copy(update={**files, "sent": smtp.sent.model_copy(update=sent_files)})


def _resolve_replies(folder: Path, replies: RepliesSettings) -> RepliesSettings:
    places = {
        "maildir": _beside(folder, replies.maildir),
        "mbox": _beside(folder, replies.mbox),
    }
    return replies.model_copy(update={**_resolve_files(folder, replies), **places})


def _resolve_files(folder: Path, log_in: SmtpSettings | ImapSettings) -> dict[str, object]:
    """The files with which a server is known and logged in at."""
    google = log_in.google.model_copy(update={"key_file": _beside(folder, log_in.google.key_file)})
    return {"ca_file": _beside(folder, log_in.ca_file), "google": google}


def _beside(folder: Path, path: Path | None) -> Path | None:
    return folder / path if path else None


def _resolve_console(folder: Path, console: ConsoleSettings) -> ConsoleSettings:
    files = {
        "tls_certificate": _beside(folder, console.tls_certificate),
        "tls_key": _beside(folder, console.tls_key),
    }
    return console.model_copy(update=files)


def _resolve_database(folder: Path, database: str) -> str:
    if database.startswith(SERVER_SCHEME):
        return database
    # Here and below an absolute path stays as it is: pathlib drops what stands before it.
    return f"{SCHEME}{folder / database.removeprefix(SCHEME)}"


AnyBrand = TypeVar("AnyBrand", bound=BrandSettings)


def _resolve_brand(folder: Path, brand: AnyBrand) -> AnyBrand:
    paths: dict[str, object] = {"logo": _resolve_logo(folder, brand.logo)}
    if isinstance(brand, NamedBrandSettings):
        paths["templates"] = _beside(folder, brand.templates)
    return brand.model_copy(update=paths)


def _resolve_logo(folder: Path, logo: str) -> str:
    # A logo may also be an address on the web.
    return logo if not logo or "://" in logo else str(folder / logo)


def _resolve_webinar(folder: Path, webinar: WebinarSettings) -> WebinarSettings:
    templates = folder / webinar.templates if webinar.templates else None
    return webinar.model_copy(
        update={"invitees": folder / webinar.invitees, "templates": templates}
    )
