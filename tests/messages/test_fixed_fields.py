"""Header fields of the user's own, and of a provider: in every message as they were configured, and proved there."""

import pytest

from onboarding.errors import ConfigurationError
from onboarding.messages import verify
from onboarding.messages.composer import TemplateSet
from onboarding.model.deliveries import Message
from tests.messages.making import BRAND, SHIPPED, guarded, letter, parsed

LONG = "x" * 450 + " " + "y" * 449
FIXED = (
    ("X-SES-CONFIGURATION-SET", "panel"),
    ("X-Long", LONG),
    ("Resend-Idempotency-Key", "{message_id}"),
)


@pytest.fixture(scope="module")
def stationery() -> TemplateSet:
    return TemplateSet.load([SHIPPED], BRAND, FIXED)


def test_every_message_bears_them_as_they_were_configured(stationery):
    message = stationery.compose(letter(), guarded())

    read = parsed(message)
    assert [read[name] for name, _value in FIXED] == ["panel", LONG, letter().message_id]
    assert read["Message-ID"] == letter().message_id
    assert f"X-Long: {LONG}\r\n".encode() in message.body
    assert max(map(len, message.body.split(b"\r\n\r\n")[0].split(b"\r\n"))) <= 998


def test_message_that_lost_or_changed_one_does_not_leave(stationery):
    composed = stationery.compose(letter(), guarded())
    assert isinstance(composed, Message)

    def fault(body: bytes) -> str:
        return verify.find_violation(
            body, letter(), composed.recipient, guarded(), stationery.configured, FIXED
        )

    assert fault(composed.body) == ""
    assert fault(composed.body.replace(b"panel", b"other", 1)) == (
        "its X-SES-CONFIGURATION-SET field isn't as it was configured"
    )
    assert fault(composed.body.replace(b"X-SES-CONFIGURATION-SET: panel\r\n", b"", 1)) != ""
    assert "2 times" in fault(b"X-SES-CONFIGURATION-SET: panel\r\n" + composed.body)
    assert fault(b"Resent-To: eve@example.com\r\n" + composed.body) == "it goes to somebody in copy"


def test_field_that_holds_a_guarded_address_stops_the_message():
    leaking = TemplateSet.load([SHIPPED], BRAND, (("X-Contact", "boris@example.com"),))

    composed = leaking.compose(letter(), guarded())

    assert "its header holds somebody else's address" in composed.reason


def test_field_that_no_letter_may_hold_is_found_before_anybody_is_registered():
    with pytest.raises(ConfigurationError, match="without encryption"):
        TemplateSet.load([SHIPPED], BRAND, (("X-Page", "http://example.com/"),))
