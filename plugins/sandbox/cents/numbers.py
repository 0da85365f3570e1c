"""How the cents dialect writes prices, counts and money.

The core is finer than this dialect: a bid is rounded down to the cent, so nothing looks better
than it is, a count down to the whole contract, and fees up to the cent.
"""

from collections.abc import Iterable
from typing import Final

from framework.model.book import OrderBook
from framework.model.market import Market
from framework.model.units import E2, E4, E6, ONE_CONTRACT_E2, Side

CENT_E4: Final = 100
_CENT_E6: Final = 10_000
_DOLLAR: Final = 100
"""In cents."""

Ladder = list[tuple[int, int]]
"""Prices in cents with whole contracts."""


def is_served(market: Market) -> bool:
    """Return whether a market exists in this dialect: its grid has whole cents only."""
    return not any(part.start_e4 % CENT_E4 or part.step_e4 % CENT_E4 for part in market.grid.ranges)


def price_cents(price_e4: E4) -> int:
    """Return a price in cents."""
    return price_e4 // CENT_E4


def quoted_cents(price_e4: E4 | None, *, empty: E4 = 0) -> int:
    """Return a quote; an empty side is 0, or what its complement makes of it."""
    return price_cents(empty if price_e4 is None else price_e4)


def asked_cents(bid_e4: E4 | None) -> int:
    """Return the ask that the other side's bid makes; 100 where nobody bids."""
    return _DOLLAR - quoted_cents(bid_e4)


def contracts(quantity_e2: E2) -> int:
    """Return a signed count of whole contracts, towards zero."""
    whole = abs(quantity_e2) // ONE_CONTRACT_E2
    return -whole if quantity_e2 < 0 else whole


def fee_cents(fee_e6: E6) -> int:
    """Return a fee in cents, rounded up."""
    return -(-fee_e6 // _CENT_E6)


def ladder_of(book: OrderBook, side: Side) -> Ladder:
    """Return the bids of a side from the lowest price; what rounds to nothing is left out."""
    return rounded(book.bids(side))


def rounded(levels: Iterable[tuple[E4, E2]]) -> Ladder:
    """Return levels in whole cents and contracts, from the lowest price."""
    sizes: dict[int, E2] = {}
    for price_e4, size_e2 in levels:
        cents = price_e4 // CENT_E4
        sizes[cents] = sizes.get(cents, 0) + size_e2
    return [
        (cents, size_e2 // ONE_CONTRACT_E2)
        for cents, size_e2 in sorted(sizes.items())
        if 0 < cents < _DOLLAR and size_e2 >= ONE_CONTRACT_E2
    ]
