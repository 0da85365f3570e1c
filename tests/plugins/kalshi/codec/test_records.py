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


def test_a_new_word_in_a_field_is_counted_and_the_record_read(drift):
    row = {"ticker": "S", "fee_type": "cubic", "fee_multiplier": 1}

    assert records.read(row, "series", records.SeriesRecord, drift).fee_type == "cubic"
    assert drift.counters == {"series: unknown fee_type cubic": 1}


@pytest.mark.parametrize("said", [None, "", "quadratic", "margin_market_maker_program_fees"])
def test_documented_words_and_none_are_no_surprise(drift, said):
    records.read({"fee_type": said}, "series", records.SeriesRecord, drift)

    assert "series: unknown fee_type" not in str(drift.counters)


def test_a_word_of_any_kind_and_length_is_counted_briefly(drift):
    for said in ({"a": 1}, ["x" * 500], 7):
        records.read({"fee_type": said}, "series", records.SeriesRecord, drift)

    assert all(len(name) < 80 for name in drift.counters)
