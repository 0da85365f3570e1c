"""The order desk: what it accepts, refuses, fills and cancels, and that the cash adds up."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from framework.fees import NON_DIRECT_E6
from framework.model.events import (
    BookChanged,
)
from framework.model.orders import TimeInForce
from framework.model.units import Side
from plugins.sandbox.core.exchange import (
    FillNotice,
    NewOrder,
    OrderNotice,
    Refusal,
)

YES, NO = Side.YES, Side.NO
IOC, FOK = TimeInForce.IMMEDIATE_OR_CANCEL, TimeInForce.FILL_OR_KILL
NOW = 1_000_000_000
CLOSE = NOW + 600_000_000


class TestOrders:
    def test_a_marketable_order_is_executed_and_paid_for(self, core):
        exchange = core.venue()
        row, fills, notices = exchange.place(core.buy())

        assert (row.status, row.filled_e2, row.taker_cost_e6) == ("executed", 1_000, 8_500_000)
        assert fills[0].fee_e6 == row.taker_fees_e6 == 89_300
        assert exchange.cash_e6 == 1_000_000_000 - 8_500_000 - 89_300
        assert core.kinds(notices) == ["TradePrinted", "FillNotice", "OrderNotice", "QuoteTicked"]

    def test_the_public_trade_shares_its_id_with_the_fill(self, core):
        exchange = core.venue()
        _, fills, notices = exchange.place(core.buy())

        assert notices[0].trade_id == fills[0].trade_id
        assert notices[0].taker_side is YES
        assert exchange.markets["M"].volume_e2 == 1_000

    def test_what_is_not_filled_rests(self, core):
        exchange = core.venue()
        row, fills, notices = exchange.place(core.buy(contracts=60))

        assert (row.status, row.filled_e2, row.remaining_e2) == ("resting", 5_000, 1_000)
        assert len(fills) == 1
        assert notices[-2] == OrderNotice(row)

    def test_an_immediate_order_cancels_what_it_can_not_get(self, core):
        row, fills, _ = core.venue().place(core.buy(contracts=60, time_in_force=IOC))

        assert (row.status, row.filled_e2) == ("canceled", 5_000)
        assert len(fills) == 1

    def test_an_unfilled_fill_or_kill_is_accepted_and_canceled(self, core):
        row, fills, _ = core.venue().place(core.buy(contracts=60, time_in_force=FOK))

        assert (row.status, row.filled_e2, fills) == ("canceled", 0, [])

    def test_buying_the_other_side_closes_the_pair_and_frees_a_dollar(self, core):
        exchange = core.venue()
        exchange.place(core.buy())
        before = exchange.cash_e6
        _, fills, _ = exchange.place(core.buy(NO, 20, time_in_force=IOC, reduce_only=True))

        assert exchange.cash_e6 - before == 8_000_000 - fills[0].fee_e6
        assert fills[0].post_position_e2 == 0
        assert exchange.positions()[0].signed_e2 == 0

    def test_a_position_is_signed_and_shows_its_cost(self, core):
        exchange = core.venue()
        exchange.place(core.buy(NO, 20))
        row = exchange.positions()[0]

        assert (row.signed_e2, row.exposure_e6, row.traded_e6) == (-1_000, 2_000_000, 2_000_000)

    def test_reduce_only_stops_at_the_position(self, core):
        exchange = core.venue()
        exchange.place(core.buy(contracts=4))
        row, _, _ = exchange.place(core.buy(NO, 20, 10, time_in_force=IOC, reduce_only=True))

        assert (row.status, row.filled_e2, row.reason) == ("canceled", 400, "ReduceOnlyCancel")

    def test_a_resting_order_is_filled_as_maker_at_its_limit(self, core):
        exchange = core.venue()
        row, _, _ = exchange.place(core.buy(cents=82))
        notices = exchange.advance(core.printed(81, 4, NO, NOW + 1))
        fill = exchange.fills[0]

        assert (fill.price_e4, fill.quantity_e2, fill.is_taker, fill.fee_e6) == (
            8_200,
            400,
            False,
            0,
        )
        assert exchange.orders[row.order_id].maker_cost_e6 == 3_280_000
        assert core.kinds(notices) == ["TradePrinted", "FillNotice", "OrderNotice", "QuoteTicked"]
        assert exchange.markets["M"].volume_e2 == 400

    def test_a_crossing_offer_fills_and_is_told_as_a_public_trade(self, core):
        exchange = core.venue()
        exchange.place(core.buy(cents=82))
        notices = exchange.advance(
            BookChanged(at_us=NOW + 1, ticker="M", side=NO, price_e4=1_900, change_e2=300)
        )

        assert core.kinds(notices) == [
            "BookChanged",
            "TradePrinted",
            "FillNotice",
            "OrderNotice",
            "QuoteTicked",
        ]
        assert notices[1].taker_side is NO

    def test_history_does_not_react(self, core):
        exchange = core.venue()
        exchange.place(core.buy(contracts=50))

        assert exchange.book("M").size(NO, 1_500) == 5_000

    def test_cancel_takes_the_remainder_out(self, core):
        exchange = core.venue()
        row, _, _ = exchange.place(core.buy(cents=70))
        cancelled, reduced, notices = exchange.cancel(row.order_id)

        assert (cancelled.status, reduced) == ("canceled", 1_000)
        assert notices == [OrderNotice(cancelled)]

    def test_cancel_all_takes_every_order_out(self, core):
        exchange = core.venue()
        exchange.place(core.buy(cents=70))
        exchange.place(core.buy(NO, 5))

        assert core.kinds(exchange.cancel_all()) == ["OrderNotice", "OrderNotice"]
        assert {row.status for row in exchange.orders.values()} == {"canceled"}

    def test_an_expiry_is_kept_to_the_moment(self, core):
        exchange = core.venue()
        row, _, _ = exchange.place(core.buy(cents=70, expires_us=NOW + 5_000_000))

        assert exchange.next_timer_us() == NOW + 5_000_000
        assert exchange.tick(NOW + 4_999_999) == []
        (notice,) = exchange.tick(NOW + 60_000_000)
        assert (notice.order.order_id, notice.order.reason) == (row.order_id, "ExpiryCancel")
        assert notice.order.updated_us == NOW + 5_000_000

    def test_equal_sessions_give_equal_ids(self, core):
        first, second = core.venue().place(core.buy())[0], core.venue().place(core.buy())[0]

        assert first.order_id == second.order_id


class TestRefusals:
    @pytest.mark.parametrize(
        ("terms", "status", "code"),
        [
            ({"cents": 0}, 400, "invalid_price"),
            ({"cents": 85.5}, 400, "invalid_price"),
            ({"contracts": 0}, 400, "invalid_order_size"),
            ({"contracts": -1}, 400, "invalid_order_size"),
            ({"contracts": 2_000}, 400, "insufficient_balance"),
            ({"post_only": True}, 400, "invalid_order"),
            ({"post_only": True, "time_in_force": IOC}, 400, "invalid_parameters"),
            ({"reduce_only": True}, 400, "invalid_parameters"),
            ({"expires_us": NOW}, 400, "invalid_parameters"),
            ({"expires_us": NOW + 1, "time_in_force": FOK}, 400, "invalid_parameters"),
            ({"self_trade_prevention": "both"}, 400, "invalid_parameters"),
            ({"shard": 2}, 404, "not_found"),
            ({"ticker": "X"}, 404, "not_found"),
        ],
    )
    def test_refuses_with_the_exchanges_code_and_changes_nothing(self, core, terms, status, code):
        exchange = core.venue()
        with pytest.raises(Refusal) as caught:
            exchange.place(core.buy(**terms))

        assert (caught.value.status, caught.value.code) == (status, code)
        assert not exchange.orders
        assert exchange.cash_e6 == 1_000_000_000

    @pytest.mark.parametrize("cents", [85, 70])
    def test_a_client_id_is_used_up_forever(self, core, cents):
        exchange = core.venue()
        row, _, _ = exchange.place(core.buy(cents=cents, client_order_id="c"))
        if row.status == "resting":
            exchange.cancel(row.order_id)
        exchange.tick(CLOSE)
        with pytest.raises(Refusal, match="order_already_exists"):
            exchange.place(core.buy(client_order_id="c"))

    def test_a_refused_order_leaves_its_client_id_free(self, core):
        exchange = core.venue()
        with pytest.raises(Refusal):
            exchange.place(core.buy(post_only=True, client_order_id="c"))

        assert exchange.place(core.buy(client_order_id="c"))[0].status == "executed"

    def test_open_orders_hold_cash(self, core):
        exchange = core.venue(cash=20)
        exchange.place(core.buy(cents=70, contracts=20))
        with pytest.raises(Refusal, match="insufficient_balance"):
            exchange.place(core.buy(cents=70, contracts=10))

    def test_an_order_that_closes_needs_no_cash(self, core):
        exchange = core.venue(cash=9)
        exchange.place(core.buy(contracts=10))

        assert exchange.place(core.buy(NO, 30, 10, post_only=False))[0].filled_e2 == 1_000

    def test_cash_of_another_shard_does_not_help(self, core):
        exchange = core.venue(shard=2)
        with pytest.raises(Refusal, match="insufficient_balance"):
            exchange.place(core.buy())

    def test_cash_of_the_markets_shard_pays(self, core):
        exchange = core.opened(cash_e6=0, other_shards={2: 20_000_000})
        exchange.advance(core.listed(shard=2))
        exchange.advance(core.book(no=((15, 50),)))
        exchange.place(core.buy())

        assert exchange.cash_by_shard() == {0: 0, 2: 20_000_000 - 8_500_000 - 89_300}

    @pytest.mark.parametrize(
        ("ticker", "shard", "found"),
        [
            (None, None, False),
            (None, 2, True),
            ("M", None, True),
            ("M", 1, False),
            (None, -1, False),
        ],
    )
    def test_a_cancel_looks_on_one_shard(self, core, ticker, shard, found):
        exchange = core.opened(cash_e6=0, other_shards={2: 20_000_000})
        exchange.advance(core.listed(shard=2))
        row, _, _ = exchange.place(core.buy())
        if found:
            assert exchange.cancel(row.order_id, ticker, shard)[1] == 1_000
        else:
            with pytest.raises(Refusal, match="not_found"):
                exchange.cancel(row.order_id, ticker, shard)

    def test_a_closed_order_can_not_be_cancelled(self, core):
        exchange = core.venue()
        row, _, _ = exchange.place(core.buy())
        with pytest.raises(Refusal, match="404 not_found"):
            exchange.cancel(row.order_id)

    def test_a_cancel_must_name_its_own_market(self, core):
        exchange = core.venue()
        row, _, _ = exchange.place(core.buy(cents=70))
        with pytest.raises(Refusal, match="order_ticker_mismatch"):
            exchange.cancel(row.order_id, "X")


# ----------------------------------------------------------------------------------- properties

STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("place"),
            st.sampled_from([YES, NO]),
            st.integers(1, 99),
            st.integers(1, 4_000),
            st.sampled_from(list(TimeInForce)),
        ),
        st.tuples(
            st.just("print"), st.sampled_from([YES, NO]), st.integers(1, 99), st.integers(1, 5_000)
        ),
        st.tuples(
            st.just("change"),
            st.sampled_from([YES, NO]),
            st.integers(1, 99),
            st.integers(-2_000, 2_000),
        ),
        st.tuples(st.just("cancel"), st.integers(0, 5)),
    ),
    max_size=30,
)


class Played:
    """An exchange with a thin account after a list of steps."""

    def __init__(self, core, steps, result):
        self.exchange = core.venue(yes=((40, 30),), no=((45, 30),), cash=30)
        self.fills = []
        self.refused = set()
        self.at_us = NOW
        for step in steps:
            self.at_us += 1_000
            self.step(core, *step)
            assert self.exchange.cash_e6 >= 0
            assert self.exchange.available_e6(0) >= 0
            assert self.exchange.cash_e6 % 100 == 0
        assert self.refused <= {400, 404}
        self.note(self.exchange.advance(core.settled(result)))

    def note(self, notices):
        self.fills += [notice.fill for notice in notices if isinstance(notice, FillNotice)]

    def step(self, core, kind, *terms):
        exchange = self.exchange
        try:
            if kind == "place":
                side, cents, size, tif = terms
                order = NewOrder(
                    ticker="M", side=side, limit_e4=cents * 100, quantity_e2=size, time_in_force=tif
                )
                self.note(exchange.place(order)[2])
            elif kind == "cancel":
                ids = list(exchange.orders)
                if ids:
                    exchange.cancel(ids[terms[0] % len(ids)])
            elif kind == "print":
                taker, cents, size = terms
                self.note(exchange.advance(core.printed(cents, 1, taker, self.at_us)))
            else:
                side, cents, size = terms
                change = max(size, -exchange.book("M").size(side, cents * 100))
                self.note(
                    exchange.advance(
                        BookChanged(
                            at_us=self.at_us,
                            ticker="M",
                            side=side,
                            price_e4=cents * 100,
                            change_e2=change,
                        )
                    )
                )
        except Refusal as refusal:
            self.refused.add(refusal.status)


@given(STEPS, st.sampled_from(["yes", "no"]))
def test_cash_is_what_fills_and_settlement_explain(core, steps, result):
    played = Played(core, steps, result)
    net = sum(f.quantity_e2 if f.side is YES else -f.quantity_e2 for f in played.fills)
    spent = sum(f.price_e4 * f.quantity_e2 + f.fee_e6 for f in played.fills)
    bought = {
        side: sum(f.quantity_e2 for f in played.fills if f.side is side) for side in (YES, NO)
    }
    pairs = min(bought.values()) * 10_000
    won = max(0, net if result == "yes" else -net) * 10_000

    assert played.exchange.cash_e6 == 30_000_000 - spent + pairs + won


@given(st.lists(st.tuples(st.sampled_from([(YES, 85), (NO, 20)]), st.integers(1, 900))))
def test_the_cash_of_an_account_behind_a_broker_moves_in_whole_cents(core, orders):
    exchange = core.opened(cash_e6=9_000_000_000, balance_step_e6=NON_DIRECT_E6)
    exchange.advance(core.listed())
    exchange.advance(core.book(((80, 5_000),), ((15, 5_000),)))
    for (side, cents), size in orders:
        exchange.place(replace(core.buy(side, cents), quantity_e2=size))

        assert exchange.cash_e6 % NON_DIRECT_E6 == 0
    assert all(fill.fee_e6 >= 0 for fill in exchange.fills)


@given(st.lists(st.integers(1, 9), min_size=1, max_size=40), st.integers(1, 98))
def test_an_account_behind_a_broker_never_owes_however_an_order_is_filled(core, prints, cents):
    exchange = core.opened(cash_e6=1_000_000, balance_step_e6=NON_DIRECT_E6)
    exchange.advance(core.listed())
    exchange.advance(core.book((), ((1, 5_000),)))
    with suppress(Refusal):
        exchange.place(replace(core.buy(YES, cents), quantity_e2=9_000 // cents))
    for at, size_e2 in enumerate(prints):
        print_ = core.printed(cents, 1, NO, NOW + at, f"t-{at}")
        exchange.advance(replace(print_, quantity_e2=size_e2))

        assert exchange.cash_e6 >= 0


def test_an_order_behind_a_broker_is_refused_that_small_fills_would_overdraw(core):
    exchange = core.opened(cash_e6=5_500_000, balance_step_e6=NON_DIRECT_E6)
    exchange.advance(core.listed())

    with pytest.raises(Refusal, match="insufficient_balance"):
        exchange.place(core.buy(YES, 50, 10))


@given(STEPS)
def test_orders_and_fills_tell_the_same_story(core, steps):
    played = Played(core, steps, "yes")
    for order_id, row in played.exchange.orders.items():
        fills = [fill for fill in played.exchange.fills if fill.order_id == order_id]

        assert row.status != "resting"
        assert row.filled_e2 == sum(fill.quantity_e2 for fill in fills)
        assert row.filled_e2 + row.remaining_e2 == row.initial_e2
        assert row.taker_fees_e6 + row.maker_fees_e6 == sum(fill.fee_e6 for fill in fills)
        assert all(fill.price_e4 <= row.limit_e4 for fill in fills)
    assert played.fills == list(played.exchange.fills)
