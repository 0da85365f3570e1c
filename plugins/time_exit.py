"""Leaves a position because of the time."""

from datetime import timedelta
from decimal import Decimal
from typing import Self

from pydantic import Field, model_validator

from framework import Duration, ExitSignal, Plugin, Position, Price, Snapshot, Urgency, hookimpl
from framework.model.market import PriceGrid
from framework.model.units import E4, ONE_DOLLAR_E4, price_of, to_e4


class TimeExit(Plugin):
    """Sells a position shortly before its market closes, or once it was held for long enough.

    From `before_close` before the close on, or `after` the position was opened, whichever comes
    first, the position is for sale until it is gone. The close is the exchange's present plan;
    when it moves, so does the exit. A market without a known close has no time before it.

    An immediate exit takes what the book gives at the bid less `slippage` and cancels the rest,
    again and again, lower each time the bid is. A resting one joins the best ask and follows it,
    or, when nobody asks, offers at the lowest price above the bid; it is cheaper, and what
    nobody buys is held to settlement.

    Without a bid, or on a book that is not valid, there is no signal: the price is unknown.
    It sells no second time, but a strategy may buy again; `time_to_close` and `cooldown` are
    what keeps it from that.
    """

    before_close: Duration | None = Field(
        default=timedelta(minutes=2),
        gt=timedelta(0),
        description="How long before the close to leave, a duration.",
    )
    after: Duration | None = Field(
        default=None,
        gt=timedelta(0),
        description="How long a position is held at most, a duration.",
    )
    immediate: bool = Field(
        default=True,
        description="Whether to take the bid at once; false rests at the ask.",
    )
    slippage: Price = Field(
        default=Decimal("0.02"),
        description="How far below the live bid an immediate exit may sell, in dollars.",
    )

    @model_validator(mode="after")
    def _has_a_time(self) -> Self:
        if self.before_close is None and self.after is None:
            raise ValueError("needs before_close or after")
        return self

    @hookimpl
    def signal_exit(self, position: Position, snapshot: Snapshot) -> ExitSignal | None:
        """Sell a position whose time has come."""
        cause = self._cause(position, snapshot)
        book = snapshot.side(position.side)
        bid_e4 = book.bid_e4
        if cause is None or bid_e4 is None or not snapshot.book_is_valid:
            return None
        grid = snapshot.market.grid
        if self.immediate:
            limit_e4 = self._below(bid_e4, position, grid)
        else:
            limit_e4 = book.ask_e4 or grid.at_or_above(bid_e4 + 1, position.side)
        if limit_e4 is None or not 0 < limit_e4 < ONE_DOLLAR_E4:
            return None
        return ExitSignal(
            limit=price_of(limit_e4),
            reason=f"{cause}, bid {price_of(bid_e4)}, entry {position.entry_price}",
            urgency=Urgency.TIME,
            immediate=self.immediate,
        )

    def _cause(self, position: Position, snapshot: Snapshot) -> str | None:
        left = snapshot.time_to_close
        if self.before_close is not None and left <= self.before_close:
            return f"closes in {left}, to be left {self.before_close} before"
        held = timedelta(microseconds=snapshot.at_us - position.opened_us)
        if self.after is not None and held >= self.after:
            return f"held for {held}, at most {self.after}"
        return None

    def _below(self, bid_e4: E4, position: Position, grid: PriceGrid) -> E4 | None:
        """Return the price to sell at, or None when the grid has none as low as the bid."""
        limit = grid.to_sell_at(bid_e4 - to_e4(self.slippage), position.side)
        return limit if limit is not None and limit <= bid_e4 else None
