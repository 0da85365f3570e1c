"""Queue positions: how many contracts trade at an order's price before it does.

The framework has no verb for them: a plugin that opens the exchange reaches them as
`exchange.queue`.
"""

from collections.abc import Sequence
from typing import Final

from framework.errors import ExchangeError
from framework.model.units import Ticker
from plugins.kalshi.codec.extras import Extras, QueuePosition
from plugins.kalshi.transport.rest import Rest

_ORDERS: Final = "/portfolio/orders"


class Queue:
    """Where the account's resting orders stand."""

    def __init__(self, rest: Rest, extras: Extras) -> None:
        self._rest = rest
        self._extras = extras

    async def position(self, order_id: str) -> QueuePosition:
        """Return where one resting order stands.

        Raises:
            ExchangeError: it does not rest, or the answer can't be read.
        """
        record = await self._rest.get(
            f"{_ORDERS}/{order_id}/queue_position",
            template=f"{_ORDERS}/{{order_id}}/queue_position",
        )
        found = self._extras.queue_position(record, order_id)
        if found is None:
            raise ExchangeError(f"GET {_ORDERS}/{order_id}/queue_position: can't be read")
        return found

    async def positions(
        self, tickers: Sequence[Ticker] = (), *, event_ticker: Ticker | None = None
    ) -> tuple[QueuePosition, ...]:
        """Return where all resting orders of some markets, or of an event, stand.

        Raises:
            ValueError: neither markets nor an event are named.
            ExchangeError: the list could not be read.
        """
        path = f"{_ORDERS}/queue_positions"
        found = await self._rest.get(path, self._extras.queue_query(tickers, event_ticker))
        rows = found.get("queue_positions")
        if not isinstance(rows, list):
            raise ExchangeError(f"GET {path}: the answer holds no list queue_positions")
        positions = [self._extras.queue_position(row) for row in rows if isinstance(row, dict)]
        return tuple(position for position in positions if position is not None)
