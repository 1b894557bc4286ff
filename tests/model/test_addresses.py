"""Which hosts are this very machine."""

import pytest

from onboarding.model.addresses import is_loopback


@pytest.mark.parametrize(
    ("host", "here"),
    [
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("localhost", True),
        ("LocalHost", True),
        ("localhost.example.com", False),
        ("127.0.0.1.example.com", False),
        ("10.0.0.1", False),
        ("0.0.0.0", False),
        ("smtp.example.com", False),
        ("", False),
    ],
)
def test_only_this_very_machine_is_loopback(host, here):
    assert is_loopback(host) is here
