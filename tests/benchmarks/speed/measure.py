"""Runs commands in turns and tells what each cost: medians, spread, and ratios taken within a round."""

import os
import re
import statistics
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

READ_SIZE = 1 << 16
MARK = re.compile(rb"@(\d{20});")


@dataclass(frozen=True)
class Case:
    """A command with a name, that ends with `exit`.

    `marked`: its output holds times of sending, whose age at arrival is measured. `events`: so many come.
    """

    name: str
    command: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    marked: bool = False
    events: int = 0
    exit: int = 0


@dataclass(frozen=True)
class Goal:
    """What is wanted: this figure of `case` at most `limit` times that of `base`; if it is a rate, at least."""

    case: str
    base: str
    figure: str
    limit: float


Figures = dict[str, float]


def run(case: Case) -> Figures:
    """wall, cpu and first (byte) in ms; peak in MiB; rate in events a ms; p50 and p99 of the marks' age in us."""
    started = time.monotonic_ns()
    process = subprocess.Popen(
        list(case.command),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={"PATH": os.environ["PATH"], **case.env},
    )
    assert process.stdout
    first, ages = _drain(process.stdout.fileno(), case.marked)
    _, status, used = os.wait4(process.pid, 0)
    ended = time.monotonic_ns()
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stdout.close()
    if process.returncode != case.exit:
        raise SystemExit(f"{case.name} ended with {process.returncode}, not {case.exit}: {' '.join(case.command)}")
    figures = {
        "wall": (ended - started) / 1e6,
        "cpu": (used.ru_utime + used.ru_stime) * 1e3,
        "first": ((first or ended) - started) / 1e6,
        "peak": used.ru_maxrss / 1024,
    }
    if case.events:
        figures["rate"] = case.events / figures["wall"]
    if ages:
        ages.sort()
        figures |= {"p50": ages[len(ages) // 2] / 1e3, "p99": ages[len(ages) * 99 // 100] / 1e3}
    return figures


def _drain(fd: int, marked: bool) -> tuple[int | None, list[int]]:
    """When the first byte came, and the ages of the marks; those that a read cuts are left out.

    Marks are looked for at the end: what the reader does between two events moves the median by up to 30 us.
    """
    first, reads = None, []
    while data := os.read(fd, READ_SIZE):
        now = time.monotonic_ns()
        first = first or now
        if marked:
            reads.append((now, data))
    return first, [now - int(sent) for now, data in reads for sent in MARK.findall(data)]


def rounds(cases: Sequence[Case], number: int) -> dict[str, list[Figures]]:
    """Each case once a round, the first one changing from round to round; a round before them warms up."""
    seen: dict[str, list[Figures]] = {case.name: [] for case in cases}
    for n in range(-1, number):
        turn = max(n, 0) % len(cases)
        for case in (*cases[turn:], *cases[:turn]):
            figures = run(case)
            if n >= 0:
                seen[case.name].append(figures)
    return seen


def table(seen: dict[str, list[Figures]], figures: Sequence[str]) -> Iterable[str]:
    yield "| | " + " | ".join(figures) + " |"
    yield "|---|" + "---|" * len(figures)
    for name, runs in seen.items():
        cells = []
        for figure in figures:
            values = [run[figure] for run in runs if figure in run]
            cells.append(f"{statistics.median(values):.1f} ({min(values):.1f}..{max(values):.1f})" if values else "")
        yield f"| {name} | " + " | ".join(cells) + " |"


def verdict(seen: dict[str, list[Figures]], goal: Goal) -> str:
    """The median ratio of the rounds; that of CPU time beside that of time, since load moves it less."""
    told = [f"{goal.figure} {_ratio(seen, goal, goal.figure):.2f}"]
    if goal.figure in ("wall", "first", "rate"):
        told.append(f"cpu {_ratio(seen, goal, 'cpu'):.2f}")
    bound = "at least" if goal.figure == "rate" else "at most"
    return f"| {goal.case} / {goal.base} | {bound} {goal.limit:g} | {', '.join(told)} |"


def _ratio(seen: dict[str, list[Figures]], goal: Goal, figure: str) -> float:
    pairs = zip(seen[goal.case], seen[goal.base], strict=True)
    return statistics.median(mine[figure] / other[figure] for mine, other in pairs)
