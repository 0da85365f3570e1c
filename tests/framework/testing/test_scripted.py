"""The scripted exchange answers by its script, then by its books, and notes what it is asked."""

from typing import Protocol

import anyio
import pytest

from framework.errors import AuthError, ExchangeError
from framework.exchange import Absent, Accepted, Exchange, MarketQuery, Rejected, Unknown
from framework.model.account import RemoteStatus
from framework.model.commands import AmendOrder, CancelOrder, QueryOrder
from framework.model.events import BookReplaced, MarketSettled, OrderFilled
from framework.model.market import MarketStatus
from framework.model.orders import TimeInForce
from framework.model.units import Side
from framework.testing.builders import TICKER, market, order
from framework.testing.playbook import PluginSet
from framework.testing.scripted import Late, ScriptedExchange, ScriptedVenue

QUERY = QueryOrder(client_order_id="run-1", order_id=None, ticker=TICKER)


def cancel_of(order_id):
    return CancelOrder(
        client_order_id="run-1", order_id=order_id, ticker=TICKER, shard=0, reason="why"
    )


async def listed(exchange, **query):
    return [one.ticker async for one in exchange.markets(MarketQuery(**query))]


async def heard(exchange):
    return [event async for batch in exchange.events() for event in batch]


def test_offers_all_that_the_protocol_asks_for():
    promised = {name for name in vars(Exchange) if not name.startswith("_")}

    assert issubclass(Exchange, Protocol)
    assert not {name for name in promised if not hasattr(ScriptedExchange(), name)}


async def test_lists_the_markets_that_fit():
    closed = market("B", status=MarketStatus.CLOSED, event_ticker="OTHER")
    exchange = ScriptedExchange(market("A"), closed)

    assert await listed(exchange) == ["A"]
    assert await listed(exchange, open_only=False) == ["A", "B"]
    assert await listed(exchange, open_only=False, event="OTHER") == ["B"]
    assert await listed(exchange, tickers=("B",)) == []


async def test_a_list_can_break_off_half_way():
    exchange = ScriptedExchange(market("A"), market("B"))
    exchange.fail("markets", ExchangeError("page 2"), after=1)

    pages = exchange.markets(MarketQuery())
    seen = [(await anext(pages)).ticker]
    with pytest.raises(ExchangeError, match="page 2"):
        await anext(pages)

    assert seen == ["A"]
    assert await listed(exchange) == ["A", "B"]


async def test_a_call_fails_as_often_as_the_script_says():
    exchange = ScriptedExchange()
    exchange.fail("account", ExchangeError("down"), times=2)

    for _ in range(2):
        with pytest.raises(ExchangeError):
            await exchange.account()
    await exchange.account(7)

    assert exchange.calls["account"] == 3
    assert exchange.reads == [None, None, 7]


async def test_orders_are_answered_by_the_script_and_then_by_the_books():
    exchange = ScriptedExchange()
    exchange.answer("submit", Rejected(code="no", message=""), Unknown(reason="lost"))
    orders = [order(client_order_id=f"run-{n}") for n in range(3)]

    outcomes = await exchange.submit(orders)

    assert [type(one) for one in outcomes] == [Rejected, Unknown, Accepted]
    assert [row.client_order_id for row in exchange.held.orders.values()] == ["run-2"]
    assert exchange.submitted == orders


async def test_an_order_answered_accepted_is_in_the_books():
    exchange = ScriptedExchange()
    exchange.answer("submit", Accepted(order_id="x", filled_e2=None, remaining_e2=None))

    await exchange.submit([order()])

    assert exchange.held.orders["x"].status is RemoteStatus.OPEN


async def test_an_answer_may_be_a_function_of_the_order():
    exchange = ScriptedExchange()
    exchange.answer("submit", exchange.take)

    (outcome,) = await exchange.submit([order(quantity=10)])

    assert (outcome.filled_e2, outcome.remaining_e2) == (10_00, 0)
    exchange.end_stream()
    assert [type(event) for event in await heard(exchange)] == [OrderFilled]


async def test_a_late_answer_does_its_deed_at_once():
    exchange = ScriptedExchange()
    exchange.answer("submit", Late(3600, exchange.rest))

    with anyio.move_on_after(0.001):
        await exchange.submit([order()])

    assert len(exchange.held.orders) == 1


async def test_an_order_that_does_not_wait_ends_unfilled():
    (outcome,) = await ScriptedExchange().submit(
        [order(time_in_force=TimeInForce.IMMEDIATE_OR_CANCEL)]
    )

    assert (outcome.filled_e2, outcome.remaining_e2) == (0, 0)


