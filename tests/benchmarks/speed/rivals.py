"""What a user could run instead of eugpt: short scripts, and programs in throw-away environments."""

import os
import subprocess
import venv
from pathlib import Path

# Where click is installed, importing httpx also loads httpx's own command line, with click and rich. These do without
# it, so that no ratio is better for what else is installed.
BARE = "import sys; sys.modules['httpx._main'] = None; "
LOOP = """
import os, sys
sys.modules["httpx._main"] = None
import httpx
body = {"input": "x", "stream": True}
with httpx.stream("POST", sys.argv[1] + "/responses", json=body) as response:
    for piece in response.iter_raw():
        os.write(1, piece)
"""
APP = """
import typer
app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
for n in range(%d):
    app.command(f"command{n}")(lambda: None)
typer.main.get_command(app)
"""
SCRIPT = """
import json, sys
sys.modules["httpx._main"] = None
import httpx, typer
def main(url: str) -> None:
    with httpx.stream("POST", url + "/responses", json={"input": "x", "stream": True}, timeout=None) as response:
        for line in response.iter_lines():
            if line.startswith("data: ") and (event := json.loads(line[6:]))["type"] == "response.output_text.delta":
                print(event["delta"], end="", flush=True)
typer.run(main)
"""
HTTPX_SSE = """
import sys, httpx
from httpx_sse import connect_sse
with httpx.Client(timeout=None) as client:
    with connect_sse(client, "POST", sys.argv[1] + "/responses", json={"input": "x", "stream": True}) as source:
        for event in source.iter_sse():
            print(event.data, flush=True)
"""
OPENAI = """
import sys
from openai import OpenAI
client = OpenAI(api_key="x", base_url=sys.argv[1])
for event in client.responses.create(model="auto", input="x", stream=True):
    if event.type == "response.output_text.delta":
        print(event.delta, end="", flush=True)
"""
PACKAGES = {"llm": ["llm"], "openai": ["openai"], "httpx-sse": ["httpx-sse", "httpx==0.28.*"]}


def environments(folder: Path) -> dict[str, Path]:
    """The `bin` folders of the packages' environments, which are made where they are missing."""
    found = {}
    for name, packages in PACKAGES.items():
        home = folder / name
        if not home.exists():
            venv.create(home, with_pip=True)
            subprocess.run([home / "bin" / "pip", "install", "-q", *packages], check=True)
        found[name] = home / "bin"
    return found


def llm_settings(folder: Path, base_url: str) -> dict[str, str]:
    """The environment in which `llm -m bench` asks our server."""
    lines = ["- model_id: bench", "  model_name: bench", f'  api_base: "{base_url}"', ""]
    (folder / "extra-openai-models.yaml").write_text("\n".join(lines))
    return {
        "LLM_USER_PATH": str(folder),
        "OPENAI_API_KEY": "x",
        "HOME": str(folder),
        "LANG": os.environ.get("LANG", "C"),
    }
