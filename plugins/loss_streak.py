"""Pauses after too many losses in a row."""

from collections.abc import Iterator
from datetime import timedelta
from enum import StrEnum

from pydantic import Field

from framework import Duration, Order, Plugin, PortfolioView, Rejection, hookimpl
from framework.model.market import moment
from framework.model.portfolio import DAY_US, ClosedPosition
from framework.model.units import Micros, money_of, to_us


class Whose(StrEnum):
    """Whose losses count."""

    STRATEGY = "strategy"
    ACCOUNT = "account"


class LossStreak(Plugin):
    """Refuses entries for a while once so many positions in a row have ended with a loss.

    A loss is a position that brought less than nothing from its first fill to its end, fees
    included; one that brought nothing or more ends the streak. Positions count in the order in
    which they ended. Those still open do not count: `risk_limits` has the limit on what the day
    has lost with them.

    The pause begins with the last loss and lasts for `pause`, or to the next midnight UTC. A
    streak goes on after its pause: the next loss begins another one, the next gain ends it.
    Recovery reads the ends from the ledger, so a restart forgets nothing.

    Refuses with `loss_streak`.
    """

    losses: int = Field(
        default=3,
        ge=1,
        le=100,
        description="How many losing positions in a row begin a pause.",
    )
    pause: Duration | None = Field(
        default=None,
        gt=timedelta(0),
        description="How long nothing is bought then, a duration; without it, until the next "
        "UTC day.",
    )
    counts: Whose = Field(
        default=Whose.STRATEGY,
        description="Whose losses count: the strategy's own, or the account's.",
    )

    @hookimpl
    def check_risk(self, order: Order, portfolio: PortfolioView) -> Rejection | None:
        """Refuse an entry during the pause after a streak."""
        streak = list(self._streak(order.strategy, portfolio.closed))
        if len(streak) < self.losses:
            return None
        until_us = self._until_us(streak[0].closed_us)
        if portfolio.at_us >= until_us:
            return None
        lost = money_of(-sum(one.pnl_e6 for one in streak))
        return Rejection(
            "loss_streak",
            f"{len(streak)} losses in a row, {lost} dollars together, {self.losses} are the "
            f"limit: nothing before {moment(until_us):%Y-%m-%d %H:%M:%S} UTC",
        )

    def _streak(
        self, strategy: str, closed: tuple[ClosedPosition, ...]
    ) -> Iterator[ClosedPosition]:
        """Yield the losses since the last position that was none, the latest first."""
        for one in reversed(closed):
            if self.counts is Whose.STRATEGY and one.strategy != strategy:
                continue
            if one.pnl_e6 >= 0:
                return
            yield one

    def _until_us(self, lost_us: Micros) -> Micros:
        if self.pause is None:
            return (lost_us // DAY_US + 1) * DAY_US
        return lost_us + to_us(self.pause)
