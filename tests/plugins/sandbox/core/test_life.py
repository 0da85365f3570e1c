"""How markets live: pauses, moved closes, disputes and amendments, payments, contradictions."""

from dataclasses import dataclass, field
from decimal import Decimal

import pytest

from framework.errors import InvariantError
from framework.model.events import (
    BookChanged,
    BookReplaced,
    MarketChanged,
    MarketListed,
    MarketSettled,
    TradePrinted,
)
from framework.model.fees import FeeChange, FeeSchedule
from framework.model.market import DECI_CENT, Market, MarketStatus, Settlement
from framework.model.units import Side
from plugins.sandbox.core.exchange import NewOrder, Pause, Refusal, SandboxExchange
from plugins.sandbox.core.life import SWEEP_AFTER_US
from plugins.sandbox.core.pauses import PlannedPause

YES, NO = Side.YES, Side.NO
NOW = 1_000_000_000
CLOSE = NOW + 600_000_000
ACTIVE, INACTIVE = MarketStatus.ACTIVE, MarketStatus.INACTIVE
DETERMINED, DISPUTED = MarketStatus.DETERMINED, MarketStatus.DISPUTED
AMENDED = MarketStatus.AMENDED


@dataclass
class Scripted:
    start_us: int = NOW
    end_us: int | None = None
    series: dict = field(default_factory=dict)
    event_groups: dict = field(default_factory=dict)

    def events(self):
        return iter(())


def record(**more):
    terms = {"status": ACTIVE, "open_us": NOW, "close_us": CLOSE, **more}
    return Market(ticker="M", event_ticker="E", **terms)


def venue(**terms):
    """An exchange whose market M bids 80 cents for YES and 15 for NO, 50 contracts each."""
    exchange = SandboxExchange(Scripted(), cash_e6=1_000_000_000)
    exchange.advance(MarketListed(at_us=NOW, market=record(**terms)))
    exchange.advance(
        BookReplaced(at_us=NOW, ticker="M", yes=((8_000, 5_000),), no=((1_500, 5_000),))
    )
    return exchange


def buy(cents=70, contracts=10, **more):
    return NewOrder(ticker="M", side=YES, limit_e4=cents * 100, quantity_e2=contracts * 100, **more)


def told(exchange, at_us, **terms):
    return exchange.advance(MarketChanged(at_us=at_us, market=record(**terms)))


def settle(exchange, result, pays, at_us=CLOSE + 10_000_000, fee_e6=0):
    return exchange.advance(
        MarketSettled(
            at_us=at_us,
            settlement=Settlement(
                ticker="M", at_us=at_us, result=result, yes_pays_e4=pays, fee_e6=fee_e6
            ),
        )
    )


def steps(notices):
    return [notice.kind for notice in notices if hasattr(notice, "kind")]


def reasons(notices):
    return [notice.order.reason for notice in notices if hasattr(notice, "order")]


class TestClose:
    def test_an_early_close_ends_trading_at_once(self):
        exchange = venue(can_close_early=True)
        exchange.place(buy())
        assert steps(told(exchange, NOW + 5, close_us=NOW + 5)) == ["close_date_updated"]
        with pytest.raises(Refusal, match="MARKET_INACTIVE"):
            exchange.place(buy())

        assert reasons(exchange.tick(NOW + 5 + SWEEP_AFTER_US)) == ["CloseCancel"]

    def test_a_close_moved_before_now_counts_from_now(self):
        exchange = venue()
        exchange.place(buy())
        told(exchange, NOW + 500, close_us=NOW + 5)

        assert exchange.next_timer_us() == NOW + 500 + SWEEP_AFTER_US

    def test_a_closed_market_reopens_when_its_close_moves_later(self):
        exchange = venue()
        exchange.tick(CLOSE + 1_000_000)
        told(exchange, CLOSE + 2_000_000, close_us=CLOSE + 60_000_000)

        assert exchange.markets["M"].status is ACTIVE
        assert exchange.place(buy())[0].status == "resting"

    def test_the_sweep_spares_what_came_after_the_market_reopened(self):
        exchange = venue()
        before, _, _ = exchange.place(buy())
        exchange.tick(CLOSE)
        told(exchange, CLOSE + 1, close_us=CLOSE + 60_000_000)
        after, _, _ = exchange.place(buy(71))
        exchange.tick(CLOSE + SWEEP_AFTER_US)

        assert exchange.orders[before.order_id].reason == "CloseCancel"
        assert exchange.orders[after.order_id].status == "resting"


