"""The log-ins that providers have announced to end: data only, each with its source.

Such days move: look at the source before you rely on one, and correct it here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

from onboarding.smtp.providers import Provider


@dataclass(frozen=True, slots=True)
class AnnouncedEnd:
    """The last day on which a provider takes a kind of log-in (`[smtp] auth`) as before.

    `announced_by` is the provider's name, `hint` what to do. `source` is the page where that is
    announced, `read` the month in which we last read it.
    """

    auth: str
    day: date
    announced_by: str
    hint: str
    source: str
    read: str


ANNOUNCED_ENDS: Mapping[Provider, AnnouncedEnd] = MappingProxyType(
    {
        Provider.MICROSOFT365: AnnouncedEnd(
            auth="password",
            # "End of December 2026": switched off unless an administrator switches it on again.
            day=date(2026, 12, 31),
            announced_by="Microsoft",
            hint="Use [smtp.m365] or a token_command, or have an administrator allow it longer.",
            source="Updated Exchange Online SMTP AUTH Basic Authentication Deprecation Timeline",
            read="2026-11",
        )
    }
)
