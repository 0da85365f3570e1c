"""Recorded tables of levels: their traps, bad input, and the real ones."""

import csv
import gzip
import json
import sys
from collections import Counter, defaultdict

import pytest

from framework.errors import ConfigError, DataError
from framework.model.events import (
    BookChanged,
    BookReplaced,
    MarketChanged,
    MarketListed,
    MarketSettled,
    QuoteTicked,
    TradePrinted,
)
from framework.model.market import TAPERED, WHOLE_CENT, MarketStatus
from framework.model.units import Side
from plugins.sandbox.core.exchange import SandboxExchange
from plugins.sandbox.worlds.recorded import LEAD_US
from plugins.sandbox.worlds.worlds import open_recording

pl = pytest.importorskip("polars", reason="needs the extra research")

T = 1_767_261_600_000_000
"""2026-01-01 10:00 UTC."""
SECOND = 1_000_000
COLUMNS = ("recv_us", "ts_us", "sid", "seq", "ticker", "kind", "side", "price_e4", "size_e2")
SCHEMA = dict.fromkeys(COLUMNS, pl.Int64) | dict.fromkeys(("ticker", "kind", "side"), pl.String)


def snapshot(ticker, *, recv=None, sid=1, seq=1, yes=((4_000, 1_000),), no=((5_000, 1_000),)):
    """One row per level; of an empty book, one row without a side."""
    levels = [("yes", *level) for level in yes] + [("no", *level) for level in no]
    return [
        (recv, None, sid, seq, ticker, "snapshot", *level)
        for level in levels or [(None, None, None)]
    ]


def delta(ticker, ts, *, recv=None, sid=1, seq=2, side="yes", price=4_000, size=100):
    return [(recv, ts, sid, seq, ticker, "delta", side, price, size)]


def trade(ticker, ts, *, seq=1, side="no", price=4_000, size=100):
    return [(None, ts, 2, seq, ticker, "trade", side, price, size)]


LINES = {
    "KXT-E-A": {"close_time": "2026-01-01T10:15:00Z", "result": "yes"},
    "KXT-E-B": {"close_time": "2026-01-01T10:15:00Z", "result": "no"},
}


def write(folder, *rows, lines=LINES, name="l2-1.parquet"):
    table = pl.DataFrame([row for part in rows for row in part], schema=SCHEMA, orient="row")
    table.write_parquet(folder / name)
    names = ["ticker", "close_time", "result", "settlement_ts", "result_inferred_from_next"]
    with (folder / "markets.csv").open("w", newline="") as file:
        out = csv.DictWriter(file, names)
        out.writeheader()
        for ticker, line in lines.items():
            out.writerow({"ticker": ticker, **line})
    return folder


def events(folder, *kinds):
    found = list(open_recording(folder).events())
    return [event for event in found if isinstance(event, kinds or object)]


def refusal(folder):
    with pytest.raises(DataError) as caught:
        list(open_recording(folder).events())
    (problem,) = caught.value.problems
    return problem


