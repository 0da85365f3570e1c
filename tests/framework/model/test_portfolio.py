from decimal import Decimal
from fractions import Fraction

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.model.market import Settlement
from framework.model.orders import Fill
from framework.model.portfolio import DAY_US, RESULTS_KEPT, Portfolio, Position
from framework.model.units import Side, complement
from framework.testing import builders

OPENING = 1_000_000_000
TICKERS = ("A", "B")
YES, NO = Side.YES, Side.NO


def fill(
    trade_id="t",
    side=YES,
    price_e4=5000,
    quantity_e2=100,
    *,
    fee_e6=0,
    at_us=0,
    ticker="A",
    order_id="o",
    shard=0,
):
    return Fill(
        trade_id=trade_id,
        order_id=order_id,
        client_order_id=None,
        ticker=ticker,
        side=side,
        price_e4=price_e4,
        quantity_e2=quantity_e2,
        fee_e6=fee_e6,
        is_taker=True,
        at_us=at_us,
        shard=shard,
    )


def paid(yes_pays_e4, *, fee_e6=0, at_us=0, ticker="A"):
    result = {0: "no", 10_000: "yes"}.get(yes_pays_e4, "scalar")
    return Settlement(
        ticker=ticker, at_us=at_us, result=result, yes_pays_e4=yes_pays_e4, fee_e6=fee_e6
    )


def booked(*fills, cash_e6=OPENING, strategy=None):
    portfolio = Portfolio(cash_e6)
    for one in fills:
        portfolio.apply(one, strategy)
    return portfolio


def mirrored(one):
    """Return the same trade with the two outcomes swapped."""
    return msgspec.structs.replace(one, side=one.side.opposite)


def money(portfolio):
    return (
        portfolio.cash_e6,
        portfolio.realized_e6,
        portfolio.fees_e6,
        portfolio.cost_e6,
        {ticker: (held.quantity_e2, held.cost_e6) for ticker, held in portfolio.positions.items()},
    )


def signed(portfolio, ticker):
    held = portfolio.position(ticker)
    if held is None:
        return 0
    return held.quantity_e2 if held.side is YES else -held.quantity_e2


trades = st.builds(
    fill,
    st.just("t"),
    st.sampled_from(Side),
    st.integers(1, 9_999),
    st.integers(1, 700),
    fee_e6=st.integers(-100, 20_000),
    at_us=st.integers(0, 10**6),
    ticker=st.sampled_from(TICKERS),
)


def _numbered(some):
    return [msgspec.structs.replace(one, trade_id=str(n)) for n, one in enumerate(some)]


histories = st.lists(trades, max_size=25).map(_numbered)
payouts = st.one_of(st.sampled_from([0, 10_000]), st.integers(0, 10_000))


