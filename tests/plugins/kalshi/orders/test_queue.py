import pytest

from framework.errors import ExchangeError
from plugins.kalshi.codec.extras import QueuePosition

ONE = "/portfolio/orders/o-1/queue_position"
MANY = "/portfolio/orders/queue_positions"


def test_the_position_of_one_order_is_read(trade, server):
    server.always("GET", ONE, {"queue_position_fp": "12.50"})

    async def main(exchange, run):
        return await exchange.queue.position("o-1")

    assert trade(main) == QueuePosition(order_id="o-1", ticker=None, ahead_e2=1_250)


def test_the_positions_of_markets_or_of_an_event_are_read(trade, server):
    row = {"order_id": "o-1", "market_ticker": "A", "queue_position_fp": "0.00"}
    server.always("GET", MANY, {"queue_positions": [row, {"order_id": "o-2"}]})

    async def main(exchange, run):
        markets = await exchange.queue.positions(["A", "B"])
        return markets, await exchange.queue.positions(event_ticker="E")

    markets, event = trade(main)
    assert markets == event == (QueuePosition(order_id="o-1", ticker="A", ahead_e2=0),)
    assert [seen.query for seen in server.asked("GET", MANY)] == [
        {"market_tickers": "A%2CB"},
        {"event_ticker": "E"},
    ]


def test_what_cannot_be_read_is_an_error(trade, server):
    server.always("GET", ONE, {"queue_position": 5})
    server.always("GET", MANY, {})

    async def main(exchange, run):
        with pytest.raises(ExchangeError, match="can't be read"):
            await exchange.queue.position("o-1")
        with pytest.raises(ExchangeError, match="no list queue_positions"):
            await exchange.queue.positions(["A"])

    trade(main)
