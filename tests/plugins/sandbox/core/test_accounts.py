"""The account's money by shard, and what its orders hold."""

import msgspec

from framework.fees import NON_DIRECT_E6, worst_outlay_e6
from framework.model.market import Market, MarketStatus, Settlement
from framework.model.units import Side
from plugins.sandbox.core.accounts import Accounts, reserved_e6
from plugins.sandbox.core.rows import FillRow, OrderRow

YES, NO = Side.YES, Side.NO
MARKET = Market(ticker="M", event_ticker="E", status=MarketStatus.ACTIVE, shard=2)


def fill(side=YES, price=6_000, quantity=1_000, fee=500, number=1):
    return FillRow(
        trade_id=f"t{number}",
        order_id="o",
        client_order_id=None,
        ticker="M",
        side=side,
        price_e4=price,
        quantity_e2=quantity,
        fee_e6=fee,
        is_taker=True,
        at_us=number,
        post_position_e2=0,
        shard=2,
    )


def resting(side, price, quantity):
    return OrderRow(
        order_id="o",
        client_order_id=None,
        ticker="M",
        side=side,
        limit_e4=price,
        status="resting",
        initial_e2=quantity,
        filled_e2=0,
        remaining_e2=quantity,
        taker_cost_e6=0,
        maker_cost_e6=0,
        taker_fees_e6=0,
        maker_fees_e6=0,
        created_us=0,
        updated_us=0,
        expires_us=None,
        reason=None,
        shard=2,
    )


def test_a_fill_is_paid_from_its_own_shard():
    accounts = Accounts({0: 5_000_000, 2: 50_000_000})
    accounts.book(fill(), MARKET)

    assert accounts.cash_by_shard() == {0: 5_000_000, 2: 50_000_000 - 6_000_500}
    assert accounts.cash_e6 == 48_999_500


def test_a_fill_tells_the_position_it_leaves():
    accounts = Accounts({2: 50_000_000})
    accounts.book(fill(), MARKET)
    booked = accounts.book(fill(NO, 3_000, 1_500, number=2), MARKET)

    assert booked.post_position_e2 == accounts.signed_e2(MARKET) == -500


def test_a_position_row_keeps_profit_and_fees_apart():
    accounts = Accounts({2: 50_000_000})
    accounts.book(fill(), MARKET)
    accounts.book(fill(NO, 3_000, 1_000, number=2), MARKET)
    (row,) = accounts.positions()

    assert (row.signed_e2, row.exposure_e6) == (0, 0)
    assert (row.realized_e6, row.fees_e6, row.traded_e6) == (1_000_000, 1_000, 9_000_000)


def test_a_settlement_pays_the_net_position_only():
    accounts = Accounts({2: 50_000_000})
    accounts.book(fill(NO, 3_000), MARKET)
    before = accounts.cash_e6
    (row,) = accounts.settle(
        MARKET, Settlement(ticker="M", at_us=9, result="scalar", yes_pays_e4=2_500)
    )

    assert row.revenue_e6 == accounts.cash_e6 - before == 7_500_000
    assert (row.yes_e2, row.no_e2, row.no_cost_e6) == (0, 1_000, 3_000_000)
    assert accounts.positions() == []


def test_an_order_holds_its_cost_and_worst_fee():
    assert reserved_e6(MARKET, 0, [resting(YES, 6_000, 1_000)]) == worst_outlay_e6(6_000, 1_000)


def test_behind_a_broker_an_order_holds_what_whole_cents_may_take():
    held = reserved_e6(MARKET, 0, [resting(YES, 6_000, 1_000)], NON_DIRECT_E6)

    assert held == worst_outlay_e6(6_000, 1_000, step_e6=NON_DIRECT_E6)


def test_what_closes_a_position_holds_nothing():
    assert reserved_e6(MARKET, 1_000, [resting(NO, 6_000, 1_000)]) == 0


def test_only_what_goes_beyond_the_position_holds_cash():
    orders = [resting(NO, 6_000, 700), resting(NO, 5_000, 700)]

    assert reserved_e6(MARKET, 1_000, orders) == worst_outlay_e6(5_000, 400)


def test_subaccounts_have_cash_and_positions_of_their_own():
    accounts = Accounts({2: 50_000_000})
    accounts.shard(2, 1).book_external(10_000_000)
    accounts.book(fill(), MARKET)
    accounts.book(msgspec.structs.replace(fill(NO, 3_000, number=2), subaccount=1), MARKET)
    settlement = Settlement(ticker="M", at_us=9, result="yes", yes_pays_e4=10_000)

    assert (accounts.signed_e2(MARKET), accounts.signed_e2(MARKET, 1)) == (1_000, -1_000)
    assert [row.subaccount for row in accounts.positions_in("M")] == [0, 1]
    assert [row.revenue_e6 for row in accounts.settle(MARKET, settlement)] == [10_000_000, 0]
    assert [row.realized_e6 for row in accounts.settled] == [4_000_000, -3_000_000]
    assert accounts.cash_by_shard(1) == {2: 10_000_000 - 3_000_500}
