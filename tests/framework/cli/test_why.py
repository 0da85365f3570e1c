"""`framework why` tells why a market was traded, or why not."""

import json

import pytest

from framework.cli.main import main
from framework.model.events import ClockTicked
from framework.model.records import Record, Stage, Verdict
from framework.testing.builders import NOW_US

OK, WRONG_USE, BROKEN = 0, 2, 3


@pytest.fixture
def why(journal, capsys):
    """Call the verb on the runs folder of the test; return exit code, output, errors."""

    def why(*arguments):
        code = main(["why", *arguments, "--runs", str(journal.parents[1])])
        return code, *capsys.readouterr()

    return why


def test_tells_a_trade_in_order_and_what_it_brought(why):
    code, out, _ = why("A")

    lines = out.splitlines()
    assert code == OK
    assert lines[0] == "2026-01-15 UTC"
    assert [line.split()[2 if line[15] in "+-" else 1] for line in lines[1:12]] == [
        "listed",
        "filter",
        "followed",
        "signal",
        "size",
        "risk",
        "order",
        "accepted",
        "fill",
        "settled",
        "run",
    ]
    assert "+ signal     YES bid 0.92 [limit 0.93, break_even 0.94] (fade by fade)" in out
    assert lines[-1] == (
        "A was traded: bought 10 YES at 0.93, sold 0, settled yes, fees 0.05, result 0.65"
    )


def test_tells_why_a_market_was_not_bought(why):
    code, out, _ = why("D")

    assert code == OK
    assert "- risk       order_cost: 83.70 dollars, 50 are allowed (fade by risk_limits)" in out
    assert out.splitlines()[-1] == (
        "D was not bought by fade: it got as far as risk, risk_limits.order_cost: "
        "83.70 dollars, 50 are allowed"
    )


def test_gives_programs_one_line(why):
    code, out, _ = why("A", "--json")
    report = json.loads(out)

    assert code == OK
    assert out.count("\n") == 1
    assert (report["ticker"], report["run"], report["complete"]) == ("A", "s1", True)
    assert report["trip"]["pnl"] == "0.65"
    signal = report["steps"][3]
    assert (signal["kind"], signal["passed"], signal["numbers"]["limit"]) == (
        "signal",
        True,
        "0.93",
    )
    assert report["outcomes"] == [
        {"strategy": "fade", "bought": True, "place": None, "refusal": None}
    ]


def test_looks_into_the_newest_run_unless_one_is_named(why, journal):
    assert why("A")[0] == OK
    assert why("A", "--run", "20260115-sandbox-s1")[0] == OK
    assert why("A", "--run", str(journal))[0] == OK

    code, _, err = why("A", "--run", "20260114-sandbox-s1")

    assert code == WRONG_USE
    assert "no market 'A' in this run" in err


@pytest.mark.parametrize(("ticker", "near"), [("a", '; did you mean "A"?'), ("nothing", "\n")])
def test_an_unknown_market_is_wrong_use_and_its_neighbour_named(why, ticker, near):
    code, out, err = why(ticker)

    assert (code, out) == (WRONG_USE, "")
    assert f"no market {ticker!r} in this run{near}" in err


def test_a_long_row_of_verdicts_is_shortened_unless_all_are_wanted(why, write_journal):
    def told(number):
        code = "spread" if number % 2 else None
        verdict = Verdict(strategy="s", ticker="A", stage=Stage.FILTER, plugin="p", code=code)
        return Record(event=ClockTicked(at_us=NOW_US + number), verdicts=(verdict,))

    write_journal("20260116-sandbox-s1", [told(number) for number in range(20)])

    shortened, whole = why("A")[1], why("A", "--all")[1]

    assert "    ... 14 more verdicts: filter spread 7, filter passed 7 (--all" in shortened
    assert shortened.count("spread: ") == 3
    assert whole.count("spread: ") == 10


def test_a_broken_journal_is_refused(why, journal):
    journal.write_bytes(journal.read_bytes().replace(b"YES bid", b"YES bit"))

    code, out, err = why("A")

    assert (code, out) == (BROKEN, "")
    assert "are not those that were sealed" in err


def test_a_cut_journal_is_told_as_far_as_it_goes(why, journal):
    journal.write_bytes(journal.read_bytes()[:-30])

    code, out, err = why("A")

    assert code == OK
    assert "A was traded" in out
    assert "cut at line" in err


def test_without_any_run_there_is_nothing_to_tell(tmp_path, capsys):
    code = main(["why", "A", "--runs", str(tmp_path)])

    assert code == WRONG_USE
    assert "no run here yet; `framework run` makes one" in capsys.readouterr().err
