"""The difference between what should be and what is, and what `run` does about it. Pure: no I/O, no clock.

`picture` holds everything that a plan looks at, `identity` says who is who (directory, host), `registering` decides
what becomes of the roster's people at RingCentral and `leaving` of everybody else, `mailing` what each mailbox is owed;
`make` puts them together into a `Plan`, and `telling` puts that into words.
"""

from onboarding.plan.formatting import as_json, as_rows
from onboarding.plan.make import make_plan
from onboarding.plan.snapshot import Action, Options, Plan, PlanItem, Snapshot

__all__ = ["Action", "Options", "Plan", "PlanItem", "Snapshot", "as_json", "as_rows", "make_plan"]
