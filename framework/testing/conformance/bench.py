"""What a conformance case plays with: the adapter under test, what it told, and its counterpart."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

import msgspec

from framework.errors import FrameworkError
from framework.exchange import Accepted, Exchange, MarketQuery, Outcome
from framework.model.account import RemoteOrder
from framework.model.book import BookState, OrderBook
from framework.model.events import AnyEvent, BookChanged, BookInvalidated, BookReplaced
from framework.model.orders import Order, Purpose, TimeInForce
from framework.model.units import E2, E4, Micros, Side, Ticker
from framework.run import Clock
from framework.testing.conformance.counterpart import Counterpart

PATIENCE_S: Final = 90.0
"""How long `until` waits, in the run's time: longer than any back-off of an adapter."""
_LOOK_S: Final = 0.05


def expect(is_so: object, what: str) -> None:
    """Fail a case unless something is so.

    Raises:
        AssertionError: it is not; `what` says what was expected.
    """
    if not is_so:
        raise AssertionError(what)


class Watch:
    """Listens to the adapter as the engine would, and keeps its books.

    Attributes:
        heard: Every event so far, in order.
        batches: How many events came at once.
        ended: What ended the events, if anything did.
    """

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self.heard: list[AnyEvent] = []
        self.batches: list[int] = []
        self.ended: Exception | None = None
        self._books: dict[Ticker, OrderBook] = {}

    async def listen(self) -> None:
        """Take events until they end."""
        try:
            async for batch in self._exchange.events():
                self.batches.append(len(batch))
                for event in batch:
                    self.heard.append(event)
                    self._keep(event)
        except FrameworkError as fault:
            self.ended = fault

    def _keep(self, event: AnyEvent) -> None:
        if isinstance(event, BookReplaced):
            self._books.setdefault(event.ticker, OrderBook()).replace(
                dict(event.yes), dict(event.no)
            )
        elif isinstance(event, BookChanged):
            book = self._books.setdefault(event.ticker, OrderBook())
            book.change(event.side, event.price_e4, event.change_e2)
        elif isinstance(event, BookInvalidated) and event.ticker in self._books:
            self._books[event.ticker].invalidate(event.reason)

    def book(self, ticker: Ticker) -> OrderBook:
        """Return a book as it was told; one that was never told is missing."""
        return self._books.get(ticker) or OrderBook()

    def of(self, kind: type[AnyEvent], ticker: Ticker | None = None) -> list[AnyEvent]:
        """Return the events of a kind, of one market or of all."""
        return [
            event
            for event in self.heard
            if type(event) is kind and ticker in (None, getattr(event, "ticker", None))
        ]


