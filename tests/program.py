"""Runs the installed eugpt as a process, with nothing of the caller's environment."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

KEY = "eugpt_test-key-0123456789"
EUGPT = str(Path(sys.executable).with_name("eugpt"))


def eugpt(
    *arguments: str,
    base_url: str | None = None,
    stdin: bytes | None = None,
    env: Mapping[str, str | None] | None = None,
    timeout: float = 60,
) -> subprocess.CompletedProcess[bytes]:
    """Runs it to its end; without `stdin` there is none (/dev/null)."""
    variables: dict[str, str | None] = {
        "PATH": os.defpath,
        "EUGPT_API_KEY": KEY,
        "EUGPT_BASE_URL": base_url,
        **(env or {}),
    }
    return subprocess.run(
        [EUGPT, *arguments],
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        env={name: value for name, value in variables.items() if value is not None},
        timeout=timeout,
        check=False,
    )
