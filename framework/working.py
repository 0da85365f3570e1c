"""Our orders at the exchange, and the one comparison of what is wanted with what works.

Entries, exits and, later, quotes all pass through `compare`: it says what to send, to amend and
to cancel, never sends a successor before the old order has ended, and keeps one exit per position.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import msgspec

from framework.model.commands import AmendOrder
from framework.model.orders import (
    TERMINAL,
    Order,
    OrderFact,
    OrderState,
    Purpose,
    TimeInForce,
    Urgency,
    next_state,
)
from framework.model.units import E2, E4, Micros, Side, Ticker, complement


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """An order somebody wishes to have at the exchange now; `quantity_e2` None is unsized."""

    strategy: str
    side: Side
    limit_e4: E4
    purpose: Purpose
    reason: str
    quantity_e2: E2 | None = None
    time_in_force: TimeInForce = TimeInForce.GOOD_TILL_CANCELLED
    post_only: bool = False
    reduce_only: bool = False
    urgency: Urgency | None = None
    lifetime_us: Micros | None = None


class LiveOrder:
    """An order of ours and everything the world has said about it."""

    __slots__ = (
        "amendment",
        "asked_us",
        "booked_e2",
        "cancel_us",
        "expires_us",
        "is_amendable",
        "order",
        "order_id",
        "reported_e2",
        "sent_us",
        "state",
    )

    def __init__(self, order: Order, sent_us: Micros, expires_us: Micros | None = None) -> None:
        self.order = order
        self.state = OrderState.PENDING
        self.order_id: str | None = None
        self.booked_e2: E2 = 0
        """Contracts whose fills are in the portfolio."""
        self.reported_e2: E2 = 0
        """Contracts the exchange says were filled; the fills may still be under way."""
        self.sent_us = sent_us
        self.expires_us = expires_us
        self.cancel_us: Micros | None = None
        """When a cancel was last sent."""
        self.asked_us: Micros | None = None
        """When a query was last sent."""
        self.amendment: AmendOrder | None = None
        """New terms that were sent and not answered yet: either may be in force."""
        self.is_amendable = True
        """False once an amendment failed: the next change is a cancel."""

    @property
    def is_live(self) -> bool:
        """Whether it may still trade, or has traded what is not booked yet."""
        return self.state not in TERMINAL or self.reported_e2 > self.booked_e2

    @property
    def remaining_e2(self) -> E2:
        """What may still be added to the position, at worst."""
        if self.state in TERMINAL:
            return max(self.reported_e2 - self.booked_e2, 0)
        return max(self.order.quantity_e2 - self.booked_e2, 0)

    @property
    def wanted_e2(self) -> E2:
        """What is left of it, or will be once its amendment is in force."""
        less_e2 = self.order.quantity_e2 - self.amendment.quantity_e2 if self.amendment else 0
        return self.remaining_e2 - less_e2

    @property
    def worst_e4(self) -> E4:
        """The highest limit that may be in force."""
        if self.amendment is None:
            return self.order.limit_e4
        return max(self.order.limit_e4, self.amendment.limit_e4)

    @property
    def worst(self) -> Order:
        """The order with the highest limit that may be in force."""
        if self.amendment is None:
            return self.order
        return msgspec.structs.replace(self.order, limit_e4=self.worst_e4)

    @property
    def is_doubtful(self) -> bool:
        """Whether nobody can say which of two terms are in force."""
        return self.amendment is not None and not self.is_amendable

    @property
    def known_e2(self) -> E2 | None:
        """The whole order; None while two totals may be in force."""
        if self.amendment is None or self.amendment.quantity_e2 == self.order.quantity_e2:
            return self.order.quantity_e2
        return None

    def revise(self, limit_e4: E4, quantity_e2: E2) -> None:
        """Take the terms that the exchange says are in force."""
        self.amendment = None
        self.order = msgspec.structs.replace(self.order, limit_e4=limit_e4, quantity_e2=quantity_e2)

    @property
    def is_entry(self) -> bool:
        """Whether it opens or adds to a position."""
        return self.order.purpose is Purpose.ENTRY


ENDED_KEPT: Final = 10_000
"""Orders remembered after their end: late fills and answers come within minutes."""


class WorkingOrders:
    """The orders of this run by their client ids, and the live ones by market."""

    def __init__(self) -> None:
        self._all: dict[str, LiveOrder] = {}
        self._by_order_id: dict[str, LiveOrder] = {}
        self._live: dict[Ticker, dict[str, LiveOrder]] = {}
        self._ended: dict[str, None] = {}
        """Client ids of orders that are not live, the one that ended first in front."""
        self._left_out: LiveOrder | None = None

    def add(self, live: LiveOrder) -> None:
        """Take up an order that is about to be sent, or was found in the ledger."""
        self._all[live.order.client_order_id] = live
        self._live.setdefault(live.order.ticker, {})[live.order.client_order_id] = live
        if live.order_id:
            self._by_order_id[live.order_id] = live

    def find(self, client_order_id: str | None, order_id: str | None = None) -> LiveOrder | None:
        """Return an order by our id, else by the exchange's, or None when it is not ours."""
        found = self._all.get(client_order_id) if client_order_id else None
        return found or (self._by_order_id.get(order_id) if order_id else None)

    def learn_order_id(self, live: LiveOrder, order_id: str | None) -> None:
        """Remember the exchange's id of an order."""
        if order_id and live.order_id is None:
            live.order_id = order_id
            self._by_order_id[order_id] = live

    def take(self, live: LiveOrder, fact: OrderFact) -> None:
        """Move an order along the table of states."""
        live.state = next_state(live.state, fact)
        self._refresh(live)

    def book(self, live: LiveOrder, quantity_e2: E2) -> None:
        """Count a fill that is in the portfolio now."""
        live.booked_e2 += quantity_e2
        whole = live.booked_e2 >= live.order.quantity_e2
        self.take(live, OrderFact.FULLY_FILLED if whole else OrderFact.PARTLY_FILLED)

    def report(self, live: LiveOrder, filled_e2: E2 | None) -> None:
        """Note how much the exchange says was filled."""
        if filled_e2 is not None and filled_e2 > live.reported_e2:
            live.reported_e2 = filled_e2
        self._refresh(live)

    def _refresh(self, live: LiveOrder) -> None:
        order = live.order
        if live.is_live:
            self._ended.pop(order.client_order_id, None)
            self._live.setdefault(order.ticker, {})[order.client_order_id] = live
            return
        self._ended[order.client_order_id] = None
        if len(self._ended) > ENDED_KEPT:
            self._forget(next(iter(self._ended)))
        in_market = self._live.get(order.ticker)
        if in_market is not None:
            in_market.pop(order.client_order_id, None)
            if not in_market:
                del self._live[order.ticker]

    def _forget(self, client_order_id: str) -> None:
        del self._ended[client_order_id]
        forgotten = self._all.pop(client_order_id)
        self._by_order_id.pop(forgotten.order_id or "", None)

    def in_market(self, ticker: Ticker) -> Sequence[LiveOrder]:
        """Return the live orders of a market, oldest first."""
        found = self._live.get(ticker)
        if not found:
            return ()
        orders = tuple(found.values())
        if self._left_out is None:
            return orders
        return tuple(live for live in orders if live is not self._left_out)

    def has(self, ticker: Ticker) -> bool:
        """Return whether any order is live in a market."""
        return ticker in self._live

    def live(self) -> Iterator[LiveOrder]:
        """Yield every live order."""
        for ticker in self._live:
            yield from self.in_market(ticker)

    @contextmanager
    def without(self, live: LiveOrder) -> Iterator[None]:
        """Count an order as gone, so that its new terms are not held against its old ones."""
        self._left_out = live
        try:
            yield
        finally:
            self._left_out = None

    def tickers(self) -> tuple[Ticker, ...]:
        """Return the markets with live orders."""
        return tuple(self._live)


