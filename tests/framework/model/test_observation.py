from decimal import Decimal

import msgspec
import pytest

from framework.model.observation import Observation


def test_its_value_stays_exact_on_its_way_through_a_journal():
    seen = Observation(source="weather", key="nyc", value=Decimal("71.30"), at_us=1)
    back = msgspec.json.decode(msgspec.json.encode(seen), type=Observation)

    assert str(back.value) == "71.30"


def test_it_can_not_be_changed():
    seen = Observation(source="weather", key="nyc", value=Decimal(71), at_us=1)

    with pytest.raises(AttributeError):
        seen.value = Decimal(72)
