from datetime import UTC, datetime

import pytest

from plugins.kalshi.markets.market_filter import MarketFilter

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "wrong",
    [
        {"min_close_ts": NOON, "max_created_ts": NOON},
        {"min_close_ts": NOON, "status": "open"},
        {"min_created_ts": NOON, "status": "settled"},
        {"max_settled_ts": NOON, "status": "closed"},
        {"min_updated_ts": NOON, "combos": None},
        {"min_updated_ts": NOON, "min_close_ts": NOON},
    ],
)
def test_filters_that_exclude_each_other_are_refused_before_asking(wrong):
    with pytest.raises(ValueError, match=r"times|combos"):
        MarketFilter(**wrong)


def test_combinations_are_left_out_unless_asked_for():
    assert MarketFilter().query() == {"limit": 1_000, "mve_filter": "exclude"}
    assert MarketFilter(combos=None).query() == {"limit": 1_000}
    assert MarketFilter(tickers=("A", "B")).query() == {"limit": 1_000, "tickers": "A,B"}


def test_times_are_unix_seconds():
    wanted = MarketFilter(min_updated_ts=NOON, event="E")

    assert wanted.query()["min_updated_ts"] == 1_768_478_400
