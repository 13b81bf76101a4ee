"""A forked run is what an executed one is: tables that fork the program test the program."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.fixtures import DOCUMENT, EVENTS
from tests.support import forked_program, program
from tests.support.rawserver import Script, held_open, http, serving, stream

# once it waits for the check: while it starts one, it holds signals back and has more descriptors
WORLD = r"""exec >&2
for n in $(seq 1000); do grep -q '^State:.S' /proc/$PPID/status && break; sleep 0.01; done
grep -E '^(Sig(Blk|Ign|Cgt)|Umask|Threads|Groups|[UG]id|CapEff|NoNewPrivs):' /proc/$PPID/status
sed 's/ *$//' /proc/$PPID/limits
readlink /proc/$PPID/cwd
ps -o pgid=,sid=,tty=,nice= -p $PPID
for fd in 0 1 2; do readlink /proc/$PPID/fd/$fd | sed 's/[0-9]*//g'; done
ls /proc/$PPID/fd | wc -l
env | sort
exit 1
"""


CHANGING = re.compile(r"\d+\.\d+(?= ?s\b|[,}])|\d+ ms\b|\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-][\d:]+)")  # times


def both(*arguments: str, script: Script, stdin: bytes | None = None, cwd: Path) -> list[list[str]]:
    """Exit code, standard output and error of an executed and of a forked run, without what no two runs share."""
    ends = []
    for eugpt in (program.eugpt, forked_program.eugpt):
        with serving(script) as server:
            run = eugpt(*arguments, base_url=server.base_url, stdin=stdin, cwd=cwd, env={"TZ": "Asia/Tokyo"})
        text = f"{run.returncode}\n{run.stdout.decode()}\n{run.stderr.decode()}".replace(str(server.port), "PORT")
        ends.append(CHANGING.sub("TIME", text).splitlines())
    return ends


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="it looks at /proc")
@pytest.mark.parametrize("stdin", [None, b"", b"text"])
def test_the_process_has_the_same_world(stdin: bytes | None, tmp_path: Path) -> None:
    executed, forked = both("ask", "x", "-v", "--check", WORLD, script=http(DOCUMENT), stdin=stdin, cwd=tmp_path)
    assert any("SigIgn" in line for line in executed)
    assert forked == executed


@pytest.mark.parametrize("command", ["ask", "stream", "raw-events", "chat", "batch --lines -j1", "config"])
@pytest.mark.parametrize(
    "script", [http(DOCUMENT), stream(*EVENTS), stream(*EVENTS[:-1]), http(b"{}", status="401"), b"", None]
)
def test_it_ends_in_the_same_way(command: str, script: Script | None, tmp_path: Path) -> None:
    options = ["--retries", "0"] if command != "config" else []
    if script is None:
        script, options = held_open(b"HTTP/1.1 200 OK\r\n"), [*options, *(["--timeout", "0.5"] if options else [])]
    executed, forked = both(*command.split(), *options, script=script, stdin=b"Hello\n", cwd=tmp_path)
    assert forked == executed


def test_one_that_hangs_is_ended() -> None:
    with serving(held_open(b"")) as server, pytest.raises(subprocess.TimeoutExpired):
        forked_program.eugpt("ask", "x", base_url=server.base_url, timeout=1)
