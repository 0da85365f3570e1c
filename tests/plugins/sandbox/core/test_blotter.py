"""The account's orders as they stand: identity, what they hold, how they end."""

import msgspec

from framework.matching import Execution
from framework.model.fees import FeeSchedule
from framework.model.market import Market, MarketStatus
from framework.model.units import Side
from plugins.sandbox.core.accounts import Accounts
from plugins.sandbox.core.blotter import Blotter
from plugins.sandbox.core.listings import Listing
from plugins.sandbox.core.rows import OrderRow

MARKET = Market(ticker="M", event_ticker="E", status=MarketStatus.ACTIVE)


def row(order_id="o", quantity=1_000, **more):
    return OrderRow(
        order_id=order_id,
        client_order_id=f"c-{order_id}",
        ticker="M",
        side=Side.YES,
        limit_e4=6_000,
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
        shard=0,
        **more,
    )


def holding(*rows, record=MARKET):
    blotter, listing = Blotter(Accounts({0: 100_000_000}), "seed"), Listing(record)
    for one in rows:
        blotter.add(one)
        blotter.rest(listing, one.order_id)
    return blotter, listing


def test_a_repeated_session_makes_the_same_ids():
    ids = {Blotter(Accounts({}), "seed").next_id() for _ in range(2)}

    assert len(ids) == 1


def test_an_order_that_is_changed_holds_for_itself_once():
    blotter, listing = holding(row())
    doubled = msgspec.structs.replace(row(), remaining_e2=2_000)

    assert blotter.held_with_e6(listing, doubled) > blotter.held_e6(listing)
    assert blotter.held_with_e6(listing, row()) == blotter.held_e6(listing)


def test_what_ends_holds_nothing_more_and_keeps_its_ids():
    blotter, listing = holding(row())
    blotter.end("o", "HaltCancel", 5)

    assert (blotter.held_e6(listing), blotter.available_e6(0)) == (0, 100_000_000)
    assert blotter.orders["o"].reason == "HaltCancel"
    assert blotter.client_ids == {"c-o"}


def test_a_fill_is_charged_by_the_terms_of_its_moment():
    free = msgspec.structs.replace(MARKET, fees=FeeSchedule(waived_until_us=100))
    blotter, listing = holding(row(), record=free)
    half = Execution("o", Side.YES, 6_000, 500, is_taker=True)
    blotter.trade(listing, half, 99, public=True)
    blotter.trade(listing, half, 100, public=True)

    assert [fill.fee_e6 for fill in blotter.fills] == [0, 84_000]


def test_an_order_that_moves_becomes_the_youngest_of_its_market():
    blotter, listing = holding(row("a"), row("b"))
    blotter.rest(listing, "a")

    assert blotter.resting_in("M") == ["b", "a"]
