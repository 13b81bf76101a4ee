"""How many requests of a batch are under way, in which order, and what ends them all: quota, errors, time, signals."""

import fcntl
import re
import signal
import threading
from pathlib import Path

import pytest

from tests.support.batches import by_id, ndjson, numbered, rows, rows_of, start, until
from tests.support.forked_program import eugpt
from tests.support.manyserver import Body, Many, Reply, document, echo, refusal, serving

AGAIN = refusal(503, "too much", Retry_After="0")


def test_twelve_at_once_and_never_more() -> None:
    full = threading.Barrier(12)

    def answer(body: Body) -> Reply:
        if int(body["input"].split()[1]) < 120:
            full.wait(60)  # only all twelve together get on
        return echo(body)

    with serving(answer) as server:
        run = eugpt("batch", "-j", "12", base_url=server.base_url, stdin=ndjson(numbered(240)))
    assert (run.returncode, len(rows(run.stdout)), server.most) == (0, 240, 12)


def test_it_falls_by_half_and_recovers_one_by_one(tmp_path: Path) -> None:
    """Twelve are there, one is pushed back: seven of the others have to end before another comes; then all recover."""
    source = tmp_path / "items"
    source.write_bytes(ndjson(numbered(400)))
    full, gate, pushed = threading.Barrier(12), threading.Semaphore(0), threading.Event()

    def answer(body: Body) -> Reply:
        number = int(body["input"].split()[1])
        if number == 0 and not pushed.is_set():
            full.wait(60)
            pushed.set()
            return AGAIN
        if 0 < number < 12:
            full.wait(60)
            gate.acquire(timeout=60)
        elif number >= 280:
            full.wait(60)  # only twelve together get on
        return echo(body)

    with serving(answer) as server:
        process = start("-v", "-j", "12", str(source), base_url=server.base_url)
        assert process.stderr
        told = process.stderr.readline() + process.stderr.readline()
        gate.release(5)
        until(lambda: server.under_way == 6)
        threading.Event().wait(0.2)
        assert len(server.received) == 12
        gate.release(6)
        output, rest = process.communicate(timeout=60)
    assert process.returncode == 0
    assert len(by_id(rows(output))) == 400
    assert server.most == 12
    trace = [int(limit) for limit in re.findall(r"^\* concurrency is now (\d+)$", (told + rest).decode(), re.MULTILINE)]
    assert trace == [6, 7, 8, 9, 10, 11, 12]


@pytest.mark.parametrize("status", [503, 429])
def test_pushed_back_for_good_is_a_row(status: int) -> None:
    reply = refusal(status, Retry_After="0")
    with serving(lambda body: reply if body["input"] == "prompt 1" else echo(body)) as server:
        run = eugpt("batch", "-j2", base_url=server.base_url, stdin=ndjson(numbered(20)))
    found = by_id(rows(run.stdout))
    assert (run.returncode, len(found)) == (90, 20)
    assert (found["item-1"]["error"]["http_status"], found["item-1"]["attempts"]) == (status, 3)


@pytest.mark.parametrize("headers", [{}, {"Retry_After": "86400"}])
def test_a_quota_ends_it(headers: dict[str, str], tmp_path: Path) -> None:
    output = tmp_path / "rows"
    quota = refusal(429, "monthly tokens used up", **headers)
    with serving(lambda body: quota if len(server.received) > 20 else echo(body)) as server:
        run = eugpt("batch", "-o", str(output), "-j4", base_url=server.base_url, stdin=ndjson(numbered(200)))
        asked = len(server.received)
    assert run.returncode == 49
    assert b"eugpt: quota: monthly tokens used up (HTTP 429)" in run.stderr
    assert 21 <= asked <= 24
    assert len(by_id(rows_of(output))) == asked


def test_max_errors_ends_it() -> None:
    with serving(lambda body: refusal(400)) as server:
        run = eugpt("batch", "-j1", "--max-errors", "3", base_url=server.base_url, stdin=ndjson(numbered(50)))
    assert (run.returncode, len(rows(run.stdout)), len(server.received)) == (90, 3, 3)
    assert b"stopped by --max-errors" in run.stderr


def test_max_time_ends_it_at_once(tmp_path: Path) -> None:
    output = tmp_path / "rows"
    gate = threading.Event()

    def answer(body: Body) -> Reply:
        if body["input"] != "prompt 0":
            gate.wait(60)
        return echo(body)

    with serving(answer) as server:
        run = eugpt("batch", "-o", str(output), "--max-time", "2", base_url=server.base_url, stdin=ndjson(numbered(9)))
        gate.set()
    assert run.returncode == 61
    assert by_id(rows_of(output)).keys() <= {"item-0"}, "on a slow machine not even that"


def test_the_timeout_is_for_an_item() -> None:
    gate = threading.Event()

    def answer(body: Body) -> Reply:
        if body["input"] == "prompt 0":
            gate.wait(60)
        return echo(body)

    with serving(answer) as server:
        run = eugpt(
            "batch", "--timeout", "1", "--retries", "0", base_url=server.base_url, stdin=ndjson(numbered(3)), timeout=50
        )
        gate.set()
    assert run.returncode == 90
    assert by_id(rows(run.stdout))["item-0"]["error"]["kind"] == "timeout"


