"""Measures eugpt and its rivals part by part, and prints the tables of CONTRIBUTING.md."""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from . import wire
from .measure import Case, Goal, rounds, table, verdict
from .rivals import APP, BARE, HTTPX_SSE, LOOP, OPENAI, SCRIPT, environments, llm_settings

EUGPT = str(Path(sys.executable).with_name("eugpt"))
KEY = {"EUGPT_API_KEY": "eugpt_benchmark-key-0123456789"}
COMMANDS = 12
BULK = 200_000
TRIP = 0.05


@dataclass(frozen=True)
class World:
    """The servers' base addresses, certificates, and where the rivals are (none, if they are not asked for)."""

    plain: str
    far: str
    bundle: str
    hashed: str
    folder: Path
    rivals: dict[str, Path]

    def at(self, **keys: int) -> str:
        return f"{self.plain}/m/{','.join(f'{key}={value}' for key, value in keys.items())}/v1"


@dataclass(frozen=True)
class Part:
    title: str
    cases: Sequence[Case]
    figures: Sequence[str]
    goals: Sequence[Goal]
    times: int = 1  # as many rounds as others have


def python(name: str, code: str, *arguments: str, **options: object) -> Case:
    return Case(name, [sys.executable, "-c", code, *arguments], **options)  # type: ignore[arg-type]


def eugpt(name: str, *arguments: str, url: str = "", **options: object) -> Case:
    base = ["--base-url", url] if url else []
    return Case(name, [EUGPT, *arguments, *base], KEY, **options)  # type: ignore[arg-type]


def curl(url: str, *arguments: str) -> Case:
    return Case("curl", ["curl", "-sN", *arguments, "-d", '{"input":"x","stream":true}', f"{url}/responses"])


def start(world: World) -> Part:
    cases = [
        python("python -c pass", "pass"),
        python(f"typer, {COMMANDS} commands", APP % COMMANDS),
        eugpt("--version", "--version"),
        eugpt("--help", "--help"),
        eugpt("usage error", "ask", "--nope", exit=2),
    ]
    goals = [
        Goal("--version", "python -c pass", "wall", 2),
        *(Goal(case, cases[1].name, "wall", 1.15) for case in ("--help", "usage error")),
    ]
    if "llm" in world.rivals:
        cases.append(Case("llm --version", [str(world.rivals["llm"] / "llm"), "--version"]))
        goals += [Goal(case, "llm --version", "wall", 0.1) for case in ("--version", "--help", "usage error")]
    return Part("Start-up", cases, ("wall", "cpu"), goals)


def answer(world: World) -> Part:
    url = world.at(n=20)
    imports = "import typer, httpx, orjson"
    cases = [
        python(imports, BARE + imports),
        curl(url),
        python("httpx loop", LOOP, url),
        eugpt("ask", "ask", "-I", "x", url=url),
        eugpt("stream", "stream", "-I", "x", url=url),
    ]
    goals = [
        Goal(case, base, "wall", limit) for case in ("ask", "stream") for base, limit in ((imports, 0.7), ("curl", 10))
    ]
    if "openai" in world.rivals:
        cases.append(Case("OpenAI SDK", [str(world.rivals["openai"] / "python"), "-c", OPENAI, url]))
    if "llm" in world.rivals:
        program = str(world.rivals["llm"] / "llm")
        cases.append(Case("llm", [program, "-m", "bench", "x"], llm_settings(world.folder, url)))
        goals += [Goal(case, "llm", "wall", 0.2) for case in ("ask", "stream")]
    return Part("One answer, 20 deltas, http on the loopback", cases, ("wall", "cpu", "first", "peak"), goals)


def tls(world: World) -> Part:
    url = f"{world.far}/m/n=20/v1"
    trusting = {**KEY, "SSL_CERT_DIR": world.hashed}
    cases = [
        curl(url, "--cacert", world.bundle),
        python("Typer and httpx", SCRIPT, url, env={"SSL_CERT_FILE": world.bundle}),
        Case("stream", [EUGPT, "stream", "-I", "x", "--base-url", url], trusting),
    ]
    goals = [Goal("stream", "curl", "first", 1.2)]
    way = "through a relay" if "127.0.0.1" in url else "over a wire"
    title = f"TLS, the system's certificates, a round trip of {TRIP * 1000:.0f} ms {way}"
    return Part(title, cases, ("first", "wall", "cpu"), goals)


