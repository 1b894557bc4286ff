"""Marks: what stands for a person's values in the letter that a mould is cut from, and is found again in its words."""

import re
import secrets
from collections.abc import Iterable
from dataclasses import fields, replace

from onboarding.letters.letter import Unfit
from onboarding.letters.personal import EXTRA, Uses
from onboarding.letters.view import Own, View


class Marks:
    """Stand-ins for a person's values. Each is a link, so that it may stand wherever a value may; no other text is."""

    def __init__(self) -> None:
        self._word = secrets.token_hex(8)
        self._mark = re.compile(rf"https://([\w.]+)\.{self._word}\.example/")

    def of(self, path: str) -> str:
        """Make the mark of one value."""
        return f"https://{path}.{self._word}.example/"

    def cut(self, text: str) -> tuple[str, ...]:
        """Cut a text at its marks: text, the path of a value, text, and so on.

        Raises `Unfit` where a template has changed a mark: what it does to a value can't be done afterwards.
        """
        parts = tuple(self._mark.split(text))
        if any(self._word in part for part in parts[::2]):
            raise Unfit("a template changes a person's value")
        return parts


def values_of(own: Own, paths: Iterable[str]) -> dict[str, str]:
    """Look up a person's values by their paths; a column that their roster doesn't have is left out."""
    values = {}
    for path in paths:
        if path.startswith(EXTRA):
            if (column := path.removeprefix(EXTRA)) in own.invitee.extra:
                values[path] = own.invitee.extra[column]
        else:
            owner, _, name = path.rpartition(".")
            values[path] = getattr(own.invitee if owner else own, name)
    return values


def marked(shown: View, uses: Uses, marks: Marks) -> View:
    """Replace each value that is there, and that no template looks at, by its mark."""

    def mark(path: str, value: str) -> str:
        return marks.of(path) if value and path in uses.written and path not in uses.looked_at else value

    own = shown.invitee
    names = [one.name for one in fields(own) if one.name != "extra"]
    return replace(
        shown,
        invitee=replace(
            own,
            **{name: mark(f"invitee.{name}", getattr(own, name)) for name in names},
            extra={column: mark(f"{EXTRA}{column}", value) for column, value in own.extra.items()},
        ),
        join_link=mark("join_link", shown.join_link),
        phone_code=mark("phone_code", shown.phone_code),
    )
