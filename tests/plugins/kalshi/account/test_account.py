import anyio
import pytest

from framework.errors import AuthError
from framework.exchange import Absent, Unknown
from framework.model.account import RemoteStatus
from framework.model.commands import QueryOrder
from framework.model.units import Side
from plugins.kalshi.account.account import AccountReader
from plugins.kalshi.account.history import History

NOON_US = 1_768_478_400_000_000
BY_CLIENT_ID = QueryOrder(client_order_id="c-1", order_id=None, ticker="A")
BY_ID = QueryOrder(client_order_id="c-1", order_id="o-1", ticker="A")


def order(number=1, **fields):
    return {
        "order_id": f"o-{number}",
        "client_order_id": f"c-{number}",
        "ticker": "A",
        "outcome_side": "no",
        "status": "resting",
        "yes_price_dollars": "0.8700",
        "initial_count_fp": "10.00",
        "fill_count_fp": "2.00",
        "remaining_count_fp": "8.00",
        **fields,
    }


def fill(number=1, **fields):
    return {
        "trade_id": f"t-{number}",
        "order_id": f"o-{number}",
        "ticker": "A",
        "outcome_side": "no",
        "yes_price_dollars": "0.8700",
        "count_fp": "2.00",
        "fee_cost": "0.0100",
        "is_taker": True,
        "created_time": f"2026-01-15T12:00:0{number}Z",
        **fields,
    }


@pytest.fixture
def read(read_rest, codec):
    """Run `test(reader)` and return what it returned."""

    def read(test, *, subaccount=None):
        async def main(rest, run):
            history = History(rest, codec, run.clock, subaccount=subaccount)
            return await test(AccountReader(rest, codec, history, subaccount=subaccount))

        return read_rest(main)

    return read


def whole(reader):
    return reader.account()


def test_the_whole_account_is_read_with_the_moment_it_shows(read, server):
    server.always("GET", "/portfolio/orders", {"orders": [order()], "cursor": ""})
    server.always("GET", "/portfolio/fills", {"fills": [fill(2), fill(1)], "cursor": ""})
    positions = [{"ticker": "A", "position_fp": "-2.00"}, {"ticker": "B", "position_fp": "0.00"}]
    server.always("GET", "/portfolio/positions", {"market_positions": positions, "cursor": ""})
    breakdown = [{"exchange_index": 0, "balance": "5.0001"}, {"exchange_index": 2, "balance": "4"}]
    server.always("GET", "/portfolio/balance", {"balance": 900, "balance_breakdown": breakdown})
    paid = {
        "ticker": "C",
        "market_result": "no",
        "settled_time": "2026-01-15T11:00:00Z",
        "fee_cost": "0.0000",
    }
    server.always("GET", "/portfolio/settlements", {"settlements": [paid], "cursor": ""})

    account = read(whole)

    lists = (
        account.orders,
        account.fills,
        account.positions,
        account.settlements,
        account.balances,
    )
    assert all(rows.complete and rows.as_of_us == NOON_US for rows in lists)
    assert [(o.side, o.limit_e4) for o in account.orders.rows] == [(Side.NO, 1_300)]
    assert [f.trade_id for f in account.fills.rows] == ["t-1", "t-2"]
    assert [(p.ticker, p.signed_e2) for p in account.positions.rows] == [("A", -200)]
    assert account.balances.rows == ((0, 5_000_100), (2, 4_000_000))
    assert [s.ticker for s in account.settlements.rows] == ["C"]


def test_the_moment_is_asked_before_the_lists(read, server):
    read(whole)

    assert server.requests[0].path == "/exchange/user_data_timestamp"


def test_fills_get_their_client_ids_from_the_orders(read, server):
    server.always("GET", "/portfolio/orders", {"orders": [order(1)], "cursor": ""})
    server.always("GET", "/portfolio/fills", {"fills": [fill(1), fill(2)], "cursor": ""})

    assert [f.client_order_id for f in read(whole).fills.rows] == ["c-1", None]


def test_a_later_start_asks_for_less_but_for_every_resting_order(read, server):
    read(lambda reader: reader.account(NOON_US + 999_999))

    queries = {
        seen.path: seen.query for seen in server.requests if seen.query.get("status") is None
    }
    assert queries["/portfolio/fills"]["min_ts"] == "1768478400"
    assert queries["/portfolio/orders"]["min_ts"] == "1768478400"
    assert [s.query.get("status") for s in server.asked("GET", "/portfolio/orders")] == [
        None,
        "resting",
    ]


