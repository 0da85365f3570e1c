"""Who hears what: every channel's messages, their numbering, and too slow a client."""

from decimal import Decimal

import msgspec
import pytest

from framework.model.events import (
    BookChanged,
    BookReplaced,
    MarketChanged,
    MarketSettled,
    TradePrinted,
)
from framework.model.fees import FeeChange, FeeSchedule
from framework.model.market import MarketStatus, Settlement
from framework.model.units import Side
from framework.testing.builders import HOUR_US, NOW_US
from plugins.sandbox.fixed_point.commands import Subscriber


class Heard:
    """An outbox that a test reads."""

    def __init__(self):
        self.frames = []
        self.full = False

    def push(self, text):
        frame = msgspec.json.decode(text)
        self.sent_ms = frame.pop("sending_ts_ms")
        self.frames.append(frame)

    def take(self):
        taken, self.frames = self.frames, []
        return taken


class Listener:
    """A connection without a socket."""

    def __init__(self, door):
        self.outbox = Heard()
        self.subscriber = Subscriber(door.venue.feed, self.outbox)

    def say(self, cmd, reply_to=1, **params):
        self.subscriber.hear(msgspec.json.encode({"id": reply_to, "cmd": cmd, "params": params}))
        return self.outbox.take()

    def subscribe(self, *channels, **params):
        return self.say("subscribe", channels=list(channels), **params)


@pytest.fixture
def listener(door):
    return Listener(door)


def delta(ticker="KXT-E-A", *, side=Side.YES, price_e4=9000, change_e2=-1_000, at_us=NOW_US):
    return BookChanged(
        at_us=at_us, ticker=ticker, side=side, price_e4=price_e4, change_e2=change_e2
    )


def printed(ticker="KXT-E-A", number=2):
    return TradePrinted(
        at_us=NOW_US,
        ticker=ticker,
        trade_id=f"trade-{number}",
        yes_price_e4=9200,
        quantity_e2=300,
        taker_side=Side.YES,
        exchange_us=NOW_US + 7_000,
    )


def order(door, **changes):
    terms = {
        "ticker": "KXT-E-A",
        "side": "bid",
        "count": "10.00",
        "price": "0.9200",
        "time_in_force": "good_till_canceled",
        "self_trade_prevention_type": "taker_at_cross",
        "client_order_id": "run-1",
    }
    return door.ask("POST /portfolio/events/orders", terms | changes)


# ------------------------------------------------------------------------------ order books


def test_the_reply_comes_before_the_snapshot(listener):
    frames = listener.subscribe("orderbook_delta", market_ticker="KXT-E-A", use_yes_price=False)

    assert frames[0] == {
        "type": "subscribed",
        "id": 1,
        "msg": {"channel": "orderbook_delta", "sid": 1},
    }
    assert {key: frames[1][key] for key in ("type", "sid", "seq")} == {
        "type": "orderbook_snapshot",
        "sid": 1,
        "seq": 1,
    }
    assert frames[1]["msg"]["yes_dollars_fp"] == [["0.8900", "200.00"], ["0.9000", "500.00"]]
    assert frames[1]["msg"]["no_dollars_fp"] == [["0.0700", "100.50"], ["0.0800", "300.00"]]


def test_an_empty_side_has_no_key(listener):
    snapshot = listener.subscribe("orderbook_delta", market_ticker="KXT-E-B")[1]["msg"]

    assert "yes_dollars_fp" in snapshot
    assert "no_dollars_fp" not in snapshot


def test_no_levels_stand_in_yes_prices_when_asked_for(door, listener):
    snapshot = listener.subscribe("orderbook_delta", market_ticker="KXT-E-A", use_yes_price=True)[
        1
    ]["msg"]
    door.happen(delta(side=Side.NO, price_e4=800, change_e2=-500))
    change = listener.outbox.take()[0]["msg"]

    assert snapshot["no_dollars_fp"] == [["0.9300", "100.50"], ["0.9200", "300.00"]]
    assert (change["side"], change["price_dollars"], change["delta_fp"]) == (
        "no",
        "0.9200",
        "-5.00",
    )


