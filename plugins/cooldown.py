"""Refuses to come back too soon, or too often."""

from collections.abc import Iterator
from datetime import timedelta
from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

from framework import Duration, Order, Plugin, PortfolioView, Rejection, Snapshot, hookimpl
from framework.model.units import Micros, Ticker


class Scope(StrEnum):
    """Where an exit counts."""

    MARKET = "market"
    EVENT = "event"
    """The market and all others of its event."""


class Cooldown(Plugin):
    """Refuses an entry where a position was left a short while ago, or was opened too often.

    A position is left by selling any part of it or by settlement. A loss is a position that
    brought less than nothing from its first fill to its end, fees included. Spans are measured
    from the fill or settlement that ended it, so a restart forgets nothing: recovery reads them
    from the ledger. The end of a span is free again.

    Limits on entries count positions opened, not fills, per market and UTC day.

    Refuses with `after_loss`, `after_exit` or `entries_of_day`; the first that applies.
    """

    after_exit: Duration | None = Field(
        default=timedelta(minutes=10),
        gt=timedelta(0),
        description="How long nothing is bought where a position was left, a duration.",
    )
    after_loss: Duration | None = Field(
        default=None,
        gt=timedelta(0),
        description="How long nothing is bought where a position ended with a loss, a duration.",
    )
    scope: Scope = Field(
        default=Scope.MARKET,
        description="Where that was: in this market, or anywhere in its event.",
    )
    max_entries_per_day: int | None = Field(
        default=None,
        ge=1,
        description="Most positions opened in one market per UTC day; without it, no such limit.",
    )

    @model_validator(mode="after")
    def _limits_something(self) -> Self:
        if self.after_exit is None and self.after_loss is None and self.max_entries_per_day is None:
            raise ValueError("needs after_exit, after_loss or max_entries_per_day")
        return self

    @hookimpl
    def check_risk(
        self, order: Order, snapshot: Snapshot, portfolio: PortfolioView
    ) -> Rejection | None:
        """Refuse an entry that comes too soon or once too often."""
        places = list(self._places(snapshot))
        losses = [(portfolio.activity(place).last_loss_us, place) for place in places]
        exits = [(portfolio.activity(place).last_exit_us, place) for place in places]
        return (
            _too_soon("after_loss", "lost", losses, self.after_loss, portfolio.at_us)
            or _too_soon("after_exit", "left", exits, self.after_exit, portfolio.at_us)
            or self._too_often(order.ticker, portfolio)
        )

    def _places(self, snapshot: Snapshot) -> Iterator[Ticker]:
        yield snapshot.ticker
        if self.scope is Scope.EVENT:
            yield from snapshot.siblings

    def _too_often(self, ticker: Ticker, portfolio: PortfolioView) -> Rejection | None:
        most, opened = self.max_entries_per_day, portfolio.entries_today(ticker)
        if most is None or opened < most:
            return None
        return Rejection("entries_of_day", f"{opened} entries today, {most} are allowed")


def _too_soon(
    code: str,
    word: str,
    ends: list[tuple[Micros | None, Ticker]],
    span: timedelta | None,
    now_us: Micros,
) -> Rejection | None:
    """Return the refusal for the newest of these ends, if it is nearer than the span."""
    known = [(at_us, place) for at_us, place in ends if at_us is not None]
    if span is None or not known:
        return None
    at_us, place = max(known)
    since = timedelta(microseconds=now_us - at_us)
    if since >= span:
        return None
    return Rejection(code, f"{place} was {word} {since} ago, {span} must pass")
