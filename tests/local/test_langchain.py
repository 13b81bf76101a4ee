"""langchain-openai reads the local server as it reads OpenAI's Responses API."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from langchain_openai import ChatOpenAI  # type: ignore[import-not-found, unused-ignore]
from pydantic import SecretStr

from .conftest import Server


@pytest.fixture
def model(server: Server) -> Iterator[ChatOpenAI]:
    with httpx.Client() as client:
        yield ChatOpenAI(
            model="auto",
            api_key=SecretStr(server.key),
            base_url=server.base_url,
            http_client=client,
            use_responses_api=True,
            output_version="responses/v1",
            max_retries=0,
        )


def test_invoke(model: ChatOpenAI) -> None:
    message = model.invoke("What is 6 * 7?")
    assert message.text == "6 * 7 = 42"
    assert message.usage_metadata
    assert message.usage_metadata["total_tokens"] > 0


def test_stream(model: ChatOpenAI) -> None:
    pieces = [chunk.text for chunk in model.stream("What is 6 * 7?")]
    assert "".join(pieces) == "6 * 7 = 42"
    assert len(pieces) > 2


def test_history(model: ChatOpenAI) -> None:
    answer = model.invoke(
        [
            ("system", "Be brief."),
            ("user", "My boat is called Petrel."),
            ("assistant", "Noted."),
            ("user", "What is my boat called?"),
        ]
    )
    assert "Petrel" in answer.text
