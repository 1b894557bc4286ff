"""Which acts a page may ask for, and how a form names them and the people they are about."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from starlette.exceptions import HTTPException

from onboarding.errors import ConfigurationError
from onboarding.pipeline.proposals.approve import Approve
from onboarding.pipeline.proposals.copy_link import CopyLink
from onboarding.pipeline.proposals.decide import Decide, Decision
from onboarding.pipeline.proposals.proposal import Act
from onboarding.pipeline.proposals.resend import Resend
from onboarding.pipeline.proposals.send_now import SendNow
from onboarding.pipeline.resend import parse_reason
from onboarding.pipeline.target import Target
from onboarding.pipeline.webinar_view import CODE_DIGITS

FormFields = Mapping[str, str]

LONGEST_ADDRESS = 320
"""Characters of an address: 64 before the @ and 255 after it (RFC 5321 4.5.3.1)."""

CODE = re.compile(rf"[0-9a-f]{{{CODE_DIGITS}}}")

SEND_NOW, LINK = "send-now", "copy-link"


@dataclass(frozen=True, slots=True)
class ActForm:
    """One act as pages name it. `reason` labels the field for one, where the act takes any."""

    title: str
    build: Callable[[Target, FormFields], Act | CopyLink]
    yes: str
    reason: str = ""


def _build_send_now(target: Target, _fields: FormFields) -> Act:
    return SendNow(target)


def _build_resend(target: Target, fields: FormFields) -> Act:
    return Resend(target, (read_email(fields),))


def _build_approve(target: Target, fields: FormFields) -> Act:
    return Approve(target, fields.get("page", ""))


def _build_link(target: Target, fields: FormFields) -> CopyLink:
    return CopyLink(target, read_email(fields))


def _build_decision(decision: Decision) -> Callable[[Target, FormFields], Act]:
    def build(target: Target, fields: FormFields) -> Act:
        # An empty field never means all people: a form that lost one would decide about them.
        emails = None if fields.get("all") == "yes" else (read_email(fields),)
        return Decide(target, decision, emails)

    return build


ACT_FORMS: Mapping[str, ActForm] = {
    SEND_NOW: ActForm("Send now", _build_send_now, "Send now"),
    "approve": ActForm("Approve the plan page", _build_approve, "Approve", "Note, for the history"),
    "resend": ActForm("Send again", _build_resend, "Send again", "Reason, for the history"),
    "resolve-sent": ActForm(
        "Resolve: it was sent", _build_decision(Decision.WAS_SENT), "Record as sent"
    ),
    "resolve-again": ActForm(
        "Resolve: send it again", _build_decision(Decision.SEND_AGAIN), "Queue again"
    ),
    "retry": ActForm("Retry", _build_decision(Decision.RETRY), "Queue again"),
    "cancel": ActForm("Cancel messages", _build_decision(Decision.CANCEL), "Cancel messages"),
    LINK: ActForm("Copy join link", _build_link, "Copy link"),
}
"""By the value of a form's field `act`."""


def find_form(kind: str) -> ActForm:
    """Find an act by its name. Raises HTTPException 400 for an unknown one."""
    if form := ACT_FORMS.get(kind):
        return form
    raise HTTPException(400, "The form names nothing that this console can do.")


def read_email(fields: FormFields) -> str:
    """Read the person that a form names. Raises HTTPException 400 where it names none."""
    email = fields.get("email", "").strip()
    if not email or len(email) > LONGEST_ADDRESS:
        raise HTTPException(400, "The form names no person.")
    return email


def find_back(webinar: str, fields: FormFields) -> str:
    """Find the page that a form was on: the person's, else the webinar's."""
    person = fields.get("person", "")
    # Only the digits of a code: an address from a form could lead anywhere.
    return (
        f"/webinars/{webinar}/people/{person}" if CODE.fullmatch(person) else f"/webinars/{webinar}"
    )


def add_reason(act: Act, fields: FormFields) -> Act:
    """Add the reason that comes with a yes. Raises HTTPException 400 for one that is too long."""
    if not isinstance(act, Resend | Approve):
        return act
    try:
        return replace(act, reason=parse_reason(fields.get("reason", "")))
    except ConfigurationError as error:
        raise HTTPException(400, error.message) from None
