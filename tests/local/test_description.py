"""/openapi.json is the documented API: the pages' own examples, each documented error and event fit it."""

import json
from typing import Any

import httpx
import jsonschema  # type: ignore[import-untyped]
import pytest

from .conftest import Server, Start

UUID = "550e8400-e29b-41d4-a716-446655440000"
RESPONSES = [
    {
        "id": UUID,
        "object": "response",
        "created_at": 1716387200000,
        "status": "completed",
        "model": "gpt-oss-120b",
        "output": [],
        "output_text": "Servers stand in Paris,\nLaws hold every byte at home —\nAnswers, still in light.",
    },
    {
        "id": UUID,
        "object": "response",
        "created_at": 0,
        "status": "completed",
        "model": "gpt-oss-120b",
        "output": [{"type": "message", "role": "assistant", "content": []}],
        "output_text": "Data sovereignty is …",
        "a_new_member": {},
    },
]
ERRORS: list[Any] = [
    {"detail": "Not found"},
    {"detail": {"code": "x", "anything": [1]}},
    {"error": {"message": "m", "type": "t", "code": "c", "param": None}},
    {"detail": "m", "error": {}},
    {},
]
EVENTS = [
    {"type": "response.created", "sequence_number": 0},
    {"type": "response.output_text.delta", "sequence_number": 1, "delta": "He"},
    {"type": "response.output_text.done", "sequence_number": 2},
    {"type": "response.output_item.added", "sequence_number": 3, "item": {"type": "message"}},
    {"type": "response.output_item.done", "sequence_number": 4, "item": {}},
    {"type": "response.content_part.added", "sequence_number": 5},
    {"type": "response.completed", "sequence_number": 6, "response": {"id": UUID}},
    {"type": "error", "code": "server_error", "message": "model overloaded"},
]
REQUESTS = [
    {"model": "auto", "input": "Write a haiku about sovereignty.", "stream": False},
    {
        "model": "auto",
        "input": "What is data sovereignty?",
        "stream": True,
        "instructions": "Be concise. Cite sources when you use the web search tool.",
        "conversation_id": "8f14e45f-ceea-467a-a4ed-a9e9a5cb16ee",
        "project_id": None,
    },
    {"input": [{"role": "user", "content": [{"type": "input_text", "text": "Hi"}]}]},
    {"input": [{"content": [{"type": "input_file", "file_id": UUID}]}]},
]
DOCUMENTED = (
    [("ResponseObject", example) for example in RESPONSES]
    + [("Error", example) for example in ERRORS]
    + [("StreamEvent", example) for example in EVENTS]
    + [("CreateResponseRequest", example) for example in REQUESTS]
)


def description(server: Server) -> dict[str, Any]:
    """What the server says of itself."""
    document: dict[str, Any] = httpx.get(server.base_url.removesuffix("/v1") + "/openapi.json").json()
    return document


def check(server: Server, component: str, value: Any) -> None:
    """Fails unless a value is valid against a component."""
    schema = {**description(server), "$ref": f"#/components/schemas/{component}"}
    jsonschema.Draft202012Validator(schema).validate(value)


@pytest.mark.parametrize(("component", "example"), DOCUMENTED, ids=range(len(DOCUMENTED)))
def test_the_pages_examples_are_valid(server: Server, component: str, example: Any) -> None:
    check(server, component, example)


WRONG = [
    ("ResponseObject", {**RESPONSES[0], "output_text": None}),
    ("ResponseObject", {**RESPONSES[0], "status": "failed"}),
    ("Error", {"detail": 7}),
    ("StreamEvent", {"type": "response.output_text.delta", "delta": 7}),
    ("StreamEvent", {"type": "response.unheard_of"}),
    ("CreateResponseRequest", {"input": ""}),
    ("CreateResponseRequest", {"input": [{"type": "item_reference", "id": "msg_1"}]}),
]


@pytest.mark.parametrize(("component", "example"), WRONG, ids=range(len(WRONG)))
def test_it_says_no_where_the_pages_do(server: Server, component: str, example: Any) -> None:
    with pytest.raises(jsonschema.ValidationError):
        check(server, component, example)


def test_what_the_server_sends_is_valid(server: Server) -> None:
    check(server, "ResponseObject", server.ask("What is 6 * 7?"))
    for event in server.events({"input": "What is 6 * 7?"}):
        check(server, "StreamEvent", event)
    for body in ({"input": ""}, {"input": "x", "conversation_id": UUID}):
        check(server, "Error", server.post(body).json())


def test_its_own_items_may_come_back(server: Server) -> None:
    history: list[Any] = [{"role": "user", "content": "What is 6 * 7?"}]
    response = server.post({"input": history}).json()
    history += [*response["output"], {"role": "user", "content": "And 2 + 2?"}]
    check(server, "CreateResponseRequest", {"input": history})
    assert server.post({"input": history}).json()["output_text"] == "2 + 2 = 4"
    reference = {"type": "item_reference", "id": response["output"][-1]["id"]}
    history[1:-1] = [reference]
    check(server, "CreateResponseRequest", {"input": history})
    assert server.post({"input": history}).status_code == 200
    history[1:-1] = [{"type": "item_reference", "id": "msg_unknown"}]
    unknown = server.post({"input": history})
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "item_not_found")


def test_an_item_belongs_to_its_user(start: Start, tmp_path: Any) -> None:
    (tmp_path / "k.toml").write_text('[[keys]]\nkey = "a"\nuser = "ada"\n[[keys]]\nkey = "b"\nuser = "bob"\n')
    server = start(keys=str(tmp_path / "k.toml"))
    item = server.ask("My secret is 4711.", "a")["output"][-1]["id"]
    body = {"input": [{"type": "item_reference", "id": item}, {"role": "user", "content": "What is my secret?"}]}
    assert server.post(body, "a").status_code == 200
    assert server.post(body, "b").status_code == 404


def test_the_default_of_stream_is_the_servers(start: Start) -> None:
    request = description(start(default_stream=False))["components"]["schemas"]["CreateResponseRequest"]
    assert request["properties"]["stream"]["default"] is False
    assert json.dumps(request)
