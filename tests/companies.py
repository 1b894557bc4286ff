"""Two companies on a stage: one RingCentral server, with an account, brand and mail server each."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from onboarding import roster
from onboarding.samples import find_templates
from onboarding.simulator.account import SimulatedAccount
from onboarding.simulator.seed import WebinarSeed, seed_account
from onboarding.simulator.server import serve_ringcentral
from onboarding.simulator.smtp_catcher import MailRules, RunningMail, serve_mail
from onboarding.simulator.tokens import Credentials
from tests.clock import Clock
from tests.samples import CARLOS, HANNA
from tests.stage import NAME, ROOMY, SESSION, WEBINAR, Stage, panelist, write_roster

ACME = "acme-launch"
ACME_WEBINAR, ACME_SESSION = "987654321098", "7770001"
LINKED = {"account_id": "800100200", "user_id": "800100202"}

CONFIG = f"""
[smtp]
host = "127.0.0.1"
username = "brightwater-log-in"
[brand]
name = "Brightwater"
sender = "Brightwater Events <events@brightwater.example>"
imprint = "Brightwater imprint"
[accounts.acme]
[brands.acme]
name = "Acme"
sender = "Acme Events <events@acme.example>"
imprint = "Acme imprint"
templates = "acme"
[smtp_servers.acme]
host = "127.0.0.1"
username = "acme-log-in"
[webinars.{NAME}]
webinar = "{WEBINAR}"
session = "{SESSION}"
invitees = "invitees.csv"
[webinars.{ACME}]
webinar = "{ACME_WEBINAR}"
invitees = "acme.csv"
account = "acme"
brand = "acme"
smtp = "acme"
"""

BRIGHTWATER_PEOPLE = [
    HANNA.as_row(),
    CARLOS.as_row(**LINKED, job_title="Brightwater title"),
    panelist(1, job_title="Brightwater guest"),
]
ACME_PEOPLE = [
    HANNA.as_row(job_title="Acme host"),
    # The same address, in both directories and on both panels.
    CARLOS.as_row(**LINKED, job_title="Acme title"),
    panelist(2, job_title="Acme guest"),
]


@dataclass
class Company:
    """One company's servers, and what nothing of another company may hold."""

    account: SimulatedAccount
    mail: RunningMail
    ids: tuple[str, str]
    words: frozenset[str]
    domain: str

    @property
    def planted(self) -> frozenset[str]:
        """Its words, with the join links of its people."""
        records = self.account.list_records(*self.ids)
        return self.words | {record.join_uri.get_secret_value() for record in records}


@dataclass
class Companies:
    """The stage of the first company, with both."""

    scene: Stage
    brightwater: Company
    acme: Company


@asynccontextmanager
async def stage_companies(
    folder: Path, refuse: Mapping[str, str] | None = None
) -> AsyncIterator[Companies]:
    """Set the stage, with a template of the first company's that says whose it is.

    `refuse`: what both mail servers say to a recipient.
    """
    (folder / "config.toml").write_text(CONFIG, encoding="utf-8")
    write_roster(folder / "invitees.csv", BRIGHTWATER_PEOPLE)
    write_roster(folder / "acme.csv", ACME_PEOPLE)
    for name in ("templates", "acme"):
        (folder / name).mkdir()
    shipped = find_templates()
    for name in ("invitation.txt.j2", "invitation.mjml.j2"):
        marked = (shipped / name).read_text().replace("Hello ", "Hello by Brightwater ")
        (folder / "templates" / name).write_text(marked)
    clock = Clock()
    brightwater = _seed(folder / "invitees.csv", (WEBINAR, SESSION), "The Launch", clock, None)
    acme_credentials = Credentials(
        client_id="acme-client", client_secret=SecretStr("acme-secret"), jwt=SecretStr("acme-jwt")
    )
    acme_ids = (ACME_WEBINAR, ACME_SESSION)
    acme = _seed(folder / "acme.csv", acme_ids, "Acme Day", clock, acme_credentials)
    async with (
        serve_ringcentral(brightwater, others=[acme], limits=ROOMY, clock=clock.now) as ringcentral,
        serve_mail(None, rules=_log_in("brightwater", refuse or {})) as mail,
        serve_mail(None, rules=_log_in("acme", refuse or {})) as acme_mail,
    ):
        variables = _variables(ringcentral.url, mail.port, acme_mail.port)
        scene = Stage(folder, ringcentral, mail, clock, variables)
        yield Companies(
            scene,
            Company(
                brightwater,
                mail,
                (WEBINAR, SESSION),
                _words("Brightwater", "1"),
                "brightwater.example",
            ),
            Company(acme, acme_mail, acme_ids, _words("Acme", "2"), "acme.example"),
        )


def _seed(
    file: Path, ids: tuple[str, str], title: str, clock: Clock, credentials: Credentials | None
) -> SimulatedAccount:
    invitees = roster.read(file.read_bytes()).invitees
    return seed_account([WebinarSeed(*ids, invitees, title)], clock.now(), credentials)


def _log_in(name: str, refuse: Mapping[str, str]) -> MailRules:
    password = SecretStr(f"{name}-password")
    return MailRules(username=f"{name}-log-in", password=password, refuse=refuse)


def _words(name: str, guest: str) -> frozenset[str]:
    own = name.lower()
    secrets = {f"{own}-{kind}" for kind in ("client", "secret", "jwt", "password", "log-in")}
    people = {f"guest{guest}@example.com", f"{name} title", f"{name} guest", f"{name} imprint"}
    return frozenset({*secrets, *people, f"events@{own}.example", f"by {name}"})


def _variables(url: str, mail_port: int, acme_port: int) -> Mapping[str, str]:
    return {
        "RC_SERVER_URL": url,
        "RC_APP_CLIENT_ID": "brightwater-client",
        "RC_APP_CLIENT_SECRET": "brightwater-secret",
        "RC_USER_JWT": "brightwater-jwt",
        "ONBOARDING_SMTP__PORT": str(mail_port),
        "ONBOARDING_SMTP__SECURITY": "none",
        "ONBOARDING_SMTP__PASSWORD": "brightwater-password",
        "ONBOARDING_ACCOUNTS__ACME__SERVER": url,
        "ONBOARDING_ACCOUNTS__ACME__CLIENT_ID": "acme-client",
        "ONBOARDING_ACCOUNTS__ACME__CLIENT_SECRET": "acme-secret",
        "ONBOARDING_ACCOUNTS__ACME__JWT": "acme-jwt",
        "ONBOARDING_SMTP_SERVERS__ACME__PORT": str(acme_port),
        "ONBOARDING_SMTP_SERVERS__ACME__SECURITY": "none",
        "ONBOARDING_SMTP_SERVERS__ACME__PASSWORD": "acme-password",
    }
