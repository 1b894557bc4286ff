"""Prints the letters of one session: each as `Stationery.compose` would make it, most of them from a mould.

A mould is made for the second letter of its kind, and used from the third on; not before it has given the second byte
for byte, and was proved as a whole with nobody's link in it. After that the proof looks at what is a person's own, and
next to it: the rest was proved with the mould, and is the same in every letter. Whatever is odd is composed plainly.
"""

from collections.abc import Hashable, Mapping
from dataclasses import replace
from functools import partial

from pydantic import SecretStr

from onboarding.letters import calendar, proof
from onboarding.letters.casting import cast, may_abridge
from onboarding.letters.headers import transport_address
from onboarding.letters.letter import Guarded, Letter
from onboarding.letters.marks import Marks, marked, values_of
from onboarding.letters.mould import Mould
from onboarding.letters.stationery import RENDERING, Stationery
from onboarding.letters.templates import link
from onboarding.letters.view import Own, has_new_link, plain
from onboarding.model.deliveries import Message, Rejected
from onboarding.model.people import Invitee
from onboarding.model.sessions import Session

NOBODY = "nobody@letters.example"
"""Whom the letter is for that a mould is proved with."""

MOST_MOULDS = 64
"""Kept at the most: more kinds are there only where a template looks at values that are almost everybody's own."""

Key = tuple[Hashable, ...]
"""All that the letters of one mould have in common."""


class Press:
    """The letters of one session to one panel; `guarded` is what the proof guards."""

    def __init__(self, stationery: Stationery, guarded: Guarded, session: Session, panel: tuple[Invitee, ...]) -> None:
        self._stationery = stationery
        self._guarded = guarded
        self._session = session
        self._panel = panel
        self._uses = stationery.uses
        self._marks = Marks()
        self._seen: set[Key] = set()
        self._moulds: dict[Key, Mould | None] = {}
        self._may_cast = may_abridge(guarded.links)

    def compose(self, letter: Letter) -> Message | Rejected:
        """Make one person's message and prove it; answers as `Stationery.compose` does."""
        own = Own.of(letter)
        values = values_of(own, self._uses.written)
        key = self._key(letter, own, values)
        mould = self._moulds.get(key)
        if mould and (printed := self._printed(mould, letter, own, values)):
            return printed
        composed = self._stationery.compose(letter, self._guarded)
        if isinstance(composed, Message) and self._is_wanted(key, letter):
            self._moulds[key] = self._mould(letter, own, values, composed)
        self._seen.add(key)
        return composed

    def _key(self, letter: Letter, own: Own, values: Mapping[str, str]) -> Key:
        invitee, told = letter.invitee, letter.previous
        return (
            letter.kind,
            invitee.role,
            invitee.language,
            invitee.time_zone,
            (told.role, told.start, told.duration, has_new_link(letter, told)) if told else None,
            tuple([(path, bool(value)) for path, value in values.items()]),
            tuple(values_of(own, self._uses.looked_at).items()),
        )

    def _is_wanted(self, key: Key, letter: Letter) -> bool:
        """Tell whether a mould is worth its while, and may be: for the second letter of a kind, on this press only."""
        may_be = self._may_cast and not self._uses.at_all and self._is_ours(letter)
        return may_be and key in self._seen and key not in self._moulds and len(self._moulds) < MOST_MOULDS

    def _is_ours(self, letter: Letter) -> bool:
        return letter.session is self._session and letter.panel is self._panel

    def _mould(self, letter: Letter, own: Own, values: Mapping[str, str], composed: Message) -> Mould | None:
        """Make a mould and try it; None where what it gives isn't this letter, or isn't fit for everybody."""
        marks = self._marks
        stands_for = {path: marks.of(path) if value else value for path, value in values.items()}
        nobody = _to_nobody(letter, stands_for)
        skeleton = self._stationery.skeletons[calendar.method_of(letter.kind, self._stationery.brand)]
        try:
            words = self._stationery.words(letter, partial(marked, uses=self._uses, marks=marks))
            mould = cast(letter, words, plain(letter.session.title), marks, skeleton, self._stationery.brand)
            for_nobody = mould.fill(nobody, NOBODY, "Nobody", stands_for)
            again = mould.fill(letter, composed.recipient, own.invitee.name, values)
        except RENDERING:
            return None
        fault = proof.fault(for_nobody.body, nobody, NOBODY, self._guarded, self._stationery.configured)
        if fault or again.body != composed.body:
            return None
        return replace(mould, canonical=proof.is_canonical(for_nobody.body))

    def _printed(self, mould: Mould, letter: Letter, own: Own, values: Mapping[str, str]) -> Message | None:
        """Fill a mould, and prove what came of it; None where anything about it is odd."""
        if not self._is_ours(letter) or not _is_usual(own.join_link):
            return None
        try:
            for path in self._uses.linked:
                if value := values.get(path):
                    link(value)
            recipient = transport_address(letter.recipient)
            filled = mould.fill(letter, recipient, own.invitee.name, values)
        except RENDERING:
            return None
        if not proof.is_fit(filled, letter, recipient, self._guarded, self._stationery.configured):
            return None
        return Message(
            message_id=letter.message_id,
            sender=self._stationery.brand.sender_address,
            recipient=recipient,
            body=filled.body,
            needs_smtputf8=not recipient.isascii(),
            canonical=mould.canonical and proof.is_canonical(filled.own),
        )


def _is_usual(link: str) -> bool:
    """Tell whether a link is one word: white space in a text or a subject can mean more than itself."""
    return link.isprintable() and " " not in link


def _to_nobody(letter: Letter, stands_for: Mapping[str, str]) -> Letter:
    """Address a letter to nobody, with a link that is nobody's: what then passes the proof is fit for everybody."""
    record, link_of_nobody = letter.registration, stands_for.get("join_link")
    return replace(
        letter,
        invitee=replace(letter.invitee, email=NOBODY),
        recipient=NOBODY,
        registration=record
        and replace(record, email="", linked_user=None, join_uri=SecretStr(link_of_nobody) if link_of_nobody else None),
    )
