import gzip
import json

import pytest

from framework.exchange import MarketQuery
from framework.model.market import WHOLE_CENT, MarketStatus


def test_a_market_list_leaves_out_combos_unless_told(codec):
    everything = MarketQuery(open_only=False)

    assert codec.list_markets(MarketQuery(), exclude_combos=True) == {
        "limit": 1_000,
        "status": "open",
        "mve_filter": "exclude",
    }
    assert codec.list_markets(everything, exclude_combos=False) == {"limit": 1_000}


def test_named_markets_are_asked_for_whatever_they_are(codec):
    query = MarketQuery(open_only=False, tickers=("A", "B"))

    assert codec.list_markets(query, exclude_combos=True) == {"limit": 1_000, "tickers": "A,B"}


def recorded(recordings, name):
    with gzip.open(recordings / "payloads" / "2026-08-fixed-point" / name) as file:
        return json.load(file)


@pytest.mark.recording
def test_recorded_settled_markets_decode(codec, recordings):
    rows = recorded(recordings, "markets_settled.json.gz")["markets"]

    markets = [codec.market(row, None, None) for row in rows]
    payments = [codec.payment(row) for row in rows]

    assert codec.drift.counters == {}
    assert [m.status.value for m in markets] == [row["status"] for row in rows]
    paid = {m.result: p.yes_pays_e4 for m, p in zip(markets, payments, strict=True) if p}
    assert paid == {"yes": 10_000, "no": 0}
    assert all(p is not None for m, p in zip(markets, payments, strict=True) if m.result)


@pytest.mark.recording
def test_recorded_market_decodes_alike_alone_and_nested(codec, recordings):
    body = recorded(recordings, "market_single.json.gz")

    alone = codec.market(body["single"]["market"], None, None)
    nested = codec.market(body["nested"], None, None)

    assert alone == nested
    assert (alone.status, alone.grid) == (MarketStatus.ACTIVE, WHOLE_CENT)
    assert (alone.yes_bid_e4, alone.yes_ask_e4) == (8_900, 9_400)
    assert codec.drift.counters == {}


@pytest.mark.recording
def test_recorded_series_decode_with_exact_fees(codec, recordings):
    bodies = recorded(recordings, "series_fee_fields.json.gz")["payloads"]

    series = {name: codec.series(body["series"]) for name, body in bodies.items()}

    assert str(series["KXMLBGAME"].fee_multiplier) == "0.5"
    assert series["KXMLBGAME"].fee_type == "quadratic_with_maker_fees"
    assert all(series.values())


def test_a_book_that_was_asked_for_decodes(codec):
    record = {"orderbook_fp": {"yes_dollars": [["0.4700", "3.00"]], "no_dollars": None}}

    book = codec.orderbook("A", record, 7)

    assert (book.ticker, book.yes, book.no) == ("A", ((4_700, 300),), ())
    assert codec.orderbook("A", {"orderbook_fp": {"yes_dollars": [["47", "3"]]}}, 7) is None
