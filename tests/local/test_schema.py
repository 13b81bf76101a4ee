"""schemathesis against /openapi.json: no server error and no undocumented answer."""

import os
import subprocess
from pathlib import Path

from .clients import PYTHON
from .conftest import Start


def test_schemathesis_finds_nothing(start: Start, tmp_path: Path) -> None:
    server = start()
    root = server.base_url.removesuffix("/v1")
    words = [f"{root}/openapi.json", "--header", f"Authorization: Bearer {server.key}", "--max-examples", "40"]
    words += ["--checks", "all", "--no-color", "--generation-database", "none", "--seed", "1"]
    run = subprocess.run(
        [PYTHON / "schemathesis", "run", *words],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONUTF8": "1"},
    )
    assert run.returncode == 0, run.stdout + run.stderr
