"""What `plan` shows of `remove = true`: whom `run --all` removes, and why not yet.

Asks no server: it plans once more with what the plan has read. The rules are those of
`webinar_work` and `plan.cron_removals`.
"""

from onboarding.ledger import looks
from onboarding.pipeline.inputs import RosterFile
from onboarding.pipeline.refresh import RunState, plan_approved
from onboarding.pipeline.services import Services
from onboarding.pipeline.target import Target, find_look_key
from onboarding.plan import Options
from onboarding.plan.cron_removals import CronRemovals, find_cron_removals


async def load_cron_removals(
    services: Services, target: Target, state: RunState, file: RosterFile
) -> CronRemovals | None:
    """Find out whom `run --all` removes from a webinar; None where it may remove no one."""
    if not target.remove_at_most:
        return None
    key = find_look_key(services.config.ringcentral.server, target)
    look = await services.ledger.run(looks.load_look, key)
    plan = await plan_approved(services, target, state, Options(remove=True))
    return find_cron_removals(
        plan, state.snapshot, target.remove_at_most, is_steady=look.roster == file.digest
    )
