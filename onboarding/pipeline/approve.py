"""Approves what a plan page showed, by the page's digest. Asks RingCentral nothing.

A page of another webinar, an unknown one, and one of a session that is over are refused with a
sentence each: an approval that has no effect must not look like one.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from onboarding.errors import ConfigurationError
from onboarding.ledger import reviews
from onboarding.ledger.reviews import StoredReview
from onboarding.model.reviews import SHOWN_DIGITS
from onboarding.model.sessions import has_ended
from onboarding.pipeline.services import Services
from onboarding.pipeline.target import Target

LONGEST_SHOWN_DIGEST = 64
"""Characters of a mistyped digest that a message repeats: as many as a whole digest has."""

# Not shorter than what a page shows: a few digits could match a page that the person has not read.
_DIGEST = re.compile(rf"[0-9a-f]{{{SHOWN_DIGITS},64}}")


@dataclass(frozen=True, slots=True)
class Approval:
    """What was approved. `is_new` is False if the same person had approved the page before.

    `newer` is the digest of a page that was made since and is not approved; else empty.
    """

    title: str
    digest: str
    is_new: bool
    newer: str


async def approve_page(
    services: Services, target: Target, digest: str, by: str, note: str
) -> Approval:
    """Record that `by` approves the page with this digest.

    Raises ConfigurationError for a digest that is none, unknown, not unique or another webinar's,
    and for a session that is over.
    """
    review, now = await find_page(services, target, digest), services.clock.now()
    # The same person's second approval adds nothing, so history does not show it twice. Another
    # person's does: a rule of two pairs of eyes can then be seen in history.
    is_new = by not in review.approved_by
    if is_new:
        await services.ledger.run(reviews.approve, review, by, note, now)
    newer = await services.ledger.run(reviews.find_newer, review)
    return Approval(review.title, review.digest, is_new, newer)


async def find_page(services: Services, target: Target, digest: str) -> StoredReview:
    """Find the page with this digest, which may be approved now.

    Raises ConfigurationError as `approve_page` does.
    """
    digits = _parse_digest(digest)
    account = services.config.account
    # Looked for among all webinars of the account: a digest of another one is refused with its
    # name.
    found = await services.ledger.run(reviews.find_reviews, account, digits)
    review = _select_review(found, target, digits)
    # By what the ledger saw last: an approval makes no call to RingCentral.
    if has_ended(review.status, review.end, services.clock.now()):
        raise ConfigurationError(
            f"The session of {target.name} is over: there is nothing to approve any more.",
            hint="`onboarding webinars` lists the upcoming sessions.",
        )
    return review


def _parse_digest(text: str) -> str:
    digits = text.strip().lower()
    if not _DIGEST.fullmatch(digits):
        raise ConfigurationError(
            f"{text.strip()[:LONGEST_SHOWN_DIGEST]!r} is not the digest of a plan page.",
            hint=f"It has {SHOWN_DIGITS} digits, 0 to 9 and a to f, and is at the top of the page.",
        )
    return digits


def _select_review(found: Sequence[StoredReview], target: Target, digits: str) -> StoredReview:
    """Choose the one page of this webinar."""
    ours = [review for review in found if _is_of(review, target)]
    if not ours:
        raise _wrong_digest(found, target, digits)
    if len(ours) > 1:
        raise ConfigurationError(
            f"{len(ours)} plan pages of {target.name} begin with {digits}.",
            hint="Give more digits: the page's file has all 64.",
        )
    return ours[0]


def _is_of(review: StoredReview, target: Target) -> bool:
    # A target without a session means the webinar's current one, which only RingCentral can name.
    has_session = target.session_id in {"", review.session_id}
    return review.webinar_id == target.webinar_id and has_session


def _wrong_digest(found: Sequence[StoredReview], target: Target, digits: str) -> ConfigurationError:
    if found:
        other = found[0]
        return ConfigurationError(
            f"The plan page {digits} is not of {target.name}. It is of webinar "
            f"{other.webinar_id}/{other.session_id}, {other.title}.",
            hint="Approve it under that webinar's name, if it is the one you mean.",
        )
    return ConfigurationError(
        f"No plan page of {target.name} has the digest {digits}.",
        hint="Look for a typing error, or write a new page: "
        f"`onboarding plan {target.name} --page FILE`.",
    )
