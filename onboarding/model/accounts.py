"""Which RingCentral account something belongs to: one ledger may serve several companies."""

from typing import NamedTuple

DEFAULT_ACCOUNT = "default"
"""The name of the plain section `[ringcentral]`, and of all that older ledgers hold."""


class AccountKey(NamedTuple):
    """An account as the ledger knows it: the server's address, and its name in config.toml."""

    server: str
    name: str = DEFAULT_ACCOUNT
