"""Leaves a position whose price has fallen."""

from decimal import Decimal
from typing import Self

from pydantic import Field, model_validator

from framework import ExitSignal, Plugin, Position, Price, Ratio, Snapshot, Urgency, hookimpl
from framework.model.market import PriceGrid
from framework.model.units import E4, price_of, to_e4


class StopLoss(Plugin):
    """Sells a position once its bid has fallen far enough below the entry price.

    When to sell and at what price are separate settings. The bid of the held side triggers: at
    `trigger` times the entry price, or `trigger_drop` dollars below it, or lower. The limit is
    the lower of `price_fraction` times the entry price and the live bid less `slippage`, rounded
    down onto the market's grid. A limit priced from the entry alone would rest above a market
    that has gapped, and never fill.

    The order takes what the book gives at once and cancels the rest. The answer depends on
    nothing but the position and the book, so it is repeated until the position is gone, lower
    each time the bid is; a bid that recovers above the trigger ends it.

    Without a bid, or on a book that is not valid, there is no signal. A missing price is not a
    low price, nobody is there to sell to, and the first bid to return is judged at once.
    """

    trigger: Ratio | None = Field(
        default=Decimal("0.95"),
        gt=0,
        lt=1,
        description="Fraction of the entry price at or below which the bid triggers.",
    )
    trigger_drop: Price | None = Field(
        default=None,
        gt=0,
        description="Fall of the bid below the entry price that triggers too, in dollars.",
    )
    price_fraction: Ratio = Field(
        default=Decimal("0.95"),
        gt=0,
        le=1,
        description="Highest limit, as a fraction of the entry price.",
    )
    slippage: Price = Field(
        default=Decimal("0.02"),
        description="How far below the live bid to sell, in dollars.",
    )

    @model_validator(mode="after")
    def _has_a_trigger(self) -> Self:
        if self.trigger is None and self.trigger_drop is None:
            raise ValueError("needs trigger or trigger_drop")
        return self

    @hookimpl
    def signal_exit(self, position: Position, snapshot: Snapshot) -> ExitSignal | None:
        """Sell a position whose bid is at or below a trigger."""
        bid_e4 = snapshot.side(position.side).bid_e4
        if bid_e4 is None or not snapshot.book_is_valid:
            return None
        cause = self._cause(position, bid_e4)
        if cause is None:
            return None
        limit_e4 = self._limit_e4(position, bid_e4, snapshot.market.grid)
        if limit_e4 is None:
            return None
        return ExitSignal(
            limit=price_of(limit_e4),
            reason=f"bid {price_of(bid_e4)} is {cause} entry {position.entry_price}",
            urgency=Urgency.STOP,
            immediate=True,
        )

    def _cause(self, position: Position, bid_e4: E4) -> str | None:
        # Money instead of prices: the average entry price need not be a whole number of units.
        value_e6 = bid_e4 * position.quantity_e2
        if self.trigger is not None and value_e6 <= self.trigger * position.cost_e6:
            return f"at or below {self.trigger} of"
        if self.trigger_drop is not None:
            drop_e6 = to_e4(self.trigger_drop) * position.quantity_e2
            if value_e6 + drop_e6 <= position.cost_e6:
                return f"{self.trigger_drop} or more below"
        return None

    def _limit_e4(self, position: Position, bid_e4: E4, grid: PriceGrid) -> E4 | None:
        """Return the price to sell at, or None when the grid has none as low as the bid."""
        from_entry = int(self.price_fraction * position.cost_e6) // position.quantity_e2
        wanted = min(from_entry, bid_e4 - to_e4(self.slippage))
        limit = grid.to_sell_at(wanted, position.side)
        return limit if limit is not None and limit <= bid_e4 else None
