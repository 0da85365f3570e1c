from datetime import UTC, datetime

import pytest

from framework.errors import ExchangeError
from framework.model.units import Side
from plugins.kalshi.account.history import CUTOFF, History

NOON_US = 1_768_478_400_000_000
DAY_US = 86_400_000_000
TOLD = {
    "market_settled_ts": "2025-10-15T00:00:00Z",
    "trades_created_ts": "2025-10-15T00:00:00Z",
    "orders_updated_ts": "2026-01-01T00:00:00Z",
}


@pytest.fixture
def history(read_rest, codec):
    def history(test, **scope):
        async def main(rest, run):
            return await test(History(rest, codec, run.clock, **scope), run)

        return read_rest(main)

    return history


def test_the_cutoff_is_asked_once_an_hour(history, server):
    server.always("GET", CUTOFF, TOLD)

    async def main(archive, run):
        first, second = await archive.cutoff(), await archive.cutoff()
        await run.clock.sleep(3_600)
        await archive.cutoff()
        return first is second, first.trades_us, first.orders_us

    assert history(main) == (True, 1_760_486_400_000_000, 1_767_225_600_000_000)
    assert len(server.asked("GET", CUTOFF)) == 2


def test_an_exchange_without_an_archive_holds_nothing_and_is_asked_once(history, server):
    async def main(archive, run):
        rows = [row async for row in archive.market_rows({})]
        return (
            await archive.cutoff(),
            await archive.holds(None),
            rows,
            await archive.market_row("A"),
        )

    assert history(main) == (None, None, [], None)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("since_us", "held", "asked"),
    [
        (None, True, 1),
        (NOON_US - 200 * DAY_US, True, 1),
        (NOON_US - 20 * DAY_US, True, 1),
        (NOON_US - 2 * DAY_US, False, 1),
        (NOON_US - DAY_US // 2, False, 0),
    ],
)
def test_only_what_is_older_than_a_cutoff_is_looked_for(history, server, since_us, held, asked):
    server.always("GET", CUTOFF, TOLD)

    async def main(archive, run):
        return await archive.holds(since_us) is not None

    assert history(main) is held
    assert len(server.requests) == asked


def test_a_cutoff_that_can_not_be_read_is_an_error_by_name(history, server, codec):
    server.always("GET", CUTOFF, {"market_settled_ts": "2025-10-15T00:00:00Z"})

    async def main(archive, run):
        with pytest.raises(ExchangeError, match="/historical/cutoff"):
            await archive.cutoff()

    history(main)
    assert "missing required field `trades_created_ts`" in codec.drift.failures[0]


def test_archived_fills_and_orders_are_the_frameworks_own_values(history, server):
    fill = {
        "trade_id": "t",
        "order_id": "o",
        "ticker": "A",
        "outcome_side": "no",
        "yes_price_dollars": "0.8700",
        "count_fp": "2.00",
        "fee_cost": "0.0100",
        "is_taker": True,
        "created_time": "2025-01-15T12:00:00Z",
    }
    order = {
        "order_id": "o",
        "ticker": "A",
        "outcome_side": "no",
        "status": "executed",
        "yes_price_dollars": "0.8700",
        "initial_count_fp": "2.00",
        "fill_count_fp": "2.00",
        "remaining_count_fp": "0.00",
    }
    server.always("GET", "/historical/fills", {"fills": [fill, {}], "cursor": ""})
    server.always("GET", "/historical/orders", {"orders": [order, {}], "cursor": ""})
    since = datetime(2025, 1, 1, tzinfo=UTC)

    async def main(archive, run):
        return (
            [one async for one in archive.fills("A", since=since)],
            [one async for one in archive.orders()],
        )

    (filled,), (ordered,) = history(main, subaccount=3)
    assert (filled.side, filled.price_e4, ordered.filled_e2) == (Side.NO, 1_300, 200)
    assert server.asked("GET", "/historical/fills")[0].query == {
        "limit": "1000",
        "ticker": "A",
        "min_ts": "1735689600",
        "subaccount": "3",
    }


def test_archived_positions_and_trades_are_told_in_dollars(history, server):
    position = {"ticker": "A", "position_fp": "-2.00", "realized_pnl_dollars": "1.2500"}
    trade = {
        "trade_id": "t",
        "ticker": "A",
        "count_fp": "1.00",
        "yes_price_dollars": "0.50",
        "created_time": "2025-01-15T12:00:00Z",
    }
    server.always("GET", "/historical/positions", {"market_positions": [position], "cursor": ""})
    server.always("GET", "/historical/trades", {"trades": [trade], "cursor": ""})

    async def main(archive, run):
        return [p async for p in archive.positions()], [t async for t in archive.trades("A")]

    (held,), (traded,) = history(main)
    assert (held.contracts, str(held.realized_pnl_dollars)) == (-2, "1.25")
    assert traded.event.ticker == "A"
