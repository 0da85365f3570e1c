from datetime import timedelta
from decimal import Decimal

import pytest

from framework.errors import ConfigError
from framework.run import Mode
from framework.settings import packaged_default, read_settings


def read(tmp_path, text):
    file = tmp_path / "kalshi.toml"
    file.write_text(text)
    return read_settings(file)


def problems(tmp_path, text):
    return list(read(tmp_path, text).problems)


def test_without_a_file_the_packaged_default_runs_and_says_so(tmp_path):
    settings = read_settings(root=tmp_path)

    assert settings.source == "the packaged default"
    assert settings.path is None
    assert settings.problems == ()
    assert settings.framework.mode is Mode.SANDBOX
    assert settings.table("high_probability").kind == "strategies"


def test_the_file_of_the_folder_is_found(tmp_path):
    (tmp_path / "kalshi.toml").write_text('[framework]\nmode = "paper"\n')
    settings = read_settings(root=tmp_path)

    assert (settings.source, settings.framework.mode) == ("kalshi.toml", Mode.PAPER)
    assert settings.runs_dir == tmp_path / "runs"


def test_the_defaults_are_as_documented(tmp_path):
    settings = read(tmp_path, "").framework

    assert (settings.tick_every, settings.refilter_every) == (
        timedelta(seconds=1),
        timedelta(seconds=10),
    )
    assert (settings.scan_every, settings.audit_every) == (timedelta(minutes=1),) * 2
    assert (settings.good_for, settings.reprice_after) == (
        timedelta(minutes=5),
        timedelta(seconds=5),
    )
    assert (settings.keep_remainder, settings.plugin_faults_limit) == (True, 10)
    assert (settings.hook_budget, settings.ledger) == (timedelta(milliseconds=50), None)


def test_the_project_of_the_checkout_is_a_valid_example(project):
    assert read_settings(project / "kalshi.toml").problems == ()


def test_tables_keep_the_order_of_the_file(tmp_path):
    settings = read(tmp_path, "[plugins.b]\n[strategies.s]\n[plugins.a]\n")

    assert [table.key for table in settings.tables] == ["plugins.b", "plugins.a", "strategies.s"]


def test_numbers_are_exact(tmp_path):
    settings = read(tmp_path, "[plugins.a]\nratio = 0.1\ncount = 10_000\n")

    assert settings.tables[0].values == {"ratio": Decimal("0.1"), "count": 10_000}


def test_reserved_keys_are_the_frameworks_own(tmp_path):
    text = '[plugins.a]\nuse = "m:C"\nenabled = false\nfor = ["s"]\nown = 1\n[strategies.s]\n'
    table = read(tmp_path, text).tables[0]

    assert (table.use, table.enabled, table.for_) == ("m:C", False, ("s",))
    assert table.values == {"own": 1}


CASES = [
    ("[framework]\nmode = 'sandbx'", 'framework.mode: must be one of sandbox, paper, demo, live (was "sandbx"); did you mean "sandbox"?'),
    ("[framework]\ntick_evry = '1s'", 'framework.tick_evry: unknown key; did you mean "tick_every"?'),
    ("[framework]\ntick_every = '0s'", 'framework.tick_every: must be above 0s (was "0s")'),
    ("[framework]\nplugin_faults_limit = 0", "framework.plugin_faults_limit: must be at least 1 (was 0)"),
    ("framework = 3", "framework: must be a table (was 3)"),
    ("[plugin.a]", 'plugin: unknown table; did you mean "plugins"?'),
    ("plugins = 3", "plugins: must hold tables such as [plugins.NAME] (was 3)"),
    ("[plugins]\na = 3", "plugins.a: must be a table [plugins.a] (was 3)"),
    ("[plugins.a]\nenabled = 'no'", 'plugins.a.enabled: must be true or false (was "no")'),
    ("[plugins.a]\nuse = 'x'", 'plugins.a.use: must be "module:Class" (was "x")'),
    ("[plugins.a]\nfor = 's'", 'plugins.a.for: must be a list (was "s")'),
    ("[plugins.'a b']", "plugins.a b: a name is letters, digits and underscores, starting with a letter"),
    ("[plugins.a]\n[strategies.a]", "strategies.a: the name is taken by plugins.a: rename one"),
    ("[strategies.a]\nfor = ['b']", "strategies.a.for: only shared plugins speak for strategies: remove it"),
    ("[framework]\nplugin_faults_limit = nan", "framework.plugin_faults_limit: must be finite (was NaN)"),
    ("[plugins.a]\nx = inf", "plugins.a.x: must be finite (was Infinity)"),
    ("[plugins.a]\nx = [nan]", "plugins.a.x[0]: must be finite (was NaN)"),
    ("[plugins.a]\nx = '-----BEGIN RSA PRIVATE KEY-----'", 'plugins.a.x: is a secret: write { env = "NAME" } or { file = "PATH" }, never the value'),
]  # fmt: skip


@pytest.mark.parametrize(("text", "line"), CASES, ids=[line for _, line in CASES])
def test_names_file_table_key_and_fix(tmp_path, text, line):
    assert problems(tmp_path, text) == [f"kalshi.toml: {line}"]


def test_every_fault_is_reported_at_once(tmp_path):
    text = "top = 1\n[framework]\nmode = 1\nx = 2\n[plugins.a]\nenabled = 3\n"

    assert len(problems(tmp_path, text)) == 4


BROKEN = [
    ("a = \n", "line 1, column 5: invalid value"),
    ("[a\n", "line 1, column 3: expected ']' at the end of a table declaration"),
    ("a = [1,\n", "end of file: invalid value"),
    ("[plugins.a]\nx = 1\n[plugins.a]\n", "line 3: [plugins.a] stands twice: keep one of them"),
    ("[plugins.a]\nx = 1\nx = 2\n", "line 3: x stands twice: keep one of them"),
]


@pytest.mark.parametrize(("text", "line"), BROKEN, ids=[line for _, line in BROKEN])
def test_what_is_not_toml_is_named_by_its_line(tmp_path, text, line):
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text)

    assert str(caught.value) == f"kalshi.toml: {line}"


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.toml: can't read this file: No such file"):
        read_settings(tmp_path / "none.toml")


def test_a_file_that_is_not_text_is_named(tmp_path):
    (tmp_path / "kalshi.toml").write_bytes(b"a = '\xff'")

    with pytest.raises(ConfigError, match=r"kalshi\.toml: byte 5 is not UTF-8"):
        read_settings(root=tmp_path)


def test_the_command_line_overrides_by_dotted_key(tmp_path):
    overrides = {"framework.mode": "paper", "plugins.a.x": 1}
    settings = read_settings(root=tmp_path, overrides=overrides)

    assert settings.framework.mode is Mode.PAPER
    assert settings.table("a").values == {"x": 1}


def test_a_mode_adds_its_plugins(tmp_path):
    assert read(tmp_path, "").on_without_table() == {
        "sandbox": "mode sandbox",
        "console": "default",
    }
    assert "paper" in read(tmp_path, "[framework]\nmode = 'paper'").on_without_table()


def test_the_packaged_default_is_a_kalshi_toml(tmp_path):
    assert problems(tmp_path, packaged_default()) == []
