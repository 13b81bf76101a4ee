"""OpenAI's SDK for JavaScript and the AI SDK against the local server."""

import os
import subprocess
from pathlib import Path

import pytest

from .clients import MODULES
from .conftest import Server, Start

OPENAI = """
import OpenAI from "openai";
const client = new OpenAI({ apiKey: process.env.EUGPT_API_KEY, baseURL: process.env.EUGPT_BASE_URL, maxRetries: 0 });
const response = await client.responses.create({ model: "auto", input: "What is 6 * 7?", stream: false });
console.log(response.output_text);
const stream = await client.responses.create({ model: "auto", input: "What is 6 * 7?", stream: true });
let text = "", last = "";
for await (const event of stream) {
  if (event.type === "response.output_text.delta") text += event.delta;
  last = event.type;
}
console.log(text, last);
const helper = client.responses.stream({ model: "auto", input: "What is 6 * 7?" });
for await (const event of helper) last = event.type;
console.log((await helper.finalResponse()).output_text);
for (const [more, key] of [[{ input: "" }], [{ input: "x" }, "wrong"], [{ input: "x", project_id: process.env.P }],
    [{ input: "x", conversation_id: process.env.P }], [{ input: "word ".repeat(500) }], [{ input: "break" }]]) {
  try {
    await (key ? client.withOptions({ apiKey: key }) : client).responses.create({ model: "auto", ...more });
  } catch (error) { console.log(error.constructor.name, error.status); }
}
"""

AI_SDK = """
import { createOpenAI } from "@ai-sdk/openai";
import { generateText, streamText } from "ai";
const provider = createOpenAI({ apiKey: process.env.EUGPT_API_KEY, baseURL: process.env.EUGPT_BASE_URL });
const model = provider.responses("auto");
console.log((await generateText({ model, prompt: "What is 6 * 7?", maxRetries: 0 })).text);
const onError = ({ error }) => console.log(error);
const result = streamText({ model, prompt: "What is 6 * 7?", maxRetries: 0, onError });
let text = "";
for await (const piece of result.textStream) text += piece;
console.log(text, await result.finishReason);
"""

TURNS = """
const turns = ["What is 6 * 7?", "My boat is called Petrel.", "What is 2 + 2?", "What is my boat called?"];
"""
ANSWERS = [
    "6 * 7 = 42",
    "Noted: My boat is called Petrel.",
    "2 + 2 = 4",
    "You said earlier: “My boat is called Petrel.”",
]

OPENAI_TURNS = """
import OpenAI from "openai";
const client = new OpenAI({ apiKey: process.env.EUGPT_API_KEY, baseURL: process.env.EUGPT_BASE_URL, maxRetries: 0 });
for (const stream of [false, true]) {
  const input = [];
  for (const text of turns) {
    input.push({ role: "user", content: text });
    const response = stream
      ? await client.responses.stream({ model: "auto", input }).finalResponse()
      : await client.responses.create({ model: "auto", input, stream: false });
    input.push(...response.output);
    console.log(response.output_text);
  }
}
"""

AI_SDK_TURNS = """
import { createOpenAI } from "@ai-sdk/openai";
import { generateText, streamText } from "ai";
const provider = createOpenAI({ apiKey: process.env.EUGPT_API_KEY, baseURL: process.env.EUGPT_BASE_URL });
const model = provider.responses("auto");
globalThis.AI_SDK_LOG_WARNINGS = false;
for (const options of [{}, { providerOptions: { openai: { store: false } } }]) {
  for (const ask of [generateText, streamText]) {
    const messages = [];
    for (const text of turns) {
      messages.push({ role: "user", content: text });
      const onError = ({ error }) => console.log(error);
      const result = await ask({ model, messages, maxRetries: 0, onError, ...options });
      console.log(await result.text);
      messages.push(...(await result.response).messages);
    }
  }
}
"""

PROJECT = "1c8b9a7f-2d3e-4f5a-9b8c-7d6e5f4a3b2c"


def node(server: Server, folder: Path, program: str) -> str:
    """What a program prints that runs with the modules at hand."""
    (folder / "node_modules").symlink_to(MODULES, target_is_directory=True)
    (folder / "program.mjs").write_text(program)
    environ = {**os.environ, "EUGPT_BASE_URL": server.base_url, "EUGPT_API_KEY": server.key, "P": PROJECT}
    run = subprocess.run(["node", "program.mjs"], cwd=folder, env=environ, capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def test_openai_for_javascript(start: Start, tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text('[[request]]\nmatch = "break"\nstatus = 500\n')
    (tmp_path / "keys.toml").write_text('[[keys]]\nkey = "eugpt_a"\nprojects = []\n')
    (tmp_path / "docs").mkdir()
    server = start(
        keys=str(tmp_path / "keys.toml"),
        scenario=str(tmp_path / "s.toml"),
        projects={PROJECT: str(tmp_path / "docs")},
        daily_tokens=400,
    )
    assert node(server, tmp_path, OPENAI).splitlines() == [
        "6 * 7 = 42",
        "6 * 7 = 42 response.completed",
        "6 * 7 = 42",
        "BadRequestError 400",
        "AuthenticationError 401",
        "PermissionDeniedError 403",
        "NotFoundError 404",
        "RateLimitError 429",
        "InternalServerError 500",
    ]


def test_ai_sdk(start: Start, tmp_path: Path) -> None:
    server = start(default_stream=False)
    assert node(server, tmp_path, AI_SDK).splitlines() == ["6 * 7 = 42", "6 * 7 = 42 stop"]


@pytest.mark.parametrize(("program", "times"), [(OPENAI_TURNS, 2), (AI_SDK_TURNS, 4)], ids=["openai", "ai-sdk"])
def test_history_goes_back_after_a_tool_ran(start: Start, tmp_path: Path, program: str, times: int) -> None:
    server = start(default_stream=False)
    assert node(server, tmp_path, TURNS + program).splitlines() == ANSWERS * times
