"""How numbers, moments and errors are written, and which texts are read as numbers."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.sandbox.wire import (
    bad_parameter,
    balance_text,
    cents,
    count_text,
    encode,
    iso,
    market_id,
    money_text,
    per_contract_text,
    plain_number,
    price_text,
    quote_text,
    read_count,
    read_price,
    refused,
    throttled,
    undecodable,
)

MONEY = st.integers(-(10**15), 10**15)


@pytest.mark.parametrize(
    ("written", "text"),
    [
        (price_text(5_600), "0.5600"),
        (price_text(1), "0.0001"),
        (price_text(10_000), "1.0000"),
        (quote_text(None), "0.0000"),
        (quote_text(None, empty=10_000), "1.0000"),
        (count_text(1_250), "12.50"),
        (count_text(-5), "-0.05"),
        (money_text(17_500), "0.017500"),
        (money_text(-1), "-0.000001"),
        (balance_text(999_999), "0.9999"),
        (balance_text(-150), "-0.0001"),
        (per_contract_text(920_000 * 10, 1_000), "0.9200"),
        (per_contract_text(100, 300), "0.000033"),
        (iso(1_785_902_404_828_502), "2026-08-05T04:00:04.828502Z"),
        (iso(1_785_902_404_335_760), "2026-08-05T04:00:04.33576Z"),
        (iso(1_785_902_404_000_000), "2026-08-05T04:00:04Z"),
    ],
)
def test_numbers_and_moments_are_written_as_the_exchange_does(written, text):
    assert written == text


@given(MONEY)
def test_money_is_written_exactly(money_e6):
    assert Decimal(money_text(money_e6)) == Decimal(money_e6) / 1_000_000


@given(MONEY)
def test_a_balance_is_never_shown_larger_than_it_is(money_e6):
    shown, exact = Decimal(balance_text(money_e6)), Decimal(money_e6) / 1_000_000

    assert abs(shown) <= abs(exact) < abs(shown) + Decimal("0.0001")
    assert abs(cents(money_e6)) == int(abs(exact) * 100)


@given(st.integers(0, 10_000))
def test_a_price_that_is_written_can_be_read(price_e4):
    assert read_price(price_text(price_e4)) == price_e4


@given(st.integers(0, 10**12))
def test_a_count_that_is_written_can_be_read(quantity_e2):
    assert read_count(count_text(quantity_e2)) == quantity_e2


@pytest.mark.parametrize(
    "text", ["", "1", ".5", "0.5", "0.12345", "-0.50", "1.0001", "\u0660.\u0665\u0660", "0.50\n"]
)
def test_what_is_no_price_is_not_read_as_one(text):
    assert read_price(text) is None


@pytest.mark.parametrize("text", ["", "-1", "1.", "1.000", "1e3", "inf", " 1", "\u0663", "1\n"])
def test_what_is_no_count_is_not_read_as_one(text):
    assert read_count(text) is None


@pytest.mark.parametrize(
    ("problem", "status", "body"),
    [
        (refused(404, "not_found"), 404, {"error": {"code": "not_found", "message": "not found"}}),
        (
            refused(400, "a_b", "words", "more"),
            400,
            {"error": {"code": "a_b", "message": "words", "details": "more"}},
        ),
        (
            undecodable("why"),
            400,
            {"code": "bad_request", "message": "bad request", "details": "why"},
        ),
        (bad_parameter("why"), 400, {"msg": "why"}),
        (throttled(), 429, {"error": "too many requests"}),
    ],
)
def test_errors_have_four_shapes(problem, status, body):
    assert (problem.status, json.loads(problem.body)) == (status, body)


def test_a_market_keeps_its_id():
    assert market_id("KXT-E-A") == market_id("KXT-E-A") != market_id("KXT-E-B")


@pytest.mark.parametrize(("number", "text"), [("1.0", b"1"), ("0.50", b"0.5"), ("10", b"10")])
def test_multipliers_are_json_numbers(number, text):
    assert encode(plain_number(Decimal(number))) == text