class TestConservation:
    @given(
        histories,
        st.randoms(use_true_random=False),
        st.dictionaries(st.sampled_from(TICKERS), payouts),
    )
    def test_cash_and_cost_less_realized_never_changes(self, history, shuffle, settlements):
        """Under any order of fills, repeats, flips, fees and any settlement."""
        steps = [*history, *history[:5]]
        shuffle.shuffle(steps)
        portfolio = Portfolio(OPENING)
        for step in steps:
            portfolio.apply(step)
            assert portfolio.cash_e6 + portfolio.cost_e6 - portfolio.realized_e6 == OPENING
        for ticker, pays in settlements.items():
            portfolio.settle(paid(pays, fee_e6=3, ticker=ticker))
            assert portfolio.cash_e6 + portfolio.cost_e6 - portfolio.realized_e6 == OPENING

    @given(histories, st.randoms(use_true_random=False))
    def test_cash_and_position_do_not_depend_on_the_order(self, history, shuffle):
        shuffled = list(history)
        shuffle.shuffle(shuffled)
        one, other = booked(*history), booked(*shuffled)

        assert one.cash_e6 == other.cash_e6
        assert one.fees_e6 == other.fees_e6 == sum(some.fee_e6 for some in history)
        assert [signed(one, t) for t in TICKERS] == [signed(other, t) for t in TICKERS]

    @given(histories)
    def test_cash_is_what_was_paid_less_a_dollar_for_every_pair(self, history):
        portfolio = booked(*history)
        cash = OPENING
        for ticker in TICKERS:
            here = [some for some in history if some.ticker == ticker]
            held = {side: sum(f.quantity_e2 for f in here if f.side is side) for side in Side}
            cash -= sum(f.price_e4 * f.quantity_e2 + f.fee_e6 for f in here)
            cash += 10_000 * min(held.values())

            assert signed(portfolio, ticker) == held[YES] - held[NO]
        assert portfolio.cash_e6 == cash

    @given(histories)
    def test_a_repeated_fill_changes_nothing(self, history):
        portfolio = booked(*history)
        before = money(portfolio)
        again = [portfolio.apply(some, "another") for some in history]

        assert again == [None] * len(history)
        assert money(portfolio) == before
        assert all(portfolio.knows(some) for some in history)

    @given(histories)
    def test_what_is_returned_adds_up_to_what_is_realized(self, history):
        portfolio = Portfolio(OPENING)
        returned = sum(portfolio.apply(some) or 0 for some in history)
        returned += sum(portfolio.settle(paid(4_321, fee_e6=7, ticker=t)) or 0 for t in TICKERS)

        assert returned == portfolio.realized_e6

    @given(histories, payouts)
    def test_settled_flat_cash_has_moved_by_the_realized_profit(self, history, pays):
        portfolio = booked(*history)
        for ticker in TICKERS:
            portfolio.settle(paid(pays, ticker=ticker))

        assert dict(portfolio.positions) == {}
        assert portfolio.cost_e6 == 0
        assert portfolio.cash_e6 == OPENING + portfolio.realized_e6


class TestBothOutcomesAreOne:
    @given(histories, payouts)
    def test_swapping_the_outcomes_changes_no_money(self, history, pays):
        one = booked(*history)
        other = booked(*map(mirrored, history))
        open_ones = money(one), money(other)
        for ticker in TICKERS:
            one.settle(paid(pays, fee_e6=5, ticker=ticker))
            other.settle(paid(complement(pays), fee_e6=5, ticker=ticker))

        assert open_ones[0] == open_ones[1]
        assert money(one) == money(other)

    @given(st.integers(1, 9_999), st.integers(1, 9_999), st.integers(1, 10**6), payouts)
    def test_buying_no_at_q_is_selling_yes_at_one_less_q(self, p, q, quantity, pays):
        """Against the arithmetic of a seller: bought at p, sold at 1 - q, the rest is settled."""
        bought = booked(fill("a", YES, p, quantity))
        realized = bought.apply(fill("b", NO, q, quantity))
        opened = booked(fill("a", NO, q, quantity))
        exposure = opened.cost_e6
        settled = opened.settle(paid(pays))

        assert realized == (complement(q) - p) * quantity
        assert bought.cash_e6 == OPENING + realized
        assert exposure == q * quantity == (10_000 - complement(q)) * quantity
        assert settled == (complement(q) - pays) * quantity


