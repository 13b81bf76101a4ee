"""pydantic-ai reads the local server as it reads OpenAI's Responses API."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from openai import AsyncOpenAI
from pydantic_ai import Agent  # type: ignore[import-not-found, unused-ignore]
from pydantic_ai.models.openai import OpenAIResponsesModel  # type: ignore[import-not-found, unused-ignore]
from pydantic_ai.providers.openai import OpenAIProvider  # type: ignore[import-not-found, unused-ignore]

from .conftest import Server

T = TypeVar("T")


def with_agent(server: Server, use: Callable[[Agent[None, str]], Awaitable[T]]) -> T:
    """What a coroutine makes of an agent whose model is the server."""

    async def main() -> T:
        async with AsyncOpenAI(base_url=server.base_url, api_key=server.key, max_retries=0) as client:
            model = OpenAIResponsesModel("auto", provider=OpenAIProvider(openai_client=client))
            return await use(Agent(model, instructions="Be brief."))

    return asyncio.run(main())


def test_run(server: Server) -> None:
    async def use(agent: Agent[None, str]) -> tuple[str, int]:
        result = await agent.run("What is 6 * 7?")
        return result.output, result.usage.output_tokens

    text, tokens = with_agent(server, use)
    assert text == "6 * 7 = 42"
    assert tokens > 0


def test_stream(server: Server) -> None:
    async def use(agent: Agent[None, str]) -> list[str]:
        async with agent.run_stream("What is 6 * 7?") as result:
            return [piece async for piece in result.stream_text(delta=True, debounce_by=None)]

    pieces = with_agent(server, use)
    assert "".join(pieces) == "6 * 7 = 42"
    assert len(pieces) > 1


def test_history(server: Server) -> None:
    async def use(agent: Agent[None, str]) -> str:
        first = await agent.run("My boat is called Petrel.")
        second = await agent.run("What is my boat called?", message_history=first.all_messages())
        return str(second.output)

    assert "Petrel" in with_agent(server, use)
