"""An instance of the JSON Schema in a request: values from its text, otherwise the smallest valid ones.

A value is taken from the text where a property's name stands near one that fits. For each schema candidates are tried,
the likeliest first, until one is valid; where none is, the first one is the answer all the same.
"""

import itertools
import json
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from eugpt_cli.local.answers.near_name import lists_near, numbers_near, texts_near, truths_near
from eugpt_cli.local.answers.pattern_example import example
from eugpt_cli.local.answers.schema_validity import Schema, matches, resolved, same, valid

MARKER = "Answer with one JSON value that is valid against this JSON Schema, and nothing else:"
"""The line of the instructions after which the schema stands."""

MOST_TRIED = 60
"""Candidates for one schema."""
DEEPEST = 12
"""Levels to which optional parts are filled."""
_TYPES = ("object", "array", "string", "number", "boolean", "null")
_LEAST_OF_FORMAT = {
    "date": "1970-01-01",
    "date-time": "1970-01-01T00:00:00Z",
    "time": "00:00:00Z",
    "duration": "PT0S",
    "email": "nobody@example.com",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-0000-0000-000000000000",
    "ipv4": "127.0.0.1",
    "ipv6": "::1",
    "hostname": "example.com",
}


def schema_in(instructions: str) -> Schema | None:
    """The schema after the marker in the instructions; None without one."""
    _, found, after = instructions.rpartition(MARKER)
    if not found:
        return None
    try:
        schema, _ = json.JSONDecoder().raw_decode(after.lstrip())
    except (ValueError, RecursionError):
        return None
    return schema if isinstance(schema, dict) else None


def instance(schema: Schema, text: str) -> str:
    """An instance as JSON in one line."""
    try:
        value = _Maker(schema, text).make(schema, "", 0)
        return json.dumps(value, ensure_ascii=False)
    except (RecursionError, ArithmeticError, TypeError, AttributeError, ValueError):
        return "{}"  # no schema that anybody means


