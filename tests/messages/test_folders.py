"""The name of a shared part finds files of the template folders only, also behind links."""

from pathlib import Path

import jinja2
import pytest

from onboarding.errors import ConfigurationError
from onboarding.messages.compiler.folders import FolderLoader, Folders, read_template
from onboarding.messages.lint import lint_templates
from onboarding.messages.load import load_template_set
from onboarding.messages.request import UnrenderableValue
from onboarding.model.deliveries import Message
from tests.messages.samples import BRAND, compose, make_request, protect, write_templates

SECRET = "eyJhbGciOiJIUzI1NiJ9.made-up"


@pytest.fixture
def own(tmp_path) -> Path:
    """A template folder, and beside it a secret that no template may show."""
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "RC_USER_JWT").write_text(SECRET)
    (tmp_path / "secrets" / "jwt.html.j2").write_text(SECRET)
    return write_templates(tmp_path / "own")


@pytest.mark.parametrize(
    "name",
    [
        "../secrets/RC_USER_JWT",
        "/etc/passwd",
        "parts/../../secrets/RC_USER_JWT",
        "a\0b",
        "a" * 5000,
    ],
)
def test_name_that_leads_out_of_the_folders_finds_nothing(own, name):
    folders = Folders.of([own])

    assert folders.find(name) is None
    with pytest.raises(jinja2.TemplateNotFound):
        FolderLoader(folders).get_source(jinja2.Environment(), name)


@pytest.mark.parametrize(
    ("link", "target"),
    [
        ("parts/jwt.html.j2", "../../secrets/RC_USER_JWT"),
        ("jwt", "../secrets/RC_USER_JWT"),
        ("parts", "../secrets"),
        ("invitation.txt.j2", "../secrets/RC_USER_JWT"),
        ("parts/deep/jwt.html.j2", "/etc/hostname"),
    ],
)
def test_link_that_leads_out_of_the_folders_is_refused_whether_a_template_names_it_or_not(
    own, link, target
):
    (own / link).parent.mkdir(parents=True, exist_ok=True)
    (own / link).symlink_to(target)

    with pytest.raises(ConfigurationError) as refusal:
        load_template_set([own], BRAND)

    assert refusal.value.message.startswith(
        f"{own / link} is a link that leads out of the template folders, to /"
    )
    [found] = lint_templates([own], BRAND)
    assert found.is_error
    assert str(own / link) in found.message
    assert SECRET not in f"{refusal.value} {found}"


def test_file_behind_such_a_link_is_never_read_either(own):
    (own / "parts").symlink_to("../secrets")
    folders = Folders.of([own])

    with pytest.raises(ConfigurationError, match="leads out of the template folders"):
        folders.find("parts/RC_USER_JWT")
    with pytest.raises(UnrenderableValue, match="leads out of the template folders"):
        FolderLoader(folders).get_source(jinja2.Environment(), "parts/RC_USER_JWT")


def test_link_into_one_of_the_webinars_own_folders_is_followed(own, tmp_path):
    shared = write_templates(tmp_path / "shared", **{"parts/words.html.j2": "linked words"})
    (own / "parts").mkdir()
    (own / "parts" / "linked.html.j2").symlink_to(shared / "parts" / "words.html.j2")
    (own / "beside.html.j2").symlink_to("update.html.j2")
    html = (
        (own / "invitation.html.j2")
        .read_text()
        .replace("Hello", '{% include "parts/linked.html.j2" %}')
    )
    (own / "invitation.html.j2").write_text(html)

    composed = compose(load_template_set([own, shared], BRAND), make_request(), protect())

    assert isinstance(composed, Message)
    assert b"linked words" in composed.body


def test_folder_that_is_itself_a_link_is_searched(own, tmp_path):
    (tmp_path / "templates").symlink_to(own)

    composed = compose(
        load_template_set([tmp_path / "templates"], BRAND), make_request(), protect()
    )

    assert isinstance(composed, Message)


def test_link_to_nothing_stops_nobody(own):
    """Some editors leave one beside the file that is being changed (`.#invitation.html.j2`)."""
    (own / ".#invitation.html.j2").symlink_to("me@example.com.4711:1700000000")

    assert isinstance(compose(load_template_set([own], BRAND), make_request(), protect()), Message)


def test_template_that_is_too_long_is_told(own):
    (own / "update.html.j2").write_text("x" * 1_000_001)

    with pytest.raises(
        ConfigurationError, match=r"update\.html\.j2 has more than 1,000,000 characters"
    ):
        read_template(own / "update.html.j2")
    assert [found.is_error for found in lint_templates([own], BRAND)] == [True]