async def test_finds_an_order_it_took_and_knows_no_other():
    exchange = ScriptedExchange()
    exchange.answer("find", Unknown(reason="down"))

    assert isinstance(await exchange.find(QUERY), Unknown)
    assert isinstance(await exchange.find(QUERY), Absent)
    exchange.rest(order())
    assert (await exchange.find(QUERY)).order_id == "order-1"
    assert len(exchange.queries) == 3


async def test_an_answer_of_the_wrong_kind_is_a_fault_of_the_test():
    exchange = ScriptedExchange()
    exchange.answer("find", Rejected(code="no", message=""))
    exchange.answer("cancel", Absent(as_of_us=0))

    with pytest.raises(TypeError, match="Rejected answers an order"):
        await exchange.find(QUERY)
    with pytest.raises(TypeError, match="Absent answers a query"):
        await exchange.cancel([cancel_of("order-1")])


async def test_cancels_what_rests():
    exchange = ScriptedExchange()
    exchange.rest(order())

    first, second = await exchange.cancel([cancel_of("order-1"), cancel_of("order-1")])

    assert (type(first), type(second)) == (Accepted, Rejected)
    assert len(exchange.cancels) == 2


async def test_cancels_everything_at_once():
    exchange = ScriptedExchange()
    exchange.rest(order())
    exchange.rest(order(client_order_id="run-2"))

    await exchange.cancel_all()

    assert {row.status for row in exchange.held.orders.values()} == {RemoteStatus.CANCELLED}


def amendment(order_id, quantity_e2=5_00):
    return AmendOrder(
        client_order_id="run-1",
        order_id=order_id,
        order=order(),
        limit_e4=9_000,
        quantity_e2=quantity_e2,
    )


async def test_an_order_that_rests_takes_its_new_terms():
    exchange = ScriptedExchange()
    taken = exchange.rest(order())

    (outcome,) = await exchange.amend([amendment(taken.order_id)])

    row = exchange.held.orders[taken.order_id]
    assert outcome.remaining_e2 == 5_00
    assert (row.limit_e4, row.quantity_e2, row.remaining_e2) == (9_000, 5_00, 5_00)
    assert len(exchange.amendments) == 1


async def test_an_order_that_does_not_rest_or_traded_more_is_not_amended():
    exchange = ScriptedExchange()
    taken = exchange.rest(order())
    exchange.fill(order(), quantity=5, told=False)

    gone, small = await exchange.amend([amendment("x"), amendment(taken.order_id)])

    assert (gone.code, small.code) == ("not_found", "invalid_order_size")


async def test_an_amendment_is_answered_as_the_test_says():
    exchange = ScriptedExchange()
    exchange.answer("amend", Unknown(reason="time-out"))

    assert await exchange.amend([amendment("x")]) == [Unknown(reason="time-out")]


async def test_follows_what_is_subscribed():
    exchange = ScriptedExchange()

    await exchange.subscribe(["A", "B"])
    await exchange.unsubscribe(["A"])

    assert exchange.followed == {"B"}


async def test_the_stream_says_what_the_test_says_and_ends_with_it():
    exchange = ScriptedExchange(market())
    exchange.quote("0.92", "0.93")
    exchange.settle(Side.YES)
    exchange.end_stream()

    assert [type(event) for event in await heard(exchange)] == [BookReplaced, MarketSettled]
    assert await listed(exchange) == []


async def test_a_fill_the_stream_lost_stands_in_the_account_alone():
    exchange = ScriptedExchange()
    exchange.rest(order())
    exchange.fill(order(), told=False)
    exchange.end_stream(AuthError("bad key"))

    with pytest.raises(AuthError):
        await heard(exchange)
    assert len((await exchange.account()).fills.rows) == 1


async def test_a_new_run_finds_the_account_and_no_subscription():
    exchange = ScriptedExchange()
    exchange.rest(order())
    await exchange.subscribe(["A"])
    exchange.quote("0.92", "0.93")

    exchange.reopen()
    exchange.end_stream()

    assert await heard(exchange) == []
    assert exchange.followed == set()
    assert len(exchange.held.orders) == 1


class Stopping:
    """The part of a run that the venue needs."""

    reason = None

    class clock:  # noqa: N801 - an attribute
        @staticmethod
        def now_us():
            return 7

    def stop(self, reason):
        self.reason = reason


async def test_the_venue_opens_the_exchange_and_stops_the_run_when_its_script_is_over():
    exchange, run = ScriptedExchange(), Stopping()

    async def script(given):
        assert given is run

    (opener,) = PluginSet({}, {"venue": ScriptedVenue(exchange=exchange, script=script)}).hooks(
        "open_exchange"
    )
    async with opener.call(run) as opened:
        await anyio.wait_all_tasks_blocked()

        assert opened is exchange
        assert exchange.now_us == 7
        assert run.reason == "the script is over"
