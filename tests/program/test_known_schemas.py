"""Schemas that are in use elsewhere, with instances that they take and that they do not.

Those of the OpenAI SDK are what pydantic makes of its models, the dialects are JSON Schema's own, the files of other
projects come with check-jsonschema; JSON Feed's is cut down from its specification.
"""

import importlib.resources
import json
from pathlib import Path
from typing import Any, NamedTuple

import openai.types.responses as sdk
import pytest
from pydantic import TypeAdapter

from tests.support.batches import rows
from tests.support.forked_program import eugpt
from tests.support.manyserver import document, serving

Schema = dict[str, Any]


class Known(NamedTuple):
    """A schema, instances that are valid, and those that are not, with the place of what is wrong."""

    schema: Schema
    good: list[Any]
    bad: list[tuple[Any, str]]


def vendored(name: str) -> Schema:
    """As the project that reads such files publishes it."""
    folder = importlib.resources.files("check_jsonschema") / "builtin_schemas" / "vendor"
    return dict(json.loads((folder / f"{name}.json").read_text()))


def model(kind: Any) -> Schema:
    return dict(TypeAdapter(kind).json_schema())


def updates(interval: str) -> Schema:
    return {"package-ecosystem": "pip", "directory": "/", "schedule": {"interval": interval}}


