"""Amend, decrease, queue positions, expiry and self-trade prevention at the order desk."""

from dataclasses import dataclass, field

import pytest

from framework.model.events import BookChanged, BookReplaced, MarketListed, TradePrinted
from framework.model.market import Market, MarketStatus
from framework.model.orders import TimeInForce
from framework.model.units import Side
from plugins.sandbox.core.exchange import Amendment, NewOrder, Refusal, SandboxExchange

YES, NO = Side.YES, Side.NO
NOW = 1_000_000_000
CLOSE = NOW + 600_000_000
SECOND = 1_000_000


@dataclass
class Scripted:
    start_us: int = NOW
    end_us: int | None = None
    series: dict = field(default_factory=dict)
    event_groups: dict = field(default_factory=dict)

    def events(self):
        return iter(())


def venue(cash=1_000):
    """An exchange whose market M bids 80 cents for YES and 15 for NO, 50 contracts each."""
    exchange = SandboxExchange(Scripted(), cash_e6=cash * 1_000_000)
    market = Market(
        ticker="M", event_ticker="E", status=MarketStatus.ACTIVE, open_us=NOW, close_us=CLOSE
    )
    exchange.advance(MarketListed(at_us=NOW, market=market))
    exchange.advance(
        BookReplaced(at_us=NOW, ticker="M", yes=((8_000, 5_000),), no=((1_500, 5_000),))
    )
    return exchange


def buy(cents=80, contracts=10, side=YES, **more):
    return NewOrder(
        ticker="M", side=side, limit_e4=cents * 100, quantity_e2=contracts * 100, **more
    )


def to(cents=80, contracts=10, **more):
    """An amendment of a YES order to a price and a total count."""
    return Amendment(ticker="M", side=YES, limit_e4=cents * 100, total_e2=contracts * 100, **more)


def printed(cents, contracts, at_us=NOW + 1):
    return TradePrinted(
        at_us=at_us,
        ticker="M",
        trade_id="t",
        yes_price_e4=cents * 100,
        quantity_e2=contracts * 100,
        taker_side=NO,
        exchange_us=at_us,
    )


def crowded(exchange):
    """Let 30 contracts of strangers join behind us at 80 cents."""
    exchange.advance(BookChanged(at_us=NOW, ticker="M", side=YES, price_e4=8_000, change_e2=3_000))


class TestAmend:
    @pytest.mark.parametrize(
        ("change", "ahead_e2"),
        [
            (to(80, 10, expires_us=NOW + SECOND), 5_000),
            (to(80, 4), 5_000),
            (to(80, 11), 8_000),
        ],
    )
    def test_only_a_change_of_expiry_and_less_of_it_keep_the_place(self, change, ahead_e2):
        exchange = venue()
        row, _, _ = exchange.place(buy())
        crowded(exchange)
        exchange.amend(row.order_id, change)

        assert exchange.queue_position_e2(row.order_id) == ahead_e2

    def test_another_price_and_back_goes_to_the_end(self):
        exchange = venue()
        row, _, _ = exchange.place(buy())
        crowded(exchange)
        exchange.amend(row.order_id, to(79))
        exchange.amend(row.order_id, to(80))

        assert exchange.queue_position_e2(row.order_id) == 8_000

    def test_the_count_is_what_was_filled_and_what_is_to_rest(self):
        exchange = venue()
        row, _, _ = exchange.place(buy(cents=85, contracts=60))
        changed, fills, _ = exchange.amend(row.order_id, to(84, 53))

        assert (row.filled_e2, changed.remaining_e2, changed.filled_e2) == (5_000, 300, 5_000)
        assert (fills, changed.reason, changed.status) == ([], "Amend", "resting")

    def test_a_price_that_crosses_takes_and_pays(self):
        exchange = venue()
        row, _, _ = exchange.place(buy())
        changed, fills, _ = exchange.amend(row.order_id, to(85))

        assert (changed.status, changed.reason) == ("executed", "Trade")
        assert [(fill.price_e4, fill.is_taker) for fill in fills] == [(8_500, True)]
        assert exchange.cash_e6 == 1_000_000_000 - 8_500_000 - fills[0].fee_e6

    def test_a_post_only_order_is_not_moved_across(self):
        exchange = venue()
        row, _, _ = exchange.place(buy(post_only=True))
        with pytest.raises(Refusal, match="invalid_order") as refused:
            exchange.amend(row.order_id, to(85))

        assert refused.value.details == "post only cross"
        assert exchange.orders[row.order_id] == row

    def test_meeting_our_other_side_ends_it(self):
        exchange = venue()
        row, _, _ = exchange.place(buy(70))
        other, _, _ = exchange.place(buy(18, side=NO))
        changed, fills, _ = exchange.amend(row.order_id, to(82))

        assert (changed.status, changed.reason, fills) == ("canceled", "SelfTradeCancel", [])
        assert exchange.orders[other.order_id].status == "resting"

    def test_more_than_the_cash_carries_is_refused(self):
        exchange = venue(cash=10)
        row, _, _ = exchange.place(buy(80, 10))
        with pytest.raises(Refusal, match="insufficient_balance"):
            exchange.amend(row.order_id, to(80, 13))
        exchange.amend(row.order_id, to(80, 9))

        assert exchange.orders[row.order_id].remaining_e2 == 900

    def test_a_new_client_id_is_taken_and_the_old_one_stays_used(self):
        exchange = venue()
        row, _, _ = exchange.place(buy(client_order_id="old"))
        exchange.amend(row.order_id, to(client_order_id="old", new_client_order_id="new"))
        for used in ("old", "new"):
            with pytest.raises(Refusal, match="order_already_exists"):
                exchange.place(buy(client_order_id=used))

        assert exchange.orders[row.order_id].client_order_id == "new"

    def test_what_has_ended_is_not_found(self):
        exchange = venue()
        row, _, _ = exchange.place(buy())
        exchange.cancel(row.order_id)
        for order_id in (row.order_id, "nobody"):
            with pytest.raises(Refusal, match="not_found"):
                exchange.amend(order_id, to(79))


