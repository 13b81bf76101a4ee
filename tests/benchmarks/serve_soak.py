"""200 streams at once against `eugpt serve` for 30 s: counts answers and errors, and watches the server's memory.

Run by hand: python tests/benchmarks/serve_soak.py [STREAMS] [SECONDS]. Exit status 1 if anything went wrong.
"""

import asyncio
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from tests.local.conftest import Server, started
from tests.local.servers import ServerForker

SCENARIO = '[[request]]\ntimes = 0\ntext = "{words}"\ndelay_between = 0.05\n'


def memory(server: Server) -> int:
    """Resident memory of the server in KiB."""
    listing = subprocess.run(["ps", "-o", "rss=", "-p", str(server.process.pid)], capture_output=True, text=True)
    return int(listing.stdout)


async def one(server: Server, number: int) -> bool:
    """Whether one streamed answer arrives whole."""
    body = f'{{"input": "Tell me about {number}."}}'
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(
        f"POST /v1/responses HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {server.key}\r\nConnection: close\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
    )
    received = await reader.read()
    writer.close()
    return b"response.completed" in received and received.endswith(b"0\r\n\r\n")


async def soak(server: Server, streams: int, seconds: float) -> tuple[int, int, list[int]]:
    """(whole answers, failures, memory readings) of many clients that ask again as soon as they are answered."""
    end = time.monotonic() + seconds
    good = bad = 0
    readings: list[int] = []

    async def client(number: int) -> None:
        nonlocal good, bad
        while time.monotonic() < end:
            try:
                whole = await one(server, number)
            except OSError:
                whole = False
            good, bad = good + whole, bad + (not whole)

    async def watch() -> None:
        while time.monotonic() < end:
            await asyncio.sleep(seconds / 10)
            readings.append(memory(server))

    await asyncio.gather(watch(), *(client(number) for number in range(streams)))
    return good, bad, readings


def main() -> int:
    """Run the soak and say how it went."""
    streams = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 30.0
    with tempfile.TemporaryDirectory() as folder:
        scenario = Path(folder, "scenario.toml")
        scenario.write_text(SCENARIO.format(words=" ".join(["word"] * 30)))
        forker = ServerForker()
        server = started(Path(folder, "stderr.log"), partial(forker.serve, {"port": 0, "scenario": str(scenario)}))
        try:
            good, bad, readings = asyncio.run(soak(server, streams, seconds))
        finally:
            server.stop()
            forker.close()
    growth = readings[-1] - readings[len(readings) // 3]
    sys.stdout.write(f"{streams} streams, {seconds:.0f} s: {good} answers, {bad} failures\n")
    sys.stdout.write(f"memory {readings} KiB, grown by {growth}\n")
    return int(bad > 0 or growth > 8 * 1024)


if __name__ == "__main__":
    sys.exit(main())
