"""Our bodies against bodies recorded from the exchange: the same names, written the same way."""

import gzip
import json
import re

import pytest

from framework.model.events import BookChanged
from framework.model.units import Side
from framework.testing.builders import NOW_US
from plugins.sandbox.fixed_point.commands import Subscriber

pytestmark = pytest.mark.recording

ADDED_LATER = {"exchange_index", "sending_ts_ms"}
"""Names that the specification has and the older recordings have not."""


class Heard:
    """An outbox that a test reads."""

    full = False

    def __init__(self):
        self.frames = []

    def push(self, text):
        frame = json.loads(text)
        self.frames.append({name: frame[name] for name in frame if name not in ADDED_LATER})


def recorded(recordings, name):
    with gzip.open(recordings / "payloads" / name, "rt") as file:
        return json.load(file)


def fixed_point(recordings, name):
    return recorded(recordings, f"2026-08-fixed-point/{name}.json.gz")


def form(value):
    """Return how a value is written, without what it says: digits become 0, names a."""
    if isinstance(value, str):
        if re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", value):
            return "moment"
        return re.sub(r"^-?\d+(?=\.)", "0", re.sub(r"\d", "0", value)) if "." in value else "text"
    return type(value).__name__


def forms(body, names):
    return {name: form(body[name]) for name in names}


def test_a_market_is_written_as_recorded(door, recordings):
    theirs = fixed_point(recordings, "market_single")["single"]["market"]
    ours = door.ask("GET /markets/KXT-E-A")[1]["market"]
    told = [name for name in ours if not isinstance(ours[name], str) or "." in ours[name]]

    assert set(ours) - set(theirs) <= ADDED_LATER
    assert forms(ours, told) == forms(theirs, told)
    assert set(ours["price_ranges"][0]) == set(theirs["price_ranges"][0])


def test_a_settled_market_has_the_recorded_names(door, recordings):
    theirs = fixed_point(recordings, "markets_settled")["markets"][0]
    ours = door.ask("GET /markets/KXT-E-B")[1]["market"]
    missing = set(theirs) - set(ours)

    assert missing == {
        "custom_strike",
        "early_close_condition",
        "expected_expiration_time",
        "expiration_time",
        "liquidity_dollars",
        "occurrence_datetime",
        "settlement_ts",
        "settlement_value_dollars",
        "strike_type",
    }
    assert theirs["no_bid_dollars"] == ours["no_bid_dollars"]
    assert theirs["yes_ask_size_fp"] == ours["yes_ask_size_fp"]


def test_a_book_is_written_as_recorded(door, recordings):
    theirs = fixed_point(recordings, "market_single")["orderbook"]["orderbook_fp"]
    ours = door.ask("GET /markets/KXT-E-A/orderbook")[1]["orderbook_fp"]

    assert set(ours) == set(theirs)
    for levels in (ours, theirs):
        prices = [float(price) for price, _ in levels["yes_dollars"]]

        assert prices == sorted(prices)
        assert [form(part) for part in levels["no_dollars"][0]] == ["0.0000", "0.00"]


def test_a_series_is_written_as_recorded(door, recordings):
    theirs = fixed_point(recordings, "series_fee_fields")["payloads"]["KXMLBGAME"]["series"]
    ours = door.ask("GET /series/KXT")[1]["series"]

    assert set(ours) - set(theirs) == {"categories"}
    assert type(ours["fee_multiplier"]) is type(theirs["fee_multiplier"])


def test_the_books_stream_is_written_as_recorded(door, recordings):
    frames = [row["frame"] for row in fixed_point(recordings, "ws_orderbook_stream")["frames"]]
    theirs = {frame["type"]: frame for frame in reversed(frames)}
    outbox = Heard()
    subscriber = Subscriber(door.venue.feed, outbox)
    params = {"channels": ["orderbook_delta"], "market_ticker": "KXT-E-A"}
    subscriber.hear(json.dumps({"id": 2, "cmd": "subscribe", "params": params}))
    params = {"sid": 1, "action": "add_markets", "market_ticker": "KXT-E-B"}
    subscriber.hear(json.dumps({"id": 4, "cmd": "update_subscription", "params": params}))
    door.happen(
        BookChanged(at_us=NOW_US, ticker="KXT-E-A", side=Side.YES, price_e4=9000, change_e2=-100)
    )
    ours = {frame["type"]: frame for frame in reversed(outbox.frames)}

    assert [frame["type"] for frame in outbox.frames[:4]] == [frame["type"] for frame in frames[:4]]
    assert [frame.get("seq") for frame in outbox.frames[:4]] == [
        frame.get("seq") for frame in frames[:4]
    ]
    assert ours.keys() == theirs.keys()
    for kind, frame in ours.items():
        left_out = {"ts"} if kind == "orderbook_delta" else set()

        assert list(frame) == [name for name in theirs[kind] if name in frame]
        assert frame.keys() == theirs[kind].keys()
        assert set(theirs[kind]["msg"]) - set(frame["msg"]) == left_out
        assert set(frame["msg"]) <= set(theirs[kind]["msg"])


def test_a_trade_is_written_as_recorded(door, recordings):
    folder = recordings / "gold-15m-frames/events/KXGOLD15M-26AUG050000-00"
    with gzip.open(next(iter(sorted(folder.glob("*.gz")))), "rt") as lines:
        theirs = next(
            frame for line in lines if (frame := json.loads(line)["event"])["type"] == "trade"
        )
    outbox = Heard()
    subscriber = Subscriber(door.venue.feed, outbox)
    subscriber.hear(b'{"id":1,"cmd":"subscribe","params":{"channels":["trade"]}}')
    door.happen(door.venue.trades[0])
    ours = outbox.frames[1]

    assert list(ours) == list(theirs)
    assert set(ours["msg"]) - set(theirs["msg"]) == {"is_block_trade"}
    assert set(theirs["msg"]) <= set(ours["msg"])
    for name, value in theirs["msg"].items():
        assert type(ours["msg"][name]) is type(value)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/exchange/status", "exchange_status"),
        ("/exchange/schedule", "exchange_schedule"),
        ("/exchange/user_data_timestamp", "user_data_timestamp"),
        ("/portfolio/balance", "portfolio_balance"),
    ],
)
def test_older_bodies_keep_their_names(door, recordings, path, name):
    theirs = recorded(recordings, f"2026-01-both-shapes/{name}_response.json.gz")["response"]
    _, ours = door.ask(f"GET {path}")

    assert set(theirs) <= set(ours)
    for key, value in theirs.items():
        assert value is None or type(ours[key]) is type(value)
