"""The shipped stationery, compiled once for all tests of this room."""

import pytest

from onboarding.messages.composer import TemplateSet
from tests.messages.samples import BRAND, SHIPPED


@pytest.fixture(scope="session")
def stationery() -> TemplateSet:
    return TemplateSet.load([SHIPPED], BRAND)
