from itertools import pairwise

import anyio
import pytest
from structlog.testing import capture_logs

from framework.errors import AuthError, ExchangeError
from plugins.kalshi.codec import Request
from plugins.kalshi.transport.lane import Lost
from plugins.kalshi.transport.rest import ATTEMPTS, Reply

STATUS = "/exchange/status"
ORDERS = "/portfolio/events/orders"
ORDER = Request(method="POST", path=ORDERS, template=ORDERS, body=b'{"ticker": "A"}', shard=0)


async def failing(kind, action):
    with pytest.raises(kind) as told:
        await action

    return told.value


def test_a_read_is_signed_at_the_moment_of_sending(read_rest, server):
    server.always("GET", STATUS, {"exchange_active": True})

    async def main(rest, run):
        await run.clock.sleep(3)
        return await rest.get(STATUS, {"x": 1})

    assert read_rest(main) == {"exchange_active": True}
    (seen,) = server.requests
    assert seen.headers["kalshi-access-timestamp"] == "1768478403000"
    assert seen.query == {"x": "1"}


@pytest.mark.parametrize("trouble", [429, 500, 502, 503, 504, 408, "hang", "cut"])
def test_a_read_is_repeated_after_trouble_and_signed_anew(read_rest, server, trouble):
    answer = trouble if isinstance(trouble, str) else (trouble, b"")
    server.then("GET", STATUS, answer, answer, {"exchange_active": True})

    async def main(rest, run):
        return await rest.get(STATUS)

    assert read_rest(main) == {"exchange_active": True}
    stamps = [seen.headers["kalshi-access-timestamp"] for seen in server.requests]
    assert len(set(stamps)) == 3


def test_pauses_between_reads_grow_and_are_jittered_by_the_runs_generator(read_rest, server):
    server.always("GET", STATUS, (503, b""))

    async def main(rest, run):
        await failing(ExchangeError, rest.get(STATUS))

    read_rest(main)
    times = [seen.at_s for seen in server.requests]
    pauses = [after - before for before, after in pairwise(times)]
    longest = [0.25, 0.5, 1, 2, 4]
    assert len(times) == ATTEMPTS
    assert all(0 < pause <= most for pause, most in zip(pauses, longest, strict=True))
    assert len(set(pauses)) == len(pauses)


def test_a_read_without_an_answer_says_what_failed_last(read_rest, server):
    server.always("GET", STATUS, (503, {"error": {"code": "down", "message": "maintenance"}}))

    async def main(rest, run):
        return await failing(ExchangeError, rest.get(STATUS))

    error = read_rest(main)
    assert (error.status, error.code) == (503, "down")
    assert "maintenance" in str(error)


@pytest.mark.parametrize("status", [400, 404, 409, 410])
def test_a_refused_read_is_not_repeated(read_rest, server, status):
    server.always("GET", STATUS, (status, {"error": {"code": "no", "message": "m"}}))

    async def main(rest, run):
        return await failing(ExchangeError, rest.get(STATUS))

    error = read_rest(main)
    assert (error.status, error.code) == (status, "no")
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_is_an_auth_error_at_once(read_rest, server, status):
    body = {"error": {"code": "authentication_error", "details": "NOT_FOUND"}}
    server.always("GET", STATUS, (status, body))

    async def main(rest, run):
        return await failing(AuthError, rest.get(STATUS))

    error = read_rest(main)
    assert "NOT_FOUND" in str(error)
    assert "clock" not in str(error)
    assert "key-1" not in str(error)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("skew_s", "told"), [(120, "120 s behind"), (-120, "119 s ahead of"), (3, None)]
)
def test_an_auth_error_names_a_clock_that_is_far_off(read_rest, server, skew_s, told):
    server.skew_s = skew_s
    body = {"error": {"code": "header_timestamp_expired", "message": "expired"}}
    server.always("GET", STATUS, (401, body))

    async def main(rest, run):
        return str(await failing(AuthError, rest.get(STATUS)))

    error = read_rest(main)
    assert ("this machine's clock is" in error) == (told is not None)
    assert told is None or told in error


def test_the_clock_is_measured_with_every_answer(read_rest, server):
    server.always("GET", STATUS, {})
    server.skew_s = -30

    async def main(rest, run):
        assert rest.skew_us is None
        await rest.get(STATUS)
        return rest.skew_us

    assert read_rest(main) == 29_500_000


