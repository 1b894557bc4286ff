"""Several companies in one configuration: accounts, brands and mail servers by name.

A section with a name (`[accounts.NAME]`, `[brands.NAME]`, `[smtp_servers.NAME]`) inherits nothing
from the plain one (`[ringcentral]`, `[brand]`, `[smtp]`) but the program's defaults: what a client
does not set is never another client's. Which of them a webinar uses is its `Company`.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field

from onboarding.messages.settings import BrandSettings
from onboarding.model.accounts import DEFAULT_ACCOUNT

COMPANY_SECTIONS = ("accounts", "brands", "smtp_servers")
"""The sections whose names are the user's, and whose secrets are the companies'."""

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


def as_variable_part(name: str) -> str:
    """Write a name as variables do: they have no hyphen."""
    return name.replace("-", "_")
