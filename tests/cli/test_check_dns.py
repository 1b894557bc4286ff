"""`check --dns`: what the DNS says of the sender, as a user sees it."""

import base64

import pytest

from tests.cli.command import on
from tests.dns.server import Odd, serve_dns
from tests.stage import HOST, NAME, ROOMY, stage

pytestmark = pytest.mark.anyio

OURS, BOUNCES = "brightwater.example", "bounces.brightwater.example"
KEY = f"v=DKIM1; p={base64.b64encode(b'0' * 294).decode()}"
ZONE = {
    "bounces.brightwater.example": ["v=spf1 include:spf.protection.outlook.com -all"],
    "spf.protection.outlook.com": ["v=spf1 ip4:192.0.2.0/24 -all"],
    "s1._domainkey.brightwater.example": [KEY],
    "_dmarc.brightwater.example": ["v=DMARC1; p=none"],
}
SETTINGS = {
    "ONBOARDING_SMTP__PROVIDER": "microsoft365",
    "ONBOARDING_SMTP__DKIM_SELECTORS": '["s1"]',
    "ONBOARDING_SMTP__ENVELOPE_SENDER": "b+{token}@bounces.brightwater.example",
}


@pytest.fixture
async def scene(tmp_path):
    async with stage(tmp_path, [HOST], limits=ROOMY) as found:
        yield found


def dns_lines(seen):
    return [line for line in seen.out.splitlines() if "DNS: " in line]


async def test_a_resolver_that_is_no_address_is_said_before_anything_is_asked(scene):
    seen = await on(scene, "check", "--dns", "--resolver", "300.1.1.1")

    assert (seen.code, seen.out) == (2, "")
    assert "'300.1.1.1' is no address of a DNS server." in seen.err


async def test_sender_that_is_right_is_said_line_by_line(scene):
    async with serve_dns(ZONE) as server:
        words = ("--dns", "--resolver", server.address, "--strict")
        seen = await on(scene, "check", NAME, *words, **SETTINGS)
    assert (seen.code, seen.err) == (0, "")
    assert dns_lines(seen) == [
        f"ok  DNS: SPF: {BOUNCES} names spf.protection.outlook.com, as microsoft365 wants it",
        f"ok  DNS: SPF look-ups: the record of {BOUNCES} takes 1 of 10 look-ups",
        "ok  DNS: DKIM: s1._domainkey.brightwater.example has a key",
        "ok  DNS: DMARC: _dmarc.brightwater.example says p=none",
        f"ok  DNS: alignment: SPF by {BOUNCES} and DKIM by {OURS} can speak for {OURS}",
    ]


async def test_fault_in_the_dns_counts_only_where_that_is_wanted(scene):
    async with serve_dns({**ZONE, "_dmarc.brightwater.example": []}) as server:
        words = ("check", NAME, "--dns", "--resolver", server.address)
        plain = await on(scene, *words, **SETTINGS)
        strict = await on(scene, *words, "--strict", **SETTINGS)
    assert (plain.code, strict.code) == (0, 1)
    assert plain.out == strict.out
    assert [line[:15] for line in dns_lines(plain) if line.startswith("NO")] == ["NO  DNS: DMARC:"]


async def test_server_that_refuses_is_said_once_and_without_dns_none_is_asked(scene):
    async with serve_dns(dict.fromkeys(["brightwater.example"], Odd.REFUSED)) as server:
        without = await on(scene, "check", NAME)
        assert (server.udp, dns_lines(without)) == ([], [])
        seen = await on(scene, "check", NAME, "--dns", "--resolver", server.address)
    assert (seen.code, dns_lines(seen)) == (
        0,
        ["NO  DNS: server: the DNS server 127.0.0.1 refuses to answer us"],
    )


@pytest.mark.parametrize("words", [["--strict"], ["--resolver", "192.0.2.1"]])
async def test_options_of_dns_without_it_are_refused(scene, words):
    seen = await on(scene, "check", *words)
    assert (seen.code, seen.out) == (2, "")
    assert "go with --dns" in seen.err


async def test_resolver_has_to_be_an_address(scene):
    seen = await on(scene, "check", "--dns", "--resolver", "dns.example.com")
    assert seen.code == 2
    assert "'dns.example.com' is no address of a DNS server." in seen.err
