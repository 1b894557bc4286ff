"""What needs a person after a run: how many people, and which of their messages. It decides nothing about them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from onboarding.ledger import deliveries
from onboarding.ledger.deliveries import DeliveryRecord
from onboarding.model.addresses import address_key
from onboarding.model.deliveries import NEEDS_A_PERSON, State
from onboarding.model.people import Problem
from onboarding.pipeline.services import Services


@dataclass(frozen=True, slots=True)
class Attention:
    """What needs a person: how many people it is about, and their messages by state."""

    people: int
    states: Mapping[State, int]
    problems: int

    def __bool__(self) -> bool:
        return bool(self.states or self.problems)


def find_attention(records: Sequence[DeliveryRecord], problems: Sequence[Problem]) -> Attention:
    """Collect what needs a person. A person with a message and a problem, or two of them, counts once."""
    waiting = [record for record in records if record.delivery.state in NEEDS_A_PERSON]
    keys = {address_key(record.delivery.email) for record in waiting}
    for problem in problems:
        # A row without an address is a person, too; a problem with neither concerns the whole
        # webinar.
        if who := address_key(problem.email) or (f"row {problem.row}" if problem.row else ""):
            keys.add(who)
    return Attention(len(keys), Counter(record.delivery.state for record in waiting), len(problems))


async def read_attention(services: Services, session_row: int) -> Attention:
    """Read what needs a person from the ledger that a run holds open; its problems are not known yet."""
    return find_attention(await services.ledger.run(deliveries.list_deliveries, session_row), ())
