from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.model.book import OrderBook
from framework.model.market import Market, MarketStatus
from framework.model.orders import Fill
from framework.model.portfolio import DAY_US, Portfolio
from framework.model.units import Side
from framework.model.view import PortfolioView, Snapshot, Touch, Trade

NOW = 1_768_478_400_000_000
MINUTE = 60_000_000
D = Decimal


def market(**terms):
    given_terms = {"ticker": "T", "event_ticker": "E", "status": MarketStatus.ACTIVE}
    return Market(**(given_terms | terms))


def book(yes=(), no=()):
    built = OrderBook()
    built.replace(dict(yes), dict(no))
    return built


def snapshot(some=None, at_us=NOW, **more):
    some = book({9200: 500, 9100: 700}, {700: 300, 600: 900}) if some is None else some
    listed = more.pop("market", market())
    return Snapshot.of(listed, some, at_us, **more)


class TestSides:
    def test_yes_and_no_see_the_same_book_from_both_ends(self):
        seen = snapshot()

        assert (seen.yes.bid, seen.yes.ask) == (D("0.92"), D("0.93"))
        assert (seen.no.bid, seen.no.ask) == (D("0.07"), D("0.08"))
        assert seen.side(Side.NO).bid == seen.no.bid
        assert seen.side(Side.YES).side is Side.YES

    @given(
        st.dictionaries(st.integers(1, 9_999), st.integers(1, 10**6), max_size=6),
        st.dictionaries(st.integers(1, 9_999), st.integers(1, 10**6), max_size=6),
    )
    def test_an_ask_is_the_complement_of_the_other_bid_exactly(self, yes, no):
        some = book(yes, no)
        seen = snapshot(some)
        if not some.valid:
            return

        for side in Side:
            mine, other = seen.side(side), seen.side(side.opposite)
            assert mine.ask == (None if other.bid is None else 1 - other.bid)
            assert [(1 - level.price, level.size) for level in mine.asks()] == list(other.bids())

    def test_spread_and_mid_are_exact(self):
        seen = snapshot(book({9200: 1}, {795: 1}))

        assert (seen.yes.spread, seen.yes.mid) == (D("0.0005"), D("0.92025"))
        assert seen.no.spread == seen.yes.spread
        assert seen.no.mid == 1 - seen.yes.mid

    def test_one_side_alone_has_neither(self):
        seen = snapshot(book(yes={4000: 100}))

        assert (seen.yes.ask, seen.yes.mid, seen.yes.spread, seen.no.bid) == (None,) * 4

    def test_the_depth_stops_where_asked(self):
        seen = snapshot()

        assert seen.yes.bids(1) == ((D("0.92"), D(5)),)
        assert seen.yes.asks() == ((D("0.93"), D(3)), (D("0.94"), D(9)))
        assert seen.yes.bids(0) == ()

    def test_the_size_at_the_touch(self):
        assert snapshot().yes.bid_size() == 5
        assert snapshot(book()).yes.bid_size() == 0

    @pytest.mark.parametrize(
        ("limit", "contracts"), [("0.92", 0), ("0.93", 3), ("0.9399", 3), ("0.94", 12), ("1", 12)]
    )
    def test_what_is_offered_within_a_limit(self, limit, contracts):
        assert snapshot().yes.ask_size_within(D(limit)) == contracts

    @pytest.mark.parametrize(
        ("limit", "contracts"), [("0.93", 0), ("0.92", 5), ("0.9101", 5), ("0.91", 12), ("0", 12)]
    )
    def test_what_is_bid_within_a_limit(self, limit, contracts):
        assert snapshot().yes.bid_size_within(D(limit)) == contracts

    @pytest.mark.parametrize("limit", [0.93, True, "cheap", D("NaN"), None], ids=repr)
    def test_a_limit_must_be_exact(self, limit):
        seen = snapshot().yes

        for ask in (seen.ask_size_within, seen.bid_size_within):
            with pytest.raises((TypeError, ValueError)):
                ask(limit)


class TestUnusableBook:
    @pytest.mark.parametrize("spoil", ["missing", "invalid", "crossed"])
    def test_it_says_so(self, spoil):
        some = OrderBook() if spoil == "missing" else book({9200: 500}, {700: 300})
        if spoil == "invalid":
            some.invalidate("gap")
        if spoil == "crossed":
            some.change(Side.NO, 800, 1)

        assert snapshot(some).book_is_valid is False

    def test_a_sound_one_may_be_traded_on(self):
        assert snapshot().book_is_valid is True


