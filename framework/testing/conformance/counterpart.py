"""The exchange's side of a conformance case, as a person behind its counter would move it.

It quotes, trades, closes, misbehaves, and says what it truly holds. An adapter's author writes
one for each wire that the adapter speaks; cases know nothing of wires.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol

import msgspec

from framework.model.account import RemoteOrder
from framework.model.book import OrderBook
from framework.model.events import AnyEvent
from framework.model.market import Market
from framework.model.orders import Fill
from framework.model.units import E2, E4, E6, Micros, Side, Ticker


class Fault(StrEnum):
    """What can become of one request."""

    CUT_BEFORE = "the connection breaks before it arrives"
    CUT_AFTER = "it is done, and the connection breaks before the answer"
    SILENT_BEFORE = "it is lost, and no answer ever comes"
    SILENT_AFTER = "it is done, and no answer ever comes"
    BROKEN_BEFORE = "the server fails before it is done"
    BROKEN_AFTER = "the server fails after it is done"
    AWAY = "the service is not available"
    GATEWAY_AFTER = "it is done, and a gateway gives up before the answer"
    BUSY = "it is refused because there were too many"
    ERROR_IN_SUCCESS = "a success is answered whose body is an error"
    GARBLED_AFTER = "it is done, and the answer can't be read"
    CONTRADICTED_AFTER = "it is done, and the answer holds its id and a refusal at once"


class Ask(StrEnum):
    """Which requests a fault is for."""

    CREATE = "create"
    CANCEL = "cancel"
    READ = "read"


class StreamFault(StrEnum):
    """What can become of the next message about a market."""

    GAP = "it never comes"
    DUPLICATE = "it comes twice"
    SWAP = "it comes after the one behind it"
    UNREADABLE = "it can't be read"
    UNKNOWN = "one of a kind that nobody knows comes before it"
    CHANNEL_ERROR = "its channel dies"
    OVERFLOW = "its channel dies because the client is slow"


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """The markets that are there when a case begins, by what they are for.

    `plain` bids YES 0.90 x 100 and 0.89 x 50, NO 0.07 x 80 and 0.06 x 40, so YES asks 0.93;
    `other` is of the same event and bids YES 0.05 x 200, NO 0.94 x 60. Both are on whole cents.
    """

    plain: Ticker
    other: Ticker


class Counterpart(Protocol):
    """The exchange's side."""

    @property
    def stage(self) -> Stage:
        """The markets there are."""

    def now_us(self) -> Micros:
        """Return the exchange's time."""

    # ------------------------------------------------------------------------- what happens

    def tell(self, *events: AnyEvent) -> None:
        """Let the world go on: listings, books, trades, changes of markets, settlements."""

    def pause(self, *, trading_only: bool) -> None:
        """Let the whole exchange rest."""

    def go_on(self) -> None:
        """End the pause."""

    def place(self, side: Side, ticker: Ticker, limit_e4: E4, quantity_e2: E2) -> None:
        """Trade for the same account by other means, such as its web page."""

    def cancel(self, order_id: str) -> None:
        """Cancel an order of the account by other means."""

    # --------------------------------------------------------------------------- what is so

    def market(self, ticker: Ticker) -> Market:
        """Return a market as it truly is."""

    def book(self, ticker: Ticker) -> OrderBook:
        """Return a book as it truly is."""

    def orders(self) -> Sequence[RemoteOrder]:
        """Return every order of the account that was ever taken."""

    def fills(self) -> Sequence[Fill]:
        """Return every execution of the account."""

    def cash_e6(self) -> E6:
        """Return the account's cash."""

    # ---------------------------------------------------------------------- how it misbehaves

    def fail(self, ask: Ask, *faults: Fault) -> None:
        """Do this to the next requests of a kind, one after the other."""

    def disturb(self, fault: StreamFault, ticker: Ticker) -> None:
        """Do this to the next message about a market's book."""

    def drop_streams(self) -> None:
        """Break every connection of the stream."""

    def silence_streams(self) -> None:
        """Leave the connections of the stream open, and say nothing more on them."""

    def refuse_streams(self, times: int) -> None:
        """Let the next attempts to connect to the stream fail."""

    def refuse_key(self, *, of_stream: bool = False) -> None:
        """Refuse the key from now on."""

    def shift_clock(self, seconds: float) -> None:
        """Put the exchange's clock ahead of the client's."""

    def spoil(self, ticker: Ticker, *, field_gone: bool = False, news: bool = False) -> None:
        """Write a market's record without a field that it must have, or with unheard-of ones."""

    def page(self, size: int | None, *, circle: bool = False) -> None:
        """Give pages of this size, whatever is asked; a circle never ends."""

    def lag(self, seconds: float) -> None:
        """Let the lists of the account show an earlier moment."""

    def split(self, size: int) -> None:
        """Let what is sent arrive in pieces of so many bytes."""

    @property
    def handshakes(self) -> Sequence[tuple[Micros, str]]:
        """When a connection to the stream was asked for, and what signed it."""

    @property
    def requests(self) -> Sequence[tuple[Micros, Ask]]:
        """When requests arrived that were about orders, or reads."""
