import json

import msgspec
import pytest

from plugins.kalshi.codec.documented import OBJECTS
from plugins.kalshi.codec.fixed_point import FixedPoint
from plugins.kalshi.codec.market_page import market_page
from plugins.kalshi.codec.records import MarketRecord

ROW = {
    "ticker": "M-1",
    "event_ticker": "E-1",
    "status": "active",
    "market_type": "binary",
    "result": "",
    "price_ranges": [{"start": "0.0000", "end": "1.0000", "step": "0.0100"}],
    "yes_bid_dollars": "0.8200",
    "volume_fp": "12.50",
    "floor_strike": 71.5,
    "custom_strike": {"a": [1, None]},
}


def page(*rows, **more):
    return market_page(json.dumps({"markets": list(rows), "cursor": "c", **more}).encode())


def test_a_page_that_holds_nothing_new_is_read_into_records():
    found = page(ROW, ROW, total=2)

    assert [type(row).__mro__[1] for row in found["markets"]] == [MarketRecord] * 2
    assert found["cursor"] == "c"


def test_every_documented_field_is_expected():
    (row,) = page(ROW | dict.fromkeys(OBJECTS["market"] - MarketRecord.__dict__.keys()))["markets"]

    assert isinstance(row, MarketRecord)


@pytest.mark.parametrize(
    "change",
    [
        {"legs": 3},
        {"market_type": "ternary"},
        {"strike_type": "odd"},
        {"volume_fp": 12.5},
        {"price_ranges": None},
    ],
)
def test_anything_else_leaves_the_whole_page_as_it_came(change):
    assert page(ROW, ROW | change)["markets"] == [ROW, ROW | change]


def test_what_is_new_is_counted_and_the_market_read():
    codec = FixedPoint()
    rows = page(ROW, ROW | {"legs": 3, "strike_type": "odd"})["markets"]

    assert all(codec.market(row, None, None) for row in rows)
    assert codec.drift.counters == {
        "market: unknown field legs": 1,
        "market: unknown strike_type odd": 1,
    }


def test_a_row_means_the_same_either_way():
    codec = FixedPoint()
    (read,) = page(ROW)["markets"]

    assert codec.market(read, None, None) == codec.market(ROW, None, None) is not None


def test_an_inexact_number_fails_its_row_alone_by_name():
    codec = FixedPoint()
    bad, good = page(ROW | {"volume_fp": "many"}, ROW)["markets"]

    assert isinstance(bad, MarketRecord)
    assert codec.market(bad, None, None) is None
    assert codec.market(good, None, None) is not None
    assert codec.drift.failures[0].startswith("market M-1 E-1: ")


def test_a_page_without_a_list_is_left_to_who_asked():
    assert market_page(b'{"cursor": ""}') == {"cursor": ""}


def test_what_is_no_json_is_said():
    with pytest.raises(msgspec.DecodeError):
        market_page(b"<html>")
