"""The recorded world: order, honesty, bad input, and the real recordings."""

import gzip
import json
from collections import Counter

import pytest

from framework.errors import ConfigError
from framework.model.events import (
    BookChanged,
    BookReplaced,
    MarketChanged,
    MarketListed,
    MarketSettled,
    TradePrinted,
)
from framework.model.market import MarketStatus
from framework.model.units import Side
from plugins.sandbox.core.exchange import SandboxExchange
from plugins.sandbox.worlds.recorded import LEAD_US
from plugins.sandbox.worlds.worlds import open_recording

OPEN_MS = 1_767_261_600_000
CLOSE_MS = OPEN_MS + 900_000


def snapshot(ticker, yes=(("0.4000", "10.00"),), no=(("0.5000", "10.00"),)):
    message = {"market_ticker": ticker, "yes_dollars_fp": list(yes), "no_dollars_fp": list(no)}
    return {"type": "orderbook_snapshot", "msg": message}


def delta(ticker, price="0.4000", size="1.00", side="yes"):
    return {
        "type": "orderbook_delta",
        "msg": {"market_ticker": ticker, "price_dollars": price, "delta_fp": size, "side": side},
    }


def trade(ticker, count="5.00"):
    return {
        "type": "trade",
        "msg": {
            "market_ticker": ticker,
            "trade_id": f"{ticker}-{count}",
            "yes_price_dollars": "0.4000",
            "count_fp": count,
            "taker_outcome_side": "no",
        },
    }


def frames(*steps):
    """Lines of (milliseconds after the open, frame)."""
    return "".join(
        json.dumps({"recv_ms": OPEN_MS + after, "event": frame}) + "\n" for after, frame in steps
    )


def metadata(ticker, result="yes", **changes):
    market = {
        "ticker": ticker,
        "event_ticker": "E",
        "open_time": "2026-01-01T10:00:00Z",
        "close_time": "2026-01-01T10:15:00Z",
        "created_time": "2026-01-01T00:00:00Z",
        "settlement_ts": "2026-01-01T10:15:10Z",
        "settlement_timer_seconds": 1,
        "result": result,
        "volume_fp": "999.00",
        **changes,
    }
    event = {"event_ticker": "E", "series_ticker": "S", "title": "An event"}
    return {"response": {"event": event, "markets": [market]}}


def write(root, files, bodies=None):
    """A recording of {"MARKET/DATE": lines}, with metadata for each market unless told."""
    for name, text in files.items():
        path = root / "events" / f"{name}.ndjson.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(text.encode()))
    markets = {name.partition("/")[0] for name in files}
    (root / "metadata").mkdir()
    for number, content in enumerate(bodies or [metadata(name) for name in sorted(markets)]):
        (root / "metadata" / f"{number}.json").write_text(json.dumps(content))
    return root


def refusal(path):
    with pytest.raises(ConfigError) as caught:
        list(open_recording(path).events())
    (problem,) = caught.value.problems
    return problem


@pytest.fixture
def two_markets(tmp_path):
    return write(
        tmp_path,
        {
            "E-A/2026-01-01": frames((0, snapshot("E-A")), (10, delta("E-A")), (300, trade("E-A"))),
            "E-B/2026-01-01": frames((5, snapshot("E-B")), (20, trade("E-B")), (25, delta("E-B"))),
        },
    )