def test_a_delta_is_one_level_with_its_sign(door, listener):
    listener.subscribe("orderbook_delta", market_ticker="KXT-E-A")
    door.happen(delta())
    frame = listener.outbox.take()[0]

    assert (frame["type"], frame["sid"], frame["seq"]) == ("orderbook_delta", 1, 2)
    assert frame["msg"]["price_dollars"] == "0.9000"
    assert frame["msg"]["delta_fp"] == "-10.00"
    assert frame["msg"]["side"] == "yes"
    assert frame["msg"]["ts_ms"] == NOW_US // 1_000


def test_numbers_run_over_all_markets_of_a_subscription(door, listener):
    first = listener.subscribe("orderbook_delta", market_tickers=["KXT-E-A", "KXT-E-B"])
    door.happen(delta(), delta("KXT-E-B", price_e4=500, change_e2=100), delta())
    frames = first[1:] + listener.outbox.take()

    assert [frame["seq"] for frame in frames] == [1, 2, 3, 4, 5]
    assert [frame["msg"]["market_ticker"][-1] for frame in frames] == list("ABABA")


def test_every_connection_counts_for_itself(door, listener):
    other = Listener(door)
    listener.subscribe("orderbook_delta", market_ticker="KXT-E-A")
    door.happen(delta())
    other.subscribe("orderbook_delta", market_ticker="KXT-E-A")
    listener.outbox.take()
    door.happen(delta())

    assert [frame["seq"] for frame in listener.outbox.take()] == [3]
    assert [frame["seq"] for frame in other.outbox.take()] == [2]


def test_a_snapshot_in_mid_stream_replaces_the_book(door, listener):
    listener.subscribe("orderbook_delta", market_ticker="KXT-E-A", use_yes_price=True)
    door.happen(
        BookReplaced(at_us=NOW_US, ticker="KXT-E-A", yes=((100, 100), (50, 200)), no=((9800, 300),))
    )
    frame = listener.outbox.take()[0]

    assert (frame["type"], frame["seq"]) == ("orderbook_snapshot", 2)
    assert frame["msg"]["yes_dollars_fp"] == [["0.0050", "2.00"], ["0.0100", "1.00"]]
    assert frame["msg"]["no_dollars_fp"] == [["0.0200", "3.00"]]


def test_deltas_after_a_snapshot_give_the_exchanges_book(door, listener):
    frames = listener.subscribe("orderbook_delta", market_ticker="KXT-E-A")
    door.happen(
        delta(), delta(price_e4=9100, change_e2=700), delta(side=Side.NO, price_e4=800, change_e2=5)
    )
    frames += listener.outbox.take()
    sides = {
        "yes": dict(frames[1]["msg"]["yes_dollars_fp"]),
        "no": dict(frames[1]["msg"]["no_dollars_fp"]),
    }
    for frame in frames[2:]:
        side, price = sides[frame["msg"]["side"]], frame["msg"]["price_dollars"]
        side[price] = f"{float(side.get(price, 0)) + float(frame['msg']['delta_fp']):.2f}"
    shown = door.ask("GET /markets/KXT-E-A/orderbook")[1]["orderbook_fp"]

    assert sides == {"yes": dict(shown["yes_dollars"]), "no": dict(shown["no_dollars"])}


# ---------------------------------------------------------------------------- other channels


def test_a_ticker_tells_quotes_and_what_has_traded_so_far(door, listener):
    listener.subscribe("ticker", market_ticker="KXT-E-A")
    door.happen(printed())
    frame = listener.outbox.take()[-1]

    assert (frame["type"], frame["sid"], "seq" in frame) == ("ticker", 1, False)
    message = frame["msg"]
    assert (message["price_dollars"], message["last_trade_size_fp"]) == ("0.9200", "3.00")
    assert (message["yes_bid_dollars"], message["yes_ask_dollars"]) == ("0.9000", "0.9200")
    assert (message["volume_fp"], message["dollar_volume"]) == ("15.50", 7)


def test_a_ticker_can_start_with_the_present_state(listener):
    frames = listener.subscribe("ticker", market_ticker="KXT-E-A", send_initial_snapshot=True)

    assert [frame["type"] for frame in frames] == ["subscribed", "ticker"]


def test_trades_of_the_whole_exchange_come_without_a_filter(door, listener):
    listener.subscribe("trade")
    door.happen(printed("KXT-E-A", 2), printed("KXT-E-B", 3))
    frames = listener.outbox.take()

    assert [frame["seq"] for frame in frames] == [1, 2]
    assert [frame["msg"]["trade_id"] for frame in frames] == ["trade-2", "trade-3"]
    assert frames[0]["msg"]["taker_book_side"] == "bid"
    assert frames[0]["msg"]["ts_ms"] == (NOW_US + 7_000) // 1_000