def test_items_of_a_conversation_run_in_order_one_at_a_time() -> None:
    ids = [f"8f14e45f-ceea-467a-a4ed-a9e9a5cb16e{n}" for n in range(3)]
    items = [{"input": f"{n}", "conversation_id": ids[n % 3]} for n in range(60)]
    under_way = dict.fromkeys(ids, 0)
    most = dict.fromkeys(ids, 0)

    def answer(body: Body) -> Reply:
        name = body["conversation_id"]
        under_way[name] += 1
        most[name] = max(most[name], under_way[name])
        threading.Event().wait(0.002)
        under_way[name] -= 1
        return echo(body)

    with serving(answer) as server:
        run = eugpt("batch", base_url=server.base_url, stdin=ndjson(items))
    assert (run.returncode, len(rows(run.stdout))) == (0, 60)
    assert set(most.values()) == {1}
    for n, name in enumerate(ids):
        seen = [int(body["input"]) for body in server.received if body["conversation_id"] == name]
        assert seen == list(range(n, 60, 3))


def test_a_conversation_by_its_name_and_under_its_lock(tmp_path: Path) -> None:
    ids = [f"8f14e45f-ceea-467a-a4ed-a9e9a5cb16e{n}" for n in range(2)]
    state = {"XDG_STATE_HOME": str(tmp_path)}
    items = [{"custom_id": text, "input": text, "conversation_id": text} for text in ("diary", "unknown", ids[1])]
    locks = tmp_path / "eugpt" / "locks"
    locks.mkdir(parents=True)
    with serving() as server, open(locks / ids[1], "w") as held:
        assert eugpt("conversation", "name", "diary", ids[0], env=dict(state), base_url=server.base_url).returncode == 0
        fcntl.flock(held, fcntl.LOCK_EX)
        run = eugpt("batch", "--lock-wait", "0", base_url=server.base_url, stdin=ndjson(items), env=dict(state))
    found = by_id(rows(run.stdout))
    assert run.returncode == 90
    assert [body["conversation_id"] for body in server.received] == [ids[0]]
    assert found["diary"]["ok"]
    assert (found["unknown"]["error"]["exit"], found[ids[1]]["error"]["exit"]) == (30, 33)
    assert found["unknown"]["error"]["message"].startswith("line 2: no conversation is named unknown")


class Held:
    """A server that answers five items and holds the eight after them, and a batch over it."""

    def __init__(self, server: Many, output: Path) -> None:
        self.gate = threading.Event()
        server.answer = self._answer
        source = output.with_name("items")
        source.write_bytes(ndjson(numbered(100)))
        self.server = server
        self.process = start(str(source), "-o", str(output), base_url=server.base_url)
        until(lambda: len(server.received) == 13 and output.read_bytes().count(b"\n") == 5)

    def _answer(self, body: Body) -> Reply:
        if int(body["input"].split()[1]) >= 5:
            self.gate.wait(60)
        return echo(body)

    def interrupt(self) -> str:
        """The line that says that it has understood."""
        assert self.process.stderr
        self.process.send_signal(signal.SIGINT)
        return self.process.stderr.readline().decode()


def test_one_sigint_waits_for_what_is_under_way(tmp_path: Path) -> None:
    output = tmp_path / "rows"
    with serving() as server:
        held = Held(server, output)
        assert "stopping: waiting for 8 requests in flight" in held.interrupt()
        held.gate.set()
        _, rest = held.process.communicate(timeout=60)
        assert held.process.returncode == -signal.SIGINT
        assert len(server.received) == 13
        assert rest.startswith(b"eugpt: batch: 13 items")
    assert by_id(rows_of(output)).keys() == {f"item-{n}" for n in range(13)}


def test_a_second_sigint_ends_it_at_once(tmp_path: Path) -> None:
    output = tmp_path / "rows"
    with serving() as server:
        held = Held(server, output)
        held.interrupt()
        held.process.send_signal(signal.SIGINT)
        held.process.communicate(timeout=60)  # the server still holds its eight
        assert held.process.returncode == -signal.SIGINT
        held.gate.set()
        assert by_id(rows_of(output)).keys() == {f"item-{n}" for n in range(5)}
        again = eugpt("batch", str(tmp_path / "items"), "-o", str(output), "--resume", base_url=server.base_url)
    assert again.returncode == 0
    assert len(by_id(rows_of(output))) == 100


def test_the_reader_leaves(tmp_path: Path) -> None:
    source = tmp_path / "items"
    source.write_bytes(ndjson(numbered(500)))
    with (
        serving(lambda body: document("x" * 1000)) as server,
        start(str(source), base_url=server.base_url) as process,
    ):
        assert process.stdout
        assert process.stderr
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(60) == -signal.SIGPIPE
        assert b"Traceback" not in process.stderr.read()
