"""A refused request leaves the whole exchange as it was, whatever came before it."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framework.model.events import BookChanged, BookReplaced, MarketChanged, MarketListed
from framework.model.market import Market, MarketStatus
from framework.model.orders import TimeInForce
from framework.model.units import Side
from plugins.sandbox.core.exchange import Amendment, NewOrder, Pause, Refusal, SandboxExchange

pytestmark = pytest.mark.slow  # draws thousands of requests

NOW = 1_000_000_000
CLOSE = NOW + 600_000_000
GTC, IOC, FOK = TimeInForce
PLAIN = (int, str, bytes, Decimal, type(None), Enum)


@dataclass
class Scripted:
    start_us: int = NOW
    end_us: int | None = None
    series: dict = field(default_factory=dict)
    event_groups: dict = field(default_factory=dict)

    def events(self):
        return iter(())


def frozen(value, seen=()):
    """Return everything an object holds, all the way down and in order, as comparable tuples."""
    if isinstance(value, PLAIN):
        return value
    if id(value) in seen or (isinstance(value, Callable) and not hasattr(value, "__dict__")):
        return type(value).__name__
    seen = (*seen, id(value))
    if isinstance(value, dict):
        return tuple((key, frozen(item, seen)) for key, item in value.items())
    if isinstance(value, set | frozenset):
        return tuple(sorted(value))
    if isinstance(value, list | tuple | deque):
        return tuple(frozen(item, seen) for item in value)
    if isinstance(value, msgspec.Struct):
        return (
            type(value).__name__,
            *(frozen(item, seen) for item in msgspec.structs.astuple(value)),
        )
    if callable(value):
        return type(value).__name__
    names = [*vars(value)] if hasattr(value, "__dict__") else []
    for kind in type(value).__mro__:
        names += getattr(kind, "__slots__", ())
    state = tuple((name, frozen(getattr(value, name, None), seen)) for name in names)
    return (type(value).__name__, state)


def market(ticker, **more):
    terms = {"status": MarketStatus.ACTIVE, "open_us": NOW, "close_us": CLOSE, **more}
    return Market(ticker=ticker, event_ticker="E", **terms)


def venue():
    """Markets that trade, rest, are closed, and are decided; one on a shard without cash."""
    exchange = SandboxExchange(Scripted(), cash_e6=60_000_000)
    for listed in (
        market("OPEN"),
        market("PAUSED", status=MarketStatus.INACTIVE),
        market("CLOSED", close_us=NOW + 1),
        market("DECIDED", status=MarketStatus.DETERMINED, result="yes"),
        market("POOR", shard=3),
    ):
        exchange.advance(MarketListed(at_us=NOW, market=listed))
        exchange.advance(
            BookReplaced(at_us=NOW, ticker=listed.ticker, yes=((8_000, 900),), no=((1_500, 900),))
        )
    exchange.groups.create(500)
    exchange.tick(NOW + 2)
    return exchange


def test_the_comparison_sees_every_kind_of_change():
    exchange = venue()
    told = [frozen(exchange)]
    row, _, _ = exchange.place(
        NewOrder(ticker="OPEN", side=Side.YES, limit_e4=7_000, quantity_e2=1)
    )
    told.append(frozen(exchange))
    exchange.groups.trigger(next(iter(exchange.groups.all)))
    told.append(frozen(exchange))
    exchange.advance(
        BookChanged(at_us=NOW + 3, ticker="OPEN", side=Side.YES, price_e4=7_000, change_e2=5)
    )
    told.append(frozen(exchange))
    exchange.cancel(row.order_id)
    told.append(frozen(exchange))

    assert len(set(told)) == len(told)


class Requests:
    """Requests drawn with weights: most are right, or nothing would ever come through."""

    def __init__(self, rng):
        self.rng = rng

    def mostly(self, usual, rare):
        return self.rng.choice(rare if self.rng.random() < 0.06 else usual)

    def price(self):
        return self.mostly([1_400, 2_000, 7_000, 8_200, 8_500], [0, 10_000, -100, 8_505])

    def size(self):
        return self.mostly([100, 200, 500, 1_000], [0, -100, 10**15])

    def ids(self):
        return self.mostly([None], ["a", "b", "c"])

    def shard(self):
        return self.mostly([None, -1], [0, 3])

    def place(self):
        terms = {
            "ticker": self.mostly(["OPEN"], ["PAUSED", "CLOSED", "DECIDED", "POOR", "NONE"]),
            "side": self.rng.choice(list(Side)),
            "limit_e4": self.price(),
            "quantity_e2": self.size(),
            "client_order_id": self.ids(),
            "time_in_force": self.mostly([GTC, GTC, GTC, IOC], [FOK]),
            "post_only": self.rng.random() < 0.2,
            "reduce_only": self.rng.random() < 0.1,
            "expires_us": self.mostly([None], [NOW, NOW + 10**9]),
            "shard": self.shard(),
            "self_trade_prevention": self.mostly(["taker_at_cross", "maker"], ["none"]),
        }
        return terms, self.rng.choice([None, None, None, 0, 0, 1])

    def amend(self):
        terms = {
            "ticker": self.mostly(["OPEN"], ["POOR"]),
            "side": None,
            "limit_e4": self.price(),
            "total_e2": self.size(),
            "client_order_id": self.ids(),
            "new_client_order_id": self.ids(),
            "expires_us": self.mostly([None, msgspec.UNSET], [NOW, NOW + 10**9]),
            "shard": self.shard(),
        }
        return self.rng.randrange(100), terms, self.rng.random() < 0.9

    def decrease(self):
        by, to = self.size(), self.mostly([None], [0, 100, -100])
        return self.rng.randrange(100), self.mostly([by], [None]), to

    def cancel(self):
        return self.rng.randrange(100), self.mostly(["OPEN", None], ["POOR"]), self.shard()

    def cancel_all(self):
        return ()

    def limit(self):
        return self.rng.choice([0, 0, 1]), self.size()

    def group(self):
        how = self.mostly(["reset", "reset", "trigger"], ["delete"])
        return how, self.rng.choice([0, 0, 1])

    def halt(self):
        return (self.rng.choice([*Pause, Pause.NOTHING, Pause.NOTHING]),)

    def close(self):
        return (self.rng.random() < 0.7,)

    def next(self):
        common = ["place"] * 8 + ["amend"] * 4 + ["decrease", "cancel", "group", "limit"]
        kind = self.mostly(common, ["cancel_all", "halt", "halt", "halt", "close", "close"])
        return kind, *getattr(self, kind)()


class Caller:
    """Sends the drawn requests and looks at the exchange before and after."""

    def __init__(self):
        self.exchange = venue()
        self.refused = 0

    def ask(self, kind, *what):
        before = frozen(self.exchange)
        if self.is_refused(getattr(self, kind), *what):
            self.refused += 1
            assert frozen(self.exchange) == before
        self.stays_sound()

    @staticmethod
    def is_refused(request, *what):
        try:
            request(*what)
        except Refusal as refusal:
            return 400 <= refusal.status < 500
        return False

    def stays_sound(self):
        """No refusal hides a loss: what is held is covered, and rows agree with the book."""
        exchange = self.exchange
        assert all(exchange.available_e6(shard) >= 0 for shard in (0, 3))
        for row in exchange.orders.values():
            assert row.filled_e2 + row.remaining_e2 <= row.initial_e2
            assert (row.status == "executed") == (not row.remaining_e2)

    def order_id(self, place):
        rows = self.exchange.orders.values()
        resting = [row.order_id for row in rows if row.status == "resting"]
        ids = resting if resting and place < 90 else list(self.exchange.orders)
        return ids[place % len(ids)] if ids else "nobody"

    def group_id(self, place):
        ids = list(self.exchange.groups.all)
        return None if place is None else (ids[0] if ids and not place else "nobody")

    def place(self, terms, group):
        self.exchange.place(NewOrder(**terms, order_group_id=self.group_id(group)))

    def amend(self, place, terms, same_side):
        order_id = self.order_id(place)
        row = self.exchange.orders.get(order_id)
        side = Side.YES if row is None else row.side
        terms["side"] = side if same_side else side.opposite
        self.exchange.amend(order_id, Amendment(**terms))

    def decrease(self, place, by, to):
        self.exchange.decrease(self.order_id(place), reduce_by_e2=by, reduce_to_e2=to)

    def cancel(self, place, ticker, shard):
        self.exchange.cancel(self.order_id(place), ticker, shard)

    def cancel_all(self):
        self.exchange.cancel_all()

    def limit(self, group, limit):
        self.exchange.groups.limit(self.group_id(group) or "nobody", limit)

    def group(self, how, group):
        getattr(self.exchange.groups, how)(self.group_id(group) or "nobody")

    def halt(self, pause):
        self.exchange.halt(pause)

    def close(self, reopens):
        at_us = self.exchange.now_us
        moved = market("OPEN", close_us=CLOSE if reopens else at_us)
        self.exchange.advance(MarketChanged(at_us=at_us, market=moved))


@settings(max_examples=60)
@given(rng=st.randoms(use_true_random=True))
def test_a_refused_request_changes_nothing(rng):
    caller, requests = Caller(), Requests(rng)
    for _ in range(25):
        caller.ask(*requests.next())
