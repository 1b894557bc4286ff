"""The lines that the copies of one session have in common, so that each is stored and masked once.

A line is left out of a copy only where every copy of that shape so far had it at the same place. So
it was in the messages of others, and `verify` lets no message leave that holds another one's link.
It is also long enough that no secret can begin before it and go on behind it: so the other lines
can be looked through without it. Knows no message; `copies` does.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import compress
from operator import ne

from onboarding.messages.masks import is_long
from onboarding.model.copies import SharedPart


@dataclass(frozen=True)
class CommonLines:
    """The lines of one shape of copies, None where each has its own."""

    lines: tuple[str | None, ...]

    @classmethod
    def of(cls, lines: Sequence[str]) -> "CommonLines":
        """Begin with the masked lines of a first copy."""
        return cls(tuple([line if is_long(line) else None for line in lines]))

    @cached_property
    def part(self) -> SharedPart:
        """The lines as they are stored."""
        return make_part(self.lines)

    @cached_property
    def _gaps(self) -> int:
        return self.lines.count(None)

    def find_own(self, lines: Sequence[str]) -> list[str] | None:
        """Find the lines that a copy does not share; None if it lacks any that the others have."""
        own = list(compress(lines, map(ne, lines, self.lines)))
        return own if len(own) == self._gaps else None

    def narrow(self, lines: Sequence[str]) -> "CommonLines":
        """Keep the lines that a further copy has as well."""
        pairs = zip(lines, self.lines, strict=True)
        return CommonLines(tuple([known if line == known else None for line, known in pairs]))


def make_part(pieces: Sequence[str | None]) -> SharedPart:
    """Make a shared part; None is where a copy's own piece comes."""
    content = json.dumps(pieces, ensure_ascii=False)
    return SharedPart(hashlib.sha256(content.encode()).hexdigest(), content)
