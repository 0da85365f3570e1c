"""The front door for strategies: values and hooks, nothing else."""

from framework.model.market import Market, MarketStatus
from framework.model.orders import Fill, Order, Purpose, TimeInForce, Urgency
from framework.model.portfolio import Position
from framework.model.signals import EntrySignal, ExitSignal, Rejection
from framework.model.units import Duration, Money, Price, Quantity, Ratio, Side, Ticker
from framework.model.view import PortfolioView, Snapshot
from framework.plugin import Plugin, Secret, hookimpl

__all__ = [
    "Duration",
    "EntrySignal",
    "ExitSignal",
    "Fill",
    "Market",
    "MarketStatus",
    "Money",
    "Order",
    "Plugin",
    "PortfolioView",
    "Position",
    "Price",
    "Purpose",
    "Quantity",
    "Ratio",
    "Rejection",
    "Secret",
    "Side",
    "Snapshot",
    "Ticker",
    "TimeInForce",
    "Urgency",
    "hookimpl",
]
