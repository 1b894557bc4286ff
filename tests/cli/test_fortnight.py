"""`demo --fortnight`: the story, the mailboxes behind it, and the report at its end."""

import asyncio
import email
import email.policy
import json
from collections.abc import Iterator

import pytest

from onboarding.cli.fortnight import run_fortnight
from onboarding.errors import ConfigurationError
from tests.cli.command import command

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def fortnight(tmp_path_factory):
    """How the demo ended, its folder, and what it printed; run once, because it takes seconds."""
    home = tmp_path_factory.mktemp("demo")
    # RingCentral speaks plain HTTP here, and loading authorities takes long.
    variables = {"SSL_CERT_DIR": str(tmp_path_factory.mktemp("certificates"))}
    words = ("demo", "--fortnight", "--dir", "fortnight")
    seen = asyncio.run(command(home, *words, variables=variables))
    return seen.code, home / "fortnight", seen.all


def subjects(folder, address: str) -> Iterator[str]:
    """The subjects of what a person got, in order, as the mail catcher has it."""
    for line in (folder / "mail" / "envelopes.jsonl").read_text("utf-8").splitlines():
        envelope = json.loads(line)
        if address in envelope["recipients"]:
            content = (folder / "mail" / envelope["file"]).read_bytes()
            yield email.message_from_bytes(content, policy=email.policy.default)["Subject"]


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("carlos.ortega@brightwater.example", "IUMRRRT"),
        ("tom.bakr@example.com", "I"),
        ("tom.baker@example.com", "IUMRRRT"),
        ("chloe.lefevre@example.org", "IUMC"),
        # Declined: from then on only what is near the start.
        ("leilani.kahale@example.com", "IURRT"),
        ("aroha.ngata@example.com", "IMRRRT"),
        # Late, and never there: the link again, and thanks only to who came.
        ("amara.okafor@example.com", "IUMRRRLT"),
        ("joerg.mueller@lindenhof.example", "IUMRRRL"),
    ],
)
def test_mailbox_holds_each_message_once_and_in_order(fortnight, address, expected):
    _, folder, _ = fortnight
    found = "".join(KINDS[subject.partition(":")[0]] for subject in subjects(folder, address))
    assert found == expected


KINDS = {
    "Your personal join link": "I",
    "New time": "U",
    "Getting ready": "M",
    "In 3 days": "R",
    "Tomorrow": "R",
    "In 1 hour": "R",
    "In 2 hours": "R",
    "Thank you": "T",
    "Your link again": "L",
    "Ihr persönlicher Zugangslink": "I",
    "Neue Zeit": "U",
    "Zur Vorbereitung": "M",
    "In 3 Tagen": "R",
    "Morgen": "R",
    "In 1 Stunde": "R",
    "Noch einmal Ihr Link": "L",
    "Cancelled": "C",
}
"""What a subject begins with."""


def test_story_has_every_message_at_its_time_and_no_link(fortnight):
    code, folder, printed = fortnight
    assert code == 0, printed
    assert "Tuesday 9 March\n  12:00 * Chloé Lefèvre can't come" in printed
    assert "  12:05   Cancellation to Chloé Lefèvre: not on the roster any more." in printed
    assert "Leilani Kahale has declined." in printed
    # Clocks went forward in New York the night before, and not in Berlin.
    assert "  14:00   Reminder (-1d 09:00) to Carlos Ortega: it is 09:00 in New York." in printed
    assert "https://" not in printed
    count = len(list((folder / "mail").glob("*.eml")))
    assert f"{count} messages were caught" in printed


def test_report_shows_the_fortnight(fortnight):
    _, folder, printed = fortnight
    page = (folder / "report.html").read_text("utf-8")
    assert "Report:           fortnight/report.html" in printed
    assert "Aroha Ngata" in page
    assert "reminder@-1d 09:00" in page


async def test_folder_that_was_used_is_left_alone(fortnight):
    _, folder, _ = fortnight
    with pytest.raises(ConfigurationError, match=r"has a config\.toml already"):
        await run_fortnight(folder, asyncio.Event())
