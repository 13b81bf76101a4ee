"""A batch beyond one machine, by the README's lines: a Slurm array, GNU parallel over ssh, a Job of Kubernetes."""

import fcntl
import os
import shutil
import signal
import subprocess
import threading
import time
from itertools import chain
from pathlib import Path

import pytest

from tests.support.batches import Row, by_id, ndjson, rows_of, until
from tests.support.cluster import ask, has_slurm, program, slurm, sshd
from tests.support.documents import blocks
from tests.support.manyserver import Body, Many, Reply, echo, serving
from tests.support.program import EUGPT, KEY, eugpt

SHARES = (1, 2, 3, 4)
ITEMS = 400
FREE = 40  # answered before all wait: fewer than any share has, so that none is done before
TALK = "8f14e45f-ceea-467a-a4ed-a9e9a5c{:05}"
ITEM = ndjson(
    {"custom_id": f"item-{n}", "input": f"prompt {n}", **({"conversation_id": TALK.format(n)} if n % 4 == 0 else {})}
    for n in range(ITEMS)
)
(BEYOND,) = (block for block in blocks() if block.startswith("# GNU parallel"))
PARALLEL, SLURM, KUBERNETES = (part.partition("\n")[2] for part in BEYOND.strip().split("\n\n"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "items.ndjson").write_bytes(ITEM)
    return tmp_path


def environment(server: Many, folder: Path, **more: str) -> dict[str, str]:
    """What the jobs inherit; locks of conversations need a state folder."""
    return {
        "PATH": f"{Path(EUGPT).parent}:{os.defpath}:/usr/sbin",
        "HOME": str(folder),
        "EUGPT_API_KEY": KEY,
        "EUGPT_BASE_URL": server.base_url,
        **more,
    }


def sh(script: str, folder: Path, environ: dict[str, str]) -> str:
    run = subprocess.run(
        ["sh", "-c", script], cwd=folder, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=300, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run
    return run.stdout


def merged(folder: Path, first: int = 1) -> dict[str, Row]:
    """The rows of all shares, each of which has some."""
    shares = [rows_of(folder / f"rows.{number - 1 + first}.ndjson") for number in SHARES]
    assert all(shares)
    return by_id([*chain(*shares)])


def check(folder: Path, server: Many, found: dict[str, Row], *, held: int = 0) -> None:
    """They are the rows that one run has, but for what a kill leaves open; and no turn was sent twice."""
    turns = [body["input"] for body in server.received if "conversation_id" in body]
    assert len(turns) == len(set(turns))
    open_ = {name for name, row in found.items() if row.get("may_be_stored")}
    assert len(open_) <= held
    whole = folder / "whole.ndjson"
    run = eugpt("batch", str(folder / "items.ndjson"), "-o", str(whole), base_url=server.base_url)
    assert run.returncode == 0
    wanted = by_id(rows_of(whole))
    assert found.keys() == wanted.keys()
    assert len(wanted) == ITEMS
    assert {n: facts(row) for n, row in found.items() if n not in open_} == {
        n: facts(row) for n, row in wanted.items() if n not in open_
    }


def is_free(path: Path) -> bool:
    """Whether no run writes it."""
    with path.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def facts(row: Row) -> Row:
    """A row but for what the clock says."""
    return {name: value for name, value in row.items() if name not in ("seconds", "at")}


class Gate:
    """A server that answers so many requests and holds the others until it is opened."""

    def __init__(self, server: Many, free: int) -> None:
        self._server = server
        self._free = free
        self._event = threading.Event()
        self.open = self._event.set
        server.answer = self._answer

    def _answer(self, body: Body) -> Reply:
        if len(self._server.received) > self._free:
            self._event.wait(120)
        return echo(body)


@pytest.mark.skipif(not has_slurm(), reason="Slurm is not installed, or this is not root")
def test_slurm_with_a_requeue_in_the_middle_of_a_share(folder: Path) -> None:
    (folder / "slurm").mkdir(mode=0o700)
    with slurm(folder / "slurm") as cluster, serving() as server:
        gate = Gate(server, FREE)
        environ = environment(server, folder, **{name: cluster[name] for name in cluster if name != "PATH"})
        job = sh(SLURM, folder, environ).split()[-1]
        until(lambda: server.under_way >= 4 * 8)
        ask(["scontrol", "requeue", f"{job}_2"], cluster)
        until(lambda: f"{job}_2 PENDING" in ask(["squeue", "-h", "-o", "%i %T"], cluster))
        gate.open()
        until(lambda: is_free(folder / "rows.2.ndjson"))  # on SIGTERM it waits for its requests
        time.sleep(2)  # Slurm revokes what was allowed up to this second
        ask(["scontrol", "update", f"jobid={job}_2", "StartTime=now"], cluster)
        until(lambda: not ask(["squeue", "-h"], cluster).strip())
        assert "Restarts=1" in ask(["scontrol", "show", "job", f"{job}_2"], cluster)
        found = merged(folder)
        check(folder, server, found, held=8)
        rest = {row["conversation_id"] for row in found.values() if row.get("may_be_stored")}
        assert {row["conversation_id"] for row in found.values() if not row["ok"]} == rest


NO_SSH = not (shutil.which("parallel") and shutil.which("ssh") and program("sshd"))


@pytest.mark.skipif(NO_SSH, reason="GNU parallel or OpenSSH's server is not installed")
def test_gnu_parallel_over_two_hosts(folder: Path) -> None:
    (folder / "ssh").mkdir(mode=0o700)
    with serving() as server:
        environ = environment(server, folder)
        with sshd(folder / "ssh", **environ) as hosts:
            (folder / "hosts").write_text(hosts)
            for _ in ("once", "and nothing again"):
                sh(PARALLEL, folder, environ)
                assert len(server.received) == ITEMS
        check(folder, server, merged(folder))


def test_kubernetes_with_a_container_that_is_killed(folder: Path) -> None:
    """As its indexed Job sets the variables, and starts a container again that was killed."""
    command = f"exec {KUBERNETES.replace('/data', str(folder))}"
    with serving() as server:
        gate = Gate(server, FREE)

        def container(index: int) -> "subprocess.Popen[bytes]":
            variables = {"JOB_COMPLETION_INDEX": str(index), "JOB_COMPLETIONS": "4"}
            return subprocess.Popen(
                ["sh", "-c", command], env=environment(server, folder, **variables),
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip

        containers = [container(index) for index in range(4)]
        until(lambda: server.under_way >= 4 * 8)
        containers[1].kill()
        assert containers[1].wait(60) == -signal.SIGKILL
        gate.open()
        containers[1] = container(1)
        codes = [started.wait(120) for started in containers]
        found = merged(folder, first=0)
        held = sum(row.get("may_be_stored", False) for row in found.values())
        assert codes == [0, 90 if held else 0, 0, 0]
        check(folder, server, found, held=8)
