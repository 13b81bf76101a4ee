"""What whoever starts eugpt has done to its signals: a status is still a status, and a limit still a limit."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.program import EUGPT, KEY, PATIENCE_SECONDS, PYTHON, environment
from tests.support.rawserver import Script, held_open, http, serving

ANSWER = http(b'{"id":"r","status":"completed","output_text":"1"}')
ITEM = b'{"custom_id":"a","input":"x"}\n'
IGNORED = "signal.signal(signal.SIGCHLD, signal.SIG_IGN)"
BLOCKED = "signal.pthread_sigmask(signal.SIG_BLOCK, set(signal.Signals))"
STATES = [IGNORED, BLOCKED, f"{IGNORED}; {BLOCKED}"]
DOUBLING = {
    "$ref": "#/$defs/0",
    "$defs": {str(n): {"allOf": [{"$ref": f"#/$defs/{n + 1}"}] * 2} for n in range(40)} | {"40": {"type": "string"}},
}


def executing(state: str, *words: str) -> list[str]:
    """A command: a process in that state of its signals executes the program, which stays in it."""
    script = f"import os, signal, sys; {state}; os.execv(sys.argv[1], sys.argv[1:])"
    return [sys.executable, "-c", script, *words]


def begun(
    state: str, *words: str, base_url: str, stdin: bytes = b"", **env: str | None
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        executing(state, *words),
        input=stdin,
        capture_output=True,
        env=environment(base_url, env),
        timeout=PATIENCE_SECONDS,
        check=False,
    )


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize(
    ("check", "code"), [("true", 0), ("false", 82), ("exit 7", 82), ("no-such-command", 30), ("kill -9 $$", 30)]
)
def test_a_check_decides(state: str, check: str, code: int, tmp_path: Path) -> None:
    old = tmp_path / "old"
    old.write_text("yesterday's\n")
    with serving(ANSWER) as server:
        run = begun(state, EUGPT, "ask", "x", "-o", str(old), "--check", check, base_url=server.base_url)
    assert (run.returncode, old.read_text()) == (code, "yesterday's\n" if code else "1\n"), run.stderr


@pytest.mark.parametrize("state", STATES)
def test_a_check_decides_in_a_batch(state: str) -> None:
    with serving(ANSWER) as server:
        run = begun(state, EUGPT, "batch", "--check", "false", base_url=server.base_url, stdin=ITEM)
    assert (run.returncode, json.loads(run.stdout)["error"]["exit"]) == (90, 82)


@pytest.mark.parametrize("state", STATES)
def test_a_key_command_that_failed_gives_no_key(state: str, tmp_path: Path) -> None:
    (tmp_path / "eugpt").mkdir()
    (tmp_path / "eugpt" / "config.toml").write_text(f'[profile.default]\napi_key_command = "echo {KEY}; exit 1"\n')
    with serving(ANSWER) as server:
        run = begun(
            state, EUGPT, "ask", "x", base_url=server.base_url, EUGPT_API_KEY=None, XDG_CONFIG_HOME=str(tmp_path)
        )
        assert (run.returncode, server.received) == (30, [])
    assert b"api_key_command failed with 1" in run.stderr


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize(("schema", "code"), [({"type": "integer"}, 0), ({"type": "string"}, 82)])
def test_a_schema_decides(state: str, schema: object, code: int, tmp_path: Path) -> None:
    (tmp_path / "schema").write_text(json.dumps(schema))
    with serving(ANSWER) as server:
        run = begun(state, EUGPT, "ask", "x", "--schema", str(tmp_path / "schema"), base_url=server.base_url)
    assert run.returncode == code
    assert len(run.stderr.splitlines()) == bool(code)


@pytest.mark.parametrize("state", STATES)
def test_the_alarm_ends_a_schema_that_takes_for_ever(state: str, tmp_path: Path) -> None:
    """Rung by hand: the limit of 10 s of one processor is waited for once, in test_checked."""
    (tmp_path / "schema").write_text(json.dumps(DOUBLING))
    words = executing(state, EUGPT, "ask", "x", "--schema", str(tmp_path / "schema"))
    with (
        serving(ANSWER) as server,
        subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment(server.base_url)
        ) as run,
    ):
        server.wait()
        (validator,) = subprocess.run(["pgrep", "-P", str(run.pid)], capture_output=True, check=True).stdout.split()
        os.kill(int(validator), signal.SIGALRM)
        _, told = run.communicate(timeout=5)
    assert run.returncode == 30
    assert b"takes more than 10 s" in told


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("code", [0, 7])
def test_a_command_of_the_server_ends_with_its_own_code(state: str, code: int) -> None:
    run = begun(state, EUGPT, "serve", "--", "sh", "-c", f"exit {code}", base_url="")
    assert (run.returncode, run.stdout, run.stderr) == (code, b"", b"")


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize(("play", "check"), [(ANSWER, "sleep 60"), (held_open(b"HTTP/1.1 200 OK\r\n"), "true")])
def test_the_time_limit_ends_the_run(state: str, play: Script, check: str) -> None:
    with serving(play) as server:
        run = begun(state, EUGPT, "ask", "x", "--max-time", "1", "--check", check, base_url=server.base_url)
    assert (run.returncode, run.stdout) == (61, b"")


@pytest.mark.parametrize("state", STATES)
def test_a_check_has_the_signals_of_a_new_session(state: str) -> None:
    """Its own children and alarms are its own matter: `sh` that cannot wait for a child takes a failure for success."""
    check = "sh -c 'exit 3' & wait $! || grep Sig /proc/self/status >&2; exit 1"
    with serving(ANSWER) as server:
        run = begun(state, EUGPT, "ask", "x", "-v", "--check", check, base_url=server.base_url)
    sets = dict(re.findall(r"check: (Sig\w+):.*([0-9a-f]{16})", run.stderr.decode()))
    needed = sum(1 << number - 1 for number in (1, 2, 14, 15, 17))
    assert int(sets["SigIgn"], 16) & needed == int(sets["SigBlk"], 16) & needed == 0


@pytest.mark.parametrize("call", ["check('{}', {{}}, b'')", "capture(['sh', '-c', '{}'], {{}})"])
@pytest.mark.parametrize("command", ["true", "false"])
def test_an_unknown_end_is_no_success(call: str, command: str) -> None:
    """Whoever else in the process takes a status leaves none for us."""
    code = f"import signal; {IGNORED}; from eugpt_cli.system import subprocesses; subprocesses.{call.format(command)}"
    run = subprocess.run([PYTHON, "-c", code], capture_output=True, timeout=PATIENCE_SECONDS, check=False)
    assert run.stderr.splitlines()[-1].endswith(b"nobody knows how it ended")
