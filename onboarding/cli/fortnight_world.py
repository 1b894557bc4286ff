"""What happens to the webinar of `demo --fortnight`: its producer, its panel, their mailboxes.

Changes the simulated RingCentral, the roster and the mailbox that `[replies]` reads. The program
learns nothing of it: its runs find out.
"""

import csv
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from onboarding.model.sessions import SessionStatus
from onboarding.simulator.account import SimulatedAccount
from onboarding.simulator.replies import build_answer, build_bounce
from onboarding.simulator.smtp_catcher import CaughtMail, RunningMail

BEGIN = datetime(2027, 3, 3, 8, 0, tzinfo=UTC)
FIRST_START = datetime(2027, 3, 12, 14, 0, tzinfo=UTC)
LATER_START = datetime(2027, 3, 15, 14, 0, tzinfo=UTC)
"""The day after clocks in New York have gone forward, and those in Berlin have not."""

MISTYPED = "tom.bakr@example.com"
CORRECTED = "tom.baker@example.com"
LATE, ABSENT = "amara.okafor@example.com", "joerg.mueller@lindenhof.example"
LATE_GUEST = {
    "first_name": "Aroha",
    "last_name": "Ngata",
    "email": "aroha.ngata@example.com",
    "role": "Panelist",
    "job_title": "Architect",
    "language": "en",
    "time_zone": "Pacific/Auckland",
}


RosterCells = dict[str, str]
"""A row of the roster, by column."""


@dataclass(slots=True)
class World:
    """Everything around the program."""

    account: SimulatedAccount
    mail: RunningMail
    home: Path
    webinar_id: str
    replies: int = 0

    @property
    def session_id(self) -> str:
        """The id of the webinar's only session."""
        return next(
            session for webinar, session in self.account.sessions if webinar == self.webinar_id
        )

    @property
    def _roster(self) -> Path:
        return self.home / "invitees.csv"

    def set_start(self, start: datetime) -> None:
        """Move the session, as its host does at RingCentral."""
        self.account.update_session(self.webinar_id, self.session_id, start=start)

    def change_roster(
        self, change: Callable[[RosterCells], RosterCells | None], now: datetime
    ) -> None:
        """Change or remove rows of the roster, as a person does in a spreadsheet."""
        columns, rows = self._read_roster()
        self._write_roster(columns, filter(None, map(change, rows)), now)

    def add_to_roster(self, row: RosterCells, now: datetime) -> None:
        """Add a row to the roster."""
        columns, rows = self._read_roster()
        self._write_roster(columns, [*rows, row], now)

    def set_status(self, status: SessionStatus) -> None:
        """Let the session begin or end."""
        self.account.update_session(self.webinar_id, self.session_id, status=status)

    def join(self, address: str, at: datetime) -> None:
        """Let a person come into the room."""
        self.account.join(self.webinar_id, self.session_id, address, at)

    def list_addresses(self) -> list[str]:
        """List the addresses on the roster."""
        _, rows = self._read_roster()
        return [row["email"] for row in rows]

    def find_last_mail(self, address: str) -> CaughtMail:
        """Find the last message that a person has got."""
        return [mail for mail in self.mail.messages() if address in mail.recipients][-1]

    def put_back(self, content: bytes, now: datetime) -> None:
        """Put a message into the mailbox that `[replies]` reads."""
        self.replies += 1
        file = self.home / "inbox" / "new" / f"{self.replies}.{now:%Y%m%d%H%M}.example"
        file.write_bytes(content)
        self._set_time(file, now)

    def _read_roster(self) -> tuple[list[str], list[RosterCells]]:
        with self._roster.open(encoding="utf-8", newline="") as opened:
            reader = csv.DictReader(opened)
            return list(reader.fieldnames or ()), list(reader)

    def _write_roster(self, columns: list[str], rows: Iterable[RosterCells], now: datetime) -> None:
        with self._roster.open("w", encoding="utf-8", newline="") as opened:
            writer = csv.DictWriter(opened, columns, restval="")
            writer.writeheader()
            writer.writerows(rows)
        self._set_time(self._roster, now)

    def _set_time(self, file: Path, now: datetime) -> None:
        # A minute ago: the program leaves a roster alone that may be half written.
        changed = (now - timedelta(minutes=1)).timestamp()
        os.utime(file, (changed, changed))


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that happens: when, and what it does to the world. It says so in a sentence."""

    at: datetime
    do: Callable[[World, datetime], str]


def _complete_roster(_world: World, _now: datetime) -> str:
    return "The roster is complete: eight people, from Tokyo to Honolulu. Cron is set up."


def _return_message(world: World, now: datetime) -> str:
    caught = world.find_last_mail(MISTYPED)
    words = f"550 5.1.1 <{MISTYPED}>: no such mailbox"
    world.put_back(build_bounce(caught, "5.1.1", words, now), now)
    return "A message comes back: Tom Baker's address has a typing error."


def _correct_address(world: World, now: datetime) -> str:
    def change(row: RosterCells) -> RosterCells:
        is_wrong = row["email"] == MISTYPED
        return {**row, "email": CORRECTED} if is_wrong else row

    world.change_roster(change, now)
    return "The producer corrects Tom's address in the roster."


def _answer(address: str, participation: str, words: str) -> Callable[[World, datetime], str]:
    def answer(world: World, now: datetime) -> str:
        world.put_back(build_answer(world.find_last_mail(address), participation, now), now)
        return words

    return answer


def _move(world: World, _now: datetime) -> str:
    world.set_start(LATER_START)
    return "At RingCentral the host moves the session from Friday 12 to Monday 15 March."


def _leave(world: World, now: datetime) -> str:
    def change(row: RosterCells) -> RosterCells | None:
        return None if row["first_name"] == "Chloé" else row

    world.change_roster(change, now)
    return "Chloé Lefèvre can't come on the new date: the producer takes her off the roster."


def _let_people_join(world: World, now: datetime) -> str:
    world.add_to_roster(LATE_GUEST, now)
    return "Aroha Ngata, in Auckland, joins the panel in her place."


def _come(world: World, now: datetime) -> str:
    world.set_status(SessionStatus.ACTIVE)
    for address in world.list_addresses():
        if address not in {LATE, ABSENT}:
            world.join(address, now)
    return "The room is open, and all are in but Amara Okafor and Jörg Müller-Groß."


def _come_late(world: World, now: datetime) -> str:
    world.join(LATE, now)
    return "Amara Okafor comes in by the link that she was sent again. Jörg Müller-Groß never does."


def _end(world: World, _now: datetime) -> str:
    world.set_status(SessionStatus.FINISHED)
    return "The session ends."


def _day(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2027, 3, day, hour, minute, tzinfo=UTC)


HAPPENINGS = (
    Happening(BEGIN, _complete_roster),
    Happening(_day(3, 8, 20), _return_message),
    Happening(
        _day(3, 9, 40),
        _answer("amara.okafor@example.com", "ACCEPTED", "Amara Okafor presses Accept."),
    ),
    Happening(_day(3, 13), _correct_address),
    Happening(_day(4, 10), _move),
    Happening(
        _day(5, 18),
        _answer(
            "leilani.kahale@example.com", "DECLINED", "Leilani Kahale declines in her calendar."
        ),
    ),
    Happening(_day(9, 11), _leave),
    Happening(_day(10, 12), _let_people_join),
    Happening(_day(15, 13, 50), _come),
    Happening(_day(15, 14, 5), _come_late),
    Happening(_day(15, 15), _end),
)
"""The fortnight, in order."""
