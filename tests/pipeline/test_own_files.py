"""Files that the program reads, however config.toml names them: none may be written over."""

from pathlib import Path

import pytest

from onboarding.config import Config, load
from onboarding.pipeline.own_files import is_own_file
from onboarding.pipeline.target import find_target

SETTINGS = """
[smtp]
host = "mail.example.com"
ca_file = "company-ca.pem"
sent.log = "mail.log"

[replies]
mbox = "answers.mbox"

[brand]
name = "Brightwater"
sender = "events@brightwater.example"
logo = "logo.png"

[console]
tls_certificate = "console.crt"
tls_key = "console.key"

[ledger]
database = "sqlite:///data/onboarding.db"

[brands.acme]
name = "Acme"
sender = "events@acme.example"
logo = "acme.png"
templates = "letters"

[messages]
material = { when = "-10d 09:00", attach = "agenda.pdf" }

[webinars.launch]
webinar = "123456789012"
invitees = "invitees.csv"
brand = "acme"

[webinars.autumn]
webinar = "123456789013"
invitees = "autumn.csv"
templates = "autumn"
messages.send_after = "nonsense"
messages.thanks = { when = "end+1d", attach = ["slides.pdf", "notes.pdf"] }
"""


@pytest.fixture
def config(tmp_path: Path) -> Config:
    for folder in ("templates", "letters", "autumn", "data", "secrets"):
        (tmp_path / folder).mkdir()
    (tmp_path / "config.toml").write_text(SETTINGS, encoding="utf-8")
    (tmp_path / "secrets" / "RC_USER_JWT").write_text("secret", encoding="utf-8")
    for name in ("agenda.pdf", "slides.pdf", "notes.pdf"):
        (tmp_path / name).write_bytes(b"%PDF-1.4")
    return load(tmp_path / "config.toml", {})


READ = [
    "config.toml",
    "secrets/RC_USER_JWT",
    "company-ca.pem",
    "mail.log",
    "answers.mbox",
    "logo.png",
    "acme.png",
    "console.crt",
    "console.key",
    "data/onboarding.db",
    "data/onboarding.db-wal",
    "data/onboarding.db-shm",
    "data/onboarding.db-journal",
    "invitees.csv",
    "autumn.csv",
    "another.csv",
    "agenda.pdf",
    "slides.pdf",
    "notes.pdf",
    "templates/invitation.mjml.j2",
    "templates/parts/top.mjml.j2",
    "letters/invitation.mjml.j2",
    "autumn/not-yet-there.txt.j2",
    "data/../letters/./parts/top.mjml.j2",
]
NOT_READ = ["review.html", "templates/review.html", "letters.html", "data/report.csv", "x.j2"]


@pytest.mark.parametrize("name", READ)
def test_a_file_that_config_toml_names_is_the_programs_own(config: Config, name: str):
    target = find_target(config, "launch", config.folder / "another.csv")

    assert is_own_file(config.folder / name, config, [target])


@pytest.mark.parametrize("name", NOT_READ)
def test_any_other_name_may_be_written(config: Config, name: str):
    target = find_target(config, "launch", config.folder / "another.csv")

    assert not is_own_file(config.folder / name, config, [target])


def test_a_link_to_a_file_that_is_read_is_that_file(config: Config):
    (config.folder / "review.html").symlink_to("templates/invitation.mjml.j2")

    assert is_own_file(config.folder / "review.html", config, [])
