"""Fixtures that every test may use; a room's own stand beside its tests."""

import pytest


@pytest.fixture
def anyio_backend() -> str:
    """The program runs on asyncio (aiosmtplib and uvicorn do), so its tests do too."""
    return "asyncio"
