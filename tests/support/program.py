"""Runs eugpt as a process, with nothing of the caller's environment: the checkout's own, or the one that
EUGPT_TEST_PROGRAM names."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

KEY = "eugpt_test-key-0123456789"
NOBODY = "http://127.0.0.1:9/v1"
EUGPT = os.environ.get("EUGPT_TEST_PROGRAM") or str(Path(sys.executable).with_name("eugpt"))
PATIENCE_SECONDS = 30  # for one run that does nothing special
PYTHON = str(Path(EUGPT).with_name("python3"))  # the interpreter beside it, which has its modules


DEFAULTS: dict[str, str | None] = {}  # what the fixture `lane` adds to the environment of every run


def environment(base_url: str | None = None, env: Mapping[str, str | None] | None = None) -> dict[str, str]:
    """What a run gets to see: a path, the key, the base URL and `env`, where None takes one away.

    Without a base URL it is an address where nobody answers, so that no test calls the service. A profile may say
    another.
    """
    more = {**DEFAULTS, **(env or {})}
    address = base_url or (None if "XDG_CONFIG_HOME" in more else NOBODY)
    variables: dict[str, str | None] = {
        "PATH": os.defpath,
        "EUGPT_API_KEY": KEY,
        "EUGPT_BASE_URL": address,
        **more,
    }
    return {name: value for name, value in variables.items() if value is not None}


def eugpt(
    *arguments: str,
    base_url: str | None = None,
    stdin: bytes | None = None,
    env: Mapping[str, str | None] | None = None,
    timeout: float = PATIENCE_SECONDS,
    cwd: Path | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """Runs it to its end; without `stdin` there is none (/dev/null)."""
    return subprocess.run(
        [EUGPT, *arguments],
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        env=environment(base_url, env),
        timeout=timeout,
        cwd=cwd,
        check=False,
    )


def start(
    *arguments: str,
    base_url: str | None = None,
    env: Mapping[str, str | None] | None = None,
    stdin: int | None = subprocess.DEVNULL,
    stdout: int | None = subprocess.PIPE,
) -> subprocess.Popen[bytes]:
    """Runs it beside the test, which then feeds, watches or stops it; use it as a context manager."""
    return subprocess.Popen(
        [EUGPT, *arguments], stdin=stdin, stdout=stdout, stderr=subprocess.PIPE, env=environment(base_url, env)
    )


def shell(
    script: str, *, base_url: str | None = None, env: Mapping[str, str | None] | None = None, name: str = "sh"
) -> subprocess.CompletedProcess[bytes]:
    """Runs a shell script in which `eugpt` is the installed one."""
    variables = environment(base_url, {"PATH": f"{Path(EUGPT).parent}:{os.defpath}", **(env or {})})
    line, pipe = [name, "-c", script], subprocess.PIPE
    with subprocess.Popen(
        line, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, env=variables, process_group=0
    ) as run:
        try:
            stdout, stderr = run.communicate(timeout=PATIENCE_SECONDS)
        except BaseException:
            os.killpg(run.pid, signal.SIGKILL)  # what hangs is a child of the shell
            raise
    return subprocess.CompletedProcess(line, run.returncode, stdout, stderr)
