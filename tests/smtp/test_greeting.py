"""The name by which we greet: a machine may be called anything, a server takes domain names and address literals."""

import pytest

from onboarding.smtp.connect import Connector
from onboarding.smtp.greeting import choose_ehlo_name, format_address_literal
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
    assert choose_ehlo_name(name, HERE) == name


def test_final_dot_of_the_root_is_left_out():
    assert choose_ehlo_name("desk-7.example.com.", HERE) == "desk-7.example.com"


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
    assert choose_ehlo_name(name, HERE) == "[192.0.2.7]"


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
    ("ehlo_name", "machine", "said"),
    [
        ("desk-7.example.com", "Jörgs-MacBook", "desk-7.example.com"),
        ("", "desk-8.example.com", "desk-8.example.com"),
        ("", "Jörgs-MacBook", "[127.0.0.1]"),
    ],
)
async def test_server_is_greeted_by_the_setting_by_the_machine_or_by_the_address(
    ehlo_name, machine, said
):
    async with scripted() as server:
        line = await Connector(server.settings(ehlo_name=ehlo_name), lambda: machine).open()
        await line.close(1)

    assert server.connections[0][0] == f"EHLO {said}"
