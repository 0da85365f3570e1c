"""Chooses markets by how long they still trade."""

from datetime import datetime, timedelta
from typing import Self

from pydantic import Field, model_validator

from framework import Duration, Market, Plugin, Rejection, hookimpl
from framework.model.market import micros


class TimeToClose(Plugin):
    """Admits markets whose close is neither too near nor too far.

    Both limits belong to the range. The close is the exchange's present plan and can move either
    way, so the question is asked anew whenever the market changes. A market without a close is
    refused: what is unknown is not "far enough".

    Refuses with `closes_soon`, `closes_late` or `no_close`.
    """

    min_time: Duration = Field(
        default=timedelta(minutes=5),
        ge=timedelta(0),
        description="Shortest time to the close, a duration.",
    )
    max_time: Duration | None = Field(
        default=None,
        gt=timedelta(0),
        description="Longest time to the close, a duration; without it, there is no such limit.",
    )
    allow_no_close: bool = Field(
        default=False,
        description="Whether to admit markets whose close is unknown.",
    )

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        if self.max_time is not None and self.max_time < self.min_time:
            raise ValueError(f"max_time ({self.max_time}) is below min_time ({self.min_time})")
        return self

    @hookimpl
    def filter_market(self, market: Market, now: datetime) -> Rejection | None:
        """Refuse a market that closes outside the range."""
        if market.close_us is None:
            return None if self.allow_no_close else Rejection("no_close", "no close is known")
        left = timedelta(microseconds=market.close_us - micros(now))
        if left < self.min_time:
            return Rejection("closes_soon", f"closes in {left}, at least {self.min_time} is asked")
        if self.max_time is not None and left > self.max_time:
            return Rejection("closes_late", f"closes in {left}, at most {self.max_time} is asked")
        return None