class TestPosition:
    def test_a_fill_opens_one(self):
        held = booked(fill(side=NO, price_e4=700, quantity_e2=250, at_us=9), strategy="s").position(
            "A"
        )

        assert (held.side, held.quantity, held.cost) == (NO, Decimal("2.5"), Decimal("0.175"))
        assert (held.strategy, held.opened_us) == ("s", 9)

    def test_fees_are_no_cost_but_a_loss(self):
        portfolio = Portfolio(OPENING)
        realized = portfolio.apply(fill(fee_e6=1_750))

        assert realized == -1_750
        assert portfolio.cost_e6 == 500_000
        assert portfolio.cash_e6 == OPENING - 501_750

    def test_a_fill_adds_to_it(self):
        held = booked(
            fill("a", price_e4=5000, at_us=1), fill("b", price_e4=6000, at_us=2)
        ).position("A")

        assert (held.quantity_e2, held.cost_e6) == (200, 1_100_000)
        assert (held.entry_price, held.opened_us) == (Decimal("0.55"), 1)

    def test_another_strategys_fill_does_not_take_it_over(self):
        portfolio = booked(fill("a"), strategy="first")
        portfolio.apply(fill("b"), "second")
        portfolio.apply(fill("c", NO, quantity_e2=150), "third")

        assert portfolio.position("A").strategy == "first"

    def test_a_partial_close_leaves_the_rest_at_its_entry_price(self):
        portfolio = booked(fill("a", price_e4=4000, quantity_e2=1000, at_us=1))
        realized = portfolio.apply(fill("b", NO, 5000, 400, at_us=2))
        held = portfolio.position("A")

        assert realized == 1_000 * 400
        assert (held.quantity_e2, held.entry_price, held.opened_us) == (600, Decimal("0.40"), 1)

    def test_closing_all_of_it_leaves_nothing(self):
        portfolio = booked(fill("a"), fill("b", NO))

        assert portfolio.position("A") is None
        assert dict(portfolio.positions) == {}
        assert list(portfolio) == []

    def test_a_fill_larger_than_it_turns_it_round(self):
        portfolio = booked(fill("a", YES, 4000, 1000, at_us=1), strategy="first")
        realized = portfolio.apply(fill("b", NO, 5000, 1500, at_us=2), "second")
        held = portfolio.position("A")

        assert realized == 1_000 * 1000
        assert (held.side, held.quantity_e2, held.cost_e6) == (NO, 500, 2_500_000)
        assert (held.strategy, held.opened_us) == ("second", 2)

    @given(histories)
    def test_its_cost_lies_between_nothing_and_a_dollar_a_contract(self, history):
        for held in booked(*history):
            assert held.quantity_e2 > 0
            assert 0 <= held.cost_e6 <= 10_000 * held.quantity_e2

    @given(st.lists(st.tuples(st.integers(1, 9_999), st.integers(1, 700)), min_size=1, max_size=12))
    def test_its_entry_price_is_the_average_to_the_nearest_step(self, bought):
        held = booked(*(fill(str(n), YES, *terms) for n, terms in enumerate(bought))).position("A")
        average = Fraction(sum(p * q for p, q in bought), sum(q for _, q in bought)) / 10_000

        assert abs(Fraction(held.entry_price) - average) <= Fraction(1, 20_000)

    @given(histories)
    def test_a_partial_close_moves_the_average_by_less_than_a_unit(self, history):
        portfolio = booked(*history)
        for before in list(portfolio):
            if before.quantity_e2 > 1:
                ticker = before.ticker
                portfolio.apply(
                    fill(f"last {ticker}", before.side.opposite, 5000, 1, ticker=ticker)
                )
                after = portfolio.position(before.ticker)
                exact = Fraction(before.cost_e6, before.quantity_e2)
                assert abs(Fraction(after.cost_e6) - exact * after.quantity_e2) < 1

    def test_it_is_worth_its_bid(self):
        held = booked(fill(quantity_e2=300)).position("A")

        assert held.value_e6(4_500) == 1_350_000
        assert held.value_e6(0) == 0
        assert held.value_e6(None) is None

    def test_it_can_not_be_changed(self):
        portfolio = booked(fill())
        with pytest.raises(AttributeError):
            portfolio.position("A").quantity_e2 = 0

    def test_the_portfolio_can_not_be_changed_through_what_it_shows(self):
        portfolio = booked(fill())

        with pytest.raises((TypeError, AttributeError)):
            portfolio.positions["B"] = portfolio.position("A")
        with pytest.raises((TypeError, AttributeError)):
            portfolio.positions.clear()

    def test_a_mapping_once_taken_shows_the_present(self):
        portfolio = booked()
        taken = portfolio.positions
        portfolio.apply(fill())

        assert set(portfolio.positions) == {"A"}
        assert isinstance(next(iter(portfolio)), Position)
        assert set(taken) <= {"A"}


