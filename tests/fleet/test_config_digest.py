"""Two workers compare their configurations by digests, section by section, without a secret."""

from pathlib import Path

import pytest

from onboarding.config import load
from onboarding.fleet.config_digest import digest_sections, find_differences
from tests.stage import CONFIG

VARIABLES = {
    "RC_APP_CLIENT_ID": "client",
    "RC_APP_CLIENT_SECRET": "s3cret",
    "RC_USER_JWT": "jwt",
    "ONBOARDING_SMTP__PASSWORD": "word",
}


def digests(folder: Path, text: str = CONFIG, **variables: str) -> dict[str, str]:
    folder.mkdir(exist_ok=True)
    (folder / "config.toml").write_text(text, encoding="utf-8")
    return digest_sections(load(folder / "config.toml", {**VARIABLES, **variables}))


@pytest.mark.parametrize(
    ("text", "variables", "sections"),
    [
        (CONFIG, {}, []),
        (CONFIG, {"ONBOARDING_SMTP__PORT": "2525"}, ["smtp"]),
        (CONFIG.replace("Brightwater", "Other"), {}, ["brand"]),
        (CONFIG.replace('invitees.csv"', 'others.csv"'), {}, ["webinars.launch"]),
        (CONFIG + '[webinars.more]\nwebinar = "7"\ninvitees = "a.csv"\n', {}, ["webinars.more"]),
        # No digest is made of a secret: a short one could be found by guessing.
        (CONFIG, {"ONBOARDING_SMTP__PASSWORD": "other"}, []),
    ],
)
def test_sections_that_differ_are_named(tmp_path, text, variables, sections):
    ours = digests(tmp_path / "here")
    theirs = digests(tmp_path / "there", text, **variables)
    assert find_differences(ours, theirs) == sections


def test_folder_with_a_letter_beyond_ascii_makes_no_difference(tmp_path):
    ours, theirs = digests(tmp_path / "büro"), digests(tmp_path / "there")

    assert find_differences(ours, theirs) == []
