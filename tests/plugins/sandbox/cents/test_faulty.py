"""The faults of the server's side, as a client of the founding document meets them."""

import json
from random import Random  # noqa: TID251 - what a run hands in

import pytest

from framework.model.events import BookChanged
from framework.model.units import Side
from framework.testing.builders import NOW_US
from plugins.sandbox.faults import Faults

HIGHNY = "KXHIGHNY-25JAN09-B56.5"
ORDER = {"ticker": HIGHNY, "side": "yes", "type": "limit", "count": 10, "yes_price": 92}


@pytest.fixture
def faulty(open_cents):
    """Return a way to open the founding document's door with faults."""

    def opened(**faults):
        return open_cents(faults=Faults.model_validate(faults), rng=Random(1))

    return opened


def test_an_order_may_be_there_although_its_reply_failed(faulty):
    cents = faulty(failed_after={"create": 1})
    status, _ = cents.ask("POST /portfolio/orders", ORDER)
    resting = cents.ask("GET /portfolio/orders?status=resting")[1]["orders"]

    assert status >= 500
    assert [order["initial_count"] for order in resting] == [10]


def test_a_cancel_may_be_throttled_or_answered_with_an_error(faulty):
    throttled = faulty(throttled={"cancel": 1})
    wrong = faulty(errors_in_200={"cancel": 1})
    order_id = wrong.ask("POST /portfolio/orders", ORDER)[1]["order"]["order_id"]

    assert throttled.ask("DELETE /portfolio/orders/none")[0] == 429
    assert wrong.ask(f"DELETE /portfolio/orders/{order_id}")[0] == 200


def test_reads_may_lag_behind_writes(faulty):
    cents = faulty(read_lag="5s")
    cents.time.pass_seconds(10)
    order_id = cents.ask("POST /portfolio/orders", ORDER)[1]["order"]["order_id"]
    early = cents.ask(f"GET /portfolio/orders/{order_id}")[0]
    cents.time.pass_seconds(6)
    late = cents.ask(f"GET /portfolio/orders/{order_id}")[0]

    assert (early, late) == (404, 200)
    assert cents.ask(f"DELETE /portfolio/orders/{order_id}")[0] == 204


def change(size_e2):
    return BookChanged(at_us=NOW_US, ticker=HIGHNY, side=Side.YES, price_e4=9100, change_e2=size_e2)


def best_sizes(cents, heard):
    """Return the best bid's size in every message that three changes brought."""
    command = {"cmd": "subscribe", "params": {"channels": ["orderbook_delta"]}}
    command["params"]["market_tickers"] = [HIGHNY]
    cents.dialect.listen(heard).hear(json.dumps(command).encode())
    heard.take()
    for _ in range(3):
        cents.happen(change(-5_000))
    return [one["msg"].get("yes", [[None, None]])[0][1] for one in heard.take()]


@pytest.mark.parametrize(
    ("faults", "sizes"),
    [
        ({}, [200, 150, 100]),
        ({"gaps": 1}, []),
        ({"duplicates": 1}, [200, 200, 150, 150, 100, 100]),
        ({"swaps": 1}, [150, 200]),
    ],
)
def test_ladders_may_be_lost_repeated_or_late(faulty, heard, faults, sizes):
    assert best_sizes(faulty(**faults), heard) == sizes


@pytest.mark.parametrize(("fault", "code"), [("overflows", 25), ("channel_errors", 10)])
def test_a_channel_may_end_by_an_error_that_names_it(faulty, heard, fault, code):
    cents = faulty(**{fault: 1})
    command = {"cmd": "subscribe", "params": {"channels": ["ticker"], "market_tickers": [HIGHNY]}}
    cents.dialect.listen(heard).hear(json.dumps(command).encode())
    heard.take()
    cents.happen(change(-25_000))
    cents.happen(change(25_000))
    (told,) = heard.take()

    assert (told["type"], told["msg"]["code"]) == ("error", code)
    assert told["msg"]["msg"].endswith(": ticker")


def test_a_repeated_client_id_may_get_the_first_order_again(open_cents):
    cents = open_cents(repeats="return")
    body = ORDER | {"client_order_id": "mine", "action": "sell", "yes_price": 94}
    first, again = (cents.ask("POST /portfolio/orders", body) for _ in range(2))

    assert first == again
    assert first[0] == 201
    assert len(cents.venue.exchange.orders) == 1
