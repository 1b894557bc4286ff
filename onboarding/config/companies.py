"""Several companies in one configuration: accounts, brands and mail servers by name.

A section with a name (`[accounts.NAME]`, `[brands.NAME]`, `[smtp_servers.NAME]`) inherits nothing
from the plain one (`[ringcentral]`, `[brand]`, `[smtp]`) but the program's defaults: what a client
does not set is never another client's. Which of them a webinar uses is its `Company`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from onboarding.errors import OnboardingError
from onboarding.messages.settings import BrandSettings
from onboarding.model.accounts import DEFAULT_ACCOUNT

COMPANY_SECTIONS = ("accounts", "brands", "smtp_servers")
"""The sections that have names of the user's, and secrets of their companies."""

STAND_INS: Mapping[str, Mapping[str, str]] = {
    "smtp": {"host": "none.invalid"},
    "brand": {"name": "No brand", "sender": "none@none.invalid"},
}
"""What stands for a plain section that is left out, if no webinar needs it.

Nothing reaches a server of that name (RFC 2606). What would need the section asks first
(`Config.stand_ins`).
"""

SECTION_NAME = r"^[a-z0-9]+([_-][a-z0-9]+)*$"
"""No two underscores: the name is a part of its secrets' variables."""

SectionName = Annotated[str, Field(pattern=SECTION_NAME, max_length=64)]


class NamedBrandSettings(BrandSettings, extra="forbid", frozen=True):
    """`[brands.NAME]`: as `[brand]`, and the folder of the company's templates."""

    templates: Path | None = None


@dataclass(frozen=True, slots=True)
class Company:
    """Which account, brand and mail server a webinar uses, by their names in config.toml.

    An empty name means the plain section.
    """

    account: str = DEFAULT_ACCOUNT
    brand: str = ""
    smtp: str = ""


def list_left_out(content: Mapping[str, Any]) -> frozenset[str]:
    """List the plain sections that are not there and not needed: each webinar names its own."""
    webinars = content.get("webinars")
    if not isinstance(webinars, Mapping) or not webinars:
        return frozenset()
    return frozenset(
        section
        for section in STAND_INS
        if section not in content and not list_needing(content, section)
    )


def list_needing(content: Mapping[str, Any], section: str) -> list[str]:
    """List the webinars that use a plain section."""
    webinars = content.get("webinars")
    if not isinstance(webinars, Mapping):
        return []
    return [
        name
        for name, webinar in webinars.items()
        if not isinstance(webinar, Mapping) or not webinar.get(section)
    ]


def as_variable_part(name: str) -> str:
    """Write a name as variables do: they have no hyphen."""
    return name.replace("-", "_")


def name_variables(section: str, name: str) -> str:
    """Give what the variables of a named section begin with."""
    return f"ONBOARDING_{section}__{as_variable_part(name)}__".upper()


def name_sections(error: OnboardingError, company: Company) -> None:
    """Make an error name a company's own sections and variables: below, all know the plain ones."""
    error.message = rename_sections(error.message, company)
    error.hint = rename_sections(error.hint, company)


def rename_sections(text: str, company: Company) -> str:
    """Put a company's own sections and variables in the place of the plain ones."""
    for plain, own in _list_own_names(company):
        text = text.replace(plain, own)
    return text


def _list_own_names(company: Company) -> list[tuple[str, str]]:
    names: list[tuple[str, str]] = []
    if company.account != DEFAULT_ACCOUNT:
        names += _list_account_names(company.account)
    if company.brand:
        names += _list_section_names("brand", f"brands.{company.brand}")
    if company.smtp:
        names += _list_section_names("smtp", f"smtp_servers.{company.smtp}")
    return names


def _list_account_names(account: str) -> list[tuple[str, str]]:
    variable = name_variables("accounts", account)
    return [
        ("RC_APP_CLIENT_ID", f"{variable}CLIENT_ID"),
        ("RC_APP_CLIENT_SECRET", f"{variable}CLIENT_SECRET"),
        ("RC_USER_JWT", f"{variable}JWT"),
        ("RC_SERVER_URL", f"[accounts.{account}] server"),
        *_list_section_names("ringcentral", f"accounts.{account}"),
    ]


def _list_section_names(plain: str, own: str) -> list[tuple[str, str]]:
    section, _, name = own.partition(".")
    return [
        (f"[{plain}]", f"[{own}]"),
        (f"[{plain}.", f"[{own}."),
        (f"ONBOARDING_{plain}__".upper(), name_variables(section, name)),
    ]
