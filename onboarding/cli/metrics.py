"""`run --all --metrics FILE`: figures for Prometheus, as a file for node_exporter to collect.

The text format of Prometheus, version 0.0.4. It names webinars and counts; no person is in it, and
no link. The file is replaced as a whole, so that no one reads half of it.
"""

import errno
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from onboarding.model.deliveries import State
from onboarding.pipeline.run_values import Result

READABLE_MODE = 0o644
"""The collector is another user, and there is nothing to hide."""

METRICS = {
    "onboarding_last_run_timestamp_seconds": "When the last `run --all` ended, in Unix time.",
    "onboarding_last_run_duration_seconds": "How long it took.",
    "onboarding_last_run_exit_code": "How it ended: 0, 1, 2 or 75.",
    "onboarding_ringcentral_calls": "Webinar calls that it made at RingCentral.",
    "onboarding_ringcentral_calls_left": "Webinar calls that RingCentral allows in this minute.",
    "onboarding_messages": "Messages of a webinar's session by state.",
    "onboarding_messages_in_doubt": "Of these, those that may or may not have been sent.",
    "onboarding_people_needing_attention": "People of a webinar who need a person.",
}
"""Each figure and what it is; all are gauges."""


@dataclass(frozen=True, slots=True)
class AccountFigures:
    """The webinar calls of one RingCentral account: those of this run, and what is left."""

    account: str
    calls: int
    calls_left: int


@dataclass(frozen=True, slots=True)
class RunFigures:
    """A whole `run --all` in figures; `results` has each webinar that a run has served so far."""

    ended_at: datetime
    seconds: float
    exit_code: int
    accounts: Sequence[AccountFigures]
    results: Sequence[Result]


def format_metrics(figures: RunFigures) -> str:
    """Write the figures in Prometheus's text format."""
    samples = dict(_list_samples(figures))
    lines = []
    for name, meaning in METRICS.items():
        lines += [f"# HELP {name} {meaning}", f"# TYPE {name} gauge", *samples[name]]
    return "\n".join(lines) + "\n"


def _list_samples(figures: RunFigures) -> Iterator[tuple[str, list[str]]]:
    totals = {
        "onboarding_last_run_timestamp_seconds": f"{figures.ended_at.timestamp():.3f}",
        "onboarding_last_run_duration_seconds": f"{figures.seconds:.3f}",
        "onboarding_last_run_exit_code": str(figures.exit_code),
    }
    for name, value in totals.items():
        yield name, [f"{name} {value}"]
    yield from _list_account_samples(figures.accounts)
    results = figures.results
    yield "onboarding_messages", list(_count_messages(results))
    in_doubt = "onboarding_messages_in_doubt"
    yield (
        in_doubt,
        [
            f"{in_doubt}{_format_labels(result)} {result.counts.get(State.IN_DOUBT, 0)}"
            for result in results
        ],
    )
    people = "onboarding_people_needing_attention"
    yield (
        people,
        [f"{people}{_format_labels(result)} {result.attention.people}" for result in results],
    )


def _list_account_samples(
    accounts: Sequence[AccountFigures],
) -> Iterator[tuple[str, list[str]]]:
    # Accounts have limits of their own: a sum would say nothing of what is left.
    calls, left = "onboarding_ringcentral_calls", "onboarding_ringcentral_calls_left"
    labels = [f'{{account="{figures.account}"}}' for figures in accounts]
    pairs = list(zip(labels, accounts, strict=True))
    yield calls, [f"{calls}{label} {figures.calls}" for label, figures in pairs]
    yield left, [f"{left}{label} {figures.calls_left}" for label, figures in pairs]


def _count_messages(results: Iterable[Result]) -> Iterator[str]:
    for result in results:
        # Every state, also with zero: a series that comes and goes can't be compared.
        for state in State:
            number = result.counts.get(state, 0)
            yield f"onboarding_messages{_format_labels(result, state)} {number}"


def _format_labels(result: Result, state: State | None = None) -> str:
    # A webinar's name and a state need no escaping: letters, digits, - and _.
    more = f',state="{state.value}"' if state else ""
    return f'{{webinar="{result.name}"{more}}}'


def write_metrics(file: Path, content: str) -> None:
    """Replace the file as a whole, and not a link to it. Raises OSError if that can't be done."""
    file = file.resolve()
    # Root may rename a file over /dev/null, and then this machine has no such device any more.
    if file.exists() and not file.is_file():
        raise OSError(errno.EINVAL, "it is no regular file")
    # In the same folder, because a rename works only within one file system.
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    new = Path(name)
    try:
        with open(descriptor, "w", encoding="utf-8") as stream:  # noqa: PTH123 -- open already
            stream.write(content)
            os.fchmod(descriptor, READABLE_MODE)
        new.replace(file)
    except OSError:
        with suppress(OSError):
            new.unlink()
        raise
