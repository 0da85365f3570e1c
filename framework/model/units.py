"""Exact prices, quantities and money.

Inside, a price is an integer of 1/10,000 dollar (`_e4`), a quantity an integer of 1/100
contract (`_e2`), money an integer of 1/1,000,000 dollar (`_e6`), so that price times quantity
is money without rounding.
Outside (snapshots, signals, settings, reports) the same values are `Decimal` dollars and
contracts. A float is refused everywhere: `0.1 + 0.2` is not a price.

This module knows no market: whether a price stands on a grid is `framework.model.market`'s.
"""

import re
from datetime import timedelta
from decimal import Context, Decimal, DecimalException, Inexact, InvalidOperation, Overflow
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, Any, Final, TypeAlias

from pydantic import BeforeValidator

E2: TypeAlias = int
E4: TypeAlias = int
E6: TypeAlias = int
Micros: TypeAlias = int
"""Microseconds since 1970-01-01 UTC, or of a span; fields that hold one end in `_us`."""
Ticker: TypeAlias = str

ONE_DOLLAR_E4: Final = 10_000
ONE_CONTRACT_E2: Final = 100
ONE_DOLLAR_E6: Final = 1_000_000


_MICROSECOND: Final = timedelta(microseconds=1)
_EXACT: Final = Context(prec=64, traps=[Inexact, InvalidOperation, Overflow])
"""Refuses to round, and is ours alone: a plugin may have changed the one of its thread."""
_DIGITS: Final = 18
"""A whole number of units has at most so many digits, and fits 64 bits."""


class Side(StrEnum):
    """The outcome a contract pays on."""

    YES = "yes"
    NO = "no"

    @property
    def opposite(self) -> "Side":
        """The other outcome."""
        return Side.NO if self is Side.YES else Side.YES


def complement(price_e4: E4) -> E4:
    """Return the price of the other outcome: a YES and a NO together pay one dollar."""
    return ONE_DOLLAR_E4 - price_e4


def exact(value: object) -> Decimal:
    """Return a finite Decimal of an int, a Decimal or a decimal string.

    Raises:
        ValueError: `value` is a float, a bool, not a number, or not finite.
    """
    if type(value) is Decimal and value.is_finite():
        return value
    if isinstance(value, bool | float) or not isinstance(value, int | str | Decimal):
        raise ValueError(f"must be an exact decimal, not {type(value).__name__} {value!r}")  # noqa: TRY004 - pydantic reports ValueError as a setting's fault
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise ValueError(f"must be a decimal number (was {value!r})") from None
    if not number.is_finite():
        raise ValueError(f"must be finite (was {value!r})")
    return number


@lru_cache(maxsize=65_536)
def _scaled(number: Decimal, digits: int, unit: str) -> int:
    try:
        scaled = _EXACT.to_integral_exact(_EXACT.scaleb(number, digits))
    except DecimalException:
        raise ValueError(f"must be a multiple of {unit} (was {number})") from None
    if scaled.adjusted() >= _DIGITS:
        raise ValueError(f"is too large (was {number})")
    return int(scaled)


def to_e4(price: object) -> E4:
    """Return a price in 1/10,000 dollar.

    Raises:
        ValueError: `price` is not exact, or finer than 1/10,000 dollar.
    """
    return _scaled(exact(price), 4, "0.0001 dollar")


def to_e2(quantity: object) -> E2:
    """Return a quantity in 1/100 contract.

    Raises:
        ValueError: `quantity` is not exact, or finer than 1/100 contract.
    """
    return _scaled(exact(quantity), 2, "0.01 contract")


def to_e6(money: object) -> E6:
    """Return an amount of money in 1/1,000,000 dollar.

    Raises:
        ValueError: `money` is not exact, or finer than 1/1,000,000 dollar.
    """
    return _scaled(exact(money), 6, "0.000001 dollar")


def _shown(units: int, digits: int, at_least: int) -> Decimal:
    while digits > at_least and units % 10 == 0:
        units, digits = units // 10, digits - 1
    return _EXACT.scaleb(Decimal(units), -digits)


PRICES: Final = tuple(_shown(e4, 4, 2) for e4 in range(ONE_DOLLAR_E4 + 1))
"""Each price in dollars, by itself in 1/10,000 dollar."""


