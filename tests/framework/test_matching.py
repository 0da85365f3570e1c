"""One market's matching: every rule by example, and what must hold for any feed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.matching import CancelReason, Execution, Incoming, Matching, SelfTrade
from framework.model.orders import TimeInForce
from framework.model.units import Side

YES, NO = Side.YES, Side.NO
IOC, FOK = TimeInForce.IMMEDIATE_OR_CANCEL, TimeInForce.FILL_OR_KILL


def matching(yes=(), no=()):
    """A book of (price, size) bids in cents and contracts."""
    market = Matching()
    market.replace(
        {price * 100: size * 100 for price, size in yes},
        {price * 100: size * 100 for price, size in no},
    )
    return market


def order(side=YES, cents=60, contracts=10, order_id="a", **more):
    return Incoming(
        order_id=order_id, side=side, limit_e4=cents * 100, quantity_e2=contracts * 100, **more
    )


def got(executions):
    """(cents, contracts) of every execution."""
    return [(found.price_e4 // 100, found.quantity_e2 // 100) for found in executions]


class TestTaking:
    def test_takes_the_best_levels_first_each_at_its_own_price(self):
        market = matching(no=[(40, 5), (42, 4), (45, 3)])
        placement = market.place(order(cents=60, contracts=10))

        assert got(placement.executions) == [(55, 3), (58, 4), (60, 3)]
        assert placement.resting_e2 == placement.cancelled_e2 == 0

    def test_never_takes_beyond_the_limit(self):
        market = matching(no=[(40, 5), (39, 100)])
        placement = market.place(order(cents=60, contracts=10))

        assert got(placement.executions) == [(60, 5)]
        assert placement.resting_e2 == 500

    def test_buys_no_from_yes_bids(self):
        placement = matching(yes=[(85, 5)]).place(order(NO, cents=15, contracts=5))

        assert placement.executions == (Execution("a", NO, 1_500, 500, is_taker=True),)

    def test_buys_the_same_displayed_size_once(self):
        market = matching(no=[(40, 5)])
        market.place(order(contracts=5, time_in_force=IOC))
        again = market.place(order(order_id="b", contracts=5, time_in_force=IOC))

        assert got(again.executions) == []
        assert market.book.size(NO, 4_000) == 500

    def test_new_size_is_new_liquidity(self):
        market = matching(no=[(40, 5)])
        market.place(order(contracts=5, time_in_force=IOC))
        market.change(NO, 4_000, 200)
        again = market.place(order(order_id="b", contracts=5, time_in_force=IOC))

        assert got(again.executions) == [(60, 2)]

    def test_what_was_taken_shrinks_with_the_displayed_size(self):
        market = matching(no=[(40, 5)])
        market.place(order(contracts=5, time_in_force=IOC))
        market.change(NO, 4_000, -400)
        market.change(NO, 4_000, 400)
        again = market.place(order(order_id="b", contracts=5, time_in_force=IOC))

        assert got(again.executions) == [(60, 4)]

    def test_a_snapshot_does_not_offer_again_what_was_taken(self):
        market = matching(no=[(40, 5)])
        market.place(order(contracts=5, time_in_force=IOC))
        market.replace({}, {4_000: 500})

        assert market.available_e2(NO, 4_000) == 0

    def test_cancels_what_an_immediate_order_can_not_get(self):
        placement = matching(no=[(40, 4)]).place(order(time_in_force=IOC))

        assert got(placement.executions) == [(60, 4)]
        assert (placement.resting_e2, placement.cancelled_e2) == (0, 600)
        assert placement.reason is CancelReason.UNFILLED

    def test_fills_or_kills_whole(self):
        killed = matching(no=[(40, 9)]).place(order(time_in_force=FOK))
        filled = matching(no=[(40, 10)]).place(order(time_in_force=FOK))

        assert (killed.executions, killed.cancelled_e2) == ((), 1_000)
        assert filled.filled_e2 == 1_000

    def test_post_only_is_refused_where_it_would_take(self):
        placement = matching(no=[(40, 1)]).place(order(post_only=True))

        assert placement.executions == ()
        assert placement.reason is CancelReason.POST_ONLY_CROSS

    def test_post_only_rests_below_the_ask(self):
        assert matching(no=[(40, 1)]).place(order(cents=59, post_only=True)).resting_e2 == 1_000

    @pytest.mark.parametrize(("position", "filled"), [(400, 400), (2_000, 1_000), (0, 0), (-5, 0)])
    def test_reduce_only_stops_at_the_position(self, position, filled):
        market = matching(yes=[(80, 50)])
        placement = market.place(
            order(NO, cents=20, time_in_force=IOC, reduce_only=True), position_e2=position
        )

        assert placement.filled_e2 == filled
        assert placement.cancelled_e2 == 1_000 - filled

    def test_tells_a_reduce_only_remainder_from_a_missing_counterparty(self):
        reached = matching(yes=[(80, 50)]).place(
            order(NO, cents=20, time_in_force=IOC, reduce_only=True), position_e2=400
        )
        thin = matching(yes=[(80, 2)]).place(
            order(NO, cents=20, time_in_force=IOC, reduce_only=True), position_e2=400
        )

        assert reached.reason is CancelReason.REDUCE_ONLY
        assert thin.reason is CancelReason.UNFILLED

    @pytest.mark.parametrize("news", [[], [(NO, 6_000, 100)], [(NO, 4_000, -999)]])
    def test_takes_nothing_from_a_book_that_can_not_be_trusted(self, news):
        market = Matching() if not news else matching(yes=[(50, 1)], no=[(40, 1)])
        for side, price, change in news:
            market.change(side, price, change)
        placement = market.place(order(cents=99, time_in_force=IOC))

        assert not market.book.valid
        assert placement.executions == ()


class TestQueue:
    def test_waits_behind_the_displayed_size(self):
        market = matching(yes=[(60, 20)])
        market.place(order())

        assert got(market.print_trade(6_000, 2_000, NO)) == []
        assert got(market.print_trade(6_000, 400, NO)) == [(60, 4)]
        assert got(market.print_trade(6_000, 900, NO)) == [(60, 6)]
        assert not market.resting

    def test_is_filled_by_the_rest_of_a_print_that_eats_the_queue(self):
        market = matching(yes=[(60, 20)])
        market.place(order())

        assert got(market.print_trade(6_000, 2_300, NO)) == [(60, 3)]

    def test_a_print_through_the_limit_fills_at_the_limit(self):
        market = matching(yes=[(60, 20), (58, 20)])
        market.place(order())

        assert got(market.print_trade(5_800, 700, NO)) == [(60, 7)]

    def test_a_print_behind_the_limit_does_not_concern_it(self):
        market = matching(yes=[(61, 20), (60, 1)])
        market.place(order())

        assert market.print_trade(6_100, 9_000, NO) == []

    def test_a_print_that_lifted_the_other_side_does_not_fill(self):
        market = matching(no=[(39, 10)])
        market.place(order())

        assert market.print_trade(6_100, 1_000, YES) == []

    def test_a_print_of_unknown_taker_may_have_met_either_side(self):
        market = matching()
        market.place(order(NO, cents=30))

        assert got(market.print_trade(7_000, 300, None)) == [(30, 3)]

    def test_size_behind_goes_before_size_ahead(self):
        market = matching(yes=[(60, 20)])
        market.place(order())
        market.change(YES, 6_000, 1_000)
        market.change(YES, 6_000, -1_000)

        assert market.resting["a"].ahead_e2 == 2_000

    def test_a_level_below_the_queue_pulls_it_down(self):
        market = matching(yes=[(60, 20)])
        market.place(order())
        market.change(YES, 6_000, -1_500)

        assert market.resting["a"].ahead_e2 == 500

    def test_own_orders_are_filled_in_the_order_they_came(self):
        market = matching(yes=[(60, 5)])
        market.place(order(order_id="a", contracts=3))
        market.change(YES, 6_000, 200)
        market.place(order(order_id="b", contracts=3))
        executions = market.print_trade(6_000, 900, NO)
        later = market.print_trade(6_000, 200, NO)

        assert [(e.order_id, e.quantity_e2) for e in executions] == [("a", 300)]
        assert [(e.order_id, e.quantity_e2) for e in later] == [("b", 100)]

    def test_the_better_own_price_is_filled_first(self):
        market = matching()
        market.place(order(order_id="low", cents=59))
        market.place(order(order_id="high", cents=60))
        executions = market.print_trade(5_900, 1_200, NO)

        assert [(e.order_id, e.quantity_e2) for e in executions] == [("high", 1_000), ("low", 200)]

    @pytest.mark.parametrize("change_first", [True, False])
    def test_one_execution_told_twice_eats_the_queue_once(self, change_first):
        market = matching(yes=[(60, 20)])
        market.place(order())
        steps = [
            lambda: market.change(YES, 6_000, -500, 77),
            lambda: market.print_trade(6_000, 500, NO, 77),
        ]
        for step in steps if change_first else reversed(steps):
            assert step() == []

        assert market.resting["a"].ahead_e2 == 1_500

    @pytest.mark.parametrize("change_first", [True, False])
    def test_one_execution_told_twice_fills_once(self, change_first):
        market = matching(yes=[(60, 20)])
        market.place(order())
        steps = [
            lambda: market.change(YES, 6_000, -2_000, 77),
            lambda: market.print_trade(6_000, 2_000, NO, 77),
        ]
        found = [e for step in (steps if change_first else steps[::-1]) for e in step()]

        assert found == []
        assert market.resting["a"].ahead_e2 == 0

    def test_a_cancel_ahead_does_not_hide_a_later_print(self):
        market = matching(yes=[(60, 20)])
        market.place(order())
        market.change(YES, 6_000, -2_000, 77)

        assert got(market.print_trade(6_000, 300, NO, 78)) == [(60, 3)]

    def test_a_print_older_than_the_order_does_not_fill_it(self):
        market = matching(yes=[(60, 20)])
        market.change(YES, 6_000, -2_000, 77)
        market.place(order())

        assert market.print_trade(6_000, 2_000, NO, 77) == []
        assert got(market.print_trade(6_000, 100, NO, 78)) == [(60, 1)]

    def test_a_book_that_was_missing_puts_the_order_last(self):
        market = Matching()
        market.place(order())
        market.replace({6_000: 700}, {})

        assert market.resting["a"].ahead_e2 == 700

    def test_a_crossing_offer_fills_at_our_limit(self):
        market = matching(yes=[(55, 5)], no=[(39, 5)])
        market.place(order())

        assert got(market.change(NO, 4_200, 400)) == [(60, 4)]
        assert market.available_e2(NO, 4_200) == 0

    def test_a_crossing_offer_is_used_once(self):
        market = matching()
        market.place(order(contracts=3))
        market.place(order(order_id="b", contracts=3))
        executions = market.change(NO, 4_000, 400)

        assert [(e.order_id, e.quantity_e2) for e in executions] == [("a", 300), ("b", 100)]
        assert market.change(YES, 100, 100) == []

    def test_a_crossing_snapshot_fills(self):
        market = Matching()
        market.place(order())

        assert got(market.replace({}, {4_500: 200, 4_000: 300, 3_900: 999})) == [(60, 2), (60, 3)]

    def test_a_crossed_book_fills_nobody(self):
        market = matching(yes=[(60, 5)])
        market.place(order())

        assert market.change(NO, 4_200, 400) == []
        assert market.print_trade(5_000, 900, NO) == []


class TestOwnOrders:
    def test_cancel_returns_what_remained(self):
        market = matching()
        market.place(order())
        market.print_trade(6_000, 400, NO)

        assert market.cancel("a") == 600
        with pytest.raises(KeyError):
            market.cancel("a")

    def test_sweep_takes_every_order_out(self):
        market = matching()
        market.place(order())
        market.place(order(NO, cents=20, order_id="b"))

        assert market.sweep() == [("a", 1_000), ("b", 1_000)]
        assert not market.resting

    def test_the_taker_yields_to_its_own_resting_order(self):
        market = matching(no=[(41, 2), (40, 3)])
        market.place(order(NO, cents=40, order_id="own"))
        market.change(NO, 4_000, 500)
        placement = market.place(order(cents=60, contracts=10))

        assert got(placement.executions) == [(59, 2), (60, 3)]
        assert placement.reason is CancelReason.SELF_TRADE
        assert list(market.resting) == ["own"]

    def test_the_maker_yields_when_asked_to(self):
        market = matching(no=[(40, 3)])
        market.place(order(NO, cents=40, order_id="own"))
        placement = market.place(order(contracts=5, self_trade=SelfTrade.MAKER))

        assert placement.displaced == ("own",)
        assert got(placement.executions) == [(60, 3)]
        assert list(market.resting) == ["a"]

    def test_a_fill_or_kill_that_meets_itself_keeps_what_it_got(self):
        market = matching(no=[(40, 3)])
        market.place(order(NO, cents=40, order_id="own"))
        placement = market.place(order(contracts=5, time_in_force=FOK))

        assert got(placement.executions) == [(60, 3)]

    @pytest.mark.parametrize(
        "terms",
        [
            {"contracts": 0},
            {"post_only": True, "time_in_force": IOC},
            {"reduce_only": True},
            {"reduce_only": True, "time_in_force": FOK},
        ],
    )
    def test_refuses_terms_that_exclude_each_other(self, terms):
        with pytest.raises(ValueError, match="must be"):
            order(**terms)


class TestAmending:
    def resting(self, contracts=10, **more):
        market = matching(yes=[(50, 20)], no=[(40, 5)])
        market.place(order(cents=50, contracts=contracts, **more))
        market.change(YES, 5_000, 3_000)
        return market

    def test_less_of_it_keeps_its_place(self):
        market = self.resting()
        market.amend(order(cents=50, contracts=4))

        assert market.queue_ahead_e2("a") == 2_000
        assert market.resting["a"].remaining_e2 == 400

    def test_more_of_it_goes_to_the_end(self):
        market = self.resting()
        market.amend(order(cents=50, contracts=11))

        assert market.queue_ahead_e2("a") == 5_000

    def test_another_price_goes_to_the_end_even_with_less(self):
        market = self.resting()
        market.amend(order(cents=51, contracts=4))
        market.amend(order(cents=50, contracts=4))

        assert market.queue_ahead_e2("a") == 5_000

    def test_more_of_it_lets_a_younger_order_of_ours_pass(self):
        market = self.resting()
        market.place(order(cents=50, contracts=2, order_id="b"))
        market.amend(order(cents=50, contracts=12))

        assert list(market.resting) == ["b", "a"]
        assert market.queue_ahead_e2("a") == 5_000 + 200

    def test_a_better_price_may_take_at_once(self):
        market = self.resting()
        placement = market.amend(order(cents=60, contracts=8))

        assert got(placement.executions) == [(60, 5)]
        assert placement.resting_e2 == 300

    def test_a_post_only_order_that_would_cross_stays_where_it_was(self):
        market = self.resting()
        market.place(order(cents=50, contracts=2, order_id="b"))
        placement = market.amend(order(cents=60, post_only=True))

        assert placement.reason is CancelReason.POST_ONLY_CROSS
        assert list(market.resting) == ["a", "b"]
        assert market.queue_ahead_e2("a") == 2_000

    def test_it_meets_our_other_side_like_a_new_order(self):
        market = self.resting()
        market.place(order(NO, cents=45, contracts=2, order_id="b"))
        placement = market.amend(order(cents=56, contracts=8))

        assert placement.reason is CancelReason.SELF_TRADE
        assert list(market.resting) == ["b"]

    def test_nobody_amends_what_does_not_rest(self):
        with pytest.raises(KeyError):
            matching().amend(order())


class TestHalt:
    def test_neither_prints_nor_the_book_fill_anybody(self):
        market = matching(yes=[(50, 1)])
        market.place(order(cents=50))
        market.halted = True

        assert market.print_trade(4_000, 900, NO) == []
        assert market.change(NO, 5_500, 300) == []

    def test_the_book_as_it_is_then_fills_when_trading_resumes(self):
        market = matching(yes=[(50, 1)])
        market.place(order(cents=50))
        market.halted = True
        market.replace({}, {5_500: 300})

        assert got(market.resume()) == [(50, 3)]


class TestLots:
    def whole(self, **more):
        return order(lot_e2=100, **more)

    def test_of_each_level_whole_lots_are_taken(self):
        market = Matching()
        market.replace({}, {4_200: 250, 4_100: 99, 4_000: 1_000})
        placement = market.place(self.whole(contracts=4))

        assert [(e.price_e4, e.quantity_e2) for e in placement.executions] == [
            (5_800, 200),
            (6_000, 200),
        ]

    def test_of_a_print_whole_lots_reach_a_resting_order(self):
        market = matching()
        market.place(self.whole(contracts=10))

        assert [e.quantity_e2 for e in market.print_trade(6_000, 350, NO)] == [300]
        assert market.print_trade(6_000, 99, NO) == []
        assert market.resting["a"].remaining_e2 == 700

    def test_what_a_print_leaves_is_for_the_next_order(self):
        market = matching()
        market.place(self.whole(contracts=10))
        market.place(order(order_id="b"))

        assert [(e.order_id, e.quantity_e2) for e in market.print_trade(6_000, 350, NO)] == [
            ("a", 300),
            ("b", 50),
        ]

    def test_of_a_crossing_book_whole_lots_are_taken_once(self):
        market = matching()
        market.place(self.whole(contracts=10))

        assert [e.quantity_e2 for e in market.change(NO, 4_000, 350)] == [300]
        assert market.change(NO, 4_000, 49) == []
        assert [e.quantity_e2 for e in market.change(NO, 4_000, 1)] == [100]

    def test_an_order_that_cannot_be_filled_in_lots_is_killed(self):
        market = Matching()
        market.replace({}, {4_000: 399})

        assert market.place(self.whole(contracts=4, time_in_force=FOK)).cancelled_e2 == 400


# ----------------------------------------------------------------------------------- properties

PRICES = st.integers(1, 9)
SIZES = st.integers(1, 50)
SIDES = st.sampled_from([YES, NO])
FEED = st.one_of(
    st.tuples(st.just("change"), SIDES, PRICES, st.integers(-50, 50)),
    st.tuples(st.just("print"), st.sampled_from([YES, NO, None]), PRICES, SIZES),
    st.tuples(st.just("replace"), SIDES, PRICES, SIZES),
)
PLACE = st.tuples(
    st.just("place"), SIDES, PRICES, SIZES, st.sampled_from(list(TimeInForce)), st.booleans()
)
STEPS = st.lists(st.one_of(FEED, PLACE), max_size=40)


class Session:
    """Runs steps on a market and keeps the account of every order."""

    def __init__(self, lot=1):
        self.lot = lot
        self.market = matching(yes=[(3, 5)], no=[(4, 5)])
        self.orders = {}
        self.filled = {}
        self.cancelled = {}

    def run(self, steps):
        for step in steps:
            self.step(*step)
        return self

    def step(self, kind, side, tenths, size, *terms):
        price = tenths * 1_000
        if kind == "place":
            self.place(side, price, size, *terms)
        elif kind == "print":
            executions = self.market.print_trade(price, size, side)
            assert sum(e.quantity_e2 for e in executions) <= size
            self.book(executions)
        elif kind == "replace":
            yes, no = ({price: size}, {}) if side is YES else ({}, {price: size})
            self.book(self.market.replace(yes, no))
        else:
            change = max(size, -self.market.book.size(side, price))
            self.book(self.market.change(side, price, change))

    def place(self, side, price, size, time_in_force, post_only):
        rests = time_in_force is TimeInForce.GOOD_TILL_CANCELLED
        name = str(len(self.orders))
        self.orders[name] = incoming = Incoming(
            order_id=name,
            side=side,
            limit_e4=price,
            quantity_e2=size * self.lot,
            time_in_force=time_in_force,
            post_only=post_only and rests,
            lot_e2=self.lot,
        )
        opposite = side.opposite
        displayed = sum(
            shown for at, shown in self.market.book.bids(opposite) if at >= 10_000 - price
        )
        placement = self.market.place(incoming)
        self.book(placement.executions)
        assert placement.filled_e2 <= displayed
        self.cancelled[name] = placement.cancelled_e2

    def book(self, executions):
        if executions:
            assert self.market.book.valid
        for execution in executions:
            incoming = self.orders[execution.order_id]
            assert execution.side is incoming.side
            assert execution.price_e4 <= incoming.limit_e4
            assert execution.quantity_e2 % self.lot == 0
            self.filled[execution.order_id] = (
                self.filled.get(execution.order_id, 0) + execution.quantity_e2
            )


@given(STEPS, st.sampled_from([1, 7]))
def test_every_contract_of_an_order_is_filled_resting_or_cancelled(steps, lot):
    session = Session(lot).run(steps)
    for name, incoming in session.orders.items():
        resting = session.market.resting.get(name)
        remaining = resting.remaining_e2 if resting else 0

        assert (
            session.filled.get(name, 0) + remaining + session.cancelled[name]
            == incoming.quantity_e2
        )


@given(STEPS)
def test_never_more_taken_than_displayed(steps):
    market = Session().run(steps).market
    for side in (YES, NO):
        for price, _ in market.book.bids(side):
            assert market.available_e2(side, price) >= 0


@given(STEPS)
def test_the_book_is_what_the_feed_says_whatever_we_do(steps):
    feed = [step for step in steps if step[0] != "place"]
    with_orders, without = Session().run(steps).market, Session().run(feed).market

    assert with_orders.book.bids(YES) == without.book.bids(YES)
    assert with_orders.book.bids(NO) == without.book.bids(NO)


@given(STEPS)
def test_no_order_of_ours_ever_crosses_another(steps):
    resting = Session().run(steps).market.resting.values()
    best = {
        side: max((found.limit_e4 for found in resting if found.side is side), default=0)
        for side in (YES, NO)
    }

    assert best[YES] + best[NO] < 10_000


def _pieces(step):
    """The same news in two messages; other steps as they are."""
    kind, side, price, size = step[:4]
    if kind not in ("change", "print") or abs(size) < 2:
        return [step]
    return [(kind, side, price, size // 2), (kind, side, price, size - size // 2)]


def _clipped(step, book):
    """A change that leaves no negative size."""
    kind, side, price, size = step[:4]
    if kind != "change":
        return step
    return (kind, side, price, max(size, -book.size(side, price * 1_000)))


@given(STEPS)
def test_news_in_pieces_fill_as_much_as_in_one(steps):
    whole, pieces = Session(), Session()
    for step in steps:
        clipped = _clipped(step, whole.market.book)
        whole.step(*clipped)
        pieces.run(_pieces(clipped))

        assert pieces.filled == whole.filled