class Bench:
    """One adapter, connected; one counterpart.

    Attributes:
        exchange: The adapter under test.
        counterpart: The exchange's side.
        clock: The run's time.
        watch: What the adapter told so far.
        name: What the ids of its orders begin with. An exchange that outlives the bench knows
            old ids: give each bench a name of its own there.
    """

    def __init__(
        self,
        exchange: Exchange,
        counterpart: Counterpart,
        clock: Clock,
        name: str = "conformance",
    ) -> None:
        self.name = name
        self.exchange = exchange
        self.counterpart = counterpart
        self.clock = clock
        self.watch = Watch(exchange)
        self.plain = counterpart.stage.plain
        self.other = counterpart.stage.other
        self._orders = 0

    # ------------------------------------------------------------------------------- waiting

    async def until(
        self, is_so: Callable[[], object], what: str, within_s: float = PATIENCE_S
    ) -> None:
        """Wait until something is so.

        Raises:
            AssertionError: it was not so in time; `what` says what should have been.
        """
        end_us = self.clock.now_us() + round(within_s * 1_000_000)
        while not is_so():
            if self.clock.now_us() >= end_us:
                raise AssertionError(f"not within {within_s:g} s: {what}")
            await self.clock.sleep(_LOOK_S)

    async def settle_down(self, seconds: float = 0.5) -> None:
        """Let everything under way arrive."""
        await self.clock.sleep(seconds)

    # --------------------------------------------------------------------------------- books

    async def follow(self, *tickers: Ticker) -> None:
        """List markets as the engine does, subscribe, and wait for the first book of each."""
        async for _ in self.exchange.markets(MarketQuery(tickers=tickers)):
            pass
        await self.exchange.subscribe(tickers)
        for ticker in tickers:
            await self.until(partial(self._is_told, ticker), f"a first book of {ticker}")

    def _is_told(self, ticker: Ticker) -> bool:
        return self.watch.book(ticker).state is not BookState.MISSING

    def is_right(self, ticker: Ticker) -> bool:
        """Return whether a book is told as it truly is."""
        told, true = self.watch.book(ticker), self.counterpart.book(ticker)
        return told.state is true.state and all(told.bids(side) == true.bids(side) for side in Side)

    async def until_right(self, ticker: Ticker) -> None:
        """Wait until a book is told as it truly is."""
        await self.until(lambda: self.is_right(ticker), f"the true book of {ticker}")

    def change(self, ticker: Ticker, side: Side, price_e4: E4, change_e2: E2) -> None:
        """Let one level change at the exchange."""
        self.counterpart.tell(
            BookChanged(
                at_us=self.counterpart.now_us(),
                ticker=ticker,
                side=side,
                price_e4=price_e4,
                change_e2=change_e2,
            )
        )

    # -------------------------------------------------------------------------------- orders

    def order(  # noqa: PLR0913 - it takes what it builds
        self,
        *,
        side: Side = Side.YES,
        limit_e4: E4 = 5_000,
        quantity_e2: E2 = 1_000,
        ticker: Ticker | None = None,
        time_in_force: TimeInForce = TimeInForce.GOOD_TILL_CANCELLED,
        purpose: Purpose = Purpose.ENTRY,
        post_only: bool = False,
        reduce_only: bool = False,
        expires_us: Micros | None = None,
    ) -> Order:
        """Return an order with an id of its own: ten YES at 0.50 in `plain`, which rests."""
        self._orders += 1
        return Order(
            client_order_id=f"{self.name}-{self._orders}",
            ticker=ticker or self.plain,
            side=side,
            limit_e4=limit_e4,
            quantity_e2=quantity_e2,
            purpose=purpose,
            strategy="conformance",
            time_in_force=time_in_force,
            post_only=post_only,
            reduce_only=reduce_only,
            expires_us=expires_us,
        )

    async def send(self, order: Order) -> Outcome:
        """Send one order."""
        [outcome] = await self.exchange.submit([order])
        return outcome

    async def accepted(self, order: Order) -> Accepted:
        """Send one order that must be taken.

        Raises:
            AssertionError: it was not.
        """
        outcome = await self.send(order)
        if not isinstance(outcome, Accepted):
            message = f"{order.client_order_id}: {outcome}"
            raise AssertionError(message)  # noqa: TRY004 - a failed case, not a wrong argument
        return outcome

    def remote(self, order: Order) -> RemoteOrder | None:
        """Return an order as the exchange truly has it; None when it has none of that name."""
        return next(
            (
                row
                for row in self.counterpart.orders()
                if row.client_order_id == order.client_order_id
            ),
            None,
        )

    def copies(self, order: Order) -> int:
        """Return how many orders the exchange has of one that was sent."""
        return sum(
            row.client_order_id == order.client_order_id for row in self.counterpart.orders()
        )


Play = Callable[[Bench], Awaitable[None]]


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that an adapter must do, with a number that never changes."""

    code: str
    title: str
    """A claim about the adapter."""
    play: Play
    needs: tuple[str, ...] = ()
    """Names of `Capabilities` without which there is nothing to show."""
    alone: bool = False
    """It can be played against an exchange that nobody can move."""

    def __str__(self) -> str:
        return self.code


class Cases:
    """Collects cases as they are written, and refuses a number that is taken."""

    def __init__(self) -> None:
        self.all: list[Case] = []

    def __call__(
        self, code: str, *, needs: tuple[str, ...] = (), alone: bool = False
    ) -> Callable[[Play], Play]:
        """Mark a function as a case; its docstring is the claim."""

        def add(play: Play) -> Play:
            if any(case.code == code for case in self.all):
                raise ValueError(f"case {code} is there already")
            title = (play.__doc__ or "").strip().rstrip(".")
            self.all.append(Case(code=code, title=title, play=play, needs=needs, alone=alone))
            return play

        return add
