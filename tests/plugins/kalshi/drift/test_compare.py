import pytest

from framework.checks import Level
from plugins.kalshi.drift.compare import compared
from plugins.kalshi.drift.contract import contract
from plugins.kalshi.drift.document import Document

MARKETS = "/markets"
ORDERS = "/portfolio/events/orders"


def findings(root):
    kind = "openapi" if "openapi" in root else "asyncapi"
    return [(one.level, one.what) for one in compared(Document(root, kind), contract())]


def market(rest):
    """Return the schema of a market in the reply to GET /markets."""
    body = rest["paths"][MARKETS]["get"]["responses"]["200"]["content"]["application/json"]
    return body["schema"]["properties"]["markets"]["items"]


def create(rest):
    return rest["paths"][ORDERS]["post"]["requestBody"]["content"]["application/json"]["schema"]


def body_of(stream, kind):
    return stream["components"]["messages"][kind]["payload"]["properties"]["msg"]


def params_of(stream, command):
    return stream["components"]["messages"][f"{command}_command"]["payload"]["properties"]["params"]


@pytest.mark.parametrize("name", ["rest", "stream"])
def test_a_document_that_says_what_we_do_gives_one_ok(name, request):
    [(level, _)] = findings(request.getfixturevalue(name))

    assert level is Level.OK


def test_names_a_field_that_we_need_and_that_went(rest):
    del market(rest)["properties"]["ticker"]

    assert findings(rest) == [
        (Level.PROBLEM, "GET /markets markets[]: the field ticker that we read is gone")
    ]


def test_a_field_that_we_can_do_without_is_a_warning(rest):
    del market(rest)["properties"]["volume_fp"]

    assert findings(rest) == [
        (Level.WARNING, "GET /markets markets[]: the field volume_fp that we read is gone")
    ]


def test_a_new_field_is_a_note_and_a_documented_one_nothing(rest):
    market(rest)["properties"]["aura"] = {"type": "string"}
    market(rest)["properties"]["rules_primary"] = {"type": "string"}

    assert findings(rest) == [(Level.NOTE, "GET /markets markets[]: the field aura is new")]


def test_a_field_of_another_type_is_a_problem(rest):
    market(rest)["properties"]["volume_fp"]["type"] = "integer"

    [(level, what)] = findings(rest)
    assert level is Level.PROBLEM
    assert "volume_fp is integer now; we read null or string" in what


def test_a_field_that_may_have_another_type_is_a_warning(rest):
    market(rest)["properties"]["ticker"] = {"type": "string", "nullable": True}

    [(level, what)] = findings(rest)
    assert level is Level.WARNING
    assert "ticker may be null; we read string" in what


def test_a_field_that_we_need_and_that_may_be_absent_is_a_warning(rest):
    market(rest)["required"].remove("status")

    [(level, what)] = findings(rest)
    assert level is Level.WARNING
    assert "status that we need may be absent" in what


def test_a_struct_within_a_struct_is_compared_too(rest):
    del market(rest)["properties"]["price_ranges"]["items"]["properties"]["step"]

    [(level, what)] = findings(rest)
    assert level is Level.PROBLEM
    assert what == ("GET /markets markets[] price_ranges: the field step that we read is gone")


def test_a_new_value_of_a_known_enumeration_is_a_note(rest):
    market(rest)["properties"]["status"]["enum"] = ["active", "frozen"]

    assert findings(rest) == [
        (Level.NOTE, "GET /markets markets[]: status may be frozen, which is new")
    ]


def test_an_operation_that_went_is_a_problem(rest):
    del rest["paths"]["/portfolio/fills"]

    assert findings(rest) == [(Level.PROBLEM, "GET /portfolio/fills: is gone")]


def test_the_names_of_parameters_in_a_path_do_not_matter(rest):
    paths = rest["paths"]
    paths["/trade-api/v2/markets/{market_ticker}"] = paths.pop("/markets/{ticker}")

    [(level, _)] = findings(rest)
    assert level is Level.OK


