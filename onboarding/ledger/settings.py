"""`[ledger]` of config.toml: where the ledger is and how long it is kept."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

SCHEME = "sqlite:///"
"""What comes before the path. Nothing else of `database` is read as a URL."""


class LedgerSettings(BaseModel):
    """Where the ledger is (a relative SQLite path counts from config.toml's folder) and how long it remembers."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    database: Annotated[str, Field(pattern=rf"^{SCHEME}[^\x00]+$")] = f"{SCHEME}onboarding.db"
    """`sqlite:///` and a path. The path is taken as written: `%`, `?`, `#` and `~` have no meaning in it."""

    keep: Annotated[int, Field(ge=0)] = 365
    """Days after a session's end until its people are removed; 0 keeps them for ever."""