def test_the_later_read_of_an_order_counts(read, server):
    server.then(
        "GET",
        "/portfolio/orders",
        {"orders": [order(1), order(2, status="canceled")], "cursor": ""},
        {"orders": [order(1, fill_count_fp="3.00", remaining_count_fp="7.00")], "cursor": ""},
    )

    orders = read(lambda reader: reader.account(NOON_US)).orders.rows

    assert [(o.order_id, o.filled_e2) for o in orders] == [("o-1", 300), ("o-2", 200)]


@pytest.mark.parametrize(
    ("path", "key", "part"),
    [
        ("orders", "orders", "orders"),
        ("fills", "fills", "fills"),
        ("positions", "market_positions", "positions"),
        ("settlements", "settlements", "settlements"),
    ],
)
def test_a_failing_page_or_row_makes_only_that_list_incomplete(read, server, path, key, part):
    for answers in ([(400, b"")], [{key: [{"odd": 1}], "cursor": ""}]):
        server.then("GET", f"/portfolio/{path}", *answers)

        account = read(whole)

        complete = {
            name: getattr(account, name).complete
            for name in ("orders", "fills", "positions", "settlements", "balances")
        }
        assert [name for name, is_whole in complete.items() if not is_whole] == [part]


def test_without_a_readable_balance_there_is_no_cash_rather_than_none_of_it(read, server):
    server.always("GET", "/portfolio/balance", {"balance_dollars": "5"})

    account = read(whole)

    assert (account.balances.complete, account.balances.rows) == (False, ())


@pytest.mark.parametrize("answer", [(400, b""), {}, {"as_of_time": "soon"}])
def test_without_the_moment_nothing_is_complete(read, server, answer):
    server.always("GET", "/exchange/user_data_timestamp", answer)

    account = read(whole)

    assert not account.orders.complete
    assert not account.balances.complete


def test_a_refused_key_is_an_auth_error(read, server):
    server.always("GET", "/portfolio/fills", (401, b""))

    async def failing(reader):
        with pytest.raises(AuthError):
            await reader.account()

    read(failing)


def test_a_subaccount_is_asked_for_everywhere(read, server):
    read(whole, subaccount=3)

    asked = [seen for seen in server.requests if seen.path.startswith("/portfolio")]
    assert {seen.query["subaccount"] for seen in asked} == {"3"}


def find(read, query):
    return read(lambda reader: reader.find(query))


def test_an_order_is_found_by_its_id(read, server):
    server.always("GET", "/portfolio/orders/o-1", {"order": order(1, status="canceled")})

    found = find(read, BY_ID)

    assert (found.order_id, found.status) == ("o-1", RemoteStatus.CANCELLED)


def test_an_order_is_found_by_its_client_id_on_any_page(read, server):
    server.then("GET", "/portfolio/orders", {"orders": [order(2)], "cursor": "c"})
    server.then("GET", "/portfolio/orders", {"orders": [order(1)], "cursor": ""})

    assert find(read, BY_CLIENT_ID).order_id == "o-1"
    assert server.asked("GET", "/portfolio/orders")[0].query["ticker"] == "A"


@pytest.mark.parametrize("query", [BY_ID, BY_CLIENT_ID])
def test_absence_is_told_with_the_moment_it_is_true_of(read, server, query):
    assert find(read, query) == Absent(as_of_us=NOON_US)


@pytest.mark.parametrize(
    "trouble", [(503, b""), (429, b""), (400, b""), (401, b""), "cut", b"junk"]
)
@pytest.mark.parametrize("query", [BY_ID, BY_CLIENT_ID])
def test_an_unhealthy_read_never_proves_absence(read, server, query, trouble):
    server.always("GET", "/portfolio/orders", trouble)
    server.always("GET", "/portfolio/orders/o-1", trouble)

    assert isinstance(find(read, query), Unknown)


def test_a_network_that_is_down_never_proves_absence(read, server):
    server.refuses_connections = True

    assert isinstance(find(read, BY_CLIENT_ID), Unknown)


def test_a_missing_page_never_proves_absence(read, server):
    server.then("GET", "/portfolio/orders", {"orders": [order(2)], "cursor": "c"})
    server.always("GET", "/portfolio/orders", (400, b""))

    assert isinstance(find(read, BY_CLIENT_ID), Unknown)


def test_an_unreadable_order_never_proves_absence(read, server):
    server.always("GET", "/portfolio/orders", {"orders": [{"order_id": "o-9"}], "cursor": ""})

    assert isinstance(find(read, BY_CLIENT_ID), Unknown)


@pytest.mark.parametrize("body", [{}, {"order": None}, {"order": {"order_id": "o-1"}}])
def test_an_order_that_can_not_be_read_is_unknown(read, server, body):
    server.always("GET", "/portfolio/orders/o-1", body)

    assert isinstance(find(read, BY_ID), Unknown)