class TestExpiry:
    def test_an_order_rests_until_its_second_and_no_longer(self):
        exchange = venue()
        row, _, _ = exchange.place(buy(81, expires_us=NOW + SECOND))
        exchange.advance(printed(81, 4, at_us=NOW + SECOND - 1))
        exchange.advance(printed(81, 4, at_us=NOW + SECOND))
        ended = exchange.orders[row.order_id]

        assert (ended.filled_e2, ended.reason) == (400, "ExpiryCancel")
        assert ended.updated_us == NOW + SECOND

    def test_a_later_expiry_replaces_the_first(self):
        exchange = venue()
        row, _, _ = exchange.place(buy(expires_us=NOW + SECOND))
        exchange.amend(row.order_id, to(expires_us=NOW + 3 * SECOND))

        assert exchange.tick(NOW + 2 * SECOND) == []
        assert len(exchange.tick(NOW + 3 * SECOND)) == 1

    def test_an_expiry_can_be_cleared(self):
        exchange = venue()
        row, _, _ = exchange.place(buy(expires_us=NOW + SECOND))
        exchange.amend(row.order_id, to(expires_us=None))

        assert exchange.tick(NOW + 2 * SECOND) == []

    def test_an_amendment_that_says_nothing_keeps_it(self):
        exchange = venue()
        row, _, _ = exchange.place(buy(expires_us=NOW + SECOND))
        exchange.amend(row.order_id, to(79))

        assert len(exchange.tick(NOW + SECOND)) == 1


class TestDecrease:
    def test_it_keeps_its_place(self):
        exchange = venue()
        row, _, _ = exchange.place(buy())
        crowded(exchange)
        changed, _ = exchange.decrease(row.order_id, reduce_by_e2=400)

        assert (changed.remaining_e2, changed.reason) == (600, "Decrease")
        assert exchange.queue_position_e2(row.order_id) == 5_000

    def test_down_to_nothing_is_a_cancel(self):
        exchange = venue()
        row, _, _ = exchange.place(buy())
        changed, _ = exchange.decrease(row.order_id, reduce_to_e2=0)

        assert (changed.status, changed.reason) == ("canceled", "Decrease")
        assert exchange.available_e6(0) == exchange.cash_e6

    def test_it_needs_the_right_market(self):
        exchange = venue()
        row, _, _ = exchange.place(buy())
        with pytest.raises(Refusal, match="order_ticker_mismatch"):
            exchange.decrease(row.order_id, reduce_by_e2=100, market_ticker="N")

    def test_nobody_queues_who_does_not_rest(self):
        with pytest.raises(Refusal, match="not_found"):
            venue().queue_position_e2("nobody")


class TestSelfTrade:
    def test_the_taker_keeps_what_it_got_and_our_resting_order_stays(self):
        exchange = venue()
        exchange.place(buy(17, 5, side=NO))
        row, fills, _ = exchange.place(buy(85, 20))

        assert (row.status, row.reason, fills) == ("canceled", "SelfTradeCancel", [])

    def test_a_fill_or_kill_that_meets_us_keeps_its_partial_fill(self):
        exchange = venue()
        exchange.place(buy(14, 5, side=NO))
        row, fills, _ = exchange.place(buy(86, 60, time_in_force=TimeInForce.FILL_OR_KILL))

        assert [fill.quantity_e2 for fill in fills] == [5_000]
        assert (row.status, row.reason, row.filled_e2) == ("canceled", "SelfTradeCancel", 5_000)

    def test_the_maker_yields_and_the_taker_goes_on(self):
        exchange = venue()
        other, _, _ = exchange.place(buy(17, 5, side=NO))
        row, fills, _ = exchange.place(buy(85, 20, self_trade_prevention="maker"))

        assert (row.status, [fill.quantity_e2 for fill in fills]) == ("executed", [2_000])
        assert exchange.orders[other.order_id].reason == "SelfTradeCancel"
