"""Names of hosts: `[smtp] host` is a name or an address; EHLO takes a domain or a literal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onboarding.smtp.connect import Connector
from onboarding.smtp.host_names import (
    format_address_literal,
    format_host_and_port,
    select_ehlo_name,
    validate_host,
)
from tests.smtp.scripted import scripted

HERE = "192.0.2.7"


@pytest.mark.parametrize(
    "name",
    [
        "desk-7.example.com",
        "localhost",
        "a",
        "7up",
        "0.desk.example",
        "DESK",
        "xn--bcher-kva.example",
    ],
)
def test_machine_whose_name_is_a_domain_greets_by_it(name):
    assert select_ehlo_name(name, HERE) == name


def test_final_dot_of_the_root_is_left_out():
    assert select_ehlo_name("desk-7.example.com.", HERE) == "desk-7.example.com"


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Jörgs-MacBook",
        "my_machine",
        "my machine",
        "desk\r\nMAIL FROM:<>",
        "desk..example",
        ".example",
        "-desk",
        "desk-.example",
        "192.0.2.9",
        "::1",
        "1234",
        "a" * 64,
        ".".join(["a" * 60] * 5),
        "Ⓓesk",
        "\u0663desk",
    ],
)
def test_machine_with_any_other_name_greets_by_its_address(name):
    assert select_ehlo_name(name, HERE) == "[192.0.2.7]"


@pytest.mark.parametrize(
    ("address", "literal"),
    [
        ("127.0.0.1", "[127.0.0.1]"),
        ("::1", "[IPv6:::1]"),
        ("2001:db8::7", "[IPv6:2001:db8::7]"),
        ("fe80::1%eth0", "[IPv6:fe80::1]"),
        ("", "[127.0.0.1]"),
    ],
)
def test_address_is_written_as_a_literal(address, literal):
    assert format_address_literal(address) == literal


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("ehlo_name", "machine", "name"),
    [
        ("desk-7.example.com", "Jörgs-MacBook", "desk-7.example.com"),
        ("", "desk-8.example.com", "desk-8.example.com"),
        ("", "Jörgs-MacBook", "[127.0.0.1]"),
    ],
)
async def test_server_is_greeted_by_the_setting_by_the_machine_or_by_the_address(
    ehlo_name, machine, name
):
    async with scripted() as server:
        line = await Connector(server.settings(ehlo_name=ehlo_name), lambda: machine).open()
        await line.close(1)

    assert server.connections[0][0] == f"EHLO {name}"


@pytest.mark.parametrize(
    "host",
    [
        "smtp.example.com",
        "localhost",
        "mail",
        "127.0.0.1",
        "::1",
        "fe80::1%eth0",
        "smtp_1.example.com",
        "post.münchen.example",
    ],
)
def test_name_or_address_stays_as_it_is(host):
    assert validate_host(host) == host


@pytest.mark.parametrize(
    ("host", "advice"),
    [
        ("ssl://smtp.example.com", 'host = "smtp.example.com" and security = "tls"'),
        (
            "smtps://smtp.example.com:465/",
            'host = "smtp.example.com", security = "tls" and port = 465',
        ),
        ("imaps://imap.example.com", 'host = "imap.example.com" and security = "tls"'),
        ("TLS://smtp.example.com", 'host = "smtp.example.com" and security = "tls"'),
        ("smtp://smtp.example.com:587", 'host = "smtp.example.com" and port = 587'),
        ("https://smtp.example.com", 'host = "smtp.example.com"'),
        ("smtp.example.com:587", 'host = "smtp.example.com" and port = 587'),
        ("smtp.example.com:", 'host = "smtp.example.com"'),
        (" smtp.example.com ", 'host = "smtp.example.com"'),
        ("smtp.example.com\n", 'host = "smtp.example.com"'),
        ("[::1]", 'host = "::1"'),
        ("[2001:db8::1]:587", 'host = "2001:db8::1" and port = 587'),
        ("user@smtp.example.com", 'host = "smtp.example.com"'),
        ("smtp.example.com/mail", 'host = "smtp.example.com"'),
        ("smtp.example.com:abc", "it as smtp.example.com"),
        ("smtp.example.com:99999", "it as smtp.example.com"),
        ("smtp example", "it as smtp.example.com"),
        ("[::1", "it as smtp.example.com"),
        ("{name}", "it as smtp.example.com"),
        ("-", "it as smtp.example.com"),
    ],
)
def test_anything_else_is_refused_with_what_to_write(host, advice):
    with pytest.raises(ValueError, match="alone") as caught:
        validate_host(host)
    assert str(caught.value) == f"it is the server's name or address alone; write {advice}"


@given(st.text(min_size=1))
def test_every_text_is_taken_or_refused_in_words(text):
    try:
        assert validate_host(text) == text
    except ValueError as error:
        assert "alone; write " in str(error)  # noqa: PT017 -- both ends are right


def test_an_address_with_colons_stands_in_brackets_before_a_port():
    assert [format_host_and_port(host, 25) for host in ("::1", "127.0.0.1", "a.example")] == [
        "[::1]:25",
        "127.0.0.1:25",
        "a.example:25",
    ]
