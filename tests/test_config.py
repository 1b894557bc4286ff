"""The configuration: its sources, which of them wins, what is refused and in which words."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from onboarding.config import load
from onboarding.errors import ConfigurationError

GOOD = """
[smtp]
host = "127.0.0.1"
security = "none"
[brand]
name = "Brightwater"
sender = "events@brightwater.example"
[webinars.town-hall]
webinar = "123456789012"
invitees = "lists/people.csv"
"""


def write(folder: Path, text: str = GOOD) -> Path:
    file = folder / "config.toml"
    file.write_text(text, encoding="utf-8")
    return file


def refusal(folder: Path, text: str, **variables: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load(write(folder, text), variables)
    return caught.value.message


def test_relative_paths_count_from_the_files_own_folder(tmp_path, monkeypatch):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    write(tmp_path, GOOD.replace('name = "Br', 'logo = "logo.png"\nname = "Br'))
    monkeypatch.chdir(elsewhere)

    config = load(Path("../config.toml"), {})

    assert config.ledger.database == f"sqlite:///{elsewhere}/../onboarding.db"
    assert config.webinars["town-hall"].invitees == elsewhere / "../lists/people.csv"
    assert config.brand.logo == str(elsewhere / "../logo.png")


def test_a_ledger_named_by_a_variable_counts_from_the_files_folder_too(tmp_path):
    config = load(write(tmp_path), {"ONBOARDING_LEDGER__DATABASE": "sqlite:///rehearsal.db"})
    assert config.ledger.database == f"sqlite:///{tmp_path}/rehearsal.db"


@pytest.mark.parametrize("chosen", ["argument", "variable", "current folder"])
def test_the_file_is_named_by_argument_by_variable_or_lies_here(tmp_path, monkeypatch, chosen):
    file = write(tmp_path)
    environ = {"ONBOARDING_CONFIG": str(file)} if chosen == "variable" else {}
    monkeypatch.chdir(tmp_path if chosen == "current folder" else tmp_path.parent)
    assert load(file if chosen == "argument" else None, environ).folder == tmp_path


def test_variables_win_over_files_and_files_over_config_toml(tmp_path):
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "ONBOARDING_BRAND__NAME").write_text("from a file\n")
    (secrets / "ONBOARDING_BRAND__LANGUAGE").write_text("fr")
    environ = {"ONBOARDING_SECRETS_DIR": str(secrets), "ONBOARDING_BRAND__LANGUAGE": "de"}

    brand = load(write(tmp_path), environ).brand

    assert (brand.sender, brand.name, brand.language) == (
        "events@brightwater.example",
        "from a file",
        "de",
    )


def test_systemds_credentials_folder_is_read_and_our_own_variable_wins_over_it(tmp_path):
    theirs, ours = tmp_path / "theirs", tmp_path / "ours"
    for folder in (theirs, ours):
        folder.mkdir()
        (folder / "RC_USER_JWT").write_text(folder.name)
    file = write(tmp_path)

    systemd = load(file, {"CREDENTIALS_DIRECTORY": str(theirs)})
    both = load(file, {"CREDENTIALS_DIRECTORY": str(theirs), "ONBOARDING_SECRETS_DIR": str(ours)})

    assert systemd.ringcentral.jwt is not None
    assert both.ringcentral.jwt is not None
    assert systemd.ringcentral.jwt.get_secret_value() == "theirs"
    assert both.ringcentral.jwt.get_secret_value() == "ours"


def test_the_folder_secrets_beside_config_toml_is_read_without_a_variable(tmp_path):
    folder, named = tmp_path / "secrets", tmp_path / "named"
    for secrets in (folder, named):
        secrets.mkdir()
        (secrets / "RC_USER_JWT").write_text(secrets.name)
    file = write(tmp_path)

    beside = load(file, {})
    by_variable = load(file, {"ONBOARDING_SECRETS_DIR": str(named)})

    assert beside.ringcentral.jwt is not None
    assert by_variable.ringcentral.jwt is not None
    assert beside.ringcentral.jwt.get_secret_value() == "secrets"
    assert by_variable.ringcentral.jwt.get_secret_value() == "named"
    assert beside.private_paths == (folder, folder / "RC_USER_JWT")


def test_a_file_called_secrets_is_named(tmp_path):
    (tmp_path / "secrets").write_text("jwt")

    with pytest.raises(ConfigurationError, match=r"secrets can't be read") as error:
        load(write(tmp_path), {})

    assert error.value.hint == "It has to be a folder that you may read."


def test_the_vendors_own_variables_are_understood(tmp_path):
    vendors = {
        "RC_SERVER_URL": "https://platform.example.com",
        "RC_APP_CLIENT_ID": "app",
        "RC_APP_CLIENT_SECRET": "secret",
        "RC_USER_JWT": "jwt",
    }
    settings = load(write(tmp_path), vendors).ringcentral
    assert (settings.server, settings.client_id) == ("https://platform.example.com", "app")
    assert settings.client_secret is not None
    assert settings.jwt is not None
    assert (settings.client_secret.get_secret_value(), settings.jwt.get_secret_value()) == (
        "secret",
        "jwt",
    )


def test_secrets_do_not_show_when_the_configuration_is_printed(tmp_path):
    config = load(
        write(tmp_path), {"RC_USER_JWT": "jwt-9876", "ONBOARDING_SMTP__PASSWORD": "pass-9876"}
    )
    assert "9876" not in repr(config)


@pytest.mark.parametrize(
    ("added", "section", "variable"),
    [
        ('password = "hunter2"', "[smtp] password", "ONBOARDING_SMTP__PASSWORD"),
        ('[ringcentral]\njwt = "hunter2"', "[ringcentral] jwt", "RC_USER_JWT"),
        (
            '[ringcentral]\nclient_secret = "hunter2"',
            "[ringcentral] client_secret",
            "RC_APP_CLIENT_SECRET",
        ),
        ('[ringcentral]\nclient_id = "hunter2"', "[ringcentral] client_id", "RC_APP_CLIENT_ID"),
    ],
)
def test_a_secret_in_the_file_is_refused_by_name_and_never_shown(
    tmp_path, added, section, variable
):
    message = refusal(tmp_path, GOOD.replace("[brand]", f"{added}\n[brand]"))
    assert f"{section} is a secret" in message
    assert variable in message
    assert "hunter2" not in message


@pytest.mark.parametrize(
    ("right", "wrong", "words"),
    [
        (
            "host = ",
            "hots = ",
            ["[smtp] hots: Unknown key. Did you mean host?", "[smtp] host is missing."],
        ),
        ("[smtp]", "[stmp]", ["[stmp]: Unknown key. Did you mean smtp?", "[smtp] is missing."]),
        (
            "webinar = ",
            "webiner = ",
            ["[webinars.town-hall] webiner: Unknown key. Did you mean webinar?"],
        ),
        (
            '"123456789012"',
            '"https://example.com/1"',
            ["It has to be RingCentral's id, digits only"],
        ),
        ("[webinars.town-hall]", "[webinars.Town]", ["A webinar's name has to be of lower-case"]),
        (
            'security = "none"',
            'security = "ssl"',
            ["[smtp] security: It has to be 'starttls', 'tls' or 'none'."],
        ),
        (
            '"127.0.0.1"',
            '"smtp.example.com"',
            ["smtp.example.com is another machine", '"starttls" or "tls"'],
        ),
        (
            "[brand]",
            '[brand.colours]\nprimary = "red"\n[brand]',
            ["primary: A colour is written as #rrggbb."],
        ),
        ("[brand]", "[brand", ["is not valid TOML", "line 5"]),
        (
            "[brand]",
            "[ringcentral]\nserver = 'http://rc.example'\n[brand]",
            ["Plain http is for this machine only"],
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_key_and_the_nearest_right_one(
    tmp_path, right, wrong, words
):
    message = refusal(tmp_path, GOOD.replace(right, wrong, 1))
    assert [expected for expected in words if expected not in message] == []


def test_all_that_is_wrong_comes_in_one_message(tmp_path):
    message = refusal(tmp_path, GOOD.replace("host", "hots").replace("sender", "sendr"))
    assert {line.split(": ")[1].split(":")[0] for line in message.splitlines()} >= {
        "[smtp] hots",
        "[brand] sendr",
        "[smtp] host is missing.",
        "[brand] sender is missing.",
    }


def test_an_unknown_variable_is_refused_with_the_nearest_right_one(tmp_path):
    message = refusal(tmp_path, GOOD, ONBOARDING_SMPT__PASSWORD="hunter2")
    assert (
        message
        == "Unknown variable ONBOARDING_SMPT__PASSWORD. Did you mean ONBOARDING_SMTP__PASSWORD?"
    )


def test_a_wrong_variable_is_named_and_not_the_file_that_it_overrules(tmp_path):
    message = refusal(tmp_path, GOOD, ONBOARDING_SMTP__PORT="abc", RC_SERVER_URL="ftp://x.example")
    assert "ONBOARDING_SMTP__PORT: It has to be a whole number." in message.splitlines()
    assert [line for line in message.splitlines() if "RC_SERVER_URL" in line] != []
    assert "config.toml" not in message


def test_a_variable_written_into_the_file_as_a_key_is_refused(tmp_path):
    message = refusal(tmp_path, GOOD + '[ringcentral]\nRC_USER_JWT = "hunter2"\n')
    assert "[ringcentral] RC_USER_JWT is the name of a variable." in message
    assert "hunter2" not in message


def test_another_file_than_config_toml_is_named_as_it_is_called(tmp_path):
    (tmp_path / "other.toml").write_text(GOOD, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"other\.toml"):
        load(tmp_path / "other.toml", {}).webinar("nothing")


def test_a_missing_file_says_how_to_make_one(tmp_path):
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path / "config.toml", {})
    assert "onboarding init" in caught.value.hint


def test_a_webinar_that_is_not_configured_names_the_nearest(tmp_path):
    config = load(write(tmp_path), {})
    with pytest.raises(ConfigurationError) as caught:
        config.webinar("townhall")
    assert caught.value.hint == "Did you mean town-hall?"


def test_the_shipped_config_toml_is_valid():
    shipped = Path(__file__).parent.parent / "config.toml"
    assert list(load(shipped, {}).webinars) == ["town-hall"]


def test_an_applications_secret_comes_as_a_variable_and_its_key_file_lies_beside_the_config(
    tmp_path,
):
    user = {"ONBOARDING_SMTP__USERNAME": "events@brightwater.example"}
    m365 = '[smtp.m365]\ntenant = "t"\nclient_id = "c"\n'
    by_secret = load(
        write(tmp_path, GOOD + m365), {**user, "ONBOARDING_SMTP__M365__CLIENT_SECRET": "geheim"}
    )
    by_key = load(write(tmp_path, GOOD + '[smtp.google]\nkey_file = "key.json"\n'), user)

    assert by_secret.smtp.auth == "xoauth2"
    assert by_secret.smtp.m365.client_secret == SecretStr("geheim")
    assert by_key.smtp.google.key_file == tmp_path / "key.json"


def test_an_applications_secret_in_config_toml_is_refused_and_not_repeated(tmp_path):
    with pytest.raises(ConfigurationError) as raised:
        load(write(tmp_path, GOOD + '[smtp.m365]\nclient_secret = "geheim"\n'), {})

    assert "[smtp.m365] client_secret is a secret." in raised.value.message
    assert "ONBOARDING_SMTP__M365__CLIENT_SECRET" in raised.value.message
    assert "geheim" not in str(raised.value)


@pytest.mark.parametrize("command", ["fetch --for 'a b'", '["fetch", "--for", "a b"]'])
def test_a_command_in_a_variable_is_split_as_in_the_file(tmp_path, command):
    config = load(
        write(tmp_path),
        {"ONBOARDING_SMTP__TOKEN_COMMAND": command, "ONBOARDING_SMTP__USERNAME": "u"},
    )

    assert config.smtp.token_command == ("fetch", "--for", "a b")


@pytest.mark.parametrize("name", ["SMTP", "SMTP__M365", "BRAND__COLOURS", "WEBINARS"])
def test_a_variable_named_like_a_whole_section_is_refused(tmp_path, name):
    message = refusal(tmp_path, GOOD, **{f"ONBOARDING_{name}": "red"})

    assert (
        message
        == f"ONBOARDING_{name} can't be read: it is a whole section and has keys of its own."
    )


def test_a_variable_of_another_program_is_left_out_and_logged_without_its_value(tmp_path, caplog):
    others = {"ONBOARDING_ENV": "hunter2", "ONBOARDING_CRM__URL": "hunter2"}

    assert load(write(tmp_path), others).smtp.host == "127.0.0.1"
    assert caplog.messages == [f"The unknown variable {name} is left out." for name in others]


def test_a_variable_with_an_underscore_too_few_is_refused(tmp_path):
    message = refusal(
        tmp_path, GOOD, ONBOARDING_SMTP_PASSWORD="hunter2", ONBOARDING_BRANDING__NAME="x"
    )
    assert message.splitlines() == [
        "Unknown variable ONBOARDING_SMTP_PASSWORD. Did you mean ONBOARDING_SMTP__PASSWORD?",
        "Unknown variable ONBOARDING_BRANDING__NAME. Did you mean ONBOARDING_BRAND__NAME?",
    ]


def test_an_unknown_key_of_a_known_section_is_refused(tmp_path):
    assert "Unknown key." in refusal(tmp_path, GOOD, ONBOARDING_SMTP__HOSTNAME="x")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("lunch", "Add a section [webinars.lunch] with webinar and invitees."),
        (
            "123/abc",
            "Write a name of config.toml (lower-case letters, digits, - and _), or WEBINAR_ID",
        ),
        ("Launch 2", "Write a name of config.toml"),
        ("town-hal", "Did you mean town-hall?"),
    ],
)
def test_no_section_is_advised_that_would_be_refused(tmp_path, name, hint):
    with pytest.raises(ConfigurationError) as caught:
        load(write(tmp_path), {}).webinar(name)

    assert caught.value.hint.startswith(hint)


@pytest.mark.parametrize(
    ("right", "wrong", "words"),
    [
        (
            '"127.0.0.1"',
            '"ssl://smtp.example.com"',
            "[smtp] host: It is the server's name or address alone; write host = \"s",
        ),
        (
            '"127.0.0.1"',
            '"127.0.0.1:587"',
            "[smtp] host: It is the server's name or address alone; write host = \"1",
        ),
        (
            '"127.0.0.1"',
            '"{name}"',
            "[smtp] host: It is the server's name or address alone; write it as",
        ),
        ("[brand]", "port = 0\n[brand]", "[smtp] port: It has to be at least 1."),
        ("[brand]", "port = 65536\n[brand]", "[smtp] port: It has to be at most 65535."),
        (
            'security = "none"',
            'security = "ssl"',
            "[smtp] security: It has to be 'starttls', 'tls' or 'none'.",
        ),
        (
            'security = "none"',
            'security = ["tls"]',
            "[smtp] security: It has to be 'starttls', 'tls' or 'none'.",
        ),
    ],
)
def test_wrong_way_to_name_the_mail_server_is_one_message_with_the_key(
    tmp_path, right, wrong, words
):
    message = refusal(tmp_path, GOOD.replace(right, wrong, 1))
    assert (len(message.splitlines()), words in message) == (1, True), message


MARK = b"\xef\xbb\xbf"
LINE_ENDS = [b"\n", b"\r\n", b"\r"]


@pytest.mark.parametrize("end", LINE_ENDS)
def test_byte_order_mark_and_any_line_ends_change_nothing(tmp_path, end):
    (tmp_path / "config.toml").write_bytes(MARK + GOOD.encode().replace(b"\n", end))
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "RC_USER_JWT").write_bytes(MARK + b"jwt" + end)
    variables = {
        "ONBOARDING_SECRETS_DIR": str(secrets),
        "RC_APP_CLIENT_SECRET": f"\ufeffsecret{end.decode()}".rstrip("\n"),
        "ONBOARDING_SMTP__PASSWORD": "\ufeffpass word \r",
    }

    config = load(tmp_path / "config.toml", variables)

    assert config.brand.name == "Brightwater"
    secrets_read = (config.ringcentral.jwt, config.ringcentral.client_secret, config.smtp.password)
    assert [secret and secret.get_secret_value() for secret in secrets_read] == [
        "jwt",
        "secret",
        "pass word ",
    ]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "latin-1"])
def test_file_in_another_encoding_is_one_message_that_says_what_to_do(tmp_path, encoding):
    (tmp_path / "config.toml").write_bytes(GOOD.replace("Brightwater", "Brühl").encode(encoding))

    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path / "config.toml", {})

    assert caught.value.message == f"{tmp_path / 'config.toml'} is not saved as UTF-8."
    assert "UTF-8" in caught.value.hint