class TestTime:
    def test_an_undated_snapshot_comes_with_the_row_after_it(self, tmp_path):
        write(tmp_path, snapshot("KXT-E-A"), delta("KXT-E-A", T + 7))

        assert [e.at_us for e in events(tmp_path, BookReplaced, BookChanged)][:2] == [T + 7, T + 7]

    def test_a_dated_row_comes_when_it_was_received(self, tmp_path):
        write(tmp_path, snapshot("KXT-E-A", recv=T), delta("KXT-E-A", T - 900, recv=T + 5))
        (change,) = events(tmp_path, BookChanged)

        assert (change.at_us, change.exchange_us) == (T + 5, T - 900)

    def test_a_trade_of_a_whole_second_has_the_time_of_the_level_it_took(self, tmp_path):
        taken = T + 640_000
        write(
            tmp_path,
            snapshot("KXT-E-A"),
            delta("KXT-E-A", taken, size=-100),
            trade("KXT-E-A", T),
        )
        (printed,) = events(tmp_path, TradePrinted)

        assert (printed.at_us, printed.exchange_us) == (taken, taken)
        assert printed.taker_side is Side.NO

    def test_a_trade_without_a_level_is_told_at_the_end_of_its_second(self, tmp_path):
        write(tmp_path, snapshot("KXT-E-A"), delta("KXT-E-A", T), trade("KXT-E-A", T + SECOND))
        (printed,) = events(tmp_path, TradePrinted)

        assert printed.at_us == printed.exchange_us == T + 2 * SECOND - 1

    def test_markets_are_merged_by_time(self, tmp_path):
        write(
            tmp_path,
            snapshot("KXT-E-B", recv=T + 1),
            delta("KXT-E-B", T, recv=T + 4),
            snapshot("KXT-E-A", recv=T + 2),
            delta("KXT-E-A", T, recv=T + 3),
        )
        told = events(tmp_path)
        times = [event.at_us for event in told]

        assert times == sorted(times)
        assert [e.ticker for e in told if isinstance(e, BookChanged)] == ["KXT-E-A", "KXT-E-B"]

    def test_numbers_of_a_subscription_are_shared_by_its_markets(self, tmp_path):
        write(
            tmp_path,
            snapshot("KXT-E-A", recv=T, seq=1),
            delta("KXT-E-A", T, recv=T + 1, seq=40),
            snapshot("KXT-E-B", recv=T, seq=2),
            delta("KXT-E-B", T, recv=T + 1, seq=39),
        )

        assert len(events(tmp_path, BookChanged)) == 2


class TestBooks:
    def test_the_book_is_empty_over_a_gap_and_after_the_last_row(self, tmp_path):
        write(
            tmp_path,
            snapshot("KXT-E-A", recv=T),
            delta("KXT-E-A", T, recv=T + 5),
            snapshot("KXT-E-A", recv=T + 900, sid=2),
            delta("KXT-E-A", T, recv=T + 905, sid=2),
        )
        books = events(tmp_path, BookReplaced)

        assert [bool(book.yes) for book in books] == [True, False, True, False]
        assert books[-1].at_us == T + 905

    def test_a_subscription_made_anew_counts_from_one_again(self, tmp_path):
        write(
            tmp_path,
            snapshot("KXT-E-A", recv=T),
            delta("KXT-E-A", T, recv=T + 5, seq=9),
            snapshot("KXT-E-A", recv=T + 900),
        )

        assert len(events(tmp_path, BookReplaced)) == 4

    def test_a_snapshot_in_mid_stream_replaces_the_book(self, tmp_path):
        write(
            tmp_path,
            snapshot("KXT-E-A", recv=T),
            delta("KXT-E-A", T, recv=T + 5),
            snapshot("KXT-E-A", recv=T + 6, seq=3, yes=((3_900, 100),), no=()),
        )
        books = events(tmp_path, BookReplaced)

        assert [book.yes for book in books] == [((4_000, 1_000),), ((3_900, 100),), ()]

    def test_a_row_without_a_side_is_an_empty_book(self, tmp_path):
        write(
            tmp_path, snapshot("KXT-E-A", recv=T), snapshot("KXT-E-A", recv=T, seq=2, yes=(), no=())
        )

        assert [len(book.yes) for book in events(tmp_path, BookReplaced)] == [1, 0]

    def test_a_market_goes_on_in_the_next_file(self, tmp_path):
        write(tmp_path, snapshot("KXT-E-A", recv=T), name="l2-1.parquet")
        write(tmp_path, delta("KXT-E-A", T, recv=T + 5), name="l2-2.parquet")

        assert len(events(tmp_path, BookChanged)) == 1

    @pytest.mark.parametrize(("price", "grid"), [(4_100, WHOLE_CENT), (9_910, TAPERED)])
    def test_the_grid_is_the_one_the_prices_stand_on(self, tmp_path, price, grid):
        write(tmp_path, snapshot("KXT-E-A", recv=T), delta("KXT-E-A", T, recv=T, price=price))
        (listed,) = events(tmp_path, MarketListed)

        assert listed.market.grid == grid

    def test_the_ticker_channel_tells_volume_when_it_was_known(self, tmp_path):
        write(tmp_path, snapshot("KXT-E-A", recv=T))
        rows = [
            (T - 60 * SECOND, 1, "KXT-E-A", 4_000, 500, 20),
            (T + 5, 2, "KXT-E-A", 4_100, 900, 30),
        ]
        names = ("recv_us", "ts_ms", "ticker", "price_e4", "volume_e2", "open_interest_e2")
        pl.DataFrame(rows, schema=names, orient="row").write_parquet(tmp_path / "ws-ticker.parquet")
        world = open_recording(tmp_path)
        exchange, volumes = SandboxExchange(world), []
        for event in world.events():
            exchange.advance(event)
            market = exchange.markets["KXT-E-A"]
            volumes.append((type(event), market.volume_e2, market.open_interest_e2))

        assert world.start_us == T - 60 * SECOND - LEAD_US
        assert volumes[:4] == [
            (MarketListed, 0, None),
            (QuoteTicked, 500, 20),
            (BookReplaced, 500, 20),
            (BookReplaced, 500, 20),
        ]
        assert volumes[4] == (QuoteTicked, 900, 30)


