"""50,000 markets are listed, told of and settled: what the adapter remembers stays small."""

import anyio
import pytest

from framework.clock import run_virtual
from plugins.kalshi.account.history import History
from plugins.kalshi.codec import FeesChanged
from plugins.kalshi.codec.fixed_point import FixedPoint
from plugins.kalshi.markets.catalog import Catalog
from plugins.kalshi.markets.fee_changes import FeeChanges

pytestmark = pytest.mark.slow

MARKETS = 50_000
OF_ROUND = 100
ROUND_S = 7_200
LIFE_ROUNDS = 12
KEPT = OF_ROUND * (LIFE_ROUNDS + 12 + 4)
"""A market is kept for a day after it is final, until the next round of forgetting."""
GRID = [{"start": "0.0000", "end": "1.0000", "step": "0.0100"}]


class Answers:
    """What the REST side answers, without a wire: every event has a record, nothing else is."""

    def __init__(self, clock):
        self.now_us = clock.now_us

    async def pages(self, path, query, key, **_):
        for ticker in str(query.get("tickers", "")).split(",") if path == "/events" else ():
            yield {"event_ticker": ticker, "series_ticker": "S", "mutually_exclusive": True}

    async def get(self, path, **_):
        return {"series": {"ticker": "S", "fee_type": "quadratic", "fee_multiplier": 1}}


def row(number, index, status):
    return {
        "ticker": f"M-{number}-{index}",
        "event_ticker": f"E-{number}-{index // 4}",
        "status": status,
        "result": "yes" if status == "finalized" else "",
        "price_ranges": GRID,
        "close_time": "2026-01-15T12:00:00Z",
    }


def test_the_catalog_and_the_fees_forget_what_is_over():
    sizes = []

    async def main(clock):
        codec, rest = FixedPoint(), Answers(clock)
        clock.start_at(1_768_478_400_000_000)
        fees = FeeChanges(rest, codec, clock)
        history = History(rest, codec, clock)
        async with anyio.create_task_group() as tasks:
            catalog = Catalog(rest, codec, fees, history, tasks, exclude_combos=True)
            for number in range(MARKETS // OF_ROUND):
                listed = [row(number, index, "active") for index in range(OF_ROUND)]
                assert len(await catalog.complete(listed)) == OF_ROUND
                change = FeesChanged(None, None, f"E-{number}-0", "quadratic", None)
                assert len(list(catalog.fees_changed(change))) == 4
                if number >= LIFE_ROUNDS:
                    old = number - LIFE_ROUNDS
                    await catalog.complete(
                        [row(old, index, "finalized") for index in range(OF_ROUND)]
                    )
                sizes.append(
                    (
                        len(catalog.known),
                        4 * len(catalog.known.events),
                        4 * len(catalog._groups),
                        OF_ROUND * len(fees._events),
                        OF_ROUND * len(fees._of_event),
                    )
                )
                await clock.sleep(ROUND_S)

    run_virtual(main)

    assert max(max(of_round) for of_round in sizes) <= KEPT
