import anyio
import pytest

from framework.errors import AuthError
from framework.model.orders import Purpose
from framework.testing.builders import order
from plugins.kalshi.markets.status import StatusWatch

STATUS = "/exchange/status"
RUNS = {"exchange_active": True, "trading_active": True}
PAUSES = {"exchange_active": True, "trading_active": False}
CLOSED = {"exchange_active": False, "trading_active": False}


def shard(index, flags, **more):
    return {"exchange_index": index, **flags, **more}


@pytest.fixture
def watch(read_rest, codec):
    """Run `test(watch, told, run)` beside a watch; `told` are the pauses of each event."""

    def watch(test):
        async def main(rest, run):
            told = []

            async def emit(batch):
                told.extend(event.pauses for event in batch)

            watching = StatusWatch(rest, codec.drift, run.clock, emit)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(watching.run)
                await run.clock.sleep(1)
                result = await test(watching, told, run)
                tasks.cancel_scope.cancel()
            return result

        return read_rest(main)

    return watch


async def heard(watching, told, run):
    return told


def test_a_running_exchange_is_no_news(watch, server):
    server.always("GET", STATUS, RUNS)

    assert watch(heard) == []


def test_a_trading_pause_still_takes_cancels_and_a_closed_exchange_does_not(watch, server):
    server.then("GET", STATUS, {**PAUSES, "exchange_estimated_resume_time": "2026-01-15T13:00:00Z"})
    server.always("GET", STATUS, CLOSED)

    async def main(watching, told, run):
        await run.clock.sleep(6)
        return told

    (first,), (second,) = watch(main)
    assert (first.shard, first.takes_cancels) == (None, True)
    assert first.reason == "trading pauses, until about 2026-01-15 13:00 UTC"
    assert (second.takes_cancels, second.reason) == (False, "the exchange is closed")


def test_shards_pause_one_by_one_and_stand_above_the_flags_of_shard_0(watch, server):
    shards = [shard(0, RUNS), shard(2, PAUSES, description="crypto")]
    server.always("GET", STATUS, {**CLOSED, "exchange_index_statuses": shards})

    ((pause,),) = watch(heard)

    assert (pause.shard, pause.reason) == (2, "trading pauses on shard 2 (crypto)")


@pytest.mark.parametrize("status", [500, 503, 504])
def test_an_error_that_tells_the_status_is_believed(watch, server, status):
    server.always("GET", STATUS, (status, CLOSED))

    ((pause,),) = watch(heard)

    assert not pause.takes_cancels


def test_the_end_of_a_pause_is_noticed_within_seconds(watch, server):
    server.then("GET", STATUS, PAUSES)
    server.always("GET", STATUS, RUNS)

    async def main(watching, told, run):
        await run.clock.sleep(5)
        return told

    assert watch(main)[1] == ()


def test_a_pause_is_noticed_within_a_minute_and_at_once_when_an_order_met_it(watch, server):
    server.then("GET", STATUS, RUNS)
    server.always("GET", STATUS, PAUSES)

    async def patient(watching, told, run):
        await run.clock.sleep(58)
        before = list(told)
        await run.clock.sleep(2)
        return before, len(told)

    async def alarmed(watching, told, run):
        watching.look_now()
        await run.clock.sleep(0.1)
        return len(told)

    assert watch(patient) == ([], 1)
    server.then("GET", STATUS, RUNS)
    assert watch(alarmed) == 1


def test_a_planned_closing_is_looked_at_when_it_comes(watch, server):
    window = {"start_datetime": "2026-01-15T12:00:20Z", "end_datetime": "2026-01-15T14:00:00Z"}
    plan = {"standard_hours": [], "maintenance_windows": [window]}
    server.always("GET", "/exchange/schedule", {"schedule": plan})
    server.then("GET", STATUS, RUNS)
    server.always("GET", STATUS, PAUSES)

    async def main(watching, told, run):
        await run.clock.sleep(20)
        return len(told)

    assert watch(main) == 1


def test_entries_are_refused_on_the_shard_that_pauses_and_exits_may_try(watch, server):
    shards = [shard(0, RUNS), shard(2, PAUSES)]
    server.always("GET", STATUS, {**RUNS, "exchange_index_statuses": shards})

    async def main(watching, told, run):
        return [
            watching.refusal(order(shard=2)),
            watching.refusal(order(shard=0)),
            watching.refusal(order(shard=2, purpose=Purpose.EXIT)),
        ]

    refused, elsewhere, leaving = watch(main)
    assert refused.code == "trading_is_paused"
    assert refused.message == "not sent: trading pauses on shard 2"
    assert (elsewhere, leaving) == (None, None)


def test_an_answer_that_can_not_be_read_changes_nothing_and_is_named(watch, server, codec):
    server.then("GET", STATUS, PAUSES)
    server.always("GET", STATUS, {"exchange_active": True})

    async def main(watching, told, run):
        await run.clock.sleep(30)
        return len(told), len(watching.pauses)

    assert watch(main) == (1, 1)
    assert "ExchangeStatus /exchange/status: Object missing required field `trading_active`" in (
        codec.drift.failures
    )


def test_a_pause_that_nothing_confirms_for_a_minute_is_over(watch, server):
    server.then("GET", STATUS, PAUSES)
    server.always("GET", STATUS, (500, b""))

    async def main(watching, told, run):
        await run.clock.sleep(45)
        believed = len(watching.pauses)
        await run.clock.sleep(90)
        return believed, len(watching.pauses), told[-1]

    assert watch(main) == (1, 0, ())


def test_an_exchange_without_a_status_is_not_asked_again(watch, server, codec):
    async def main(watching, told, run):
        await run.clock.sleep(600)

    watch(main)
    assert len(server.asked("GET", STATUS)) == 1
    assert codec.drift.counters["/exchange/status: not found"] == 1


def test_a_refused_key_ends_the_watch(read_rest, server, codec):
    server.always("GET", STATUS, (401, b""))

    async def main(rest, run):
        with pytest.raises(AuthError):
            await StatusWatch(rest, codec.drift, run.clock, None).run()

    read_rest(main)
