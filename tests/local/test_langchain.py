"""langchain-openai reads the local server as it reads OpenAI's Responses API."""

from __future__ import annotations

from langchain_openai import ChatOpenAI  # type: ignore[import-not-found, unused-ignore]
from pydantic import SecretStr

from .conftest import Server


def model(server: Server) -> ChatOpenAI:
    return ChatOpenAI(
        model="auto",
        api_key=SecretStr(server.key),
        base_url=server.base_url,
        use_responses_api=True,
        output_version="responses/v1",
        max_retries=0,
    )


def test_invoke(server: Server) -> None:
    message = model(server).invoke("What is 6 * 7?")
    assert message.text == "6 * 7 = 42"
    assert message.usage_metadata
    assert message.usage_metadata["total_tokens"] > 0


def test_stream(server: Server) -> None:
    pieces = [chunk.text for chunk in model(server).stream("What is 6 * 7?")]
    assert "".join(pieces) == "6 * 7 = 42"
    assert len(pieces) > 2


def test_history(server: Server) -> None:
    answer = model(server).invoke(
        [
            ("system", "Be brief."),
            ("user", "My boat is called Petrel."),
            ("assistant", "Noted."),
            ("user", "What is my boat called?"),
        ]
    )
    assert "Petrel" in answer.text
