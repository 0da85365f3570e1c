from random import Random  # noqa: TID251 - the type of a run's generator

import pytest
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from pydantic import ValidationError

from framework.clock import run_virtual
from framework.errors import AuthError, ConfigError, ExchangeError
from framework.exchange import Exchange
from framework.run import Credentials, Mode
from framework.streams import memory_pipe
from plugins.kalshi import Kalshi, KalshiExchange

REFUSED = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\n{}"


class ClosedRun:
    """A run whose network is closed, or refuses every key."""

    run_id = "t"

    def __init__(self, clock, mode, credentials=None, answer=None):
        self.clock, self.mode, self.rng = clock, mode, Random(1)
        self._credentials, self._answer = credentials, answer
        self.connected = []

    async def connect(self, host, port):
        self.connected.append((host, port))
        if self._answer is None:
            raise ExchangeError("closed")
        ours, theirs = memory_pipe()
        await theirs.send(self._answer)
        return ours

    def credentials(self, name):
        return self._credentials


@pytest.fixture(scope="module")
def pem():
    return Ed25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )


@pytest.fixture
def key_file(tmp_path, pem):
    path = tmp_path / "key.pem"
    path.write_bytes(pem)
    path.chmod(0o600)
    return path


def opening(plugin, mode, **run):
    """Open and close; return the hosts that were asked for."""

    async def main(clock):
        its_run = ClosedRun(clock, mode, **run)
        async with plugin.open_exchange(its_run) as exchange:
            assert isinstance(exchange, KalshiExchange)
        return its_run.connected

    return run_virtual(main)


def test_the_adapter_satisfies_the_exchange_protocol():
    opened: type[Exchange] = KalshiExchange

    set_when_opened = {"account_id", "capabilities"}

    promised = {name for name in vars(Exchange) if not name.startswith("_")}
    assert promised <= set(dir(opened)) | set_when_opened


def test_founding_only_is_refused_without_the_founding_dialect():
    with pytest.raises(ValidationError, match='founding_only needs api = "cents"'):
        Kalshi(founding_only=True)


def test_a_subaccount_is_refused_in_the_cents_dialect():
    with pytest.raises(ValidationError, match="knows no subaccounts"):
        Kalshi(api="cents", subaccount=1)


@pytest.mark.parametrize("mode", [Mode.PAPER, Mode.DEMO, Mode.LIVE])
def test_missing_keys_are_named_together_with_what_to_write(mode):
    with pytest.raises(ConfigError) as told:
        opening(Kalshi(), mode)

    assert [problem.split(":")[0] for problem in told.value.problems] == [
        "plugins.kalshi.key_id",
        "plugins.kalshi.private_key",
    ]
    assert '{ env = "KALSHI_KEY_ID" }' in told.value.problems[0]


def test_only_the_missing_key_is_named(key_file):
    with pytest.raises(ConfigError) as told:
        opening(Kalshi(private_key={"file": key_file}), Mode.LIVE)

    assert len(told.value.problems) == 1


def test_sandbox_mode_never_uses_the_users_own_key(key_file, monkeypatch):
    monkeypatch.setenv("KALSHI_KEY_ID", "key-1")
    plugin = Kalshi(key_id={"env": "KALSHI_KEY_ID"}, private_key={"file": key_file})

    with pytest.raises(ConfigError, match="sandbox mode needs the sandbox plugin"):
        opening(plugin, Mode.SANDBOX)


@pytest.mark.parametrize(
    ("mode", "hosts"),
    [
        (Mode.DEMO, {"external-api.demo.kalshi.co", "external-api-ws.demo.kalshi.co"}),
        (Mode.LIVE, {"external-api.kalshi.com", "external-api-ws.kalshi.com"}),
        (Mode.PAPER, {"external-api.kalshi.com", "external-api-ws.kalshi.com"}),
    ],
)
def test_the_mode_decides_which_hosts_are_asked(key_file, monkeypatch, mode, hosts):
    monkeypatch.setenv("KALSHI_KEY_ID", "key-1")
    plugin = Kalshi(key_id={"env": "KALSHI_KEY_ID"}, private_key={"file": key_file})

    connected = opening(plugin, mode)

    assert {host for host, _ in connected} == hosts
    assert {port for _, port in connected} == {443}


def test_supplied_credentials_come_before_the_settings(pem):
    supplied = Credentials(
        key_id="key-2",
        private_key=pem,
        rest_url="http://sandbox.invalid/trade-api/v2",
        stream_url="ws://sandbox.invalid/trade-api/ws/v2",
    )

    connected = opening(Kalshi(), Mode.SANDBOX, credentials=supplied)

    assert set(connected) == {("sandbox.invalid", 80)}


def test_a_demo_address_in_live_mode_is_refused_before_anything_is_signed(key_file, monkeypatch):
    monkeypatch.setenv("KALSHI_KEY_ID", "key-1")
    plugin = Kalshi(
        key_id={"env": "KALSHI_KEY_ID"},
        private_key={"file": key_file},
        rest_url="https://demo-api.kalshi.co/trade-api/v2",
    )

    with pytest.raises(ConfigError, match=r"plugins\.kalshi\.rest_url"):
        opening(plugin, Mode.LIVE)