class TestKept:
    @pytest.mark.parametrize(
        "look",
        [
            lambda seen: seen.yes.bids(),
            lambda seen: seen.no.asks(1),
            lambda seen: seen.yes.bid_size(),
            lambda seen: seen.yes.ask_size_within(D("0.99")),
            lambda seen: seen.no.bid_size_within(D("0.01")),
        ],
    )
    @pytest.mark.parametrize("from_before", [True, False], ids=["side kept", "snapshot kept"])
    def test_an_old_ladder_refuses(self, look, from_before):
        some = book({9200: 500}, {700: 300})
        seen = snapshot(some)
        sides = {"yes": seen.yes, "no": seen.no} if from_before else None
        some.change(Side.YES, 9100, 1)
        if sides is not None:
            seen = type("Kept", (), sides)

        with pytest.raises(RuntimeError, match="moved on"):
            look(seen)

    def test_an_old_touch_stays_what_it_was(self):
        some = book({9200: 500}, {700: 300})
        side = snapshot(some).yes
        some.change(Side.YES, 9250, 1)

        assert (side.bid, side.ask) == (D("0.92"), D("0.93"))

    def test_a_snapshot_never_shows_the_future(self):
        some = book({9200: 500}, {700: 300})
        seen = snapshot(some)
        some.change(Side.YES, 9250, 1)

        assert seen.yes.bid == D("0.92")

    def test_a_kept_snapshot_shows_no_later_observation(self):
        known = {"weather.nyc": D(71)}
        seen = snapshot(observations=known)
        known["weather.nyc"] = D(75)

        assert seen.observations["weather.nyc"] == 71

    def test_a_kept_snapshot_does_not_change_its_mind_about_the_book(self):
        some = book({9200: 500}, {700: 300})
        seen = snapshot(some)
        some.invalidate("gap")

        assert seen.book_is_valid is True


class TestReadOnly:
    @pytest.mark.parametrize("name", ["at_us", "market", "trades", "siblings", "yes", "anything"])
    def test_a_snapshot_can_not_be_changed(self, name):
        seen = snapshot()

        with pytest.raises((AttributeError, TypeError)):
            setattr(seen, name, None)
        with pytest.raises((AttributeError, TypeError)):
            delattr(seen, name)

    @pytest.mark.parametrize("name", ["bid_e4", "ask_e4", "side", "bid", "anything"])
    def test_a_side_can_not_be_changed(self, name):
        side = snapshot().yes

        with pytest.raises((AttributeError, TypeError)):
            setattr(side, name, 1)
        with pytest.raises((AttributeError, TypeError)):
            delattr(side, name)

    def test_what_it_holds_can_not_be_changed(self):
        seen = snapshot(siblings={"S": Touch(D("0.1"), None)}, observations={"x.y": D(1)})

        with pytest.raises((AttributeError, TypeError)):
            seen.siblings["S"] = Touch(None, None)
        with pytest.raises((AttributeError, TypeError)):
            seen.observations["x.y"] = D(2)
        with pytest.raises(AttributeError):
            seen.yes.bids()[0].price = D(1)
        with pytest.raises(AttributeError):
            seen.market.status = MarketStatus.CLOSED

    def test_a_portfolio_view_tells_what_cash_is_rounded_to(self):
        assert PortfolioView(Portfolio(1), Exposure(), NOW).balance_step_e6 == 11

    def test_a_portfolio_view_can_not_be_changed(self):
        view = PortfolioView(Portfolio(1), Exposure(), NOW)

        with pytest.raises((AttributeError, TypeError)):
            view.at_us = 0
        with pytest.raises((AttributeError, TypeError)):
            view.cash = D(1)


class TestTime:
    def test_now_is_the_events_moment(self):
        assert snapshot().now == datetime(2026, 1, 15, 12, tzinfo=UTC)

    def test_how_long_trading_goes_on(self):
        seen = snapshot(market=market(close_us=NOW + 90 * MINUTE))

        assert seen.time_to_close == timedelta(minutes=90)

    def test_without_a_known_close_it_goes_on(self):
        assert snapshot().time_to_close == timedelta.max

    @pytest.mark.parametrize("late", [0, 1, MINUTE])
    def test_a_close_that_has_passed_is_never_ahead(self, late):
        seen = snapshot(market=market(close_us=NOW - late))

        assert seen.time_to_close <= timedelta(0)


