"""Measures `eugpt batch` by hand, beside a bare loop of httpx: `python tests/benchmarks/batch.py cpu|million|resume`.

`cpu`: CPU seconds per item of both, in turns, and of another installation's eugpt that is named.
`million`: a million items from a pipe for a minute: rate and memory.
`resume`: a file of a million rows (or as many as are named), of which one in a hundred has another request now: time,
memory, and disk.
"""

import asyncio
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from hashlib import blake2b
from pathlib import Path

EUGPT = str(Path(sys.executable).with_name("eugpt"))
KEY = "eugpt_benchmark-key-0123456789"
JOBS = 8
ITEMS = 20_000
ROUNDS = 5
ANSWER = json.dumps(
    {
        "id": "resp_0123456789",
        "object": "response",
        "created_at": 1767225600000,
        "status": "completed",
        "model": "trivial",
        "output": [],
        "output_text": "four",
        "conversation_id": "8f14e45f-ceea-467a-a4ed-a9e9a5cb16ee",
        "usage": {"input_tokens": 4, "output_tokens": 1, "total_tokens": 5},
    }
).encode()


class Trivial(asyncio.Protocol):
    """Answers every request on a connection with the same document."""

    reply = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(ANSWER), ANSWER)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._data = b""

    def data_received(self, data: bytes) -> None:
        self._data += data
        head, end, body = self._data.partition(b"\r\n\r\n")
        if not end:
            return
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        if len(body) >= length:
            self._data = body[length:]
            self._transport.write(self.reply)


async def serve() -> None:
    server = await asyncio.get_running_loop().create_server(Trivial, "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


@contextmanager
def serving() -> Iterator[str]:
    process = subprocess.Popen([sys.executable, __file__, "serve"], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    try:
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}/v1"
    finally:
        process.kill()
        process.wait()


def bare(base: str) -> None:
    """What one writes in an afternoon: the same requests from a thread pool."""
    import httpx

    headers = {"Authorization": f"Bearer {KEY}"}
    with httpx.Client(headers=headers, limits=httpx.Limits(max_connections=JOBS)) as client:

        def ask(line: str) -> str:
            body = {"model": "auto", "input": json.loads(line)["input"], "stream": False}
            response = client.post(f"{base}/responses", json=body)
            response.raise_for_status()
            return str(response.json()["output_text"])

        with ThreadPoolExecutor(JOBS) as pool:
            for text in pool.map(ask, sys.stdin):
                sys.stdout.write(json.dumps({"output_text": text}) + "\n")


def items(count: int) -> Iterator[bytes]:
    for number in range(count):
        yield b'{"custom_id":"item-%d","input":"What is %d plus two, in a word?"}\n' % (number, number)


def cpu(command: list[str], base: str, data: bytes) -> float:
    """CPU seconds of one child."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environ = {"PATH": os.defpath, "EUGPT_API_KEY": KEY, "EUGPT_BASE_URL": base}
    done = subprocess.run(command, input=data, stdout=subprocess.PIPE, env=environ, check=True)
    assert done.stdout.count(b"\n") == data.count(b"\n")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def compare(others: list[str]) -> None:
    data = b"".join(items(ITEMS))
    commands = {
        "bare httpx": [sys.executable, __file__, "bare"],
        **{path: [path, "batch", "-q", "-j", str(JOBS)] for path in others},
        "eugpt batch": [EUGPT, "batch", "-q", "-j", str(JOBS)],
    }
    with serving() as base:
        found: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(ROUNDS):
            for name, command in commands.items():
                extra = [base] if name == "bare httpx" else []
                found[name].append(cpu([*command, *extra], base, data))
    for name, seconds in found.items():
        per_item = sorted(1e6 * value / ITEMS for value in seconds)
        sys.stdout.write(
            f"{name}: {per_item[ROUNDS // 2]:.0f} µs CPU an item ({per_item[0]:.0f} to {per_item[-1]:.0f})\n"
        )
    ratio = min(found["eugpt batch"]) / min(found["bare httpx"])
    sys.stdout.write(f"ratio of the smallest: {ratio:.2f}\n")


def million(seconds: float) -> None:
    """A line each five seconds: rows so far, and what the process holds in memory."""
    with serving() as base:
        environ = {"PATH": os.defpath, "EUGPT_API_KEY": KEY, "EUGPT_BASE_URL": base}
        process = subprocess.Popen(
            [EUGPT, "batch", "-j", str(JOBS), "--max-time", str(seconds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environ,
        )
        assert process.stdin
        assert process.stdout
        threading.Thread(target=feed, args=(process.stdin,), daemon=True).start()
        rows = 0
        shown = started = time.monotonic()
        for _ in process.stdout:
            rows += 1
            if time.monotonic() - shown >= 5:
                shown = time.monotonic()
                sys.stdout.write(f"{shown - started:4.0f} s {rows:8} rows {resident(process.pid):7} KiB\n")
        sys.stdout.write(f"{rows} rows, exit {process.wait()}\n")


def resume(count: int, folder: Path) -> None:
    """Asks the edited items of a file whose rows are made here, and writes it anew."""
    source, output = folder / "items", folder / "rows"
    environ = {"PATH": os.defpath, "EUGPT_API_KEY": KEY}
    with serving() as base:
        command = [EUGPT, "batch", str(source), "-o", str(output), "--resume", "-j", str(JOBS)]
        source.write_bytes(b"".join(items(1000)))
        subprocess.run([*command, "-q"], env=environ | {"EUGPT_BASE_URL": base}, check=True)
        template = json.loads(output.read_bytes().splitlines()[0])
        with source.open("wb") as old, output.open("wb") as rows:
            for number, item in enumerate(items(count)):
                old.write(item.replace(b"plus two", b"plus three") if number % 100 == 0 else item)
                fields = json.loads(item)
                body = {"model": "auto", "input": fields["input"], "stream": False}
                digest = blake2b(json.dumps(body, separators=(",", ":")).encode(), digest_size=12).hexdigest()
                row = template | {"custom_id": fields["custom_id"], "request": digest, "line": number + 1}
                rows.write(json.dumps(row, separators=(",", ":")).encode() + b"\n")
        size = output.stat().st_size
        started = time.monotonic()
        process = subprocess.Popen(command, env=environ | {"EUGPT_BASE_URL": base})
        most = 0
        free = os.statvfs(folder)
        least = before = free.f_bavail * free.f_frsize
        while process.poll() is None:
            with suppress(OSError, IndexError):
                most = max(most, resident(process.pid))
            free = os.statvfs(folder)
            least = min(least, free.f_bavail * free.f_frsize)
            time.sleep(0.1)
        seconds = time.monotonic() - started
    sys.stdout.write(
        f"{count} rows, {size >> 20} MiB: exit {process.returncode} after {seconds:.1f} s, at most {most >> 10} MiB of "
        f"memory and {(before - least) / size:.2f} times the file of disk besides\n"
    )


def feed(pipe: object) -> None:
    try:
        for line in items(1_000_000):
            pipe.write(line)  # type: ignore[attr-defined]
        pipe.close()  # type: ignore[attr-defined]
    except BrokenPipeError:
        return


def resident(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])


if __name__ == "__main__":
    what, *rest = sys.argv[1:] or ["cpu"]
    if what == "serve":
        asyncio.run(serve())
    elif what == "bare":
        bare(rest[0])
    elif what == "million":
        million(float(rest[0]) if rest else 60.0)
    elif what == "resume":
        with tempfile.TemporaryDirectory() as place:
            resume(int(rest[0]) if rest else 1_000_000, Path(place))
    else:
        compare(rest)
