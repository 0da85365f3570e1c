"""Offers a position at a target price."""

from decimal import Decimal
from typing import Self

from pydantic import Field, model_validator

from framework import ExitSignal, Plugin, Position, Price, Snapshot, Urgency, hookimpl
from framework.model.units import E4, price_of, to_e4


class TakeProfit(Plugin):
    """Rests an order to sell a position at a profit.

    The target is a price of the held side, `gain` dollars over the entry price, or the lower of
    the two when both are set, rounded up onto the market's grid. It does not depend on the
    book: the order waits there until somebody pays, or a stop replaces it.

    A target at or below the entry price is no profit, and a target above every price of the
    grid can't be offered: then there is no signal and the position is held to settlement. Fees
    are not counted; on most series a resting order pays none.
    """

    target: Price | None = Field(
        default=Decimal("0.99"),
        gt=0,
        lt=1,
        description="Price of the held side to sell at, in dollars.",
    )
    gain: Price | None = Field(
        default=None,
        gt=0,
        description="Profit over the entry price to sell at, in dollars per contract.",
    )

    @model_validator(mode="after")
    def _has_a_target(self) -> Self:
        if self.target is None and self.gain is None:
            raise ValueError("needs target or gain")
        return self

    @hookimpl
    def signal_exit(self, position: Position, snapshot: Snapshot) -> ExitSignal | None:
        """Offer the position at the target."""
        wanted_e4 = self._target_e4(position)
        if wanted_e4 * position.quantity_e2 <= position.cost_e6:
            return None
        limit_e4 = snapshot.market.grid.at_or_above(wanted_e4, position.side)
        if limit_e4 is None:
            return None
        limit = price_of(limit_e4)
        return ExitSignal(
            limit=limit,
            reason=f"target {limit} over entry {position.entry_price}",
            urgency=Urgency.TAKE_PROFIT,
        )

    def _target_e4(self, position: Position) -> E4:
        targets = []
        if self.target is not None:
            targets.append(to_e4(self.target))
        if self.gain is not None:
            entry_e4 = -(-position.cost_e6 // position.quantity_e2)
            targets.append(entry_e4 + to_e4(self.gain))
        return min(targets)
