"""`framework journal` says whether a journal is whole, and what it holds."""

import json

import pytest

from framework.cli.main import main
from framework.journal import FILE_NAME, JournalWriter
from framework.model.commands import SubmitOrder
from framework.model.events import ClockTicked, MarketChanged
from framework.model.records import Record, Stage, Verdict
from framework.testing.builders import NOW_US, TICKER, market, order

OK, WRONG_USE, BROKEN = 0, 2, 3


@pytest.fixture
def path(tmp_path):
    """The journal of run `s1` in the folder `runs`."""
    folder = tmp_path / "runs" / "20260115-sandbox-s1"
    folder.mkdir(parents=True)
    writer = JournalWriter(folder / FILE_NAME, {"run_id": "s1"})
    refused = Verdict(
        strategy="fade",
        ticker=TICKER,
        stage=Stage.FILTER,
        plugin="liquidity",
        code="spread",
        message="wide",
    )
    passed = Verdict(strategy="fade", ticker=TICKER, stage=Stage.RISK, plugin=None, code=None)
    writer.extend([Record(event=ClockTicked(at_us=NOW_US), verdicts=(refused, passed))])
    writer.extend([Record(event=MarketChanged(at_us=NOW_US + 1, market=market()))])
    submit = SubmitOrder(order=order(client_order_id="s1-1"))
    writer.extend([Record(event=ClockTicked(at_us=NOW_US + 2), commands=(submit,))])
    writer.close({"reason": "session over"})
    return folder / FILE_NAME


@pytest.fixture
def call(path, capsys):
    """Call the verb on the runs folder of the test; return exit code, output, errors."""

    def call(verb, *arguments):
        code = main(["journal", verb, *arguments, "--runs", str(path.parents[1])])
        return code, *capsys.readouterr()

    return call


def cut(path):
    path.write_bytes(path.read_bytes()[:-30])


def alter(path):
    path.write_bytes(path.read_bytes().replace(b"wide", b"tide"))


@pytest.mark.parametrize("name", ["s1", "20260115-sandbox-s1"])
def test_a_whole_journal_verifies(call, path, name):
    code, out, _ = call("verify", name)

    assert code == OK
    assert out.startswith(f"{path}: whole: 3 records in 8 sealed lines; last seal ")


def test_a_journal_is_found_by_its_path(call, path):
    assert call("verify", str(path))[0] == call("verify", str(path.parent))[0] == OK


def test_a_cut_journal_is_good_as_far_as_it_goes(call, path):
    cut(path)

    code, out, _ = call("verify", "s1")

    assert code == OK
    assert "cut, not altered: 3 records in 6 sealed lines; then, at line 8: the file ends" in out


def test_an_altered_journal_is_broken(call, path):
    alter(path)

    code, out, _ = call("verify", "s1")

    assert code == BROKEN
    assert "broken at line 3: the lines up to 6 are not those that were sealed" in out


def test_the_report_can_be_read_by_programs(call, path):
    alter(path)

    code, out, _ = call("verify", "s1", "--json")
    report = json.loads(out)

    assert code == BROKEN
    assert out.count("\n") == 1
    assert (report["run_id"], report["complete"], report["lines"]) == ("s1", False, 2)
    assert report["fault"]["kind"] == "broken_seal"
    assert report["fault"]["line"] == 3


@pytest.mark.parametrize("verb", ["verify", "show"])
@pytest.mark.parametrize(
    ("content", "expected"),
    [(b"", "the file is empty"), (b"notes\n", "a journal starts with its header")],
)
def test_a_file_that_is_no_journal_is_broken(call, path, verb, content, expected):
    path.write_bytes(content)

    code, out, err = call(verb, "s1")

    assert code == BROKEN
    assert expected in out + err


@pytest.mark.parametrize("verb", ["verify", "show"])
def test_an_unknown_run_is_wrong_use(call, verb):
    code, _, err = call(verb, "s2")

    assert code == WRONG_USE
    assert "no run 's2'" in err


@pytest.mark.parametrize("verb", ["verify", "show"])
def test_a_run_without_a_journal_is_wrong_use(call, path, verb):
    path.unlink()

    code, _, err = call(verb, "s1")

    assert code == WRONG_USE
    assert "can't read this journal: No such file" in err


def test_shows_events_with_what_was_decided(call):
    code, out, _ = call("show", "s1")

    assert code == OK
    assert [line[:66] for line in out.splitlines()] == [
        "2026-01-15 12:00:00.000000 ClockTicked",
        f"    fade {TICKER} filter by liquidity: spread: wide"[:66],
        f"    fade {TICKER} risk: passed"[:66],
        f'2026-01-15 12:00:00.000001 MarketChanged market={{"ticker":"{TICKER}'[:66],
        "2026-01-15 12:00:00.000002 ClockTicked",
        '    > SubmitOrder order={"client_order_id":"s1-1","ticker":"KXHIGHNY'[:66],
    ]
    assert max(map(len, out.splitlines())) < 220


def test_shows_only_the_events_asked_for(call):
    out = call("show", "s1", "--type", "MarketChanged", "--json")[1]

    assert [json.loads(line)["event"]["type"] for line in out.splitlines()] == ["MarketChanged"]


def test_an_event_that_does_not_exist_is_wrong_use_and_the_near_miss_is_named(call):
    code, out, err = call("show", "s1", "--type", "MarketChangd")

    assert (code, out) == (WRONG_USE, "")
    assert '--type MarketChangd: no such event; did you mean "MarketChanged"?' in err


def test_an_event_unlike_any_other_is_answered_with_all_of_them(call):
    code, _, err = call("show", "s1", "--type", "Bogus")

    assert code == WRONG_USE
    assert "--type Bogus: no such event; there are " in err
    assert "ClockTicked" in err
    assert "OrderFilled" in err


@pytest.mark.parametrize(("limit", "shown"), [("0", 0), ("2", 2), ("9", 3)])
def test_shows_only_the_first(call, limit, shown):
    assert call("show", "s1", "--json", "--limit", limit)[1].count("\n") == shown


def test_shows_a_cut_journal_up_to_its_last_seal(call, path):
    cut(path)

    code, out, err = call("show", "s1", "--json")

    assert code == OK
    assert out.count("\n") == 3
    assert "cut at line 8: the file ends in the middle of a line" in err


def test_shows_nothing_that_was_altered(call, path):
    alter(path)

    code, out, err = call("show", "s1")

    assert code == BROKEN
    assert out == ""
    assert "line 3: the lines up to 6 are not those that were sealed" in err


def test_a_long_verification_shows_its_progress(call, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setattr("framework.cli.journals._LONG_BYTES", 1)

    code, out, err = call("verify", "s1")

    assert code == OK
    assert "whole" in out
    assert "verifying" in err
