import httpx
import pytest

from framework.errors import ConfigError
from framework.run import Mode
from plugins.kalshi.hosts import FOUNDING, TODAY, addresses

PRODUCTION = "https://external-api.kalshi.com/trade-api/v2"
DEMO = "https://external-api.demo.kalshi.co/trade-api/v2"


@pytest.mark.parametrize(
    ("mode", "rest"), [(Mode.LIVE, PRODUCTION), (Mode.PAPER, PRODUCTION), (Mode.DEMO, DEMO)]
)
def test_each_mode_has_its_own_recommended_hosts(mode, rest):
    where = addresses(mode, None, None)

    assert where.rest == httpx.URL(rest)
    assert where.stream.host in TODAY.allowed[mode]
    assert where.stream.path == "/trade-api/ws/v2"
    assert where.use_tls


def test_demo_and_production_share_no_host():
    assert TODAY.allowed[Mode.LIVE] & TODAY.allowed[Mode.DEMO] == set()


@pytest.mark.parametrize(
    ("mode", "url"),
    [
        (Mode.LIVE, DEMO),
        (Mode.DEMO, PRODUCTION),
        (Mode.LIVE, "https://127.0.0.1/trade-api/v2"),
        (Mode.LIVE, "https://external-api.kalshi.com.example.org/trade-api/v2"),
        (Mode.LIVE, "https://trading-api.kalshi.com/trade-api/v2"),
    ],
)
def test_a_host_of_another_mode_is_refused(mode, url):
    with pytest.raises(ConfigError, match=r"plugins\.kalshi\.rest_url: .* is no host of"):
        addresses(mode, url, None)


def test_a_stream_elsewhere_is_refused_too():
    with pytest.raises(ConfigError, match="stream_url"):
        addresses(Mode.LIVE, None, "wss://example.org/trade-api/ws/v2")


@pytest.mark.parametrize(
    "url",
    [
        "external-api.kalshi.com",
        "ftp://external-api.kalshi.com",
        "https://",
        "https://me:secret@external-api.kalshi.com/",
        "http://external-api.kalshi.com/trade-api/v2",
        "https://a b",
    ],
)
def test_a_bad_address_is_refused_by_its_key(url):
    with pytest.raises(ConfigError, match=r"plugins\.kalshi\.rest_url: ") as told:
        addresses(Mode.LIVE, url, None)

    assert "secret" not in str(told.value)


@pytest.mark.parametrize(
    ("mode", "host"), [(Mode.LIVE, "api.elections.kalshi.com"), (Mode.DEMO, "demo-api.kalshi.co")]
)
def test_the_other_served_host_of_the_same_mode_is_allowed(mode, host):
    rest, stream = f"https://{host}/trade-api/v2", f"wss://{host}/trade-api/ws/v2"

    where = addresses(mode, rest, stream)

    assert (where.rest, where.stream) == (httpx.URL(rest), httpx.URL(stream))


def test_a_loopback_exchange_may_be_used_in_clear_outside_live():
    where = addresses(Mode.DEMO, "http://127.0.0.1:8080/trade-api/v2", "ws://127.0.0.1:8080/ws")

    assert not where.use_tls


def test_the_sandbox_says_itself_where_it_is():
    where = addresses(Mode.SANDBOX, "http://sandbox.invalid/v2", "ws://sandbox.invalid/ws")

    assert (where.rest.host, where.use_tls) == ("sandbox.invalid", False)
    with pytest.raises(ConfigError, match="needs the sandbox plugin"):
        addresses(Mode.SANDBOX, None, None)


@pytest.mark.parametrize(
    ("mode", "host"), [(Mode.PAPER, "trading-api.kalshi.com"), (Mode.DEMO, "demo-api.kalshi.co")]
)
def test_the_founding_documents_hosts_are_as_written(mode, host):
    where = addresses(mode, None, None, FOUNDING)

    assert str(where.rest) == f"https://{host}/trade-api/v2"
    assert str(where.stream) == f"wss://{host}/trade-api/ws/v2"


@pytest.mark.parametrize("url", [None, "https://trading-api.kalshi.com/trade-api/v2"])
def test_no_order_goes_live_to_a_host_the_exchange_has_given_up(url):
    with pytest.raises(ConfigError, match=r'"cents" can.t trade live.*api = "fixed-point"'):
        addresses(Mode.LIVE, url, None, FOUNDING)


@pytest.mark.parametrize("mode", [Mode.LIVE, Mode.DEMO, Mode.PAPER])
def test_the_founding_dialect_is_not_spoken_to_todays_hosts(mode):
    with pytest.raises(ConfigError, match="is no host of"):
        addresses(mode, PRODUCTION, None, FOUNDING)