class TestSettlement:
    @pytest.mark.parametrize(
        ("side", "pays", "realized"),
        [
            (YES, 10_000, 6_000),
            (YES, 0, -4_000),
            (YES, 2_500, -1_500),
            (NO, 10_000, -4_000),
            (NO, 0, 6_000),
            (NO, 2_500, 3_500),
        ],
    )
    def test_it_pays_each_side_its_share_of_a_dollar(self, side, pays, realized):
        portfolio = booked(fill(side=side, price_e4=4_000, quantity_e2=700))

        assert portfolio.settle(paid(pays)) == realized * 700
        assert portfolio.cash_e6 == OPENING + realized * 700
        assert portfolio.position("A") is None

    def test_what_the_exchange_keeps_is_a_fee(self):
        portfolio = booked(fill(price_e4=4_000, quantity_e2=100))

        assert portfolio.settle(paid(2_555, fee_e6=5_500)) == -1_445 * 100 - 5_500
        assert portfolio.fees_e6 == 5_500

    def test_it_pays_once(self):
        portfolio = booked(fill())
        portfolio.settle(paid(10_000))
        before = money(portfolio)

        assert portfolio.settle(paid(10_000)) is None
        assert money(portfolio) == before

    def test_it_pays_nothing_to_the_flat(self):
        portfolio = booked()

        assert portfolio.settle(paid(10_000, fee_e6=1)) is None
        assert money(portfolio) == (OPENING, 0, 0, 0, {})

    def test_a_fill_told_after_a_payment_missed_it_is_paid_when_told_again(self):
        """A settlement while flat is nobody's payment, so it can't have been the position's."""
        portfolio = booked()
        portfolio.settle(paid(10_000))
        portfolio.apply(fill())

        assert portfolio.settle(paid(10_000)) == 500_000

    def test_a_fill_told_after_the_payment_is_paid_when_it_is_told_again(self):
        late = booked(fill("a", YES, 4_000, 100))
        late.settle(paid(2_500, fee_e6=30))
        late.apply(fill("b", YES, 4_100, 50))
        realized = late.settle(paid(2_500, fee_e6=30))
        in_time = booked(fill("a", YES, 4_000, 100), fill("b", YES, 4_100, 50))
        in_time.settle(paid(2_500, fee_e6=30))

        assert realized == -1_600 * 50
        assert money(late) == money(in_time)

    def test_it_leaves_other_markets_alone(self):
        portfolio = booked(fill("a"), fill("b", ticker="B"))
        portfolio.settle(paid(0))

        assert set(portfolio.positions) == {"B"}


class TestActivity:
    def test_there_is_none_before_the_first_fill(self):
        activity = booked().activity("A")

        assert (activity.entries, activity.last_entry_us, activity.last_exit_us) == (0, None, None)

    def test_the_parts_of_one_order_are_one_entry(self):
        activity = booked(fill("a", at_us=1), fill("b", at_us=2)).activity("A")

        assert activity.entries == 1
        assert activity.last_exit_us is None

    def test_leaving_and_coming_back_is_a_second_entry(self):
        portfolio = booked(fill("a", at_us=1), fill("b", NO, at_us=2), fill("c", at_us=3))
        activity = portfolio.activity("A")

        assert (activity.entries, activity.last_entry_us, activity.last_exit_us) == (2, 3, 2)

    def test_turning_round_is_leaving_and_entering(self):
        portfolio = booked(fill("a", at_us=1), fill("b", NO, quantity_e2=150, at_us=2))
        activity = portfolio.activity("A")

        assert (activity.entries, activity.last_entry_us, activity.last_exit_us) == (2, 2, 2)

    def test_a_settlement_is_an_exit(self):
        portfolio = booked(fill(at_us=1))
        portfolio.settle(paid(0, at_us=7))

        assert portfolio.activity("A").last_exit_us == 7

    def test_a_repeated_fill_is_no_entry(self):
        portfolio = booked(fill(), fill("b", NO), fill())

        assert portfolio.activity("A").entries == 1

    @given(histories, st.randoms(use_true_random=False))
    def test_its_times_are_the_latest_whatever_came_first(self, history, shuffle):
        """A fill told late must not turn the clock of a cooldown back."""
        shuffled = list(history)
        shuffle.shuffle(shuffled)
        portfolio = Portfolio(OPENING)
        entered: dict[str, int] = {}
        left: dict[str, int] = {}
        for some in shuffled:
            portfolio.apply(some)
            activity = portfolio.activity(some.ticker)
            for times, now in ((entered, activity.last_entry_us), (left, activity.last_exit_us)):
                if now is not None:
                    assert now >= times.get(some.ticker, 0)
                    times[some.ticker] = now


