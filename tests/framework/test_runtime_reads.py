"""What a run makes of reads that fail: the account, the list of markets, a refused key."""

import pytest

from framework.clock import run_virtual
from framework.errors import AuthError, ExchangeError
from framework.journal import FILE_NAME, JournalWriter
from framework.ledger import open_ledger
from framework.model.account import Account
from framework.pipeline import Pipeline
from framework.run import Mode, RunOptions
from framework.running import CurrentRun
from framework.runtime import Runtime
from framework.settings import FrameworkSettings
from framework.testing.builders import market
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
    """Run a scripted exchange for so many virtual seconds; return the runtime and its result."""

    def play(exchange, seconds):
        async def script(run):
            await run.clock.sleep(seconds)

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


def only_error(failed):
    error = failed.value
    while isinstance(error, BaseExceptionGroup):
        (error,) = error.exceptions
    return error


def test_a_run_does_not_start_on_an_account_it_could_not_read_whole(play):
    with pytest.raises((ExchangeError, BaseExceptionGroup)) as failed:
        play(HalfRead(market()), MINUTE)

    assert "positions" in str(only_error(failed))