def test_markets_are_merged_in_the_order_of_receipt(two_markets):
    events = [
        event for event in open_recording(two_markets).events() if not hasattr(event, "market")
    ]
    fed = [(e.ticker, e.at_us // 1_000 - OPEN_MS) for e in events if hasattr(e, "ticker")]

    assert fed == [
        ("E-A", 0), ("E-B", 5), ("E-A", 10), ("E-B", 20), ("E-B", 25), ("E-A", 300),
    ]  # fmt: skip


def test_the_world_starts_a_little_before_and_ends_with_the_last_payment(two_markets):
    world = open_recording(two_markets)

    assert world.start_us == OPEN_MS * 1_000 - LEAD_US
    assert world.end_us == (CLOSE_MS + 10_000) * 1_000


def test_each_market_is_listed_determined_and_settled_in_its_time(two_markets):
    world = open_recording(two_markets)
    told = [
        (type(event).__name__, event.at_us)
        for event in world.events()
        if isinstance(event, MarketListed | MarketChanged | MarketSettled)
    ]

    assert told[::2] == [
        ("MarketListed", world.start_us),
        ("MarketChanged", (CLOSE_MS + 9_000) * 1_000),
        ("MarketSettled", (CLOSE_MS + 10_000) * 1_000),
    ]


def test_nothing_of_the_future_is_in_the_listing(two_markets):
    listings = [
        e.market for e in open_recording(two_markets).events() if isinstance(e, MarketListed)
    ]

    assert all(m.result is None and m.volume_e2 is None for m in listings)
    assert all(m.status is MarketStatus.ACTIVE for m in listings)


def test_a_market_created_later_is_listed_later(tmp_path):
    late = metadata("E-B", created_time="2026-01-01T10:00:03Z")
    files = {
        "E-A/1": frames((0, snapshot("E-A"))),
        "E-B/1": frames((9_000, snapshot("E-B"))),
    }
    world = open_recording(write(tmp_path, files, [metadata("E-A"), late]))
    listed = {e.market.ticker: e.at_us for e in world.events() if isinstance(e, MarketListed)}

    assert listed == {"E-A": world.start_us, "E-B": (OPEN_MS + 3_000) * 1_000}


def test_a_market_without_a_known_end_never_settles(tmp_path):
    body = metadata("E-A", result="", settlement_ts=None)
    world = open_recording(write(tmp_path, {"E-A/1": frames((0, snapshot("E-A")))}, [body]))

    assert not any(isinstance(event, MarketSettled) for event in world.events())
    assert world.end_us == CLOSE_MS * 1_000


def test_a_second_file_of_a_market_goes_on_with_deltas(tmp_path):
    files = {
        "E-A/2026-01-01": frames((0, snapshot("E-A"))),
        "E-A/2026-01-02": frames((50, delta("E-A", size="2.00"))),
    }
    exchange = SandboxExchange(world := open_recording(write(tmp_path, files)))
    for event in world.events():
        exchange.advance(event)

    assert exchange.book("E-A").size(Side.YES, 4_000) == 1_200


def test_a_snapshot_in_mid_stream_replaces_the_book(tmp_path):
    fresh = snapshot("E-A", yes=[("0.3000", "4.00")], no=[])
    files = {"E-A/1": frames((0, snapshot("E-A")), (1, delta("E-A")), (2, fresh))}
    exchange = SandboxExchange(world := open_recording(write(tmp_path, files)))
    for event in world.events():
        exchange.advance(event)

    assert exchange.book("E-A").bids(Side.YES) == [(3_000, 400)]
    assert exchange.book("E-A").bids(Side.NO) == []


def test_volume_is_what_has_traded_so_far(tmp_path):
    files = {
        "E-A/1": frames((0, snapshot("E-A")), (1, trade("E-A", "5.00")), (2, trade("E-A", "2.50")))
    }
    exchange = SandboxExchange(world := open_recording(write(tmp_path, files)))
    volumes = []
    for event in world.events():
        exchange.advance(event)
        volumes.append(exchange.markets["E-A"].volume_e2)

    assert volumes == [0, 0, 500, 750, 750, 750]
    assert exchange.markets["E-A"].result == "yes"


def test_frames_after_the_close_and_the_payment_still_come(tmp_path):
    files = {"E-A/1": frames((0, snapshot("E-A")), (960_000, snapshot("E-A", [], [])))}
    exchange = SandboxExchange(world := open_recording(write(tmp_path, files)))
    for event in world.events():
        exchange.advance(event)

    assert exchange.book("E-A").bids(Side.YES) == []


def test_unknown_frames_are_counted(tmp_path):
    files = {"E-A/1": frames((0, snapshot("E-A")), (1, {"type": "ticker", "msg": {}}))}
    world = open_recording(write(tmp_path, files))
    list(world.events())

    assert world.skipped == {"ticker": 1}


@pytest.mark.parametrize("part", ["", "events/E-A", "events/E-A/2026-01-01.ndjson.gz"])
def test_a_whole_recording_one_market_or_one_file_can_be_opened(two_markets, part):
    world = open_recording(two_markets / part)
    tickers = {e.market.ticker for e in world.events() if isinstance(e, MarketListed)}

    assert tickers == ({"E-A", "E-B"} if not part else {"E-A"})


def test_plain_lines_can_be_opened(two_markets):
    plain = two_markets / "events" / "plain.ndjson"
    plain.write_text(frames((0, snapshot("E-A"))))

    assert len(list(open_recording(plain).events())) == 4


def test_a_recording_can_be_played_again(two_markets):
    world = open_recording(two_markets)

    assert list(world.events()) == list(world.events())


def test_many_turns_between_markets_do_not_pile_up(tmp_path):
    steps = range(0, 20_000, 2)
    files = {
        "E-A/1": frames(*((n, delta("E-A")) for n in steps)),
        "E-B/1": frames(*((n + 1, delta("E-B")) for n in steps)),
    }
    events = list(open_recording(write(tmp_path, files)).events())
    times = [event.at_us for event in events]

    assert times == sorted(times)
    assert len(times) == 20_000 + 6


class TestBadInput:
    def test_an_absent_path(self, tmp_path):
        problem = refusal(tmp_path / "nowhere")

        assert problem.startswith(f"{tmp_path}/nowhere: no such file or folder; ")
        assert "gold-15m-frames" in problem

    @pytest.mark.parametrize("name", ["MARKETS.csv", "candles.parquet"])
    def test_a_file_of_another_kind(self, tmp_path, name):
        (tmp_path / name).write_text("ticker,price\n")

        assert "is no file of frames" in refusal(tmp_path / name)

    @pytest.mark.parametrize(
        ("name", "kind"),
        [
            ("candles-1m.parquet", "basketball-candles"),
            ("trades.parquet", "weather-trades"),
        ],
    )
    def test_a_recording_of_another_kind(self, tmp_path, name, kind):
        (tmp_path / name).write_bytes(b"PAR1")
        problem = refusal(tmp_path)

        assert kind in problem
        assert "not supported yet" in problem
        assert "gold-15m-frames" in problem

    def test_a_folder_without_frames(self, tmp_path):
        assert refusal(tmp_path).startswith(f"{tmp_path}: holds no frames; ")

    def test_a_market_without_metadata(self, tmp_path):
        files = {"E-A/1": frames((0, snapshot("E-A")))}
        problem = refusal(write(tmp_path, files, [metadata("OTHER")]))

        assert "1.ndjson.gz:1: no metadata for market E-A; put the body of" in problem

    def test_frames_without_any_metadata(self, tmp_path):
        (tmp_path / "1.ndjson").write_text(frames((0, snapshot("E-A"))))

        assert "no metadata for market E-A" in refusal(tmp_path)

    def test_an_empty_file(self, tmp_path):
        assert "holds no frames; remove it" in refusal(write(tmp_path, {"E-A/1": ""}))

    def test_two_folders_of_one_market(self, tmp_path):
        files = {"E-A/1": frames((0, snapshot("E-A"))), "copy/1": frames((0, snapshot("E-A")))}

        assert "like another folder" in refusal(write(tmp_path, files))

    def test_a_fault_in_mid_stream_names_file_and_line(self, tmp_path):
        files = {"E-A/1": frames((5, snapshot("E-A")), (4, delta("E-A")))}
        problem = refusal(write(tmp_path, files))

        assert problem.startswith(f"{tmp_path}/events/E-A/1.ndjson.gz:2: recv_ms goes back")


# --------------------------------------------------------------------------- the real recordings


def folded(files):
    """Fold frames into {side: {price: size}}, one step a frame, sharing nothing with the world."""
    book = {"yes": {}, "no": {}}
    for path in files:
        with gzip.open(path, "rt") as lines:
            for text in lines:
                event = json.loads(text)["event"]
                message = event["msg"]
                if event["type"] == "orderbook_snapshot":
                    for side in book:
                        rows = message.get(f"{side}_dollars_fp", [])
                        book[side] = {_units(p, 4): _units(size, 2) for p, size in rows}
                elif event["type"] == "orderbook_delta":
                    levels = book[message["side"]]
                    price = _units(message["price_dollars"], 4)
                    levels[price] = levels.get(price, 0) + _units(message["delta_fp"], 2)
                    if not levels[price]:
                        del levels[price]
                yield book


def _units(text, digits):
    whole, _, part = text.partition(".")
    return int(whole + part.ljust(digits, "0"))


@pytest.fixture(scope="module")
def gold(recordings):
    folder = recordings / "gold-15m-frames"
    if not folder.is_dir():
        pytest.skip(f"{folder} is absent: set KALSHI_DATA to the folder of recordings")
    return folder


MARKETS = ["KXGOLD15M-26AUG102000-00", "KXGOLD15M-26AUG101900-00"]


@pytest.mark.recording
@pytest.mark.parametrize("ticker", MARKETS)
def test_the_book_is_an_independent_fold_of_the_frames(gold, ticker):
    exchange = SandboxExchange(world := open_recording(gold / "events" / ticker))
    fold = folded(sorted((gold / "events" / ticker).iterdir()))
    frames_seen = compared = 0
    for event in world.events():
        exchange.advance(event)
        if isinstance(event, BookChanged | BookReplaced | TradePrinted):
            frames_seen += 1
            expected = next(fold)
            if frames_seen % 100 == 0:
                book = exchange.book(ticker)
                compared += bool(book.bids(Side.YES))
                assert {side: dict(book.bids(side)) for side in Side} == expected
    final = {side: dict(exchange.book(ticker).bids(side)) for side in Side}

    assert next(fold, None) is None
    assert final == expected
    assert compared > 200


@pytest.mark.recording
def test_a_whole_real_recording_opens_and_begins_in_order(gold):
    world = open_recording(gold)
    seen = Counter()
    last_us = world.start_us
    for event, _ in zip(world.events(), range(60_000), strict=False):
        assert event.at_us >= last_us
        last_us = event.at_us
        seen[type(event)] += 1

    assert len(world.event_groups) == 21
    assert seen[MarketListed] >= 1
    assert seen[BookReplaced] >= 2
