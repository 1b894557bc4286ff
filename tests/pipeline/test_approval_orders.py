"""In any order of approvals, changes and runs: what an approved page shows goes, the rest is held.

A small model says what is approved and what is due; the program runs against the simulator and a
mail server beside it.
"""

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from onboarding.plan import SkipCode
from tests.pipeline.approving import approval_stage, approve_all
from tests.stage import SESSION, WEBINAR, Stage, panelist

PEOPLE = ("guest1@example.com", "guest2@example.com")
CHARACTERS = ".!?"
HOUR = timedelta(hours=1)

STEPS = st.one_of(
    st.just(("approve",)),
    st.just(("run",)),
    st.tuples(st.just("template"), st.sampled_from(["invitation", "update"]), st.integers(0, 2)),
    st.tuples(st.just("row"), st.sampled_from(PEOPLE), st.integers(0, 1)),
    st.tuples(st.just("move"), st.integers(0, 2)),
)


@dataclass
class Person:
    """What the model knows of one person. `told` is the start that their mailbox holds."""

    row: int = 0
    record: int | None = None
    told: int | None = None


@dataclass
class Model:
    """What is true now, and what was approved. Letters, rows and starts are numbered."""

    people: dict[str, Person] = field(default_factory=lambda: {key: Person() for key in PEOPLE})
    letters: dict[str, int] = field(default_factory=lambda: {"invitation": 0, "update": 0})
    start: int = 0
    approved: set[tuple] = field(default_factory=set)

    def approve(self) -> None:
        for key, person in self.people.items():
            if person.told is None:
                self.approved.add(self.invitation(key))
            elif person.record != person.row:
                self.approved.add(("change", key))
            # Shown as what would follow, whether it is due or not.
            self.approved.add(self.update(key))

    def invitation(self, key: str) -> tuple:
        return ("invitation", key, self.letters["invitation"], self.people[key].row, self.start)

    def update(self, key: str) -> tuple:
        return ("update", key, self.letters["update"], self.people[key].row)

    def run(self) -> tuple[list[str], list[str]]:
        """Carry out what may go. Returns who is mailed, and of whom anything is held back."""
        outcomes = {key: self._run_person(key, person) for key, person in self.people.items()}
        mailed = [key for key, (is_mailed, _held) in outcomes.items() if is_mailed]
        return mailed, [key for key, (_mailed, is_held) in outcomes.items() if is_held]

    def _run_person(self, key: str, person: Person) -> tuple[bool, bool]:
        if person.told is None:
            if self.invitation(key) not in self.approved:
                return False, True
            person.record, person.told = person.row, self.start
            return True, False
        is_changed, is_moved = person.record != person.row, person.told != self.start
        may_change = not is_changed or ("change", key) in self.approved
        may_tell = not is_moved or self.update(key) in self.approved
        if may_change and may_tell:
            person.record = person.row
        if may_tell:
            person.told = self.start
        return is_moved and may_tell, not (may_change and may_tell)


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=st.lists(STEPS, min_size=3, max_size=9))
@example(steps=[("approve",), ("run",), ("move", 1), ("run",), ("row", PEOPLE[0], 1), ("run",)])
@example(steps=[("approve",), ("template", "invitation", 1), ("run",), ("approve",), ("run",)])
@example(steps=[("approve",), ("run",), ("template", "update", 2), ("move", 2), ("run",)])
@example(steps=[("approve",), ("row", PEOPLE[1], 1), ("run",), ("row", PEOPLE[1], 0), ("run",)])
def test_what_changed_after_the_approval_is_held_and_all_of_the_rest_goes(tmp_path, steps):
    # One folder for all examples, so that its templates are compiled once.
    for file in tmp_path.glob("onboarding.db*"):
        file.unlink()
    asyncio.run(play(tmp_path, steps))


async def play(folder: Path, steps: Sequence[tuple]) -> None:
    model = Model()
    write_letters(folder, model)
    async with approval_stage(folder, rows(model)) as scene:
        for step in [*steps, ("run",)]:
            await take(scene, model, step)


async def take(scene: Stage, model: Model, step: tuple) -> None:
    match step:
        case ("approve",):
            await approve_all(scene)
            model.approve()
        case ("template", kind, version):
            model.letters[kind] = version
            write_letters(scene.folder, model)
        case ("row", key, version):
            model.people[key].row = version
            scene.write_roster(rows(model))
        case ("move", start):
            by = (start - model.start) * HOUR
            scene.ringcentral.account.move_session(WEBINAR, SESSION, by)
            model.start = start
        case ("run",):
            await run_and_compare(scene, model)


async def run_and_compare(scene: Stage, model: Model) -> None:
    before = len(scene.told())
    mailed, held = model.run()

    result = await scene.run()

    assert sorted(scene.told()[before:]) == mailed
    assert sorted(problem.email for problem in result.problems) == held
    assert result.exit_code == (1 if held else 0)
    held_back = [item for item in result.skipped if item.skip is SkipCode.NOT_APPROVED]
    assert {item.invitee.email for item in held_back} == set(held) - set(mailed)
    on_board = scene.ringcentral.account.list_records(WEBINAR, SESSION)
    assert {record.email for record in on_board if record.email in PEOPLE} == {
        key for key, person in model.people.items() if person.told is not None
    }


def rows(model: Model) -> list[dict[str, str]]:
    return [
        panelist(number, last_name=f"Example{person.row}")
        for number, person in enumerate(model.people.values(), 1)
    ]


def write_letters(folder: Path, model: Model) -> None:
    """Write both letters, which differ by one character from version to version."""
    (folder / "templates").mkdir(exist_ok=True)
    for kind, version in model.letters.items():
        file = folder / "templates" / f"{kind}.html.j2"
        file.write_text(
            f"<html><head><title>{kind}</title></head><body><p>Dear {{{{ invitee.name }}}}"
            f"{CHARACTERS[version]}</p><p>{{{{ session.start }}}}</p>"
            "<p>{{ join_link }}</p></body></html>",
            encoding="utf-8",
        )
        # The same time for the same version: compiled templates are found again.
        changed_at = 10**18 + version * 10**9
        os.utime(file, ns=(changed_at, changed_at))
