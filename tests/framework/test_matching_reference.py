"""The matching against a slow, obvious matcher that moves one contract at a time.

The reference keeps every queue as a list of tokens, one for each hundredth of a contract, and
does everything hundredth by hundredth: no sums, no minimums, nothing planned ahead.
"""

import copy

from hypothesis import given, settings
from hypothesis import strategies as st

from framework.matching import Incoming, Matching, SelfTrade
from framework.model.orders import TimeInForce
from framework.model.units import Side

YES, NO = Side.YES, Side.NO
GTC, IOC, FOK = TimeInForce
DOLLAR = 10_000


class Resting:
    """One order of ours, with the strangers ahead of it as tokens."""

    def __init__(self, order_id, side, limit, size, ahead, joined):
        self.order_id, self.side, self.limit, self.size = order_id, side, limit, size
        self.ahead = None if ahead is None else ["stranger"] * ahead
        self.left_without_print: list[int | None] = []
        """The exchange time of every token that left the queue when the level shrank."""
        self.joined = joined

    def see(self, displayed, at):
        if self.ahead is None:
            self.ahead = ["stranger"] * displayed
        while len(self.ahead) > displayed:
            self.ahead.pop()
            self.left_without_print.append(at)

    def is_reached_by_one(self, at):
        """Let one printed hundredth arrive: somebody ahead takes it, or it reaches the order."""
        for moment in (None,) if at is None else (at, None):
            known = self.left_without_print
            found = known if at is None else [when for when in known if when == moment]
            if found:
                known.remove(found[0])
                return False
        if self.ahead:
            self.ahead.pop()
            return False
        return True


