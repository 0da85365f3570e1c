"""The last column of the fault table: a hook that never returns, at every hook."""

import json
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from framework.watchdog import EXIT_CODE, STACK_NAME, Watchdog

pytestmark = pytest.mark.slow  # starts whole programs

LIMIT = 0.2

SCRIPT = """
    import sys
    from pathlib import Path

    sys.path.insert(0, {tests!r})
    from test_pipeline import Loaded, Pipeline, ask, plugin, returning
    from framework.watchdog import Watchdog

    hook, folder = sys.argv[1], Path(sys.argv[2])

    def never(*_):
        while True:
            pass

    pipeline = Pipeline(Loaded(good=returning(hook, None), culprit=plugin(hook, never)))
    watchdog = Watchdog(
        folder,
        {limit},
        in_hand=pipeline.in_hand,
        on_stuck=lambda: (folder / "closed").touch(),
    )
    watchdog.start()
    watchdog.enter()
    ask(pipeline, hook)
    watchdog.leave()
"""


def run(script, *arguments):
    return subprocess.run(
        [sys.executable, "-c", dedent(script), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        cwd=Path(__file__).parents[2],
    )


@pytest.mark.parametrize(
    "hook",
    ["filter_market", "signal_exit", "signal_entry", "size_entry", "check_risk", "observe"],
)
def test_never_returns(tmp_path, hook):
    folder = tmp_path / "runs" / "one"
    folder.mkdir(parents=True)

    result = run(SCRIPT.format(tests=str(Path(__file__).parent), limit=LIMIT), hook, folder)

    assert result.returncode == EXIT_CODE == 70, result.stderr
    listed = json.loads((tmp_path / "runs" / "quarantine.json").read_text())
    assert listed == {"culprit": f"did not return for {LIMIT} s in one"}
    stack = (folder / STACK_NAME).read_text()
    assert stack.startswith("culprit did not return")
    assert "in never" in stack
    assert (folder / "closed").exists()


def test_ends_even_when_nothing_can_be_written_or_closed(tmp_path):
    script = """
        import sys
        from pathlib import Path
        from framework.watchdog import Watchdog

        def fails():
            raise OSError("socket gone")

        folder = Path(sys.argv[1])
        watchdog = Watchdog(folder, 0.1, in_hand=lambda _: "culprit", on_stuck=fails)
        (folder.parent / "quarantine.json").mkdir()
        watchdog.start()
        watchdog.enter()
        while True:
            pass
    """
    folder = tmp_path / "one"
    folder.mkdir()

    assert run(script, folder).returncode == EXIT_CODE


def test_code_that_never_lets_go_of_the_interpreter_is_ended_too(tmp_path):
    script = r"""
        import re
        import sys
        from pathlib import Path
        from framework.watchdog import Watchdog

        watchdog = Watchdog(Path(sys.argv[1]), 0.1)
        watchdog.start()
        watchdog.enter()
        re.match(r"(a+)+$", "a" * 60 + "b")
    """

    result = run(script, tmp_path)

    assert result.returncode == 1
    assert "Timeout" in (tmp_path / STACK_NAME).read_text()


def test_batches_that_end_are_left_alone(tmp_path):
    codes = []
    watchdog = Watchdog(tmp_path, 0.02, end=codes.append)
    watchdog.start()
    for _ in range(20_000):
        watchdog.enter()
        watchdog.leave()
    watchdog.stop()

    assert codes == []
    assert not (tmp_path / STACK_NAME).exists()


def test_stopping_one_that_never_started_is_harmless(tmp_path):
    Watchdog(tmp_path, 1.0).stop()

    assert list(tmp_path.iterdir()) == []


def test_an_engine_that_hangs_by_itself_blames_no_plugin(tmp_path):
    codes = []
    folder = tmp_path / "one"
    folder.mkdir()
    watchdog = Watchdog(folder, 0.02, end=codes.append)
    watchdog.enter()
    watchdog.start()
    while not codes:
        pass
    watchdog.stop()

    assert codes == [EXIT_CODE]
    assert not (tmp_path / "quarantine.json").exists()