@pytest.mark.parametrize("body", [b"", b"<html>", b"[1]", b"null"])
def test_an_answer_that_is_no_object_is_trouble(read_rest, server, body):
    server.then("GET", STATUS, body, {"fine": True})

    async def main(rest, run):
        return await rest.get(STATUS)

    assert read_rest(main) == {"fine": True}


def rows(rest, path="/things", query=None):
    async def collect():
        return [row async for row in rest.pages(path, query or {"limit": 2}, "things")]

    return collect()


def test_every_page_of_a_list_is_read(read_rest, server):
    server.then("GET", "/things", {"things": [{"n": 1}, {"n": 2}], "cursor": "c"})
    server.then("GET", "/things", {"things": [{"n": 3}], "cursor": ""})

    async def main(rest, run):
        return await rows(rest)

    assert read_rest(main) == [{"n": 1}, {"n": 2}, {"n": 3}]
    assert [seen.query for seen in server.requests] == [
        {"limit": "2"},
        {"limit": "2", "cursor": "c"},
    ]


@pytest.mark.parametrize(
    "second", [(400, b""), (503, b""), "hang", "cut", {"items": []}, {"things": [1]}, b"junk"]
)
def test_a_list_whose_second_page_fails_is_an_error_not_a_shorter_list(read_rest, server, second):
    server.then("GET", "/things", {"things": [{"n": 1}], "cursor": "c"})
    server.always("GET", "/things", second)

    async def main(rest, run):
        await failing(ExchangeError, rows(rest))

    read_rest(main)


def test_paging_in_a_circle_is_an_error(read_rest, server):
    server.always("GET", "/things", {"things": [{"n": 1}], "cursor": "same"})

    async def main(rest, run):
        return await failing(ExchangeError, rows(rest))

    assert "circle" in str(read_rest(main))
    assert len(server.requests) == 2


@pytest.mark.parametrize("end", [{"things": []}, {"things": [], "cursor": None}])
def test_a_list_may_end_without_a_cursor(read_rest, server, end):
    server.always("GET", "/things", end)

    async def main(rest, run):
        return await rows(rest)

    assert read_rest(main) == []


@pytest.mark.parametrize("status", [200, 400, 409, 429, 500, 503])
def test_a_write_is_sent_once_whatever_the_answer(read_rest, server, status):
    server.always("POST", ORDERS, (status, b"{}"))

    async def main(rest, run):
        reply = await rest.write(ORDER, urgent=False)
        await run.clock.sleep(60)
        return reply

    assert read_rest(main) == Reply(status, b"{}")
    assert len(server.requests) == 1
    assert server.requests[0].body == {"ticker": "A"}


@pytest.mark.parametrize(("trouble", "after_s"), [("hang", 10), ("cut", 0)])
def test_a_write_without_an_answer_is_lost_and_not_repeated(read_rest, server, trouble, after_s):
    server.always("POST", ORDERS, trouble)

    async def main(rest, run):
        reply = await rest.write(ORDER, urgent=False)
        lost_s = server.elapsed_s()
        await run.clock.sleep(60)
        return reply, lost_s

    reply, lost_s = read_rest(main)
    assert isinstance(reply, Lost)
    assert lost_s == after_s
    assert len(server.requests) == 1


def test_a_write_that_can_not_connect_is_lost(read_rest, server):
    server.refuses_connections = True

    async def main(rest, run):
        return await rest.write(ORDER, urgent=True)

    assert isinstance(read_rest(main), Lost)
    assert server.requests == []


def test_a_refused_write_empties_the_budget(read_rest, server):
    server.always("POST", ORDERS, (429, {"error": "too many requests"}))

    async def main(rest, run):
        await rest.write(ORDER, urgent=True)
        return rest.limits.write.tokens

    assert read_rest(main) == 0


def test_writes_do_not_wait_behind_a_slow_answer(read_rest, server):
    server.then("POST", ORDERS, "hang", (201, b"{}"))

    async def main(rest, run):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(lambda: rest.write(ORDER, urgent=False))
            await run.clock.sleep(1)
            reply = await rest.write(ORDER, urgent=True)
            answered_s = server.elapsed_s()
            tasks.cancel_scope.cancel()
        return reply, answered_s

    assert read_rest(main) == (Reply(201, b"{}"), 1)


