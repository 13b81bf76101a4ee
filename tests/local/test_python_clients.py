"""Python's clients read the local server as they read OpenAI's Responses API, and send its items back as history."""

import os
import subprocess
from pathlib import Path

import pytest

from .clients import PYTHON
from .conftest import Server, Start

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


OPENAI_TURNS = """
from openai import OpenAI

with OpenAI(max_retries=0) as client:
    for stream in (False, True):
        history = []
        for text in TURNS:
            history.append({"role": "user", "content": text})
            if stream:
                with client.responses.stream(model="auto", input=history) as events:
                    response = events.until_done().get_final_response()
            else:
                response = client.responses.create(model="auto", input=history, stream=False)
            history += response.output
            print(response.output_text)
"""

LANGCHAIN_TURNS = """
import functools, operator
from langchain_core.messages import HumanMessage
from langchain_openai import ChatOpenAI

for version in ("responses/v1", "v0", "v1"):
    model = ChatOpenAI(model="auto", use_responses_api=True, output_version=version, max_retries=0)
    for stream in (False, True):
        history = []
        for text in TURNS:
            history.append(HumanMessage(text))
            if stream:
                history.append(functools.reduce(operator.add, model.stream(history)))
            else:
                history.append(model.invoke(history))
            print(history[-1].text)
"""

AGENTS_TURNS = """
import asyncio
from agents import Agent, Runner, SQLiteSession, set_tracing_disabled

set_tracing_disabled(True)

async def main():
    agent = Agent(name="A", instructions="Be brief.", model="auto")
    for stream in (False, True):
        session = SQLiteSession(f"session-{stream}")
        for text in TURNS:
            if stream:
                result = Runner.run_streamed(agent, text, session=session)
                async for _ in result.stream_events():
                    pass
            else:
                result = await Runner.run(agent, text, session=session)
            print(result.final_output)

asyncio.run(main())
"""

PYDANTIC_AI_TURNS = """
import asyncio
from openai import AsyncOpenAI
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIResponsesModel
from pydantic_ai.providers.openai import OpenAIProvider

async def main():
    async with AsyncOpenAI(max_retries=0) as client:
        agent = Agent(OpenAIResponsesModel("auto", provider=OpenAIProvider(openai_client=client)))
        for stream in (False, True):
            history = None
            for text in TURNS:
                if stream:
                    async with agent.run_stream(text, message_history=history) as result:
                        output = await result.get_output()
                else:
                    result = await agent.run(text, message_history=history)
                    output = result.output
                history = result.all_messages()
                print(output)

asyncio.run(main())
"""

TURNS = ["What is 6 * 7?", "My boat is called Petrel.", "What is 2 + 2?", "What is my boat called?"]
ANSWERS = [
    "6 * 7 = 42",
    "Noted: My boat is called Petrel.",
    "2 + 2 = 4",
    "You said earlier: “My boat is called Petrel.”",
]


def said(server: Server, folder: Path, program: str) -> list[str]:
    """The lines that a program prints that runs with the clients' Python."""
    environ = {**os.environ, "EUGPT_BASE_URL": server.base_url, "EUGPT_API_KEY": server.key}
    environ |= {"OPENAI_BASE_URL": server.base_url, "OPENAI_API_KEY": server.key}
    line = [str(PYTHON / "python"), "-c", program]
    run = subprocess.run(line, cwd=folder, env=environ, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    return run.stdout.splitlines()


@pytest.mark.parametrize("program", [PYDANTIC_AI, LANGCHAIN], ids=["pydantic-ai", "langchain"])
def test_answer_stream_and_history(server: Server, tmp_path: Path, program: str) -> None:
    answers = ["6 * 7 = 42 True", "6 * 7 = 42 True", "You said earlier: “My boat is called Petrel.”"]
    assert said(server, tmp_path, program) == answers


MULTI_TURN = {
    "openai": (OPENAI_TURNS, 2),
    "langchain": (LANGCHAIN_TURNS, 6),
    "openai-agents": (AGENTS_TURNS, 2),
    "pydantic-ai": (PYDANTIC_AI_TURNS, 2),
}


@pytest.mark.parametrize("name", MULTI_TURN)
def test_history_goes_back_after_a_tool_ran(start: Start, tmp_path: Path, name: str) -> None:
    program, times = MULTI_TURN[name]
    server = start(default_stream=False)
    assert said(server, tmp_path, f"TURNS = {TURNS!r}\n{program}") == ANSWERS * times
