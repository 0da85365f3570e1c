import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.kalshi.codec.numbers import (
    COUNTS,
    PRICES,
    count_e2,
    count_text,
    money_e6,
    ms_us,
    price_text,
    quote_e4,
    time_us,
)


@given(st.integers(0, 10_000))
def test_a_price_written_is_the_price_read(price):
    assert PRICES[price_text(price)] == price


@given(st.integers(1, 10**9))
def test_a_count_written_is_the_count_read(count):
    assert count_e2(count_text(count)) == count


@given(st.integers(0, 10_000), st.integers(0, 2))
def test_trailing_zeros_do_not_change_a_price(price, zeros):
    assert PRICES[price_text(price) + "0" * zeros] == price


@given(st.integers(-(10**12), 10**12))
def test_money_is_read_to_the_last_digit(money):
    text = f"{'-' if money < 0 else ''}{abs(money) // 10**6}.{abs(money) % 10**6:06d}"

    assert money_e6(text) == money


@pytest.mark.parametrize(
    ("text", "price"), [("0.56", 5_600), ("0.5600", 5_600), ("0.560000", 5_600), ("1.0000", 10_000)]
)
def test_a_price_may_have_two_to_six_decimals(text, price):
    assert PRICES[text] == price


@pytest.mark.parametrize(
    "text",
    [
        "0.56005",
        "0.000001",
        "1.0001",
        "-0.0100",
        "56",
        "NaN",
        "1e-2",
        "",
        " 0.5",
        "0.5000000",
        "\u0660.\u0665",
    ],
)
def test_refuses_a_price_that_is_not_exact(text):
    with pytest.raises(ValueError):
        PRICES[text]


@pytest.mark.parametrize(
    ("text", "count"), [("10.00", 1_000), ("-0.10", -10), ("0.01", 1), ("7", 700), ("3.5", 350)]
)
def test_reads_signed_counts(text, count):
    assert count_e2(text) == count


@pytest.mark.parametrize("text", ["0.001", "1.0.00", "--1.00", "", "Infinity", "1_0.00", ".00"])
def test_refuses_a_count_that_is_not_exact(text):
    with pytest.raises(ValueError):
        count_e2(text)


@pytest.mark.parametrize("text", [None, "", "0.0000", "1.0000", "0.00"])
def test_an_empty_side_has_no_quote_whichever_way_it_is_written(text):
    assert quote_e4(text) is None


def test_a_quote_between_zero_and_one_counts():
    assert quote_e4("0.0001") == 1


@pytest.mark.parametrize(
    ("text", "at_us"),
    [
        ("2026-08-05T04:00:04.828502Z", 1_785_902_404_828_502),
        ("2026-08-05T04:00:00Z", 1_785_902_400_000_000),
        ("2026-08-05T00:00:00-04:00", 1_785_902_400_000_000),
        ("0001-01-01T00:00:00Z", None),
        ("", None),
        (None, None),
    ],
)
def test_reads_times_to_the_microsecond(text, at_us):
    assert time_us(text) == at_us


def test_refuses_what_is_no_time():
    with pytest.raises(ValueError):
        time_us("yesterday")


def test_milliseconds_become_microseconds():
    assert ms_us(1_703_123_456_789) == 1_703_123_456_789_000
    assert ms_us(None) is None


def test_the_table_of_prices_is_bounded():
    before = len(PRICES)
    for zeros in range(7):
        with pytest.raises(ValueError):
            PRICES["0" * 20 + "." + "1" * zeros]

    assert len(PRICES) == before


@pytest.mark.parametrize("text", ["54.00", "-54.00", "0.01", "123456789.00"])
def test_a_count_looked_up_is_the_count_read(text):
    assert COUNTS[text] == COUNTS[text] == count_e2(text)


def test_only_short_counts_are_remembered():
    COUNTS["123456789.00"]

    assert "123456789.00" not in COUNTS


def test_a_count_that_is_none_is_refused_each_time():
    for _ in range(2):
        with pytest.raises(ValueError, match="not a fixed-point number"):
            COUNTS["many"]
