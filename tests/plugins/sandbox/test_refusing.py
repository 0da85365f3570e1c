"""A refused request leaves the whole exchange as it was, whatever came before it."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from framework.model.events import BookChanged, BookReplaced, MarketChanged, MarketListed
from framework.model.market import Market, MarketStatus
from framework.model.orders import TimeInForce
from framework.model.units import Side
from plugins.sandbox.exchange import Amendment, NewOrder, Pause, Refusal, SandboxExchange

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
    exchange.create_order_group(500)
    exchange.tick(NOW + 2)
    return exchange


def test_the_comparison_sees_every_kind_of_change():
    exchange = venue()
    told = [frozen(exchange)]
    row, _, _ = exchange.place(
        NewOrder(ticker="OPEN", side=Side.YES, limit_e4=7_000, quantity_e2=1)
    )
    told.append(frozen(exchange))
    exchange.trigger_order_group(next(iter(exchange.order_groups)))
    told.append(frozen(exchange))
    exchange.advance(
        BookChanged(at_us=NOW + 3, ticker="OPEN", side=Side.YES, price_e4=7_000, change_e2=5)
    )
    told.append(frozen(exchange))
    exchange.cancel(row.order_id)
    told.append(frozen(exchange))

    assert len(set(told)) == len(told)


RARE = {
    "ticker": ["PAUSED", "CLOSED", "DECIDED", "POOR", "NONE"],
    "price": [0, 10_000, -100, 8_505],
    "size": [0, -100, 10**15],
}


def mostly(usual, rare):
    """Draw what is usual, and one time in six what is rare: else no request comes through."""
    return st.integers(0, 5).flatmap(lambda n: st.sampled_from(usual if n else rare))


TICKERS = mostly(["OPEN"], RARE["ticker"])
SIDES = st.sampled_from(Side)
PRICES = mostly([1_400, 2_000, 7_000, 8_200, 8_500], RARE["price"])
SIZES = mostly([100, 500, 1_000, 2_000], RARE["size"])
IDS = mostly([None], ["a", "b", "c"])
SHARDS = mostly([None], [-1, 0, 3])
SOON = mostly([None], [NOW, NOW + 10**9])
MEMBERS = mostly([None], [0, 1])
WHICH = st.integers(0, 6)
REQUESTS = st.one_of(
    st.tuples(
        st.just("place"),
        st.fixed_dictionaries(
            {
                "ticker": TICKERS,
                "side": SIDES,
                "limit_e4": PRICES,
                "quantity_e2": SIZES,
                "client_order_id": IDS,
                "time_in_force": mostly([GTC], [IOC, FOK]),
                "post_only": st.booleans(),
                "reduce_only": mostly([False], [True]),
                "expires_us": SOON,
                "shard": SHARDS,
                "self_trade_prevention": mostly(["taker_at_cross", "maker"], ["none"]),
            }
        ),
        MEMBERS,
    ),
    st.tuples(
        st.just("amend"),
        WHICH,
        st.fixed_dictionaries(
            {
                "ticker": st.sampled_from(["OPEN", "OPEN", "POOR"]),
                "side": SIDES,
                "limit_e4": PRICES,
                "total_e2": SIZES,
                "client_order_id": IDS,
                "new_client_order_id": IDS,
                "expires_us": SOON | st.just(msgspec.UNSET),
                "shard": SHARDS,
            }
        ),
    ),
    st.tuples(st.just("decrease"), WHICH, SIZES | st.none(), SIZES | st.none()),
    st.tuples(st.just("cancel"), WHICH, TICKERS | st.none(), SHARDS),
    st.tuples(st.just("cancel_all")),
    st.tuples(st.just("limit"), MEMBERS, SIZES),
    st.tuples(st.just("group"), st.sampled_from(["trigger", "reset", "delete"]), MEMBERS),
    st.tuples(st.just("halt"), st.sampled_from(Pause)),
    st.tuples(st.just("close"), st.booleans()),
)


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
        ids = list(self.exchange.orders)
        return ids[place % len(ids)] if ids else "nobody"

    def group_id(self, place):
        ids = list(self.exchange.order_groups)
        return None if place is None else (ids[0] if ids and not place else "nobody")

    def place(self, terms, group):
        self.exchange.place(NewOrder(**terms, order_group_id=self.group_id(group)))

    def amend(self, place, terms):
        self.exchange.amend(self.order_id(place), Amendment(**terms))

    def decrease(self, place, by, to):
        self.exchange.decrease(self.order_id(place), reduce_by_e2=by, reduce_to_e2=to)

    def cancel(self, place, ticker, shard):
        self.exchange.cancel(self.order_id(place), ticker, shard)

    def cancel_all(self):
        self.exchange.cancel_all()

    def limit(self, group, limit):
        self.exchange.limit_order_group(self.group_id(group) or "nobody", limit)

    def group(self, how, group):
        getattr(self.exchange, f"{how}_order_group")(self.group_id(group) or "nobody")

    def halt(self, pause):
        self.exchange.halt(pause)

    def close(self, reopens):
        at_us = self.exchange.now_us
        moved = market("OPEN", close_us=CLOSE if reopens else at_us)
        self.exchange.advance(MarketChanged(at_us=at_us, market=moved))


@settings(max_examples=150)
@given(requests=st.lists(REQUESTS, min_size=1, max_size=15))
def test_a_refused_request_changes_nothing(requests):
    caller = Caller()
    for request in requests:
        caller.ask(*request)
