"""The Kalshi adapter against the exchange's demo environment, for who has a key there.

Collected only where KALSHI_DEMO_KEY_ID is set; docs/conformance.md says how to run it. Orders
of ten contracts rest in one market and are cancelled.
"""

import os
from pathlib import Path
from random import Random  # noqa: TID251 - the type of a run's generator

import anyio
import pytest

from framework.clock import run_real
from framework.faults import causes
from framework.run import Mode, RunOptions
from framework.sockets import open_network
from framework.testing.conformance import Bench, alone, cases_for, quiet_market, tidy_up
from plugins.kalshi import Kalshi
from plugins.kalshi.codec.fixed_point import FixedPoint


class DemoRun:
    """A run on the real network."""

    run_id = "conformance"
    mode = Mode.DEMO
    folder = Path()
    options = RunOptions()

    def __init__(self, clock):
        self.clock, self.rng = clock, Random(1)

    async def connect(self, host, port):
        return await open_network(host, port)

    def credentials(self, name):
        return None

    def stop(self, reason):
        pass

    def progress(self, done, text):
        pass


def adapter():
    """Return the adapter with the owner's key; addresses only for a rehearsal on loopback."""
    return Kalshi(
        key_id={"env": "KALSHI_DEMO_KEY_ID"},
        private_key={"file": os.environ["KALSHI_DEMO_PRIVATE_KEY_FILE"]},
        rest_url=os.environ.get("KALSHI_DEMO_REST_URL"),
        stream_url=os.environ.get("KALSHI_DEMO_STREAM_URL"),
    )


async def play(case, clock):
    run = DemoRun(clock)
    name = f"conformance-{case}-{clock.now_us()}"
    async with adapter().open_exchange(run) as exchange, anyio.create_task_group() as tasks:
        bench = Bench(exchange, alone(clock, "", ""), clock, name)
        tasks.start_soon(bench.watch.listen)
        bench.plain = os.environ.get("KALSHI_DEMO_MARKET") or await quiet_market(bench)
        try:
            await case.play(bench)
        finally:
            with anyio.CancelScope(shield=True):
                await tidy_up(bench)
        tasks.cancel_scope.cancel()


@pytest.mark.slow
@pytest.mark.parametrize("case", cases_for(FixedPoint().capabilities, alone=True), ids=str)
def test_conforms_on_the_demo_environment(case):
    async def main(clock):
        await play(case, clock)

    try:
        run_real(main)
    except BaseExceptionGroup as group:
        raise causes(group)[0] from None
