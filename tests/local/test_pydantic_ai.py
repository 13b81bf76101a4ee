"""pydantic-ai reads the local server as it reads OpenAI's Responses API."""

from __future__ import annotations

import asyncio

from pydantic_ai import Agent  # type: ignore[import-not-found, unused-ignore]
from pydantic_ai.models.openai import OpenAIResponsesModel  # type: ignore[import-not-found, unused-ignore]
from pydantic_ai.providers.openai import OpenAIProvider  # type: ignore[import-not-found, unused-ignore]

from .conftest import Server


def agent(server: Server) -> Agent[None, str]:
    provider = OpenAIProvider(base_url=server.base_url, api_key=server.key)
    return Agent(OpenAIResponsesModel("auto", provider=provider), instructions="Be brief.")


def test_run(server: Server) -> None:
    result = agent(server).run_sync("What is 6 * 7?")
    assert result.output == "6 * 7 = 42"
    assert result.usage.output_tokens > 0


def test_stream(server: Server) -> None:
    async def pieces() -> list[str]:
        async with agent(server).run_stream("What is 6 * 7?") as result:
            return [piece async for piece in result.stream_text(delta=True, debounce_by=None)]

    received = asyncio.run(pieces())
    assert "".join(received) == "6 * 7 = 42"
    assert len(received) > 1


def test_history(server: Server) -> None:
    first = agent(server).run_sync("My boat is called Petrel.")
    second = agent(server).run_sync("What is my boat called?", message_history=first.all_messages())
    assert "Petrel" in second.output
