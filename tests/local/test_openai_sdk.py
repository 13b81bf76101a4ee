"""OpenAI's SDK for Python against the local server, as the API pages use it: only URL and key differ."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .conftest import Server, Start

PROJECT = "1c8b9a7f-2d3e-4f5a-9b8c-7d6e5f4a3b2c"


@pytest.fixture
def client(openai: Any, server: Server) -> Iterator[Any]:
    with openai.OpenAI(api_key=server.key, base_url=server.base_url, max_retries=0) as made:
        yield made


def test_create(client: Any) -> None:
    response = client.responses.create(model="auto", input="Write a haiku about sovereignty.", stream=False)
    assert "haiku about sovereignty" in response.output_text
    assert response.status == "completed"
    assert response.model == "eugpt-local"
    assert response.usage
    assert response.usage.total_tokens > 0


def test_create_streaming(client: Any) -> None:
    stream = client.responses.create(model="auto", input="What is 6 * 7?", stream=True)
    text = ""
    kinds = []
    for event in stream:
        kinds.append(event.type)
        if event.type == "response.output_text.delta":
            text += event.delta
    assert text == "6 * 7 = 42"
    assert kinds[-1] == "response.completed"


def test_stream_helper_accumulates_the_same_response(client: Any) -> None:
    with client.responses.stream(model="auto", input="What is 6 * 7?") as stream:
        deltas = [event.delta for event in stream if event.type == "response.output_text.delta"]
        final = stream.get_final_response()
    assert "".join(deltas) == final.output_text == "6 * 7 = 42"
    assert [item.type for item in final.output] == ["mcp_call", "message"]


def test_conversation_through_extra_body(client: Any) -> None:
    first: Any = client.responses.create(model="auto", input="My cat is called Ada.", stream=False)
    second = client.responses.create(
        model="auto",
        input="What is my cat called?",
        stream=False,
        extra_body={"conversation_id": first.conversation_id},
    )
    assert "Ada" in second.output_text


@pytest.mark.parametrize("stream", [False, True])
def test_error_classes(openai: Any, start: Start, tmp_path: Path, stream: bool) -> None:
    (tmp_path / "s.toml").write_text('[[request]]\nmatch = "break"\nstatus = 500\n')
    (tmp_path / "keys.toml").write_text('[[keys]]\nkey = "eugpt_a"\nprojects = []\n')
    (tmp_path / "docs").mkdir()
    server = start(
        keys=str(tmp_path / "keys.toml"),
        scenario=str(tmp_path / "s.toml"),
        projects={PROJECT: str(tmp_path / "docs")},
        daily_tokens=40,
    )
    seen = {}
    expected: list[tuple[Any, str, dict[str, str], str]] = [
        (openai.BadRequestError, "", {}, server.key),
        (openai.AuthenticationError, "x", {}, "wrong"),
        (openai.PermissionDeniedError, "x", {"project_id": PROJECT}, server.key),
        (openai.NotFoundError, "x", {"conversation_id": PROJECT}, server.key),
        (openai.RateLimitError, "word " * 50, {}, server.key),
        (openai.InternalServerError, "break", {}, server.key),
    ]
    for error, text, more, key in expected:
        with (
            openai.OpenAI(api_key=key, base_url=server.base_url, max_retries=0) as client,
            pytest.raises(error) as caught,
        ):
            client.responses.create(model="auto", input=text, stream=stream, extra_body=more)
        seen[caught.value.status_code] = caught.value
    assert sorted(seen) == [400, 401, 403, 404, 429, 500]
    assert seen[404].type == "not_found_error"
    assert seen[404].code == "conversation_not_found"
    assert str(seen[400].request_id).startswith("req_")


def test_error_event_in_a_stream(openai: Any, start: Start, tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text(
        '[[request]]\nevents = [{type = "response.output_text.delta", delta = "He"},'
        ' {type = "error", code = "server_error", message = "model overloaded"}]\n'
    )
    server = start(scenario=str(tmp_path / "s.toml"))
    with openai.OpenAI(api_key=server.key, base_url=server.base_url, max_retries=0) as client:
        stream = iter(client.responses.create(model="auto", input="x", stream=True))
        assert next(stream).type == "response.output_text.delta"
        try:
            last = next(stream).model_dump()
        except openai.APIError as error:
            last = {"message": error.message}
    assert "model overloaded" in last["message"]