class TestPause:
    def test_a_deactivated_market_cancels_and_takes_orders_again_when_activated(self):
        exchange = venue()
        exchange.place(buy())
        down = told(exchange, NOW + 1, status=INACTIVE)
        up = told(exchange, NOW + 2)

        assert (reasons(down), steps(down), steps(up)) == (
            ["HaltCancel"],
            ["deactivated"],
            ["activated"],
        )
        assert exchange.place(buy())[0].status == "resting"

    def test_a_pause_of_trading_cancels_only_those_that_asked_for_it(self):
        exchange = venue()
        stays, _, _ = exchange.place(buy())
        leaves, _, _ = exchange.place(buy(71, cancel_on_pause=True))
        notices = exchange.halt(Pause.TRADING)

        assert [notice.order.order_id for notice in notices] == [leaves.order_id]
        assert reasons(notices) == ["HaltCancel"]
        assert exchange.cancel(stays.order_id)[0].status == "canceled"

    def test_nothing_passes_while_the_whole_exchange_rests(self):
        exchange = venue()
        row, _, _ = exchange.place(buy())
        exchange.halt(Pause.EVERYTHING)
        for ask in (
            lambda: exchange.place(buy()),
            lambda: exchange.cancel(row.order_id),
            lambda: exchange.decrease(row.order_id, reduce_to_e2=100),
            exchange.cancel_all,
            lambda: exchange.groups.create(100),
        ):
            with pytest.raises(Refusal, match="exchange_is_paused"):
                ask()

    def test_what_rests_is_filled_by_the_book_when_trading_goes_on(self):
        exchange = venue()
        exchange.place(buy())
        exchange.halt(Pause.TRADING)
        exchange.advance(
            BookChanged(at_us=NOW + 1, ticker="M", side=YES, price_e4=8_000, change_e2=-5_000)
        )
        exchange.advance(
            BookChanged(at_us=NOW + 2, ticker="M", side=NO, price_e4=3_000, change_e2=400)
        )
        exchange.advance(
            TradePrinted(
                at_us=NOW + 3,
                ticker="M",
                trade_id="t",
                yes_price_e4=6_000,
                quantity_e2=900,
                taker_side=NO,
            )
        )
        assert not exchange.fills
        exchange.halt(Pause.NOTHING)

        assert [fill.quantity_e2 for fill in exchange.fills] == [400]

    def test_a_planned_pause_begins_and_ends_by_itself(self):
        planned = PlannedPause(NOW + 10, NOW + 20)
        exchange = SandboxExchange(Scripted(), cash_e6=1_000_000_000, pauses=[planned])
        exchange.advance(MarketListed(at_us=NOW, market=record()))
        stays, _, _ = exchange.place(buy())
        exchange.place(buy(71, cancel_on_pause=True))
        begun = exchange.tick(NOW + 10)
        with pytest.raises(Refusal, match="trading_is_paused"):
            exchange.place(buy())
        decreased, _ = exchange.decrease(stays.order_id, reduce_by_e2=100)
        exchange.tick(NOW + 20)

        assert (reasons(begun), exchange.pause) == (["HaltCancel"], Pause.NOTHING)
        assert decreased.remaining_e2 == 900
        assert exchange.place(buy())[0].status == "resting"

    def test_a_market_listed_during_a_pause_rests_too(self):
        exchange = SandboxExchange(Scripted())
        exchange.halt(Pause.TRADING)
        exchange.advance(MarketListed(at_us=NOW, market=record()))
        with pytest.raises(Refusal, match="trading_is_paused"):
            exchange.place(buy())

    def test_orders_expire_and_markets_close_during_a_pause(self):
        exchange = venue()
        exchange.place(buy(expires_us=NOW + 1_000_000))
        exchange.place(buy(71))
        exchange.halt(Pause.EVERYTHING)

        assert reasons(exchange.tick(CLOSE + SWEEP_AFTER_US)) == ["ExpiryCancel", "CloseCancel"]


