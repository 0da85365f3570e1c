"""One market's matching: a displayed book that history wrote, and our orders beside it.

The book is exactly what the feed says: it never shows our orders, and history does not react to
them. An order takes what is displayed and then waits behind the size displayed at its price.
What keeps that honest:

- A displayed contract is bought once: `taken` remembers per level what we took, and shrinks only
  with the displayed size. Growth is new liquidity.
- A print of the feed eats the queue ahead before it fills us; one through our limit fills us.
- The print and the book change of one execution both arrive, in either order. A shrinking level
  pulls the queue ahead down to what is displayed, never further (cancels come from behind first),
  and is remembered under its exchange time; a print of that time eats so much less. The other way
  round needs nothing: the print has already eaten what the change takes away.
- A print not newer than the newest message seen when an order joined cannot concern it.
- An unusable or crossed book neither fills nor queues anybody; a halted market fills nobody.

Every fill is at the order's limit or better. Pure: no clock, no ids of its own, no fees.
"""

from collections.abc import Iterator, Mapping

from framework.model.book import BookState, OrderBook
from framework.model.orders import TimeInForce
from framework.model.units import E2, E4, Micros, Side, complement
from framework.placing import CancelReason, Execution, Incoming, Placement, SelfTrade
from framework.queue import RestingOrder

__all__ = ["CancelReason", "Execution", "Incoming", "Matching", "Placement", "SelfTrade"]


class _Plan:
    """What an incoming order would do, before anything is changed."""

    __slots__ = ("displaced", "met_itself", "takes")

    def __init__(self) -> None:
        self.takes: list[tuple[E4, E2]] = []
        """(price of the opposite level, contracts)."""
        self.displaced: list[RestingOrder] = []
        self.met_itself = False

    @property
    def quantity_e2(self) -> E2:
        return sum(quantity for _, quantity in self.takes)