def test_cash_from_outside_is_no_profit():
    portfolio = booked()
    portfolio.book_external(-5_000_000)

    assert portfolio.cash_e6 == OPENING - 5_000_000
    assert portfolio.external_e6 == -5_000_000
    assert portfolio.realized_e6 == 0


def trip(portfolio, name, *, paid, got, at_us, ticker="T"):
    """Buy one YES and sell it again."""
    common = {"ticker": ticker, "quantity": 1}
    portfolio.apply(builders.fill(f"{name}-in", price=paid, at_us=at_us - 1, **common), "s")
    sale = builders.fill(f"{name}-out", side=Side.NO, price=1 - Decimal(got), at_us=at_us, **common)
    portfolio.apply(sale, "s")


def test_keeps_what_a_position_brought_once_it_is_gone():
    portfolio = Portfolio()
    portfolio.apply(builders.fill("a", price="0.50", quantity=2, fee="0.02", at_us=1), "s")

    assert portfolio.closed == ()

    portfolio.apply(builders.fill("b", side=Side.NO, price="0.40", quantity=1, at_us=2), "s")
    assert portfolio.closed == ()

    portfolio.settle(
        Settlement(ticker=builders.TICKER, at_us=3, result="no", yes_pays_e4=0, fee_e6=10_000)
    )
    (closed,) = portfolio.closed
    assert (closed.strategy, closed.closed_us, closed.pnl) == ("s", 3, Decimal("-0.43"))


def test_a_position_that_turned_has_ended_and_another_begun():
    portfolio = Portfolio()
    portfolio.apply(builders.fill("a", price="0.50", quantity=1, at_us=1), "s")
    portfolio.apply(builders.fill("b", side=Side.NO, price="0.40", quantity=3, at_us=2), "s")

    assert [one.pnl for one in portfolio.closed] == [Decimal("0.10")]
    assert portfolio.position(builders.TICKER).side is Side.NO


def test_closed_positions_stand_in_the_order_of_their_ends_whatever_was_booked_first():
    """Recovery books every fill before the first settlement."""
    portfolio = Portfolio()
    portfolio.apply(builders.fill("a", ticker="A", at_us=1), "s")
    trip(portfolio, "b", paid="0.50", got="0.60", at_us=30, ticker="B")
    portfolio.settle(Settlement(ticker="A", at_us=20, result="yes", yes_pays_e4=10_000))

    assert [one.ticker for one in portfolio.closed] == ["A", "B"]


def test_remembers_a_bounded_number_of_closed_positions():
    portfolio = Portfolio()
    for number in range(RESULTS_KEPT + 5):
        trip(portfolio, f"t{number}", paid="0.50", got="0.60", at_us=10 * (number + 1))

    assert len(portfolio.closed) == RESULTS_KEPT
    assert portfolio.closed[-1].closed_us == 10 * (RESULTS_KEPT + 5)


@pytest.mark.parametrize(("got", "lost"), [("0.49", 5), ("0.50", None), ("0.51", None)])
def test_remembers_when_a_position_last_ended_with_a_loss(got, lost):
    portfolio = Portfolio()
    trip(portfolio, "a", paid="0.50", got=got, at_us=5)

    assert portfolio.activity("T").last_loss_us == lost


def test_counts_the_entries_of_the_last_day_with_one():
    day, portfolio = DAY_US, Portfolio()
    for number, at_us in enumerate((day + 5, day + 10, 3 * day + 5, 2 * day + 5)):
        trip(portfolio, f"t{number}", paid="0.50", got="0.60", at_us=at_us)

        seen = portfolio.activity("T")
        expected = [(1, 1), (1, 2), (3, 1), (3, 1)][number]
        assert (seen.entry_day, seen.entries_of_day) == expected
    assert portfolio.activity("T").entries == 4


ENDS = st.sampled_from(["0.40", "0.50", "0.60", "settled no", "settled yes"])


