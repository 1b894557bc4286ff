"""The shipped stationery, compiled once for all tests of this room."""

import pytest

from onboarding.letters.stationery import Stationery
from tests.letters.making import BRAND, SHIPPED


@pytest.fixture(scope="session")
def stationery() -> Stationery:
    return Stationery.load([SHIPPED], BRAND)
