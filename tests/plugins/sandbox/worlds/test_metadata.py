"""Recorded event bodies: what was known then, and what came after."""

import json

import pytest

from framework.errors import ConfigError
from framework.model.market import TAPERED, MarketStatus
from plugins.sandbox.worlds.metadata import read_metadata

MARKET = {
    "ticker": "E-1",
    "event_ticker": "E",
    "title": "Up?",
    "created_time": "2026-01-01T00:00:00.5Z",
    "open_time": "2026-01-01T10:00:00Z",
    "close_time": "2026-01-01T10:15:00Z",
    "expected_expiration_time": "2026-01-01T10:20:00Z",
    "settlement_ts": "2026-01-01T10:15:10.123456Z",
    "settlement_timer_seconds": 5,
    "result": "yes",
    "status": "finalized",
    "volume_fp": "23727.91",
    "open_interest_fp": "6556.98",
    "last_price_dollars": "0.9900",
    "yes_bid_dollars": "0.0000",
    "settlement_value_dollars": "1.0000",
    "exchange_index": 2,
    "price_ranges": [
        {"start": "0.0000", "end": "0.1000", "step": "0.0010"},
        {"start": "0.1000", "end": "0.9000", "step": "0.0100"},
        {"start": "0.9000", "end": "1.0000", "step": "0.0010"},
    ],
}
EVENT = {
    "event_ticker": "E",
    "series_ticker": "S",
    "title": "Above 4,128.56",
    "sub_title": "10:00 to 10:15",
    "category": "Commodities",
    "mutually_exclusive": True,
}
CLOSE_US = 1_767_262_500_000_000


def body(**changes):
    return {"event": EVENT, "markets": [{**MARKET, **changes}]}


def read(tmp_path, *contents):
    files = []
    for number, content in enumerate(contents):
        path = tmp_path / f"{number}.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        files.append(path)
    return read_metadata(files)


def test_a_listed_market_knows_nothing_of_its_future(tmp_path):
    market = read(tmp_path, body()).markets["E-1"].market

    assert market.status is MarketStatus.ACTIVE
    assert (market.result, market.settlement_e4) == (None, None)
    assert (market.volume_e2, market.open_interest_e2, market.last_price_e4) == (None, None, None)
    assert (market.yes_bid_e4, market.yes_ask_e4) == (None, None)


def test_a_listed_market_has_its_terms(tmp_path):
    market = read(tmp_path, body()).markets["E-1"].market

    assert (market.grid, market.shard, market.mutually_exclusive) == (TAPERED, 2, True)
    assert market.open_us == CLOSE_US - 900_000_000
    assert market.close_us == CLOSE_US


def test_the_end_is_kept_apart_with_its_moments(tmp_path):
    fate = read(tmp_path, body()).markets["E-1"].fate

    assert fate.determined_us == CLOSE_US + 5_123_456
    assert fate.settlement.at_us == CLOSE_US + 10_123_456
    assert (fate.settlement.result, fate.settlement.yes_pays_e4) == ("yes", 10_000)


def test_a_market_is_not_determined_before_its_close(tmp_path):
    fate = read(tmp_path, body(settlement_timer_seconds=60)).markets["E-1"].fate

    assert fate.determined_us == CLOSE_US


@pytest.mark.parametrize(
    ("result", "value", "pays"),
    [("no", "0.0000", 0), ("scalar", "0.2500", 2_500), ("scalar", None, None), ("", None, None)],
)
def test_the_end_pays_what_the_body_says_or_is_unknown(tmp_path, result, value, pays):
    known = read(tmp_path, body(result=result, settlement_value_dollars=value)).markets["E-1"]

    assert (known.fate.settlement.yes_pays_e4 if known.fate else None) == pays


def test_a_body_may_stand_alone_or_as_fetched(tmp_path):
    alone = read(tmp_path, body())
    fetched = read(tmp_path, {"fetched_at_ms": 1, "status": 200, "response": body()})

    assert alone.markets == fetched.markets


def test_markets_may_be_nested_in_their_event(tmp_path):
    nested = {"event": {**EVENT, "markets": [MARKET]}}

    assert read(tmp_path, nested).markets.keys() == {"E-1"}


def test_the_event_and_its_series_are_known(tmp_path):
    known = read(tmp_path, body())
    group = known.event_groups["E"]

    assert (group.title, group.markets, group.series_ticker) == ("10:00 to 10:15", ("E-1",), "S")
    assert known.series["S"].category == "Commodities"


def test_every_unreadable_body_is_named(tmp_path):
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, "{", body(), {"event": {}})

    assert len(caught.value.problems) == 2
    assert caught.value.problems[0].startswith(f"{tmp_path}/0.json: not the body of")
