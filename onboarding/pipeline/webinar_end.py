"""How one webinar's part of a pass ended, and what an error of it means for the others.

`all_webinars` and the fleet's workers serve webinars in passes; both tell of them in these values.
"""

from collections import Counter
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from onboarding.config.companies import name_sections
from onboarding.errors import (
    EXIT_DONE,
    EXIT_NEEDS_A_PERSON,
    Interrupted,
    OnboardingError,
    ProgramError,
    TryLater,
)
from onboarding.ledger import deliveries, looks, sessions
from onboarding.model.pauses import Pause
from onboarding.pipeline.lease import AlreadyRunning
from onboarding.pipeline.pause import report_pause
from onboarding.pipeline.run_values import Result
from onboarding.pipeline.services import Services
from onboarding.pipeline.status import (
    Attention,
    find_attention,
    find_seen_session,
    read_attention,
)
from onboarding.pipeline.target import Target, find_look_key
from onboarding.pipeline.webinar_work import Known

CHECK_OTHER_RUN = (
    "Check its terminal: it may wait for an answer. "
    "Otherwise end that process; the next run continues its work."
)


@dataclass(frozen=True, slots=True)
class WebinarEnd:
    """How a webinar's part of `run --all` ended.

    `result` is None where nothing was done. `attention` is what needs a person where an error has
    ended the run. `pause` is one that is to be said now. `is_known`: an earlier run has said the
    error, and it needs no further word. `account` is named where the error is that of all its
    webinars; `is_repeated`: the end of another one has it already.
    """

    target: Target
    exit_code: int = EXIT_DONE
    result: Result | None = None
    error: OnboardingError | None = None
    attention: Attention | None = None
    pause: Pause | None = None
    time_zone: str = ""
    is_known: bool = False
    account: str = ""
    is_repeated: bool = False

    @property
    def is_idle(self) -> bool:
        """Whether there was nothing to do for a webinar that runs look after."""
        return self.result is None and self.error is None and self.pause is None


async def end_account(
    services: Services, webinars: Sequence[Known], work: Awaitable[list[WebinarEnd]]
) -> list[WebinarEnd]:
    """Wait for the work on one account's webinars. What can't be done stops no other account's."""
    company = webinars[0].target.company
    try:
        return await work
    except Interrupted:
        raise
    except OnboardingError as error:
        name_sections(error, company)
        is_new = await services.ledger.run(
            looks.record_failure,
            looks.find_account_key(company.account),
            error.exit_code,
            str(error),
            services.clock.now(),
        )
        # The webinars' own looks stay as they are: each would be listed once RingCentral is back.
        end = WebinarEnd(
            webinars[0].target,
            error.exit_code,
            error=error,
            is_known=not is_new,
            account=company.account,
        )
        others = [replace(end, target=known.target, is_repeated=True) for known in webinars[1:]]
        return [end, *others]


async def leave_paused(services: Services, webinar: Known, pause: Pause) -> WebinarEnd:
    """Leave a paused webinar alone; once a day its end says so."""
    own = services.of_company(webinar.target.company)
    if not await report_pause(own, webinar.target, pause):
        return WebinarEnd(webinar.target)
    zone = webinar.seen.time_zone if webinar.seen else ""
    return WebinarEnd(webinar.target, pause=pause, time_zone=zone)


async def end_webinar(
    services: Services, target: Target, work: Awaitable[WebinarEnd]
) -> WebinarEnd:
    """Wait for the work on one webinar. An error ends this webinar's part only."""
    try:
        return await work
    # A TryLater that would be 75, and cron would mail each time that a long run is still at work.
    except AlreadyRunning as error:
        code = EXIT_NEEDS_A_PERSON if error.too_long else EXIT_DONE
        return WebinarEnd(target, code, error=error, is_known=not error.too_long)
    except Interrupted as error:
        # Nothing is recorded: a webinar that was not begun has nothing open, and one that was
        # begun has no exit code yet.
        return await make_failed_end(services, target, error)
    except OnboardingError as error:
        name_sections(error, target.company)
        return await _record_failure(services, target, error)
    # A fault of ours, whichever: it must not keep the other webinars from being served and told.
    except Exception as error:  # noqa: BLE001 -- said with its place, without its values
        return await _record_failure(services, target, ProgramError.of(error))


async def _record_failure(services: Services, target: Target, error: OnboardingError) -> WebinarEnd:
    """Record what stopped a run, so that the same is said once a day."""
    key = find_look_key(services.config.ringcentral.server, target)
    end = await make_failed_end(services, target, error)
    # With what needs a person: a message that is in doubt since is news.
    sentence, now = f"{error} {end.attention}", services.clock.now()
    is_new = await services.ledger.run(looks.record_failure, key, error.exit_code, sentence, now)
    return end if is_new else replace(end, is_known=True)


async def make_failed_end(services: Services, target: Target, error: OnboardingError) -> WebinarEnd:
    """Make the end of a run that could not go on, with what needs a person besides."""
    # Exit code 75 does not say that a message is in doubt by now.
    seen = await find_seen_session(services, target) if isinstance(error, TryLater) else None
    attention = await read_attention(services, seen.id) if seen else None
    return WebinarEnd(target, error.exit_code, error=error, attention=attention)


async def read_idle_result(services: Services, target: Target) -> Result | None:
    """Read how a webinar stands for which there was nothing to do; None before its first run."""
    seen = await find_seen_session(services.of_company(target.company), target)
    if seen is None or seen.run_at is None:
        return None
    records = await services.ledger.run(deliveries.list_deliveries, seen.id)
    every = await services.ledger.run(sessions.list_problems, seen.id)
    notes = await services.ledger.run(partial(sessions.list_problems, only_notes=True), seen.id)
    problems = tuple(problem for problem in every if problem not in notes)
    return Result(
        name=target.name,
        title=seen.title,
        sent=0,
        registered=0,
        counts=Counter(record.delivery.state for record in records),
        problems=problems,
        heavy_calls=0,
        has_changes=False,
        has_news=False,
        has_unsent_invites=False,
        attention=find_attention(records, problems),
    )
