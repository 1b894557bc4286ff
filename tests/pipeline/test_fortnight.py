"""Two weeks of cron with outages, kills and moves: each mailbox holds what it should, in order.

Whatever comes back meanwhile, no person is mailed twice because of it.

The suite lives through a few seeds; `make fortnight SEEDS=1-200` through as many as you like.
"""

import os
from email.utils import parsedate_to_datetime

import pytest

from tests.pipeline.expected import HOUR, Due, list_due
from tests.pipeline.fleet_fortnight import FleetFortnight
from tests.pipeline.fortnight import NO_ADDRESS, Fortnight, open_fortnight
from tests.stage import as_email

pytestmark = pytest.mark.anyio

SEEDS, FLEET_SEEDS = "1-2", "3"


@pytest.fixture
def no_certificates(tmp_path_factory, monkeypatch):
    """An empty folder of authorities: RingCentral speaks plain HTTP here, and loading them takes
    most of an idle run's time."""
    folder = tmp_path_factory.mktemp("certificates")
    monkeypatch.setenv("SSL_CERT_DIR", str(folder))
    return folder


def read_seeds(written: str) -> range:
    first, _, last = written.partition("-")
    return range(int(first), int(last or first) + 1)


@pytest.mark.parametrize("seed", read_seeds(os.environ.get("SEEDS", SEEDS)))
async def test_every_mailbox_holds_what_the_rules_say_in_order(tmp_path, no_certificates, seed):
    async with open_fortnight(Fortnight, tmp_path, seed, no_certificates) as fortnight:
        await check_fortnight(fortnight)


@pytest.mark.parametrize("each_ledger", ["postgresql"], indirect=True)
@pytest.mark.parametrize("seed", read_seeds(os.environ.get("SEEDS", FLEET_SEEDS)))
@pytest.mark.usefixtures("each_ledger")
async def test_two_workers_on_postgresql_do_the_same_instead_of_cron(
    tmp_path, no_certificates, seed
):
    async with open_fortnight(FleetFortnight, tmp_path, seed, no_certificates) as fortnight:
        await check_fortnight(fortnight)
        assert fortnight.kills > 0


async def check_fortnight(fortnight: Fortnight) -> None:
    """Live through it, and look what each mailbox holds."""
    await fortnight.live()

    for reader in fortnight.script.readers:
        due = list_due(reader, fortnight.script.moves, fortnight.script.ends)
        await check_mailbox(fortnight, reader.email, due)
    status = await fortnight.scene.status()
    assert status.in_doubt == []
    await check_bounced(fortnight)
    assert set(fortnight.server.taken.values()) == {1}
    assert fortnight.scene.ringcentral.account.mailed == []


async def check_bounced(fortnight: Fortnight) -> None:
    """An address that no server knows is told by `status`, and by exit codes until the start."""
    (bounced,) = (reader for reader in fortnight.script.readers if reader.bounces)
    reasons = [
        record.reply or record.reason
        for record in (await fortnight.scene.status()).records
        if record.delivery.email == bounced.email
    ]
    assert any(NO_ADDRESS[1] in reason for reason in reasons), reasons
    start = fortnight.script.moves[-1].start
    until = bounced.leaves or start
    told = {code for at, code in fortnight.codes if bounced.bounces + HOUR < at < until}
    assert told <= ({1, 75} if fortnight.tells_each_code else {0, 1, 75})
    assert 1 in told or not told


async def check_mailbox(fortnight: Fortnight, email: str, due: list[Due]) -> None:
    """A mailbox, the ledger and the rules tell the same, in the same order, at the right time."""
    said = await fortnight.list_sent(email)
    mailbox = [
        as_email(message.content)
        for message in fortnight.server.received
        if message.recipient == email
    ]
    told = [message["Message-ID"] for message in mailbox]
    assert [message_id for _, message_id in said] == told
    assert [label for label, _ in said] == [message.label for message in due]
    keys = [message.label.partition("@")[0] for message in due]
    assert [str(message["Subject"]) for message in mailbox] == keys
    for message, expected in zip(mailbox, due, strict=True):
        sent = parsedate_to_datetime(message["Date"])
        assert expected.at <= sent.replace(tzinfo=expected.at.tzinfo)