class _Maker:
    """Makes values for the parts of one schema from one text."""

    def __init__(self, root: Schema, text: str) -> None:
        self._root = root
        self._text = text

    def make(self, schema: Schema, name: str, depth: int) -> Any:
        """The first valid candidate for a schema under a property's name."""
        tried = itertools.islice(self._candidates(schema, name, depth), MOST_TRIED)
        first = next(tried, None)
        return next((value for value in itertools.chain([first], tried) if valid(value, schema, self._root)), first)

    def _candidates(self, schema: Schema, name: str, depth: int) -> Iterator[Any]:
        if not isinstance(schema, dict):
            yield from texts_near(name, self._text, None)
            yield None
            return
        wholes = itertools.islice(self._alternatives(schema, depth), MOST_TRIED)
        yield from _in_turn([self._of_whole(whole, name, depth) for whole in wholes])

    def _of_whole(self, whole: Mapping[str, Any], name: str, depth: int) -> Iterator[Any]:
        if "const" in whole:
            yield whole["const"]
        elif "enum" in whole:
            yield from sorted(whole["enum"], key=lambda value: not self._mentions(name, value))
        else:
            yield from self._of_types(whole, name, depth)

    def _alternatives(self, schema: Mapping[str, Any], depth: int) -> Iterator[dict[str, Any]]:
        """The schema with its references, `allOf`, and each choice of its branches merged into it."""
        merged = dict(schema)
        for _ in range(DEEPEST):
            parts = [resolved(merged.pop("$ref"), self._root)] if "$ref" in merged else merged.pop("allOf", [])
            if not parts:
                break
            for part in parts:
                merged = _merged(merged, part)
        branches: list[list[Schema]] = [merged.pop(word) for word in ("anyOf", "oneOf") if merged.get(word)]
        if "if" in merged and depth <= DEEPEST:
            then = {"allOf": [merged["if"], merged.get("then", True)]}
            branches.append([{}, then, merged.get("else", True)])
        if not branches:
            yield merged
            return
        for choice in itertools.product(*branches):
            whole = {word: said for word, said in merged.items() if word not in ("if", "then", "else")}
            for branch in choice:
                whole = _merged(whole, branch)
            yield from self._alternatives(whole, depth + 1) if depth <= DEEPEST else [whole]

    def _of_types(self, schema: Mapping[str, Any], name: str, depth: int) -> Iterator[Any]:
        said = schema.get("type", _implied(schema))
        makers: dict[str, Callable[[Mapping[str, Any], str, int], Iterator[Any]]] = {
            "object": self._objects,
            "array": self._arrays,
            "string": self._strings,
            "number": self._numbers,
            "integer": self._numbers,
            "boolean": self._booleans,
            "null": lambda *_: iter([None]),
        }
        yield from _in_turn([makers[kind](schema, name, depth) for kind in ([said] if isinstance(said, str) else said)])

    def _objects(self, schema: Mapping[str, Any], _: str, depth: int) -> Iterator[Any]:
        known = {name: part for name, part in schema.get("properties", {}).items() if part is not False}
        required = [*schema.get("required", ())]
        needed = {name: self._property(schema, name) for name in required}
        told = [name for name in known if name not in needed and depth < DEEPEST and self._tells(known[name], name)]
        fewest = schema.get("minProperties", 0)
        extra = [name for name in [*known, *(f"x{n}" for n in range(fewest))] if name not in needed]
        choices = [told, [], extra[: max(fewest - len(needed), 0)], [*known]]
        choices += [[name] for name in known if name not in needed]
        for names in choices:
            wanted = {**needed, **{name: self._property(schema, name) for name in names}}
            for trigger, needs in schema.get("dependentRequired", {}).items():
                if trigger in wanted:
                    wanted |= {name: self._property(schema, name) for name in needs}
            yield {name: self.make(part, name, depth + 1) for name, part in wanted.items()}

    def _property(self, schema: Mapping[str, Any], name: str) -> Schema:
        parts = [schema["properties"][name]] if name in schema.get("properties", {}) else []
        parts += [part for pattern, part in schema.get("patternProperties", {}).items() if matches(pattern, name)]
        if not parts:
            return schema.get("additionalProperties", True)
        return parts[0] if len(parts) == 1 else {"allOf": parts}

    def _tells(self, schema: Schema, name: str) -> bool:
        """Whether the text says something about an optional property."""
        if not isinstance(schema, dict):
            return False
        first = next(self._alternatives(schema, 0), {})
        kind = first.get("type", _implied(first))
        kinds = [kind] if isinstance(kind, str) else kind
        if "enum" in first:
            return any(self._mentions(name, value) for value in first["enum"])
        found: dict[str, Callable[[], Iterator[Any]]] = {
            "string": lambda: texts_near(name, self._text, first.get("format")),
            "number": lambda: numbers_near(name, self._text),
            "integer": lambda: (number for number in numbers_near(name, self._text) if isinstance(number, int)),
            "boolean": lambda: truths_near(name, self._text),
            "array": lambda: lists_near(name, self._text),
        }
        return any(kind in found and next(found[kind](), None) is not None for kind in kinds)

    def _arrays(self, schema: Mapping[str, Any], name: str, depth: int) -> Iterator[Any]:
        prefix, items = schema.get("prefixItems", []), schema.get("items", True)
        head = [self.make(part, name, depth + 1) for part in prefix]
        for entries in lists_near(name, self._text) if not prefix else ():
            listed = [self._entry(items, entry) for entry in entries[: schema.get("maxItems", len(entries))]]
            if all(fits for fits, _ in listed):
                yield [value for _, value in listed]
        fewest = max(schema.get("minItems", 0), schema.get("minContains", 1) if "contains" in schema else 0)
        kinds = [part for part in (schema.get("contains"), items) if part is not None]
        if fewest <= len(head):
            yield head[:fewest]
            yield head
        for kind in kinds if fewest else ():
            part = _merged(items, kind) if isinstance(items, dict) and kind is not items else kind
            distinct = self._distinct(part, name, depth, min(fewest, 1000))
            for filled in (distinct, [self.make(part, name, depth + 1)] * min(fewest, 1000)):
                rest = max(fewest - len(head), 0)
                yield [*head[: max(fewest, len(head) if rest else fewest)], *filled[:rest]]
                yield [*head, *filled[:rest]]

    def _entry(self, items: Schema, entry: str) -> tuple[bool, Any]:
        numbers = [*numbers_near("value", f"value {entry}")]
        for value in (*numbers, entry):
            if valid(value, items, self._root) and (items is not True or value == entry):
                return True, value
        return False, None

    def _distinct(self, schema: Schema, name: str, depth: int, count: int) -> list[Any]:
        found: list[Any] = []
        for value in itertools.islice(self._candidates(schema, name, depth + 1), count + MOST_TRIED):
            if len(found) == count:
                break
            if valid(value, schema, self._root) and not any(same(value, other) for other in found):
                found.append(value)
        return found

    def _strings(self, schema: Mapping[str, Any], name: str, _: int) -> Iterator[Any]:
        least, most = schema.get("minLength", 0), schema.get("maxLength", math.inf)
        form, pattern = schema.get("format"), schema.get("pattern")
        for text in texts_near(name, self._text, form):
            if least <= len(text) <= most and (pattern is None or len(text) <= 20):
                yield text
        if pattern is not None:
            examples = (example(pattern, more) for more in (0, 1, 2, 5, least))
            yield from (found for found in examples if found is not None)
        if form in _LEAST_OF_FORMAT:
            yield _LEAST_OF_FORMAT[form]
        yield from ("x" * max(least - len(tail), 0) + tail for tail in ("", *"abcdefghijklmnopqrstuvwxyz"))
        yield from (f"{number:0{least}}" for number in itertools.count())

    def _numbers(self, schema: Mapping[str, Any], name: str, _: int) -> Iterator[Any]:
        yield from numbers_near(name, self._text)
        low = max(schema.get("minimum", -math.inf), schema.get("exclusiveMinimum", -math.inf))
        high = min(schema.get("maximum", math.inf), schema.get("exclusiveMaximum", math.inf))
        step = schema.get("multipleOf", 1)
        yield 0
        start = low if math.isfinite(low) else high if math.isfinite(high) else 0
        base = math.floor(start / step)
        for n in range(-2, 40):
            number = (base - n if start == high else base + n) * step
            yield int(number) if float(number).is_integer() else number
        if math.isfinite(low) and math.isfinite(high):
            yield from (low + (high - low) / 2, low, high)
        yield from (start + shift for shift in (0.5, -0.5, 1e-9, -1e-9))

    def _booleans(self, _: Mapping[str, Any], name: str, __: int) -> Iterator[Any]:
        yield from truths_near(name, self._text)
        yield from (False, True)

    def _mentions(self, name: str, value: Any) -> bool:
        """Whether an allowed value is found near the name, or anywhere if it is a word."""
        if isinstance(value, str):
            return bool(value) and value.lower() in self._text.lower()
        return any(same(number, value) for number in numbers_near(name, self._text))


