"""`[brand]` takes what a letter can safely carry, and says what it doesn't take.

Every command reads `[brand]`; most need no template engine, so they must not wait for one.
"""

import subprocess
import sys

import pytest
from pydantic import ValidationError

from onboarding.messages.settings import BrandSettings, Colours


def brand(**fields):
    return BrandSettings(**({"name": "Northwind", "sender": "webinars@northwind.example"} | fields))


@pytest.mark.parametrize(
    "fields",
    [
        {"name": ""},
        {"sender": "Northwind"},
        {"sender": "a@b.example\r\nBcc: c@d.example"},
        {"sender": "a@b.example, c@d.example"},
        {"sender": "änna@b.example"},
        {"sender": "a@-.example"},
        {"reply_to": "nobody"},
        {"logo": "http://example.com/logo.png"},
        {"logo": "javascript:alert(1)://"},
        {"language": "Deutsch bitte"},
        {"calendar": "maybe"},
        {"dial_in": "+44 117\n496 0123"},
        {"dial_in": "1" * 201},
        {"device_test": "http://example.com/test"},
        {"device_test": "javascript:alert(1)"},
        {"device_test": "example.com/test"},
        {"device_test": "https://"},
        {"device_test": "https:///test"},
        {"device_test": "https://example.com/a test"},
        {"device_test": "https://example.com/\nBcc: a@b.example"},
        {"device_test": "https://[example.com/"},
        {"device_test": "https://example.com/" + "x" * 481},
        {"color": "#ffffff"},
    ],
)
def test_what_a_letter_cannot_carry_is_refused(fields):
    with pytest.raises(ValidationError):
        brand(**fields)


@pytest.mark.parametrize("address", ["", "https://example.com/test?lang=en#camera"])
def test_device_test_is_an_address_or_nothing(address):
    assert brand(device_test=address).device_test == address


@pytest.mark.parametrize("colour", ["red", "#fff", "#12345g", "#123456;", "#1234567"])
def test_a_colour_is_six_hex_digits(colour):
    with pytest.raises(ValidationError):
        Colours(primary=colour)


@pytest.mark.parametrize(
    ("sender", "name", "address"),
    [
        ("webinars@northwind.example", "Northwind", "webinars@northwind.example"),
        ("Webinars <a@b.example>", "Webinars", "a@b.example"),
        ('"Events: Müller, Maier @ Co" <a@b.example>', "Events Müller Maier Co", "a@b.example"),
        (
            "Events: Müller, Maier & Co <a@bücher.example>",
            "Events Müller Maier & Co",
            "a@xn--bcher-kva.example",
        ),
    ],
)
def test_the_senders_name_has_nothing_that_microsoft_takes_for_forged(sender, name, address):
    given = brand(sender=sender)

    assert (given.sender_name, given.sender_address) == (name, address)


def test_people_ask_whom_they_reply_to_else_the_sender():
    assert brand().help_address == "webinars@northwind.example"
    assert brand(reply_to="Help <help@northwind.example>").help_address == "help@northwind.example"


def test_addresses_of_the_configuration_may_stand_in_any_letter():
    given = brand(
        reply_to="help@northwind.example", imprint="Northwind Ltd, office@northwind.example."
    )

    assert set(given.addresses) == {
        "webinars@northwind.example",
        "help@northwind.example",
        "office@northwind.example",
    }


HEAVY = {"jinja2", "mrml", "css_inline", "icalendar", "babel", "selectolax"}


def test_reading_the_settings_imports_nothing_heavy():
    program = (
        "import sys, onboarding.messages.settings;"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )

    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout

    assert HEAVY & set(loaded.split()) == set()
