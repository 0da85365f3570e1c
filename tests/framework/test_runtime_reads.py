"""What a run makes of reads that fail: the account, the list of markets, a refused key."""

import pytest

from framework.clock import run_virtual
from framework.errors import AuthError, ExchangeError
from framework.journal import FILE_NAME, JournalWriter
from framework.ledger import open_ledger
from framework.model.account import Account
from framework.model.market import MarketStatus
from framework.pipeline import Pipeline
from framework.run import Mode, RunOptions
from framework.running import CurrentRun
from framework.runtime import Runtime
from framework.settings import FrameworkSettings
from framework.testing.builders import NOW_US, market
from framework.testing.playbook import PluginSet
from framework.testing.scripted import ScriptedExchange, ScriptedVenue
from framework.watchdog import Watchdog

MINUTE = 60


class HalfRead(ScriptedExchange):
    """Reads every list of the account but one."""

    missing = "positions"

    async def account(self, since_us=None):
        whole = await super().account(since_us)
        lists = {name: getattr(whole, name) for name in Account.__struct_fields__}
        part = lists[self.missing]
        fields = {name: getattr(part, name) for name in part.__struct_fields__}
        lists[self.missing] = type(part)(**(fields | {"complete": False}))
        return Account(**lists)


@pytest.fixture
def play(tmp_path):
    """Run a scripted exchange until its script is over; return the runtime and its result."""

    def play(exchange, script):
        async def main(clock):
            venue = PluginSet({}, {"venue": ScriptedVenue(exchange=exchange, script=script)})
            run = CurrentRun(
                run_id="r",
                mode=Mode.SANDBOX,
                options=RunOptions(),
                folder=tmp_path,
                clock=clock,
            )
            pipeline = Pipeline(venue)
            runtime = Runtime(run, FrameworkSettings(), venue, pipeline, Watchdog(tmp_path, 60.0))
            with open_ledger("sqlite://", durability="process", account="a", run_id="r") as books:
                books.acquire_lock(clock.now_us())
                journal = JournalWriter(tmp_path / FILE_NAME, {})
                try:
                    return runtime, await runtime.trade(journal, lambda _: books)
                finally:
                    journal.close({})

        return run_virtual(main)

    return play


def waits(seconds):
    async def script(run):
        await run.clock.sleep(seconds)

    return script


def breaking_off(exchange, then):
    """List B, break off the list that tells of it, and then do `then` before the next one."""

    async def script(run):
        await run.clock.sleep(MINUTE / 2)
        exchange.list_market(market("B"))
        exchange.list_market(market("C"))
        exchange.fail("markets", ExchangeError("page 2: 503"), after=2)
        await run.clock.sleep(MINUTE)
        then()
        await run.clock.sleep(2 * MINUTE)

    return script


def only_error(failed):
    error = failed.value
    while isinstance(error, BaseExceptionGroup):
        (error,) = error.exceptions
    return error


def test_a_run_does_not_start_on_an_account_it_could_not_read_whole(play):
    with pytest.raises((ExchangeError, BaseExceptionGroup)) as failed:
        play(HalfRead(market()), waits(MINUTE))

    assert "positions" in str(only_error(failed))


def test_a_market_read_before_a_list_broke_off_is_not_forgotten(play):
    exchange = ScriptedExchange(market("A"))

    runtime, result = play(exchange, breaking_off(exchange, lambda: None))

    assert [trouble for trouble in result.troubles if "503" in trouble]
    assert set(runtime.engine.state.markets) == {"A", "B", "C"}


def test_a_market_that_closed_after_a_list_broke_off_does_not_end_the_run(play):
    exchange = ScriptedExchange(market("A"))
    closed = market("B", status=MarketStatus.CLOSED)

    _, result = play(exchange, breaking_off(exchange, lambda: exchange.list_market(closed)))

    assert result.reason == "the script is over"


@pytest.mark.parametrize("call", ["markets", "account"])
def test_a_key_refused_in_the_middle_ends_the_run(play, call):
    exchange = ScriptedExchange(market())

    async def script(run):
        await run.clock.sleep(MINUTE / 2)
        exchange.fail(call, AuthError("the key was revoked"))
        await run.clock.sleep(20 * MINUTE)

    with pytest.raises((AuthError, BaseExceptionGroup)) as failed:
        play(exchange, script)

    assert isinstance(only_error(failed), AuthError)


@pytest.mark.slow
def test_troubles_of_a_long_run_do_not_pile_up(play):
    exchange = ScriptedExchange(market())

    async def script(run):
        await run.clock.sleep(MINUTE / 2)
        exchange.fail("account", ExchangeError("503"), times=150)
        await run.clock.sleep(150 * 10 * MINUTE)

    _, result = play(exchange, script)

    assert 0 < len(result.troubles) <= 100


@pytest.mark.slow
def test_what_the_engine_has_forgotten_is_listed_anew_when_it_opens_again(play):
    exchange = ScriptedExchange(market("A"), market("B", close_us=None))

    async def script(run):
        run.clock.start_at(NOW_US)
        await run.clock.sleep(MINUTE)
        exchange.list_market(market("A", status=MarketStatus.CLOSED))
        await run.clock.sleep(40 * 60 * MINUTE)
        exchange.list_market(market("A"))
        await run.clock.sleep(10 * MINUTE)

    _, result = play(exchange, script)

    assert result.totals.markets == 3
