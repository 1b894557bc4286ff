"""Whether two workers have the same configuration, without telling either the other's secrets."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from onboarding.config import Config

PER_MACHINE = {"file", "secret_files", "company", "console"}
"""What may differ: where the files are, and the console, which is no worker's business."""


NAMED = {"webinars", "accounts", "brands", "smtp_servers", "reports"}
"""Sections of sections, each with a name."""


def digest_sections(config: Config) -> dict[str, str]:
    """Make a digest (SHA-256, 16 hex digits) of each section; of `[webinars]` for each webinar.

    Secrets are left out. Paths count from the folder of config.toml.
    """
    sections = config.model_dump(mode="json", exclude=PER_MACHINE)
    values = {
        f"{section}.{name}": value
        for section in NAMED
        for name, value in sections.pop(section).items()
    }
    # As it is written within the JSON of a value, where a letter beyond ASCII has another form.
    folder = json.dumps(str(config.folder))[1:-1]
    return {name: _digest_value(value, folder) for name, value in (sections | values).items()}


def find_differences(ours: Mapping[str, str], theirs: Mapping[str, str]) -> list[str]:
    """Find the sections in which two configurations differ, in the alphabet's order."""
    return sorted(name for name in {*ours, *theirs} if ours.get(name) != theirs.get(name))


def _digest_value(value: Any, folder: str) -> str:
    text = json.dumps(value, sort_keys=True).replace(folder, "")
    return hashlib.sha256(text.encode()).hexdigest()[:16]