def test_the_accounts_own_budget_is_adopted(read_rest, server):
    bucket = {"refill_rate": 300, "bucket_capacity": 900}
    limits = {"usage_tier": "advanced", "read": bucket, "write": bucket, "grants": []}
    server.always("GET", "/account/limits", limits)
    server.always(
        "GET",
        "/account/endpoint_costs",
        {"default_cost": 10, "endpoint_costs": [{"method": "GET", "path": "/x", "cost": 1}]},
    )

    async def main(rest, run):
        await rest.adopt_limits()
        read = Request(method="GET", path="/x", template="/x")
        return rest.limits.read.capacity, rest.limits.cost(read)

    assert read_rest(main) == (900, 1)


@pytest.mark.parametrize("answer", [(404, b""), {"usage_tier": "basic"}, {"read": 5, "write": 6}])
def test_without_a_readable_budget_the_basic_tier_stays(read_rest, server, answer):
    server.always("GET", "/account/limits", answer)

    async def main(rest, run):
        await rest.adopt_limits()
        return rest.limits.read.capacity

    assert read_rest(main) == 200


def test_a_budget_that_can_not_be_read_is_said_with_the_cause(read_rest, server):
    server.always("GET", "/account/limits", (404, {"error": {"code": "gone", "message": "away"}}))

    with capture_logs() as logs:
        read_rest(lambda rest, run: rest.adopt_limits())

    [line] = logs
    assert line["log_level"] == "warning"
    assert "GET /account/limits" in line["why"]


def test_a_web_page_is_named_as_what_it_is(read_rest, server):
    server.always("GET", STATUS, b"  <!doctype html><title>Sign in</title>")

    async def main(rest, run):
        return await failing(ExchangeError, rest.get(STATUS))

    assert "a web page, not JSON: check rest_url" in str(read_rest(main))


@pytest.mark.parametrize("status", [500, 503, 504])
def test_an_error_whose_body_is_the_answer_is_read_when_asked_for(read_rest, server, status):
    server.always("GET", STATUS, (status, {"exchange_active": False}))

    async def main(rest, run):
        return await rest.get(STATUS, telling={500, 503, 504})

    assert read_rest(main) == {"exchange_active": False}


def test_an_error_body_is_no_answer_whatever_was_asked_for(read_rest, server):
    server.always("GET", STATUS, (503, {"error": {"code": "down", "message": "m"}}))

    async def main(rest, run):
        return await failing(ExchangeError, rest.get(STATUS, telling={503}))

    assert read_rest(main).code == "down"


@pytest.mark.parametrize(
    ("body", "hint"),
    [
        (
            {"error": {"code": "authentication_error", "message": "NOT_FOUND"}},
            "check that key_id belongs to sandbox mode",
        ),
        (
            {"error": {"code": "authentication_error", "details": "INCORRECT_API_KEY_SIGNATURE"}},
            "private_key does not belong to key_id",
        ),
        (
            {"error": {"code": "authentication_error", "details": "INVALID_PARAMETER"}},
            "key_id is no key id",
        ),
        ({"error": {"code": "header_timestamp_expired"}}, "set this machine's clock"),
    ],
)
def test_a_refused_key_is_told_with_its_cause_and_fix(read_rest, server, body, hint):
    server.always("GET", STATUS, (401, body))

    async def main(rest, run):
        return await failing(AuthError, rest.get(STATUS))

    assert hint in str(read_rest(main))


# ------------------------------------------------------------------------ the order lane


def opened(run):
    return len(run.connections)


def test_an_order_goes_by_a_lane_that_was_open_before(write_rest, server):
    server.always("POST", ORDERS, (201, {"order_id": "o"}))

    async def main(rest, run):
        before = opened(run)
        reply = await rest.write(ORDER, urgent=False)
        return reply, opened(run) - before

    assert write_rest(main) == (Reply(201, b'{"order_id": "o"}'), 0)
    assert server.requests[-1].body == {"ticker": "A"}


def test_an_order_can_be_on_its_way_before_anybody_waits(write_rest, server):
    server.always("POST", ORDERS, (201, {"order_id": "o"}))

    async def main(rest, run):
        answer = rest.begin(ORDER, urgent=False)
        tokens = rest.limits.write.tokens
        await run.clock.sleep(1)
        return len(server.requests), tokens, await answer()

    assert write_rest(main) == (1, 90, Reply(201, b'{"order_id": "o"}'))


def test_nothing_is_begun_without_a_lane_or_beyond_the_budget(write_rest, read_rest, server):
    server.always("POST", ORDERS, (429, b""))

    async def spent(rest, run):
        refused = await rest.write(ORDER, urgent=False)  # the exchange has no token for us
        return refused.status, rest.begin(ORDER, urgent=False)

    async def without_lanes(rest, run):
        return rest.begin(ORDER, urgent=False), rest.limits.write.tokens

    assert write_rest(spent) == (429, None)
    assert read_rest(without_lanes) == (None, 100)
    assert len(server.requests) == 1


