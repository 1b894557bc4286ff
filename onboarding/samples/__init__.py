"""Finds the files that `onboarding init` copies, and the roster of `onboarding demo`.

In a checkout they are at the repository's top level, where people look for them. In an installed
package they are beside this module. Nothing else is searched.
"""

from pathlib import Path

HERE = Path(__file__).parent
CHECKOUT = HERE.parent.parent


def find_templates() -> Path:
    """The shipped templates' folder."""
    return _sample("templates")


def find_config() -> Path:
    """The commented config.toml."""
    return _sample("config.toml")


def find_invitees() -> Path:
    """The sample roster that config.toml names."""
    return _sample("invitees.csv")


def find_demo_invitees() -> Path:
    """The roster of `onboarding demo`, with a few rows that are wrong on purpose."""
    return HERE / "demo.csv"


def find_fortnight_invitees() -> Path:
    """The roster with which the two weeks of `onboarding demo --fortnight` begin."""
    return HERE / "fortnight.csv"


def _sample(name: str) -> Path:
    # The package's own copy first: of an installed one, the folder above is everyone's
    # `site-packages`, and a `templates/` there would be a stranger's.
    packed = HERE / name
    return packed if packed.exists() else CHECKOUT / name
