"""Messages in doubt that the mail server itself shows as taken, or does not show."""

import pytest

from onboarding.simulator.smtp_catcher import MailRules
from tests.stage import HOST, Stage, panelist, stage

pytestmark = pytest.mark.anyio

GUEST = "guest1@example.com"


@pytest.fixture
async def scene(tmp_path):
    rules = MailRules(lose_reply=frozenset({GUEST}))
    async with stage(tmp_path, [HOST, panelist(1)], mail_rules=rules) as opened:
        opened.variables["ONBOARDING_SMTP__SENT__LOG"] = str(tmp_path / "mail.log")
        (tmp_path / "mail.log").write_text("")
        yield opened


async def doubt(scene: Stage) -> str:
    """Leave the guest's message in doubt; its Message-ID."""
    await scene.run()
    [record] = (await scene.status()).in_doubt
    return record.delivery.message_id


def write_log(scene: Stage, message_id: str, *, taken: bool = True) -> None:
    lines = [f"Mar  1 12:00:00 mail postfix/cleanup[11]: 4XkTq91Zz8: message-id={message_id}\n"]
    if taken:
        lines.append(
            "Mar  1 12:00:00 mail postfix/qmgr[12]: 4XkTq91Zz8: from=<e@example.com>, size=1, "
            "nrcpt=1 (queue active)\n"
        )
    (scene.folder / "mail.log").write_text("".join(lines))


async def test_message_that_the_server_has_counts_as_sent(scene):
    write_log(scene, await doubt(scene))
    told = len(scene.told())

    result = await scene.run()

    assert (await scene.states())[GUEST] == "sent"
    assert (result.exit_code, len(scene.told())) == (0, told)


async def test_message_that_the_server_does_not_show_stays_in_doubt(scene):
    write_log(scene, await doubt(scene), taken=False)
    told = len(scene.told())

    await scene.run()

    assert (await scene.states())[GUEST] == "in_doubt"
    assert len(scene.told()) == told


async def test_person_is_told_once_the_wait_is_over(scene):
    await doubt(scene)

    early = await scene.run()
    scene.clock.pass_time(minutes=11)
    late = await scene.run()

    assert (early.exit_code, early.attention.people, early.settling) == (75, 0, 1)
    assert (late.exit_code, late.attention.people, late.settling) == (1, 1, 0)


async def test_without_a_place_to_look_a_person_is_told_at_once(scene):
    del scene.variables["ONBOARDING_SMTP__SENT__LOG"]
    await doubt(scene)

    assert (await scene.run()).exit_code == 1


async def test_log_that_can_not_be_read_settles_nothing_and_stops_nothing(scene):
    await doubt(scene)
    (scene.folder / "mail.log").unlink()

    await scene.run()

    assert (await scene.states())[GUEST] == "in_doubt"
