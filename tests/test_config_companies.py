"""Several companies in one configuration: what each section has, and what can't be right."""

from pathlib import Path

import pytest

from onboarding.cli.rehearse import company_variables, rehearsal_variables
from onboarding.config import Config, load
from onboarding.config.companies import Company, name_sections
from onboarding.config.company_faults import list_unused
from onboarding.errors import ConfigurationError
from onboarding.model.foreign_text import clean
from onboarding.pipeline.target import find_target

PLAIN = """
[smtp]
host = "mail.example.com"
rate = "30/minute"
[brand]
name = "Brightwater"
sender = "events@brightwater.example"
imprint = "Brightwater imprint"
"""
NAMED = """
[accounts.acme-uk]
[brands.acme]
name = "Acme"
sender = "events@acme.example"
templates = "acme"
[smtp_servers.acme]
host = "mail.acme.example"
[webinars.acme]
webinar = "2"
invitees = "acme.csv"
account = "acme-uk"
brand = "acme"
smtp = "acme"
"""
OURS = """
[webinars.ours]
webinar = "1"
invitees = "ours.csv"
"""
ACME = Company("acme-uk", "acme", "acme")
JWT = "ONBOARDING_ACCOUNTS__ACME_UK__JWT"


def load_text(folder: Path, text: str, **variables: str) -> Config:
    file = folder / "config.toml"
    file.write_text(text)
    return load(file, variables)


def test_named_section_inherits_nothing_from_the_plain_one(tmp_path):
    config = load_text(tmp_path, PLAIN + NAMED + OURS, RC_USER_JWT="ours", **{JWT: "theirs"})
    acme = config.of_company(config.webinar("acme").company)

    assert config.webinar("ours").company == config.company
    assert acme.company == ACME
    assert (acme.brand.imprint, acme.smtp.rate) == ("", None)
    assert acme.ringcentral.client_id == ""
    assert acme.ringcentral.jwt is not None
    assert acme.ringcentral.jwt.get_secret_value() == "theirs"
    assert acme.brand.templates == tmp_path / "acme"
    assert acme.of_company(Company()).brand == config.brand


def test_secrets_of_all_companies_are_hidden_in_each_ones_texts(tmp_path):
    config = load_text(
        tmp_path, PLAIN + NAMED, RC_USER_JWT="jwt-of-brightwater", **{JWT: "jwt-of-acme-uk"}
    )

    for view in (config, config.of_company(ACME)):
        assert "jwt-of" not in clean("jwt-of-brightwater jwt-of-acme-uk", view.secrets)
        assert "jwt-of" not in repr(view)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            NAMED.replace('"acme-uk"', '"acme-ukk"'),
            "[webinars.acme] account: There is no [accounts.acme-ukk]. Did you mean acme-uk?",
        ),
        (
            NAMED.replace('brand = "acme"', 'brand = "default"'),
            "[webinars.acme] brand: There is no [brands.default].",
        ),
        (
            NAMED + "[accounts.acme_uk]",
            "[accounts.acme-uk] and [accounts.acme_uk]: Their secrets would have the same",
        ),
        (NAMED + "[accounts.default]", "[accounts.default]: This name is that of [ringcentral]."),
        (NAMED + "[accounts.a__b]", "letters, digits and single - and _."),
        (
            NAMED + OURS.replace('"1"', '"2"'),
            "[webinars.ours] has the same session as [webinars.acme].",
        ),
        (
            NAMED.replace('"2"', '"2"\nsession = "7"') + OURS.replace('"1"', '"2"'),
            "[webinars.ours] and [webinars.acme] are of one webinar, and one of them names no",
        ),
        (NAMED + '[accounts.x]\njwt = "hunter2"', "[accounts.x] jwt is a secret. Delete it"),
        (NAMED + '[accounts.x]\nclient_id = "hunter2"', "ONBOARDING_ACCOUNTS__X__CLIENT_ID"),
        (NAMED + '[smtp_servers.b-c]\npassword = "hunter2"', "SMTP_SERVERS__B_C__PASSWORD"),
        (NAMED + "[brands.b]", "[brands.b] name is missing."),
    ],
    ids=[
        "unknown account",
        "default is no brand",
        "names that fall together",
        "reserved name",
        "two underscores",
        "one session, two accounts",
        "perhaps one session",
        "jwt in the file",
        "client id in the file",
        "password in the file",
        "brand without a name",
    ],
)
def test_what_cannot_be_right_is_said(tmp_path, text, said):
    with pytest.raises(ConfigurationError) as caught:
        load_text(tmp_path, PLAIN + text)

    assert said in caught.value.message
    assert "hunter2" not in str(caught.value)


