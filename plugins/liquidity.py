"""Keeps strategies to markets that can be left again."""

from decimal import ROUND_CEILING, Decimal
from typing import Final

from pydantic import Field

from framework import Market, Order, Plugin, Price, Quantity, Ratio, Rejection, Snapshot, hookimpl
from framework.model.units import E4, ONE_DOLLAR_E4, complement, price_of

_SHOWN: Final = Decimal("0.0001")


class Liquidity(Plugin):
    """Admits markets with enough volume and a narrow spread, and orders that find enough depth.

    The market record tells volume and touch, so those are judged when markets are chosen. A
    ratio depends on the outcome: two cents are 2 % of a contract at 0.92 and a quarter of one at
    0.08. The record is not asked for an outcome yet, so a market is refused only when neither
    one passes, and the order's own side is judged again on the live book.

    Depth is judged per order and not per market: a record shows the best prices without their
    sizes, and what is enough depends on the order. An order that takes must find all it wants,
    and `min_depth` at the least, offered at its limit or better. A post-only order takes
    nothing; it must join bids of at least `min_depth`, which show that others want to trade at
    its price.

    What is missing is refused: an unknown volume is not zero and not enough, and an empty side
    has no spread. A bid at or above the ask is no spread either. Every limit is inclusive.

    Refuses with `volume`, `one_sided`, `crossed`, `spread`, `spread_ratio` or `depth`.
    """

    min_volume: Quantity = Field(
        default=Decimal(10_000),
        description="Least number of contracts traded since the market opened.",
    )
    max_spread: Price | None = Field(
        default=None,
        description="Widest spread in dollars, ask less bid; without it, there is no such limit.",
    )
    max_spread_ratio: Ratio | None = Field(
        default=Decimal("0.02"),
        ge=0,
        le=2,
        description="Widest spread as a fraction of the mid: (ask - bid) / mid.",
    )
    min_depth: Quantity = Field(
        default=Decimal(1),
        description="Least number of contracts to find at an order's limit or better.",
    )

    @hookimpl
    def filter_market(self, market: Market) -> Rejection | None:
        """Refuse a market that trades too little or too wide."""
        volume = market.volume
        if volume is None:
            return Rejection("volume", f"volume is unknown, at least {self.min_volume} is asked")
        if volume < self.min_volume:
            return Rejection("volume", f"volume {volume} is below {self.min_volume}")
        bid_e4, ask_e4 = market.yes_bid_e4, market.yes_ask_e4
        if bid_e4 is None or ask_e4 is None:
            return _one_sided(bid_e4, ask_e4)
        if bid_e4 + ask_e4 < ONE_DOLLAR_E4:
            # NO is the dearer outcome: the same spread, a higher mid.
            bid_e4, ask_e4 = complement(ask_e4), complement(bid_e4)
        return self._spread_objection(bid_e4, ask_e4)

    @hookimpl
    def check_risk(self, order: Order, snapshot: Snapshot) -> Rejection | None:
        """Refuse an order whose own side is too wide or too thin at its price."""
        book = snapshot.side(order.side)
        if book.bid_e4 is None or book.ask_e4 is None:
            return _one_sided(book.bid_e4, book.ask_e4)
        too_wide = self._spread_objection(book.bid_e4, book.ask_e4)
        return too_wide or self._depth_objection(order, snapshot)

    def _spread_objection(self, bid_e4: E4, ask_e4: E4) -> Rejection | None:
        bid, ask = price_of(bid_e4), price_of(ask_e4)
        spread, mid = ask - bid, (ask + bid) / 2
        if not spread > 0:
            return Rejection("crossed", f"bid {bid} is not below ask {ask}")
        if self.max_spread is not None and not spread <= self.max_spread:
            return Rejection("spread", f"spread {spread} is above {self.max_spread}")
        if self.max_spread_ratio is not None and not spread <= self.max_spread_ratio * mid:
            # Rounded up: what is just above the limit must not read as the limit.
            ratio = (spread / mid).quantize(_SHOWN, rounding=ROUND_CEILING)
            return Rejection(
                "spread_ratio",
                f"spread {spread} is {ratio} of mid {mid}, above {self.max_spread_ratio}",
            )
        return None

    def _depth_objection(self, order: Order, snapshot: Snapshot) -> Rejection | None:
        book = snapshot.side(order.side)
        if order.post_only:
            found, wanted = book.bid_size_within(order.limit), self.min_depth
            where = f"bid at {order.limit} or better"
        else:
            found, wanted = book.ask_size_within(order.limit), max(order.quantity, self.min_depth)
            where = f"offered at {order.limit} or better"
        if found >= wanted:
            return None
        return Rejection("depth", f"{found} contracts {where}, {wanted} are asked")


def _one_sided(bid_e4: E4 | None, ask_e4: E4 | None) -> Rejection:
    bid, ask = ("none" if price is None else price_of(price) for price in (bid_e4, ask_e4))
    return Rejection("one_sided", f"bid {bid}, ask {ask}: no spread without both")
