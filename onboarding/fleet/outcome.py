"""What comes of a chunk: what the webinar's last run is remembered to have left, and what is said.

A chunk that fails does not make a run plan the webinar again: the messages stay queued, and a tick
adds a job for them. What is wrong is said once, then once a day, until it is over.
"""

from collections.abc import Awaitable, Sequence
from dataclasses import replace

from onboarding.config.companies import name_sections
from onboarding.errors import Interrupted, OnboardingError
from onboarding.ledger import looks
from onboarding.model.alerts import Alert
from onboarding.pipeline.alerts import find_alerts, send_alerts
from onboarding.pipeline.run_values import Result
from onboarding.pipeline.services import Services, open_act_services
from onboarding.pipeline.target import Target, find_look_key
from onboarding.pipeline.webinar_end import WebinarEnd, make_failed_end, read_idle_result


async def end_sending(
    services: Services, before: WebinarEnd, work: Awaitable[Result | None]
) -> WebinarEnd:
    """Wait for a chunk to be sent. `before` is how the webinar's part ended until now."""
    target = before.target
    key = looks.find_sending_key(find_look_key(services.config.ringcentral.server, target))
    try:
        result = await work
    except Interrupted as error:
        return replace(await make_failed_end(services, target, error), result=before.result)
    except OnboardingError as error:
        name_sections(error, target.company)
        end = await make_failed_end(services, target, error)
        sentence, now = f"{error} {end.attention}", services.clock.now()
        is_new = await services.ledger.run(
            looks.record_failure, key, error.exit_code, sentence, now
        )
        return replace(end, result=before.result, is_known=not is_new)
    await services.ledger.run(looks.record_recovery, key)
    return replace(before, exit_code=result.exit_code, result=result) if result else before


async def tell_producer(services: Services, ends: Sequence[WebinarEnd]) -> tuple[str, ...]:
    """Tell the producer what needs a person, where `[alerts]` says how. Returns what to print."""
    if not services.config.alerts.is_configured:
        return ()
    return await send_found_alerts(services, await find_alerts(services, ends))


async def send_found_alerts(services: Services, found: Sequence[Alert]) -> tuple[str, ...]:
    """Send what is due of these alerts. Returns what to print."""
    # With a connection of its own, which is closed: one that waits would keep a slot for weeks.
    async with open_act_services(services, services.progress, services.stop) as own:
        return tuple(await send_alerts(own, found))


async def conclude(
    services: Services, target: Target, sent: int, planned: Result | None = None
) -> Result | None:
    """Record how a webinar stands after a chunk. Returns that as a result, with what was sent.

    `planned` is the result of the run that the chunk belongs to; None: another job planned it, and
    has said what is wrong.
    """
    now = await read_idle_result(services, target)
    if now is None:
        return planned
    now = replace(now, is_sent_by_others=True)
    key = find_look_key(services.config.ringcentral.server, target)
    await services.ledger.run(looks.record_sent, key, now.exit_code)
    if planned:
        return replace(planned, sent=sent, counts=now.counts, attention=now.attention)
    return replace(now, sent=sent, has_changes=bool(sent), problems=())