def test_a_filter_keeps_other_markets_out(door, listener):
    listener.subscribe("trade", market_ticker="KXT-E-B")
    door.happen(printed("KXT-E-A"))

    assert listener.outbox.take() == []


def test_the_account_hears_of_its_orders_fills_and_positions(door, listener):
    listener.subscribe("user_orders", "fill", "market_positions")
    status, reply = order(door)
    frames = {frame["type"]: frame for frame in listener.outbox.take()}

    assert status == 201
    assert frames["user_order"]["msg"]["status"] == "executed"
    assert frames["user_order"]["msg"]["order_id"] == reply["order_id"]
    assert frames["user_order"]["msg"]["client_order_id"] == "run-1"
    assert frames["fill"]["msg"]["count_fp"] == "10.00"
    assert frames["fill"]["msg"]["post_position_fp"] == "10.00"
    assert (
        frames["fill"]["msg"]["fee_cost"]
        == (door.ask("GET /portfolio/fills")[1]["fills"][0]["fee_cost"])
    )
    assert frames["market_position"]["msg"]["position_fp"] == "10.00"
    assert frames["market_position"]["msg"]["volume_fp"] == "10.00"
    assert not any("seq" in frame for frame in frames.values())


def test_a_cancelled_order_tells_why(door, listener):
    listener.subscribe("user_orders")
    order(door, price="0.9100")
    door.time.at_us = NOW_US + HOUR_US + 1_000_000
    door.venue.present()
    frames = listener.outbox.take()

    assert [frame["msg"]["status"] for frame in frames] == ["resting", "canceled"]
    assert frames[-1]["msg"]["last_update_reason"] == "CloseCancel"


def test_the_life_of_markets_is_numbered_and_knows_no_filter(door, listener):
    listener.subscribe("market_lifecycle_v2", market_ticker="KXT-E-B")
    market = door.venue.exchange.markets["KXT-E-A"]
    for status in (MarketStatus.INACTIVE, MarketStatus.ACTIVE):
        changed = msgspec.structs.replace(market, status=status)
        door.happen(MarketChanged(at_us=NOW_US, market=changed))
    later = msgspec.structs.replace(market, close_us=NOW_US + 2 * HOUR_US)
    door.happen(MarketChanged(at_us=NOW_US, market=later))
    determined = msgspec.structs.replace(later, status=MarketStatus.DETERMINED, result="no")
    door.happen(MarketChanged(at_us=NOW_US, market=determined))
    frames = listener.outbox.take()

    assert [frame["seq"] for frame in frames] == [1, 2, 3, 4]
    assert [frame["msg"]["event_type"] for frame in frames] == [
        "deactivated",
        "activated",
        "close_date_updated",
        "determined",
    ]
    assert frames[0]["msg"]["is_deactivated"] is True
    assert frames[2]["msg"]["close_ts"] == (NOW_US + 2 * HOUR_US) // 1_000_000
    assert frames[3]["msg"]["result"] == "no"


# ----------------------------------------------------------------------------- slow clients


def test_a_slow_client_loses_the_subscription_that_overflowed(door, listener):
    listener.subscribe("orderbook_delta", market_ticker="KXT-E-A")
    listener.outbox.full = True
    door.happen(delta(), delta())
    frames = listener.outbox.take()
    listener.outbox.full = False
    door.happen(delta())

    assert [(frame["type"], frame["sid"], frame["seq"]) for frame in frames] == [("error", 1, 2)]
    assert frames[0]["msg"]["code"] == 25
    assert listener.outbox.take() == []


def test_a_channel_that_overflowed_can_be_subscribed_to_again(door, listener):
    listener.subscribe("orderbook_delta", market_ticker="KXT-E-A")
    listener.outbox.full = True
    door.happen(delta())
    listener.outbox.full = False
    listener.outbox.take()
    frames = listener.subscribe("orderbook_delta", market_ticker="KXT-E-A")

    assert [(frame["type"], frame.get("sid"), frame.get("seq")) for frame in frames] == [
        ("subscribed", None, None),
        ("orderbook_snapshot", 2, 1),
    ]


