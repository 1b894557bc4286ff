"""What the vendor leaves open, as switches: a client has to be right with each setting.

No behaviour: `invitees` and `answers` read these. The defaults are the harsher reading of
`docs/ringcentral.md`, "Not documented", wherever one reading is harsher.
"""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from onboarding.model.registrations import SEATS
from onboarding.simulator.errors import CONFLICT


class BadInvitee(StrEnum):
    """What happens to a PATCH in which an invitee is bad."""

    # Nothing is applied; the error is answered.
    REFUSE_ALL = "refuse-all"
    # The others are applied; the error is answered all the same.
    APPLY_OTHERS_AND_REFUSE = "apply-others-and-refuse"
    # The others are applied and answered; the bad invitee is missing from the answer.
    APPLY_OTHERS = "apply-others"


class History(StrEnum):
    """What the history of a session says of its participants."""

    KNOWN = "known"
    # As while RingCentral does not know it yet.
    MISSING = "missing"
    EMPTY = "empty"


class Rules(BaseModel):
    """The switches. The vendor documents no `largest_batch` and no `conflict_code`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    bad_invitee: BadInvitee = BadInvitee.REFUSE_ALL
    deletes_first: bool = True
    update_without_send_invite_means_true: bool = True
    silent_additions_stay_silent: bool = True
    linked_users_show_ids: bool = True
    linked_users_show_email: bool = True
    linked_users_show_names: bool = True
    seats: int = Field(default=SEATS, ge=0)
    # Beyond 99 additions with 99 deletions, so that only a test meets it.
    largest_batch: int = Field(default=300, ge=1)
    conflict_code: str = CONFLICT
    # The milder reading: with another one no rehearsal would show who has joined.
    history: History = History.KNOWN
    participants_show_ids: bool = True
