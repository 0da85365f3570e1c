from decimal import Decimal

import pytest

from framework.errors import ExchangeError
from plugins.kalshi.metrics import metrics_of

FAILED = "share of failed requests"


def values(exchange):
    return {metric.name: metric.read() for metric in metrics_of(exchange)}


def test_a_connection_shows_delays_failures_clock_silence_and_limits(trade):
    async def main(exchange, run):
        await run.clock.sleep(3)
        return values(exchange)

    shown = trade(main)
    assert {"message age", "acknowledgement", FAILED, "silence", "clock skew"} < set(shown)
    assert shown["silence"] >= 0
    assert abs(shown["clock skew"]) <= 1
    assert Decimal(0) <= shown["rate limit read"] <= 1


def test_failures_of_requests_are_counted(trade, server):
    async def main(exchange, run):
        server.always("GET", "/markets/X", (500, b""))
        for _ in range(5):
            with pytest.raises(ExchangeError):
                await exchange.rest.get("/markets/X")
        return values(exchange)[FAILED]

    assert trade(main) > Decimal("0.5")


def test_what_nobody_has_measured_yet_is_missing(trade):
    async def main(exchange, run):
        return values(exchange)["acknowledgement"]

    assert trade(main) is None
