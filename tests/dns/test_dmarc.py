"""Which policy receivers find, and which domains speak for each other."""

import pytest

from onboarding.dns.dmarc import DmarcResult, find_dmarc, find_organization, is_aligned
from tests.dns.test_spf import zone_finder

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("zone", "result"),
    [
        ({}, DmarcResult("events.example.com", 0)),
        (
            {"_dmarc.events.example.com": ["v=DMARC1; p=reject; aspf=s"]},
            DmarcResult("events.example.com", 1, "reject", spf_strict=True),
        ),
        # The organization's is asked for where the subdomain has none.
        (
            {"_dmarc.example.com": ["v=DMARC1; p=reject; sp=none; adkim=s"]},
            DmarcResult("example.com", 1, "none", dkim_strict=True),
        ),
        (
            {"_dmarc.example.com": ["v=DMARC1;p=quarantine"]},
            DmarcResult("example.com", 1, "quarantine"),
        ),
        (
            {
                "_dmarc.events.example.com": ["something else"],
                "_dmarc.example.com": ["v=DMARC1; p=none", "v=DMARC1; p=reject"],
            },
            DmarcResult("example.com", 2, "none"),
        ),
        (
            {"_dmarc.events.example.com": ["v=DMARC1; p=maybe"]},
            DmarcResult("events.example.com", 1, ""),
        ),
    ],
)
async def test_policy_is_found_as_receivers_find_it(zone, result):
    assert await find_dmarc("events.example.com", zone_finder(zone)) == result


@pytest.mark.parametrize(
    ("domain", "organization"),
    [
        ("example.com", "example.com"),
        ("a.b.example.com", "example.com"),
        ("a.example.co.uk", "example.co.uk"),
        ("co.uk", "co.uk"),
        ("mail.xn--mller-kva.example", "xn--mller-kva.example"),
    ],
)
def test_organization_is_what_was_registered(domain, organization):
    assert find_organization(domain) == organization


@pytest.mark.parametrize(
    ("domain", "strict", "aligned"),
    [
        ("example.com", True, True),
        ("bounces.example.com", True, False),
        ("bounces.example.com", False, True),
        ("example.org", False, False),
        ("notexample.com", False, False),
    ],
)
def test_domains_are_aligned_by_rfc_7489(domain, strict, aligned):
    assert is_aligned(domain, "example.com", strict=strict) is aligned
