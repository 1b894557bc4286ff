"""What `check --dns` says of a sender, asked at a DNS server on loopback."""

import asyncio
import base64
from dataclasses import replace

import pytest

from onboarding.dns.check import MailSender, check_sender
from onboarding.dns.lookup import Resolver
from onboarding.model.checks import CheckResult
from tests.dns.server import Odd, serve_dns

pytestmark = pytest.mark.anyio

KEY = f"v=DKIM1; k=rsa; p={base64.b64encode(b'0' * 294).decode()}"
SENDER = MailSender(
    domain="example.com",
    return_domain="example.com",
    dkim_domain="example.com",
    provider="microsoft365",
    include="spf.protection.outlook.com",
    selectors=("selector1", "selector2"),
)
RIGHT = {
    "example.com": ["v=spf1 include:spf.protection.outlook.com -all"],
    "spf.protection.outlook.com": ["v=spf1 ip4:192.0.2.0/24 -all"],
    "selector1._domainkey.example.com": [KEY],
    "_dmarc.example.com": ["v=DMARC1; p=quarantine; rua=mailto:dmarc@example.com"],
}

UNUSABLE = "receivers can't use the record of example.com: "
UNNAMED = (
    "the record of example.com does not name spf.protection.outlook.com, "
    "so microsoft365 may not send for it"
)


async def check(zone, sender=SENDER, seconds=5.0, wait=0.4):
    async with serve_dns(zone) as server:
        resolver = Resolver(server.address, asyncio.Event(), wait)
        return [result async for result in check_sender(sender, resolver.find_texts, seconds)]


async def test_sender_that_is_right_gets_a_good_line_for_each_thing():
    assert await check(RIGHT) == [
        CheckResult(
            "DNS: SPF",
            ok=True,
            detail="example.com names spf.protection.outlook.com, as microsoft365 wants it",
        ),
        CheckResult(
            "DNS: SPF look-ups",
            ok=True,
            detail="the record of example.com takes 1 of 10 look-ups",
        ),
        CheckResult("DNS: DKIM", ok=True, detail="selector1._domainkey.example.com has a key"),
        CheckResult("DNS: DMARC", ok=True, detail="_dmarc.example.com says p=quarantine"),
        CheckResult(
            "DNS: alignment",
            ok=True,
            detail="SPF by example.com and DKIM by example.com can speak for example.com",
        ),
    ]


async def test_domain_without_any_record_is_told_what_to_publish():
    results = await check({})
    assert [(result.what, result.ok) for result in results] == [
        ("DNS: SPF", False),
        ("DNS: DKIM", False),
        ("DNS: DMARC", False),
        ("DNS: alignment", True),
    ]
    assert results[0].hint == (
        'Publish a TXT record at example.com: "v=spf1 include:spf.protection.outlook.com ~all".'
    )
    assert results[2].hint == 'Publish a TXT record at _dmarc.example.com: "v=DMARC1; p=none".'


@pytest.mark.parametrize(
    ("records", "detail"),
    [
        (["v=spf1 -all", "v=spf1 ~all"], "example.com has 2 SPF records, so none of them counts"),
        (
            ["v=spf1 include:spf.other.example -all"],
            UNUSABLE + "spf.other.example, which is included, has no SPF record",
        ),
        (
            ["v=spf1 ip4:192.0.2.1 -all"],
            UNNAMED,
        ),
        (
            ["v=spf1 include:spf.protection.outlook.com +all"],
            "the record of example.com lets every machine in the world send for it (+all)",
        ),
        (
            ["v=spf1 include:spf.protection.outlook.com al"],
            UNUSABLE + "the record of example.com has a term that is not SPF: al",
        ),
    ],
)
async def test_spf_record_that_is_wrong_is_named(records, detail):
    found = (await check({**RIGHT, "example.com": records}))[0]
    assert (found.ok, found.detail, bool(found.hint)) == (False, detail, True)


async def test_record_with_too_many_look_ups_is_counted():
    many = " ".join(f"a:m{number}.example" for number in range(10))
    record = f"v=spf1 {many} include:spf.protection.outlook.com -all"
    found = (await check({**RIGHT, "example.com": [record]}))[1]
    assert not found.ok
    assert found.detail == (
        "the record of example.com takes 11 look-ups, and receivers give it up after 10"
    )


async def test_record_with_exactly_ten_look_ups_is_right():
    many = " ".join(f"a:m{number}.example" for number in range(9))
    record = f"v=spf1 {many} include:spf.protection.outlook.com -all"
    assert (await check({**RIGHT, "example.com": [record]}))[1].ok


async def test_record_that_leaves_the_end_open_is_good_with_advice():
    record = "v=spf1 include:spf.protection.outlook.com ?all"
    found = (await check({**RIGHT, "example.com": [record]}))[0]
    assert (found.ok, found.hint) == (True, "Let the record end in ~all or -all.")


