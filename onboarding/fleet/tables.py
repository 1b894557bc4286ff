"""Brings a ledger to this version's tables, with those of the jobs where workers can run."""

from onboarding.config import Config
from onboarding.ledger.jobs import JobSchema
from onboarding.pipeline.ledger_care import upgrade_ledger


async def upgrade_all(config: Config) -> None:
    """Upgrade the ledger, and the jobs' tables where the extra `fleet` is installed.

    Raises what `pipeline.ledger_care.upgrade_ledger` raises.
    """
    await upgrade_ledger(config, _read_job_schema())


def _read_job_schema() -> JobSchema | None:
    try:
        # A late import: hardly any user needs procrastinate.
        from onboarding.fleet.engine import read_schema  # noqa: PLC0415
    except ImportError:
        return None
    return read_schema()
