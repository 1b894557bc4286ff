"""The company directory: asked for, and stored in the ledger for later runs."""

from collections.abc import Sequence

from onboarding.ledger import cache
from onboarding.model.people import Colleague
from onboarding.pipeline.services import Services


async def fetch_colleagues(services: Services) -> Sequence[Colleague]:
    """Ask RingCentral for the company directory, and store it in the ledger. Raises what the client raises."""
    server = services.config.ringcentral.server
    colleagues = await services.ringcentral.directory()
    await services.ledger.run(cache.store_colleagues, server, colleagues, services.clock.now())
    return colleagues