async def test_long_record_comes_whole_over_tcp():
    record = f"v=spf1 {'ip4:192.0.2.1 ' * 60}include:spf.protection.outlook.com -all"
    assert (await check({**RIGHT, "example.com": [record]}))[0].ok


async def test_provider_with_a_return_address_of_its_own_needs_no_spf():
    sender = replace(SENDER, provider="ses", include="amazonses.com", writes_return=True)
    without = (await check({**RIGHT, "example.com": []}, sender))[0]
    assert without == CheckResult(
        "DNS: SPF",
        ok=True,
        detail="example.com has no record, and needs none: ses puts in a return address of its own",
    )
    results = await check(RIGHT, sender)
    assert results[0].detail == (
        "the record of example.com does not name amazonses.com, and need not: "
        "ses puts in a return address of its own"
    )
    # By the provider's domain, SPF can't speak for ours.
    assert results[-1].detail == "DKIM by example.com can speak for example.com"


async def test_unknown_mail_server_is_not_judged():
    sender = replace(SENDER, provider="", include="", selectors=(), needs_all=True)
    results = await check(RIGHT, sender)
    assert [result.ok for result in results] == [True] * 5
    assert "is not known here" in results[0].detail
    assert results[2].hint.startswith("Set [smtp] dkim_selectors")


async def test_each_selector_that_was_set_has_to_be_there():
    results = await check(RIGHT, replace(SENDER, needs_all=True))
    assert [(result.ok, result.detail) for result in results[2:4]] == [
        (True, "selector1._domainkey.example.com has a key"),
        (False, "selector2._domainkey.example.com has no key"),
    ]


async def test_test_key_is_good_with_advice():
    zone = {**RIGHT, "selector1._domainkey.example.com": [f"{KEY}; t=y"]}
    found = (await check(zone))[2]
    assert (found.ok, found.detail) == (True, "selector1._domainkey.example.com has a test key")


@pytest.mark.parametrize(
    ("texts", "detail"),
    [
        (
            ["v=DMARC1; p=none", "v=DMARC1; p=reject"],
            "_dmarc.example.com has 2 DMARC records, so none of them counts",
        ),
        (
            ["v=DMARC1; p=off"],
            "the record at _dmarc.example.com has no policy that receivers understand",
        ),
        ([], "example.com has no DMARC record; some receivers want one of every sender"),
    ],
)
async def test_dmarc_record_that_is_wrong_is_named(texts, detail):
    found = (await check({**RIGHT, "_dmarc.example.com": texts}))[3]
    assert (found.what, found.ok, found.detail) == ("DNS: DMARC", False, detail)


async def test_domains_that_do_not_belong_together_are_not_aligned():
    sender = replace(SENDER, return_domain="example.org", dkim_domain="example.net")
    zone = {**RIGHT, "example.org": RIGHT["example.com"]}
    found = (await check(zone, sender))[-1]
    assert not found.ok
    assert found.detail == (
        "neither DKIM by example.net nor the return address at example.org speaks for "
        "example.com, which people see"
    )


async def test_strict_policy_wants_the_very_domain():
    zone = {
        **RIGHT,
        "bounces.example.com": RIGHT["example.com"],
        "_dmarc.example.com": ["v=DMARC1; p=none; aspf=s"],
    }
    sender = replace(SENDER, return_domain="bounces.example.com")
    assert (await check(zone, sender))[-1].detail == "DKIM by example.com can speak for example.com"


async def test_silent_server_is_said_once():
    assert await check({"example.com": Odd.SILENT}) == [
        CheckResult(
            "DNS: server",
            ok=False,
            detail="the DNS server 127.0.0.1 does not answer",
            hint="Try again, or ask another DNS server with --resolver.",
        )
    ]


async def test_all_answers_together_have_a_limit():
    (found,) = await check({"example.com": Odd.SILENT}, seconds=0.2, wait=30)
    assert found.detail == "the answers took longer than 0.2 seconds"


async def test_broken_name_stops_only_what_is_about_it():
    results = await check({**RIGHT, "example.com": Odd.BROKEN})
    assert [(result.what, result.ok) for result in results] == [
        ("DNS: SPF", False),
        ("DNS: DKIM", True),
        ("DNS: DMARC", True),
        ("DNS: alignment", True),
    ]


async def test_hostile_record_can_not_write_to_the_terminal():
    record = "v=spf1 \x1b[31mred\x1b[0m\x07" + "x" * 400 + " -all"
    found = (await check({**RIGHT, "example.com": [record]}))[0]
    assert found.detail.isprintable()
    assert len(found.detail) < 250
