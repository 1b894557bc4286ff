"""What a check found: `onboarding check` prints each result as one line."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One thing checked: `detail` says what was found, `hint` what to do where it is not `ok`."""

    what: str
    ok: bool
    detail: str
    hint: str = ""
