"""What the exchange charges for a trade: the quadratic model in today's rounding.

Kalshi's fee page (September 2026): the model fee `M r C P (1 - P)` is rounded up to $0.000001;
the change of the balance is floored to the account's precision; what that takes too much is kept
in an accumulator of the order and given back in whole units of the precision. So an order's fee
depends on its earlier fills, and `OrderFees` carries them.
These are estimates: the fee on a fill of the exchange is the truth. This module knows no order.
"""

from decimal import Decimal
from functools import lru_cache
from typing import Final, NamedTuple

from framework.model.fees import FeeTerms
from framework.model.units import E2, E4, E6, ONE_DOLLAR_E4, price_of, to_e2, to_e4

DIRECT_E6: Final = 100
"""A direct member's balance moves in steps of $0.0001."""
NON_DIRECT_E6: Final = 10_000
"""A balance held through a broker moves in steps of $0.01."""

TAKER_RATE_E4: Final = 700
MAKER_RATES_E4: Final[dict[str, int]] = {
    "quadratic": 0,
    "quadratic_with_maker_fees": 175,
    "quadratic_with_combo_maker_fees": 350,
}
"""Maker rates by fee type; the taker rate is the same for all.

`flat` has a table that the API does not publish, and no series used it in September 2026; a type
that is not here, `flat` among them, is charged the taker rate on both sides: no published rate is
higher. Wrong predictions for it show as alarms of `framework.fee_check`, never as a refusal.
"""


def _rate_e4(fee_type: str, *, is_taker: bool) -> int:
    return TAKER_RATE_E4 if is_taker else MAKER_RATES_E4.get(fee_type, TAKER_RATE_E4)


@lru_cache(maxsize=256)
def _ratio(multiplier: Decimal) -> tuple[int, int]:
    return multiplier.as_integer_ratio()


def trade_fee_e6(
    price_e4: E4,
    quantity_e2: E2,
    fee_type: str = "quadratic",
    multiplier: Decimal = Decimal(1),
    *,
    is_taker: bool = True,
) -> E6:
    """Return the model fee of one fill, rounded up to $0.000001; the side does not matter."""
    over, under = _ratio(multiplier)
    variance = price_e4 * (ONE_DOLLAR_E4 - price_e4)
    rate = _rate_e4(fee_type, is_taker=is_taker)
    return -(-over * rate * quantity_e2 * variance // (under * 100_000_000))


class Charge(NamedTuple):
    """The fee of one fill in its parts."""

    trade_fee_e6: E6
    rounding_e6: E6
    rebate_e6: E6

    @property
    def net_e6(self) -> E6:
        """What the fill pays."""
        return self.trade_fee_e6 + self.rounding_e6 - self.rebate_e6


class OrderFees:
    """The fees of one order, with the accumulator its maker and taker fills share."""

    __slots__ = ("_fee_type", "_multiplier", "_precision_e6", "carry_e6")

    def __init__(
        self,
        fee_type: str = "quadratic",
        multiplier: Decimal = Decimal(1),
        precision_e6: E6 = DIRECT_E6,
    ) -> None:
        self._fee_type = fee_type
        self._multiplier = multiplier
        self._precision_e6 = precision_e6
        self.carry_e6: E6 = 0
        """What rounding took too much so far and has not given back."""

    def charge(
        self, price_e4: E4, quantity_e2: E2, *, is_taker: bool, terms: FeeTerms | None = None
    ) -> Charge:
        """Return the fee of the order's next fill and remember what it over-rounded.

        Terms given here are those of this fill, where they have changed since the order came.
        The rebate is capped in whole units, so that the balance stays on its precision and the
        fill's net fee never falls below zero.
        """
        unit = self._precision_e6
        fee_type, multiplier = self._fee_type, self._multiplier
        if terms is not None:
            fee_type, multiplier = terms.fee_type, terms.multiplier
        fee = trade_fee_e6(price_e4, quantity_e2, fee_type, multiplier, is_taker=is_taker)
        # Floored towards minus infinity. Whether the fill opens or closes does not matter: the
        # dollar that a pair frees is always a whole number of precision units.
        rounding = -(price_e4 * quantity_e2 + fee) % unit
        held = self.carry_e6 + rounding
        rebate = min(held // unit, (fee + rounding) // unit) * unit
        self.carry_e6 = held - rebate
        return Charge(fee, rounding, rebate)


@lru_cache(maxsize=4_096)
def worst_outlay_e6(
    limit_e4: E4,
    quantity_e2: E2,
    fee_type: str = "quadratic",
    multiplier: Decimal = Decimal(1),
    step_e6: E6 = DIRECT_E6,
) -> E6:
    """Return the most cash a buy can take, its fees included, however it is split into fills.

    A better price saves more than its higher fee costs, as long as multiplier times rate is below
    one; else the fee counts where a contract's is highest, at one half.
    Two bounds hold, and the lower one counts. A fill whose rebate is withheld pays less than one
    step of the balance in fees, and any other ends with less than one in the accumulator. And no
    fill takes more than cost and fee rounded up to a step, which is dearest for the smallest
    fills: behind a broker each 0.01 contract may take a cent.

    Args:
        limit_e4: The highest price that may be paid.
        quantity_e2: Hundredths of a contract; no fill is smaller than one.
        fee_type: The series' fee type.
        multiplier: The series' fee multiplier.
        step_e6: What the account's balance is rounded to at each fill.
    """
    if not quantity_e2:
        return 0
    over, under = _ratio(multiplier)
    monotone = over * TAKER_RATE_E4 <= under * ONE_DOLLAR_E4
    at_e4 = limit_e4 if monotone else min(limit_e4, ONE_DOLLAR_E4 // 2)
    model = trade_fee_e6(at_e4, quantity_e2, fee_type, multiplier)
    smallest = limit_e4 + trade_fee_e6(at_e4, 1, fee_type, multiplier)
    # Each of at most `quantity_e2` fills rounds its trade fee up by less than $0.000001.
    rebated = limit_e4 * quantity_e2 + max(model + quantity_e2, step_e6 * quantity_e2) + step_e6
    return min(rebated, -(-smallest // step_e6) * step_e6 * quantity_e2)


def break_even(
    price: Decimal,
    quantity: Decimal,
    fee_type: str = "quadratic",
    multiplier: Decimal = Decimal(1),
    *,
    is_taker: bool = True,
    step_e6: E6 = DIRECT_E6,
) -> Decimal:
    """Return the probability at which a buy held to settlement earns nothing.

    Args:
        price: The price of the side bought, in dollars.
        quantity: Contracts, filled at once.
        fee_type: The series' fee type.
        multiplier: The series' fee multiplier.
        is_taker: Whether the buy takes what is offered, or rested and was taken.
        step_e6: What the account's balance is rounded to at each fill.

    Returns:
        Cost plus fee per contract, rounded up to 1/10,000; above 1 it can never earn.

    Raises:
        ValueError: price or quantity is not exact, or the quantity is not positive.
    """
    price_e4, quantity_e2 = to_e4(price), to_e2(quantity)
    if quantity_e2 <= 0:
        raise ValueError(f"quantity must be positive (was {quantity})")
    fees = OrderFees(fee_type, multiplier, step_e6)
    charge = fees.charge(price_e4, quantity_e2, is_taker=is_taker)
    return price_of(-(-(price_e4 * quantity_e2 + charge.net_e6) // quantity_e2))
