import msgspec
import pytest
from hypothesis import HealthCheck, given, settings

from framework.model.records import Record, Verdict


@pytest.mark.parametrize("kind", [Verdict, Record])
def test_a_journal_gives_it_back_as_it_was(kind, values):
    @settings(suppress_health_check=[HealthCheck.too_slow], max_examples=50)
    @given(values(kind))
    def is_given_back(value: Verdict | Record) -> None:
        assert msgspec.json.decode(msgspec.json.encode(value), type=kind) == value

    is_given_back()


@pytest.mark.parametrize("kind", [Verdict, Record])
def test_it_can_not_be_changed(kind):
    assert kind.__struct_config__.frozen
