"""The document and the event stream as the API pages describe them, and every way to get them wrong."""

import json
import time
from typing import Any
from uuid import UUID

import httpx
import pytest

from .conftest import Server, Start

DOCUMENTED = {
    "response.created",
    "response.output_text.delta",
    "response.output_text.done",
    "response.output_item.added",
    "response.output_item.done",
    "response.content_part.added",
    "response.completed",
    "error",
}
SOMEBODY = "8f14e45f-ceea-467a-a4ed-a9e9a5cb16ee"


def test_document_has_the_documented_members(server: Server) -> None:
    before = int(time.time() * 1000)
    document = server.ask("What is 12 * 12?")
    assert document["object"] == "response"
    assert document["status"] == "completed"
    assert document["model"] == "eugpt-local"
    assert before - 1000 <= document["created_at"] <= int(time.time() * 1000) + 1000
    assert UUID(document["id"]) != UUID(document["conversation_id"])
    assert document["output_text"] == "12 * 12 = 144"
    tool, message = document["output"]
    assert (tool["name"], json.loads(tool["arguments"]), tool["output"]) == (
        "calculator",
        {"expression": "12 * 12"},
        "144",
    )
    assert {"id", "type", "role", "status", "content"} <= set(message)
    assert message["content"] == [
        {"type": "output_text", "text": document["output_text"], "annotations": [], "logprobs": []}
    ]
    usage = document["usage"]
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]


def test_streaming_is_the_default_and_framed_as_documented(server: Server) -> None:
    response = server.post(json.dumps({"input": "Say something."}))
    assert response.headers["content-type"].startswith("text/event-stream")
    blocks = response.text.split("\n\n")
    assert blocks.pop() == ""
    for block in blocks:
        event, data = block.split("\n")
        assert event == "event: message"
        assert data.startswith("data: {")


def test_event_sequence(server: Server) -> None:
    events = server.events({"input": "What is 2 + 2?"})
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    kinds = [event["type"] for event in events]
    assert set(kinds) <= DOCUMENTED
    assert kinds[0] == "response.created"
    assert kinds[-1] == "response.completed"
    first, last = events[0]["response"], events[-1]["response"]
    assert (first["id"], first["conversation_id"]) == (last["id"], last["conversation_id"])
    assert (first["status"], last["status"]) == ("in_progress", "completed")
    deltas = [event for event in events if event["type"] == "response.output_text.delta"]
    assert len(deltas) > 1
    assert "".join(event["delta"] for event in deltas) == last["output_text"] == "2 + 2 = 4"
    message = last["output"][1]
    assert {(e["item_id"], e["output_index"], e["content_index"]) for e in deltas} == {(message["id"], 1, 0)}
    done = [event["item"] for event in events if event["type"] == "response.output_item.done"]
    assert done == last["output"]
    added = [event["item"]["id"] for event in events if event["type"] == "response.output_item.added"]
    assert added == [item["id"] for item in done]


@pytest.mark.parametrize("text", ["Gruß: naïve 🦊 \u2028 line", "  two  spaces\n\n\ttab ", "a\r\nb"])
def test_deltas_joined_are_the_text(start: Start, server: Server, text: str) -> None:
    events = server.events({"input": f"I say {text}"})
    joined = "".join(event.get("delta", "") for event in events)
    assert joined == events[-1]["response"]["output_text"]


def test_the_sample_of_the_pages_that_splits_lines_as_python_does_reads_every_event(server: Server) -> None:
    text = "One\u2028two\u2029three\x85four\x1cfive."
    with httpx.stream(
        "POST",
        f"{server.base_url}/responses",
        headers={"Authorization": f"Bearer {server.key}"},
        json={"input": "Hello.", "instructions": text, "stream": True},
    ) as response:
        buffer = "".join(response.iter_text())
    lines = [line for raw in buffer.split("\n\n") for line in raw.splitlines() if line.startswith("data: ")]
    assert json.loads(lines[-1][6:])["response"]["instructions"] == text


def test_default_stream_false_is_for_clients_that_omit_the_field(start: Start) -> None:
    quiet = start(default_stream=False)
    assert quiet.post(json.dumps({"input": "Hello."})).json()["status"] == "completed"
    assert quiet.post({"input": "Hello.", "stream": True}).headers["content-type"].startswith("text/event-stream")


