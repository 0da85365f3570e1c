"""Which markets there are: the exchange's list, read at start and again and again.

A long list is reported part by part. The engine asks its filters while the exchange's rate limit
holds back the next page, the admitted markets are subscribed meanwhile, and no list stops the
loop for longer than one part takes.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from framework.engine import Engine
from framework.exchange import Exchange, MarketQuery
from framework.line import Line
from framework.model.events import MarketChanged, MarketListed
from framework.model.market import Market
from framework.model.units import Ticker
from framework.run import Clock

FIRST_PART: Final = 2_500
"""Markets reported together at start: nothing else waits then, and many are subscribed at once.

More would leave more to be done when the last page has come.
"""
PART: Final = 500
"""Markets reported together later: some ten milliseconds of work."""
SHOWN_EVERY: Final = 1_000


class Listing:
    """Reads lists of markets and hands what is new or changed to the line.

    Attributes:
        none_open: Whether the last list held no market.
    """

    def __init__(self, exchange: Exchange, engine: Engine, line: Line, clock: Clock) -> None:
        """Connect the parts; nothing is read yet."""
        self._exchange = exchange
        self._engine = engine
        self._line = line
        self._clock = clock
        self._told: dict[Ticker, Market] = {}
        self.none_open = False

    async def read(
        self,
        *,
        part: int = PART,
        show: Callable[[int], None] = lambda _: None,
        then: Callable[[], None] = lambda: None,
    ) -> None:
        """Report new and changed markets; those we are in are read even when they closed.

        Args:
            part: How many to report together.
            show: Told now and then how many have been read.
            then: Called when a part has been reported.

        Raises:
            AuthError: the exchange refuses the credentials.
            ExchangeError: a page could not be read; what came before it has been reported.
        """
        seen: set[Ticker] = set()
        await self._report(MarketQuery(), seen, part, show, then)
        self.none_open = not seen
        missing = tuple(dict.fromkeys(ticker for ticker in self.engaged() if ticker not in seen))
        if missing:
            named = MarketQuery(open_only=False, tickers=missing)
            await self._report(named, set(), part, lambda _: None, then)
        for ticker in [
            t for t in self._told if t not in seen and t not in self._engine.state.markets
        ]:
            del self._told[ticker]

    def engaged(self) -> Iterator[Ticker]:
        """Yield every market that is followed, or where anything is held or working.

        After a restart there may be some that no list of open markets tells of.
        """
        state = self._engine.state
        yield from (ticker for ticker, watched in state.markets.items() if watched.subscribed)
        yield from state.portfolio.positions
        yield from state.orders.tickers()

    async def _report(
        self,
        query: MarketQuery,
        seen: set[Ticker],
        part: int,
        show: Callable[[int], None],
        then: Callable[[], None],
    ) -> None:
        batch: list[Market] = []
        async for market in self._exchange.markets(query):
            ticker = market.ticker
            seen.add(ticker)
            if len(seen) % SHOWN_EVERY == 0:
                show(len(seen))
            if self._told.get(ticker) != market:
                batch.append(market)
                if len(batch) == part:
                    self._tell(batch)
                    then()
                    batch = []
        self._tell(batch)
        then()

    def _tell(self, markets: Sequence[Market]) -> None:
        """Take markets through the line; only then they count as told."""
        now_us, known = self._clock.now_us(), self._engine.state.markets
        self._line.process(
            [
                (MarketChanged if market.ticker in known else MarketListed)(
                    at_us=now_us, market=market
                )
                for market in markets
            ]
        )
        self._told.update({market.ticker: market for market in markets})