class Reference:
    """The rules of `framework.matching`, one hundredth of a contract at a time."""

    def __init__(self):
        self.displayed = {YES: {}, NO: {}}
        self.taken = {}
        self.orders: list[Resting] = []
        self.newest = None
        self.fills = []

    def crossed(self):
        return any(yes + no >= DOLLAR for yes in self.displayed[YES] for no in self.displayed[NO])

    def size(self, side, price):
        return self.displayed[side].get(price, 0)

    def find(self, order_id):
        return next(order for order in self.orders if order.order_id == order_id)

    def advance(self, at):
        if at is not None:
            self.newest = at if self.newest is None else max(at, self.newest)

    def by_price_and_time(self, side):
        found = []
        for price in range(DOLLAR, 0, -100):
            found += [o for o in self.orders if o.side is side and o.limit == price]
        return found

    # ---------------------------------------------------------------------------- orders

    def place(self, incoming, position=0):
        """Return (cancelled, displaced ids); fills are added to `self.fills`."""
        before = copy.deepcopy((self.taken, self.orders, self.fills))
        wanted = incoming.quantity_e2
        if incoming.reduce_only:
            held = -position if incoming.side is YES else position
            wanted = max(0, min(wanted, held))
        met, displaced, stop, here = False, [], False, {}
        bought = 0
        while bought < wanted and not stop:
            stop = True
            for price in range(DOLLAR - 100, DOLLAR - incoming.limit_e4 - 1, -100):
                other = incoming.side.opposite
                own = [o for o in self.orders if o.side is other and o.limit == price]
                free = self.size(other, price) - self.taken.get((other, price), 0)
                shown = free > 0 and not self.crossed()
                if own and not (shown and here.get(price, 0) < len(own[0].ahead or ())):
                    met = True
                    if incoming.self_trade is SelfTrade.TAKER_AT_CROSS:
                        break
                    displaced += [o.order_id for o in own]
                    self.orders = [o for o in self.orders if o not in own]
                if shown:
                    self.taken[other, price] = self.taken.get((other, price), 0) + 1
                    here[price] = here.get(price, 0) + 1
                    self.fills.append((incoming.order_id, incoming.side, DOLLAR - price))
                    bought += 1
                    stop = False
                    break
        left = incoming.quantity_e2 - bought
        killed = incoming.time_in_force is FOK and bought < wanted and not met
        if killed or (incoming.post_only and (bought or met)):
            self.taken, self.orders, self.fills = before
            return incoming.quantity_e2, []
        stopped = met and incoming.self_trade is SelfTrade.TAKER_AT_CROSS
        if not left or stopped or incoming.time_in_force is not GTC:
            return left, displaced
        self.orders.append(
            Resting(
                incoming.order_id,
                incoming.side,
                incoming.limit_e4,
                left,
                self.size(incoming.side, incoming.limit_e4),
                self.newest,
            )
        )
        return 0, displaced

    def amend(self, incoming):
        order = self.find(incoming.order_id)
        if incoming.limit_e4 == order.limit and incoming.quantity_e2 <= order.size:
            order.size = incoming.quantity_e2
            return
        before = list(self.orders)
        self.orders.remove(order)
        cancelled, _ = self.place(incoming)
        if incoming.post_only and cancelled:
            self.orders = before

    def cancel(self, order_id):
        self.orders.remove(self.find(order_id))

    def queue_ahead(self, order_id):
        order = self.find(order_id)
        level = [o for o in self.orders if (o.side, o.limit) == (order.side, order.limit)]
        return len(order.ahead) + sum(o.size for o in level[: level.index(order)])

    # ------------------------------------------------------------------------------ feed

    def change(self, side, price, change, at):
        self.advance(at)
        size = self.size(side, price) + change
        self.displayed[side].pop(price, None)
        if size:
            self.displayed[side][price] = size
        self.book_moved([(side, price)], at)

    def replace(self, yes, no, at):
        self.advance(at)
        self.displayed = {YES: dict(yes), NO: dict(no)}
        self.book_moved([(side, price) for side in Side for price in range(100, DOLLAR, 100)], at)

    def book_moved(self, levels, at):
        for side, price in levels:
            while self.taken.get((side, price), 0) > self.size(side, price):
                self.taken[side, price] -= 1
            for order in self.orders:
                if (order.side, order.limit) == (side, price):
                    order.see(self.size(side, price), at)
        if self.crossed():
            return
        for side in (YES, NO):
            for order in self.by_price_and_time(side):
                while order.size and self.cross_one(order):
                    self.fill_one(order)

    def cross_one(self, order):
        """Take one displayed hundredth that the order's limit reaches, the best first."""
        other = order.side.opposite
        for price in sorted(self.displayed[other], reverse=True):
            free = self.size(other, price) - self.taken.get((other, price), 0)
            if price + order.limit >= DOLLAR and free > 0:
                self.taken[other, price] = self.taken.get((other, price), 0) + 1
                return True
        return False

    def print_trade(self, yes_price, size, taker, at):
        self.advance(at)
        if self.crossed():
            return
        left = size
        for side in (YES, NO) if taker is None else (taker.opposite,):
            price = yes_price if side is YES else DOLLAR - yes_price
            for order in self.by_price_and_time(side):
                waited = at is None or order.joined is None or order.joined < at
                if order.limit < price or not waited:
                    continue
                for _ in range(left):
                    through = order.limit > price
                    if (through or order.is_reached_by_one(at)) and order.size:
                        self.fill_one(order)
                        left -= 1

    def fill_one(self, order):
        self.fills.append((order.order_id, order.side, order.limit))
        order.size -= 1
        if not order.size:
            self.orders.remove(order)


# ------------------------------------------------------------------------------------ the test

PRICES = [4_000, 5_000, 6_000, 7_000]


class Flow:
    """Random orders, feed and cancels in a book so narrow that they meet all the time."""

    def __init__(self, rng):
        self.rng = rng

    def size(self):
        return self.rng.randint(1, 12)

    def side(self):
        return self.rng.choice([YES, NO])

    def place(self):
        terms = self.rng.choice(["gtc", "gtc", "gtc", "gtc", "ioc", "fok", "post", "reduce"])
        self_trade = self.rng.choice(list(SelfTrade))
        price = self.rng.choice(PRICES)
        return self.side(), price, self.size(), terms, self_trade, self.rng.randint(-8, 8)

    def cancel(self):
        return (self.rng.randrange(30),)

    def amend(self):
        price = self.rng.choice([None, *PRICES])
        return self.rng.randrange(30), price, self.size(), self.rng.random() < 0.2

    def change(self):
        return self.side(), self.rng.choice(PRICES), self.rng.randint(-6, 6)

    def print(self):
        return self.rng.choice([YES, NO, None]), self.rng.choice(PRICES), self.size()

    def replace(self):
        books = []
        for _ in Side:
            prices = self.rng.sample([3_000, 4_000, 5_000], self.rng.randint(0, 3))
            books.append({price: self.size() for price in prices})
        return tuple(books)

    def next(self):
        kinds = ["place"] * 5 + ["change"] * 4 + ["print"] * 3 + ["amend", "cancel", "replace"]
        kind = self.rng.choice(kinds)
        return (kind, *getattr(self, kind)()), self.rng.choice([None, 0, 0, 1])