class TestResults:
    def test_a_result_comes_at_its_time(self, tmp_path):
        lines = {"KXT-E-A": {**LINES["KXT-E-A"], "settlement_ts": "2026-01-01T10:15:06.500Z"}}
        write(tmp_path, snapshot("KXT-E-A", recv=T), lines=lines)
        decided, paid = events(tmp_path, MarketChanged, MarketSettled)

        assert decided.at_us == paid.at_us == T + 906_500_000
        assert paid.settlement.yes_pays_e4 == 10_000

    def test_an_inferred_result_comes_after_the_close_and_the_last_row(self, tmp_path):
        lines = {"KXT-E-A": {"result_inferred_from_next": "no"}}
        write(tmp_path, snapshot("KXT-E-A", recv=T), delta("KXT-E-A", T, recv=T + 9), lines=lines)
        (paid,) = events(tmp_path, MarketSettled)

        assert paid.at_us == T + 9 + 15 * SECOND
        assert paid.settlement.result == "no"

    def test_a_market_without_a_result_stays_open(self, tmp_path):
        lines = {"KXT-E-A": {"close_time": "2026-01-01T10:15:00Z"}}
        write(tmp_path, snapshot("KXT-E-A", recv=T), lines=lines)

        assert events(tmp_path, MarketChanged, MarketSettled) == []

    def test_no_listing_knows_the_future(self, tmp_path):
        write(tmp_path, snapshot("KXT-E-A", recv=T))
        (listed,) = events(tmp_path, MarketListed)

        assert (listed.at_us, listed.market.result, listed.market.volume_e2) == (
            T - LEAD_US,
            None,
            None,
        )
        assert listed.market.status is MarketStatus.ACTIVE