def test_without_the_moment_nothing_is_absent(read, server):
    server.always("GET", "/exchange/user_data_timestamp", (400, b""))

    assert isinstance(find(read, BY_CLIENT_ID), Unknown)


def test_one_markets_payment_is_found(read, server):
    paid = {
        "ticker": "C",
        "market_result": "scalar",
        "value": 37,
        "settled_time": "2026-01-15T11:00:00Z",
        "fee_cost": "0.0040",
    }
    server.always("GET", "/portfolio/settlements", {"settlements": [paid], "cursor": ""})

    found = read(lambda reader: reader.settlement("C"))

    assert (found.yes_pays_e4, found.fee_e6) == (3_700, 4_000)
    assert read(lambda reader: reader.settlement("D")) is None


# ---------------------------------------------------------------------------------- archive

CUTOFF = {
    "market_settled_ts": "2025-10-15T00:00:00Z",
    "trades_created_ts": "2025-10-15T00:00:00Z",
    "orders_updated_ts": "2026-01-01T00:00:00Z",
}
DAY_US = 86_400_000_000


def archive(server, orders=(), fills=()):
    server.always("GET", "/historical/cutoff", CUTOFF)
    server.always("GET", "/historical/orders", {"orders": list(orders), "cursor": ""})
    server.always("GET", "/historical/fills", {"fills": list(fills), "cursor": ""})


@pytest.mark.parametrize("since_us", [None, NOON_US - 30 * DAY_US])
def test_what_is_older_than_the_cutoff_is_read_from_the_archive_too(read, server, since_us):
    old = fill(1, created_time="2025-01-01T00:00:00Z")
    archive(server, [order(1)], [old, fill(2)])
    server.always("GET", "/portfolio/fills", {"fills": [fill(2), fill(3)], "cursor": ""})
    server.always("GET", "/portfolio/orders", {"orders": [order(2)], "cursor": ""})

    account = read(lambda reader: reader.account(since_us))

    assert [(f.trade_id, f.client_order_id) for f in account.fills.rows] == [
        ("t-1", "c-1"),
        ("t-2", "c-2"),
        ("t-3", None),
    ]
    assert account.fills.complete


def test_a_read_of_the_last_hour_never_asks_the_archive(read, server):
    read(lambda reader: reader.account(NOON_US - 3_600_000_000))

    assert not any(seen.path.startswith("/historical") for seen in server.requests)


@pytest.mark.parametrize("path", ["cutoff", "fills"])
def test_an_archive_that_can_not_be_read_leaves_the_fills_incomplete(read, server, path):
    archive(server)
    server.always("GET", f"/historical/{path}", (400, b""))

    account = read(whole)

    assert "fills" in account.missing
    assert account.positions.complete


@pytest.mark.parametrize("query", [BY_ID, BY_CLIENT_ID])
def test_an_order_that_ended_long_ago_is_found_in_the_archive(read, server, query):
    archive(server, [order(7), order(1, status="canceled")])

    found = read(lambda reader: reader.find(query))

    assert (found.order_id, found.status) == ("o-1", RemoteStatus.CANCELLED)


@pytest.mark.parametrize("query", [BY_ID, BY_CLIENT_ID])
def test_an_order_is_absent_only_when_the_archive_does_not_know_it_either(read, server, query):
    archive(server, [order(7)])

    assert read(lambda reader: reader.find(query)) == Absent(as_of_us=NOON_US)


@pytest.mark.parametrize("answer", [(400, b""), {"orders": [{"ticker": "A"}], "cursor": ""}])
def test_an_archive_that_can_not_be_read_proves_nothing(read, server, answer):
    archive(server)
    server.always("GET", "/historical/orders", answer)

    assert isinstance(read(lambda reader: reader.find(BY_ID)), Unknown)


@pytest.mark.parametrize("ask", [lambda reader: reader.find(BY_CLIENT_ID), whole])
def test_the_account_does_not_queue_behind_hundreds_of_markets(read_rest, codec, server, ask):
    server.always("GET", "/markets/A", {"market": {}})

    async def main(rest, run):
        history = History(rest, codec, run.clock)
        reader = AccountReader(rest, codec, history, subaccount=None)
        async with anyio.create_task_group() as markets:
            for _ in range(100):
                markets.start_soon(rest.get, "/markets/A")
            await run.clock.sleep(0.1)
            await ask(reader)
            markets.cancel_scope.cancel()
        return sum(seen.path.endswith("/markets/A") for seen in server.requests)

    assert read_rest(main) < 60