COUNTS = {
    "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
    "output_tokens_details": {"reasoning_tokens": 0},
}
USAGE = {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3, **COUNTS}
CALL = {"type": "function_call", "arguments": "{}", "call_id": "c", "name": "f"}
DIALECT = "https://json-schema.org/draft/2020-12/schema"
DRAFT_7 = "http://json-schema.org/draft-07/schema#"
FEED: Schema = {  # JSON Feed 1.1
    "$defs": {
        "item": {
            "type": "object",
            "required": ["id"],
            "properties": {"id": {"type": "string"}, "date_published": {"type": "string", "format": "date-time"}},
            "anyOf": [{"required": ["content_text"]}, {"required": ["content_html"]}],
            "patternProperties": {"^_": {"type": "object"}},
        }
    },
    "type": "object",
    "required": ["version", "title", "items"],
    "properties": {
        "version": {"type": "string", "pattern": r"^https://jsonfeed\.org/version/1(\.1)?$"},
        "title": {"type": "string", "minLength": 1},
        "items": {"type": "array", "items": {"$ref": "#/$defs/item"}},
    },
    "unevaluatedProperties": False,
}
VERSION = "https://jsonfeed.org/version/1.1"
KNOWN = {
    "usage of the OpenAI SDK": Known(
        model(sdk.ResponseUsage), [USAGE], [({**USAGE, "total_tokens": "3"}, "/total_tokens: "), ({}, "required")]
    ),
    "function call of the OpenAI SDK": Known(
        model(sdk.ResponseFunctionToolCall),
        [CALL],
        [({**CALL, "type": "call"}, "/type: "), ({**CALL, "name": None}, "/name: ")],
    ),
    "text of the OpenAI SDK": Known(
        model(sdk.ResponseOutputText),
        [{"type": "output_text", "text": "a", "annotations": []}],
        [({"type": "output_text", "text": "a", "annotations": [1]}, "/annotations/0"), ({"text": 1}, "required")],
    ),
    "message of the OpenAI SDK": Known(
        model(sdk.EasyInputMessage),
        [{"role": "user", "content": "a"}, {"role": "user", "content": [{"type": "input_text", "text": "a"}]}],
        [({"role": "nobody", "content": "a"}, "/role: "), ({"role": "user", "content": 7}, "/content: ")],
    ),
    "JSON Schema 2020-12": Known(
        {"$ref": DIALECT}, [{"type": "object"}, True], [({"type": "text"}, "/type: "), ({"minimum": "1"}, "/minimum: ")]
    ),
    "JSON Schema draft 7": Known(
        {"$schema": DRAFT_7, "$ref": DRAFT_7}, [{"items": [{}]}], [({"required": "a"}, "/required: ")]
    ),
    "GitHub's workflows": Known(
        vendored("github-workflows"),
        [{"on": "push", "jobs": {"build": {"runs-on": "ubuntu-latest", "steps": [{"run": "make"}]}}}],
        [
            ({"on": "push"}, '"jobs" is a required property'),
            (
                {"on": "push", "jobs": {"build": {"runs-on": "ubuntu-latest", "steps": [{"run": 5}]}}},
                "/jobs/build/steps/0/run: ",
            ),
        ],
    ),
    "GitHub's forms for issues": Known(
        vendored("github-issue-forms"),
        [{"name": "Bug", "description": "d", "body": [{"type": "textarea", "attributes": {"label": "l"}}]}],
        [
            ({"name": "Bug", "description": "d", "body": []}, "/body: "),
            ({"name": "Bug", "description": "d", "body": [{"type": "slider", "attributes": {}}]}, "/body/0"),
        ],
    ),
    "Dependabot": Known(
        vendored("dependabot"),
        [{"version": 2, "updates": [updates("daily")]}],
        [
            ({"version": 3, "updates": []}, "/version: "),
            ({"version": 2, "updates": [updates("hourly")]}, "/updates/0/schedule/interval: "),
        ],
    ),
    "GitLab CI": Known(
        vendored("gitlab-ci"),
        [{"test": {"script": ["make"]}}],
        [({"test": {"script": ["make"], "when": "sometimes"}}, "/test/when: "), ({"stages": "build"}, "/stages: ")],
    ),
    "Compose": Known(
        vendored("compose-spec"),
        [{"services": {"web": {"image": "nginx", "ports": ["80:80"]}}}],
        [({"services": {"web": {"image": 5}}}, "/services/web/image: "), ({"servces": {}}, "servces")],
    ),
    "Read the Docs": Known(
        vendored("readthedocs"),
        [{"version": 2, "build": {"os": "ubuntu-22.04", "tools": {"python": "3.12"}}}],
        [({"version": "two"}, "/version: ")],
    ),
    "Codecov": Known(
        vendored("codecov"),
        [{"coverage": {"precision": 2, "range": "70...100"}}],
        [({"coverage": {"precision": 9}}, "/coverage/precision: "), ({"coverage": {"precision": "2"}}, "precision")],
    ),
    "Citation File Format": Known(
        vendored("citation-file-format"),
        [{"cff-version": "1.2.0", "message": "m", "title": "t", "authors": [{"family-names": "a"}]}],
        [
            ({"cff-version": "1.2.0", "message": "m", "title": "t", "authors": []}, "/authors: "),
            ({"cff-version": "1.2.0", "message": "m", "title": "t"}, '"authors" is a required property'),
        ],
    ),
    "Task": Known(
        vendored("taskfile"),
        [{"version": "3", "tasks": {"build": {"cmds": ["make"]}}}],
        [
            ({"version": "3", "tasks": {"build": {"silent": "yes"}}}, "/tasks/build"),
            ({"version": "3", "tasks": []}, "/tasks: "),
        ],
    ),
    "JSON Feed": Known(
        FEED,
        [{"version": VERSION, "title": "T", "items": [{"id": "1", "content_text": "a", "_x": {}}]}],
        [
            ({"version": VERSION, "title": "T", "items": [{"id": "1", "_x": 1}]}, "/items/0"),
            ({"version": "1", "title": "T", "items": []}, "/version: "),
            ({"version": VERSION, "title": "T", "items": [], "more": 1}, "more"),
            (
                {"version": VERSION, "title": "T", "items": [{"id": "1", "content_text": "", "date_published": "a"}]},
                "/items/0/date_published: ",
            ),
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", KNOWN)
def test_what_is_valid_is_accepted_and_what_is_not_is_told(name: str, tmp_path: Path) -> None:
    schema, good, bad = KNOWN[name]
    (tmp_path / "schema.json").write_text(json.dumps(schema))
    texts = [json.dumps(value) for value in [*good, *(value for value, _ in bad)]]
    (tmp_path / "items").write_text(
        "\n".join(json.dumps({"custom_id": n, "input": text}) for n, text in enumerate(texts))
    )
    with serving(lambda body: document(body["input"])) as server:
        arguments = ["batch", str(tmp_path / "items"), "--ordered", "--schema", str(tmp_path / "schema.json")]
        run = eugpt(*arguments, base_url=server.base_url)
    found = rows(run.stdout)
    assert [row["value"] for row in found if row["ok"]] == good
    refused = [row for row in found if not row["ok"]]
    assert [row["rejected_text"] for row in refused] == texts[len(good) :]
    for row, (_, says) in zip(refused, bad, strict=True):
        assert row["error"]["kind"] == "rejected"
        assert says in row["error"]["message"]
