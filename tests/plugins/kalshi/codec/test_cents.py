import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.exchange import Accepted, MarketQuery, Rejected, Unknown
from framework.model.account import RemoteStatus
from framework.model.commands import CancelOrder
from framework.model.market import WHOLE_CENT, MarketStatus
from framework.model.orders import Order, Purpose, TimeInForce
from framework.model.units import Side
from plugins.kalshi.codec.cents import Cents

TICKER = "KXHIGHNY-25JAN09-B56.5"
CANCEL = CancelOrder(client_order_id="c-1", order_id="abc-123", ticker=TICKER, shard=0, reason="")
MARKET = {
    "ticker": TICKER,
    "event_ticker": "KXHIGHNY-25JAN09",
    "series_ticker": "KXHIGHNY",
    "subtitle": "56° to 57°",
    "status": "open",
    "yes_bid": 91,
    "yes_ask": 93,
    "volume": 15000,
}
ORDER = {
    "order_id": "abc-123",
    "ticker": TICKER,
    "side": "yes",
    "action": "buy",
    "status": "resting",
    "yes_price": 92,
    "initial_count": 100,
    "fill_count": 10,
    "remaining_count": 90,
    "client_order_id": "t-1",
    "created_time": "2025-01-09T12:00:00Z",
}


@pytest.fixture
def cents():
    return Cents()


@pytest.fixture
def founding():
    return Cents(founding_only=True)


def order(side=Side.YES, limit=9_200, **terms):
    return Order(
        client_order_id="t-1",
        ticker=TICKER,
        side=side,
        limit_e4=limit,
        quantity_e2=terms.pop("quantity_e2", 100_00),
        purpose=Purpose.ENTRY,
        strategy="s",
        **terms,
    )


def body_of(request):
    return json.loads(request.body)


def reply(**fields):
    return json.dumps({"order": {"order_id": "abc-123", "status": "resting", **fields}}).encode()


def test_an_order_is_written_as_the_founding_document_shows_it(founding):
    request = founding.create(order())

    assert (request.method, request.path) == ("POST", "/portfolio/orders")
    assert body_of(request) == {
        "ticker": "KXHIGHNY-25JAN09-B56.5",
        "side": "yes",
        "type": "limit",
        "count": 100,
        "yes_price": 92,
    }


def test_the_fields_of_the_era_are_used_unless_forbidden(cents):
    terms = {"post_only": True, "expires_us": 1_700_000_000_000_001}

    assert body_of(cents.create(order(**terms))) == {
        "ticker": TICKER,
        "side": "yes",
        "type": "limit",
        "count": 100,
        "yes_price": 92,
        "action": "buy",
        "client_order_id": "t-1",
        "time_in_force": "good_till_canceled",
        "post_only": True,
        "expiration_ts": 1_700_000_001,
    }


def test_buying_no_is_told_with_the_yes_price(cents):
    body = body_of(cents.create(order(Side.NO, 800)))

    assert (body["side"], body["yes_price"]) == ("no", 92)


@given(st.sampled_from(Side), st.integers(1, 99), st.integers(1, 10**6))
def test_an_order_keeps_its_meaning(side, limit, count):
    body = body_of(Cents().create(order(side, limit * 100, quantity_e2=count * 100)))

    price = body["yes_price"] if body["side"] == "yes" else 100 - body["yes_price"]
    assert (body["side"], price, body["count"]) == (side, limit, count)


@pytest.mark.parametrize("only", [False, True])
@pytest.mark.parametrize("quantity_e2", [150, 99, 1, 0, -100])
def test_a_fractional_or_empty_count_is_refused_by_name(only, quantity_e2):
    refused = Cents(founding_only=only).create(order(quantity_e2=quantity_e2))

    assert isinstance(refused, Rejected)
    assert refused.code == "invalid_order_size"
    assert refused.message.startswith("count: ")


@pytest.mark.parametrize("limit", [9_250, 50, 9_999, 0, 10_000, -100])
def test_a_price_off_the_whole_cents_is_refused_by_name(cents, limit):
    refused = cents.create(order(limit=limit))

    assert isinstance(refused, Rejected)
    assert refused.code == "invalid_price"
    assert refused.message.startswith("yes_price: ")


@pytest.mark.parametrize(
    "terms",
    [
        {"time_in_force": TimeInForce.IMMEDIATE_OR_CANCEL},
        {"time_in_force": TimeInForce.FILL_OR_KILL},
        {"post_only": True},
        {"time_in_force": TimeInForce.IMMEDIATE_OR_CANCEL, "reduce_only": True},
    ],
)
def test_what_the_document_has_no_word_for_is_refused(founding, terms):
    assert founding.create(order(**terms)).code == "unsupported"


