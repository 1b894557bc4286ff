"""Which webinar a command means: a name from config.toml, or bare ids with a roster."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from onboarding.config import Config
from onboarding.config.companies import Company
from onboarding.config.schedule import build_schedule
from onboarding.errors import ConfigurationError
from onboarding.ledger.looks import LookKey
from onboarding.model.entries import Schedule
from onboarding.model.reviews import ApprovalMode
from onboarding.pipeline.template_files import template_folders

# At most 20 digits, by RingCentral's description of ids.
IDS = re.compile(r"([0-9]{1,20})(?:/([0-9]{1,20}))?")


@dataclass(frozen=True, slots=True)
class Target:
    """One webinar to work on.

    Without `session_id` it is the webinar's only session. `invitees` is None if no roster is named.
    `approval` is what the webinar asks for before anything is done. `schedule` are its messages on
    a schedule. `remove_at_most` is how many people `run --all` may remove; 0: it removes none.
    `company` is the one that it belongs to.
    """

    name: str
    webinar_id: str
    session_id: str = ""
    invitees: Path | Literal["-"] | None = None
    templates: Path | None = None
    columns: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    approval: ApprovalMode = ApprovalMode.NONE
    schedule: Schedule = field(default_factory=Schedule)
    remove_at_most: int = 0
    company: Company = field(default_factory=Company)


def find_target(config: Config, name: str, invitees: Path | None = None) -> Target:
    """Find what `NAME` means: a webinar of config.toml, `WEBINAR_ID` or `WEBINAR_ID/SESSION_ID`.

    `invitees` is `--invitees`: a roster that counts instead of the configured one, `-` for standard
    input. Raises ConfigurationError for a name that is not configured, and for a `send_after` that
    is not understood.
    """
    roster: Path | Literal["-"] | None = invitees and invitees.absolute()
    if invitees == Path("-"):
        roster = "-"
    ids = IDS.fullmatch(name)
    # A name of config.toml that consists of digits comes first: it has a roster and an approval.
    if ids and name not in config.webinars:
        # Neither templates, columns nor schedule of a configured webinar: bare ids mean no section
        # of config.toml. Only the approval is looked up, because it protects people, and
        # whose webinar it is: no client's people get another's letter.
        approval, company = _find_approval(config, ids[1]), _find_company(config, ids[1])
        return Target(name, ids[1], ids[2] or "", roster, approval=approval, company=company)
    webinar = config.webinar(name)
    return Target(
        name,
        webinar.webinar,
        webinar.session or "",
        roster or webinar.invitees,
        webinar.templates,
        webinar.columns,
        webinar.approval,
        build_schedule(
            config.file,
            config.messages,
            webinar.messages,
            name,
            template_folders(config.of_company(webinar.company), webinar.templates),
        ),
        # Cron reads the configured roster: another one says nothing about whom it removes.
        webinar.remove_at_most if webinar.remove and not roster else 0,
        webinar.company,
    )


def find_webinar(config: Config, name: str, invitees: Path | None = None) -> tuple[Config, Target]:
    """Find what `NAME` means, and the configuration with its company's sections.

    Raises what `find_target` raises.
    """
    target = find_target(config, name, invitees)
    return config.of_company(target.company), target


def _find_company(config: Config, webinar_id: str) -> Company:
    """Find the company of a webinar named by its ids; the plain sections' if it is no one's."""
    found = [entry.company for entry in config.webinars.values() if entry.webinar == webinar_id]
    if not found:
        config.check_plain("A webinar that config.toml does not name")
    return found[0] if found else Company()


def _find_approval(config: Config, webinar_id: str) -> ApprovalMode:
    """Find what a webinar asks for that is named by its ids: they are no way round an approval."""
    asked = [found.approval for found in config.webinars.values() if found.webinar == webinar_id]
    # From the mildest to the strictest, as they are defined.
    return max(asked, key=[*ApprovalMode].index, default=ApprovalMode.NONE)


def all_targets(config: Config) -> list[Target]:
    """List every configured webinar, for `--all`. Raises ConfigurationError if there is none."""
    if not config.webinars:
        raise ConfigurationError(
            f"No webinar is configured in {config.file}.",
            hint="Add a section [webinars.NAME] with webinar and invitees.",
        )
    return [find_target(config, name) for name in config.webinars]


def account_targets(config: Config, account: str) -> list[Target]:
    """List an account's webinars. Raises ConfigurationError if there is no such account, or none.

    `default` is the account of `[ringcentral]`.
    """
    own = config.of_account(account).company.account
    found = [target for target in all_targets(config) if target.company.account == own]
    if not found:
        raise ConfigurationError(
            f"No webinar of {config.file} is of the account {account}.",
            hint=f'A webinar names it with account = "{account}".',
        )
    return found


def find_look_key(server: str, target: Target) -> LookKey:
    """Name what the ledger remembers of a webinar between runs."""
    return LookKey(server, target.webinar_id, target.session_id)
