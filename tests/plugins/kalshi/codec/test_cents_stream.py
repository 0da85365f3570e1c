import json

import pytest

from framework.model.book import BookState, OrderBook
from framework.model.events import (
    BookReplaced,
    OrderAccepted,
    OrderCancelled,
    QuoteTicked,
    TradePrinted,
)
from framework.model.orders import Order, Purpose
from framework.model.units import Side
from plugins.kalshi.codec import (
    Facts,
    Open,
    Refused,
    Snapshot,
    Subscribed,
    Unreadable,
    Unsubscribed,
    Updated,
)
from plugins.kalshi.codec.cents import Cents

AT = 1_700_000_000_000_000
TICKER = "KXHIGHNY-25JAN09-B56.5"
TICKER_UPDATE = {
    "type": "ticker",
    "msg": {
        "market_ticker": "KXHIGHNY-25JAN09-B56.5",
        "yes_price": 92,
        "yes_bid": 91,
        "yes_ask": 93,
        "volume": 15000,
        "open_interest": 8500,
    },
}
LADDERS = {
    "type": "orderbook_delta",
    "msg": {
        "market_ticker": "KXHIGHNY-25JAN09-B56.5",
        "yes": [[91, 250], [90, 500]],
        "no": [[9, 150], [10, 300]],
    },
}
TRADE = {
    "type": "trade",
    "msg": {
        "market_ticker": "KXHIGHNY-25JAN09-B56.5",
        "yes_price": 92,
        "count": 50,
        "taker_side": "yes",
        "ts": 1234567890000,
    },
}
FILL = {
    "type": "fill",
    "msg": {
        "order_id": "abc-123",
        "market_ticker": "KXHIGHNY-25JAN09-B56.5",
        "yes_price": 92,
        "count": 10,
        "side": "yes",
        "is_taker": True,
    },
}
UPDATE = {
    "type": "order_update",
    "msg": {
        "order_id": "abc-123",
        "market_ticker": "KXHIGHNY-25JAN09-B56.5",
        "status": "resting",
        "remaining_count": 90,
    },
}
"""The five message types, letter by letter as the founding document shows them."""


@pytest.fixture
def cents():
    return Cents()


@pytest.fixture
def founding():
    return Cents(founding_only=True)


def read(codec, message):
    """Read one message by itself."""
    (frame,) = codec.read([message], AT)
    return frame


def told(codec, message, at_us=AT, **changes):
    """Return the events of one message."""
    body = {**message["msg"], **changes}
    (frame,) = codec.read([json.dumps({**message, "msg": body})], at_us)
    assert isinstance(frame, Facts), frame
    return frame.events


def send(codec, number=1, quantity_e2=100_00):
    """Have the codec know an order of ours as `abc-123`."""
    order = Order(
        client_order_id=f"t-{number}",
        ticker=TICKER,
        side=Side.YES,
        limit_e4=9_200,
        quantity_e2=quantity_e2,
        purpose=Purpose.ENTRY,
        strategy="s",
    )
    return codec.created(order, b'{"order": {"order_id": "abc-123", "status": "resting"}}')


def test_a_subscribe_is_written_as_the_document_shows_it(founding):
    tickers = ["KXHIGHNY-25JAN09-B56.5", "KXBTC-26FEB09-B95000"]

    assert json.loads(founding.subscribe(1, ["orderbook_delta", "ticker", "trade"], tickers)) == {
        "id": 1,
        "cmd": "subscribe",
        "params": {
            "channels": ["orderbook_delta", "ticker", "trade"],
            "market_tickers": ["KXHIGHNY-25JAN09-B56.5", "KXBTC-26FEB09-B95000"],
        },
    }


@pytest.mark.parametrize("leaves", [False, True])
def test_an_unsubscribe_is_written_as_the_document_shows_it(founding, leaves):
    channel = Open("ticker", 2, ("KXHIGHNY-25JAN09-B56.5",))
    text = (
        founding.unsubscribe(2, channel)
        if leaves
        else founding.update(2, channel, "delete_markets", channel.tickers)
    )

    assert json.loads(text) == {
        "id": 2,
        "cmd": "unsubscribe",
        "params": {"channels": ["ticker"], "market_tickers": ["KXHIGHNY-25JAN09-B56.5"]},
    }