@pytest.mark.parametrize(
    ("only", "named"), [(False, True), (True, False)], ids=["era", "founding_only"]
)
def test_capabilities_say_what_a_run_may_use(only, named):
    capabilities = Cents(founding_only=only).capabilities

    assert capabilities.client_order_ids is named
    assert capabilities.immediate_or_cancel is named
    assert capabilities.fills_by_rest is named
    assert not capabilities.fractional_quantities
    assert not capabilities.reduce_only
    assert not capabilities.amend


@pytest.mark.parametrize(
    ("fields", "filled", "remaining"),
    [
        ({"fill_count": 10, "remaining_count": 90}, 1_000, 9_000),
        ({"remaining_count": 90}, 1_000, 9_000),
        ({}, None, None),
        ({"status": "pending"}, None, None),
        ({"status": "executed"}, 10_000, 0),
        ({"status": "canceled", "fill_count": 10, "remaining_count": 0}, 1_000, 0),
        ({"status": "canceled"}, None, 0),
        ({"fill_count": "x", "remaining_count": -1}, None, None),
    ],
)
def test_the_reply_to_an_order_tells_id_and_counts(cents, fields, filled, remaining):
    assert cents.created(order(), reply(**fields)) == Accepted(
        order_id="abc-123", filled_e2=filled, remaining_e2=remaining
    )


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b'{"order": {}}', b'{"order_id": "a"}', b"\xff"]
)
def test_success_without_an_order_id_is_unknown(cents, body):
    assert isinstance(cents.created(order(), body), Unknown)


def test_the_streams_word_that_came_before_the_reply_is_the_newer_one(cents):
    update = {"order_id": "abc-123", "market_ticker": TICKER, "status": "executed"}
    cents.read([json.dumps({"type": "order_update", "msg": {**update, "remaining_count": 0}})], 7)

    taken = cents.created(order(), reply(fill_count=0, remaining_count=100))

    assert taken == Accepted(order_id="abc-123", filled_e2=100_00, remaining_e2=0)


def test_a_cancel_is_a_delete_of_the_order(cents):
    request = cents.cancel(CANCEL)

    assert (request.method, request.path) == ("DELETE", "/portfolio/orders/abc-123")
    assert (dict(request.query), request.body) == ({}, b"")


@pytest.mark.parametrize(
    ("body", "taken_out"),
    [(b"", None), (b'{"order": {}, "reduced_by": 3}', 300), (b"{}", None)],
)
def test_a_cancel_that_was_taken_needs_no_body(cents, body, taken_out):
    assert cents.cancelled(CANCEL, body) == Accepted(
        order_id="abc-123", filled_e2=None, remaining_e2=0, cancelled_e2=taken_out
    )


@pytest.mark.parametrize(
    "body", [b"<html>", b"[]", b'{"error": {"code": "internal_error"}}', b'{"code": "x"}', b"\xff"]
)
def test_a_success_that_tells_something_else_than_a_cancel_is_unknown(cents, body):
    assert isinstance(cents.cancelled(CANCEL, body), Unknown)


def test_everything_is_cancelled_order_by_order(cents):
    assert cents.cancel_all() is None


def test_the_documents_list_of_markets_is_asked_by_status_only(founding):
    query = MarketQuery(series="KXHIGHNY", event="KXHIGHNY-25JAN09")

    assert founding.list_markets(query, exclude_combos=True) == {"status": "open"}


def test_a_list_of_the_era_can_be_restricted(cents):
    query = MarketQuery(open_only=False, tickers=("A", "B"), series="S", event="E")

    assert cents.list_markets(query, exclude_combos=True) == {
        "limit": 1000,
        "tickers": "A,B",
        "series_ticker": "S",
        "event_ticker": "E",
    }


def test_the_documents_market_decodes_in_dollars(cents):
    market = cents.market(MARKET, None, None)

    assert (market.ticker, market.event_ticker, market.series_ticker) == (
        "KXHIGHNY-25JAN09-B56.5",
        "KXHIGHNY-25JAN09",
        "KXHIGHNY",
    )
    assert (market.title, market.status) == ("56° to 57°", MarketStatus.ACTIVE)
    assert (market.yes_bid_e4, market.yes_ask_e4, market.volume_e2) == (9_100, 9_300, 1_500_000)
    assert market.grid == WHOLE_CENT
    assert market.mutually_exclusive is None


