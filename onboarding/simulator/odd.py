"""What is odd about a record in an answer: a beta may answer anything, and a client has to be ready for it.

Only changes how a record looks on the wire. The account's rules go by what the record really is.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, JsonValue


class Odd(BaseModel):
    """Fields that are answered with these values instead of their own, and fields that are left out."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    fields: Mapping[str, JsonValue] = {}
    without: tuple[str, ...] = ()

    def distort(self, answer: dict[str, Any]) -> dict[str, Any]:
        """Return a record as it is answered with these oddities."""
        changed = {**answer, **self.fields}
        return {name: value for name, value in changed.items() if name not in self.without}


NOT_ODD = Odd()
