"""The stream half of today's dialect: commands out, messages in.

Each message is decoded once into its tagged struct and becomes events there and then.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, get_args

import msgspec

from framework.model.events import (
    AnyEvent,
    BookChanged,
    BookReplaced,
    OrderAccepted,
    OrderCancelled,
    OrderFilled,
    QuoteTicked,
    TradePrinted,
)
from framework.model.orders import Fill
from framework.model.units import Micros, Side, Ticker
from plugins.kalshi.codec import (
    Deltas,
    Drift,
    Facts,
    FeesChanged,
    Frame,
    Lifecycle,
    Open,
    Refused,
    Snapshot,
    Subscribed,
    Unsubscribed,
    Updated,
    frames,
)
from plugins.kalshi.codec.documented import MESSAGES
from plugins.kalshi.codec.numbers import COUNTS, PRICES, count_e2, money_e6, ms_us, quote_e4
from plugins.kalshi.codec.surprises import Surprises
from plugins.kalshi.codec.values import of_side

_SIDES: Final[dict[str | None, Side]] = {"yes": Side.YES, "no": Side.NO}
_decode: Final = msgspec.json.Decoder(frames.AnyFrame).decode
_STRUCTS: Final[tuple[type[msgspec.Struct], ...]] = get_args(frames.AnyFrame)
_DELTA: Final = frames.DeltaFrame


class _Listed(msgspec.Struct):
    market_tickers: tuple[Ticker, ...] | None = None


class FixedPointStream:
    """Commands and messages of the fixed-point stream; `FixedPoint` adds REST.

    Attributes:
        drift: Unknown fields, values and unreadable records so far.
        subaccount: The one we trade; None when the key knows only one.
    """

    market_channels = ("orderbook_delta", "ticker", "trade")
    account_channels = ("fill", "user_orders", "market_lifecycle_v2")

    def __init__(self, *, subaccount: int | None = None) -> None:
        self.drift = Drift()
        self.subaccount = subaccount
        self._surprises = Surprises(self.drift, MESSAGES, _STRUCTS)
        self._readers: dict[type[object], Callable[[Any, Micros], Frame]] = {
            frames.SnapshotFrame: self._snapshot,
            frames.TickerFrame: self._ticker,
            frames.TradeFrame: self._trade,
            frames.FillFrame: self._fill,
            frames.UserOrderFrame: self._user_order,
            frames.LifecycleFrame: self._lifecycle,
            frames.EventLifecycleFrame: self._no_news,
            frames.FeeFrame: self._fees,
            frames.SubscribedFrame: self._subscribed,
            frames.UnsubscribedFrame: self._unsubscribed,
            frames.OkFrame: self._ok,
            frames.ErrorFrame: self._error,
        }

    # -------------------------------------------------------------------------- commands

    def subscribe(self, command: int, channels: Sequence[str], tickers: Sequence[Ticker]) -> str:
        """Write a command that opens channels, for these markets or, without any, for all."""
        params: dict[str, Any] = {"channels": list(channels)}
        if tickers:
            params["market_tickers"] = list(tickers)
        if "orderbook_delta" in channels:
            params["use_yes_price"] = False  # the default is announced to flip: never rely on it
        return _written(command, "subscribe", params)

    def update(self, command: int, channel: Open, action: str, tickers: Sequence[Ticker]) -> str:
        """Write `add_markets`, `delete_markets` or `get_snapshot`."""
        params = {"sids": [channel.sid], "action": action, "market_tickers": list(tickers)}
        return _written(command, "update_subscription", params)

    def unsubscribe(self, command: int, channel: Open) -> str:
        """Write a command that closes a channel."""
        return _written(command, "unsubscribe", {"sids": [channel.sid]})

    # -------------------------------------------------------------------------- messages

    def read(self, messages: Iterable[bytes | str], at_us: Micros) -> Sequence[Frame]:
        """Read messages in their order; what can't be read is `Unreadable`, never an exception.

        Nearly all are changes of books: they are read here, and those in a row make one frame.
        """
        found: list[Frame] = []
        run: list[BookChanged] = []
        sid: int | None = None
        due: int | None = None
        newest: bytes | str = b""
        for message in messages:
            try:
                wire = _decode(message)
                if type(wire) is not _DELTA:
                    found.append(self._frame(wire, message, at_us))
                    due = None
                    continue
                body = wire.msg
                ts_ms = body.ts_ms
                event = BookChanged(
                    at_us=at_us,
                    ticker=body.market_ticker,
                    side=body.side,
                    price_e4=PRICES[body.price_dollars],
                    change_e2=COUNTS[body.delta_fp],
                    exchange_us=None if ts_ms is None else ts_ms * 1_000,
                )
            except (msgspec.DecodeError, ValueError) as fault:
                found.append(self._surprises.unreadable(message, fault))
                due = None
                continue
            newest, seq = message, wire.seq
            if seq is None or seq != due or wire.sid != sid:
                run, sid = [], wire.sid
                found.append(Deltas(sid, seq, run))
            run.append(event)
            due = None if seq is None else seq + 1
        if run:
            deltas = sum(len(frame.events) for frame in found if type(frame) is Deltas)
            self._surprises.look(_DELTA, newest, deltas)
        return found

    def _frame(self, wire: frames.AnyFrame, message: bytes | str, at_us: Micros) -> Frame:
        kind = type(wire)
        frame = self._readers[kind](wire, at_us)
        self._surprises.look(kind, message)
        return frame

    def _snapshot(self, wire: frames.SnapshotFrame, at_us: Micros) -> Frame:
        body = wire.msg
        event = BookReplaced(
            at_us=at_us,
            ticker=body.market_ticker,
            yes=tuple((PRICES[price], COUNTS[size]) for price, size in body.yes_dollars_fp),
            no=tuple((PRICES[price], COUNTS[size]) for price, size in body.no_dollars_fp),
        )
        return Snapshot(wire.sid, wire.seq, event, wire.id is not None)

    def _ticker(self, wire: frames.TickerFrame, at_us: Micros) -> Frame:
        body = wire.msg
        event = QuoteTicked(
            at_us=at_us,
            ticker=body.market_ticker,
            last_price_e4=quote_e4(body.price_dollars),
            volume_e2=None if body.volume_fp is None else count_e2(body.volume_fp),
            open_interest_e2=(
                None if body.open_interest_fp is None else count_e2(body.open_interest_fp)
            ),
            exchange_us=ms_us(body.ts_ms),
        )
        return Facts(wire.sid, wire.seq, (event,))

    def _trade(self, wire: frames.TradeFrame, at_us: Micros) -> Frame:
        body = wire.msg
        event = TradePrinted(
            at_us=at_us,
            ticker=body.market_ticker,
            trade_id=body.trade_id,
            yes_price_e4=PRICES[body.yes_price_dollars],
            quantity_e2=COUNTS[body.count_fp],
            taker_side=_SIDES.get(body.taker_outcome_side or body.taker_side),
            exchange_us=ms_us(body.ts_ms),
        )
        return Facts(wire.sid, wire.seq, (event,))

    def _fill(self, wire: frames.FillFrame, at_us: Micros) -> Frame:
        body = wire.msg
        if self._is_elsewhere(body.subaccount):
            return Facts(wire.sid, wire.seq, ())
        fill = Fill(
            trade_id=body.trade_id,
            order_id=body.order_id,
            client_order_id=body.client_order_id or None,
            ticker=body.market_ticker,
            side=body.outcome_side,
            price_e4=of_side(body.outcome_side, body.yes_price_dollars),
            quantity_e2=count_e2(body.count_fp),
            fee_e6=money_e6(body.fee_cost),
            is_taker=body.is_taker,
            at_us=at_us if body.ts_ms is None else body.ts_ms * 1_000,
            shard=body.exchange_index,
        )
        return Facts(wire.sid, wire.seq, (OrderFilled(at_us=at_us, fill=fill),))

    def _user_order(self, wire: frames.UserOrderFrame, at_us: Micros) -> Frame:
        body = wire.msg
        nothing = Facts(wire.sid, wire.seq, ())
        if self._is_elsewhere(body.subaccount_number):
            return nothing
        if not body.client_order_id:
            # Not sent by any program that names its orders: the account report carries it.
            self.drift.count("user_order: foreign order")
            return nothing
        event: AnyEvent
        if body.status in {"resting", "executed"}:
            event = OrderAccepted(
                at_us=at_us,
                client_order_id=body.client_order_id,
                order_id=body.order_id,
                filled_e2=count_e2(body.fill_count_fp),
                remaining_e2=count_e2(body.remaining_count_fp),
            )
        elif body.status == "canceled":
            event = OrderCancelled(
                at_us=at_us,
                client_order_id=body.client_order_id,
                order_id=body.order_id,
                filled_e2=count_e2(body.fill_count_fp),
                reason=body.last_update_reason or "canceled",
            )
        else:
            self.drift.count(f"user_order: unknown status {body.status}")
            return nothing
        return Facts(wire.sid, wire.seq, (event,))

    def _is_elsewhere(self, subaccount: int | None) -> bool:
        """Return whether this belongs to a subaccount that is not ours to trade."""
        if self.subaccount is None or subaccount is None or subaccount == self.subaccount:
            return False
        self.drift.count("message of another subaccount")
        return True

    @staticmethod
    def _lifecycle(wire: frames.LifecycleFrame, _: Micros) -> Frame:
        return Lifecycle(wire.sid, wire.seq, wire.msg.market_ticker, wire.msg.event_type)

    @staticmethod
    def _fees(wire: frames.FeeFrame, _: Micros) -> Frame:
        body = wire.msg
        return FeesChanged(
            wire.sid,
            wire.seq,
            body.event_ticker,
            body.fee_type_override or None,
            body.fee_multiplier_override,
        )

    @staticmethod
    def _no_news(wire: frames.EventLifecycleFrame, _: Micros) -> Frame:
        return Facts(wire.sid, wire.seq, ())

    @staticmethod
    def _subscribed(wire: frames.SubscribedFrame, _: Micros) -> Frame:
        return Subscribed(wire.msg.sid, wire.seq, wire.id, wire.msg.channel)

    @staticmethod
    def _unsubscribed(wire: frames.UnsubscribedFrame, _: Micros) -> Frame:
        return Unsubscribed(wire.sid, wire.seq, wire.id)

    def _ok(self, wire: frames.OkFrame, _: Micros) -> Frame:
        listed = None
        if wire.msg:
            try:
                listed = msgspec.json.decode(wire.msg, type=_Listed).market_tickers
            except msgspec.ValidationError:
                self.drift.count("ok: unknown body")
        return Updated(wire.sid, wire.seq, wire.id, listed)

    def _error(self, wire: frames.ErrorFrame, _: Micros) -> Frame:
        body = wire.msg
        tickers = tuple(body.market_tickers) or (
            (body.market_ticker,) if body.market_ticker else ()
        )
        self.drift.count(f"error {body.code}: {body.msg}")
        return Refused(wire.sid, wire.seq, wire.id or None, body.code, body.msg, tickers)


def _written(command: int, verb: str, params: dict[str, Any]) -> str:
    return msgspec.json.encode({"id": command, "cmd": verb, "params": params}).decode()
