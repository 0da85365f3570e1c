import tomllib

import pytest

from framework.errors import ConfigError
from framework.settings import packaged_default, read_settings
from framework.switching import switch, switched

TEXT = """\
# top

[plugins.liquidity]   # why
min_volume = 10_000   # contracts

[strategies.mine]
enabled = false       # not yet
"""


def test_turning_off_keeps_settings_comments_and_layout():
    fresh = switched(TEXT, "plugins", "liquidity", on=False)

    assert fresh.replace("enabled = false\n\n[str", "\n[str") == TEXT
    assert tomllib.loads(fresh)["plugins"]["liquidity"] == {"min_volume": 10_000, "enabled": False}


def test_turning_on_what_is_switched_off_changes_one_word():
    assert switched(TEXT, "strategies", "mine", on=True) == TEXT.replace("false", "true")


def test_a_new_table_goes_to_the_end():
    assert switched(TEXT, "plugins", "new", on=True) == f"{TEXT}\n[plugins.new]\n"
    assert switched(TEXT, "plugins", "new", on=False) == f"{TEXT}\n[plugins.new]\nenabled = false\n"
    assert switched("", "plugins", "new", on=True) == "[plugins.new]\n"


def test_on_and_off_again_is_where_it_was():
    off = switched(TEXT, "plugins", "liquidity", on=False)

    assert (
        switched(switched(off, "plugins", "liquidity", on=True), "plugins", "liquidity", on=False)
        == off
    )


def test_a_layout_that_takes_no_table_says_what_to_write_by_hand():
    with pytest.raises(ConfigError, match="write `enabled = true` by hand"):
        switched("plugins = { a = { x = 1 } }\n", "plugins", "new", on=True)


def test_without_a_file_one_is_made_from_the_packaged_default(tmp_path):
    file = switch(read_settings(root=tmp_path), "plugins", "liquidity", on=False)

    assert file == tmp_path / "kalshi.toml"
    assert packaged_default().splitlines()[0] in file.read_text()
    settings = read_settings(root=tmp_path)
    assert settings.problems == ()
    assert not settings.table("liquidity").enabled


def test_the_file_keeps_its_mode_and_nothing_is_left_beside_it(tmp_path):
    file = tmp_path / "kalshi.toml"
    file.write_text(TEXT)
    file.chmod(0o600)
    switch(read_settings(root=tmp_path), "plugins", "liquidity", on=False)

    assert file.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in tmp_path.iterdir()] == ["kalshi.toml"]


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "real.toml").write_text(TEXT)
    (tmp_path / "kalshi.toml").symlink_to(tmp_path / "real.toml")
    switch(read_settings(root=tmp_path), "plugins", "liquidity", on=False)

    assert (tmp_path / "kalshi.toml").is_symlink()
    assert "enabled = false" in (tmp_path / "real.toml").read_text()