class Plan(msgspec.Struct, frozen=True):
    """What to do so that the working orders become the wanted ones."""

    submit: tuple[Wanted, ...] = ()
    cancel: tuple[tuple[LiveOrder, str], ...] = ()
    """(order, why)."""
    amend: tuple[tuple[LiveOrder, Wanted, str], ...] = ()
    """(order, its new terms, why)."""


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """How long things wait, in microseconds."""

    reprice_us: Micros
    """A working order is re-priced no sooner than this after it was sent."""
    cancel_us: Micros = 10_000_000
    """A cancel without effect is sent again after this."""


def _same(live: LiveOrder, wanted: Wanted) -> bool:
    order = live.order
    return order.side is wanted.side and order.strategy == wanted.strategy


def _may_cancel(live: LiveOrder, now_us: Micros, patience: Patience) -> bool:
    """Return whether a cancel may be sent now: it rests, has an id, and none is under way."""
    if live.state is not OrderState.OPEN or live.order_id is None:
        return False
    return live.cancel_us is None or now_us - live.cancel_us >= patience.cancel_us


def _fits(
    live: LiveOrder, wanted: Wanted, room_e2: E2 | None, now_us: Micros, patience: Patience
) -> str | None:
    """Return why a working order must make way for what is wanted, or None to leave it."""
    order = live.order
    if live.is_doubtful:
        return "its terms are unknown"
    if order.purpose is Purpose.EXIT:
        if (wanted.urgency or 0) > (order.urgency or 0):
            return "more urgent exit"
        if room_e2 is not None and live.wanted_e2 > room_e2:
            return "exit larger than the position"
    if live.amendment is not None:
        return None  # its answer comes first
    grown = wanted.purpose is Purpose.EXIT and live.remaining_e2 != wanted.quantity_e2
    if (order.limit_e4 != wanted.limit_e4 or grown) and (
        now_us - live.sent_us >= patience.reprice_us
    ):
        return "re-priced"
    return None