def test_a_refused_key_stops_the_start_as_an_auth_error(pem):
    supplied = Credentials(
        key_id="key-2",
        private_key=pem,
        rest_url="http://sandbox.invalid/trade-api/v2",
        stream_url="ws://sandbox.invalid/trade-api/ws/v2",
    )

    with pytest.raises(AuthError):
        opening(Kalshi(), Mode.SANDBOX, credentials=supplied, answer=REFUSED)


def test_a_damaged_key_is_a_config_error(tmp_path, monkeypatch):
    monkeypatch.setenv("KALSHI_KEY_ID", "key-1")
    path = tmp_path / "key.pem"
    path.write_text("not a key")
    path.chmod(0o600)
    plugin = Kalshi(key_id={"env": "KALSHI_KEY_ID"}, private_key={"file": path})

    with pytest.raises(ConfigError, match="is no private key"):
        opening(plugin, Mode.LIVE)


@pytest.fixture
def own_key(monkeypatch, key_file):
    """A whole set of settings of one's own."""
    monkeypatch.setenv("KALSHI_KEY_ID", "key-1")
    return {"key_id": {"env": "KALSHI_KEY_ID"}, "private_key": {"file": key_file}}


def test_a_key_file_that_others_can_read_is_refused_with_the_command_to_run(own_key, key_file):
    key_file.chmod(0o644)

    with pytest.raises(ConfigError, match=f"chmod 600 {key_file}"):
        opening(Kalshi(**own_key), Mode.LIVE)


def test_a_key_file_that_is_not_there_is_named(own_key, key_file):
    key_file.unlink()

    with pytest.raises(ConfigError, match=f"{key_file}: can't read this key file"):
        opening(Kalshi(**own_key), Mode.LIVE)


def test_a_secret_that_can_not_be_read_is_named_by_its_setting(own_key, monkeypatch):
    monkeypatch.delenv("NOBODY_SET_THIS", raising=False)
    kalshi = Kalshi(**own_key, private_key_passphrase={"env": "NOBODY_SET_THIS"})

    with pytest.raises(ConfigError, match=r"plugins\.kalshi\.private_key_passphrase: environment"):
        opening(kalshi, Mode.LIVE)


def test_an_encrypted_key_is_opened_with_the_passphrase_of_the_settings(
    own_key, key_file, tmp_path
):
    key = Ed25519PrivateKey.generate()
    key_file.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"open up"))
    )
    word = tmp_path / "passphrase"
    word.write_text("open up\n")
    word.chmod(0o600)

    with pytest.raises(ConfigError, match="write private_key_passphrase"):
        opening(Kalshi(**own_key), Mode.LIVE)
    assert opening(Kalshi(**own_key, private_key_passphrase={"file": word}), Mode.LIVE)


def test_proxies_of_the_environment_are_named_and_not_used(own_key, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://me:password@proxy.example:3128")
    with structlog.testing.capture_logs() as logged:
        connected = opening(Kalshi(**own_key), Mode.LIVE)

    assert "proxy.example" not in {host for host, _ in connected}
    (line,) = [line for line in logged if "proxy" in line["event"]]
    assert line["variables"] == ["HTTPS_PROXY"]
    assert "password" not in str(line)


@pytest.mark.parametrize(("member", "step_e6"), [("direct", 100), ("non-direct", 10_000)])
def test_how_the_account_is_held_decides_what_fees_are_rounded_to(own_key, member, step_e6):
    async def main(clock):
        run = ClosedRun(clock, Mode.LIVE)
        async with Kalshi(**own_key, member=member).open_exchange(run) as exchange:
            return exchange.capabilities.balance_step_e6

    assert run_virtual(main) == step_e6


def test_an_error_inside_the_block_comes_out_as_itself(pem):
    supplied = Credentials(
        key_id="key-2",
        private_key=pem,
        rest_url="http://sandbox.invalid/trade-api/v2",
        stream_url="ws://sandbox.invalid/trade-api/ws/v2",
    )

    async def main(clock):
        run = ClosedRun(clock, Mode.SANDBOX, supplied)
        async with Kalshi().open_exchange(run):
            raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        run_virtual(main)


@pytest.mark.parametrize("number", [-1, 64])
def test_a_subaccount_out_of_range_is_refused(number):
    with pytest.raises(ValidationError):
        Kalshi(subaccount=number)


def test_settings_show_no_secret(monkeypatch):
    monkeypatch.setenv("KALSHI_KEY_ID", "key-1")

    assert "key-1" not in repr(Kalshi(key_id={"env": "KALSHI_KEY_ID"}))


@pytest.mark.parametrize(
    ("presign", "ahead"),
    [
        (None, {Mode.SANDBOX, Mode.DEMO}),
        (True, {Mode.SANDBOX, Mode.DEMO, Mode.LIVE, Mode.PAPER}),
        (False, set()),
    ],
)
def test_live_orders_are_signed_ahead_only_by_setting(presign, ahead):
    plugin = Kalshi(presign=presign)

    assert {mode for mode in Mode if plugin._presigns(mode)} == ahead


def test_a_key_id_that_no_header_may_carry_is_refused(pem):
    with pytest.raises(ConfigError, match="key_id: holds what no header may carry"):
        opening(Kalshi(), Mode.DEMO, credentials=Credentials(key_id="a\r\nX: y", private_key=pem))
