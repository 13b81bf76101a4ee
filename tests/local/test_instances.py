"""A request with a JSON Schema is answered with an instance of it: valid first, and filled from the text."""

import json
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eugpt_cli.local.answers.instances import MARKER, instance, schema_in
from eugpt_cli.local.answers.schema_validity import valid

from .conftest import Server, Start
from .test_scenario import scripted

MAIL = """Dear Sir or Madam,

please find our invoice number: INV-2024-17 of 2024-05-03. The customer is ACME Ltd, Paris.
The total is 1,340.50 euros, currency: EUR. Paid: no. Contact: billing@acme.example.
Items: pump, hose and valve. Quantity: 3
"""
INVOICE = {
    "type": "object",
    "properties": {
        "invoice": {"type": "string"},
        "date": {"type": "string", "format": "date"},
        "customer": {"type": "string"},
        "total": {"type": "number", "minimum": 0},
        "currency": {"enum": ["USD", "EUR", "GBP"]},
        "paid": {"type": "boolean"},
        "contact": {"type": "string", "format": "email"},
        "items": {"type": "array", "items": {"type": "string"}},
        "quantity": {"type": "integer"},
        "discount": {"type": "number"},
    },
    "required": ["invoice", "total", "currency", "paid"],
    "additionalProperties": False,
}
FILLED = {
    "invoice": "INV-2024-17",
    "date": "2024-05-03",
    "customer": "ACME Ltd",
    "total": 1340.5,
    "currency": "EUR",
    "paid": False,
    "contact": "billing@acme.example",
    "items": ["pump", "hose", "valve"],
    "quantity": 3,
}


def instructions(schema: Any) -> str:
    """What a client adds to its instructions."""
    return f"Be exact.\n\n{MARKER}\n{json.dumps(schema, separators=(',', ':'))}"


def test_it_is_filled_from_the_text() -> None:
    assert json.loads(instance(INVOICE, MAIL)) == FILLED


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("Invoice number A-7, total 12.5", "A-7"),
        ("Invoice number #2026/114. The total is 12.5", "2026/114"),
        ("The number of pages was small; the total is 12.5", "pages was small"),
        ("Numbers matter here: total 12.5", ""),
    ],
)
def test_a_code_may_follow_a_name_at_once(text: str, number: str) -> None:
    schema = {"properties": {"number": {"type": "string"}, "total": {"type": "number"}}, "required": ["number"]}
    assert json.loads(instance(schema, text)) == {"number": number, "total": 12.5}


def test_it_is_the_least_valid_one_where_the_text_says_nothing() -> None:
    least = json.loads(instance(INVOICE, "Hello."))
    assert least == {"invoice": "", "total": 0, "currency": "USD", "paid": False}


@pytest.mark.parametrize("stream", [False, True])
def test_the_server_answers_with_it(server: Server, stream: bool) -> None:
    body = {"input": f'Which invoice?\n\n<file name="m.txt">\n{MAIL}\n</file>', "instructions": instructions(INVOICE)}
    document = server.events(body)[-1]["response"] if stream else server.post(body).json()
    text = document["output_text"]
    assert "\n" not in text
    assert json.loads(text) == FILLED


def test_a_table_with_text_wins(start: Start, tmp_path: Path) -> None:
    server = scripted(start, tmp_path, '[[request]]\ntext = "no JSON"\n')
    assert server.ask("x", instructions=instructions(INVOICE))["output_text"] == "no JSON"
    assert json.loads(server.ask("x", instructions=instructions({"type": "array"}))["output_text"]) == []


