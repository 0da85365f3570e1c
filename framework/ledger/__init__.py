"""The ledger: durable money. See `framework.ledger.ledger`."""

from framework.ledger.ledger import Ledger, open_ledger
from framework.ledger.reader import Holder, LedgerReader, read_ledger
from framework.ledger.recovery import Recovered
from framework.ledger.store import Durability

__all__ = [
    "Durability",
    "Holder",
    "Ledger",
    "LedgerReader",
    "Recovered",
    "open_ledger",
    "read_ledger",
]
