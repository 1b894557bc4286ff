"""The shipped templates, compiled once for all tests of this room."""

import pytest

from onboarding.messages.load import load_template_set
from onboarding.messages.templates import TemplateSet
from tests.messages.samples import BRAND, SHIPPED


@pytest.fixture(scope="session")
def template_set() -> TemplateSet:
    return load_template_set([SHIPPED], BRAND)
