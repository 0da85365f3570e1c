import pytest

from plugins.kalshi.codec import Drift, records


@pytest.fixture
def drift():
    return Drift()


def test_an_unknown_field_is_counted_and_the_record_read(drift):
    row = {"ticker": "A", "position_fp": "1.00", "leverage": 3}

    read = records.read(row, "position", records.PositionRecord, drift)

    assert read is not None
    assert drift.counters == {"position: unknown field leverage": 1}


def test_a_missing_required_field_fails_that_record_by_name(drift):
    row = {"ticker": "A-1", "exchange_index": 0}

    assert records.read(row, "position", records.PositionRecord, drift) is None
    assert drift.counters["position: unreadable"] == 1
    assert "position A-1: " in drift.failures[0]
    assert "position_fp" in drift.failures[0]


def test_a_number_in_place_of_a_fixed_point_string_fails_the_record(drift):
    assert (
        records.read({"ticker": "A", "position_fp": 1.5}, "position", records.PositionRecord, drift)
        is None
    )


@pytest.mark.parametrize(
    ("row", "name"),
    [
        ({"ticker": "T", "event_ticker": "E"}, "T E"),
        ({"ticker": "T", "order_id": "o"}, "T o"),
        ({}, "without a name"),
    ],
)
def test_a_record_has_a_name_whatever_it_lacks(row, name):
    assert records.name_of(row) == name
