from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.model.units import Side
from plugins.kalshi.codec import Drift
from plugins.kalshi.codec.bodies import Cutoff, PublicTrade, contracts, money, price, quote, read

TRADE = {
    "trade_id": "t",
    "ticker": "A",
    "count_fp": "1.50",
    "yes_price_dollars": "0.9100",
    "no_price_dollars": "0.0900",
    "taker_outcome_side": "no",
    "taker_book_side": "ask",
    "created_time": "2026-01-15T12:00:00.000001Z",
    "is_block_trade": False,
}


@pytest.fixture
def drift():
    return Drift()


def test_a_whole_body_is_read_in_exact_interned_decimals(drift):
    trade = read(TRADE, PublicTrade, "t", drift)

    assert (trade.quantity, trade.yes_price_dollars) == (Decimal("1.5"), Decimal("0.91"))
    assert trade.yes_price_dollars is price(Decimal("0.9100000"))
    assert not drift.counters


def test_a_trade_is_also_the_event_the_stream_would_have_told(drift):
    event = read(TRADE, PublicTrade, "t", drift).event

    assert (event.yes_price_e4, event.quantity_e2, event.taker_side) == (9_100, 150, Side.NO)
    assert event.at_us == event.exchange_us == 1_768_478_400_000_001


@pytest.mark.parametrize("name", ["trade_id", "ticker", "count_fp", "yes_price_dollars"])
def test_a_missing_field_fails_the_record_by_its_name(drift, name):
    record = {key: value for key, value in TRADE.items() if key != name}

    assert read(record, PublicTrade, "t", drift) is None
    assert list(drift.failures) == [f"PublicTrade t: Object missing required field `{name}`"]


def test_new_fields_and_unknown_values_are_counted_and_harm_nothing_else(drift):
    assert read({**TRADE, "mood": 1}, PublicTrade, "t", drift) is not None
    assert read({**TRADE, "taker_outcome_side": "maybe"}, PublicTrade, "t2", drift) is None

    assert drift.counters["PublicTrade: unknown field mood"] == 1
    assert "Invalid enum value 'maybe'" in drift.failures[0]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("yes_price_dollars", "1.0001"),
        ("yes_price_dollars", "-0.1"),
        ("yes_price_dollars", "0.12345"),
        ("yes_price_dollars", "NaN"),
        ("yes_price_dollars", ""),
        ("count_fp", "0.001"),
        ("count_fp", True),
        ("created_time", "yesterday"),
    ],
)
def test_what_is_inexact_or_no_number_fails_the_record(drift, field, value):
    assert read({**TRADE, field: value}, PublicTrade, "t", drift) is None
    assert drift.failures[0].startswith("PublicTrade t: ")


@pytest.mark.parametrize("record", [None, [], "text", 5])
def test_what_is_no_object_at_all_fails_by_name(drift, record):
    assert read(record, Cutoff, "the cutoff", drift) is None
    assert drift.failures[0].startswith("Cutoff the cutoff: ")


@pytest.mark.parametrize(("text", "expected"), [("0.0000", None), ("1.0000", None), ("0.5", "0.5")])
def test_the_ends_of_the_scale_are_no_quotes(text, expected):
    assert quote(Decimal(text)) == (None if expected is None else Decimal(expected))


def test_units_are_those_of_the_framework():
    assert contracts(Decimal("2.00")) is contracts(Decimal(2))
    assert money(Decimal("0.000001")) == Decimal("0.000001")


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), st.lists))
def test_whatever_stands_in_a_field_never_raises(value):
    for field in TRADE:
        read({**TRADE, field: value}, PublicTrade, "t", Drift())
