"""What a person does about single people is their own approval, but under `approval = "strict"`."""

import shutil

import pytest

from onboarding import samples
from onboarding.pipeline.acts import NotApproved
from tests.pipeline.approving import approval_stage, approve_all
from tests.pipeline.test_call_off import call_off
from tests.pipeline.test_resend import outcomes, resend
from tests.stage import PANELIST, panelist

pytestmark = pytest.mark.anyio

JOERG, GUEST = PANELIST["email"], panelist(1)["email"]
PEOPLE = [PANELIST, panelist(1)]


async def changed_stage(scene) -> None:
    """All have their approved invitation; since then the letters have changed."""
    await approve_all(scene)
    assert (await scene.run()).sent == 2
    config = scene.folder / "config.toml"
    text = config.read_text(encoding="utf-8")
    config.write_text(text.replace('name = "Brightwater"', 'name = "Brightwater Labs"'))


async def test_resend_and_call_off_need_no_page(tmp_path):
    async with approval_stage(tmp_path, PEOPLE) as scene:
        await changed_stage(scene)
        results, _ = await resend(scene, JOERG)
        assert outcomes(results) == {JOERG: "sent"}
        result, _ = await call_off(scene)
        assert (result.sent, sorted(scene.told()[3:])) == (2, sorted([JOERG, GUEST]))


async def test_strict_refuses_what_no_page_showed(tmp_path):
    async with approval_stage(tmp_path, PEOPLE, '"strict"') as scene:
        await changed_stage(scene)
        with pytest.raises(NotApproved, match=JOERG):
            await resend(scene, JOERG)
        with pytest.raises(NotApproved, match=GUEST):
            await call_off(scene)
        assert ((await scene.status()).call_off, len(scene.told())) == (None, 2)


async def test_strict_lets_go_what_an_approved_page_showed(tmp_path):
    async with approval_stage(tmp_path, PEOPLE, '"strict"') as scene:
        await approve_all(scene)
        await scene.run()
        results, _ = await resend(scene, JOERG)
        assert outcomes(results) == {JOERG: "sent"}
        result, _ = await call_off(scene)
        assert result.sent == 2


async def test_strict_refuses_a_call_off_whose_words_have_changed(tmp_path):
    """The page showed them: they are approved with the words for a person who is removed."""
    async with approval_stage(tmp_path, PEOPLE, '"strict"') as scene:
        templates = tmp_path / "templates"
        shutil.copytree(samples.find_templates(), templates)
        await approve_all(scene)
        await scene.run()
        letter = templates / "cancellation.txt.j2"
        text = letter.read_text(encoding="utf-8")
        letter.write_text(text.replace("does not take place", "is postponed"), encoding="utf-8")
        with pytest.raises(NotApproved, match=GUEST):
            await call_off(scene)
        assert len(scene.told()) == 2
