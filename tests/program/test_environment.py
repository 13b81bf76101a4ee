"""Poor surroundings, and many at once: everything is as usual. Section 9."""

import json
import os
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.fixtures import DOCUMENT, EVENTS, UUID
from tests.support.program import EUGPT, KEY, eugpt, shell
from tests.support.rawserver import http, serving, stream

HELLO = (0, b"Hello\n", b"")
COMMANDS = ["ask", "stream", "chat", "raw-events"]
SAYS = json.dumps({"type": "response.output_text.delta", "delta": "grüße \u2028\U0001f600"}, ensure_ascii=False)

# what is put before `eugpt`, with `env -i` and nothing but the key and the base URL; {home} cannot be written to
SURROUNDINGS = [
    "",
    "HOME={home}",
    "HOME=/nowhere",
    "HOME=",
    "HOME={home} XDG_CONFIG_HOME={home} XDG_STATE_HOME={home} XDG_CACHE_HOME={home} TMPDIR={home}",
    "PATH=/usr/bin:/bin",
    "PATH=",
    "LC_ALL=C",
    "LC_ALL=POSIX LANG=xx_YY.latin1",
    "LC_ALL=de_DE.ISO-8859-1 PYTHONUTF8=0 PYTHONCOERCECLOCALE=0",
    "PYTHONIOENCODING=ascii LANG=C",
    "GITHUB_ACTIONS=true",
    "GITHUB_ACTIONS=true CI=true FORCE_COLOR=1 CLICOLOR_FORCE=1 PY_COLORS=1",
    "TERM=dumb NO_COLOR=1 COLUMNS=1 LINES=1",
    "TERM=xterm-256color COLUMNS=x",
    "PYTHONWARNINGS=error PYTHONDEVMODE=1",
    "_EUGPT_COMPLETE=x",
]


@pytest.mark.parametrize("surroundings", SURROUNDINGS)
def test_surroundings(tmp_path: Path, surroundings: str) -> None:
    home = tmp_path / "home"
    home.mkdir()
    home.chmod(0o555)
    plain = "setpriv --bounding-set -dac_override,-dac_read_search" if os.geteuid() == 0 else ""
    with serving(stream(SAYS, EVENTS[-1])) as server:
        bare = f"{plain} env -i EUGPT_API_KEY={KEY} EUGPT_BASE_URL={server.base_url} {surroundings.format(home=home)}"
        run = shell(f"cd {home}; printf 'für\\n' | {bare} {EUGPT} stream é; {bare} {EUGPT} ask -I; echo $?")
    told = "grüße \u2028\U0001f600\n"
    assert (run.stdout.decode(), run.returncode) == (told + "2\n", 0)
    assert run.stderr.decode().splitlines()[0].startswith("eugpt: usage: nothing to send")
    assert b"\x1b" not in run.stderr
    assert len(run.stderr.splitlines()) == 2
    assert json.loads(server.received[0].body)["input"] == "é\n\nfür"
    assert list(tmp_path.rglob("*")) == [home]


@pytest.mark.parametrize("command", COMMANDS)
def test_nothing_but_the_key(command: str) -> None:
    with serving(stream(*EVENTS)) as server:
        env = {"EUGPT_API_KEY": KEY, "EUGPT_BASE_URL": server.base_url}
        run = subprocess.run(
            [EUGPT, command, "-I", "x"], env=env, cwd="/", capture_output=True, timeout=60, check=False
        )
    said = b"".join(f"{event}\n".encode() for event in EVENTS) if command == "raw-events" else b"Hello\n"
    assert (run.returncode, run.stdout, run.stderr) == (0, said, b"")


def test_a_folder_that_is_gone(tmp_path: Path) -> None:
    gone = f"mkdir {tmp_path}/gone; cd {tmp_path}/gone; rmdir {tmp_path}/gone; eugpt ask x"
    with serving(http(DOCUMENT)) as server:
        good = shell(gone, base_url=server.base_url)
        bad = shell(f"{gone} -o answer", base_url=server.base_url)
    assert (good.returncode, good.stdout, good.stderr) == HELLO
    assert (bad.returncode, bad.stdout, len(server.received)) == (32, b"", 1)
    assert bad.stderr.startswith(b"eugpt: output: answer cannot be written: ")
    many = shell(f"{gone.removesuffix('ask x')}batch --lines -o rows < /etc/passwd", base_url=server.base_url)
    assert (many.returncode, many.stdout, many.stderr.count(b"\n")) == (32, b"", 1)


