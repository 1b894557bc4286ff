"""Which log-ins end soon: tokens, certificates in real files, and what providers have announced."""

import base64
import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from onboarding.config import Config, load
from onboarding.pipeline.log_in_ends import LOG_IN_NOTICE, find_ending_log_ins, find_jwt_end
from onboarding.smtp.announced_ends import ANNOUNCED_ENDS
from onboarding.smtp.providers import Provider
from tests.cli.command import on
from tests.stage import HOST, stage

NOW = datetime(2026, 12, 20, 12, tzinfo=UTC)
CONFIG = """
[smtp]
host = "mail.example.com"
{smtp}
[brand]
name = "Brightwater"
sender = "events@brightwater.example"
[accounts.acme]
[webinars.launch]
webinar = "123456789012"
invitees = "invitees.csv"
{more}
"""


def configure(folder: Path, smtp: str = "", more: str = "", **variables: str) -> Config:
    (folder / "config.toml").write_text(CONFIG.format(smtp=smtp, more=more), encoding="utf-8")
    return load(folder / "config.toml", variables)


def list_ends(config: Config, now: datetime = NOW) -> list[tuple[str, date]]:
    return [(end.subject, end.day) for end in find_ending_log_ins(config, now)]


def make_jwt(claims: object) -> str:
    middle = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{middle}.c2ln"


def make_ending_jwt(end: datetime) -> str:
    return make_jwt({"exp": end.timestamp()})


def write_certificates(path: Path, *ends: datetime) -> None:
    """Write a certificate for each end, in this order."""
    authority = trustme.CA()
    issued = [authority.issue_cert("localhost", not_after=end.replace(tzinfo=None)) for end in ends]
    path.write_bytes(b"".join(leaf.cert_chain_pems[0].bytes() for leaf in issued))


@pytest.mark.parametrize(
    ("token", "end"),
    [
        (make_jwt({"exp": 1_800_000_000}), datetime(2027, 1, 15, 8, 0, tzinfo=UTC)),
        (make_jwt({}), None),
        (make_jwt([]), None),
        (make_jwt({"exp": "soon"}), None),
        (make_jwt({"exp": 1e300}), None),
        ("jwt-of-the-user", None),
        ("a.ü.c", None),
        ("", None),
    ],
)
def test_when_a_jwt_ends(token: str, end: datetime | None):
    assert find_jwt_end(token) == end


def test_each_accounts_jwt_is_told_of_two_weeks_before_its_end_and_after_it(tmp_path):
    soon, late = NOW + LOG_IN_NOTICE, NOW + LOG_IN_NOTICE + timedelta(days=1)
    config = configure(
        tmp_path,
        RC_USER_JWT=make_ending_jwt(late),
        ONBOARDING_ACCOUNTS__ACME__JWT=make_ending_jwt(soon),
    )

    assert list_ends(config) == [("the JWT of [accounts.acme]", soon.date())]
    assert list_ends(config, late + timedelta(days=9)) == [
        ("the JWT of [ringcentral]", late.date()),
        ("the JWT of [accounts.acme]", soon.date()),
    ]


def test_a_certificate_of_ours_is_told_of(tmp_path):
    soon, late = NOW + timedelta(days=3), NOW + timedelta(days=400)
    # An authority's old certificate beside its new one; a chain whose second part ends first.
    write_certificates(tmp_path / "rolled.pem", soon, late)
    write_certificates(tmp_path / "ending.pem", soon)
    write_certificates(tmp_path / "console.pem", late, soon)
    (tmp_path / "empty.pem").write_text("no certificate")
    more = """
[smtp.sent]
host = "imap.example.com"
username = "events"
ca_file = "ending.pem"
[replies]
host = "imap.example.com"
username = "events"
ca_file = "{replies}"
[console]
tls_certificate = "console.pem"
"""

    for replies in ("empty.pem", "missing.pem", "rolled.pem"):
        text = more.format(replies=replies)
        config = configure(tmp_path, smtp='ca_file = "rolled.pem"', more=text)
        assert list_ends(config) == [
            ("the certificate in [console] tls_certificate", soon.date()),
            ("the certificate in [smtp.sent] ca_file", soon.date()),
        ]


MICROSOFT = """
[smtp_servers.acme]
provider = "microsoft365"
username = "events@acme.example"
{auth}
"""


def test_an_announced_end_is_told_until_its_day(tmp_path):
    end = ANNOUNCED_ENDS[Provider.MICROSOFT365]
    config = configure(tmp_path, more=MICROSOFT.format(auth=""))
    days = [end.day - timedelta(days=15), end.day - timedelta(days=14), end.day]
    days.append(end.day + timedelta(days=1))

    found = [
        find_ending_log_ins(config, datetime(day.year, day.month, day.day, 12, tzinfo=UTC))
        for day in days
    ]

    assert [len(ends) for ends in found] == [0, 1, 1, 0]
    (told,) = found[1]
    assert told.subject == "the password of [smtp_servers.acme], as Microsoft has announced,"
    assert "[smtp_servers.acme.m365]" in told.hint


def test_an_announced_end_is_about_its_own_kind_of_log_in(tmp_path):
    token = MICROSOFT.format(auth='token_command = "print-token"')
    end = ANNOUNCED_ENDS[Provider.MICROSOFT365].day
    now = datetime(end.year, end.month, end.day, tzinfo=UTC)

    assert list_ends(configure(tmp_path, more=token), now) == []


@pytest.mark.anyio
async def test_check_says_what_ends(tmp_path):
    async with stage(tmp_path, [HOST]) as scene:
        ended = make_ending_jwt(datetime(2020, 1, 1, tzinfo=UTC))
        seen = await on(scene, "check", RC_USER_JWT=ended)

        assert "the JWT of [ringcentral] ends on 2020-01-01" in seen.out
        assert "Make another in RingCentral's developer console." in seen.out
        assert ended not in seen.all
