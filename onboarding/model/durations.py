"""Lengths of time as config.toml writes them: "10m" or "2h"."""

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer

MINUTE = timedelta(minutes=1)

_DURATION = re.compile(r"\s*(\d{1,4})\s*([mh])\s*")
_MINUTES = {"m": 1, "h": 60}


def parse_setting_duration(value: Any) -> Any:
    """Parse "10m" or "2h"; what is no text stays as it is. Raises ValueError with an example."""
    if not isinstance(value, str):
        return value
    found = _DURATION.fullmatch(value)
    if not found:
        raise ValueError('write a time as "10m" or "2h"')
    return timedelta(minutes=int(found[1]) * _MINUTES[found[2]])


def format_setting_duration(duration: timedelta) -> str:
    """Format a time as in config.toml."""
    minutes = int(duration.total_seconds() // 60)
    return f"{minutes}m" if minutes % 60 else f"{minutes // 60}h"


SettingDuration = Annotated[
    timedelta, BeforeValidator(parse_setting_duration), PlainSerializer(format_setting_duration)
]
"""A length of time among the settings."""
