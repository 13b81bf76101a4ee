"""`commands/serve.py`: options become the server's configuration, and its complaints become ours."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pexpect  # type: ignore[import-untyped]

from tests.support.program import EUGPT

PROGRAM = """
import json, sys
from types import SimpleNamespace
from eugpt_cli.commands import serve
from eugpt_cli.system.console import Console
from eugpt_cli.errors import ConfigError
names = "keys key state project web file daily_tokens monthly_tokens scenario record upstream".split()
names += "replay ca_file journal cors".split()
options = dict.fromkeys(names) | dict(host="127.0.0.1", port=0, default_stream="true", verbose=False)
options |= dict(strict=False, command=[])
sys.modules.update(dict.fromkeys(json.loads(sys.argv[1]).pop("missing", [])))
given = json.loads(sys.argv[1])
given.pop("missing", None)
try:
    sys.exit(serve.run(SimpleNamespace(**options | given), Console()))
except ConfigError as error:
    sys.exit(f"{error.exit.number} {error.message} | {error.hint}")
"""


def serve(**options: Any) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-c", PROGRAM, json.dumps(options)]
    return subprocess.run(line, capture_output=True, text=True, timeout=20)


def test_options_reach_the_server(tmp_path: Path) -> None:
    uuid = "1C8B9A7F-2d3e-4f5a-9b8c-7d6e5f4a3b2c"
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.md").write_text("The tide table is printed in March.")
    post = (
        "import os, urllib.request as u;"
        "h = {'Authorization': 'Bearer eugpt_mine', 'Content-Type': 'application/json'};"
        f"""b = b'{{"input": "When is the tide table printed?", "project_id": "{uuid}"}}';"""
        "print(u.urlopen(u.Request(os.environ['EUGPT_BASE_URL'] + '/responses', b, h)).read().decode())"
    )
    run = serve(
        key="eugpt_mine",
        default_stream="false",
        project=[f"{uuid}={tmp_path / 'docs'}"],
        command=[sys.executable, "-c", post],
    )
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout)["output_text"] == "The tide table is printed in March.\n\nSource: a.md:1"


def test_commands_side_by_side_do_not_meet() -> None:
    run = serve(port=None, command=[sys.executable, "-c", "import os; print(os.environ['EUGPT_BASE_URL'])"])
    assert run.returncode == 0
    assert ":8399" not in run.stdout


def test_a_wrong_pair_is_said() -> None:
    for pair in ("docs=/tmp", "1c8b9a7f-2d3e-4f5a-9b8c-7d6e5f4a3b2c="):
        run = serve(project=[pair])
        assert run.stderr == f"30 --project {pair}: not of the form UUID=PATH | None\n"


def test_a_command_that_is_not_there_is_127() -> None:
    run = serve(command=["no-such-command-here"])
    assert (run.returncode, run.stdout) == (127, "")
    assert run.stderr == "eugpt: serve: no-such-command-here: command not found\n"


def test_on_a_terminal_it_says_what_to_do_and_ends_by_ctrl_c() -> None:
    with pexpect.spawn(EUGPT, ["serve", "--port", "0"], timeout=30) as terminal:
        terminal.expect("export EUGPT_BASE_URL=http.*export EUGPT_API_KEY=eugpt_.*Ctrl-C ends the server")
        terminal.sendintr()
        terminal.expect(pexpect.EOF)
    assert terminal.signalstatus == signal.SIGINT, "so that a shell's loop stops too"


def test_missing_packages_are_named_with_what_brings_them() -> None:
    run = serve(missing=["aiohttp"])
    assert run.stderr == f"30 serve needs the package aiohttp | {sys.executable} -m pip install aiohttp pydantic\n"
