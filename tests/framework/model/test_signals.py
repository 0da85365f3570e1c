from datetime import timedelta
from decimal import Decimal

import pytest

from framework.model.orders import Urgency
from framework.model.signals import EntrySignal, ExitSignal, Rejection
from framework.model.units import Side

NOT_A_PRICE = [
    0.5,
    1.0,
    float("nan"),
    True,
    Decimal("NaN"),
    Decimal("Infinity"),
    Decimal("0.00001"),
    Decimal("-0.01"),
    Decimal("1.01"),
    Decimal(85),
    "0.5",
    None,
]


class TestEntry:
    @pytest.mark.parametrize("limit", NOT_A_PRICE, ids=repr)
    def test_refuses_a_limit_that_is_no_price(self, limit):
        with pytest.raises((TypeError, ValueError), match="limit"):
            EntrySignal(Side.YES, limit=limit, reason="r")

    @pytest.mark.parametrize("chance", [0.9, True, "0.9", Decimal("NaN")], ids=repr)
    def test_refuses_a_break_even_that_is_not_exact(self, chance):
        with pytest.raises((TypeError, ValueError), match="break_even"):
            EntrySignal(Side.YES, limit=Decimal("0.5"), reason="r", break_even=chance)

    @pytest.mark.parametrize("chance", ["0.8571428571428", "1.0007"])
    def test_a_break_even_may_be_finer_than_a_price_or_out_of_reach(self, chance):
        signal = EntrySignal(Side.YES, Decimal("0.85"), "r", break_even=Decimal(chance))

        assert signal.break_even == Decimal(chance)

    @pytest.mark.parametrize("side", ["yes", "long", None, 1])
    def test_refuses_what_is_no_side(self, side):
        with pytest.raises((TypeError, ValueError), match="side"):
            EntrySignal(side, limit=Decimal("0.5"), reason="r")

    @pytest.mark.parametrize("good_for", [timedelta(0), timedelta(seconds=-1), 30])
    def test_refuses_a_lifetime_that_is_none(self, good_for):
        with pytest.raises((TypeError, ValueError), match="good_for"):
            EntrySignal(Side.YES, Decimal("0.5"), "r", good_for=good_for)

    def test_refuses_to_be_without_a_reason(self):
        with pytest.raises(ValueError, match="reason"):
            EntrySignal(Side.YES, Decimal("0.5"), "")

    def test_keeps_what_it_was_given(self):
        signal = EntrySignal(Side.NO, limit=Decimal("0.07"), reason="cheap")

        assert (signal.side, signal.limit, signal.reason) == (Side.NO, Decimal("0.07"), "cheap")
        assert (signal.good_for, signal.make, signal.break_even) == (None, False, None)

    def test_it_can_not_be_changed(self):
        signal = EntrySignal(Side.NO, limit=Decimal("0.07"), reason="cheap")
        with pytest.raises(AttributeError):
            signal.limit = Decimal("0.5")


class TestExit:
    @pytest.mark.parametrize("limit", NOT_A_PRICE, ids=repr)
    def test_refuses_a_limit_that_is_no_price(self, limit):
        with pytest.raises((TypeError, ValueError), match="limit"):
            ExitSignal(limit=limit, reason="r", urgency=Urgency.STOP)

    @pytest.mark.parametrize(
        "quantity",
        [1.0, 0.5, True, Decimal("NaN"), Decimal("0.001"), Decimal(0), Decimal(-1), "1"],
        ids=repr,
    )
    def test_refuses_a_quantity_that_is_none(self, quantity):
        with pytest.raises((TypeError, ValueError), match="quantity"):
            ExitSignal(Decimal("0.5"), "r", Urgency.STOP, quantity=quantity)

    def test_no_quantity_is_the_whole_position(self):
        assert ExitSignal(Decimal("0.5"), "r", Urgency.TIME).quantity is None

    def test_refuses_to_be_without_a_reason(self):
        with pytest.raises(ValueError, match="reason"):
            ExitSignal(Decimal("0.5"), "", Urgency.STOP)

    def test_refuses_what_is_no_urgency(self):
        with pytest.raises((TypeError, ValueError), match="urgency"):
            ExitSignal(Decimal("0.5"), "r", "very")


class TestRejection:
    @pytest.mark.parametrize("code", ["", None])
    def test_refuses_a_code_nobody_can_count(self, code):
        with pytest.raises((TypeError, ValueError), match="code"):
            Rejection(code, "message")

    def test_keeps_its_numbers(self):
        assert Rejection("spread", "0.05 is above 0.02").message == "0.05 is above 0.02"