@pytest.mark.parametrize(
    ("status", "ours"),
    [
        ("unopened", MarketStatus.INITIALIZED),
        ("active", MarketStatus.ACTIVE),
        ("paused", MarketStatus.INACTIVE),
        ("settled", MarketStatus.FINALIZED),
        ("frozen", MarketStatus.UNKNOWN),
    ],
)
def test_the_words_of_the_filter_are_statuses_too(cents, status, ours):
    assert cents.market({**MARKET, "status": status}, None, None).status is ours
    assert bool(cents.drift.counters) is (ours is MarketStatus.UNKNOWN)


def test_the_form_of_a_ticker_names_the_series_that_nobody_told(cents):
    record = {name: value for name, value in MARKET.items() if name != "series_ticker"}

    assert cents.market(record, None, None).series_ticker == "KXHIGHNY"


@pytest.mark.parametrize(
    ("price", "told"), [(0, None), (100, None), (None, None), (1, 100), (99, 9_900)]
)
def test_an_empty_side_is_no_quote(cents, price, told):
    assert cents.market({**MARKET, "yes_bid": price}, None, None).yes_bid_e4 == told


@pytest.mark.parametrize(
    "change",
    [
        {"yes_bid": "91"},
        {"volume": 1.5},
        {"volume": -1},
        {"close_time": "soon"},
        {"event_ticker": None},
        {"status": None},
        {"event_ticker": 7},
    ],
)
def test_a_market_that_can_not_be_read_fails_alone_with_its_name(cents, change):
    assert cents.market({**MARKET, **change}, None, None) is None
    assert cents.drift.failures[-1].startswith(f"market {TICKER}")


@pytest.mark.parametrize(
    ("fields", "pays"),
    [
        ({"result": "yes"}, 10_000),
        ({"result": "no"}, 0),
        ({"result": "scalar", "settlement_value": 43}, 4_300),
        ({"result": "scalar", "settlement_value_dollars": "0.4350"}, 4_350),
        ({"result": "scalar"}, None),
        ({"result": "yes", "status": "determined"}, None),
    ],
)
def test_a_market_pays_once_it_is_final(cents, fields, pays):
    record = {**MARKET, "status": "finalized", "settlement_ts": "2025-01-10T15:00:00Z", **fields}

    payment = cents.payment(record)

    assert (None if payment is None else payment.yes_pays_e4) == pays


@pytest.mark.parametrize(
    ("status", "ours"),
    [
        ("resting", RemoteStatus.OPEN),
        ("canceled", RemoteStatus.CANCELLED),
        ("executed", RemoteStatus.FILLED),
        ("pending", RemoteStatus.OPEN),
        ("frozen", RemoteStatus.UNKNOWN),
    ],
)
def test_the_status_of_an_order_is_mapped(cents, status, ours):
    assert cents.order({**ORDER, "status": status}).status is ours


def test_an_order_of_the_account_decodes_in_dollars(cents):
    order = cents.order(ORDER)

    assert (order.order_id, order.client_order_id, order.limit_e4) == ("abc-123", "t-1", 9_200)
    assert (order.quantity_e2, order.filled_e2, order.remaining_e2) == (10_000, 1_000, 9_000)


def test_an_order_that_tells_its_count_only_decodes_too(founding):
    record = {
        "order_id": "abc-123",
        "ticker": TICKER,
        "side": "yes",
        "type": "limit",
        "count": 100,
        "yes_price": 92,
        "status": "resting",
        "remaining_count": 90,
    }

    order = founding.order(record)

    assert (order.quantity_e2, order.filled_e2, order.remaining_e2) == (10_000, 1_000, 9_000)
    assert order.client_order_id is None


def test_an_order_without_any_count_fails_unless_we_sent_it(founding):
    bare = {"order_id": "abc-123", "ticker": TICKER, "side": "yes", "yes_price": 92}
    bare["status"] = "resting"

    assert founding.order(bare) is None
    founding.created(order(), reply())
    assert founding.order(bare).quantity_e2 == 10_000


@pytest.mark.parametrize(
    ("side", "action", "bought", "limit"),
    [
        ("yes", "buy", Side.YES, 9_200),
        ("no", "buy", Side.NO, 800),
        ("yes", "sell", Side.NO, 800),
        ("no", "sell", Side.YES, 9_200),
    ],
)
def test_selling_one_outcome_is_buying_the_other(cents, side, action, bought, limit):
    order = cents.order({**ORDER, "side": side, "action": action})

    assert (order.side, order.limit_e4) == (bought, limit)


def test_a_balance_is_cents(cents):
    assert cents.balances({"balance": 10000}) == ((0, 100_000_000),)
    assert cents.balances({"balance": "10000"}) is None