TREE = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "children": {"type": "array", "items": {"$ref": "#"}, "minItems": 0}},
    "required": ["name", "children"],
}
SCHEMAS: list[Any] = [
    {},
    {"type": "integer", "minimum": 5, "maximum": 9, "multipleOf": 4},
    {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
    {"type": "number", "maximum": -3.5},
    {"type": ["null", "string"], "minLength": 3},
    {"type": "string", "pattern": r"^[A-Z]{2}\d{2,4}-(?:a|b)+$"},
    {"type": "string", "pattern": r"^\+?[1-9]\d{6,14}$", "minLength": 10},
    {"type": "string", "pattern": "b$", "minLength": 5, "maxLength": 6},
    {"type": "string", "format": "uuid"},
    {"type": "array", "minItems": 3, "uniqueItems": True, "items": {"type": "string", "minLength": 2}},
    {"type": "array", "minItems": 3, "uniqueItems": True, "items": {"enum": [1, "a", None, 2]}},
    {"type": "array", "prefixItems": [{"const": "x"}, {"type": "integer"}], "items": False, "minItems": 2},
    {"type": "array", "contains": {"const": 7}, "minContains": 2, "items": {"type": "integer"}},
    {"anyOf": [{"type": "string", "maxLength": 0, "minLength": 1}, {"type": "boolean"}]},
    {"oneOf": [{"type": "integer"}, {"type": "number", "minimum": 2}]},
    {"allOf": [{"required": ["a"]}, {"properties": {"a": {"type": "integer", "minimum": 3}}}], "type": "object"},
    {"not": {"type": "string"}},
    {"type": "object", "minProperties": 2, "additionalProperties": {"type": "integer"}},
    {"type": "object", "required": ["x-1"], "patternProperties": {"^x-": {"type": "boolean"}}},
    {
        "type": "object",
        "properties": {"kind": {"enum": ["a", "b"]}},
        "required": ["kind"],
        "if": {"properties": {"kind": {"const": "a"}}},
        "then": {"required": ["size"]},
    },
    {"type": "object", "required": ["a"], "dependentRequired": {"a": ["b"]}},
    {
        "$ref": "#/$defs/a~1b",
        "$defs": {"a/b": {"type": "object", "required": ["n"], "properties": {"n": {"const": 1}}}},
    },
    TREE,
    {"$defs": {"node": {"$anchor": "node", "type": "integer", "minimum": 2}}, "$ref": "#node"},
    {"type": "object", "properties": {"a": False, "b": True}, "required": ["b"]},
    INVOICE,
]


@pytest.mark.parametrize("schema", SCHEMAS, ids=[json.dumps(schema)[:40] for schema in SCHEMAS])
@pytest.mark.parametrize("text", ["", MAIL, "kind: b\nn = 4\nname: 17"])
def test_it_is_valid_whatever_the_schema(schema: Any, text: str) -> None:
    value = json.loads(instance(schema, text))
    jsonschema.Draft202012Validator(schema).validate(value)


def schema_of(value: Any, draw: Any) -> dict[str, Any]:
    """A schema that a value is valid against."""
    if draw(st.integers(0, 5)) == 0:
        return {"enum": [value, "other"]}
    if isinstance(value, bool) or value is None:
        return {"type": "boolean" if isinstance(value, bool) else "null"}
    if isinstance(value, int):
        return {
            "type": "integer",
            "minimum": value - draw(st.integers(0, 3)),
            "maximum": value + draw(st.integers(0, 3)),
        }
    if isinstance(value, str):
        return {"type": "string", "minLength": len(value), "maxLength": len(value) + draw(st.integers(0, 2))}
    if isinstance(value, list):
        kinds = [schema_of(entry, draw) for entry in value]
        return {"type": "array", "minItems": len(value), "items": {"anyOf": kinds} if kinds else True}
    properties = {name: schema_of(entry, draw) for name, entry in value.items()}
    return {
        "type": "object",
        "properties": properties,
        "required": [name for name in value if draw(st.booleans())],
        "additionalProperties": draw(st.booleans()),
        "minProperties": draw(st.integers(0, len(value))),
    }


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-50, 50) | st.text("ab: 1", max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcd"), inner, max_size=3),
    max_leaves=8,
)


@given(VALUES, VALUES, st.text("abcd:= 12,.\n", max_size=60), st.data())
@settings(max_examples=300)
def test_it_is_valid_for_any_schema_that_some_value_fulfils(value: Any, other: Any, text: str, data: Any) -> None:
    schema = schema_of(value, data.draw)
    validator = jsonschema.Draft202012Validator(schema)
    validator.validate(json.loads(instance(schema, text)))
    assert valid(other, schema, schema) == validator.is_valid(other), "the small check agrees with the library"


HOSTILE = [
    {"$ref": "#"},
    {"allOf": [{"$ref": "#"}]},
    {"anyOf": [{"anyOf": [{"type": "integer"}] * 9}] * 9},
    {"type": "array", "minItems": 10**9},
    {"type": "string", "minLength": 10**6},
    {"type": "string", "pattern": "^(a+)+$"},
    {"type": "string", "pattern": "(", "format": 7},
    {"type": "number", "multipleOf": 0},
    {"type": 7, "required": 3, "properties": []},
    {"type": "object", "required": ["self"], "properties": {"self": {"$ref": "#"}}},
]


@pytest.mark.parametrize("schema", HOSTILE, ids=[json.dumps(schema)[:40] for schema in HOSTILE])
def test_a_hostile_schema_ends_soon(server: Server, schema: Any) -> None:
    answer = server.post({"input": "value: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", "instructions": instructions(schema)})
    assert answer.status_code == 200
    json.loads(answer.json()["output_text"])


def test_only_the_marker_counts() -> None:
    assert schema_in("Answer in JSON: {}") is None
    assert schema_in(f"{MARKER}\nnot json") is None
    assert schema_in(f'{MARKER}\n{{}}\n{MARKER}\n{{"type":"null"}}\nThank you.') == {"type": "null"}
