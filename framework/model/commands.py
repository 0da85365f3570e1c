"""Wishes, in the imperative: the only output of the engine."""

from typing import TypeAlias

import msgspec

from framework.model.orders import Order
from framework.model.units import E2, E4, Ticker


class Command(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Something the world is asked to do."""


class SubmitOrder(Command, frozen=True, kw_only=True, tag=True):
    """Send an order, after the ledger has committed it."""

    order: Order


class AmendOrder(Command, frozen=True, kw_only=True, tag=True):
    """Change an open order's limit and total quantity (filled plus wanted)."""

    client_order_id: str
    order_id: str
    order: Order
    limit_e4: E4
    quantity_e2: E2


class CancelOrder(Command, frozen=True, kw_only=True, tag=True):
    """Take an order out of the book."""

    client_order_id: str
    order_id: str
    ticker: Ticker
    shard: int
    reason: str
    quantity_e2: E2 | None = None
    """The whole order, so that what a cancel took out tells what had traded."""


class QueryOrder(Command, frozen=True, kw_only=True, tag=True):
    """Ask the exchange what became of an order."""

    client_order_id: str
    order_id: str | None
    ticker: Ticker


class Subscribe(Command, frozen=True, kw_only=True, tag=True):
    """Follow these markets."""

    tickers: tuple[Ticker, ...]


class Unsubscribe(Command, frozen=True, kw_only=True, tag=True):
    """Stop following these markets."""

    tickers: tuple[Ticker, ...]


AnyCommand: TypeAlias = (
    SubmitOrder | AmendOrder | CancelOrder | QueryOrder | Subscribe | Unsubscribe
)
"""The closed set of commands."""
