import pytest

from framework.errors import ConfigError
from framework.quarantine import FILE_NAME, put_into_quarantine, read_quarantine, release


def test_nothing_is_quarantined_at_first(tmp_path):
    assert read_quarantine(tmp_path) == {}


def test_what_is_put_in_is_read_at_the_next_start(tmp_path):
    put_into_quarantine(tmp_path / "runs", "culprit", "did not return")
    put_into_quarantine(tmp_path / "runs", "other", "faulted")

    assert read_quarantine(tmp_path / "runs") == {"culprit": "did not return", "other": "faulted"}
    assert [file.name for file in (tmp_path / "runs").iterdir()] == [FILE_NAME]


def test_release_takes_one_off_the_list(tmp_path):
    put_into_quarantine(tmp_path, "culprit", "why")

    assert release(tmp_path, "culprit")
    assert not release(tmp_path, "culprit")
    assert read_quarantine(tmp_path) == {}


@pytest.mark.parametrize("content", ["{", "[]", '{"a": 1}', "\x00"])
def test_a_list_that_cannot_be_read_stops_a_start(tmp_path, content):
    (tmp_path / FILE_NAME).write_text(content)

    with pytest.raises(ConfigError, match="repair or delete it"):
        read_quarantine(tmp_path)


def test_a_list_that_cannot_be_read_keeps_no_new_entry_out(tmp_path):
    (tmp_path / FILE_NAME).write_text("{")
    put_into_quarantine(tmp_path, "culprit", "why")

    assert read_quarantine(tmp_path) == {"culprit": "why"}