def _may_amend(live: LiveOrder, wanted: Wanted, now_us: Micros) -> bool:
    """Return whether new terms can be given to a working order instead of a successor.

    Only its limit may change, and its size downwards: the ledger holds what was intended at most.
    It keeps its expiry, so it must not be wanted for a shorter time.
    """
    order = live.order
    if not live.is_amendable or live.amendment is not None or live.cancel_us is not None:
        return False
    if live.reported_e2 > live.booked_e2 or (live.is_entry and live.booked_e2):
        return False  # fills are under way, or the rest is to be sized anew
    waits = TimeInForce.GOOD_TILL_CANCELLED
    alike = (
        order.time_in_force is waits
        and wanted.time_in_force is waits
        and order.post_only == wanted.post_only
        and order.urgency == wanted.urgency
    )
    if live.expires_us is not None and wanted.lifetime_us is not None:
        alike = alike and now_us + wanted.lifetime_us >= live.expires_us
    fits = wanted.quantity_e2 is None or wanted.quantity_e2 <= order.quantity_e2 - live.booked_e2
    return alike and fits


def crosses(order: Order | Wanted, wanted: Wanted) -> bool:
    """Return whether two orders of ours would trade with each other."""
    if order.side is wanted.side:
        return False
    return order.limit_e4 >= complement(wanted.limit_e4)


def _meets_own(
    wanted: Wanted,
    working: Iterable[LiveOrder],
    coming: Iterable[Wanted],
    *,
    besides: LiveOrder | None = None,
) -> bool:
    """Return whether a wish would trade with an order of ours that works or is being sent."""
    resting = (live.worst for live in working if live is not besides and live.state not in TERMINAL)
    return any(crosses(order, wanted) for order in resting) or any(
        crosses(other, wanted) for other in coming
    )


def compare(
    wanted: Iterable[Wanted],
    working: Sequence[LiveOrder],
    now_us: Micros,
    patience: Patience,
    *,
    amends: bool = False,
) -> Plan:
    """Compare what is wanted in one market with what works there.

    An order is amended where the exchange `amends` and its terms allow it; else it is cancelled,
    and its successor is sent once it has ended.
    A wanted order that would trade with a working one of ours waits for its end.
    Each leg has one wish, the first: a second one would be sent anew at every look, because the
    first claims whatever works there.
    """
    submit: list[Wanted] = []
    cancel: list[tuple[LiveOrder, str]] = []
    amend: list[tuple[LiveOrder, Wanted, str]] = []
    coming: list[Wanted] = []
    """What this very comparison sends."""
    unclaimed = list(working)
    legs: set[tuple[str, Side] | None] = set()
    for wish in wanted:
        leg = None if wish.purpose is Purpose.EXIT else (wish.strategy, wish.side)
        if leg in legs:
            continue
        legs.add(leg)
        claimed, room = _claim(unclaimed, wish), wish.quantity_e2
        for live in claimed:
            unclaimed.remove(live)
            why = _fits(live, wish, room, now_us, patience)
            if why and _may_cancel(live, now_us, patience):
                alone = len(claimed) == 1 and not _meets_own(wish, working, coming, besides=live)
                if amends and alone and _may_amend(live, wish, now_us):
                    amend.append((live, wish, why))
                    coming.append(wish)
                else:
                    cancel.append((live, why))
            if room is not None:
                room -= live.remaining_e2
        if not claimed and not _meets_own(wish, working, coming):
            submit.append(wish)
            coming.append(wish)
    cancel.extend(
        (live, "no longer wanted") for live in unclaimed if _may_cancel(live, now_us, patience)
    )
    return Plan(tuple(submit), tuple(cancel), tuple(amend))


def _claim(working: Sequence[LiveOrder], wish: Wanted) -> list[LiveOrder]:
    """Return the working orders that stand for a wish: one exit per position, one entry a leg."""
    if wish.purpose is Purpose.EXIT:
        return [live for live in working if not live.is_entry]
    return [live for live in working if live.is_entry and _same(live, wish)]
