"""`framework funnel` counts what each step of the line removed."""

import json

import pytest

from framework.cli.main import main

OK, WRONG_USE, BROKEN = 0, 2, 3


@pytest.fixture
def funnel(journal, capsys):
    """Call the verb on the runs folder of the test; return exit code, output, errors."""

    def funnel(*arguments):
        code = main(["funnel", *arguments, "--runs", str(journal.parents[1])])
        return code, *capsys.readouterr()

    return funnel


def test_shows_what_each_step_removed_with_a_bar(funnel):
    code, out, _ = funnel()

    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert code == OK
    assert lines[0] == "fade: 4 markets seen"
    assert lines[2:10] == [
        f"tradable 0 4 {'█' * 20} 4",
        f"liquidity 1 3 {'█' * 15}{'░' * 5} 3 volume 1",
        f"fade 0 3 {'█' * 15} 3",
        f"signal 1 2 {'█' * 10}{'░' * 5} 2 no_signal 1",
        f"size 0 2 {'█' * 10} 2",
        f"risk 1 1 {'█' * 5}{'░' * 5} 1 risk_limits.order_cost 1",
        f"exchange 0 1 {'█' * 5} 1",
        f"fill 0 1 {'█' * 5} 1",
    ]
    assert lines[10] == "of those bought: 1 settled yes (0.65 dollars)"


def test_gives_programs_one_line(funnel):
    code, out, _ = funnel("--json")
    report = json.loads(out)

    assert code == OK
    assert out.count("\n") == 1
    (one,) = report["strategies"]
    assert (report["run"], one["strategy"], one["markets"]) == ("s1", "fade", 4)
    assert one["rows"][1] == {
        "stage": "filter",
        "plugin": "liquidity",
        "markets": 4,
        "removed": 1,
        "left": 3,
        "reasons": {"volume": 1},
        "passes": 3,
        "refusals": 1,
    }
    assert one["ends"] == {"settled yes": {"markets": 1, "pnl": "0.65"}}


def test_a_run_in_which_nothing_happened_has_an_empty_funnel(funnel):
    code, out, _ = funnel("--run", "20260114-sandbox-s1")

    assert code == OK
    assert "fade: 0 markets seen" in out
    assert "nothing was bought" in out


def test_a_run_without_strategies_says_so(funnel, write_journal):
    write_journal("20260116-sandbox-s1", [], header={"run_id": "s1"})

    assert funnel()[1] == "no strategy traded in this run\n"


def test_a_broken_journal_is_refused(funnel, journal):
    journal.write_bytes(journal.read_bytes().replace(b"volume 5", b"volume 6"))

    code, out, err = funnel()

    assert (code, out) == (BROKEN, "")
    assert "are not those that were sealed" in err


def test_an_unknown_run_is_wrong_use(funnel):
    code, _, err = funnel("--run", "s9")

    assert code == WRONG_USE
    assert "no run 's9'" in err
