"""Which template a person gets, and what a folder of templates has to hold."""

import pytest

from onboarding.errors import ConfigurationError
from onboarding.messages.load import load_template_set
from onboarding.messages.template_names import candidates
from onboarding.messages.templates import TemplateSet
from onboarding.model.kinds import Kind
from onboarding.model.people import Role
from tests.messages.samples import (
    BRAND,
    HTML,
    OWN,
    as_email,
    compose,
    find_part,
    make_invitee,
    make_request,
    protect,
    write_templates,
)


def subject(template_set: TemplateSet, kind: Kind = Kind.INVITATION, **person):
    return as_email(compose(template_set, make_request(kind, make_invitee(**person)), protect()))[
        "Subject"
    ]


def named(title: str) -> str:
    return HTML.format(title=title, words="")


def test_candidates_go_from_the_most_special_to_the_most_general():
    assert candidates("invitation", Role.COHOST, "de-AT") == (
        "invitation.cohost.de-at",
        "invitation.cohost.de",
        "invitation.cohost",
        "invitation.de-at",
        "invitation.de",
        "invitation",
    )


@pytest.mark.parametrize(
    ("role", "language", "expected"),
    [
        (Role.COHOST, "de", "cohost german"),
        (Role.COHOST, "de-AT", "cohost german"),
        (Role.COHOST, "fr", "cohost"),
        (Role.PANELIST, "de_CH", "german"),
        (Role.PANELIST, "fr", "general"),
        (Role.HOST, "", "general"),
    ],
)
def test_a_person_gets_the_most_special_template(tmp_path, role, language, expected):
    folder = write_templates(
        tmp_path,
        title="general",
        invitation__cohost__de__html__j2=named("cohost german"),
        invitation__cohost__html__j2=named("cohost"),
        invitation__de__html__j2=named("german"),
    )

    assert subject(load_template_set([folder], BRAND), role=role, language=language) == expected


def test_an_invitee_without_language_gets_the_sessions(tmp_path):
    folder = write_templates(tmp_path, title="general", invitation__en__html__j2=named("english"))

    assert subject(load_template_set([folder], BRAND)) == "english"


def test_a_webinars_own_folder_comes_first(tmp_path):
    shared = write_templates(
        tmp_path / "shared", title="shared", invitation__txt__j2="shared text {{ join_link }}"
    )
    own = tmp_path / "own"
    own.mkdir()
    (own / "invitation.html.j2").write_text(named("own"))

    template_set = load_template_set([own, shared], BRAND)

    message = as_email(compose(template_set, make_request(), protect()))
    assert message["Subject"] == "own"
    assert (
        find_part(message, "text/plain") == f"{OWN}\n"
    )  # derived: the text of another folder tells other things
    assert subject(template_set, Kind.SCHEDULED) == "shared"


def test_shared_parts_are_looked_for_in_the_own_folder_first(tmp_path):
    invitation = named('{% include "parts/title.html.j2" %}')
    shared = write_templates(
        tmp_path / "shared",
        invitation__html__j2=invitation,
        **{"parts/title__html__j2": "shared part"},
    )
    (tmp_path / "own" / "parts").mkdir(parents=True)
    (tmp_path / "own" / "parts" / "title.html.j2").write_text("own part")

    assert subject(load_template_set([tmp_path / "own", shared], BRAND)) == "own part"


def test_a_templates_language_sets_dates_and_zones(tmp_path):
    words = (
        "{{ session.date }}, {{ session.start }}, {{ session.duration }}, {{ "
        "session.zone }} {{ join_link }}"
    )
    folder = write_templates(
        tmp_path, invitation__txt__j2=words, invitation__de__html__j2=named("de")
    )
    (folder / "invitation.de.txt.j2").write_text(words)
    template_set = load_template_set([folder], BRAND)

    told = {
        language: find_part(
            as_email(
                compose(
                    template_set, make_request(person=make_invitee(language=language)), protect()
                )
            ),
            "text/plain",
        )
        for language in ("de", "en-GB", "fr")
    }

    assert told == {
        "de": (
            f"Dienstag, 12. Mai 2026, 15:00, 1 Stunde 30 Minuten, Mitteleuropäische "
            f"Sommerzeit {OWN}\n"
        ),
        "en-GB": (
            f"Tuesday, 12 May 2026, 15:00, 1 hour 30 minutes, Central European Summer Time {OWN}\n"
        ),
        "fr": (
            f"Tuesday, May 12, 2026, 3:00\u00a0PM, 1 hour 30 minutes, Central "
            f"European Summer Time {OWN}\n"
        ),
    }


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (
            {"invitation__html__j2": named("x{{ nobody }}")},
            "invitation.html.j2, line 2: there is no nobody",
        ),
        (
            {"update__xx__html__j2": named("x")},
            "The template update.xx is in a language that is not known: 'xx'",
        ),
        ({"update__de__txt__j2": "x"}, "update.de.txt.j2 has no HTML beside it"),
        ({"update__mjml__j2": "<mjml/>"}, "are both sources of one template"),
        (
            {"update__html__j2": named("x").replace("{{ join_link }}", "")},
            "The template update fails for a sample Host",
        ),
        (
            {"cancellation__html__j2": named("x")},
            (
                "The template cancellation fails for a sample Host: The message can't "
                "be written: a link has to begin"
            ),
        ),
        (
            {"invitation__html__j2": named("{{ '{{' }} name }}")},
            "a tag is left over: ><html><head><title>{{ name }}",
        ),
        ({"invitation__html__j2": named("")}, "its subject is empty"),
        (
            {
                "invitation__html__j2": named("x").replace(
                    "<p", '<img src="http://example.com/x"><p'
                )
            },
            "without encryption",
        ),
        (
            {"invitation__html__j2": named("x").replace("<p", '<a href="javascript:x()"></a><p')},
            "mail may not hold",
        ),
        (
            {
                "parts/foot__html__j2": "\n<a href='https://v.ringcentral.com/w/join/de7yd8ew7yfsdfjh899'>here</a>"
            },
            "foot.html.j2, line 2: a join link was pasted into the template.",
        ),
        (
            {
                "update__txt__j2": (
                    "https://abc.webinar.ringcentral.com/register?jlt=iuyef77fsj473wn10a "
                    "{{ join_link }}"
                )
            },
            "update.txt.j2, line 1: a join link was pasted into the template.",
        ),
    ],
)
def test_a_mistake_in_a_template_stops_the_run_before_anybody_is_registered(tmp_path, files, said):
    write_templates(tmp_path, **files)

    with pytest.raises(ConfigurationError) as refusal:
        load_template_set([tmp_path], BRAND)

    assert said in refusal.value.message
    assert "de7yd8ew7yfsdfjh899" not in str(refusal.value)


def test_a_missing_kind_is_told(tmp_path):
    (write_templates(tmp_path) / "reminder.html.j2").unlink()

    with pytest.raises(
        ConfigurationError, match=r"There is no template reminder\.mjml\.j2 or reminder\.html\.j2"
    ):
        load_template_set([tmp_path], BRAND)


def test_a_missing_folder_is_told(tmp_path):
    with pytest.raises(ConfigurationError, match="There is no template folder"):
        load_template_set([tmp_path / "none"], BRAND)


def test_a_template_that_is_not_utf_8_is_told(tmp_path):
    (write_templates(tmp_path) / "update.html.j2").write_bytes(b"<title>\xff</title>")

    with pytest.raises(ConfigurationError, match=r"update\.html\.j2 can't be read"):
        load_template_set([tmp_path], BRAND)
