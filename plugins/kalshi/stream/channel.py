"""One channel of a connection: what is confirmed of it, and what still owes an answer."""

from collections.abc import Container
from typing import Final

from framework.model.units import Micros, Ticker

ANSWER_WITHIN_US: Final[Micros] = 10_000_000
MOST_UNANSWERED: Final = 3
"""Commands of a channel without any answer, after which the connection is given up."""


class Channel:
    """One channel of this connection."""

    __slots__ = (
        "adds",
        "asked",
        "asked_us",
        "closing",
        "confirmed",
        "name",
        "requested",
        "retry_us",
        "sid",
        "unanswered",
    )

    def __init__(self, name: str) -> None:
        self.name = name
        self.sid: int | None = None
        self.confirmed: dict[Ticker, None] = {}
        self.asked: int | None = None
        """The id of the command that has not been answered yet."""
        self.asked_us: Micros = 0
        self.requested: tuple[Ticker, ...] = ()
        self.adds = True
        """Whether that command adds the requested markets, or takes them away."""
        self.closing = False
        """Whether it is being left: nothing it says counts, even if it is wanted again."""
        self.retry_us: Micros = 0
        self.unanswered = 0
        """Commands since the last answer."""

    def is_unheard(self, now_us: Micros) -> bool:
        """Return whether the exchange had time for many commands and answered none of them."""
        is_late = self.asked is not None and now_us >= self.asked_us + ANSWER_WITHIN_US
        return is_late and self.unanswered >= MOST_UNANSWERED

    def may_ask(self, now_us: Micros) -> bool:
        """Return whether a command may be sent: none is under way, none was just refused."""
        waiting = self.asked is not None and now_us < self.asked_us + ANSWER_WITHIN_US
        return not waiting and now_us >= self.retry_us

    def ask(
        self, command: int, now_us: Micros, tickers: tuple[Ticker, ...] = (), *, adds: bool = True
    ) -> None:
        """Remember a command that was sent."""
        self.asked, self.asked_us = command, now_us
        self.unanswered += 1
        self.requested, self.adds = tickers, adds

    def is_leaving(self, ticker: Ticker) -> bool:
        """Return whether a market is being taken away, though it may be wanted again."""
        removes = self.asked is not None and not self.adds
        return self.closing or (removes and ticker in self.requested)

    def give_up(self, wanted: Container[Ticker]) -> None:
        """Forget a command that may have been done or not: expect the worse of both."""
        for ticker in self.requested if self.asked is not None else ():
            if self.adds and ticker not in wanted:
                self.confirmed[ticker] = None  # to be taken away
            elif not self.adds and ticker in wanted:
                self.confirmed.pop(ticker, None)  # to be added
        self.asked = None

    def close(self) -> None:
        """Forget a subscription that is gone."""
        self.sid, self.closing = None, False
        self.confirmed = {}
        self.answer()

    def answer(self) -> None:
        """Note that the command was answered."""
        self.asked, self.unanswered = None, 0