def test_who_has_left_hears_nothing(door, listener):
    listener.subscribe("orderbook_delta", "trade", market_ticker="KXT-E-A")
    listener.subscriber.leave()
    listener.outbox.take()
    door.happen(delta(), printed())

    assert listener.outbox.take() == []


# ------------------------------------------------------------- events, fees and order groups


def test_an_event_is_announced_before_its_first_market(open_door, world):
    script, world.script = world.script, []
    door = open_door()
    listener = Listener(door)
    listener.subscribe("market_lifecycle_v2")
    door.happen(*script[:2])
    frames = listener.outbox.take()

    assert [frame["type"] for frame in frames] == [
        "event_lifecycle",
        "market_lifecycle_v2",
        "market_lifecycle_v2",
    ]
    assert frames[0]["msg"] == {
        "event_ticker": "KXT-E",
        "series_ticker": "KXT",
        "title": "Who wins?",
        "subtitle": "",
        "collateral_return_type": "",
        "exchange_index": 0,
    }
    assert [frame["seq"] for frame in frames] == [1, 2, 3]


def test_an_events_fees_are_announced_when_they_change_and_once(door):
    listener = Listener(door)
    listener.subscribe("market_lifecycle_v2")
    override = FeeChange(at_us=NOW_US + 60_000_000, fee_type=None, multiplier=Decimal("0.5"))
    cleared = FeeChange(at_us=NOW_US + 120_000_000, fee_type=None, multiplier=None)
    for ticker in ("KXT-E-A", "KXT-E-B"):
        market = msgspec.structs.replace(
            door.venue.exchange.markets[ticker],
            fees=FeeSchedule(event_changes=(override, cleared)),
        )
        door.happen(MarketChanged(at_us=NOW_US, market=market))
    told = []
    for _ in range(3):
        door.time.pass_seconds(60)
        door.venue.present()
        told.append([frame["msg"] for frame in listener.outbox.take()])

    nothing = {"fee_type_override": None, "fee_multiplier_override": None}
    assert told == [
        [{"event_ticker": "KXT-E", **nothing, "fee_multiplier_override": 0.5}],
        [{"event_ticker": "KXT-E", **nothing}],
        [],
    ]


def test_a_new_title_is_metadata(door):
    listener = Listener(door)
    listener.subscribe("market_lifecycle_v2")
    market = msgspec.structs.replace(door.venue.exchange.markets["KXT-E-A"], title="Will it?")
    door.happen(MarketChanged(at_us=NOW_US, market=market))
    (frame,) = listener.outbox.take()

    assert frame["msg"]["event_type"] == "metadata_updated"
    assert frame["msg"]["additional_metadata"] == {"title": "Will it?"}


def test_every_step_of_an_order_group_is_told(door):
    listener = Listener(door)
    listener.subscribe("order_group_updates")
    groups = "/portfolio/order_groups"
    group = door.ask(f"POST {groups}/create", {"contracts_limit": 5})[1]["order_group_id"]
    door.ask(f"PUT {groups}/{group}/limit", {"contracts_limit": 3})
    door.placed(order_group_id=group, count="4")
    door.ask(f"PUT {groups}/{group}/reset")
    door.ask(f"DELETE {groups}/{group}")
    frames = listener.outbox.take()

    assert [frame["msg"]["event_type"] for frame in frames] == [
        "created",
        "limit_updated",
        "triggered",
        "reset",
        "deleted",
    ]
    assert [frame["seq"] for frame in frames] == [1, 2, 3, 4, 5]
    assert frames[1]["msg"]["contracts_limit_fp"] == "3.00"
    assert frames[2]["msg"] == {
        "event_type": "triggered",
        "order_group_id": group,
        "ts_ms": NOW_US // 1_000,
    }


def test_a_position_is_told_a_last_time_when_its_market_is_paid(door):
    listener = Listener(door)
    door.placed()
    listener.subscribe("market_positions")
    paid = Settlement(ticker="KXT-E-A", at_us=NOW_US, result="yes", yes_pays_e4=10_000)
    door.happen(MarketSettled(at_us=NOW_US, settlement=paid))
    (frame,) = listener.outbox.take()

    assert frame["msg"]["position_fp"] == "0.00"
    assert frame["msg"]["realized_pnl_dollars"] == "0.800000"
