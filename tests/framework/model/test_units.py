from datetime import timedelta
from decimal import Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, ValidationError

from framework.model.units import (
    Money,
    Price,
    Quantity,
    Ratio,
    Side,
    complement,
    cost_e6,
    exact,
    money_of,
    price_of,
    quantity_of,
    to_duration,
    to_e2,
    to_e4,
    to_e6,
    to_us,
)

prices = st.integers(0, 10_000)
amounts = st.integers(-(10**15), 10**15)

NOT_EXACT = [
    0.5,
    1.0,
    0.0,
    float("nan"),
    float("inf"),
    True,
    False,
    Decimal("NaN"),
    Decimal("sNaN"),
    Decimal("Infinity"),
    Decimal("-Infinity"),
    "NaN",
    "-inf",
    "",
    " ",
    "half",
    "0,5",
    "0x10",
    None,
    b"0.5",
    [],
    (0, (5,), -1),
    Fraction(1, 2),
    1j,
]


class Setting(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    price: Price = Decimal("0.5")
    quantity: Quantity = Decimal(1)
    money: Money = Decimal(1)
    ratio: Ratio = Decimal(1)


class TestSide:
    def test_opposite_is_its_own_inverse(self):
        assert [side.opposite for side in Side] == [Side.NO, Side.YES]
        assert all(side.opposite.opposite is side for side in Side)


class TestComplement:
    @given(prices)
    def test_it_is_its_own_inverse(self, price_e4):
        assert complement(complement(price_e4)) == price_e4

    @given(prices)
    def test_both_outcomes_together_pay_one_dollar(self, price_e4):
        assert price_of(price_e4) + price_of(complement(price_e4)) == 1


class TestExact:
    @pytest.mark.parametrize("value", NOT_EXACT, ids=repr)
    @pytest.mark.parametrize("read", [exact, to_e2, to_e4, to_e6])
    def test_refuses_what_is_not_exact(self, read, value):
        with pytest.raises(ValueError):
            read(value)

    @pytest.mark.parametrize("value", ["0.50", "0.5", "5e-1", Decimal("0.5"), Decimal("0.500")])
    def test_takes_decimals_however_written(self, value):
        assert exact(value) == Decimal("0.5")
        assert to_e4(value) == 5000

    def test_names_what_it_refuses(self):
        with pytest.raises(ValueError, match=r"0\.1"):
            exact(0.1)


class TestScales:
    @given(prices)
    def test_a_price_comes_back(self, price_e4):
        assert to_e4(price_of(price_e4)) == price_e4
        assert to_e4(str(price_of(price_e4))) == price_e4

    @given(amounts)
    def test_a_quantity_comes_back(self, quantity_e2):
        assert to_e2(quantity_of(quantity_e2)) == quantity_e2
        assert to_e2(str(quantity_of(quantity_e2))) == quantity_e2

    @given(amounts)
    def test_money_comes_back(self, money_e6):
        assert to_e6(money_of(money_e6)) == money_e6
        assert to_e6(str(money_of(money_e6))) == money_e6

    @pytest.mark.parametrize(
        ("read", "finest", "too_fine"),
        [
            (to_e2, "0.01", "0.001"),
            (to_e4, "0.0001", "0.00001"),
            (to_e6, "0.000001", "0.0000001"),
        ],
    )
    def test_refuses_what_is_finer_than_its_unit(self, read, finest, too_fine):
        assert read(finest) == 1
        with pytest.raises(ValueError):
            read(too_fine)

    @pytest.mark.parametrize("read", [to_e2, to_e4, to_e6])
    def test_a_speck_beyond_the_contexts_digits_is_still_too_fine(self, read):
        with pytest.raises(ValueError):
            read("0.5" + "0" * 40 + "1")

    @given(st.integers(-(10**12) + 1, 10**12 - 1), st.integers(0, 999_999))
    def test_long_numbers_lose_nothing(self, dollars, micros):
        whole = abs(dollars) * 10**6 + micros

        assert to_e6(f"{'-' if dollars < 0 else ''}{abs(dollars)}.{micros:06}") == (
            -whole if dollars < 0 else whole
        )

    @pytest.mark.parametrize("read", [to_e2, to_e4, to_e6])
    @pytest.mark.parametrize(
        "value", [10**18, "1e30", "1e999999999", "-1e999999999", "1e-999999999"]
    )
    def test_refuses_what_no_ledger_could_hold(self, read, value):
        with pytest.raises(ValueError):
            read(value)

    @given(amounts)
    def test_the_callers_decimal_context_changes_nothing(self, money_e6):
        told = str(Decimal(money_e6).scaleb(-6))
        with localcontext() as context:
            context.prec = 3
            shown, read = money_of(money_e6), to_e6(told)

        assert read == money_e6
        assert Fraction(shown) == Fraction(money_e6, 10**6)


class TestShown:
    def test_prices_are_interned(self):
        assert all(price_of(price_e4) is price_of(price_e4) for price_e4 in range(10_001))

    @pytest.mark.parametrize("price_e4", [-1, -10_000, 10_001, 99_999])
    def test_a_difference_of_prices_is_shown_too(self, price_e4):
        assert Fraction(price_of(price_e4)) == Fraction(price_e4, 10_000)

    @pytest.mark.parametrize(
        ("price_e4", "text"),
        [
            (0, "0.00"),
            (1, "0.0001"),
            (5000, "0.50"),
            (5050, "0.505"),
            (9999, "0.9999"),
            (10_000, "1.00"),
        ],
    )
    def test_a_price_shows_its_cents_and_what_is_finer(self, price_e4, text):
        assert str(price_of(price_e4)) == text

    @pytest.mark.parametrize(
        ("quantity_e2", "text"),
        [
            (0, "0"),
            (1, "0.01"),
            (50, "0.5"),
            (100, "1"),
            (1050, "10.5"),
            (100_000, "1000"),
            (-250, "-2.5"),
        ],
    )
    def test_a_quantity_shows_no_needless_digit(self, quantity_e2, text):
        assert str(quantity_of(quantity_e2)) == text

    @pytest.mark.parametrize(
        ("money_e6", "text"),
        [
            (0, "0.00"),
            (1, "0.000001"),
            (10_000, "0.01"),
            (1_000_000, "1.00"),
            (-1_500_000, "-1.50"),
            (1_234_567_890, "1234.56789"),
            (100_000_000_000, "100000.00"),
        ],
    )
    def test_money_shows_its_cents_and_what_is_finer(self, money_e6, text):
        assert str(money_of(money_e6)) == text

    @given(amounts)
    def test_nothing_is_shown_with_an_exponent(self, units):
        shown = str(quantity_of(units)) + str(money_of(units))

        assert "E" not in shown

    @given(prices, st.integers(0, 10**12))
    def test_price_times_quantity_is_money_exactly(self, price_e4, quantity_e2):
        exactly = Fraction(price_of(price_e4)) * Fraction(quantity_of(quantity_e2))

        assert Fraction(money_of(cost_e6(price_e4, quantity_e2))) == exactly


class TestSettings:
    @pytest.mark.parametrize("name", ["price", "quantity", "money", "ratio"])
    @pytest.mark.parametrize("value", NOT_EXACT, ids=repr)
    def test_refuses_what_is_not_exact(self, name, value):
        with pytest.raises(ValidationError):
            Setting(**{name: value})

    @pytest.mark.parametrize("value", ["-0.01", "1.01", "85", 85, "0.00001", Decimal(2)])
    def test_refuses_a_price_that_is_none(self, value):
        with pytest.raises(ValidationError):
            Setting(price=value)

    @pytest.mark.parametrize("value", ["0.001", "-1", -1])
    def test_refuses_a_number_of_contracts_that_is_none(self, value):
        with pytest.raises(ValidationError):
            Setting(quantity=value)

    def test_refuses_money_finer_than_its_unit(self):
        with pytest.raises(ValidationError):
            Setting(money="0.0000001")

    def test_says_what_a_price_must_be(self):
        with pytest.raises(ValidationError, match="85"):
            Setting(price=85)

    @pytest.mark.parametrize("value", ["0.5", Decimal("0.500"), "0.50"])
    def test_a_price_is_the_interned_one(self, value):
        assert Setting(price=value).price is price_of(5000)

    @pytest.mark.parametrize("value", [0, 1, "0", "1.00"])
    def test_both_ends_are_prices(self, value):
        assert Setting(price=value).price in {Decimal(0), Decimal(1)}

    def test_a_ratio_is_any_exact_number(self):
        assert Setting(ratio="0.123456789").ratio == Decimal("0.123456789")


class TestDuration:
    @pytest.mark.parametrize(
        ("text", "seconds"),
        [
            ("30s", 30),
            ("5m", 300),
            ("2h", 7_200),
            ("1d", 86_400),
            ("1h30m", 5_400),
            ("1.5s", 1.5),
            ("50ms", 0.05),
            ("PT5M", 300),
            ("P1DT12H", 129_600),
            ("0s", 0),
        ],
    )
    def test_reads_words_and_iso_8601(self, text, seconds):
        assert to_duration(text) == timedelta(seconds=seconds)

    @pytest.mark.parametrize("value", [30, "30", "", "P", "PT", "-5s", "5x", 1.5, None, True])
    def test_refuses_what_has_no_unit(self, value):
        with pytest.raises(ValueError, match='must be a duration such as "30s"'):
            to_duration(value)

    def test_refuses_more_than_a_century(self):
        with pytest.raises(ValueError, match="century"):
            to_duration("99999999999999d")

    def test_a_span_stays_itself(self):
        assert to_duration(timedelta(hours=1)) == timedelta(hours=1)


@given(st.timedeltas(max_value=timedelta(days=36_525)))
def test_a_span_in_microseconds_is_exact(span):
    assert timedelta(microseconds=to_us(span)) == span
