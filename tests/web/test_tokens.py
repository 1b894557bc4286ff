"""One token for all who ask, for as long as it is good."""

import asyncio

import pytest
from pydantic import SecretStr

from onboarding.errors import Interrupted, TryLater
from onboarding.web.tokens import Token, TokenCache

pytestmark = pytest.mark.anyio


class Account:
    """Gives another token each time, after `delay` seconds of its own clock."""

    def __init__(self, lifetime: float = 3000.0, delay: float = 0.0) -> None:
        self.now = 0.0
        self.fetched = 0
        self._lifetime = lifetime
        self._delay = delay

    async def fetch(self) -> Token:
        await asyncio.sleep(0)
        self.fetched += 1
        self.now += self._delay
        return Token(SecretStr(f"token-{self.fetched}"), self._lifetime)

    def clock(self) -> float:
        return self.now


async def test_token_is_used_for_its_lifetime():
    account = Account()
    tokens = TokenCache(account.fetch, account.clock)
    seen = []
    for account.now in (0.0, 2999.0, 3000.0, 5999.0, 6000.0):
        seen.append((await tokens.current()).get_secret_value())

    assert seen == ["token-1", "token-1", "token-2", "token-2", "token-3"]


async def test_lifetime_counts_from_the_request():
    account = Account(lifetime=100, delay=60)
    tokens = TokenCache(account.fetch, account.clock)
    await tokens.current()
    account.now = 100.0

    assert await tokens.current() == SecretStr("token-2")


async def test_tasks_that_ask_at_once_share_one_token():
    account = Account()
    tokens = TokenCache(account.fetch, account.clock)

    seen = await asyncio.gather(*(tokens.current() for _ in range(5)))

    assert set(seen) == {SecretStr("token-1")}
    assert tokens.last == SecretStr("token-1")


async def test_refused_token_is_replaced_once_for_all_that_it_failed():
    account = Account()
    tokens = TokenCache(account.fetch, account.clock)
    refused = await tokens.current()

    seen = await asyncio.gather(*(tokens.current(refused=refused) for _ in range(3)))

    assert set(seen) == {SecretStr("token-2")}


async def test_failed_fetch_leaves_the_token_before_and_the_next_call_fetches_again():
    account = Account()
    answers = [TryLater("away"), None]

    async def fetch() -> Token:
        if error := answers.pop(0):
            raise error
        return await account.fetch()

    tokens = TokenCache(fetch, account.clock)
    with pytest.raises(TryLater):
        await tokens.current()

    assert tokens.last is None
    assert await tokens.current() == SecretStr("token-1")


async def test_stop_signal_ends_the_wait():
    stop, begun = asyncio.Event(), asyncio.Event()

    async def fetch() -> Token:
        begun.set()
        await asyncio.Event().wait()
        raise AssertionError("never reached")

    waiting = asyncio.create_task(TokenCache(fetch, stop=stop).current())
    await begun.wait()
    stop.set()

    with pytest.raises(Interrupted):
        await waiting
