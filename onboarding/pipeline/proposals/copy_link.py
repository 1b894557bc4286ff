"""*Copy link*: the join link of one person in two steps, for reading it out over the phone.

The only act whose answer is a secret: it comes back by itself, and in no proposal and no outcome.
"""

from dataclasses import dataclass

from pydantic import SecretStr

from onboarding.errors import ConfigurationError
from onboarding.model.addresses import address_key
from onboarding.model.digests import json_digest
from onboarding.model.foreign_text import printable
from onboarding.pipeline.links import read_links, record_shown
from onboarding.pipeline.proposals.proposal import Proposal, ProposedPerson
from onboarding.pipeline.services import Services
from onboarding.pipeline.target import Target

WORTH = "Anyone who uses the link joins as this person. History will say that you have seen it."


@dataclass(frozen=True, slots=True)
class CopyLink:
    """The join link of the person with this address."""

    target: Target
    email: str

    async def propose(self, _services: Services) -> Proposal:
        """Say what a link is worth. Makes no call: whether there is a link shows the answer."""
        person = ProposedPerson(printable(self.email), "", "join link")
        digest = json_digest(["link", self.target.name, address_key(self.email)])
        return Proposal("Copy the join link of 1 person.", (person,), (WORTH,), digest=digest)

    async def reveal(self, services: Services, by: str) -> SecretStr:
        """Read the link, one Heavy call, and record who has seen it.

        Raises ConfigurationError for a person who has none or is not registered.
        """
        found = await read_links(services, self.target, (), [self.email])
        link = next((entry.link for entry in found.links if entry.link), None)
        if link is None:
            raise ConfigurationError(f"RingCentral gives no link for {printable(self.email)}.")
        await record_shown(services, found, by)
        return link