class TestSnapshot:
    def test_it_names_its_market(self):
        seen = snapshot(market=market(volume_e2=1_050))

        assert (seen.ticker, seen.volume) == ("T", D("10.5"))
        assert snapshot().volume is None

    def test_it_keeps_trades_and_lag(self):
        trade = Trade(D("0.92"), D(1), None, datetime(2026, 1, 15, tzinfo=UTC))
        seen = snapshot(trades=(trade,), lag_us=7)

        assert (seen.trades, seen.lag_us) == ((trade,), 7)
        assert (snapshot().trades, dict(snapshot().siblings), dict(snapshot().observations)) == (
            (),
            {},
            {},
        )


class Exposure:
    """Numbers no two of which are alike, so that a mix-up shows."""

    balance_step_e6 = 11

    def in_market_e6(self, ticker):
        return {"T": 1_000_001}[ticker]

    def in_event_e6(self, event_ticker):
        return {"E": 2_000_002}[event_ticker]

    def total_e6(self):
        return 3_000_003

    def reserved_e6(self, shard):
        return {0: 4_000_004, 2: 5_000_005}[shard]

    def open_orders(self):
        return 6

    def orders_since(self, at_us):
        return sum(sent >= at_us for sent in (NOW - 2 * MINUTE, NOW - MINUTE, NOW))

    def pnl_of_day_e6(self):
        return -7_000_007

    def cash_e6(self, shard):
        return {0: 80_000_000, 2: 9_000_000}[shard]

    def bankroll_e6(self):
        return 10_000_010


def bought(**terms):
    given_terms = {
        "trade_id": "t",
        "order_id": "o",
        "client_order_id": None,
        "ticker": "T",
        "side": Side.YES,
        "price_e4": 5000,
        "quantity_e2": 200,
        "fee_e6": 10_000,
        "is_taker": True,
        "at_us": NOW - MINUTE,
    }
    return Fill(**(given_terms | terms))


class TestPortfolioView:
    @pytest.fixture
    def portfolio(self):
        portfolio = Portfolio(100_000_000)
        portfolio.apply(bought())
        return portfolio

    @pytest.fixture
    def view(self, portfolio):
        return PortfolioView(portfolio, Exposure(), NOW)

    def test_money_in_dollars(self, view):
        assert (view.cash, view.realized) == (D("98.99"), D("-0.01"))
        assert view.pnl_of_day == D("-7.000007")

    def test_positions(self, view):
        (held,) = view.positions

        assert held == view.position("T")
        assert view.position("ELSEWHERE") is None

    def test_exposure_of_market_event_and_everything(self, view):
        assert view.exposure("T") == D("1.000001")
        assert view.event_exposure("E") == D("2.000002")
        assert view.exposure() == D("3.000003")

    @pytest.mark.parametrize(("shard", "dollars"), [(0, "75.999996"), (2, "3.999995")])
    def test_buying_power_is_a_shards_free_cash(self, view, shard, dollars):
        assert view.buying_power(shard) == D(dollars)

    def test_orders(self, view):
        assert view.open_orders == 6
        assert view.orders_within(timedelta(minutes=1)) == 2
        assert view.orders_within(timedelta(0)) == 1

    def test_when_a_market_was_left(self, portfolio, view):
        before = view.since_exit("T")
        portfolio.apply(bought(trade_id="u", side=Side.NO, at_us=NOW - MINUTE // 2))

        assert before is None
        assert view.since_exit("T") == timedelta(seconds=30)
        assert view.activity("T").entries == 1

    def test_bankroll(self, view):
        assert view.bankroll == D("10.00001")

    def test_positions_that_ended(self, portfolio, view):
        portfolio.apply(bought(trade_id="u", side=Side.NO, at_us=NOW))

        assert [one.pnl for one in view.closed] == [D("-0.02")]
        assert view.closed[0].closed_at == datetime(2026, 1, 15, 12, tzinfo=UTC)

    def test_entries_of_this_utc_day(self, portfolio):
        opened = bought().at_us
        tomorrow = (opened // DAY_US + 1) * DAY_US

        assert PortfolioView(portfolio, Exposure(), NOW).entries_today("T") == 1
        assert PortfolioView(portfolio, Exposure(), tomorrow).entries_today("T") == 0
        assert PortfolioView(portfolio, Exposure(), NOW).entries_today("U") == 0
