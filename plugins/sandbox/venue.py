"""The exchange with what its door needs: the clock, the feed, the gate and the limits.

One venue serves any number of connections. Whoever asks it something first brings it to the
present, so that a market that closed a moment ago is closed for that request.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta
from random import Random  # noqa: TID251 - a run's own generator is handed in
from typing import Literal, TypeAlias

from framework.model.events import QuoteTicked, TradePrinted
from framework.model.units import Micros, Ticker, to_us
from plugins.sandbox.auth import Gate
from plugins.sandbox.channels import Feed, StreamLimits
from plugins.sandbox.core.candles import Candles
from plugins.sandbox.core.exchange import SandboxExchange
from plugins.sandbox.core.past import AccountView, Past
from plugins.sandbox.core.rows import LifecycleNotice, Notice, OrderRow
from plugins.sandbox.faults import Faults
from plugins.sandbox.framing import Framing, framed
from plugins.sandbox.mischief import BrokenFrames, Mischief, UnrulyStream
from plugins.sandbox.rates import BASIC, RateLimits

Repeats: TypeAlias = Literal["refuse", "return"]


class Venue:
    """An exchange that can be spoken to.

    Args:
        exchange: The core.
        gate: Who may come in.
        world_us: The time of the world that is traded.
        door_us: The time that signatures are checked against; it differs from the world's only
            when a world is served faster or slower than it happens.
        rate_limits: Whether requests cost tokens.
        archive_after_us: How old a row must be to leave the live reads; None keeps all there.
        stream_limits: What one WebSocket may ask for.
        repeats: What a create with a client id of before gets: 409, or the first order again.
        faults: What goes wrong on purpose.
        rng: What decides when.
    """

    def __init__(  # noqa: PLR0913 - each is a setting of its own
        self,
        exchange: SandboxExchange,
        gate: Gate,
        world_us: Callable[[], Micros],
        *,
        door_us: Callable[[], Micros] | None = None,
        rate_limits: bool = True,
        archive_after_us: Micros | None = None,
        stream_limits: StreamLimits | None = None,
        repeats: Repeats = "refuse",
        faults: Faults | None = None,
        rng: Random | None = None,
    ) -> None:
        self.exchange = exchange
        self.gate = gate
        self.repeats = repeats
        self.faults = faults or Faults()
        dice = rng or Random(0)  # noqa: S311 - faults are no secret
        self.mischief = None if faults is None else Mischief(faults, dice)
        self.unruly = None if faults is None else UnrulyStream(faults, dice)
        self.feed = Feed(exchange, stream_limits, self.unruly)
        lag_us = to_us(self.faults.read_lag)
        self._past = Past(exchange, lag_us) if lag_us else None
        self.tier = BASIC
        self.limits = RateLimits(self.tier) if rate_limits else None
        self.trades: list[TradePrinted] = []
        """Every public trade so far, oldest first."""
        self.candles = Candles()
        self.settled_us: dict[Ticker, Micros] = {}
        self.created_us: dict[Ticker, Micros] = {}
        self.updated_us: dict[Ticker, Micros] = {}
        """When something beside trading last changed in a market."""
        self.opened_us = exchange.now_us
        self._archive_after_us = archive_after_us
        self._dice = dice
        door, ahead_us = door_us or world_us, self.faults.clock_ahead // timedelta(microseconds=1)
        self.door_us: Callable[[], Micros] = (lambda: door() + ahead_us) if ahead_us else door
        self._world_us = world_us
        self._tell: list[Callable[[Sequence[Notice]], None]] = [self.feed.publish]
        self._finish: list[Callable[[], None]] = []
        self._flushes: list[Callable[[], None]] = []

    def framing(self) -> Framing:
        """Return what makes frames of the texts of a new connection."""
        if not self.faults.broken_frames:
            return framed
        return BrokenFrames(self.faults, self._dice).framed

    def present(self) -> Micros:
        """Bring the exchange to the present and return the moment."""
        now_us = max(self._world_us(), self.exchange.now_us)
        self.publish(self.exchange.tick(now_us))
        return now_us

    def publish(self, notices: Sequence[Notice]) -> None:
        """Remember and pass on what happened; it leaves with the next `flush`."""
        for notice in notices:
            if isinstance(notice, TradePrinted):
                self._printed(notice)
            elif isinstance(notice, QuoteTicked):
                self._quoted(notice)
            elif isinstance(notice, LifecycleNotice):
                self._lived(notice)
        if self._past is not None:
            self._past.note(notices)
        for tell in self._tell:
            tell(notices)

    def repeated(self, client_order_id: str | None) -> OrderRow | None:
        """Return the first order of a client id, where the policy is to return it."""
        if self.repeats == "refuse" or client_order_id is None:
            return None
        orders = self.exchange.orders.values()
        return next((row for row in orders if row.client_order_id == client_order_id), None)

    @property
    def account(self) -> AccountView:
        """What the reads of the account show."""
        return self._past or self.exchange

    def remember(self) -> None:
        """Take notice of a change of the account that no stream tells."""
        if self._past is not None:
            self._past.mark()

    def cutoff_us(self) -> Micros:
        """Return the moment before which rows are in the archive."""
        if self._archive_after_us is None:
            return self.opened_us
        return max(self.opened_us, self.exchange.now_us - self._archive_after_us)

    def is_archived(self, at_us: Micros | None) -> bool:
        """Return whether something that was over at a moment has left the live reads."""
        return at_us is not None and at_us < self.cutoff_us()

    def _printed(self, trade: TradePrinted) -> None:
        self.trades.append(trade)
        at_us = trade.exchange_us or trade.at_us
        self.candles.trade(trade.ticker, at_us, trade.yes_price_e4, trade.quantity_e2)

    def _quoted(self, quote: QuoteTicked) -> None:
        book = self.exchange.book(quote.ticker)
        bid, ask = book.touch() if book.valid else (None, None)
        interest_e2 = quote.open_interest_e2 or 0
        self.candles.quote(quote.ticker, quote.at_us, bid, ask, interest_e2)

    def _lived(self, step: LifecycleNotice) -> None:
        self.updated_us[step.ticker] = step.at_us
        if step.kind == "created":
            self.created_us[step.ticker] = step.at_us
        elif step.kind == "settled":
            self.settled_us[step.ticker] = step.at_us

    def flush(self) -> None:
        """Let every connection write what has gathered, as one write."""
        for finish in self._finish:
            finish()
        for flush in self._flushes:
            flush()

    def attach(
        self, publish: Callable[[Sequence[Notice]], None], finish: Callable[[], None]
    ) -> None:
        """Tell one more feed of everything.

        Args:
            publish: Told what happens.
            finish: Called at the end of every moment, before the connections write.
        """
        self._tell.append(publish)
        self._finish.append(finish)

    def join(self, flush: Callable[[], None]) -> Callable[[], None]:
        """Have `flush` called at the end of every moment; return the way to leave."""
        self._flushes.append(flush)
        return lambda: self._flushes.remove(flush)
