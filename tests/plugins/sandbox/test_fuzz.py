"""Whatever is asked, the exchange answers: no 5xx, no unhandled error, and no money made."""

from urllib.parse import quote, urlencode

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from framework.model.events import BookChanged, TradePrinted
from framework.model.units import Side
from framework.testing.builders import NOW_US
from plugins.sandbox.channels import CHANNELS
from plugins.sandbox.fixed_point.commands import Subscriber
from plugins.sandbox.fixed_point.routes import ROUTES, answer
from plugins.sandbox.request import request_of
from plugins.sandbox.routing import ROOT

TICKERS = ["KXT-E-A", "KXT-E-B", "KXT-F-C", "KXT-F-D", "KXT-G-Z"]
NAMES = [*TICKERS, "KXT", "KXT-E", "KXT-F", "", "%", "..", "a/b", "é", "0", "-1"]
NUMBERS = st.one_of(st.integers(-3, 3), st.integers(), st.just(NOW_US // 1_000_000))
SCRAPS = st.one_of(st.none(), st.booleans(), NUMBERS, st.sampled_from(NAMES), st.text(max_size=5))
ANY_JSON = st.recursive(
    SCRAPS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)
PARAMETERS = [
    *("limit", "cursor", "status", "ticker", "tickers", "event_ticker", "series_ticker", "depth"),
    *("min_ts", "max_ts", "min_close_ts", "max_close_ts", "min_created_ts", "max_settled_ts"),
    *("min_updated_ts", "mve_filter", "subaccount", "exchange_index", "market_ticker", "order_id"),
    *("count_filter", "settlement_status", "start_ts", "end_ts", "period_interval"),
    *("include_latest_before_start", "market_tickers", "show_historical", "with_nested_markets"),
]
WORDS = ["open", "settled", "resting", "exclude", "position", "all", "1", "60", "true", "x", "1e9"]
QUERIES = st.dictionaries(
    st.sampled_from(PARAMETERS),
    st.one_of(st.sampled_from([*TICKERS, *WORDS]), NUMBERS.map(str), st.text(max_size=4)),
    max_size=4,
)
ORDER = {
    "ticker": st.sampled_from(TICKERS),
    "side": st.sampled_from(["bid", "ask"]),
    "count": st.sampled_from(["1", "0.01", "12.50", "99999999"]),
    "price": st.sampled_from(["0.92", "0.9200", "0.0500", "0.505", "1.00"]),
    "time_in_force": st.sampled_from(["good_till_canceled", "immediate_or_cancel", "fill_or_kill"]),
    "self_trade_prevention_type": st.sampled_from(["taker_at_cross", "maker"]),
}
FIELDS = {
    "client_order_id": st.text(max_size=3),
    "updated_client_order_id": st.text(max_size=3),
    "expiration_time": NUMBERS,
    "post_only": st.booleans(),
    "reduce_only": st.booleans(),
    "subaccount": st.integers(-1, 2),
    "exchange_index": st.integers(-1, 3),
    "reduce_by": st.sampled_from(["1", "0", "x"]),
    "reduce_to": st.sampled_from(["1", "0", "x"]),
    "market_ticker": st.sampled_from(TICKERS),
    "order_id": st.sampled_from(NAMES),
    "contracts_limit": NUMBERS,
    "contracts_limit_fp": st.sampled_from(["5", "5.00", "0.5", "x"]),
    "client_transfer_id": st.just("00000000-0000-4000-8000-000000000000"),
    "from_subaccount": st.integers(-1, 2),
    "to_subaccount": st.integers(-1, 2),
    "amount_cents": NUMBERS,
    "amount": NUMBERS,
    "source": st.just("event_contract"),
    "destination": st.just("event_contract"),
    "destination_exchange_shard": st.integers(-1, 4),
    "subaccount_number": st.integers(-1, 2),
    "enabled": st.booleans(),
}
NEARLY = st.fixed_dictionaries(ORDER, optional=FIELDS)
SPOILT = st.builds(
    lambda body, name, scrap: {**body, name: scrap},
    NEARLY,
    st.sampled_from([*ORDER, *FIELDS]),
    SCRAPS,
)
BODIES = st.one_of(
    NEARLY,
    NEARLY,
    SPOILT,
    st.builds(lambda orders: {"orders": orders}, st.lists(NEARLY | SPOILT | ANY_JSON, max_size=3)),
    ANY_JSON,
)


@st.composite
def requests(draw):
    """A method, the parts of a path, a query and a body; a number stands for an id made so far."""
    route = draw(st.sampled_from(ROUTES))
    part = st.one_of(st.integers(0, 5), st.sampled_from(NAMES))
    parts = [draw(part) if name == "*" else name for name in route.shape]
    body = b"" if route.method == "GET" else msgspec.json.encode(draw(BODIES))
    return route.method, parts, draw(QUERIES), body


def ask(door, method, parts, query, body):
    """Ask, with numbers in the path replaced by the ids of orders and groups."""
    exchange = door.venue.exchange
    ids = [*exchange.orders, *exchange.groups.all] or ["nobody"]
    named = [ids[part % len(ids)] if isinstance(part, int) else part for part in parts]
    path = "/" + "/".join((*ROOT, *(quote(part, safe="") for part in named)))
    target = f"{path}?{urlencode(query)}"
    return answer(door.venue, request_of(method, target, door.headers(method, target), body))


@given(st.lists(NEARLY, max_size=3), st.lists(requests(), max_size=6))
def test_no_request_is_answered_by_5xx(fresh_door, orders, asked):
    door = fresh_door()
    exchange = door.venue.exchange
    exchange.groups.create(500)
    for body in orders:
        place = ["portfolio", "events", "orders"]
        asked = [("POST", place, {}, msgspec.json.encode(body)), *asked]
    for request in asked:
        reply = ask(door, *request)

        assert 200 <= reply.status < 500
        assert isinstance(msgspec.json.decode(reply.body), dict)
        assert exchange.cash_e6 <= 10_000_000_000
        for owner in exchange.treasury.subaccounts:
            assert all(cash >= 0 for cash in exchange.cash_by_shard(owner).values())
            assert all(exchange.available_e6(shard, owner) >= 0 for shard in range(4))


@given(st.binary(max_size=60), st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH"]))
def test_no_bytes_as_a_body_or_a_path_are_answered_by_5xx(shared_door, raw, method):
    for path, body in (
        ("/portfolio/events/orders", raw),
        ("/portfolio/events/orders/batched", b'{"orders":[' + raw + b"]}"),
        ("/" + quote(raw), b""),
    ):
        target = "/trade-api/v2" + path
        signed = shared_door.headers(method, target)

        assert answer(shared_door.venue, request_of(method, target, signed, body)).status < 500


# ---------------------------------------------------------------------------------- stream


class Heard:
    """An outbox that checks that each frame is a message."""

    full = False

    def __init__(self):
        self.types = []

    def push(self, text):
        self.types.append(msgspec.json.decode(text)["type"])


PARAMS = {
    "channels": st.lists(st.sampled_from([*sorted(CHANNELS), "dance"]), max_size=3),
    "market_ticker": st.sampled_from(TICKERS),
    "market_tickers": st.lists(st.sampled_from(TICKERS), max_size=3),
    "market_id": st.text(max_size=3),
    "market_ids": st.lists(st.text(max_size=3), max_size=2),
    "sid": st.integers(0, 4),
    "sids": st.lists(st.integers(0, 4), max_size=2),
    "action": st.sampled_from(["add_markets", "delete_markets", "get_snapshot", "dance"]),
    "use_yes_price": st.booleans(),
    "send_initial_snapshot": st.booleans(),
    "skip_ticker_ack": st.booleans(),
}
COMMANDS = st.builds(
    lambda cmd, number, params: {"id": number, "cmd": cmd, "params": params},
    st.sampled_from(["subscribe", "unsubscribe", "update_subscription", "list_subscriptions"]),
    st.integers(0, 9),
    st.one_of(
        st.fixed_dictionaries({}, optional=PARAMS),
        st.fixed_dictionaries(
            {"channels": PARAMS["channels"], "market_ticker": PARAMS["market_ticker"]}
        ),
        ANY_JSON,
    ),
)
TEXTS = st.one_of(
    COMMANDS.map(msgspec.json.encode), ANY_JSON.map(msgspec.json.encode), st.binary(max_size=20)
)


@given(st.lists(TEXTS, max_size=6))
def test_every_command_is_answered_and_none_breaks_the_stream(shared_door, texts):
    venue, heard = shared_door.venue, Heard()
    subscriber = Subscriber(venue.feed, heard)
    for text in texts:
        before = len(heard.types)
        subscriber.hear(text)

        assert len(heard.types) > before
        shared_door.happen(
            BookChanged(at_us=NOW_US, ticker="KXT-E-A", side=Side.YES, price_e4=9_000, change_e2=1),
            TradePrinted(
                at_us=NOW_US,
                ticker="KXT-E-B",
                trade_id="t",
                yes_price_e4=500,
                quantity_e2=100,
                taker_side=None,
            ),
        )
    subscriber.leave()
    told = len(heard.types)
    shared_door.happen(
        BookChanged(at_us=NOW_US, ticker="KXT-E-A", side=Side.YES, price_e4=9_000, change_e2=1)
    )

    assert len(heard.types) == told
