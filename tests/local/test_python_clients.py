"""pydantic-ai and langchain-openai read the local server as they read OpenAI's Responses API."""

import os
import subprocess
from pathlib import Path

import pytest

from .clients import PYTHON
from .conftest import Server

PYDANTIC_AI = """
import asyncio, os
from openai import AsyncOpenAI
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIResponsesModel
from pydantic_ai.providers.openai import OpenAIProvider

async def main():
    async with AsyncOpenAI(
        base_url=os.environ["EUGPT_BASE_URL"], api_key=os.environ["EUGPT_API_KEY"], max_retries=0
    ) as client:
        model = OpenAIResponsesModel("auto", provider=OpenAIProvider(openai_client=client))
        agent = Agent(model, instructions="Be brief.")
        result = await agent.run("What is 6 * 7?")
        print(result.output, result.usage.output_tokens > 0)
        async with agent.run_stream("What is 6 * 7?") as stream:
            pieces = [piece async for piece in stream.stream_text(delta=True, debounce_by=None)]
        print("".join(pieces), len(pieces) > 2)
        first = await agent.run("My boat is called Petrel.")
        print((await agent.run("What is my boat called?", message_history=first.all_messages())).output)

asyncio.run(main())
"""

LANGCHAIN = """
import os
from langchain_openai import ChatOpenAI

model = ChatOpenAI(
    model="auto",
    api_key=os.environ["EUGPT_API_KEY"],
    base_url=os.environ["EUGPT_BASE_URL"],
    use_responses_api=True,
    output_version="responses/v1",
    max_retries=0,
)
message = model.invoke("What is 6 * 7?")
print(message.text, message.usage_metadata["total_tokens"] > 0)
pieces = [chunk.text for chunk in model.stream("What is 6 * 7?")]
print("".join(pieces), len(pieces) > 2)
print(model.invoke([("system", "Be brief."), ("user", "My boat is called Petrel."), ("assistant", "Noted."),
    ("user", "What is my boat called?")]).text)
"""


@pytest.mark.parametrize("program", [PYDANTIC_AI, LANGCHAIN], ids=["pydantic-ai", "langchain"])
def test_answer_stream_and_history(server: Server, tmp_path: Path, program: str) -> None:
    environ = {**os.environ, "EUGPT_BASE_URL": server.base_url, "EUGPT_API_KEY": server.key}
    line = [str(PYTHON / "python"), "-c", program]
    run = subprocess.run(line, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    answers = ["6 * 7 = 42 True", "6 * 7 = 42 True", "You said earlier: “My boat is called Petrel.”"]
    assert run.stdout.splitlines() == answers