def test_two_sessions_of_one_webinar_are_two_webinars_here(tmp_path):
    first = NAMED.replace('"2"', '"2"\nsession = "7"')
    second = OURS.replace('"1"', '"2"\nsession = "8"')

    assert len(load_text(tmp_path, PLAIN + first + second).webinars) == 2


def test_one_id_on_two_servers_is_two_sessions(tmp_path):
    named = NAMED.replace("[accounts.acme-uk]", '[accounts.acme-uk]\nserver = "https://b.example"')

    assert len(load_text(tmp_path, PLAIN + named + OURS.replace('"1"', '"2"')).webinars) == 2


def test_secret_of_a_former_company_stops_no_run(tmp_path, caplog):
    config = load_text(tmp_path, PLAIN + NAMED, ONBOARDING_ACCOUNTS__ACME__JWT="left")

    assert [*config.accounts] == ["acme-uk"]
    assert "There is no [accounts.acme]" in caplog.text
    assert "left" not in caplog.text.replace("left out", "")


def test_plain_sections_may_be_left_out_where_each_webinar_names_its_own(tmp_path):
    config = load_text(tmp_path, NAMED)
    acme = config.of_company(ACME)

    assert (acme.brand.name, acme.smtp.host) == ("Acme", "mail.acme.example")
    assert config.envelope_senders == {""}
    assert find_target(config, "acme").company == ACME
    # Named by its ids it is still theirs.
    assert find_target(config, "2/7").company == ACME
    with pytest.raises(ConfigurationError, match=r"needs \[brand\] and \[smtp\], and .* has none"):
        find_target(config, "99")


@pytest.mark.parametrize(
    ("text", "variables", "said"),
    [
        (NAMED + OURS, {}, "[smtp] is missing. [webinars.ours] names no smtp of its own."),
        (NAMED.replace('brand = "acme"', ""), {}, "[brand] is missing."),
        (NAMED, {"ONBOARDING_SMTP__PORT": "25"}, "[smtp] host is missing."),
        ("", {}, "[brand] is missing."),
        (NAMED + '[alerts]\nto = "a@example.com"', {}, "[alerts] to needs [smtp] and [brand]"),
    ],
    ids=["one needs both", "the only one needs a brand", "half of it", "no webinar", "alerts"],
)
def test_plain_section_that_is_needed_and_missing_is_said(tmp_path, text, variables, said):
    with pytest.raises(ConfigurationError) as caught:
        load_text(tmp_path, text, **variables)

    assert said in caught.value.message
    assert "none.invalid" not in str(caught.value)


def test_sections_that_no_webinar_names_are_listed(tmp_path):
    text = PLAIN + NAMED + "[accounts.old]\n[smtp_servers.old]\nhost = 'mail.example.com'"
    config = load_text(tmp_path, text)

    assert list_unused(config) == ["[accounts.old]", "[smtp_servers.old]"]
    assert list_unused(config.of_company(ACME)) == list_unused(config)


def test_error_names_the_companys_own_sections_and_variables():
    error = ConfigurationError(
        "[smtp] host", hint="RC_USER_JWT, ONBOARDING_SMTP__PASSWORD, [brand] sender"
    )

    name_sections(error, ACME)

    assert error.message == "[smtp_servers.acme] host"
    assert error.hint == f"{JWT}, ONBOARDING_SMTP_SERVERS__ACME__PASSWORD, [brands.acme] sender"


def test_rehearsal_reaches_no_company_for_real(tmp_path):
    plain = rehearsal_variables("http://127.0.0.1:8031", 8025)
    config = load_text(tmp_path, PLAIN + NAMED)

    found = {**plain, **company_variables(config, plain)}
    acme = load_text(tmp_path, PLAIN + NAMED, **found).of_company(ACME)

    assert acme.ringcentral.server == "http://127.0.0.1:8031"
    assert (acme.smtp.host, acme.smtp.port) == ("127.0.0.1", 8025)