def _in_turn(streams: list[Iterator[Any]]) -> Iterator[Any]:
    """Takes from the streams in turn, so that an endless one does not starve the others."""
    while streams:
        for stream in [*streams]:
            try:
                yield next(stream)
            except StopIteration:
                streams.remove(stream)


def _implied(schema: Mapping[str, Any]) -> str | tuple[str, ...]:
    """The type that the keywords of a schema without `type` imply."""
    if schema.keys() & {"properties", "required", "minProperties", "patternProperties", "dependentRequired"}:
        return "object"
    if schema.keys() & {"items", "prefixItems", "minItems", "contains"}:
        return "array"
    if schema.keys() & {"minimum", "maximum", "multipleOf", "exclusiveMinimum", "exclusiveMaximum"}:
        return "number"
    if schema.keys() & {"pattern", "minLength", "format"}:
        return "string"
    return ("string", *(kind for kind in _TYPES if kind != "string"))


def _merged(one: Mapping[str, Any], other: Schema) -> dict[str, Any]:
    """Both schemas in one, as far as that is possible; the validity check decides."""
    if not isinstance(other, dict):
        return dict(one)
    merged = {**other, **one}
    for word in one.keys() & other.keys():
        merged[word] = _both(word, one[word], other[word])
    return merged


def _both(word: str, one: Any, other: Any) -> Any:
    if word in ("properties", "patternProperties", "$defs"):
        shared = {name: {"allOf": [one[name], other[name]]} for name in one.keys() & other.keys()}
        return {**other, **one, **shared}
    if word in ("required", "allOf"):
        return [*one, *(entry for entry in other if entry not in one)]
    if word.startswith(("min", "exclusiveMin")):
        return max(one, other)
    if word.startswith(("max", "exclusiveMax")):
        return min(one, other)
    if word == "enum":
        return [value for value in one if any(same(value, also) for also in other)]
    if word == "type":
        kinds = [one] if isinstance(one, str) else one
        also = [other] if isinstance(other, str) else other
        return [kind for kind in kinds if kind in also or (kind == "integer" and "number" in also)] or one
    return one
