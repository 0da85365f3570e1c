import pytest

from plugins.kalshi.drift.schema import Schemas

ROOT = {
    "components": {
        "schemas": {
            "Price": {"type": "string", "description": "in dollars"},
            "Base": {"required": ["id"], "properties": {"id": {"type": "integer"}}},
            "Whole": {
                "allOf": [
                    {"$ref": "#/components/schemas/Base"},
                    {
                        "required": ["price"],
                        "properties": {"price": {"$ref": "#/components/schemas/Price"}},
                    },
                ]
            },
            "Circle": {"$ref": "#/components/schemas/Circle"},
            "a/b": {"type": "boolean"},
        }
    }
}
SCHEMAS = Schemas(ROOT)


def ref(name):
    return {"$ref": f"#/components/schemas/{name}"}


def test_follows_references_and_puts_parts_together():
    found = SCHEMAS.properties(ref("Whole"))

    assert {name: set(one.types) for name, one in found.items()} == {
        "id": {"integer"},
        "price": {"string"},
    }
    assert SCHEMAS.required(ref("Whole")) == {"id", "price"}


def test_words_beside_a_reference_add_to_it():
    assert SCHEMAS.follow({**ref("Price"), "deprecated": True})["deprecated"] is True
    assert SCHEMAS.follow({**ref("Price"), "deprecated": True})["type"] == "string"


def test_a_field_of_a_choice_is_required_only_when_every_form_requires_it():
    choice = {
        "oneOf": [
            {"required": ["a", "b"], "properties": {"a": {"type": "string"}, "b": {}}},
            {"required": ["a"], "properties": {"a": {"type": "integer"}}},
        ]
    }

    assert SCHEMAS.required(choice) == {"a"}
    assert SCHEMAS.properties(choice)["a"].types == {"string", "integer"}


def test_a_null_beside_a_form_does_not_make_its_fields_optional():
    assert SCHEMAS.required({"anyOf": [ref("Base"), {"type": "null"}]}) == {"id"}


def test_an_enumeration_is_open_when_one_form_does_not_list_its_values():
    listed = {
        "oneOf": [{"properties": {"x": {"enum": ["a"]}}}, {"properties": {"x": {"const": 1}}}]
    }
    opened = {"oneOf": [{"properties": {"x": {"enum": ["a"]}}}, {"properties": {"x": {}}}]}

    assert SCHEMAS.properties(listed)["x"].values == {"a", "1"}
    assert SCHEMAS.properties(opened)["x"].values is None


def test_a_slash_in_a_name_is_escaped_in_a_reference():
    assert SCHEMAS.follow(ref("a~1b"))["type"] == "boolean"


@pytest.mark.parametrize(
    ("reference", "what"),
    [
        ("#/components/schemas/Circle", "goes in a circle"),
        ("#/components/schemas/Nothing", "leads nowhere"),
        ("other.yaml#/Price", "leads out of the document"),
    ],
)
def test_a_reference_that_leads_nowhere_is_named(reference, what):
    with pytest.raises(ValueError, match=what):
        SCHEMAS.properties({"$ref": reference})