@given(st.lists(st.tuples(st.integers(0, 5), ENDS), max_size=12, unique_by=lambda one: one[0]))
def test_recovery_rebuilds_what_the_guards_read(ends):
    """A ledger gives all fills before all settlements; the run had them as they came."""
    live, fills, settlements = Portfolio(), [], []
    for number, (market, end) in enumerate(ends):
        at_us, ticker = number * DAY_US // 2, f"M{market}"
        common = {"ticker": ticker, "quantity": 1, "fee": "0.01"}
        fills.append(builders.fill(f"{number}-in", price="0.50", at_us=at_us, **common))
        live.apply(fills[-1], "s")
        if end.startswith("settled"):
            pays = 10_000 if end == "settled yes" else 0
            settlements.append(
                Settlement(ticker=ticker, at_us=at_us + 9, result=end[8:], yes_pays_e4=pays)
            )
            live.settle(settlements[-1])
        else:
            price = 1 - Decimal(end)
            fills.append(
                builders.fill(f"{number}-out", side=NO, price=price, at_us=at_us + 9, **common)
            )
            live.apply(fills[-1], "s")
    recovered = Portfolio()
    for done in fills:
        recovered.apply(done, "s")
    for paid in settlements:
        recovered.settle(paid)

    assert recovered.closed == live.closed
    assert len(live.closed) == len(ends)
    assert [recovered.activity(f"M{n}") for n in range(6)] == [
        live.activity(f"M{n}") for n in range(6)
    ]


def test_a_repeat_of_a_trade_whose_name_is_forgotten_is_known_by_its_age():
    portfolio = Portfolio(OPENING)
    old, new = fill("old", at_us=5), fill("new", at_us=3 * DAY_US)
    for done in (old, new):
        portfolio.apply(done)
    portfolio.all_told(3 * DAY_US + 1)

    before = money(portfolio)
    assert portfolio.apply(old) is None
    assert portfolio.apply(new) is None
    assert money(portfolio) == before


def test_a_trade_younger_than_what_was_told_is_booked():
    portfolio = Portfolio(OPENING)
    portfolio.all_told(3 * DAY_US)

    assert portfolio.apply(fill("late", at_us=2 * DAY_US)) is not None


def test_reading_less_takes_nothing_back():
    portfolio = Portfolio(OPENING)
    portfolio.all_told(3 * DAY_US)
    portfolio.all_told(DAY_US)

    assert portfolio.apply(fill("old", at_us=DAY_US)) is None


def test_what_was_done_in_a_market_that_is_over_is_forgotten_unless_something_is_held():
    portfolio = booked(fill(at_us=1), fill("b", at_us=1, ticker="B"))
    portfolio.settle(paid(0, at_us=2))
    for ticker in TICKERS:
        portfolio.forget(ticker)

    assert portfolio.activity("A").entries == 0
    assert portfolio.activity("B").entries == 1


@given(
    st.lists(
        st.tuples(st.integers(0, 40), st.sampled_from([YES, NO]), st.integers(0, 12)),
        max_size=40,
    )
)
def test_forgetting_names_books_exactly_what_remembering_them_does(told):
    """Fills come up to a day late, and again whenever they like."""
    remembering, forgetting = Portfolio(OPENING), Portfolio(OPENING)
    now_us = 0
    for number, (repeated, side, late_hours) in enumerate(told):
        now_us += DAY_US // 4
        made_us = max(0, now_us - late_hours * DAY_US // 24)
        fills = [fill(str(number), side, at_us=made_us)]
        if repeated < number:
            again_us = max(0, (repeated + 1) * DAY_US // 4 - told[repeated][2] * DAY_US // 24)
            fills.append(fill(str(repeated), told[repeated][1], at_us=again_us))
        for one in fills:
            remembering.apply(one)
            forgetting.apply(one)
        forgetting.all_told(now_us)

        assert money(forgetting) == money(remembering)


def test_the_names_that_are_kept_are_those_of_the_last_day():
    portfolio = Portfolio(OPENING)
    for hour in range(24 * 100):
        at_us = hour * DAY_US // 24
        portfolio.apply(fill(str(hour), at_us=at_us))
        portfolio.settle(paid(0, at_us=at_us))
        portfolio.all_told(at_us)

    assert len(portfolio._trades) <= 25
    assert len(portfolio._settled) <= 25