class TestBadInput:
    def test_without_the_library_the_install_line_is_named(self, tmp_path, monkeypatch):
        write(tmp_path, snapshot("KXT-E-A", recv=T))
        for name in ("plugins.sandbox.worlds.table_world", "plugins.sandbox.worlds.levels"):
            monkeypatch.delitem(sys.modules, name, raising=False)
        monkeypatch.delitem(sys.modules, "plugins.sandbox.worlds.tables", raising=False)
        monkeypatch.setitem(sys.modules, "polars", None)

        with pytest.raises(ConfigError, match=r"pip install 'kalshi-framework\[research\]'"):
            open_recording(tmp_path)

    def test_without_a_list_of_markets(self, tmp_path):
        write(tmp_path, snapshot("KXT-E-A", recv=T))
        (tmp_path / "markets.csv").unlink()

        assert "markets.csv: can't be read" in refusal(tmp_path)

    def test_a_market_that_is_not_in_the_list(self, tmp_path):
        write(tmp_path, snapshot("KXT-E-C", recv=T))

        assert "markets.csv: has no line for market KXT-E-C; add it" in refusal(tmp_path)

    @pytest.mark.parametrize(
        ("line", "said"),
        [({"result": "maybe"}, "a result must be"), ({"close_time": "noon"}, "holds no time")],
    )
    def test_a_line_of_the_list_that_can_not_be_used(self, tmp_path, line, said):
        write(tmp_path, snapshot("KXT-E-A", recv=T), lines={"KXT-E-A": line})

        assert f"markets.csv:2: {said}" in refusal(tmp_path)

    def test_an_empty_table(self, tmp_path):
        assert "holds no rows" in refusal(write(tmp_path))

    @pytest.mark.parametrize(
        ("rows", "said"),
        [
            (delta("KXT-E-A", T, recv=T), "row 1: a subscription begins without a snapshot"),
            (
                snapshot("KXT-E-A", recv=T) + delta("KXT-E-A", T, recv=T - 1),
                f"row 3: recv_us goes back from {T} to {T - 1}; sort",
            ),
            (
                snapshot("KXT-E-A") + delta("KXT-E-A", T + 5 * SECOND) + delta("KXT-E-A", T, seq=3),
                "row 4: ts_us goes back",
            ),
            (
                snapshot("KXT-E-A", recv=T)
                + delta("KXT-E-A", T, recv=T, seq=5)
                + delta("KXT-E-A", T, recv=T, seq=4),
                "row 4: seq goes back from 5 to 4",
            ),
            (
                snapshot("KXT-E-A", recv=T) + delta("KXT-E-A", T, recv=T, side="maybe"),
                "row 3: is no delta: side",
            ),
            (
                snapshot("KXT-E-A", recv=T) + delta("KXT-E-A", T, recv=T, price=10_000),
                "row 3: is no delta: side, price_e4",
            ),
            (
                [*snapshot("KXT-E-A", recv=T), (T, T, 1, 2, "KXT-E-A", "gossip", "yes", 1, 1)],
                "row 3: kind must be snapshot, delta or trade (is gossip)",
            ),
            (
                snapshot("KXT-E-A", recv=T) + delta("KXT-E-A", None, seq=2),
                "row 3: has neither recv_us nor ts_us",
            ),
            (snapshot("KXT-E-A"), "row 1: no row of KXT-E-A has a time"),
        ],
    )
    def test_a_row_that_can_not_be_used_is_named(self, tmp_path, rows, said):
        assert f"l2-1.parquet: {said}" in refusal(write(tmp_path, rows))


# --------------------------------------------------------------------------- the real recordings


def fold(frames):
    """Fold raw frames into {side: {price: size}}, sharing nothing with the world."""
    book = {"yes": defaultdict(int), "no": defaultdict(int)}
    for frame in frames:
        body = frame["msg"]
        if frame["type"] == "orderbook_snapshot":
            for side, levels in book.items():
                levels.clear()
                for price, size in body.get(f"{side}_dollars_fp") or []:
                    levels[round(float(price) * 10_000)] = round(float(size) * 100)
        elif frame["type"] == "orderbook_delta":
            price = round(float(body["price_dollars"]) * 10_000)
            book[body["side"]][price] += round(float(body["delta_fp"]) * 100)
    return {side: {p: s for p, s in levels.items() if s} for side, levels in book.items()}


def raw_frames(path):
    with gzip.open(path, "rt") as lines:
        return [json.loads(line) for line in lines if line.strip()]


@pytest.fixture
def one_game(recordings, tmp_path):
    """The market of one game with its raw frames, cut out of the large table."""
    ticker = "KXNBAGAME-26MAR18OKCBKN-BKN"
    folder = recordings / "nba-books"
    table = pl.scan_parquet(folder / "l2-26MAR18.parquet").filter(pl.col("ticker") == ticker)
    table.collect().write_parquet(tmp_path / "l2-one.parquet")
    (tmp_path / "markets.csv").write_bytes((folder / "markets.csv").read_bytes())
    return tmp_path, raw_frames(folder / "raw-samples" / f"{ticker}.ndjson.gz")


@pytest.mark.recording
def test_a_recorded_book_is_the_fold_of_its_raw_frames(one_game):
    folder, frames = one_game
    world = open_recording(folder)
    exchange = SandboxExchange(world)
    last = max(n for n, frame in enumerate(frames) if frame["type"] == "orderbook_delta")
    deltas = sum(frame["type"] == "orderbook_delta" for frame in frames)
    for event in world.events():
        exchange.advance(event)
        deltas -= isinstance(event, BookChanged)
        if not deltas:
            break
    (ticker,) = exchange.markets
    shown = {side.value: dict(exchange.book(ticker).bids(side)) for side in (Side.YES, Side.NO)}

    assert shown == fold(frames[: last + 1])
    assert shown["yes"] or shown["no"]


