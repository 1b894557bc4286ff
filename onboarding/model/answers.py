"""What a person answers from their calendar, and when an answer counts.

Anyone can write an answer. It counts if it is about an entry of ours, names the person who was
invited, and is not about an older version of the entry; of two that count, the later one holds.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from onboarding.model.addresses import address_key


class Answer(StrEnum):
    """What a calendar said."""

    ACCEPTED = "accepted"
    DECLINED = "declined"
    TENTATIVE = "tentative"
    # These three are reported, and change nothing.
    FORWARDED = "forwarded"
    COUNTER = "counter"
    DELEGATED = "delegated"


STANDING_ANSWERS = (Answer.ACCEPTED, Answer.DECLINED, Answer.TENTATIVE)
"""Answers that a person has given until they give another one."""

WORDS = {
    Answer.ACCEPTED: "has accepted",
    Answer.DECLINED: "has declined",
    Answer.TENTATIVE: "may come",
    Answer.FORWARDED: "passed the invitation on",
    Answer.COUNTER: "proposes another time",
    Answer.DELEGATED: "wants to send someone else",
}
"""Each answer as a sentence says it."""

FUTURE_LIMIT = timedelta(days=1)
"""How far a calendar's clock may be ahead: a later time would hold against all true answers."""


@dataclass(frozen=True, slots=True)
class PersonAnswer:
    """What a person has answered: when (aware), and about which version of their entry."""

    answer: Answer
    stamp: datetime
    sequence: int


def classify_answer(
    answer: Answer, attendee: str, senders: tuple[str, ...], invited: str
) -> Answer:
    """Classify an answer about the entry of the person with the address `invited`.

    Another attendee means that the invitation was passed on; that answers nothing for the person
    themselves.
    """
    key = address_key(invited)
    if address_key(attendee) == key:
        return answer
    # Some calendars write an attendee's other address, and the mail comes from the invited one.
    if key in map(address_key, senders):
        return answer
    return Answer.FORWARDED


def replaces(new: PersonAnswer, held: PersonAnswer | None, sequence: int, now: datetime) -> bool:
    """Whether a new answer takes the place of the one that is held.

    `sequence` is the version of the entry that the person was sent last: an answer to an older one
    is about a time that is not true any more.
    """
    if new.sequence < sequence or new.stamp > now + FUTURE_LIMIT:
        return False
    return held is None or new.stamp > held.stamp
