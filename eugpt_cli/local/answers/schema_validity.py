"""Whether a JSON value is valid against a JSON Schema (draft 2020-12, references within the schema only).

Small on purpose, and apart from the client's check of the same answers. `format` is an annotation, as the draft has it;
what it does not understand (`unevaluated…`, `$dynamicRef`, remote references) is taken as fulfilled.
"""

import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote

Schema = Any
Rule = Callable[[Any, Any, Mapping[str, Any], Any], bool]
"""From (value, the keyword's value, the schema around it, the root) to whether the value fulfils it."""

DEEPEST = 40
"""Levels of references and nested values that are followed."""
LONGEST_TESTED = 200
"""The longest text, in characters, that a pattern is matched against."""


def valid(value: Any, schema: Schema, root: Schema, depth: int = 0) -> bool:
    """Whether the value is valid; a schema nested deeper than DEEPEST counts as fulfilled."""
    if isinstance(schema, bool) or depth > DEEPEST:
        return schema is not False
    if not isinstance(schema, dict):
        return True
    nested = _At(root, depth + 1)
    return all(rule(value, schema[word], schema, nested) for word, rule in _RULES.items() if word in schema)


def resolved(reference: Any, root: Schema) -> Schema:
    """The schema at a reference within the root (`#`, `#/$defs/x`, `#anchor`); True for one that is not found."""
    if not isinstance(reference, str) or not reference.startswith("#"):
        return True
    place = unquote(reference[1:])
    if place and not place.startswith("/"):
        return next((part for part in _parts(root) if part.get("$anchor") == place), True)
    found = root
    for step in (part.replace("~1", "/").replace("~0", "~") for part in place.split("/")[1:]):
        if isinstance(found, list) and step.isdigit() and int(step) < len(found):
            found = found[int(step)]
        elif isinstance(found, dict) and step in found:
            found = found[step]
        else:
            return True
    return found


def types_of(value: Any) -> set[str]:
    """The JSON Schema types of a value; a whole number has two."""
    if isinstance(value, bool):
        return {"boolean"}
    if isinstance(value, int) or (isinstance(value, float) and value.is_integer()):
        return {"integer", "number"}
    names = {str: "string", float: "number", list: "array", dict: "object", type(None): "null"}
    return {names[type(value)]}


def same(one: Any, other: Any) -> bool:
    """JSON's equality: 1 is 1.0 and not true."""
    return _canonical(one) == _canonical(other)


class _At:
    """The root, and how deep a rule is in it."""

    def __init__(self, root: Schema, depth: int) -> None:
        self._root, self._depth = root, depth

    def valid(self, value: Any, schema: Schema) -> bool:
        return valid(value, schema, self._root, self._depth)

    def resolved(self, reference: Any) -> Schema:
        return resolved(reference, self._root)


def _canonical(value: Any) -> str:
    return json.dumps(_whole(value), sort_keys=True)


def _whole(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_whole(entry) for entry in value]
    return {key: _whole(entry) for key, entry in value.items()} if isinstance(value, dict) else value


def _parts(schema: Schema) -> list[dict[str, Any]]:
    if isinstance(schema, list):
        return [part for entry in schema for part in _parts(entry)]
    return [schema, *(part for entry in schema.values() for part in _parts(entry))] if isinstance(schema, dict) else []


def matches(pattern: Any, text: str) -> bool:
    """Whether a text matches a pattern; a pattern that Python cannot compile matches."""
    try:
        return re.search(str(pattern), text[:LONGEST_TESTED]) is not None
    except (re.error, OverflowError, RecursionError):
        return True


def _multiple(value: Any, of: Any) -> bool:
    quotient = value / of if of else 0.0
    return math.isfinite(quotient) and abs(quotient - round(quotient)) < 1e-9


def _number(test: Callable[[Any, Any], bool]) -> Rule:
    return lambda value, said, _, __: "number" not in types_of(value) or test(value, said)