@pytest.mark.parametrize("action", ["add_markets", "get_snapshot"])
def test_more_markets_and_fresh_ladders_are_asked_for_by_subscribing(cents, action):
    text = cents.update(3, Open("orderbook_delta", 1, ("A",)), action, ["B"])

    assert json.loads(text) == {
        "id": 3,
        "cmd": "subscribe",
        "params": {"channels": ["orderbook_delta"], "market_tickers": ["B"]},
    }


def test_a_channel_of_the_account_is_opened_without_markets(cents):
    assert json.loads(cents.subscribe(1, ["fill"], ()))["params"] == {"channels": ["fill"]}


def test_a_reply_is_known_by_the_id_of_its_command(cents):
    book = Open("orderbook_delta", 1, ("A",))
    cents.subscribe(1, ["orderbook_delta"], ["A"])
    cents.update(2, book, "delete_markets", ["A"])
    cents.unsubscribe(3, book)
    cents.subscribe(4, ["trade"], ["A"])
    replies = [
        read(cents, json.dumps(text))
        for text in (
            {"id": 1, "type": "subscribed"},
            {"id": 2, "type": "unsubscribed", "msg": {"channel": "orderbook_delta"}},
            {"id": 3, "type": "unsubscribed"},
            {"id": 4, "type": "error", "msg": {"code": 8, "msg": "unknown channel"}},
        )
    ]

    assert replies == [
        Subscribed(1, None, 1, "orderbook_delta"),
        Updated(1, None, 2, None),
        Unsubscribed(1, None, 3),
        Refused(3, None, 4, 8, "unknown channel", ()),
    ]


def test_a_reply_to_nothing_names_no_channel(cents):
    assert read(cents, '{"type": "subscribed", "id": 9}') == Subscribed(None, None, 9, "")


def test_a_ticker_update_decodes(cents):
    assert told(cents, TICKER_UPDATE) == (
        QuoteTicked(
            at_us=AT,
            ticker=TICKER,
            last_price_e4=9_200,
            volume_e2=15_000_00,
            open_interest_e2=8_500_00,
        ),
    )


def test_an_order_book_delta_holds_whole_ladders(cents):
    frame = read(cents, json.dumps(LADDERS))

    assert frame == Snapshot(
        1,
        None,
        BookReplaced(
            at_us=AT,
            ticker=TICKER,
            yes=((9_100, 250_00), (9_000, 500_00)),
            no=((900, 150_00), (1_000, 300_00)),
        ),
        is_reply=False,
    )


@pytest.mark.parametrize(
    ("no", "state"), [([[9, 150], [10, 300]], BookState.CROSSED), ([[7, 150]], BookState.VALID)]
)
def test_the_documents_ladders_are_marked_crossed_and_a_sane_twin_is_not(cents, no, state):
    """YES 91 and NO 10 add up to more than a dollar: somebody would be giving money away."""
    message = {**LADDERS, "msg": {**LADDERS["msg"], "no": no}}
    event = read(cents, json.dumps(message)).event
    book = OrderBook()
    book.replace(dict(event.yes), dict(event.no))

    assert book.state is state
    assert book.bid(Side.YES) == 9_100


def test_a_side_without_bids_is_empty(cents):
    message = {"type": "orderbook_delta", "msg": {"market_ticker": "A", "yes": None, "no": []}}

    assert read(cents, json.dumps(message)).event == BookReplaced(
        at_us=AT, ticker="A", yes=(), no=()
    )


@pytest.mark.parametrize("ts", [1234567890000, 1234567890])
def test_a_trade_decodes_with_its_time_in_milliseconds_or_seconds(cents, ts):
    (trade,) = told(cents, TRADE, ts=ts, trade_id="t")

    assert trade == TradePrinted(
        at_us=AT,
        ticker=TICKER,
        trade_id="t",
        yes_price_e4=9_200,
        quantity_e2=50_00,
        taker_side=Side.YES,
        exchange_us=1_234_567_890_000_000,
    )


def test_the_documents_trades_get_names_of_their_own(cents):
    (first,), (second,) = told(cents, TRADE), told(cents, TRADE)

    assert first.trade_id != second.trade_id


