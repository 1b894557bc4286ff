"""`replies` as a user and as a mail server calls it."""

import json

import pytest

from tests.cli.command import on
from tests.inbox import reports
from tests.stage import HOST, NAME, ROOMY, panelist, stage

pytestmark = pytest.mark.anyio

GUEST = "guest1@example.com"


@pytest.fixture
async def scene(tmp_path):
    async with stage(tmp_path, [HOST, panelist(1)], limits=ROOMY) as opened:
        await opened.run()
        yield opened


def bounce(scene) -> bytes:
    sent = {message["To"]: message["Message-ID"] for message in scene.messages()}
    message_id = next(found for to, found in sent.items() if GUEST in to)
    text = reports.QMAIL.replace(reports.MESSAGE_ID, message_id)
    return text.replace("ada@example.com", GUEST).encode()


async def test_mail_server_hands_over_a_bounce(scene):
    first = await on(scene, "replies", "-", stdin=bounce(scene))
    again = await on(scene, "replies", "-", stdin=bounce(scene))
    other = await on(scene, "replies", "-", stdin=reports.NEWSLETTER.encode())
    status = await on(scene, "status", NAME, "--json")

    assert (first.code, again.code, other.code) == (0, 0, 0)
    assert first.out == (
        f"{NAME}: the message to Guest1 Example ({GUEST}) came back: "
        "Sorry, no mailbox here by that name. (#5.1.1).\n"
    )
    assert (again.all, other.all) == ("", "")
    found = {sent["email"]: sent for sent in json.loads(status.out)["deliveries"]}[GUEST]
    assert (found["state"], found["reply"]) == (
        "bounced",
        "Sorry, no mailbox here by that name. (#5.1.1)",
    )
    assert json.loads(status.out)["suppressed"] == [{"email": GUEST, "reason": found["reply"]}]


async def test_huge_message_is_taken_to_its_end(scene):
    taken = await on(scene, "replies", "-", stdin=bounce(scene) + b"x" * 3_000_000)

    assert taken.code == 0
    assert "came back" in taken.out


async def test_message_that_can_not_be_recorded_is_tried_again_later(scene):
    (scene.folder / "onboarding.db").write_bytes(b"no database at all" * 100)

    refused = await on(scene, "replies", "-", stdin=b"x")

    assert refused.code == 75
    assert "Traceback" not in refused.all


@pytest.mark.parametrize("fault", ["no [toml", "[replies]\nfoldr = 1\n"])
async def test_message_waits_until_a_mistake_in_the_configuration_is_corrected(scene, fault):
    file = scene.folder / "config.toml"
    right = file.read_text()
    file.write_text(right + fault)
    refused = await on(scene, "replies", "-", stdin=bounce(scene))
    file.write_text(right)
    taken = await on(scene, "replies", "-", stdin=bounce(scene))

    assert (refused.code, refused.out) == (75, "")
    assert "Traceback" not in refused.err
    assert "came back" in taken.out


async def test_person_sees_what_came_back_and_what_to_do(scene):
    for part in ("new", "cur", "tmp"):
        (scene.folder / "mail" / part).mkdir(parents=True)
    (scene.folder / "mail" / "new" / "1.example").write_bytes(bounce(scene))
    (scene.folder / "mail" / "new" / "2.example").write_text(reports.EXIM)
    place = {"ONBOARDING_REPLIES__MAILDIR": str(scene.folder / "mail")}

    read = await on(scene, "replies", NAME, **place)
    nothing = await on(scene, "replies", NAME, **place)
    status = await on(scene, "status", NAME)

    assert (read.code, nothing.code) == (1, 0)
    assert "1 message about ours, 1 about mail that is not from here." in read.out
    assert "came back" not in nothing.out
    assert f"No message goes to {GUEST} any more" in status.out
    assert f"onboarding retry {NAME} {GUEST}" in status.out


async def test_person_takes_away_that_a_message_came_back(scene):
    await on(scene, "replies", "-", stdin=bounce(scene))
    before = await on(scene, "status", NAME)

    done = await on(scene, "cancel", NAME, GUEST)

    after = await on(scene, "status", NAME)
    assert "1 sent, 1 bounced.\n" in before.out
    assert (done.code, "1 sent, 1 cancelled, no problems.\n" in after.out) == (0, True), after.out
    assert (await scene.states())[GUEST] == "cancelled"


async def test_without_a_mailbox_it_says_what_to_configure(scene):
    refused = await on(scene, "replies", NAME)

    assert refused.code == 2
    assert "No mailbox is configured" in refused.err


async def test_person_suppresses_an_address_and_takes_that_back(scene):
    suppressed = await on(scene, "cancel", NAME, GUEST, "--suppress", "--by", "Ada")
    everyone = await on(scene, "cancel", NAME, "--all", "--suppress")
    back = await on(scene, "retry", NAME, GUEST)

    assert suppressed.code == 0
    assert "gets no message any more" in suppressed.out
    assert (everyone.code, "Name the addresses" in everyone.err) == (2, True)
    assert (back.code, back.out) == (0, f"{GUEST}: gets messages again.\n")
