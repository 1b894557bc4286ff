"""The difference between what should be and what is, and what `run` does about it. Pure: no I/O, no clock.

`picture` holds everything that a plan looks at, `identity` says who is who (directory, host), `registering` decides
what becomes of the roster's people at RingCentral and `leaving` of everybody else, `mailing` what each mailbox is owed;
`make` puts them together into a `Plan`, and `telling` puts that into words.
"""

from onboarding.plan.make import make
from onboarding.plan.picture import Action, Options, Picture, Plan, Step
from onboarding.plan.telling import as_json, lines

__all__ = ["Action", "Options", "Picture", "Plan", "Step", "as_json", "lines", "make"]