def test_the_documents_fill_decodes_with_a_name_and_the_model_fee(founding):
    send(founding)

    (event,) = told(founding, FILL)
    (again,) = told(founding, FILL)

    fill = event.fill
    assert (fill.order_id, fill.client_order_id) == ("abc-123", "t-1")
    assert (fill.side, fill.price_e4, fill.quantity_e2) == (Side.YES, 9_200, 10_00)
    assert fill.fee_e6 == 51_600  # 0.07 x 10 x 0.92 x 0.08 = 0.05152, up to 0.0001 dollar
    assert again.fill.trade_id != fill.trade_id


def test_a_fill_of_the_era_tells_id_fee_and_time(cents):
    more = {"trade_id": "t-9", "client_order_id": "c-9", "fee_cost": "0.0515", "ts": 1_700_000_000}

    (event,) = told(cents, FILL, **more)

    assert (event.fill.trade_id, event.fill.client_order_id) == ("t-9", "c-9")
    assert (event.fill.fee_e6, event.fill.at_us) == (51_500, 1_700_000_000_000_000)


def test_founding_only_takes_nothing_of_the_era_from_a_fill(founding):
    (event,) = told(founding, FILL, trade_id="t-9", client_order_id="c-9", fee_cost="9.0000")

    assert event.fill.trade_id != "t-9"
    assert event.fill.client_order_id is None
    assert event.fill.fee_e6 == 51_600


def test_a_fill_without_an_id_is_left_to_the_list_that_has_ids(cents):
    assert told(cents, FILL) == ()
    assert cents.drift.counters == {"fill: no trade id, left to the list of fills": 1}


@pytest.mark.parametrize(
    ("side", "action", "bought", "price"),
    [("no", "buy", Side.NO, 800), ("yes", "sell", Side.NO, 800), ("no", "sell", Side.YES, 9_200)],
)
def test_a_fill_is_told_in_the_words_of_its_order(cents, side, action, bought, price):
    (event,) = told(cents, FILL, side=side, action=action, trade_id="t")

    assert (event.fill.side, event.fill.price_e4) == (bought, price)


def test_the_documents_order_update_decodes(founding):
    send(founding)

    assert told(founding, UPDATE) == (
        OrderAccepted(
            at_us=AT,
            client_order_id="t-1",
            order_id="abc-123",
            filled_e2=10_00,
            remaining_e2=90_00,
        ),
    )


def test_an_order_goes_from_pending_over_resting_to_executed_or_canceled(founding):
    send(founding)

    pending = told(founding, UPDATE, status="pending", remaining_count=100)
    (resting,) = told(founding, UPDATE, status="resting", remaining_count=100)
    (executed,) = told(founding, UPDATE, status="executed", remaining_count=0)
    (canceled,) = told(founding, UPDATE, status="canceled", remaining_count=90)

    assert pending == ()
    assert (resting.filled_e2, resting.remaining_e2) == (0, 100_00)
    assert (executed.filled_e2, executed.remaining_e2) == (100_00, 0)
    assert canceled == OrderCancelled(
        at_us=AT, client_order_id="t-1", order_id="abc-123", filled_e2=None, reason="canceled"
    )


def test_an_update_of_an_order_nobody_named_waits_for_its_name(cents):
    assert told(cents, UPDATE) == ()
    assert send(cents).remaining_e2 == 90_00


def test_an_unknown_status_is_counted(cents):
    send(cents)

    assert told(cents, UPDATE, status="frozen") == ()
    assert cents.drift.counters == {"order_update: unknown status frozen": 1}


@pytest.mark.parametrize(
    "change", [{"yes": [[101, 1]]}, {"yes": [["91", 1]]}, {"no": [[9]]}, {"yes": [[91, -1]]}]
)
def test_ladders_that_can_not_be_read_lose_that_book(cents, change):
    message = {**LADDERS, "msg": {**LADDERS["msg"], **change}}

    assert read(cents, json.dumps(message)) == Unreadable(1, None, "orderbook_delta", TICKER)


@pytest.mark.parametrize("text", ["", "{", "[]", "7", '{"type": 7}'])
def test_what_is_no_message_is_unreadable_and_never_an_exception(cents, text):
    assert isinstance(read(cents, text), Unreadable)


def test_an_unknown_type_and_an_unknown_field_are_counted(cents):
    read(cents, '{"type": "weather", "msg": {}}')
    read(cents, json.dumps({**TICKER_UPDATE, "msg": {**TICKER_UPDATE["msg"], "mood": 1}}))

    assert cents.drift.counters == {
        "unknown message type weather": 1,
        "ticker: unknown field mood": 1,
    }
