import pytest

from framework.errors import ConfigError
from plugins.kalshi.drift.document import read_document

YAML = b"""
openapi: 3.0.0
info: {title: Trade API, version: 3.30.0}
paths:
  /trade-api/v2/markets:
    parameters:
      - $ref: '#/components/parameters/Cursor'
    get:
      parameters:
        - {name: limit, in: query, required: true, schema: {type: integer}}
        - {name: agent, in: header, schema: {type: string}}
      responses:
        400: {description: wrong}
        200:
          $ref: '#/components/responses/Markets'
components:
  parameters:
    Cursor: {name: cursor, in: query, schema: {type: string}}
  responses:
    Markets:
      content:
        application/json:
          schema: {$ref: '#/components/schemas/Markets'}
  schemas:
    Markets: {type: object, properties: {markets: {type: array}}}
"""
STREAM = b"""
asyncapi: 3.0.0
info: {title: Stream, version: 2.0.0}
channels:
  fill:
    messages:
      fill: {$ref: '#/components/messages/fill'}
      late:
        payload: {properties: {type: {const: late}}}
components:
  messages:
    fill: {payload: {$ref: '#/components/schemas/fill'}}
    ok: {payload: {properties: {type: {const: ok}, msg: {properties: {a: {}}}}}}
    okAgain: {payload: {properties: {type: {const: ok}, msg: {properties: {b: {}}}}}}
    subscribe: {payload: {properties: {cmd: {const: subscribe}}}}
  schemas:
    fill: {properties: {type: {type: string, const: fill}}}
"""


def test_reads_operations_from_yaml_whatever_stands_behind_references(save):
    document = read_document(save(YAML, "openapi.yaml"))

    found = document.operations["GET /markets"]
    assert set(found.parameters) == {"cursor", "limit"}
    assert found.needed == {"limit"}
    assert set(document.schemas.properties(found.reply)) == {"markets"}
    assert str(document) == "Trade API 3.30.0"


def test_reads_messages_by_type_and_commands_by_cmd(save):
    document = read_document(save(STREAM, "asyncapi.yaml"))

    assert set(document.messages) == {"fill", "ok", "late"}
    assert set(document.commands) == {"subscribe"}


def test_several_payloads_of_one_type_are_forms_of_one_message(save):
    document = read_document(save(STREAM, "asyncapi.yaml"))

    body = document.schemas.properties(document.messages["ok"])["msg"]
    assert set(document.schemas.properties(body.node)) == {"a", "b"}


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"{not json", "is neither JSON nor YAML"),
        (b"a: [1", "is neither JSON nor YAML"),
        (b"\xff\xfe\x00", "is neither JSON nor YAML"),
        (b"swagger: '2.0'\npaths: {}", "no key openapi or asyncapi"),
        (b"[1, 2]", "no key openapi or asyncapi"),
        (b"", "no key openapi or asyncapi"),
        (b"openapi: 3.0.0\npaths: [1]", "does not hang together"),
        (b"openapi: 3.0.0\npaths: {/a: {get: {parameters: [{$ref: '#/x'}]}}}", "leads nowhere"),
    ],
)
def test_a_file_that_is_no_description_is_refused_by_name(save, content, what):
    path = save(content)

    with pytest.raises(ConfigError, match=what) as refusal:
        read_document(path)

    assert str(path) in str(refusal.value)


def test_a_file_that_is_not_there_is_refused_by_name(tmp_path):
    with pytest.raises(ConfigError, match=r"nothing\.yaml: can't be read: No such file"):
        read_document(tmp_path / "nothing.yaml")
