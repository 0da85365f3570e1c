import pytest
from pydantic import ValidationError

from framework.testing.builders import market
from plugins.series import Series

SPORTS = market("KXNBAGAME-26JAN15-LAL", event_ticker="KXNBAGAME-26JAN15", category="Sports")
WEATHER = market("KXHIGHNY-26JAN15-B56.5", category="Climate and Weather")
NAMELESS = market(series_ticker=None)


def code(plugin, listed):
    refusal = plugin.filter_market(listed)
    return None if refusal is None else refusal.code


@pytest.mark.parametrize("pattern", ["KXHIGHNY", "KXHIGH*", "KXHIGH??", "KX[GH]IGHNY"])
def test_admits_only_the_series_that_are_allowed(pattern):
    plugin = Series(allow=("KXBTC", pattern))

    assert code(plugin, WEATHER) is None
    assert code(plugin, SPORTS) == "series"


def test_refuses_the_series_that_are_denied_even_if_allowed():
    plugin = Series(allow=("KX*",), deny=("KXNBA*",))

    assert code(plugin, WEATHER) is None
    assert code(plugin, SPORTS) == "denied"


def test_a_pattern_must_match_the_whole_series_in_its_case():
    assert code(Series(allow=("KXHIGH",)), WEATHER) == "series"
    assert code(Series(allow=("kxhighny",)), WEATHER) == "series"


@pytest.mark.parametrize("settings", [{"allow": ("KX*",)}, {"deny": ("KXBTC",)}])
def test_an_unknown_series_is_neither_allowed_nor_safe_from_denial(settings):
    assert code(Series(**settings), NAMELESS) == "series"


def test_an_unknown_series_passes_where_no_series_is_asked_for():
    assert code(Series(tickers=("KXHIGHNY-*",)), NAMELESS) is None


def test_admits_only_the_categories_asked_for_in_any_case():
    plugin = Series(categories=("sports", "Crypto"))

    assert code(plugin, SPORTS) is None
    assert code(plugin, WEATHER) == "category"


def test_an_unknown_category_is_refused():
    assert code(Series(categories=("Sports",)), market()) == "category"


def test_admits_only_the_tickers_asked_for():
    plugin = Series(tickers=("*-LAL", "*-BOS"))

    assert code(plugin, SPORTS) is None
    assert code(plugin, WEATHER) == "ticker"


def test_a_market_must_pass_everything_that_is_set():
    plugin = Series(allow=("KXNBA*",), categories=("Sports",), tickers=("*-BOS",))

    assert code(plugin, SPORTS) == "ticker"


def test_names_the_market_and_what_is_asked():
    refusal = Series(allow=("KXBTC*", "KXETH*")).filter_market(SPORTS)

    assert refusal.message == "series KXNBAGAME is none of KXBTC*, KXETH*"


@pytest.mark.parametrize("settings", [{}, {"allow": ()}, {"deny": ("KX*", "")}])
def test_refuses_settings_that_choose_nothing(settings):
    with pytest.raises(ValidationError):
        Series(**settings)
