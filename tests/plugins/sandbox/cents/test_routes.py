"""Which paths there are, who may ask, and the statuses of refusals."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.sandbox.cents.routes import ROUTES
from plugins.sandbox.core.rows import Pause
from plugins.sandbox.request import request_of

HIGHNY = "KXHIGHNY-25JAN09-B56.5"
ORDER = {"ticker": HIGHNY, "side": "yes", "type": "limit", "count": 10, "yes_price": 92}
TABLE = {400, 401, 403, 404, 429, 500, 503}


def line(route):
    return f"{route.method} /{'/'.join('X' if part == '*' else part for part in route.shape)}"


@pytest.mark.parametrize("route", ROUTES, ids=line)
def test_only_the_portfolio_needs_a_key(cents, route):
    status, _ = cents.ask(line(route), signed=False)

    assert (status == 401) is (route.shape[0] == "portfolio")


@pytest.mark.parametrize("path", ["account/limits", "portfolio/events/orders", "markets/a/b"])
def test_a_path_of_todays_is_not_found(cents, path):
    assert cents.ask(f"GET /{path}")[0] == 404


@pytest.mark.parametrize(
    ("pause", "status", "code"),
    [
        (Pause.TRADING, 400, "trading_is_paused"),
        (Pause.EVERYTHING, 503, "exchange_is_paused"),
    ],
)
def test_a_rest_is_told_by_the_table(cents, pause, status, code):
    cents.venue.publish(cents.venue.exchange.halt(pause))
    answered, body = cents.ask("POST /portfolio/orders", ORDER)

    assert (answered, body["error"]["code"]) == (status, code)


TICKERS = st.sampled_from([HIGHNY, "KXBTC-26FEB09-B95000", "KXFINE-26FEB09-T1", "X", "%2F", ""])
SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=4) | st.floats(0, 200)
SMALL = st.integers(-2, 101) | SCALARS
ORDERS = st.fixed_dictionaries(
    {
        "ticker": TICKERS,
        "side": st.sampled_from(["yes", "no"]) | SCALARS,
        "count": SMALL,
    },
    optional={
        "type": st.just("limit") | SCALARS,
        "yes_price": SMALL,
        "no_price": SMALL,
        "action": st.sampled_from(["buy", "sell"]) | SCALARS,
        "time_in_force": st.sampled_from(["good_till_canceled", "fill_or_kill"]) | SCALARS,
        "client_order_id": SCALARS,
        "expiration_ts": SCALARS,
        "post_only": SCALARS,
        "reduce_only": SCALARS,
        "reduce_by": SMALL,
        "reduce_to": SMALL,
    },
)
LISTS = st.fixed_dictionaries(
    {}, optional={"orders": st.lists(ORDERS, max_size=12), "ids": st.lists(SCALARS, max_size=12)}
)
BODIES = st.binary(max_size=40) | (ORDERS | LISTS).map(msgspec.json.encode)
QUERIES = st.sampled_from(
    [
        "",
        "limit=5",
        "limit=0",
        "status=open",
        "status=resting",
        "cursor=YXQ6MQ",
        "depth=-1",
        "ticker=,",
        "min_ts=x",
        "with_nested_markets=true",
        "count_filter=position",
        "%ff",
    ]
)


@given(data=st.data())
def test_no_request_makes_the_exchange_fail(shared_door, data):
    route = data.draw(st.sampled_from(ROUTES))
    known = list(shared_door.venue.exchange.orders)[-3:]
    parts = [
        data.draw(TICKERS | st.sampled_from(known or ["none"])) if part == "*" else part
        for part in route.shape
    ]
    target = f"/trade-api/v2/{'/'.join(parts)}?{data.draw(QUERIES)}"
    unsigned = request_of(route.method, target, {}, data.draw(BODIES))
    headers = shared_door.headers(route.method, unsigned.path)
    reply = shared_door.dialect.answer(msgspec.structs.replace(unsigned, headers=headers))

    assert reply.status in {200, 201, 204, 405} | TABLE - {500, 503}
    assert (reply.body == b"") is (reply.status == 204)
    msgspec.json.decode(reply.body or b"null")
