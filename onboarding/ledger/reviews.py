"""What plan pages showed, and who approved which of them. Approvals add up.

A review is stored when a plan page is written, so that an approval can name it by its digest. What
an approval covers is decided in `plan.approval`; here it is only stored and found.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from onboarding.ledger import looks
from onboarding.ledger.events import WHOLE_SESSION, record_act
from onboarding.ledger.schema import approvals, reviewed_messages, reviews, sessions
from onboarding.ledger.sql import insert
from onboarding.model.accounts import AccountKey
from onboarding.model.kinds import Kind
from onboarding.model.people import Role
from onboarding.model.reviews import SHOWN_DIGITS, Approved, ReviewedMessage, SessionFacts
from onboarding.model.sessions import SessionStatus


@dataclass(frozen=True, slots=True)
class StoredReview:
    """One plan page as it was shown, with its session as last seen.

    `digest` has 64 hex digits; `approved_by` is in order.
    """

    id: int
    session: int
    webinar_id: str
    session_id: str
    title: str
    status: SessionStatus
    end: datetime
    digest: str
    made_at: datetime
    approved_by: Sequence[str]


def add_review(
    connection: sa.Connection,
    session: int,
    digest: str,
    messages: Sequence[ReviewedMessage],
    changes: Sequence[tuple[str, str]],
    now: datetime,
) -> None:
    """Add what a page showed. The same page again is the same review, made at a later time."""
    row = {
        "session": session,
        "digest": digest,
        "made_at": now,
        "changes": [list(change) for change in sorted(changes)],
    }
    new = insert(reviews).values(row).on_conflict_do_nothing().returning(reviews.c.id)
    review = connection.execute(new).scalar()
    # The same digest means the same messages and changes, so only the time is new.
    if review is None:
        same = (reviews.c.session == session, reviews.c.digest == digest)
        connection.execute(reviews.update().where(*same).values(made_at=now))
    elif messages:
        rows = [_message_columns(review, message) for message in messages]
        connection.execute(reviewed_messages.insert(), rows)


_SESSION_COLUMNS = [
    sessions.c[name]
    for name in ("webinar_id", "session_id", "title", "status", "start", "duration")
]


def find_reviews(
    connection: sa.Connection, account: AccountKey, digits: str
) -> Sequence[StoredReview]:
    """Find the reviews of an account with a digest that begins with these hex digits."""
    rows = connection.execute(
        sa.select(reviews, *_SESSION_COLUMNS)
        .join(sessions, sessions.c.id == reviews.c.session)
        # The digits were typed: a `%` or `_` among them must not match every page.
        .where(
            sessions.c.server == account.server,
            sessions.c.account == account.name,
            reviews.c.digest.startswith(digits, autoescape=True),
        )
        .order_by(reviews.c.id)
    ).mappings()
    return [
        StoredReview(
            id=row["id"],
            session=row["session"],
            webinar_id=row["webinar_id"],
            session_id=row["session_id"],
            title=row["title"],
            status=SessionStatus(row["status"]),
            end=row["start"] + timedelta(seconds=row["duration"]),
            digest=row["digest"],
            made_at=row["made_at"],
            approved_by=_list_approvers(connection, row["id"]),
        )
        for row in rows
    ]


def find_newer(connection: sa.Connection, review: StoredReview) -> str:
    """Find the digest of the newest page that was made later and is not approved; else empty."""
    newest = (
        sa.select(reviews.c.digest)
        .where(
            reviews.c.session == review.session,
            # By the time and not the id: a page that is made again keeps its id.
            reviews.c.made_at > review.made_at,
            reviews.c.id.not_in(sa.select(approvals.c.review)),
        )
        .order_by(reviews.c.made_at.desc())
        .limit(1)
    )
    return connection.execute(newest).scalar() or ""


def approve(
    connection: sa.Connection, review: StoredReview, by: str, note: str, now: datetime
) -> None:
    """Record that a person approved a review, also in history."""
    connection.execute(approvals.insert().values(review=review.id, by=by, note=note, at=now))
    looks.request_run(connection, review.session)
    digits = review.digest[:SHOWN_DIGITS]
    detail = f"{digits}, {note}" if note else digits
    record_act(connection, review.session, [WHOLE_SESSION], "approve", by, now, detail)


def approve_at_once(
    connection: sa.Connection,
    session: int,
    digest: str,
    messages: Sequence[ReviewedMessage],
    changes: Sequence[tuple[str, str]],
    by: str,
    act: str,
    now: datetime,
) -> None:
    """Store what a person's own act does as a page that they have approved. `act` is the command.

    It has no event: the act itself has one.
    """
    add_review(connection, session, digest, messages, changes, now)
    review = sa.select(reviews.c.id).where(reviews.c.session == session, reviews.c.digest == digest)
    # `note` has the command: that tells this row from the approval of a page that was read.
    row = {"review": connection.execute(review).scalar_one(), "by": by, "note": act, "at": now}
    connection.execute(approvals.insert().values(row))


def load_approved(connection: sa.Connection, session: int) -> Approved:
    """Load everything that the approved reviews of a session cover, the latest review first."""
    approved = sa.select(approvals.c.review)
    rows = connection.execute(
        sa.select(reviewed_messages)
        .join(reviews, reviews.c.id == reviewed_messages.c.review)
        .where(reviews.c.session == session, reviews.c.id.in_(approved))
        .order_by(reviews.c.id.desc())
    ).mappings()
    changes = connection.execute(
        sa.select(reviews.c.changes).where(reviews.c.session == session, reviews.c.id.in_(approved))
    ).scalars()
    return Approved(
        messages=tuple(_build_message(row) for row in rows),
        changes=frozenset((action, key) for shown in changes for action, key in shown),
    )


def load_shown(
    connection: sa.Connection, review: int
) -> tuple[Sequence[ReviewedMessage], Sequence[tuple[str, str]]]:
    """Load what a page showed: its messages by person, and its changes (action, address key)."""
    columns = reviewed_messages.c
    rows = connection.execute(
        sa.select(reviewed_messages)
        .where(columns.review == review)
        .order_by(columns.key, columns.kind)
    ).mappings()
    changes = connection.execute(sa.select(reviews.c.changes).where(reviews.c.id == review))
    return [_build_message(row) for row in rows], [
        (action, key) for action, key in changes.scalar() or ()
    ]


def _list_approvers(connection: sa.Connection, review: int) -> Sequence[str]:
    who = sa.select(approvals.c.by).where(approvals.c.review == review).order_by(approvals.c.id)
    return connection.execute(who).scalars().all()


def _message_columns(review: int, message: ReviewedMessage) -> Mapping[str, object]:
    return {
        "review": review,
        "key": message.key,
        "kind": message.kind,
        "entry": message.entry,
        "digest": message.digest,
        "wording": message.wording,
        "panel": message.panel,
        "role": message.facts.role,
        "start": message.facts.start,
        "duration": int(message.facts.duration.total_seconds()),
        "text": message.text,
    }


def _build_message(row: sa.RowMapping) -> ReviewedMessage:
    return ReviewedMessage(
        key=row["key"],
        kind=Kind(row["kind"]),
        entry=row["entry"],
        digest=row["digest"],
        panel=row["panel"],
        facts=SessionFacts(Role(row["role"]), row["start"], timedelta(seconds=row["duration"])),
        text=row["text"],
        wording=row["wording"],
    )