def folded_rows(rows):
    """Yield (moment, book) after each raw row, sharing nothing with the world.

    The rows of one snapshot have one (sid, seq); the first of them empties the book.
    """
    book, number = {"yes": {}, "no": {}}, None
    for at_us, _, sid, seq, _, kind, side, price, size in rows:
        if kind == "snapshot" and (sid, seq) != number:
            book = {"yes": {}, "no": {}}
        number = (sid, seq) if kind == "snapshot" else None
        if side is not None:
            book[side][price] = size + (book[side].get(price, 0) if kind == "delta" else 0)
        yield at_us, book


WINDOWS = ("KXBTC15M-26MAY130200-00", "KXBTC15M-26MAY131200-00")
"""A window that was caught at its end, and one that was caught in two pieces."""


@pytest.fixture(params=WINDOWS)
def one_window(request, recordings, tmp_path):
    """One window's raw rows, also cut out of the large table as a recording of its own."""
    folder = recordings / "btc-15m-books"
    whole = pl.read_parquet(folder / "l2-2026-05-13.parquet")
    table = whole.filter(pl.col("ticker") == request.param).select(COLUMNS)
    table.write_parquet(tmp_path / "l2-one.parquet")
    (tmp_path / "markets.csv").write_bytes((folder / "markets.csv").read_bytes())
    return tmp_path, request.param, table.rows()


@pytest.mark.recording
def test_the_book_is_an_independent_fold_of_the_rows(one_window):
    folder, ticker, rows = one_window
    exchange = SandboxExchange(world := open_recording(folder))
    fold_of_rows = folded_rows(rows)
    ahead = next(fold_of_rows)
    compared, expected = 0, {}
    for number, event in enumerate(world.events()):
        if event.at_us > exchange.now_us and number % 25 == 0 and ticker in exchange.markets:
            while ahead is not None and ahead[0] <= exchange.now_us:
                expected = {
                    s: {p: q for p, q in levels.items() if q} for s, levels in ahead[1].items()
                }
                ahead = next(fold_of_rows, None)
            shown = {side.value: dict(exchange.book(ticker).bids(side)) for side in Side}
            assert shown == (expected or {"yes": {}, "no": {}})
            compared += bool(shown["yes"])
        exchange.advance(event)

    assert compared > 20
    assert exchange.book(ticker).bids(Side.YES) == []  # nothing is known after the last row


@pytest.mark.recording
def test_recorded_volume_is_never_known_early(one_game):
    folder, frames = one_game
    prints = [e for e in open_recording(folder).events() if isinstance(e, TradePrinted)]
    seconds = [frame["msg"]["ts"] for frame in frames if frame["type"] == "trade"]

    assert len(prints) == len(seconds)
    for printed, second in zip(prints, seconds, strict=True):
        assert printed.at_us >= int(second) * SECOND
        assert printed.at_us >= printed.exchange_us


@pytest.mark.recording
@pytest.mark.slow
@pytest.mark.parametrize(
    ("table", "settled"), [("nba-books", 18), ("btc-15m-books/l2-2026-05-14.parquet", None)]
)
def test_a_whole_recording_plays_in_order_without_foresight(recordings, table, settled):
    world = open_recording(recordings / table)
    counts, last_us, closes, results = Counter(), 0, {}, {}
    books = {}
    for event in world.events():
        assert event.at_us >= last_us
        last_us = event.at_us
        counts[type(event)] += 1
        if isinstance(event, MarketListed):
            assert event.market.result is None
            closes[event.market.ticker] = event.market.close_us or 0
        elif isinstance(event, MarketSettled):
            results[event.settlement.ticker] = event
            assert event.at_us >= closes[event.settlement.ticker]
        elif isinstance(event, BookReplaced):
            books[event.ticker] = {"yes": dict(event.yes), "no": dict(event.no)}
        elif isinstance(event, BookChanged):
            levels = books[event.ticker][event.side.value]
            levels[event.price_e4] = levels.get(event.price_e4, 0) + event.change_e2

            assert levels[event.price_e4] >= 0
    assert counts[BookChanged] > 500_000
    if settled:
        assert len(results) == settled
    else:
        assert 0 < len(results) < len(closes)