def test_a_lane_sends_what_httpx_sends(write_rest, read_rest, server):
    server.always("DELETE", f"{ORDERS}/a b", {})
    server.always("POST", ORDERS, (201, {}))
    cancel = Request(
        method="DELETE",
        path=f"{ORDERS}/a b",
        template=f"{ORDERS}/{{order_id}}",
        query={"market_ticker": "A&B", "subaccount": 3},
    )

    async def main(rest, run):
        await rest.write(ORDER, urgent=True)
        await rest.write(cancel, urgent=True)

    write_rest(main, presign=False)
    read_rest(main)

    def told(seen):
        skipped = {"kalshi-access-signature", "accept-encoding", "connection"}
        return (
            seen.method,
            seen.path,
            seen.query,
            seen.body,
            {name: value for name, value in seen.headers.items() if name not in skipped},
        )

    by_lane, by_httpx = server.requests[:2], server.requests[2:]
    assert [told(seen) for seen in by_lane] == [told(seen) for seen in by_httpx]


def test_a_lost_answer_is_lost_and_the_next_write_goes_by_httpx(write_rest, server):
    server.then("POST", ORDERS, "cut", (201, {"n": 2}), (201, {"n": 3}))

    async def main(rest, run):
        return [await rest.write(ORDER, urgent=True) for _ in range(3)]

    lost, by_httpx, by_lane = write_rest(main)
    assert isinstance(lost, Lost)
    assert (by_httpx, by_lane) == (Reply(201, b'{"n": 2}'), Reply(201, b'{"n": 3}'))
    agents = ["accept-encoding" in seen.headers for seen in server.requests]
    assert agents == [False, True, False]


def test_a_lane_measures_the_clock_too(write_rest, server):
    server.always("POST", ORDERS, (201, {}))
    server.skew_s = -30

    async def main(rest, run):
        await rest.write(ORDER, urgent=True)
        return rest.skew_us

    assert write_rest(main) == 29_500_000


def test_a_429_on_a_lane_empties_the_budget(write_rest, server):
    server.always("POST", ORDERS, (429, {}))

    async def main(rest, run):
        await rest.write(ORDER, urgent=True)
        return rest.limits.write.tokens

    assert write_rest(main) == 0


def stamps(server):
    return [int(seen.headers["kalshi-access-timestamp"]) for seen in server.requests]


def test_an_order_soon_after_another_carries_a_set_that_was_signed_ahead(write_rest, server):
    server.always("POST", ORDERS, (201, {}))

    async def main(rest, run):
        await rest.write(ORDER, urgent=True)
        await run.clock.sleep(1.5)
        await rest.write(ORDER, urgent=True)
        return rest.presigned.used

    assert write_rest(main) == 1
    first, second = stamps(server)
    assert 0 < second - first < 100


def test_an_amendment_takes_no_set_and_spoils_none(write_rest, server):
    amend = Request(
        method="POST", path=f"{ORDERS}/x/amend", template=f"{ORDERS}/{{order_id}}/amend", body=b"{}"
    )
    server.always("POST", ORDERS, (201, {}))
    server.always("POST", f"{ORDERS}/x/amend", (200, {}))

    async def main(rest, run):
        await rest.write(ORDER, urgent=True)
        await run.clock.sleep(0.5)
        await rest.write(amend, urgent=True)
        await rest.write(ORDER, urgent=True)
        return rest.presigned.used

    assert write_rest(main) == 1


def test_a_set_that_is_too_old_is_not_used(write_rest, server):
    server.always("POST", ORDERS, (201, {}))

    async def main(rest, run):
        await rest.write(ORDER, urgent=True)
        await run.clock.sleep(3)
        await rest.write(ORDER, urgent=True)
        return rest.presigned.used

    assert write_rest(main) == 0
    first, second = stamps(server)
    assert second - first == 3_000


def test_a_refused_signature_throws_the_others_away(write_rest, server):
    server.then("POST", ORDERS, (201, {}), (401, {}), (201, {}))

    async def main(rest, run):
        for _ in range(3):
            await rest.write(ORDER, urgent=True)
            await run.clock.sleep(0.004)
        return rest.presigned.used

    assert write_rest(main) == 0