class Matching:
    """The displayed book of one market and our orders in it."""

    def __init__(self) -> None:
        self.book = OrderBook()
        self.halted = False
        """Whether orders rest without trading, as while the whole exchange pauses."""
        self._resting: dict[str, RestingOrder] = {}
        self._taken: dict[tuple[Side, E4], E2] = {}
        self._newest_us: Micros | None = None

    @property
    def resting(self) -> Mapping[str, RestingOrder]:
        """Our resting orders, the oldest first."""
        return self._resting

    def available_e2(self, side: Side, price_e4: E4) -> E2:
        """Return what of a displayed bid we have not taken yet."""
        return self.book.size(side, price_e4) - self._taken.get((side, price_e4), 0)

    # ------------------------------------------------------------------------------- orders

    def place(self, incoming: Incoming, position_e2: E2 = 0) -> Placement:
        """Match an order, and rest what may rest.

        Args:
            incoming: The order; its id must be new.
            position_e2: The signed net position, positive for YES: reduce-only must not pass it.
        """
        wanted = incoming.quantity_e2
        if incoming.reduce_only:
            held = -position_e2 if incoming.side is Side.YES else position_e2
            wanted = max(0, min(wanted, held))
        plan = self._plan(incoming, wanted)
        if incoming.post_only and (plan.takes or plan.met_itself):
            return _refused(incoming, CancelReason.POST_ONLY_CROSS)
        killed = incoming.time_in_force is TimeInForce.FILL_OR_KILL and plan.quantity_e2 < wanted
        if killed and not plan.met_itself:
            return _refused(incoming, CancelReason.UNFILLED)
        executions = tuple(self._take(incoming, price, quantity) for price, quantity in plan.takes)
        for order in plan.displaced:
            del self._resting[order.order_id]
        left = incoming.quantity_e2 - plan.quantity_e2
        reason = self._rest_or_cancel(incoming, wanted, left, plan)
        return Placement(
            executions=executions,
            resting_e2=left if reason is None else 0,
            cancelled_e2=0 if reason is None else left,
            reason=reason,
            displaced=tuple(order.order_id for order in plan.displaced),
        )

    def amend(self, incoming: Incoming) -> Placement:
        """Change a resting order; `quantity_e2` is what is to remain of it.

        Less of it keeps its place in the queue; another price or more of it is matched like a
        new order and goes to the end. A post-only order that would cross stays as it was.

        Raises:
            KeyError: no such order rests here.
        """
        order = self._resting[incoming.order_id]
        if incoming.limit_e4 == order.limit_e4 and incoming.quantity_e2 <= order.remaining_e2:
            order.remaining_e2 = incoming.quantity_e2
            return Placement(
                executions=(), resting_e2=incoming.quantity_e2, cancelled_e2=0, reason=None
            )
        before = dict(self._resting)
        del self._resting[incoming.order_id]
        placement = self.place(incoming)
        if placement.reason is CancelReason.POST_ONLY_CROSS:
            self._resting = before
        return placement

    def queue_ahead_e2(self, order_id: str) -> E2 | None:
        """Return the contracts ahead of an order at its level, our own older ones included.

        None before any usable book.

        Raises:
            KeyError: no such order rests here.
        """
        order = self._resting[order_id]
        if order.ahead_e2 is None:
            return None
        own = 0
        for other in self._at(order.side, order.limit_e4):
            if other is order:
                break
            own += other.remaining_e2
        return order.ahead_e2 + own

    def resume(self) -> list[Execution]:
        """Trade again after a halt and return what the displayed book fills at once."""
        self.halted = False
        return self._cross()

    def cancel(self, order_id: str) -> E2:
        """Take an order out of the book and return what remained of it.

        Raises:
            KeyError: no such order rests here.
        """
        return self._resting.pop(order_id).remaining_e2

    def sweep(self) -> list[tuple[str, E2]]:
        """Take every order out, as at the close, and return (id, what remained)."""
        swept = [(order.order_id, order.remaining_e2) for order in self._resting.values()]
        self._resting.clear()
        return swept

    # --------------------------------------------------------------------------------- feed

    def replace(
        self,
        yes: Mapping[E4, E2],
        no: Mapping[E4, E2],
        exchange_us: Micros | None = None,
    ) -> list[Execution]:
        """Take a whole book and return the executions it causes on our orders."""
        self.book.replace(yes, no)
        self._advance(exchange_us)
        for side, price in list(self._taken):
            self._shrink_taken(side, price)
        if self._sound:
            for order in self._resting.values():
                order.see(self.book.size(order.side, order.limit_e4), exchange_us)
        return self._cross()

    def change(
        self,
        side: Side,
        price_e4: E4,
        change_e2: E2,
        exchange_us: Micros | None = None,
    ) -> list[Execution]:
        """Take the change of one level and return the executions it causes on our orders."""
        self.book.change(side, price_e4, change_e2)
        self._advance(exchange_us)
        if change_e2 < 0 and self._taken:
            self._shrink_taken(side, price_e4)
        if not self._resting:
            return []
        if self._sound:
            displayed = self.book.size(side, price_e4)
            for order in self._at(side, price_e4):
                order.see(displayed, exchange_us)
        return self._cross()

    def print_trade(
        self,
        yes_price_e4: E4,
        quantity_e2: E2,
        taker_side: Side | None,
        exchange_us: Micros | None = None,
    ) -> list[Execution]:
        """Take a public trade and return the executions it causes on our orders.

        Args:
            yes_price_e4: Its YES price.
            quantity_e2: Contracts traded; our orders get no more than that together.
            taker_side: What the taker bought; None may have met either side's bids.
            exchange_us: When it happened, for the rules in the module's text.
        """
        self._advance(exchange_us)
        if self.halted or not self._resting or not self.book.valid:
            return []
        found: list[Execution] = []
        left = quantity_e2
        for side in (Side.YES, Side.NO) if taker_side is None else (taker_side.opposite,):
            price = yes_price_e4 if side is Side.YES else complement(yes_price_e4)
            for order in self._from(side, price):
                if not left:
                    return found
                if not order.predates(exchange_us):
                    continue
                reaches = left  # a print through the limit: nobody is ahead any more
                if order.limit_e4 == price:
                    reaches = order.pass_queue(left, exchange_us)
                quantity = order.share_e2(reaches)
                if quantity:
                    found.append(self._fill(order, quantity))
                    left -= quantity
        return found

    # ------------------------------------------------------------------------------- inside

    @property
    def _sound(self) -> bool:
        return self.book.state in (BookState.VALID, BookState.CROSSED)

    def _advance(self, exchange_us: Micros | None) -> None:
        if exchange_us is not None and (self._newest_us is None or exchange_us > self._newest_us):
            self._newest_us = exchange_us

    def _plan(self, incoming: Incoming, wanted_e2: E2) -> _Plan:
        """Walk the opposite bids from the best to the limit, own orders in their place."""
        plan, left = _Plan(), wanted_e2
        opposite, worst = incoming.side.opposite, complement(incoming.limit_e4)
        displayed = dict(self.book.bids(opposite)) if self.book.valid else {}
        own = {order.limit_e4 for order in self._from(opposite, worst)}
        prices = own.union(price for price in displayed if price >= worst)
        for price in sorted(prices, reverse=True):
            available = self.available_e2(opposite, price) if price in displayed else 0
            blockers = list(self._at(opposite, price)) if price in own else []
            # What is displayed behind our own order can't be reached without meeting it.
            reached = min(available, blockers[0].ahead_e2 or 0) if blockers else available
            if blockers and left > reached:
                plan.met_itself = True
                if incoming.self_trade is SelfTrade.MAKER:
                    plan.displaced.extend(blockers)
                    reached = available
            quantity = min(left, reached)
            quantity -= quantity % incoming.lot_e2
            if quantity:
                plan.takes.append((price, quantity))
                left -= quantity
            if not left or (plan.met_itself and not plan.displaced):
                break
        return plan

    def _rest_or_cancel(
        self, incoming: Incoming, wanted_e2: E2, left_e2: E2, plan: _Plan
    ) -> CancelReason | None:
        """Rest what is left, or say why it is cancelled."""
        if not left_e2:
            return None
        if plan.met_itself and incoming.self_trade is not SelfTrade.MAKER:
            return CancelReason.SELF_TRADE
        if incoming.time_in_force is not TimeInForce.GOOD_TILL_CANCELLED:
            reached = incoming.reduce_only and plan.quantity_e2 == wanted_e2
            return CancelReason.REDUCE_ONLY if reached else CancelReason.UNFILLED
        order = RestingOrder(incoming, left_e2, self._newest_us)
        if self._sound:
            order.see(self.book.size(order.side, order.limit_e4), None)
        self._resting[order.order_id] = order
        return None

    def _take(self, incoming: Incoming, level_e4: E4, quantity_e2: E2) -> Execution:
        self._remember(incoming.side.opposite, level_e4, quantity_e2)
        return Execution(
            incoming.order_id, incoming.side, complement(level_e4), quantity_e2, is_taker=True
        )

    def _remember(self, side: Side, price_e4: E4, quantity_e2: E2) -> None:
        key = (side, price_e4)
        self._taken[key] = self._taken.get(key, 0) + quantity_e2

    def _shrink_taken(self, side: Side, price_e4: E4) -> None:
        key = (side, price_e4)
        taken = self._taken.get(key)
        if taken is None:
            return
        displayed = self.book.size(side, price_e4)
        if not displayed:
            del self._taken[key]
        elif displayed < taken:
            self._taken[key] = displayed

    def _from(self, side: Side, worst_e4: E4) -> list[RestingOrder]:
        """Return our bids of a side at a price or better, in price-time order."""
        orders = [
            order
            for order in self._resting.values()
            if order.side is side and order.limit_e4 >= worst_e4
        ]
        orders.sort(key=lambda order: -order.limit_e4)  # stable: time decides among equals
        return orders

    def _at(self, side: Side, price_e4: E4) -> Iterator[RestingOrder]:
        return (
            order
            for order in self._resting.values()
            if order.side is side and order.limit_e4 == price_e4
        )

    def _cross(self) -> list[Execution]:
        """Fill our orders that the opposite displayed bids now cross, at their own limits."""
        found: list[Execution] = []
        if self.halted or not self._resting or not self.book.valid:
            return found
        for side in (Side.YES, Side.NO):
            best = self.book.bid(side.opposite)
            for order in self._from(side, 1) if best is not None else ():
                if best is None or best < complement(order.limit_e4):
                    break
                found.extend(self._cross_order(order))
        return found

    def _cross_order(self, order: RestingOrder) -> Iterator[Execution]:
        for price, _ in self.book.bids(order.side.opposite):
            if price < complement(order.limit_e4) or not order.remaining_e2:
                return
            quantity = order.share_e2(self.available_e2(order.side.opposite, price))
            if quantity:
                self._remember(order.side.opposite, price, quantity)
                yield self._fill(order, quantity)

    def _fill(self, order: RestingOrder, quantity_e2: E2) -> Execution:
        order.remaining_e2 -= quantity_e2
        if not order.remaining_e2:
            del self._resting[order.order_id]
        return Execution(order.order_id, order.side, order.limit_e4, quantity_e2, is_taker=False)


def _refused(incoming: Incoming, reason: CancelReason) -> Placement:
    return Placement(executions=(), resting_e2=0, cancelled_e2=incoming.quantity_e2, reason=reason)
