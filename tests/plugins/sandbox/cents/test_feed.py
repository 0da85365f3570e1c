"""What the stream of this dialect tells, and when."""

import json

import msgspec
import pytest

from framework.model.events import (
    BookChanged,
    BookReplaced,
    MarketChanged,
    MarketListed,
    TradePrinted,
)
from framework.model.market import DECI_CENT
from framework.model.units import Side
from framework.testing.builders import NOW_US

HIGHNY = "KXHIGHNY-25JAN09-B56.5"


@pytest.fixture
def follow(cents, heard):
    """Return a way to subscribe to channels of the first market."""

    def followed(*channels):
        params = {"channels": channels, "market_tickers": [HIGHNY]}
        listener = cents.dialect.listen(heard)
        listener.hear(json.dumps({"cmd": "subscribe", "params": params}).encode())
        cents.venue.flush()
        return heard.take()

    return followed


def change(size_e2=-100, price_e4=9100):
    return BookChanged(
        at_us=NOW_US, ticker=HIGHNY, side=Side.YES, price_e4=price_e4, change_e2=size_e2
    )


def test_a_hundred_changes_of_one_moment_are_one_message(cents, heard, follow):
    follow("orderbook_delta")
    cents.happen(*[change() for _ in range(100)])

    assert [one["msg"]["yes"][0] for one in heard.take()] == [[91, 150]]


def test_a_book_that_did_not_change_is_not_told_again(cents, heard, follow):
    follow("orderbook_delta")
    cents.happen(change())
    cents.happen()

    assert len(heard.take()) == 1


def test_parts_of_contracts_are_not_shown(cents, heard, follow):
    follow("orderbook_delta")
    cents.happen(BookReplaced(at_us=NOW_US, ticker=HIGHNY, yes=((9100, 99), (9000, 250)), no=()))

    assert heard.take()[0]["msg"] == {"market_ticker": HIGHNY, "yes": [[90, 2]], "no": []}


@pytest.mark.parametrize(("quantity_e2", "told"), [(99, []), (150, [1])])
def test_a_trade_of_less_than_a_contract_is_not_told(cents, heard, follow, quantity_e2, told):
    follow("trade")
    cents.happen(
        TradePrinted(
            at_us=NOW_US,
            ticker=HIGHNY,
            trade_id="t",
            yes_price_e4=9200,
            quantity_e2=quantity_e2,
            taker_side=None,
        )
    )
    counts = [one["msg"] for one in heard.take()]

    assert [one["count"] for one in counts] == told
    assert all("taker_side" not in one for one in counts)


def test_a_market_whose_grid_gets_finer_falls_silent(cents, heard, follow):
    follow("orderbook_delta", "ticker", "trade")
    record = cents.venue.exchange.markets[HIGHNY]
    finer = msgspec.structs.replace(record, grid=DECI_CENT)
    cents.happen(MarketChanged(at_us=NOW_US, market=finer), change(price_e4=9110, size_e2=100))

    assert heard.take() == []
    assert cents.ask(f"GET /markets/{HIGHNY}")[0] == 404


def test_a_client_that_does_not_read_loses_its_subscription(cents, heard, follow):
    follow("orderbook_delta", "ticker")
    heard.full = True
    cents.happen(change())
    told = heard.take()
    heard.full = False
    cents.happen(change())

    assert [(one["type"], one["msg"]["code"]) for one in told] == [("error", 25)]
    assert "orderbook_delta" in told[0]["msg"]["msg"]
    assert heard.take() == []


ORDER = {"ticker": HIGHNY, "side": "yes", "type": "limit", "count": 3, "yes_price": 92}


def test_every_step_of_an_order_is_told(cents, heard, follow):
    follow("order_update")
    status, body = cents.ask("POST /portfolio/orders", ORDER | {"client_order_id": "mine"})
    order_id = body["order"]["order_id"]
    cents.happen(
        BookReplaced(at_us=NOW_US, ticker=HIGHNY, yes=(), no=((800, 200),)),
        BookReplaced(at_us=NOW_US, ticker=HIGHNY, yes=(), no=()),
    )
    cents.ask(f"DELETE /portfolio/orders/{order_id}")
    told = [one["msg"] for one in heard.take()]

    assert status == 201
    assert [(one["status"], one["remaining_count"]) for one in told] == [
        ("resting", 3),
        ("resting", 1),
        ("canceled", 0),
    ]
    assert {one["client_order_id"] for one in told} == {"mine"}


def test_a_fill_is_told_before_the_book_that_it_left(cents, heard, follow):
    follow("fill", "orderbook_delta")
    cents.ask("POST /portfolio/orders", ORDER)
    cents.happen(BookReplaced(at_us=NOW_US, ticker=HIGHNY, yes=(), no=((800, 300),)))

    assert [one["type"] for one in heard.take()] == ["fill", "orderbook_delta"]


def test_a_fill_keeps_the_words_in_which_its_order_was_sent(cents, heard, follow):
    follow("fill")
    bids = BookReplaced(at_us=NOW_US, ticker=HIGHNY, yes=((9100, 1_000),), no=())
    cents.happen(bids)
    cents.ask("POST /portfolio/orders", ORDER | {"action": "sell", "yes_price": 91})
    cents.ask("POST /portfolio/orders", ORDER | {"side": "no", "yes_price": 91})
    told = [one["msg"] for one in heard.take()]

    assert [(one["side"], one["action"], one["yes_price"]) for one in told] == [
        ("yes", "sell", 91),
        ("no", "buy", 91),
    ]
    assert [one["post_position"] for one in told] == [-3, -6]


def test_the_stream_and_the_list_of_fills_agree(cents, heard, follow):
    follow("fill")
    cents.happen(BookReplaced(at_us=NOW_US, ticker=HIGHNY, yes=(), no=((800, 300),)))
    cents.ask("POST /portfolio/orders", ORDER)
    told, listed = heard.take()[0]["msg"], cents.ask("GET /portfolio/fills")[1]["fills"][0]
    both = set(told) & set(listed)

    assert {"trade_id", "order_id", "yes_price", "count", "side", "is_taker", "ts"} <= both
    assert {name: told[name] for name in both} == {name: listed[name] for name in both}


def test_an_audience_of_nobody_costs_no_books(cents, heard):
    listener = cents.dialect.listen(heard)
    listener.leave()
    cents.happen(change())

    assert heard.take() == []


def test_what_that_era_did_not_know_is_told_to_nobody(cents, heard, follow):
    follow("ticker")
    group, notices = cents.venue.exchange.groups.create(500)
    cents.venue.publish(notices)
    cents.venue.publish(cents.venue.exchange.groups.delete(group.order_group_id))
    cents.venue.flush()

    assert heard.take() == []


def test_what_the_document_has_no_message_for_is_passed_over(cents, heard, follow):
    follow("orderbook_delta", "ticker", "trade", "fill", "order_update")
    record = cents.venue.exchange.markets[HIGHNY]
    fresh = msgspec.structs.replace(record, ticker="KXNEW-26-A", event_ticker="KXNEW-26")
    later = msgspec.structs.replace(record, close_us=record.close_us + 1)
    cents.happen(
        MarketListed(at_us=NOW_US, market=fresh), MarketChanged(at_us=NOW_US, market=later)
    )

    assert heard.take() == []
