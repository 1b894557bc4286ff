"""What jobs are called and which queue they wait in, what they are given, what they report."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import TypeAdapter, ValidationError

from onboarding.ledger.jobs import NewJob
from onboarding.model.sessions import Session
from onboarding.pipeline.inbox import InboxReading
from onboarding.pipeline.webinar_end import WebinarEnd

SESSION_ADAPTER = TypeAdapter(Session)


class JobQueue(StrEnum):
    """A queue of the fleet. Ticks have one of their own, so that they wait for no other job."""

    TICK = "tick"
    PLAN = "plan"
    SEND = "send"
    REPLIES = "replies"


class JobName(StrEnum):
    """What a job does. The names are stored: an older worker may find a newer one's job."""

    TICK = "tick"
    PRUNE = "prune"
    PLAN = "plan_webinar"
    SEND = "send_chunk"
    REPLIES = "read_replies"


class WorkerRole(StrEnum):
    """What a worker is there for: to plan and register, to send, or to read what comes back."""

    PLAN = "plan"
    SEND = "send"
    REPLIES = "replies"


@dataclass(frozen=True, slots=True)
class JobReport:
    """What a job tells the people at the worker's terminal.

    `reading` is what came back by mail; `sentences` are said as they are.
    """

    ends: tuple[WebinarEnd, ...] = ()
    reading: InboxReading | None = None
    sentences: tuple[str, ...] = ()


def tick_job(moment: datetime) -> NewJob:
    """Make a tick besides the one of each minute."""
    # The lock of the engine's own ticks: where one waits already, that will do.
    return NewJob(
        JobName.TICK, JobQueue.TICK, JobName.TICK.value, {"timestamp": int(moment.timestamp())}
    )


def plan_job(name: str, listed: Session | None) -> NewJob:
    """Make the job that plans a webinar. One waits for each webinar at most."""
    args = {"name": name, "listed": encode_session(listed)}
    return NewJob(JobName.PLAN, JobQueue.PLAN, f"plan {name}", args)


def send_job(name: str, session_row: int, number: int, listed: Session | None) -> NewJob:
    """Make the job that sends one chunk of a session's messages; of several, the `number`-th."""
    args = {"name": name, "session": session_row, "listed": encode_session(listed)}
    return NewJob(JobName.SEND, JobQueue.SEND, f"send {session_row} {number}", args)


def encode_session(session: Session | None) -> Any:
    """Write a session as JSON values, without its secret: the Host's join link."""
    if session is None:
        return None
    return SESSION_ADAPTER.dump_python(replace(session, host_join_uri=None), mode="json")


def decode_session(value: object) -> Session | None:
    """Read what `encode_session` has written; None where another version has written it."""
    if value is None:
        return None
    try:
        return SESSION_ADAPTER.validate_python(value)
    except ValidationError:
        # RingCentral is asked for the session then.
        return None
