"""What an SPF record says, and how many look-ups it takes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onboarding.dns.spf import MOST_FOLLOWED, SpfRecord, follow_spf, parse_spf, select_spf

pytestmark = pytest.mark.anyio


def zone_finder(zone):
    async def find_texts(name):
        return zone.get(name, ())

    return find_texts


@pytest.mark.parametrize(
    ("text", "record"),
    [
        ("v=spf1 -all", SpfRecord(rest="-")),
        ("v=spf1 all", SpfRecord(rest="+")),
        ("V=SPF1 ~ALL", SpfRecord(rest="~")),
        ("v=spf1 a mx ptr exists:%{i}.example.com ?all", SpfRecord(others=4, rest="?")),
        ("v=spf1 a:mail.example.com/24 mx/24//64 -all", SpfRecord(others=2, rest="-")),
        ("v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 -all", SpfRecord(rest="-")),
        ("v=spf1 +include:A.example. -all", SpfRecord(("a.example",), rest="-")),
        ("v=spf1 redirect=_spf.example.com", SpfRecord(redirect="_spf.example.com")),
        ("v=spf1 redirect=_spf.example.com -all", SpfRecord(rest="-")),
        ("v=spf1 exp=why.example.com future=yes -all", SpfRecord(rest="-")),
        # What stands behind `all` is not reached, and a fault counts wherever it stands.
        ("v=spf1 -all include:a.example mx", SpfRecord(rest="-")),
        ("v=spf1 -all includ:a.example", SpfRecord(rest="-", fault="includ:a.example")),
        ("v=spf1 include: -all", SpfRecord(rest="-", fault="include:")),
        ("v=spf1 ip4:192.0.2.300 -all", SpfRecord(rest="-", fault="ip4:192.0.2.300")),
        ("v=spf1 ip4:2001:db8::1 -all", SpfRecord(rest="-", fault="ip4:2001:db8::1")),
        ("v=spf1 -all:none", SpfRecord(fault="-all:none")),
        ("v=spf1 192.0.2.1 -all", SpfRecord(rest="-", fault="192.0.2.1")),
    ],
)
def test_record_is_read_as_receivers_read_it(text, record):
    assert parse_spf(text) == record


def test_only_records_of_this_version_count():
    texts = ["v=spf1 -all", "v=spf10 -all", "spf2.0/pra -all", "v=spf1", "google-site=1", ""]
    assert select_spf(texts) == ["v=spf1 -all", "v=spf1"]


async def test_look_ups_are_counted_through_all_that_is_included():
    result = await follow_spf(
        "example.com",
        zone_finder(
            {
                "example.com": ["v=spf1 mx include:a.example include:%{d}.m.example -all"],
                "a.example": ["other", "v=spf1 include:b.example redirect=c.example"],
                "b.example": ["v=spf1 a ip4:192.0.2.1 -all"],
                "c.example": ["v=spf1 ?all"],
            }
        ),
    )
    assert (result.lookups, result.faults) == (6, [])
    assert result.names == {"a.example", "b.example", "c.example"}


async def test_record_that_includes_itself_ends():
    zone = {"example.com": ["v=spf1 include:example.com include:example.com -all"]}
    result = await follow_spf("example.com", zone_finder(zone))
    assert MOST_FOLLOWED < result.lookups < MOST_FOLLOWED + 3


@pytest.mark.parametrize(
    ("included", "fault"),
    [
        ([], "a.example, which is included, has no SPF record"),
        (["v=spf1 -all", "v=spf1 ~all"], "a.example, which is included, has 2 SPF records"),
        (["v=spf1 x:y"], "the record of a.example has a term that is not SPF: x:y"),
    ],
)
async def test_included_record_that_is_broken_breaks_the_whole(included, fault):
    zone = {"example.com": ["v=spf1 include:a.example -all"], "a.example": included}
    result = await follow_spf("example.com", zone_finder(zone))
    assert result.faults == [fault]


@given(st.text(max_size=300))
def test_any_text_is_read(text):
    record = parse_spf(f"v=spf1 {text}")
    assert record.others >= 0
