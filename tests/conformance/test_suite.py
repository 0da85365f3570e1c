"""The suite finds an adapter that is wrong: each fault below must fail the case that is for it."""

import msgspec
import pytest

from framework.exchange import Accepted, Rejected, Unknown
from framework.model.account import Account
from framework.model.events import (
    BookChanged,
    BookInvalidated,
    BookReplaced,
    MarketSettled,
    OrderFilled,
    StreamLost,
    TradePrinted,
)
from framework.model.units import Side


class Wrong:
    """An adapter with one fault; all else is passed on."""

    def __init__(self, exchange):
        self._exchange = exchange

    def __getattr__(self, name):
        return getattr(self._exchange, name)


class Doubling(Wrong):
    """Sends an order again when nobody can say what became of it."""

    async def submit(self, orders):
        outcomes = await self._exchange.submit(orders)
        again = [
            msgspec.structs.replace(order, client_order_id=f"{order.client_order_id}-again")
            for order, outcome in zip(orders, outcomes, strict=True)
            if isinstance(outcome, Unknown)
        ]
        return await self._exchange.submit(again) if again else outcomes


class Hopeful(Wrong):
    """Takes a lost order for an accepted one."""

    async def submit(self, orders):
        outcomes = await self._exchange.submit(orders)
        taken = Accepted(order_id="o", filled_e2=0, remaining_e2=0)
        return [taken if isinstance(one, Unknown) else one for one in outcomes]


class Gloomy(Wrong):
    """Takes a lost order for a refused one."""

    async def submit(self, orders):
        outcomes = await self._exchange.submit(orders)
        refused = Rejected(code="lost", message="")
        return [refused if isinstance(one, Unknown) else one for one in outcomes]


class Rounding(Wrong):
    """Sends prices on whole cents only."""

    async def submit(self, orders):
        cents = [msgspec.structs.replace(o, limit_e4=o.limit_e4 // 100 * 100) for o in orders]
        return await self._exchange.submit(cents)


class SidesMixed(Wrong):
    """Buys YES when NO is meant."""

    async def submit(self, orders):
        return await self._exchange.submit(
            [msgspec.structs.replace(order, side=Side.YES) for order in orders]
        )


class Wandering(Wrong):
    """Amends by way of another price."""

    async def amend(self, amendments):
        away = [msgspec.structs.replace(one, limit_e4=100) for one in amendments]
        back = [
            msgspec.structs.replace(
                one, order=msgspec.structs.replace(one.order, limit_e4=100, quantity_e2=9_999)
            )
            for one in amendments
        ]
        await self._exchange.amend(away)
        return await self._exchange.amend(back)


class Renewing(Wrong):
    """Amends by sending another order, which never expires."""

    async def amend(self, amendments):
        anew = [
            msgspec.structs.replace(
                one.order,
                client_order_id=f"{one.client_order_id}-anew",
                limit_e4=one.limit_e4,
                quantity_e2=one.quantity_e2,
                expires_us=None,
            )
            for one in amendments
        ]
        return await self._exchange.submit(anew)


class Telling(Wrong):
    """Tells events as `told` makes them."""

    async def events(self):
        async for batch in self._exchange.events():
            if changed := [one for event in batch for one in self.told(event)]:
                yield changed


class Deaf(Telling):
    """Tells no fills."""

    def told(self, event):
        return [] if isinstance(event, OrderFilled) else [event]


class Stuttering(Telling):
    """Tells each fill twice under two names, and each payment twice."""

    def told(self, event):
        if isinstance(event, OrderFilled):
            fill = msgspec.structs.replace(event.fill, trade_id=f"{event.fill.trade_id}x")
            return [event, msgspec.structs.replace(event, fill=fill)]
        return [event, event] if isinstance(event, MarketSettled) else [event]


class Trusting(Telling):
    """Never says that a book is lost, nor that the stream is."""

    def told(self, event):
        return [] if isinstance(event, BookInvalidated | StreamLost) else [event]


class Stale(Telling):
    """Tells the first book of a market only."""

    def __init__(self, exchange):
        super().__init__(exchange)
        self._told = set()

    def told(self, event):
        if isinstance(event, BookChanged):
            return []
        if isinstance(event, BookReplaced) and event.ticker in self._told:
            return []
        if isinstance(event, BookReplaced):
            self._told.add(event.ticker)
        return [event]


class Mirrored(Telling):
    """Tells trades at the price of the other outcome."""

    def told(self, event):
        if isinstance(event, TradePrinted):
            return [msgspec.structs.replace(event, yes_price_e4=10_000 - event.yes_price_e4)]
        return [event]


class Whole(Wrong):
    """Calls every list of the account whole."""

    async def account(self, since_us=None):
        found = await self._exchange.account(since_us)
        names = Account.__struct_fields__
        return Account(
            **{n: msgspec.structs.replace(getattr(found, n), complete=True) for n in names}
        )


class Certain(Wrong):
    """Finds nothing to mean that there is nothing."""

    async def cancel(self, cancels):
        outcomes = await self._exchange.cancel(cancels)
        done = Accepted(order_id="o", filled_e2=None, remaining_e2=0)
        return [done if isinstance(one, Unknown | Rejected) else one for one in outcomes]


class Sweeping(Wrong):
    """Takes an empty list of cancels for all."""

    async def cancel(self, cancels):
        if not cancels:
            await self._exchange.cancel_all()
            return []
        return await self._exchange.cancel(cancels)


class EmptyHanded(Wrong):
    """Lists what it could read, whatever failed."""

    async def markets(self, query):
        try:
            async for market in self._exchange.markets(query):
                yield market
        except Exception:  # noqa: BLE001 - the fault that is to be found
            return


WRONG = [
    (Doubling, ["E01", "E05", "E12"]),
    (Hopeful, ["E01", "E02", "E07"]),
    (Gloomy, ["E02", "E04", "E06", "E15"]),
    (Rounding, ["O60"]),
    (Wandering, ["O54"]),
    (Renewing, ["O55"]),
    (SidesMixed, ["O02", "O13", "O21"]),
    (Deaf, ["O10", "O11", "R09"]),
    (Stuttering, ["D15", "O10"]),
    (Trusting, ["R01", "R27"]),
    (Stale, ["D22", "D23", "R02"]),
    (Mirrored, ["D40"]),
    (Whole, ["E34"]),
    (Certain, ["O32", "O33", "E20"]),
    (Sweeping, ["O34"]),
    (EmptyHanded, ["E33", "E36"]),
]


@pytest.mark.parametrize(
    ("wrong", "code"),
    [pytest.param(w, code, id=f"{w.__name__}-{code}") for w, codes in WRONG for code in codes],
)
def test_finds_an_adapter_that_is_wrong(wrong, code, play, case_of):
    with pytest.raises(AssertionError):
        play(case_of(code), "fixed-point", wrong=wrong)
