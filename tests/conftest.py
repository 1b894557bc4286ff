"""Fixtures that every test may use; a room's own stand beside its tests."""

from datetime import timedelta

import pytest
from hypothesis import settings

settings.register_profile("onboarding", deadline=timedelta(seconds=10))
"""A deadline for one example that finds a hang, and that a busy machine doesn't miss."""

settings.load_profile("onboarding")


@pytest.fixture
def anyio_backend() -> str:
    """The program runs on asyncio (aiosmtplib and uvicorn do), so its tests do too."""
    return "asyncio"
