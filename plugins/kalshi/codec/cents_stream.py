"""The stream half of the cents dialect: commands out, messages in.

Channels have no numbers here, so each gets one of ours, and a reply is known by the id of its
command. Books come whole each time, so a lost message is healed by the next.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, get_args

import msgspec

from framework.model.events import (
    AnyEvent,
    BookReplaced,
    OrderAccepted,
    OrderCancelled,
    OrderFilled,
    QuoteTicked,
    TradePrinted,
)
from framework.model.fees import FeeTerms
from framework.model.orders import Fill
from framework.model.units import Micros, Side, Ticker
from plugins.kalshi.codec import (
    Drift,
    Facts,
    Frame,
    Open,
    Refused,
    Snapshot,
    Subscribed,
    Unsubscribed,
    Updated,
)
from plugins.kalshi.codec import cents_frames as frames
from plugins.kalshi.codec.cents_values import (
    acquired,
    count_e2,
    fee_e6,
    ladder,
    moment_us,
    of_side,
    optional_e2,
    price_e4,
    quote_e4,
)
from plugins.kalshi.codec.order_names import OrderNames, Said
from plugins.kalshi.codec.surprises import Surprises

_SIDS: Final = {
    name: number
    for number, name in enumerate(("orderbook_delta", "ticker", "trade", "fill", "order_update"), 1)
}
_SIDES: Final[dict[str | None, Side]] = {"yes": Side.YES, "no": Side.NO}
_decode: Final = msgspec.json.Decoder(frames.AnyFrame).decode
_STRUCTS: Final[tuple[type[msgspec.Struct], ...]] = get_args(frames.AnyFrame)


class CentsStream:
    """Commands and messages of the cents stream; `Cents` adds REST.

    Attributes:
        drift: Unknown fields, values and unreadable records so far.
        founding_only: Whether only what the founding document shows is read.
    """

    market_channels = ("orderbook_delta", "ticker", "trade")
    account_channels = ("fill", "order_update")

    def __init__(self, *, founding_only: bool = False) -> None:
        self.drift = Drift()
        self.founding_only = founding_only
        self._orders = OrderNames()
        self._fees: dict[Ticker, FeeTerms] = {}
        """The fees of the markets that were read, for fills that do not tell theirs."""
        self._trades = 0
        self._asked: dict[int, tuple[str, bool]] = {}
        """Commands of this connection without an answer: the channel, and whether it is left."""
        self._surprises = Surprises(self.drift, frames.MESSAGES, _STRUCTS)
        self._readers: dict[type[object], Callable[[Any, Micros], Frame]] = {
            frames.LadderFrame: self._ladder,
            frames.TickerFrame: self._ticker,
            frames.TradeFrame: self._trade,
            frames.FillFrame: self._fill,
            frames.OrderUpdateFrame: self._order_update,
            frames.SubscribedFrame: self._subscribed,
            frames.UnsubscribedFrame: self._unsubscribed,
            frames.OkFrame: self._unsubscribed,
            frames.ErrorFrame: self._error,
        }

    # -------------------------------------------------------------------------- commands

    def subscribe(self, command: int, channels: Sequence[str], tickers: Sequence[Ticker]) -> str:
        """Write a command that opens channels, for these markets or, without any, for all."""
        return self._written(command, "subscribe", channels, tickers)

    def update(self, command: int, channel: Open, action: str, tickers: Sequence[Ticker]) -> str:
        """Write `add_markets`, `delete_markets` or `get_snapshot` with the two verbs there are.

        Markets that are subscribed again keep their channel and show their ladders again.
        """
        verb = "unsubscribe" if action == "delete_markets" else "subscribe"
        return self._written(command, verb, (channel.name,), tickers)

    def unsubscribe(self, command: int, channel: Open) -> str:
        """Write a command that leaves every market of a channel."""
        return self._written(
            command, "unsubscribe", (channel.name,), channel.tickers, leaves_channel=True
        )

    def _written(
        self,
        command: int,
        verb: str,
        channels: Sequence[str],
        tickers: Sequence[Ticker],
        *,
        leaves_channel: bool = False,
    ) -> str:
        params: dict[str, Any] = {"channels": list(channels)}
        if tickers:
            params["market_tickers"] = list(tickers)
        self._asked[command] = (channels[0], leaves_channel)
        return msgspec.json.encode({"id": command, "cmd": verb, "params": params}).decode()

    # -------------------------------------------------------------------------- messages

    def read(self, messages: Iterable[bytes | str], at_us: Micros) -> Sequence[Frame]:
        """Read messages in their order; what can't be read is `Unreadable`, never an exception."""
        return [self._frame(message, at_us) for message in messages]

    def _frame(self, message: bytes | str, at_us: Micros) -> Frame:
        try:
            wire = _decode(message)
            frame = self._readers[type(wire)](wire, at_us)
        except (msgspec.DecodeError, ValueError) as fault:
            lost = self._surprises.unreadable(message, fault)
            lost.sid = _SIDS.get(lost.kind)
            return lost
        self._surprises.look(type(wire), message)
        return frame

    @staticmethod
    def _ladder(wire: frames.LadderFrame, at_us: Micros) -> Frame:
        body = wire.msg
        event = BookReplaced(
            at_us=at_us,
            ticker=body.market_ticker,
            yes=ladder(body.yes),
            no=ladder(body.no),
        )
        return Snapshot(_SIDS["orderbook_delta"], None, event, is_reply=False)

    @staticmethod
    def _ticker(wire: frames.TickerFrame, at_us: Micros) -> Frame:
        body = wire.msg
        event = QuoteTicked(
            at_us=at_us,
            ticker=body.market_ticker,
            last_price_e4=quote_e4(body.yes_price),
            volume_e2=optional_e2(body.volume),
            open_interest_e2=optional_e2(body.open_interest),
            exchange_us=moment_us(body.ts),
        )
        return Facts(_SIDS["ticker"], None, (event,))

    def _trade(self, wire: frames.TradeFrame, at_us: Micros) -> Frame:
        body = wire.msg
        event = TradePrinted(
            at_us=at_us,
            ticker=body.market_ticker,
            trade_id=body.trade_id or self._name(body.market_ticker, at_us),
            yes_price_e4=price_e4(body.yes_price),
            quantity_e2=count_e2(body.count),
            taker_side=_SIDES.get(body.taker_side),
            exchange_us=moment_us(body.ts),
        )
        return Facts(_SIDS["trade"], None, (event,))

    def _fill(self, wire: frames.FillFrame, at_us: Micros) -> Frame:
        body = wire.msg
        trade_id, name, told = body.trade_id, body.client_order_id, body.fee_cost
        if self.founding_only:
            # The document's fills have no id. They are told once, so the moment makes a name.
            trade_id, name, told = self._name(body.order_id, at_us), None, None
        elif not trade_id:
            # Under a name of ours the list of fills would tell it a second time.
            self.drift.count("fill: no trade id, left to the list of fills")
            return Facts(_SIDS["fill"], None, ())
        known = self._orders.find(body.order_id)
        side = acquired(body.side, body.action)
        price, quantity = of_side(side, body.yes_price), count_e2(body.count)
        terms = self._fees.get(body.market_ticker, FeeTerms())
        fill = Fill(
            trade_id=trade_id,
            order_id=body.order_id,
            client_order_id=name or (known.client_order_id if known else None) or None,
            ticker=body.market_ticker,
            side=side,
            price_e4=price,
            quantity_e2=quantity,
            fee_e6=fee_e6(told, price, quantity, terms, is_taker=body.is_taker),
            is_taker=body.is_taker,
            at_us=moment_us(body.ts) or at_us,
        )
        return Facts(_SIDS["fill"], None, (OrderFilled(at_us=at_us, fill=fill),))

    def _name(self, what: str, at_us: Micros) -> str:
        """Return a name for a trade that came without one, which no other run gives again."""
        self._trades += 1
        return f"{what}@{at_us}.{self._trades}"

    def _order_update(self, wire: frames.OrderUpdateFrame, at_us: Micros) -> Frame:
        body = wire.msg
        said = Said(body.status, count_e2(body.remaining_count))
        known = self._orders.find(body.order_id)
        events: tuple[AnyEvent, ...] = ()
        if known is None:
            self._orders.hold(body.order_id, said)
        elif body.status == "canceled":
            events = (
                OrderCancelled(
                    at_us=at_us,
                    client_order_id=known.client_order_id,
                    order_id=body.order_id,
                    filled_e2=None,
                    reason="canceled",
                ),
            )
        elif body.status in {"resting", "executed"}:
            left = 0 if body.status == "executed" else min(said.remaining_e2, known.quantity_e2)
            events = (
                OrderAccepted(
                    at_us=at_us,
                    client_order_id=known.client_order_id,
                    order_id=body.order_id,
                    filled_e2=known.quantity_e2 - left,
                    remaining_e2=left,
                ),
            )
        elif body.status != "pending":
            self.drift.count(f"order_update: unknown status {body.status}")
        return Facts(_SIDS["order_update"], None, events)

    # --------------------------------------------------------------------------- replies

    def _subscribed(self, wire: frames.SubscribedFrame, _: Micros) -> Frame:
        channel = self._answered(wire.id)[0]
        return Subscribed(_SIDS.get(channel), None, wire.id, channel)

    def _unsubscribed(self, wire: frames.UnsubscribedFrame | frames.OkFrame, _: Micros) -> Frame:
        channel, is_left = self._answered(wire.id)
        sid = _SIDS.get(channel)
        if is_left:
            return Unsubscribed(sid, None, wire.id)
        return Updated(sid, None, wire.id, None)

    def _error(self, wire: frames.ErrorFrame, _: Micros) -> Frame:
        self.drift.count(f"error {wire.msg.code}: {wire.msg.msg}")
        sid = _SIDS.get(self._answered(wire.id)[0])
        return Refused(sid, None, wire.id or None, wire.msg.code, wire.msg.msg, ())

    def _answered(self, command: int | None) -> tuple[str, bool]:
        return self._asked.pop(command or 0, ("", False))