TERMS = {
    "gtc": {},
    "ioc": {"time_in_force": IOC},
    "fok": {"time_in_force": FOK},
    "post": {"post_only": True},
    "reduce": {"time_in_force": IOC, "reduce_only": True},
}


def one_by_one(executions):
    """(order, side, price) for every hundredth of a contract."""
    return [
        (found.order_id, found.side, found.price_e4)
        for found in executions
        for _ in range(found.quantity_e2)
    ]


class Both:
    """The same flow through both, compared after every step."""

    def __init__(self):
        self.fast, self.slow = Matching(), Reference()
        self.fast.replace({3_000: 6, 2_000: 4}, {5_000: 6, 4_000: 4})
        self.slow.replace({3_000: 6, 2_000: 4}, {5_000: 6, 4_000: 4}, None)
        self.placed = 0
        self.at = 0

    def step(self, step, passed):
        kind, *what = step
        if passed is not None:
            self.at += passed
        self.slow.fills.clear()
        executions = getattr(self, kind)(*what, None if passed is None else self.at)

        assert one_by_one(executions) == self.slow.fills
        self.compare()

    def compare(self):
        assert [
            (o.order_id, o.side, o.limit_e4, o.remaining_e2) for o in self.fast.resting.values()
        ] == [(o.order_id, o.side, o.limit, o.size) for o in self.slow.orders]
        for order_id in self.fast.resting:
            assert self.fast.queue_ahead_e2(order_id) == self.slow.queue_ahead(order_id)
        for side in Side:
            for price in range(1_000, DOLLAR, 1_000):
                free = self.slow.size(side, price) - self.slow.taken.get((side, price), 0)
                assert self.fast.available_e2(side, price) == free

    def place(self, side, price, size, terms, self_trade, position, _at):
        self.placed += 1
        incoming = Incoming(
            order_id=str(self.placed),
            side=side,
            limit_e4=price,
            quantity_e2=size,
            self_trade=self_trade,
            **TERMS[terms],
        )
        placement = self.fast.place(incoming, position)
        cancelled, displaced = self.slow.place(incoming, position)
        assert (placement.cancelled_e2, list(placement.displaced)) == (cancelled, displaced)
        return placement.executions

    def pick(self, place):
        ids = list(self.fast.resting)
        return ids[place % len(ids)] if ids else None

    def cancel(self, place, _at):
        order_id = self.pick(place)
        if order_id is not None:
            self.fast.cancel(order_id)
            self.slow.cancel(order_id)
        return ()

    def amend(self, place, price, size, post_only, _at):
        order_id = self.pick(place)
        if order_id is None:
            return ()
        order = self.fast.resting[order_id]
        incoming = Incoming(
            order_id=order_id,
            side=order.side,
            limit_e4=order.limit_e4 if price is None else price,
            quantity_e2=size,
            post_only=post_only,
        )
        placement = self.fast.amend(incoming)
        self.slow.amend(incoming)
        return placement.executions

    def change(self, side, price, change, at):
        change = max(change, -self.slow.size(side, price))
        self.slow.change(side, price, change, at)
        return self.fast.change(side, price, change, at)

    def print(self, taker, price, size, at):
        self.slow.print_trade(price, size, taker, at)
        return self.fast.print_trade(price, size, taker, at)

    def replace(self, yes, no, at):
        self.slow.replace(yes, no, at)
        return self.fast.replace(yes, no, at)


@settings(max_examples=100)
@given(rng=st.randoms(use_true_random=True))
def test_fills_rests_and_queues_as_the_slow_matcher_does(rng):
    both, flow = Both(), Flow(rng)
    for _ in range(40):
        both.step(*flow.next())
