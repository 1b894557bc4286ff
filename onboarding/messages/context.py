"""Turns a `MessageRequest` into the plain values of `context_types`, ready to be shown.

Dates are in the invitee's zone and the template's language, names without control characters.
Escaping is Jinja's work, not done here.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta, tzinfo
from types import MappingProxyType

from babel import Locale

from onboarding.messages.calendar import add_to_google, add_to_outlook
from onboarding.messages.context_types import (
    AddTo,
    Brand,
    Person,
    PreviousContext,
    Recipient,
    SessionContext,
    TemplateContext,
)
from onboarding.messages.dates import LocalDate, format_duration, format_wait, localize
from onboarding.messages.request import MessageRequest
from onboarding.model.kinds import RULES
from onboarding.model.people import Invitee, Role
from onboarding.model.sessions import Facts, Session, link_digest
from onboarding.model.time_zones import zone_named


class SessionWords:
    """What is said of a session to people of one time zone and language.

    Remembered for the session asked for last.

    The panel likewise: all messages of a session have the same one, which may be a hundred people.
    """

    def __init__(self) -> None:
        self._session: Session | None = None
        self._invitees: tuple[Invitee, ...] = ()
        self._panel: tuple[Person, ...] = ()
        self._add_to = AddTo("", "")
        self._known: dict[tuple[str, int], tuple[Locale, tzinfo, SessionContext, AddTo]] = {}

    def of(
        self, request: MessageRequest, locale: Locale
    ) -> tuple[Locale, tzinfo, SessionContext, AddTo]:
        """Say the session; the locale comes along, so that no other one gets its id."""
        session, key = (
            request.session,
            (request.invitee.time_zone, id(locale)),
        )  # a locale's own hash takes long
        # By identity: a session's messages mostly share one object, and to compare takes longer.
        if session is not self._session:
            self._session, self._add_to = session, _add_to(session)
            # Only one session at a time, or a long run would keep the words of all.
            self._known.clear()
        if key not in self._known:
            zone = zone_of(request.invitee, session)
            self._known[key] = (locale, zone, _session_context(session, zone, locale), self._add_to)
        return self._known[key]

    def panel(self, request: MessageRequest) -> tuple[Person, ...]:
        """Say who is on board."""
        # By identity: to compare a hundred people takes long, and a miss only makes them again.
        if request.panel is not self._invitees:
            self._invitees, self._panel = request.panel, _panel_context(request.panel)
        return self._panel


def make_context(
    request: MessageRequest, brand: Brand, locale: Locale, said: SessionWords
) -> TemplateContext:
    """Say a message in a language."""
    _locale, zone, when, add_to = said.of(request, locale)
    if RULES[request.kind].template:
        when = _add_countdown(when, request, zone, locale)
    return TemplateContext(
        kind=request.kind.value,
        invitee=_recipient_context(request.invitee),
        session=when,
        brand=brand,
        add_to=add_to,
        join_link=request.join_link.get_secret_value() if request.join_link else "",
        phone_code=plain_text(request.registration.phone_code) if request.registration else "",
        # In the reader's zone of today: both times are then compared on one clock.
        previous=_previous_context(request, request.previous, zone, locale)
        if request.previous
        else None,
        called_off=request.called_off,
        panel=said.panel(request),
    )


def _add_countdown(
    when: SessionContext, request: MessageRequest, zone: tzinfo, locale: Locale
) -> SessionContext:
    """Say how far away the session is for a message of this moment."""
    start, moment = request.session.start, request.counted_from or request.date
    if moment >= start:
        return when
    wait = start - moment
    # A session after midnight is not "tomorrow" while it is two hours away.
    days = _count_days(moment.astimezone(zone), start.astimezone(zone)) * (wait >= HOURS_COUNT)
    return replace(when, days_left=days, starts_in=format_wait(wait, days, locale))


HOURS_COUNT = timedelta(hours=6)
"""Below this, a session is so close that its hours are counted, not its days."""


def zone_of(invitee: Invitee, session: Session) -> tzinfo:
    """The zone a person reads times in: the roster's, else the session's, else UTC."""
    return zone_named(invitee.time_zone or session.time_zone)


_ORDER = {role: at for at, role in enumerate(Role)}


def _panel_context(invitees: Iterable[Invitee]) -> tuple[Person, ...]:
    """All on board: hosts first, then co-hosts and panelists, each in the roster's order."""
    return tuple(
        _person_context(invitee)
        for invitee in sorted(invitees, key=lambda invitee: _ORDER[invitee.role])
    )


