from collections import Counter

from plugins.kalshi.drift.replies import REPLIES


def test_every_place_of_a_reply_is_read_into_a_record_once():
    counted = Counter((one.where, one.place, one.record) for one in REPLIES)

    assert [place for place, times in counted.items() if times > 1] == []


def test_the_archive_has_candles_with_short_names_and_the_live_ones_have_not():
    fields = {
        one.where: set(one.record.__struct_encode_fields__)
        for one in REPLIES
        if one.place == "candlesticks[]"
    }

    assert fields["GET /historical/markets/{ticker}/candlesticks"] == {
        "end_period_ts",
        "yes_bid",
        "yes_ask",
        "price",
        "volume",
        "open_interest",
    }
    live = "GET /series/{series_ticker}/markets/{ticker}/candlesticks"
    assert {"volume_fp", "open_interest_fp"} <= fields[live]


def test_a_list_of_markets_can_be_asked_for_with_every_filter():
    (markets,) = [one for one in REPLIES if one.where == "GET /markets"]

    assert {"status", "event_ticker", "mve_filter", "min_settled_ts", "cursor"} <= markets.query