CONTENT_ITEMS: list[Any] = [
    [{"role": "user", "content": [{"type": "input_text", "text": "What is 6*7?"}]}],
    [{"content": [{"type": "input_text", "text": "What is 6*7?"}]}],
    [{"type": "message", "role": None, "content": [{"type": "input_text", "text": "What is 6*7?"}]}],
    [{"role": "user", "content": "What is 6*7?"}],
    [
        {"role": "user", "content": "What is 1+1?"},
        {"role": "assistant", "content": [{"type": "output_text", "text": "2"}]},
        {"role": "user", "content": "What is 6*7?"},
    ],
    [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": "What is 6*7?"}],
]


@pytest.mark.parametrize("items", CONTENT_ITEMS)
def test_content_items_in_all_their_forms(server: Server, items: Any) -> None:
    assert server.post({"input": items}).json()["output_text"] == "6*7 = 42"


INVALID: list[tuple[Any, str]] = [
    ({}, "Input message is required"),
    ({"input": ""}, "Input message is required"),
    ({"input": " \n"}, "Input message is required"),
    ({"input": []}, "Input message is required"),
    ({"input": None}, "input"),
    ({"input": 5}, "input"),
    ({"input": [{"role": "user"}]}, "input.0.content: Field required"),
    ({"input": [{"content": [{"type": "input_text"}]}]}, "input.0.content.0.text: Field required"),
    ({"input": [{"content": [{"type": "input_image", "image_url": "x"}]}]}, "input.0.content.0"),
    ({"input": [{"content": [{"type": "input_file", "file_id": "7"}]}]}, "input.0.content.0.file_id"),
    ({"input": [{"content": ""}, {"content": [{"type": "input_text", "text": "\n"}]}]}, "Input message is required"),
    ({"input": "x", "stream": "yes"}, "stream"),
    ({"input": "x", "stream": None}, "stream"),
    ({"input": "x", "instructions": 3}, "instructions"),
    ({"input": "x", "conversation_id": "mine"}, "conversation_id"),
    ({"input": "x", "project_id": 12}, "project_id"),
    (b"", "not valid JSON"),
    (b"{", "not valid JSON"),
    (b"[1]", "must be a JSON object"),
    (b'{"input": "\\ud800"}', "not valid JSON"),
    (b'{"input": "\xff"}', "not valid JSON"),
    (b'{"input": NaN}', "not valid JSON"),
    (b"[" * 100_000, "not valid JSON"),
]


@pytest.mark.parametrize(("body", "message"), INVALID, ids=lambda value: str(value)[:40])
def test_invalid_requests_are_400_with_the_envelope(server: Server, body: Any, message: str) -> None:
    response = server.post(body)
    assert response.status_code == 400
    envelope = response.json()
    assert message in envelope["detail"]
    assert envelope["error"]["message"] == envelope["detail"]
    assert envelope["error"]["type"] == "invalid_request_error"
    assert envelope["error"]["code"]
    assert response.headers["x-request-id"].startswith("req_")


def test_unknown_file_is_404(server: Server) -> None:
    response = server.post({"input": [{"content": [{"type": "input_file", "file_id": SOMEBODY}]}]})
    assert (response.status_code, response.json()["error"]["code"]) == (404, "file_not_found")


def test_unknown_fields_and_any_model_are_accepted(server: Server) -> None:
    document = server.ask("What is 1+1?", model="gpt-9", temperature=0.3, tools=[{"type": "web_search"}], store=False)
    assert document["model"] == "eugpt-local"


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer wrong", "Basic eDp5"])
def test_missing_or_unknown_key_is_401(server: Server, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    response = httpx.post(f"{server.base_url}/responses", json={"input": "x"}, headers=headers)
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
    assert response.json()["error"]["type"] == "authentication_error"


def test_other_paths_and_methods(server: Server) -> None:
    root = server.base_url.removesuffix("/v1")
    unknown = httpx.get(f"{root}/v1/models")
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "unknown_path")
    wrong = httpx.get(f"{root}/v1/responses")
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")
    assert "detail" in wrong.json()
    assert server.post(b'{"input": "x"}', headers={"Content-Type": "text/plain"}).status_code == 400


def test_openapi_describes_the_api(server: Server) -> None:
    document = httpx.get(f"{server.base_url.removesuffix('/v1')}/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    operation = document["paths"]["/v1/responses"]["post"]
    assert {"200", "400", "401", "403", "404", "429", "500"} <= set(operation["responses"])
    fields = document["components"]["schemas"]["CreateResponseRequest"]["properties"]
    assert set(fields) == {"model", "input", "stream", "instructions", "conversation_id", "project_id"}
    assert fields["stream"]["default"] is True


def test_registered_file_is_read(start: Start, tmp_path: Any) -> None:
    (tmp_path / "notes.md").write_text("# Notes\n\nThe deposit is 400 euros.\n\nThe rent is due on the 3rd.\n")
    running = start(files={SOMEBODY: str(tmp_path / "notes.md")})
    parts = [{"type": "input_text", "text": "When is the rent due?"}, {"type": "input_file", "file_id": SOMEBODY}]
    document = running.post({"input": [{"role": "user", "content": parts}]}).json()
    assert document["output_text"] == "The rent is due on the 3rd.\n\nSource: notes.md:5"
    (citation,) = document["output"][-1]["content"][0]["annotations"]
    assert (citation["file_id"], citation["filename"]) == (SOMEBODY, "notes.md")