def test_a_file_whose_name_is_no_text(tmp_path: Path) -> None:
    name = os.fsdecode(os.fsencode(tmp_path) + b"/\xff\x1b.txt")
    Path(name).write_text("inside")
    with serving(http(DOCUMENT)) as server:
        good = eugpt("ask", "-f", name, base_url=server.base_url)
        assert (good.returncode, good.stdout, good.stderr) == HELLO
        for form in ("text", "json"):
            bad = eugpt("ask", "--errors", form, "-f", f"{name}x", base_url=server.base_url)
            assert (bad.returncode, bad.stdout, bad.stderr.count(b"\n")) == (31, b"", 1)
            assert b"\x1b" not in bad.stderr
    assert json.loads(server.received[0].body)["input"].endswith("\ninside\n</file>")


@pytest.mark.skipif(sys.platform == "darwin", reason="its ulimit -v limits nothing")
def test_too_little_memory_or_too_few_files_are_no_defect() -> None:
    with serving(http(DOCUMENT)) as server:
        memory = shell("head -c 250000000 /dev/zero | tr '\\0' a | { ulimit -v 200000; eugpt ask; }")
        files = [shell(f"ulimit -n {n}; eugpt ask -I x -c {UUID}", base_url=server.base_url) for n in range(5, 9)]
    assert (memory.returncode, memory.stdout) == (30, b"")
    assert memory.stderr.startswith(b"eugpt: config: out of memory\nhint: ulimit -a ")
    assert not any(run.returncode == 1 or b"defect" in run.stderr for run in files), files


@pytest.mark.skipif(sys.platform == "darwin", reason="its ulimit -v limits nothing")
@pytest.mark.parametrize("words", ["ask -I x", "ask -I x --base-url https://127.0.0.1:1", "batch --lines /etc/passwd"])
def test_no_room_for_a_thread_is_no_defect(words: str) -> None:
    """The stack of a thread would be larger than all memory that the process may have."""
    with serving(http(DOCUMENT)) as server:
        run = shell(f"ulimit -s 4000000; ulimit -v 3000000; eugpt {words}", base_url=server.base_url)
    told = b"eugpt: config: too many threads\nhint: ulimit -a shows the limits of this shell\n"
    assert (run.returncode, run.stdout, run.stderr, server.connections) == (30, b"", told, 0)


def at_once(arguments: list[list[str]], base_url: str) -> list[tuple[int, bytes, bytes]]:
    """Many processes beside each other, each with its own arguments."""

    def one(words: list[str]) -> tuple[int, bytes, bytes]:
        run = eugpt(*words, base_url=base_url, timeout=60)
        return run.returncode, run.stdout, run.stderr

    with ThreadPoolExecutor(len(arguments)) as pool:
        return list(pool.map(one, arguments))


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_fifty_at_once(tmp_path: Path) -> None:
    everybody = threading.Barrier(50)

    def script(connection: socket.socket) -> None:
        everybody.wait(120)  # no answer until all have asked
        connection.sendall(stream(*EVENTS))

    names = [f"number-{n:02}" for n in range(50)]
    with serving(script) as server:
        runs = at_once([["stream", name, "-o", str(tmp_path / name)] for name in names], server.base_url)
    assert runs == [(0, b"", b"")] * 50
    assert contents(tmp_path) == dict.fromkeys(names, b"Hello\n")
    assert sorted(json.loads(request.body)["input"] for request in server.received) == names


def test_many_at_one_file(tmp_path: Path) -> None:
    with serving(stream(*EVENTS)) as server:
        runs = at_once([["ask", "x", "-o", str(tmp_path / "answer")]] * 10, server.base_url)
    assert (runs, contents(tmp_path)) == ([(0, b"", b"")] * 10, {"answer": b"Hello\n"})
