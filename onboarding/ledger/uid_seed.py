"""The random value of this ledger from which the UIDs of new calendar entries are made.

With it no one can work out a person's UID from their address, and forge a calendar's answer. It is
made with the ledger, by a migration, and never changes. UIDs themselves are stored with each
delivery.
"""

import sqlalchemy as sa

from onboarding.ledger.schema import uid_seeds


def load_uid_seed(connection: sa.Connection) -> str:
    """Load the ledger's random value, 32 hex digits."""
    return str(connection.execute(sa.select(uid_seeds.c.seed)).scalar_one())