def _text(test: Callable[[str, Any], bool]) -> Rule:
    return lambda value, said, _, __: not isinstance(value, str) or test(value, said)


def _list(test: Callable[[list[Any], Any, Any, Any], bool]) -> Rule:
    return lambda value, said, schema, at: not isinstance(value, list) or test(value, said, schema, at)


def _object(test: Callable[[dict[str, Any], Any, Any, Any], bool]) -> Rule:
    return lambda value, said, schema, at: not isinstance(value, dict) or test(value, said, schema, at)


def _contains(value: list[Any], said: Any, schema: Any, at: Any) -> bool:
    count = sum(at.valid(entry, said) for entry in value)
    return bool(schema.get("minContains", 1) <= count <= schema.get("maxContains", len(value)))


def _additional(value: dict[str, Any], said: Any, schema: Any, at: Any) -> bool:
    known, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    rest = [name for name in value if name not in known and not any(matches(pattern, name) for pattern in patterns)]
    return all(at.valid(value[name], said) for name in rest)


def _branch(value: Any, said: Any, schema: Any, at: Any) -> bool:
    return bool(at.valid(value, schema.get("then" if at.valid(value, said) else "else", True)))


_RULES: dict[str, Rule] = {
    "$ref": lambda v, said, _, at: at.valid(v, at.resolved(said)),
    "type": lambda v, said, _, __: bool(types_of(v) & set(said if isinstance(said, list) else [said])),
    "const": lambda v, said, _, __: same(v, said),
    "enum": lambda v, said, _, __: any(same(v, one) for one in said),
    "allOf": lambda v, said, _, at: all(at.valid(v, one) for one in said),
    "anyOf": lambda v, said, _, at: any(at.valid(v, one) for one in said),
    "oneOf": lambda v, said, _, at: sum(at.valid(v, one) for one in said) == 1,
    "not": lambda v, said, _, at: not at.valid(v, said),
    "if": _branch,
    "minimum": _number(lambda v, said: v >= said),
    "maximum": _number(lambda v, said: v <= said),
    "exclusiveMinimum": _number(lambda v, said: v > said),
    "exclusiveMaximum": _number(lambda v, said: v < said),
    "multipleOf": _number(_multiple),
    "minLength": _text(lambda v, said: len(v) >= said),
    "maxLength": _text(lambda v, said: len(v) <= said),
    "pattern": _text(lambda v, said: matches(said, v)),
    "minItems": _list(lambda v, said, _, __: len(v) >= said),
    "maxItems": _list(lambda v, said, _, __: len(v) <= said),
    "uniqueItems": _list(lambda v, said, _, __: not said or len(set(map(_canonical, v))) == len(v)),
    "prefixItems": _list(lambda v, said, _, at: all(at.valid(*pair) for pair in zip(v, said, strict=False))),
    "items": _list(lambda v, said, s, at: all(at.valid(one, said) for one in v[len(s.get("prefixItems", ())) :])),
    "contains": _list(_contains),
    "required": _object(lambda v, said, _, __: all(name in v for name in said)),
    "minProperties": _object(lambda v, said, _, __: len(v) >= said),
    "maxProperties": _object(lambda v, said, _, __: len(v) <= said),
    "propertyNames": _object(lambda v, said, _, at: all(at.valid(name, said) for name in v)),
    "properties": _object(lambda v, said, _, at: all(at.valid(v[n], one) for n, one in said.items() if n in v)),
    "patternProperties": _object(
        lambda v, said, _, at: all(at.valid(v[n], one) for p, one in said.items() for n in v if matches(p, n))
    ),
    "additionalProperties": _object(_additional),
    "dependentRequired": _object(
        lambda v, said, _, __: all(set(needs) <= set(v) for n, needs in said.items() if n in v)
    ),
    "dependentSchemas": _object(lambda v, said, _, at: all(at.valid(v, one) for n, one in said.items() if n in v)),
}
