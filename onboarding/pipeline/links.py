"""Reads the panel's join links, so that a person can read one out over the phone.

Makes one Heavy call, to list the session's invitees: the session is the one that the last plan or
run saw. The links are `SecretStr` here; the history says for each person who asked for theirs.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from pydantic import SecretStr

from onboarding.config.settings import suggest
from onboarding.errors import ConfigurationError
from onboarding.ledger import cache, events, registrations
from onboarding.ledger.sessions import StoredSession
from onboarding.model.addresses import address_key
from onboarding.model.foreign_text import printable
from onboarding.model.people import Invitee, Role
from onboarding.model.registrations import registration_key
from onboarding.model.sessions import Registration
from onboarding.pipeline.services import Services
from onboarding.pipeline.status import find_seen_session
from onboarding.pipeline.target import Target
from onboarding.plan.identity import Directory


@dataclass(frozen=True, slots=True)
class PanelLink:
    """One person of the panel and their join link; None where RingCentral gives none."""

    person: Invitee
    link: SecretStr | None


@dataclass(frozen=True, slots=True)
class PanelLinks:
    """The links of one session's panel. `seen` is the session as the last plan or run saw it."""

    seen: StoredSession
    links: Sequence[PanelLink]


async def read_links(
    services: Services, target: Target, roles: Collection[Role], only: Sequence[str]
) -> PanelLinks:
    """Read the links of the panel, or of these roles and addresses (empty: of all).

    Raises ConfigurationError before the first plan or run, and for an address that no one has.
    """
    account = services.config.account
    seen = await _require_session(services, target)
    # Asked each time, though it is a Heavy call: the ledger keeps fingerprints and no links, so
    # that a ledger which leaks opens no stage.
    listed = await services.ringcentral.invitees(seen.key)
    colleagues = await services.ledger.run(cache.load_colleagues, account)
    # Both sources for a colleague that RingCentral lists by ids only: either may lack them. The
    # directory is not fetched for this: the caller is on the phone.
    managed = await services.ledger.run(registrations.load_managed, seen.id)
    named = Directory.of(colleagues, *(known.invitee for known in managed.values()))
    panel = [_make_link(record, named) for record in listed.registrations]
    _check_on_panel(only, panel, target)
    return PanelLinks(seen, [entry for entry in panel if _is_asked_for(entry.person, roles, only)])


async def _require_session(services: Services, target: Target) -> StoredSession:
    """Find the session that the last plan or run saw: asking for it would be a second call."""
    seen = await find_seen_session(services, target)
    if seen is None:
        raise ConfigurationError(
            f"The session of {target.name} is not known yet.",
            hint=f"`onboarding plan {target.name}` finds it.",
        )
    return seen


async def record_shown(services: Services, found: PanelLinks, by: str) -> None:
    """Record for each person that their link is shown, and who asked. Called before it is."""
    keys = [registration_key(entry.person) for entry in found.links if entry.link]
    now = services.clock.now()
    # If the output then fails, history has one showing too many. The other order would leave a link
    # that was seen without a trace.
    await services.ledger.run(events.record_act, found.seen.id, keys, "links", by, now)


def _is_asked_for(person: Invitee, roles: Collection[Role], only: Sequence[str]) -> bool:
    keys = {address_key(email) for email in only}
    return (not roles or person.role in roles) and (not keys or person.key in keys)


def _make_link(record: Registration, named: Directory) -> PanelLink:
    """Name the person of a record: a colleague's record may have ids only."""
    return PanelLink(named.complete(record.as_invitee()), record.join_uri)


def _check_on_panel(only: Sequence[str], panel: Sequence[PanelLink], target: Target) -> None:
    # Without those that have no address: they can't be meant by one, nor suggested for a typing
    # error.
    known = {entry.person.key: entry.person.email for entry in panel if entry.person.email}
    for email in only:
        # Refused as a whole: an empty table would look as if the person had no link.
        if address_key(email) not in known:
            raise ConfigurationError(
                f"{printable(email)} is not registered for {target.name}.",
                hint=suggest(email, known.values())
                or f"`onboarding plan {target.name}` lists who is.",
            )
