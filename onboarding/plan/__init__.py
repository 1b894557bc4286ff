"""The difference between what should be and what is, and what `run` does about it.

It is pure: no I/O, no clock.

`snapshot` holds everything that a plan looks at. `identity` says who is who (directory, host).
`invitee_changes` plans what happens to the roster's people at RingCentral, `removals` what happens
to all others, `messages_due` what each mailbox is sent. `make` puts them together into a `Plan`.
"""

from onboarding.plan.make import make_plan
from onboarding.plan.snapshot import Action, Options, Plan, PlanItem, SkipCode, Snapshot

__all__ = ["Action", "Options", "Plan", "PlanItem", "SkipCode", "Snapshot", "make_plan"]
