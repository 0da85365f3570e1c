import pytest

from framework.clock import run_virtual
from framework.errors import ConfigError
from framework.exchange import MarketQuery
from framework.run import Credentials, Mode
from plugins.kalshi import Kalshi
from plugins.kalshi.codec import Codec
from plugins.kalshi.codec.fixed_point_orders import Terms
from plugins.kalshi.dialects import DIALECTS


@pytest.mark.parametrize("name", DIALECTS)
def test_every_dialect_makes_a_codec(name):
    codec: Codec = DIALECTS[name].codec(None, False, Terms())

    assert codec.market_channels[0] == "orderbook_delta"
    assert codec.list_markets(MarketQuery(), exclude_combos=False)["status"] == "open"


def test_the_setting_offers_every_dialect():
    for name in DIALECTS:
        assert Kalshi(api=name).api == name


class Asking:
    """A run that notes which credentials it is asked for, and has no network."""

    run_id = "t"
    mode = Mode.SANDBOX
    rng = None

    def __init__(self, clock, pem, asked):
        self.clock, self._pem, self._asked = clock, pem, asked

    def credentials(self, name):
        self._asked.append(name)
        return Credentials(key_id="k", private_key=self._pem, rest_url="http://x.invalid/v2")


@pytest.mark.parametrize(("api", "name"), [("fixed-point", "kalshi"), ("cents", "kalshi-cents")])
def test_each_dialect_asks_for_credentials_of_its_own(api, name, rsa_pem):
    asked = []

    async def main(clock):
        with pytest.raises(ConfigError):  # no address of a stream
            async with Kalshi(api=api).open_exchange(Asking(clock, rsa_pem, asked)):
                pass

    run_virtual(main)

    assert asked == [name]
