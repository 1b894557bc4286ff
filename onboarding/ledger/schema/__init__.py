"""The tables of the ledger, by subject: a file for each, and this list of them all.

State is in `deliveries` and `registrations`, history in the append-only `events`. Times are UTC.
`migrations/` brings a ledger to these tables; a test compares them.
"""

from onboarding.ledger.schema.alerts import alerts
from onboarding.ledger.schema.attendance import attendance, attendance_readings
from onboarding.ledger.schema.base import metadata, versions
from onboarding.ledger.schema.decisions import called_off, pauses, replacements
from onboarding.ledger.schema.deliveries import HELD, REAL, deliveries, events, uid_seeds
from onboarding.ledger.schema.entries import entries_seen, skipped_entries
from onboarding.ledger.schema.fleet import job_tables, slots, workers
from onboarding.ledger.schema.inbox import (
    answers,
    handled_replies,
    inbox_positions,
    suppressed_addresses,
)
from onboarding.ledger.schema.kept import kept_messages, kept_parts
from onboarding.ledger.schema.limits import leases, limits, paces
from onboarding.ledger.schema.looks import cron_runs, looks, refused_lists
from onboarding.ledger.schema.people import cached_colleagues, registrations, roster_rows
from onboarding.ledger.schema.reviews import approvals, reviewed_messages, reviews
from onboarding.ledger.schema.sessions import cached_webinars, problems, sessions

__all__ = [
    "HELD",
    "REAL",
    "alerts",
    "answers",
    "approvals",
    "attendance",
    "attendance_readings",
    "cached_colleagues",
    "cached_webinars",
    "called_off",
    "cron_runs",
    "deliveries",
    "entries_seen",
    "events",
    "handled_replies",
    "inbox_positions",
    "job_tables",
    "kept_messages",
    "kept_parts",
    "leases",
    "limits",
    "looks",
    "metadata",
    "paces",
    "pauses",
    "problems",
    "refused_lists",
    "registrations",
    "replacements",
    "reviewed_messages",
    "reviews",
    "roster_rows",
    "sessions",
    "skipped_entries",
    "slots",
    "suppressed_addresses",
    "uid_seeds",
    "versions",
    "workers",
]
