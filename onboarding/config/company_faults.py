"""What can't be right of several companies in one configuration, each in one sentence.

Two webinars must not share a session: each run would take the other's people for strangers. What is
only unusual, such as a brand that no webinar names, is said by `check` (`list_unused`).
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from onboarding.config.companies import COMPANY_SECTIONS, as_variable_part
from onboarding.config.settings import Config, suggest
from onboarding.model.accounts import DEFAULT_ACCOUNT

KEYS = {"account": "accounts", "brand": "brands", "smtp": "smtp_servers"}
"""The keys of a webinar that name a section, and where the sections are."""


def list_company_faults(config: Config) -> list[str]:
    """List what is wrong, in the file's order."""
    return [
        *_find_reserved(config),
        *_find_same_variables(config),
        *_find_unknown_names(config),
        *_find_shared_sessions(config),
        *_find_needed(config),
    ]


def list_unused(config: Config) -> list[str]:
    """List the sections with a name that no webinar names."""
    used = [(key, getattr(webinar, key)) for webinar in config.webinars.values() for key in KEYS]
    # Without the plain sections: a company's view of the configuration has them, too.
    names = [
        (key, section, name)
        for key, section in KEYS.items()
        for name in getattr(config, section)
        if name not in {"", DEFAULT_ACCOUNT}
    ]
    return [f"[{section}.{name}]" for key, section, name in names if (key, name) not in used]


def _find_reserved(config: Config) -> Iterator[str]:
    if DEFAULT_ACCOUNT in config.accounts:
        yield (
            f"[accounts.{DEFAULT_ACCOUNT}]: This name is that of [ringcentral]. "
            "Choose another one, or use [ringcentral]."
        )


def _find_same_variables(config: Config) -> Iterator[str]:
    """Find names that would have the same variables for their secrets."""
    for section in COMPANY_SECTIONS:
        found: dict[str, str] = {}
        names: Iterable[str] = getattr(config, section)
        for name in names:
            other = found.setdefault(as_variable_part(name), name)
            if other != name:
                yield (
                    f"[{section}.{other}] and [{section}.{name}]: Their secrets would have the "
                    "same variables. Give one of them another name."
                )


def _find_unknown_names(config: Config) -> Iterator[str]:
    for name, webinar in config.webinars.items():
        for key, section in KEYS.items():
            wanted: str = getattr(webinar, key)
            known: Mapping[str, Any] = getattr(config, section)
            is_plain = not wanted or (key, wanted) == ("account", DEFAULT_ACCOUNT)
            if not is_plain and wanted not in known:
                hint = suggest(wanted, known) or f"Add the section, or delete {key}."
                yield f"[webinars.{name}] {key}: There is no [{section}.{wanted}]. {hint}"


def _find_shared_sessions(config: Config) -> Iterator[str]:
    """Find webinars that would work on one session: ids are unique on a server."""
    found: dict[tuple[str, str], dict[str | None, str]] = {}
    for name, webinar in config.webinars.items():
        settings = config.accounts.get(webinar.account, config.ringcentral)
        others = found.setdefault((settings.server, webinar.webinar), {})
        if other := others.get(webinar.session):
            yield (
                f"[webinars.{name}] has the same session as [webinars.{other}]. "
                "A session has one roster: delete one of the two."
            )
        elif others and None in {webinar.session, *others}:
            # Without a session it is the only one, and so the other's.
            other = next(iter(others.values()))
            yield (
                f"[webinars.{name}] and [webinars.{other}] are of one webinar, and one of them "
                "names no session. Name the session of each, or delete one of the two."
            )
        others.setdefault(webinar.session, name)


def _find_needed(config: Config) -> Iterator[str]:
    """Find what is left out and needed all the same."""
    if config.alerts.to:
        for section in sorted(config.stand_ins):
            yield f"[{section}] is missing: [alerts] to needs [smtp] and [brand] for its mail."