def test_a_book_that_was_asked_for_is_in_cents(cents):
    book = cents.orderbook("A", {"orderbook": {"yes": [[91, 250]], "no": None}}, 7)

    assert (book.yes, book.no) == (((9_100, 250_00),), ())
    assert cents.orderbook("A", {"orderbook": {"yes": [[101, 1]]}}, 7) is None
    assert cents.orderbook("A", {}, 7) is None


def test_surprising_fields_and_values_are_counted_and_harmless(cents):
    assert cents.market({**MARKET, "status": "active", "weather": 1}, None, None) is not None
    assert cents.drift.counters == {"market: unknown field weather": 1}


# ------------------------------------------------------------------------------ recorded bodies


def recorded(recordings, era, name):
    with gzip.open(recordings / "payloads" / era / f"{name}.json.gz") as file:
        return json.load(file)


@pytest.fixture
def both_shapes(recordings):
    """Return a body recorded in January 2026 without what the recorder added."""
    return lambda name: recorded(recordings, "2026-01-both-shapes", name)["response"]


@pytest.mark.recording
def test_recorded_orders_and_their_replies_decode(cents, both_shapes):
    listed = both_shapes("portfolio_orders_response")["orders"]
    taken = both_shapes("create_order_response")
    single = both_shapes("portfolio_order_single_response")["order"]

    orders = [cents.order(row) for row in listed]

    assert [o.status for o in orders] == [RemoteStatus.FILLED] * len(listed)
    assert [o.quantity_e2 for o in orders] == [row["initial_count"] * 100 for row in listed]
    sold = next(i for i, row in enumerate(listed) if row["action"] == "sell")
    assert (orders[sold].side, orders[sold].limit_e4) == (Side.YES, 9_700)
    outcome = cents.created(order(quantity_e2=200), json.dumps(taken).encode())
    assert (outcome.filled_e2, outcome.remaining_e2) == (0, 200)
    assert cents.order(single).client_order_id == single["client_order_id"]
    assert cents.drift.counters == {}


@pytest.mark.recording
def test_recorded_cancels_tell_what_they_took_out(cents, both_shapes):
    body = json.dumps(both_shapes("cancel_order_response")).encode()

    assert cents.cancelled(CANCEL, body).cancelled_e2 == 100
    assert cents.drift.counters == {}


@pytest.mark.recording
def test_recorded_account_lists_decode(cents, both_shapes):
    fills = both_shapes("portfolio_fills_response")["fills"]
    held = both_shapes("portfolio_positions_response")["market_positions"]
    paid = both_shapes("portfolio_settlements_response")["settlements"]

    read = [cents.fill(row) for row in fills]

    assert [f.trade_id for f in read] == [row["trade_id"] for row in fills]
    assert [f.price_e4 for f in read] == [row["yes_price"] * 100 for row in fills]
    assert all(fill.fee_e6 > 0 for fill in read)
    assert [cents.position(row).signed_e2 for row in held] == [
        row["position"] * 100 for row in held
    ]
    assert [cents.settlement(row).yes_pays_e4 for row in paid] == [10_000]
    assert cents.balances(both_shapes("portfolio_balance_response")) == ((0, 100_000_000),)
    assert cents.as_of(both_shapes("user_data_timestamp_response")) == 1_768_485_738_848_643
    assert cents.drift.counters == {}


@pytest.mark.recording
def test_recorded_markets_series_and_books_decode(cents, both_shapes):
    rows = both_shapes("markets_list_response")["markets"]
    rows += both_shapes("event_single_response")["markets"]
    rows.append(both_shapes("market_single_response")["market"])
    series = both_shapes("series_list_response")["series"]

    markets = [cents.market(row, None, None) for row in rows]

    assert [m.ticker for m in markets] == [row["ticker"] for row in rows]
    assert any(m.yes_bid_e4 for m in markets)
    assert all(
        m.yes_bid_e4 is None for m, row in zip(markets, rows, strict=True) if not row["yes_bid"]
    )
    assert all(cents.series(row) for row in series)
    assert cents.orderbook("A", both_shapes("orderbook_response"), 7).yes == ()
    assert cents.group(both_shapes("event_single_response")["event"]).series_ticker == "KXELONMARS"
    assert cents.drift.counters == {}


@pytest.mark.recording
def test_recorded_events_of_the_cents_era_decode(cents, recordings):
    rows = recorded(recordings, "2025-02-cents", "events_20250221")["events"]

    assert [group.ticker for group in map(cents.group, rows)] == [r["event_ticker"] for r in rows]
    assert cents.drift.counters == {}
