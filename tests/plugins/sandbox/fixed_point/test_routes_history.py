"""The archive: what is older than the cutoff is found there, and nowhere else."""

import pytest

from framework.model.events import MarketSettled
from framework.model.market import Settlement
from framework.testing.builders import NOW_US


@pytest.fixture
def old_door(open_door):
    """A door behind which an hour has passed since everything, with a cutoff of a minute."""
    door = open_door(archive_after_us=60_000_000)
    door.placed(client_order_id="filled")
    door.resting(client_order_id="rests", ticker="KXT-E-B", price="0.0300")
    paid = Settlement(ticker="KXT-E-A", at_us=NOW_US, result="yes", yes_pays_e4=10_000)
    door.happen(MarketSettled(at_us=NOW_US, settlement=paid))
    door.time.pass_seconds(600)
    door.venue.present()
    return door


def test_the_cutoff_moves_with_the_time(old_door):
    before = old_door.ask("GET /historical/cutoff", signed=False)[1]
    old_door.time.pass_seconds(60)
    after = old_door.ask("GET /historical/cutoff", signed=False)[1]

    assert before["market_settled_ts"] == "2026-01-15T12:09:00Z"
    assert after["trades_created_ts"] == "2026-01-15T12:10:00Z"


def test_without_a_setting_nothing_is_archived(door):
    door.placed()
    door.time.pass_seconds(3_000)

    assert door.ask("GET /historical/cutoff")[1]["orders_updated_ts"] == "2026-01-15T12:00:00Z"
    assert door.ask("GET /historical/orders")[1]["orders"] == []
    assert len(door.ask("GET /portfolio/fills")[1]["fills"]) == 1


@pytest.mark.parametrize(
    ("live", "archived", "rows"),
    [
        ("/markets", "/historical/markets", "markets"),
        ("/markets/trades", "/historical/trades", "trades"),
        ("/portfolio/fills", "/historical/fills", "fills"),
        ("/portfolio/positions?settlement_status=all", "/historical/positions", "market_positions"),
    ],
)
def test_old_rows_leave_the_live_reads(old_door, live, archived, rows):
    shown, kept = old_door.ask(f"GET {live}")[1][rows], old_door.ask(f"GET {archived}")[1][rows]

    assert all(row["ticker"] != "KXT-E-A" for row in shown)
    assert [row["ticker"] for row in kept if row["ticker"] == "KXT-E-A"]


def test_finished_orders_move_and_resting_ones_stay(old_door):
    live = old_door.ask("GET /portfolio/orders")[1]["orders"]
    archived = old_door.ask("GET /historical/orders")[1]["orders"]

    assert [row["client_order_id"] for row in live] == ["rests"]
    assert [row["client_order_id"] for row in archived] == ["filled"]


def test_an_archived_market_is_found_by_its_ticker_in_the_archive_only(old_door):
    assert old_door.ask("GET /markets/KXT-E-A")[0] == 404
    assert old_door.ask("GET /historical/markets/KXT-E-A")[1]["market"]["result"] == "yes"
    assert old_door.ask("GET /historical/markets/KXT-E-B")[0] == 404


@pytest.mark.parametrize(
    ("query", "found"),
    [("?tickers=KXT-E-A", 1), ("?series_ticker=KXT", 1), ("?event_ticker=KXT-F", 0)],
)
def test_the_archive_takes_one_filter_at_a_time(old_door, query, found):
    assert len(old_door.ask(f"GET /historical/markets{query}")[1]["markets"]) == found
    assert old_door.ask(f"GET /historical/markets{query}&mve_filter=exclude")[0] == 400
