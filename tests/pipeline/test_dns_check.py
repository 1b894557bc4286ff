"""Which senders a configuration has, and that each is looked at once."""

import asyncio

import pytest

from onboarding.config.load import load
from onboarding.dns.check import MailSender
from onboarding.pipeline.dns_check import build_sender, check_dns
from onboarding.pipeline.target import all_targets
from tests.dns.server import Odd, serve_dns

pytestmark = pytest.mark.anyio

CONFIG = """
[smtp]
host = "mail.example.com"
envelope_sender = "bounces+{token}@Bounces.example.com"
[brand]
name = "Example"
sender = "Events <events@example.com>"
[brands.acme]
name = "Acme"
sender = "events@acme.example"
[smtp_servers.acme]
provider = "postmark"
dkim_domain = "mail.acme.example"
[webinars.first]
webinar = "1"
invitees = "a.csv"
[webinars.second]
webinar = "2"
invitees = "a.csv"
[webinars.acme-launch]
webinar = "3"
invitees = "a.csv"
brand = "acme"
smtp = "acme"
"""


@pytest.fixture
def config(tmp_path):
    (tmp_path / "config.toml").write_text(CONFIG)
    return load(tmp_path / "config.toml", {})


def test_sender_is_built_of_brand_server_and_provider(config):
    assert build_sender(config) == MailSender(
        domain="example.com",
        return_domain="bounces.example.com",
        dkim_domain="example.com",
        needs_all=True,
    )
    acme = all_targets(config)[-1].company
    assert build_sender(config.of_company(acme)) == MailSender(
        domain="acme.example",
        return_domain="acme.example",
        dkim_domain="mail.acme.example",
        provider="postmark",
        include="spf.mtasv.net",
        writes_return=True,
    )


async def test_each_sender_is_looked_at_once(config):
    async with serve_dns({}) as server:
        targets = all_targets(config)
        found = [
            result.detail
            async for result in check_dns(config, targets, server.address, asyncio.Event())
        ]
    assert sum(detail.startswith("bounces.example.com has no SPF record") for detail in found) == 1
    assert sum(detail.startswith("acme.example has no record") for detail in found) == 1


async def test_server_that_refuses_is_said_once_for_all_senders(config):
    refusals = dict.fromkeys(["bounces.example.com", "acme.example"], Odd.REFUSED)
    async with serve_dns(refusals) as server:
        targets = all_targets(config)
        found = [
            result async for result in check_dns(config, targets, server.address, asyncio.Event())
        ]
    assert [result.ok for result in found] == [False]
