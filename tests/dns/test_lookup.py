"""Questions to a DNS server on loopback: what it answers, and what it does not."""

import asyncio

import pytest

from onboarding.dns.lookup import NameUnanswered, Resolver, ServerSilent, parse_server
from onboarding.errors import ConfigurationError, Interrupted
from tests.dns.server import Odd, serve_dns

pytestmark = pytest.mark.anyio
SHORT = 0.4
"""Seconds to wait for a server that is silent."""


async def test_records_are_found_and_a_name_is_asked_for_once():
    async with serve_dns(
        {"example.com": ["v=spf1 -all", "site=1"], "empty.example": Odd.EMPTY}
    ) as server:
        resolver = Resolver(server.address, asyncio.Event())
        assert sorted(await resolver.find_texts("example.com")) == ["site=1", "v=spf1 -all"]
        assert sorted(await resolver.find_texts("example.com")) == ["site=1", "v=spf1 -all"]
        assert await resolver.find_texts("nowhere.example") == ()
        assert await resolver.find_texts("empty.example") == ()
        assert server.udp == ["example.com", "nowhere.example", "empty.example"]


async def test_answer_that_was_cut_off_is_asked_for_again_over_tcp():
    text = "v=spf1 " + "ip4:192.0.2.1 " * 90 + "-all"
    async with serve_dns({"example.com": [text]}) as server:
        assert await Resolver(server.address, asyncio.Event()).find_texts("example.com") == [text]
        assert (server.udp, server.tcp) == (["example.com"], ["example.com"])


@pytest.mark.parametrize("name", ["a..example", "x" * 70 + ".example", "a." * 140 + "example", ""])
async def test_name_that_can_not_be_has_no_records(name):
    async with serve_dns({}) as server:
        assert await Resolver(server.address, asyncio.Event()).find_texts(name) == ()


@pytest.mark.parametrize(
    ("odd", "kind", "words"),
    [
        (Odd.SILENT, ServerSilent, "the DNS server 127.0.0.1 does not answer"),
        (Odd.OTHER_NAME, ServerSilent, "the DNS server 127.0.0.1 does not answer"),
        (Odd.REFUSED, ServerSilent, "the DNS server 127.0.0.1 refuses to answer us"),
        (
            Odd.BROKEN,
            NameUnanswered,
            "the DNS server 127.0.0.1 can't answer about example.com (SERVFAIL)",
        ),
    ],
)
async def test_answer_that_does_not_come_is_an_error_in_words(odd, kind, words):
    async with serve_dns({"example.com": odd}) as server:
        resolver = Resolver(server.address, asyncio.Event(), SHORT)
        with pytest.raises(kind) as caught:
            await resolver.find_texts("example.com")
    assert str(caught.value) == words


async def test_answer_that_is_no_dns_is_an_error_too():
    async with serve_dns({"example.com": Odd.NONSENSE}) as server:
        resolver = Resolver(server.address, asyncio.Event(), SHORT)
        with pytest.raises((ServerSilent, NameUnanswered), match=r"127\.0\.0\.1"):
            await resolver.find_texts("example.com")


async def test_signal_ends_the_wait():
    stop = asyncio.Event()
    async with serve_dns({"example.com": Odd.SILENT}) as server:
        asking = asyncio.create_task(Resolver(server.address, stop).find_texts("example.com"))
        await server.was_asked.wait()
        stop.set()
        with pytest.raises(Interrupted):
            await asking


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("192.0.2.1", ("192.0.2.1", 53)),
        ("192.0.2.1:5353", ("192.0.2.1", 5353)),
        ("2001:db8::1", ("2001:db8::1", 53)),
        ("[2001:db8::1]", ("2001:db8::1", 53)),
        ("[2001:db8::1]:5353", ("2001:db8::1", 5353)),
    ],
)
def test_address_of_a_server_may_have_a_port(address, found):
    assert parse_server(address) == found


@pytest.mark.parametrize(
    "address",
    [
        "dns.example.com",
        "192.0.2.1:0",
        "192.0.2.1:70000",
        "192.0.2.1:x",
        "[::1",
        "[::1]x",
        "::1]:5",
    ],
)
def test_what_is_no_address_is_refused(address):
    with pytest.raises(ConfigurationError, match="no address of a DNS server"):
        parse_server(address)
