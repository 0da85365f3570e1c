"""`framework sandbox serve`: what it prints, whom it lets in, and how it ends."""

import json
import signal
import socket
import stat
import subprocess
import sys
import tomllib
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from pathlib import Path

import anyio
import httpx
import pytest
from click.testing import CliRunner

from framework.clock import wall_clock_us
from framework.plugin import Secret
from plugins.sandbox.auth import KeyPair
from plugins.sandbox.serve_command import sandbox

pytestmark = pytest.mark.slow  # starts whole programs

VERB = "from plugins.sandbox.serve_command import sandbox; sandbox(prog_name='framework sandbox')"


@contextmanager
def serving(project, folder, *options):
    """Run the verb as a user does; yield the process and its first line."""
    arguments = ["serve", "--port", "0", "--folder", str(folder), "--json", *options]
    with subprocess.Popen(
        [sys.executable, "-c", VERB, *arguments],
        cwd=project,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process, json.loads(process.stdout.readline())
        finally:
            process.kill()


def invoke(*arguments):
    return CliRunner().invoke(sandbox, ["serve", *arguments])


@pytest.mark.loopback
def test_it_serves_on_loopback_in_the_time_of_its_clients(project, tmp_path, sign):
    with serving(project, tmp_path) as (_, told):
        markets = httpx.get(f"{told['rest_url']}/markets").json()["markets"]
        stamp = str(wall_clock_us() // 1_000)
        path = "/trade-api/v2/portfolio/balance"
        pem = Path(told["private_key"]).read_bytes()
        headers = {
            "kalshi-access-key": told["key_id"],
            "kalshi-access-timestamp": stamp,
            "kalshi-access-signature": sign(pem, f"{stamp}GET{path}"),
        }
        balance = httpx.get(f"{told['rest_url']}/portfolio/balance", headers=headers)

    assert {market["status"] for market in markets} <= {"active", "initialized"}
    assert balance.json()["balance_dollars"] == "10000.0000"


@pytest.mark.loopback
def test_the_stream_speaks_on_loopback_too(project, tmp_path, open_door):
    with serving(project, tmp_path) as (_, told):
        url = httpx.URL(told["stream_url"])
        door = open_door()
        door.time.at_us = wall_clock_us()
        door.keys = KeyPair(
            key_id=told["key_id"],
            private_pem=Path(told["private_key"]).read_bytes(),
            public=door.keys.public,
        )

        async def first_reply():
            async with await anyio.connect_tcp(url.host, url.port) as stream:
                client = door.client(stream)
                await client.upgrade()
                await client.command("subscribe", channels=["trade"])
                return await client.frame()

        assert anyio.run(first_reply)["type"] == "subscribed"


@pytest.mark.loopback
def test_the_founding_documents_dialect_is_served_by_option(project, tmp_path):
    with (
        serving(project, tmp_path, "--api", "cents", "--pace", "60") as (_, told),
        httpx.Client(base_url=told["rest_url"]) as client,
    ):
        settings = tomllib.loads(told["settings"])["plugins"]["kalshi"]
        asked = (client.get("/markets?limit=1").json()["markets"] for _ in range(2_000))
        market = next(rows[0] for rows in asked if rows)  # the world's first one comes soon

    assert settings["api"] == "cents"
    assert isinstance(market["yes_bid"], int)


@pytest.mark.loopback
def test_it_does_wrong_what_it_is_told_to(project, tmp_path):
    faults = ("--fault", "clock_ahead=1h", "--fault", "redirected={market=1}")
    with serving(project, tmp_path, *faults) as (_, told):
        answer = httpx.get(f"{told['rest_url']}/markets")

    ahead = parsedate_to_datetime(answer.headers["date"]).timestamp() - wall_clock_us() / 1_000_000
    assert answer.status_code == 302
    assert answer.headers["location"] == "https://elsewhere.invalid/login"
    assert 3_590 < ahead < 3_610


@pytest.mark.loopback
def test_ctrl_c_ends_it_cleanly(project, tmp_path):
    with serving(project, tmp_path) as (process, _):
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)

    assert process.returncode == 130
    assert "Traceback" not in errors


@pytest.mark.loopback
def test_the_settings_it_prints_can_be_used(project, tmp_path):
    with serving(project, tmp_path, "--pace", "60") as (_, told):
        settings = tomllib.loads(told["settings"])["plugins"]["kalshi"]
        listed = httpx.get(f"{settings['rest_url']}/exchange/status").status_code

    assert listed == 200
    assert Secret(**settings["key_id"]).read().decode() == told["key_id"]
    assert Secret(**settings["private_key"]).read().startswith(b"-----BEGIN RSA")
    assert stat.S_IMODE(Path(told["private_key"]).stat().st_mode) == 0o600


@pytest.mark.loopback
def test_a_port_in_use_is_one_clear_error(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = invoke("--port", str(port), "--folder", str(tmp_path))

    assert result.exit_code == 2
    assert result.stderr == (
        f"sandbox serve: port {port} is in use: choose another with --port, or 0 for a free one\n"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--host", "0.0.0.0"], "can be reached from other machines"),
        (["--host", "example.com"], "must be an IP address"),
        (["--duration", "soon"], "--duration must be a duration"),
        (["--recording", "/nowhere/at/all"], "/nowhere/at/all"),
        (["--fault", "gaps"], "--fault gaps: write NAME=VALUE"),
        (["--fault", "gap=1"], "--fault gap: Extra inputs are not permitted"),
        (["--fault", "throttled={create=often}"], "--fault throttled"),
    ],
)
def test_wrong_arguments_are_one_clear_error(tmp_path, arguments, message):
    result = invoke("--port", "0", "--folder", str(tmp_path), *arguments)

    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.startswith("sandbox serve: ")


@pytest.mark.parametrize("arguments", [[], ["--port", "65536"], ["--port", "0", "--pace", "0"]])
def test_unusable_options_are_refused(arguments):
    assert invoke(*arguments).exit_code == 2


@pytest.mark.loopback
def test_the_key_pair_of_an_earlier_session_serves_again(project, tmp_path):
    with serving(project, tmp_path) as (_, first):
        pem = Path(first["private_key"]).read_bytes()
    with serving(project, tmp_path) as (_, second):
        told = (second["key_id"], Path(second["private_key"]).read_bytes())

    assert told == (first["key_id"], pem)


@pytest.mark.loopback
@pytest.mark.parametrize("name", ["key.pem", "key_id"])
def test_somebody_elses_key_is_never_overwritten(tmp_path, name):
    (tmp_path / name).write_text("the only copy of a key")
    result = invoke("--port", "0", "--folder", str(tmp_path))

    assert result.exit_code == 2
    assert result.stderr == (
        f"sandbox serve: --folder {tmp_path}: holds another key.pem or key_id, which would be "
        "lost: choose another folder\n"
    )
    assert (tmp_path / name).read_text() == "the only copy of a key"


@pytest.mark.loopback
def test_a_folder_that_cannot_be_written_is_one_clear_error(tmp_path):
    (tmp_path / "file").write_text("")
    result = invoke("--port", "0", "--folder", str(tmp_path / "file"))

    assert result.exit_code == 2
    assert "can't write key.pem" in result.stderr