def bulk(world: World, size: int) -> Part:
    url = world.at(n=BULK, chunk=size)
    cases = [
        python("httpx loop", LOOP, url, events=BULK),
        eugpt("raw-events", "raw-events", "-I", "x", url=url, events=BULK),
        eugpt("stream", "stream", "-I", "x", url=url, events=BULK),
    ]
    wanted = (0.85, 0.65) if size else (5, 4)
    goals = [
        Goal(case, "httpx loop", "rate", limit) for case, limit in zip(("raw-events", "stream"), wanted, strict=True)
    ]
    if "httpx-sse" in world.rivals:
        rival = [str(world.rivals["httpx-sse"] / "python"), "-c", HTTPX_SSE, url]
        cases.append(Case("httpx-sse", rival, events=BULK))
        goals += [Goal(case, "httpx-sse", "rate", 1.5) for case in ("raw-events", "stream") if size]
    framing = "16 KiB chunks" if size else "an HTTP chunk an event"
    return Part(f"{BULK:,} events, {framing}", cases, ("rate", "wall", "cpu"), goals)


def latency(world: World) -> Part:
    """Short runs, and many: which processors the processes get, and how deep those sleep, is settled once a run."""
    url = world.at(n=400, rate=200)
    cases = [
        python("httpx loop", LOOP, url, marked=True),
        eugpt("raw-events", "raw-events", "-I", "x", url=url, marked=True),
        eugpt("stream", "stream", "-I", "x", url=url, marked=True),
    ]
    names = ("raw-events", "stream")
    limits = {"p50": 1.1, "p99": 1.3}
    goals = [Goal(case, "httpx loop", figure, limit) for case in names for figure, limit in limits.items()]
    return Part("200 events a second, from the server's write to ours", cases, ("p50", "p99", "cpu"), goals, times=3)


def memory(world: World) -> Part:
    imports = "import typer, httpx, orjson"
    cases, goals = [python(imports, BARE + imports)], []
    for command in ("stream", "raw-events"):
        for megabytes in (10, 1000):
            cases.append(eugpt(f"{command}, {megabytes} MB", command, "-I", "x", url=world.at(mb=megabytes)))
        goals += [
            Goal(f"{command}, 1000 MB", f"{command}, 10 MB", "peak", 1.05),
            Goal(f"{command}, 1000 MB", imports, "peak", 1.25),
        ]
        for size in (16, 64):
            cases.append(eugpt(f"{command}, an event of {size} MiB", command, "-I", "x", url=world.at(big=size << 20)))
        goals.append(Goal(f"{command}, an event of 64 MiB", f"{command}, an event of 16 MiB", "wall", 4))
    return Part("Memory", cases, ("peak", "wall", "cpu"), goals)


PARTS = {
    "start": start,
    "answer": answer,
    "tls": tls,
    "events": lambda world: bulk(world, 0),
    "chunks": lambda world: bulk(world, 16384),
    "latency": latency,
    "memory": memory,
}


@contextmanager
def world(rivals: Path | None, away: str | None = None) -> Iterator[World]:
    """`away`: this machine's address at the other end of a wire."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = [sys.executable, "-m", "tests.benchmarks.speed.source", str(TRIP), name, *filter(None, [away])]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            assert server.stdout
            plain, secure, relayed = server.stdout.readline().split()
            yield World(
                plain=f"http://127.0.0.1:{plain}",
                far=f"https://{away}:{secure}" if away else f"https://127.0.0.1:{relayed}",
                bundle=f"{name}/bundle.pem",
                hashed=f"{name}/hashed",
                folder=folder,
                rivals=environments(rivals) if rivals else {},
            )
        finally:
            server.kill()
            server.wait()


def load() -> str:
    return f"{os.getloadavg()[0]:.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.speed", description=__doc__)
    parser.add_argument("part", nargs="*", help=f"{', '.join(PARTS)}; all of them unless named")
    parser.add_argument("-n", type=int, default=15, help="rounds")
    parser.add_argument("--rivals", type=Path, metavar="FOLDER", help="measure llm, openai and httpx-sse, kept there")
    parser.add_argument("--away", help=argparse.SUPPRESS)
    given = parser.parse_args()
    with world(given.rivals, given.away) as place:
        for name in given.part or PARTS:
            if name == "tls" and not given.away and wire.is_possible():
                measure_over_a_wire(given.n)
                continue
            for line in measured(PARTS[name](place), given.n):
                sys.stdout.write(line + "\n")
            sys.stdout.flush()


def measure_over_a_wire(number: int) -> None:
    command = [sys.executable, "-m", "tests.benchmarks.speed", "--away", wire.FAR, "-n", str(number), "tls"]
    subprocess.run(wire.inside(TRIP, command), check=True)


def measured(part: Part, number: int) -> Iterator[str]:
    number *= part.times
    before = load()
    seen = rounds(part.cases, number)
    yield f"\n**{part.title}** ({number} rounds, {os.cpu_count()} processors, load {before} to {load()})\n"
    yield from table(seen, part.figures)
    yield "\n| ratio | wanted | measured |\n|---|---|---|"
    yield from (verdict(seen, goal) for goal in part.goals)


if __name__ == "__main__":
    main()