def test_a_deprecated_operation_is_a_warning(rest):
    rest["paths"]["/series"]["get"]["deprecated"] = True

    assert findings(rest) == [(Level.WARNING, "GET /series: is deprecated")]


def test_a_parameter_that_must_be_sent_now_is_a_problem(rest):
    one = {"name": "region", "in": "query", "required": True, "schema": {"type": "string"}}
    rest["paths"]["/portfolio/balance"]["get"]["parameters"].append(one)

    assert findings(rest) == [
        (
            Level.PROBLEM,
            "GET /portfolio/balance: the parameter region must be sent now, and we don't",
        )
    ]


def test_what_is_read_besides_of_one_reply_is_compared_too(rest):
    body = rest["paths"]["/portfolio/positions"]["get"]["responses"]["200"]["content"]
    rows = body["application/json"]["schema"]["properties"]["event_positions"]["items"]
    del rows["properties"]["total_cost_dollars"]

    where = "GET /portfolio/positions event_positions[]"
    assert findings(rest) == [
        (Level.PROBLEM, f"{where}: the field total_cost_dollars that we read is gone")
    ]


def test_a_list_within_a_list_is_looked_into(rest):
    path = "/series/{series_ticker}/events/{event_ticker}/candlesticks"
    body = rest["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    del body["properties"]["market_candlesticks"]["items"]["items"]["properties"]["end_period_ts"]

    where = f"GET {path} market_candlesticks[][]"
    assert findings(rest) == [
        (Level.PROBLEM, f"{where}: the field end_period_ts that we read is gone")
    ]


def test_a_parameter_that_went_is_a_warning(rest):
    asked = rest["paths"][MARKETS]["get"]["parameters"]
    asked[:] = [one for one in asked if one["name"] != "mve_filter"]

    assert findings(rest) == [
        (Level.WARNING, "GET /markets: the parameter mve_filter that we send is gone")
    ]


def test_a_field_of_an_order_that_went_is_a_problem(rest):
    del create(rest)["properties"]["price"]

    assert findings(rest) == [
        (Level.PROBLEM, f"POST {ORDERS}: the field price that we write is gone")
    ]


def test_a_field_that_an_order_must_have_now_is_a_problem(rest):
    create(rest)["properties"]["purpose"] = {"type": "string"}
    create(rest)["required"] = ["purpose", "ticker"]

    assert findings(rest) == [
        (Level.PROBLEM, f"POST {ORDERS}: the field purpose must be written now, and we don't")
    ]


def test_a_value_that_an_order_may_not_have_any_more_is_a_problem(rest):
    create(rest)["properties"]["time_in_force"]["enum"].remove("fill_or_kill")

    assert findings(rest) == [
        (Level.PROBLEM, f"POST {ORDERS}: time_in_force may no longer be fill_or_kill")
    ]


def test_a_message_that_went_is_a_problem(stream):
    del stream["components"]["messages"]["fill"]

    assert findings(stream) == [(Level.PROBLEM, "message fill: is gone")]


def test_a_renamed_field_of_a_message_is_a_problem_and_a_note(stream):
    fields = body_of(stream, "orderbook_delta")["properties"]
    fields["amount_fp"] = fields.pop("delta_fp")

    assert findings(stream) == [
        (Level.PROBLEM, "message orderbook_delta: the field delta_fp that we read is gone"),
        (Level.NOTE, "message orderbook_delta: the field amount_fp is new"),
    ]


def test_a_channel_that_went_is_a_problem(stream):
    params_of(stream, "subscribe")["properties"]["channels"] = {
        "type": "array",
        "items": {"enum": ["orderbook_delta", "ticker", "trade", "fill", "market_lifecycle_v2"]},
    }

    assert findings(stream) == [
        (Level.PROBLEM, "command subscribe: channels may no longer be user_orders")
    ]


def test_a_command_that_went_is_a_problem(stream):
    del stream["components"]["messages"]["unsubscribe_command"]

    assert findings(stream) == [(Level.PROBLEM, "command unsubscribe: is gone")]
