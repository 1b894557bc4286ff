"""`[ledger]` of config.toml: where the delivery log lies and how long it is kept."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class LedgerSettings(BaseModel):
    """Where the ledger lies (a relative SQLite path counts from config.toml's folder) and how long it remembers."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    database: Annotated[str, Field(pattern=r"^sqlite:///.+")] = "sqlite:///onboarding.db"
    """An SQLAlchemy URL of a file, `sqlite:///onboarding.db`."""

    keep: Annotated[int, Field(ge=0)] = 365
    """Days after a session's end until the people of it are forgotten; 0 keeps them for ever."""
