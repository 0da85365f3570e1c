"""Cases against an exchange that nobody can move, such as a demo environment.

Only cases marked `alone` are for it: they ask the adapter and nothing but the adapter. Orders
that they leave behind are cancelled by `tidy_up`.
"""

from typing import NoReturn, cast

from framework.exchange import MarketQuery
from framework.model.account import RemoteStatus
from framework.model.commands import CancelOrder
from framework.model.market import WHOLE_CENT, MarketStatus
from framework.model.units import E4, Micros
from framework.run import Clock
from framework.testing.conformance.bench import Bench, expect
from framework.testing.conformance.counterpart import Counterpart, Stage

_FAR_E4: E4 = 6_000
"""A YES bid from which an order of a case, at 0.50, is well away: it rests."""


class _Unmoved:
    def __init__(self, stage: Stage, clock: Clock) -> None:
        self.stage = stage
        self._clock = clock

    def now_us(self) -> Micros:
        return self._clock.now_us()

    def __getattr__(self, name: str) -> NoReturn:
        # Not an AttributeError: what looks whether a name is there must hear of it, too.
        raise LookupError(f"nobody can move this exchange: a case marked alone asked for {name}")


def alone(clock: Clock, plain: str, other: str) -> Counterpart:
    """Return the counterpart of an exchange that only has markets and the time.

    Args:
        clock: The run's.
        plain: A market on whole cents whose YES bid is above 0.50, as `quiet_market` finds one.
        other: Any other market; no case marked alone needs it.
    """
    return cast("Counterpart", _Unmoved(Stage(plain=plain, other=other), clock))


async def quiet_market(bench: Bench) -> str:
    """Return an open market on whole cents in which an order at 0.50 rests.

    Raises:
        AssertionError: there is none; name one by hand.
    """
    async for market in bench.exchange.markets(MarketQuery()):
        bid_e4, ask_e4 = market.yes_bid_e4, market.yes_ask_e4
        if (
            market.status is MarketStatus.ACTIVE
            and market.grid == WHOLE_CENT
            and bid_e4 is not None
            and ask_e4 is not None
            and _FAR_E4 <= bid_e4 < ask_e4
        ):
            return market.ticker
    raise AssertionError(f"no open market on whole cents bids YES at {_FAR_E4} or above")


async def tidy_up(bench: Bench) -> None:
    """Cancel what this bench's orders left in the book, and nothing else.

    Raises:
        AssertionError: the account could not be read whole, so something may rest still.
    """
    account = await bench.exchange.account()
    expect(account.orders.complete, "every resting order of the account")
    left = [
        CancelOrder(
            client_order_id=row.client_order_id,
            order_id=row.order_id,
            ticker=row.ticker,
            shard=row.shard,
            reason="conformance",
            quantity_e2=row.quantity_e2,
        )
        for row in account.orders.rows
        if row.client_order_id is not None
        and row.client_order_id.startswith(f"{bench.name}-")
        and row.status is RemoteStatus.OPEN
    ]
    if left:
        await bench.exchange.cancel(left)
