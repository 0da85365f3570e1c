"""Opinions and refusals: what plugins answer with."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import TypeVar

import msgspec

from framework.model.orders import Urgency
from framework.model.units import ONE_DOLLAR_E4, Side, exact, to_e2, to_e4

_Number = TypeVar("_Number", int, Decimal)


def _read(name: str, value: object, read: Callable[[object], _Number]) -> _Number:
    """Return a field's exact value; a string is no number, for nothing compares with it."""
    if not isinstance(value, Decimal):
        raise TypeError(f"{name} must be a Decimal, not {type(value).__name__} {value!r}")
    try:
        return read(value)
    except ValueError as error:
        raise ValueError(f"{name} {error}") from None


def _check_limit(limit: object) -> None:
    if not 0 < _read("limit", limit, to_e4) < ONE_DOLLAR_E4:
        raise ValueError(f"limit must be above 0 and below 1 dollar (was {limit})")


def _check_span(span: object) -> None:
    if not isinstance(span, timedelta) or span <= timedelta(0):
        raise ValueError(f"good_for must be a positive timedelta (was {span!r})")


@dataclass(frozen=True, slots=True)
class EntrySignal:
    """A wish to buy `side` at `limit` dollars or better.

    Attributes:
        side: The outcome to buy.
        limit: The worst price to pay, in dollars, on the market's grid.
        reason: Why, in words; shown wherever the order is.
        good_for: How long the entry may rest; None leaves it to the strategy's setting.
        make: Rest at the limit and never take: the order is sent post-only.
        break_even: The probability at which the trade earns nothing after fees, if known.
    """

    side: Side
    limit: Decimal
    reason: str
    good_for: timedelta | None = None
    make: bool = False
    break_even: Decimal | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.side, Side):
            raise TypeError(f"side must be a Side (was {self.side!r})")
        _check_limit(self.limit)
        if self.break_even is not None:
            _read("break_even", self.break_even, exact)
        if self.good_for is not None:
            _check_span(self.good_for)
        if not self.reason:
            raise ValueError("a signal carries its reason")


@dataclass(frozen=True, slots=True)
class ExitSignal:
    """A wish to leave a position.

    Attributes:
        limit: The lowest price to sell the held side at, in dollars.
        reason: Why, in words.
        urgency: A more urgent exit replaces the working one.
        quantity: Contracts to leave with; None is the whole position.
        immediate: Take what the book gives now and cancel the rest; False rests at the limit.
    """

    limit: Decimal
    reason: str
    urgency: Urgency
    quantity: Decimal | None = None
    immediate: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.urgency, Urgency):
            raise TypeError(f"urgency must be an Urgency (was {self.urgency!r})")
        _check_limit(self.limit)
        if self.quantity is not None and _read("quantity", self.quantity, to_e2) <= 0:
            raise ValueError(f"quantity must be positive (was {self.quantity})")
        if not self.reason:
            raise ValueError("a signal carries its reason")


class Rejection(msgspec.Struct, frozen=True, gc=False):
    """A refusal of ours before anything is sent.

    A start makes one for each of a hundred thousand markets, hence no dataclass.

    Attributes:
        code: A stable word for counting, such as `spread`.
        message: The numbers, such as "spread 0.05 is 0.1 of mid 0.50, above 0.02".
    """

    code: str
    message: str

    def __post_init__(self) -> None:
        if not self.code:
            raise ValueError("a rejection carries its code")
