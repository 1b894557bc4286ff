"""Every command reads `[brand]`; most need no template engine, so they must not wait for one."""

import subprocess
import sys

HEAVY = {"jinja2", "mrml", "css_inline", "icalendar", "babel", "selectolax"}


def test_reading_the_settings_imports_nothing_heavy():
    program = "import sys, onboarding.messages.settings; print(*{name.partition('.')[0] for name in sys.modules})"

    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout

    assert HEAVY & set(loaded.split()) == set()