def price_of(price_e4: E4) -> Decimal:
    """Return a price in dollars; the 10,001 possible values are interned."""
    if 0 <= price_e4 <= ONE_DOLLAR_E4:
        return PRICES[price_e4]
    return _shown(price_e4, 4, 2)


@lru_cache(maxsize=65_536)
def quantity_of(quantity_e2: E2) -> Decimal:
    """Return a quantity in contracts."""
    if quantity_e2 % ONE_CONTRACT_E2 == 0:
        return Decimal(quantity_e2 // ONE_CONTRACT_E2)
    return _shown(quantity_e2, 2, 0)


@lru_cache(maxsize=65_536)
def money_of(money_e6: E6) -> Decimal:
    """Return money in dollars, with at least the cents."""
    return _shown(money_e6, 6, 2)


def cost_e6(price_e4: E4, quantity_e2: E2) -> E6:
    """Return what `quantity` contracts cost at `price`, exactly."""
    return price_e4 * quantity_e2


def _valid_price(value: Any) -> Decimal:
    price = price_of(to_e4(value))
    if price > 1:
        raise ValueError(f"must be at most 1 (was {value})")
    if price < 0:
        raise ValueError(f"must be at least 0 (was {value})")
    return price


def _valid_quantity(value: Any) -> Decimal:
    quantity = quantity_of(to_e2(value))
    if quantity < 0:
        raise ValueError(f"must not be negative (was {value})")
    return quantity


def _valid_money(value: Any) -> Decimal:
    return money_of(to_e6(value))


def _valid_ratio(value: Any) -> Decimal:
    return exact(value)


_SPAN: Final = re.compile(
    r"P?(?:(?P<d>\d+)d)?T?(?:(?P<h>\d+)h)?(?:(?P<m>\d+)m)?(?:(?P<s>\d+(?:\.\d{1,6})?)s)?"
    r"(?:(?P<ms>\d+)ms)?",
    re.IGNORECASE | re.ASCII,
)
_UNITS_US: Final = {"d": 86_400_000_000, "h": 3_600_000_000, "m": 60_000_000, "s": 1_000_000}


def to_duration(value: object) -> timedelta:
    """Return a span of time, exact to the microsecond.

    Written `30s`, `5m`, `1h30m`, `1d` or `50ms`, or in ISO 8601 (`PT5M`, `P1DT12H`). A bare
    number is refused, because nobody can tell its unit.

    Raises:
        ValueError: `value` is not a span, or longer than a century.
    """
    if isinstance(value, timedelta):
        return value
    found = _SPAN.fullmatch(value.replace(" ", "")) if isinstance(value, str) else None
    parts = {unit: text for unit, text in found.groupdict().items() if text} if found else {}
    if not parts:
        raise ValueError(f'must be a duration such as "30s", "5m", "2h" or "1d" (was {value!r})')
    micros = sum(Decimal(text) * _UNITS_US.get(unit, 1_000) for unit, text in parts.items())
    if micros > 36_525 * _UNITS_US["d"]:
        raise ValueError(f"must be at most a century (was {value!r})")
    return timedelta(microseconds=int(micros))


def to_us(span: timedelta) -> Micros:
    """Return a span of time in microseconds, exactly."""
    return span // _MICROSECOND


Price = Annotated[Decimal, BeforeValidator(_valid_price)]
"""A price in dollars between 0 and 1, exact to 1/10,000; as a setting it refuses floats."""
Quantity = Annotated[Decimal, BeforeValidator(_valid_quantity)]
"""A number of contracts, exact to 1/100; as a setting it refuses floats."""
Money = Annotated[Decimal, BeforeValidator(_valid_money)]
"""An amount in dollars, exact to 1/1,000,000; as a setting it refuses floats."""
Ratio = Annotated[Decimal, BeforeValidator(_valid_ratio)]
"""A plain exact number, such as a spread over a mid; as a setting it refuses floats."""
Duration = Annotated[timedelta, BeforeValidator(to_duration)]
"""A span of time, written `30s`, `5m`, `2h`, `1d` or in ISO 8601; a bare number is refused."""