class TestResult:
    @pytest.mark.parametrize(
        ("result", "pays", "revenue"),
        [("yes", 10_000, 10_000_000), ("no", 0, 0), ("scalar", 4_250, 4_250_000)],
    )
    def test_a_payment_follows_the_result(self, result, pays, revenue):
        exchange = venue()
        exchange.place(buy(85))
        cash = exchange.cash_e6
        settle(exchange, result, pays)

        assert exchange.cash_e6 - cash == revenue
        assert exchange.markets["M"].settlement_e4 == pays

    def test_a_void_market_gives_both_sides_its_fair_value(self):
        exchange = venue()
        exchange.place(NewOrder(ticker="M", side=NO, limit_e4=2_000, quantity_e2=1_000))
        cash = exchange.cash_e6
        settle(exchange, "scalar", 8_100)

        assert exchange.cash_e6 - cash == 1_000 * 1_900

    def test_what_a_sub_cent_payment_keeps_is_a_fee(self):
        exchange = venue()
        exchange.place(buy(85))
        cash = exchange.cash_e6
        settle(exchange, "scalar", 4_255, fee_e6=5_000)

        assert exchange.cash_e6 - cash == 4_250_000
        assert exchange.settlements[0].fee_e6 == 5_000

    def test_a_dispute_and_an_amendment_come_before_the_payment(self):
        exchange = venue()
        exchange.place(buy(85))
        first = told(exchange, CLOSE + 1, status=DETERMINED, result="yes")
        disputed = told(exchange, CLOSE + 2, status=DISPUTED, result="yes")
        amended = told(exchange, CLOSE + 3, status=AMENDED, result="no")
        cash = exchange.cash_e6
        notices = settle(exchange, "no", 0)

        assert (steps(first), steps(disputed), steps(amended), steps(notices)) == (
            ["determined"],
            [],
            ["determined"],
            ["settled"],
        )
        assert exchange.cash_e6 == cash
        assert exchange.markets["M"].result == "no"

    def test_a_dispute_may_confirm_the_result(self):
        exchange = venue()
        told(exchange, CLOSE + 1, status=DETERMINED, result="yes")
        told(exchange, CLOSE + 2, status=DISPUTED, result="yes")
        told(exchange, CLOSE + 3, status=DETERMINED, result="yes")

        assert steps(settle(exchange, "yes", 10_000)) == ["settled"]

    def test_a_determination_before_the_close_cancels_what_rests(self):
        exchange = venue()
        exchange.place(buy())

        assert reasons(told(exchange, NOW + 1, status=DETERMINED, result="yes")) == ["CloseCancel"]


class TestContradictions:
    @pytest.mark.parametrize(
        ("status", "result"),
        [(DETERMINED, "no"), (AMENDED, "no"), (ACTIVE, None), (DISPUTED, "maybe")],
    )
    def test_a_result_changes_by_dispute_and_amendment_only(self, status, result):
        exchange = venue()
        told(exchange, CLOSE + 1, status=DETERMINED, result="yes")
        if status is DISPUTED:
            told(exchange, CLOSE + 2, status=DISPUTED, result="yes")
        with pytest.raises(InvariantError):
            told(exchange, CLOSE + 3, status=status, result=result)

        assert exchange.markets["M"].result == "yes"

    @pytest.mark.parametrize(
        ("result", "pays"), [("yes", 0), ("no", 1), ("scalar", 10_001), ("scalar", -1), ("", 0)]
    )
    def test_a_payment_that_does_not_fit_its_result_is_our_bug(self, result, pays):
        exchange = venue()
        exchange.place(buy(85))
        cash = exchange.cash_e6
        with pytest.raises(InvariantError):
            settle(exchange, result, pays)

        assert exchange.cash_e6 == cash
        assert exchange.markets["M"].settlement_e4 is None

    def test_a_market_pays_what_was_determined(self):
        exchange = venue()
        told(exchange, CLOSE + 1, status=DETERMINED, result="yes")
        with pytest.raises(InvariantError):
            settle(exchange, "no", 0)

    def test_a_market_is_paid_once_and_never_changes_again(self):
        exchange = venue()
        settle(exchange, "yes", 10_000)
        with pytest.raises(InvariantError):
            settle(exchange, "yes", 10_000)
        with pytest.raises(InvariantError):
            told(exchange, CLOSE + 20_000_000, close_us=CLOSE + 30_000_000)

    @pytest.mark.parametrize("status", [DETERMINED, AMENDED, MarketStatus.FINALIZED])
    def test_a_decision_needs_a_result(self, status):
        with pytest.raises(InvariantError):
            told(venue(), CLOSE + 1, status=status)


class TestTerms:
    def test_a_finer_grid_keeps_resting_orders_and_takes_finer_ones(self):
        exchange = venue()
        row, _, _ = exchange.place(buy())
        fine = NewOrder(ticker="M", side=YES, limit_e4=7_010, quantity_e2=100)
        with pytest.raises(Refusal, match="invalid_price"):
            exchange.place(fine)
        notices = told(exchange, NOW + 1, grid=DECI_CENT)

        assert steps(notices) == ["price_level_structure_updated"]
        assert exchange.orders[row.order_id].status == "resting"
        assert exchange.place(fine)[0].status == "resting"

    def test_a_fill_pays_the_terms_of_its_moment(self):
        doubled = FeeChange(at_us=NOW + 100, fee_type=None, multiplier=Decimal(2))
        exchange = venue(fees=FeeSchedule(series_changes=(doubled,), waived_until_us=NOW + 50))
        paid = []
        for at_us in (NOW, NOW + 50, NOW + 100):
            exchange.tick(at_us)
            paid.append(exchange.place(buy(85, 1))[1][0].fee_e6)

        assert paid == [0, 9_000, 17_900]