def _person_context(invitee: Invitee) -> Person:
    # Not `invitee.name`: where the roster has no name, that is the address.
    name = plain_text(f"{invitee.first_name} {invitee.last_name}")
    return Person(name, invitee.role.value, plain_text(invitee.job_title))


_ODD = re.compile(r"[^\x20-\x7e\xa1-\u02ff]")
"""A cheap first look: everything beyond plain Latin letters is then looked at one by one."""

_DIRECTION = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Marks that turn the direction of all text after them. Right-to-left script needs none."""


def plain_text(text: str) -> str:
    """Make one harmless line: no line breaks, and no marks that reach beyond the text itself."""
    if _ODD.search(text):
        text = "".join(" " if _breaks(sign) else sign for sign in text if sign not in _DIRECTION)
    return " ".join(text.split())


def _breaks(character: str) -> bool:
    # Cs is half a surrogate pair: it can't be written as UTF-8, so no message could be made.
    return unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"}


def _recipient_context(invitee: Invitee) -> Recipient:
    return Recipient(
        name=plain_text(invitee.name),
        first_name=plain_text(invitee.first_name),
        last_name=plain_text(invitee.last_name),
        email=plain_text(invitee.email),
        role=invitee.role.value,
        job_title=plain_text(invitee.job_title),
        extra=_extra_columns(invitee.extra),
    )


def _extra_columns(extra: Mapping[str, str]) -> Mapping[str, str]:
    """The roster's further columns. `sample_people.AnyColumn` has every name, and keeps that."""
    made_plain = {column: plain_text(text) for column, text in extra.items()}
    return MappingProxyType(made_plain or extra)


def _session_context(session: Session, zone: tzinfo, locale: Locale) -> SessionContext:
    own_zone = zone_named(session.time_zone)
    start = localize(session.start, zone, locale)
    end = localize(session.end, zone, locale)
    own = localize(session.start, own_zone, locale)
    arrive_by = localize(session.arrive_by, zone, locale)
    return SessionContext(
        title=plain_text(session.title),
        date=start.date,
        start=start.time,
        end=end.time,
        end_date=end.date,
        end_days=_count_days(session.start.astimezone(zone), session.end.astimezone(zone)),
        duration=format_duration(session.duration, locale),
        zone=start.zone,
        zone_days=_count_days(session.start.astimezone(own_zone), session.start.astimezone(zone)),
        own_date=own.date,
        own_start=own.time,
        own_zone=own.zone,
        arrive_by=arrive_by.time,
        arrive_by_date=arrive_by.date,
    )


def _count_days(start: datetime, end: datetime) -> int:
    """Count midnights from one date to another, as clocks on the wall show them."""
    return (end.date() - start.date()).days


def _previous_context(
    request: MessageRequest, told: Facts, zone: tzinfo, locale: Locale
) -> PreviousContext:
    before: LocalDate = localize(told.start, zone, locale)
    session = request.session
    return PreviousContext(
        date=before.date,
        start=before.time,
        zone=before.zone,
        duration=format_duration(told.duration, locale),
        role=told.role.value,
        # As moments: the same moment in another zone is no change.
        time_changed=(told.start, told.duration) != (session.start, session.duration),
        link_changed=has_new_link(request, told),
        role_changed=told.role is not request.invitee.role,
    )


def has_new_link(request: MessageRequest, told: Facts) -> bool:
    """Tell whether the message's link differs from the one that the reader has."""
    return request.join_link is not None and told.link != link_digest(request.join_link)


def _add_to(session: Session) -> AddTo:
    title = plain_text(session.title)
    return AddTo(
        google=add_to_google(title, session.start, session.end),
        outlook=add_to_outlook(title, session.start, session.end),
    )
