"""The statistics of a batch: counts by kind, tokens, and times of items, in memory that does not grow."""

import math
from collections import Counter
from collections.abc import Mapping
from threading import Lock
from typing import Any

from eugpt_cli.errors import EugptError

STEPS = 50  # of the histogram to a factor of e: a percentile is right within 1%
TOKENS = ("input_tokens", "output_tokens", "total_tokens")


class Statistics:
    """Counted by the workers, read by the main thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._seconds: Counter[int] = Counter()
        self.kinds: Counter[str] = Counter()
        self.tokens: Counter[str] = Counter()
        self.total_tokens = 0
        self.ok = 0
        self.failed = 0
        self.skipped = 0
        self.unsure = 0  # failed now, and the turn may have been stored
        self.held_back = 0  # failed before, and not sent again, since the turn may have been stored

    @property
    def done(self) -> int:
        return self.ok + self.failed

    def count(self, fault: EugptError | None, seconds: float, usage: Any) -> None:
        with self._lock:
            if fault is None:
                self.ok += 1
            else:
                self.failed += 1
                self.kinds[fault.exit.label] += 1
                self.unsure += fault.stored
            self._seconds[round(math.log(max(seconds, 1e-6)) * STEPS)] += 1
            self.total_tokens += tokens_of(usage) or 0
            if isinstance(usage, Mapping):
                for name in TOKENS:
                    if isinstance(usage.get(name), int):
                        self.tokens[name] += usage[name]

    def percentile(self, share: float) -> float | None:
        """The seconds that so large a share of the items took at most."""
        left = math.ceil(sum(self._seconds.values()) * share)
        for step in sorted(self._seconds):
            left -= self._seconds[step]
            if left <= 0:
                return round(math.exp(step / STEPS), 3)
        return None

    def summary(self, seconds: float) -> dict[str, Any]:
        """As `--summary` writes it."""
        return {
            "items": self.done,
            "ok": self.ok,
            "failed": self.failed,
            "skipped": self.skipped,
            "held_back": self.held_back,
            "kinds": dict(self.kinds.most_common()),
            "tokens": dict(self.tokens) or None,
            "seconds": round(seconds, 3),
            "p50": self.percentile(0.50),
            "p95": self.percentile(0.95),
        }

    def summary_line(self, seconds: float) -> str:
        """The same as a line for people."""
        noun = "item" if self.done == 1 else "items"
        parts = [f"{self.done} {noun} in {seconds:.1f} s: {self.ok} ok, {self.failed} failed"]
        if self.skipped:
            parts.append(f"{self.skipped} skipped")
        if self.held_back:
            parts.append(f"{self.held_back} held back")
        if self.done:
            parts.append(f"p50 {self.percentile(0.50)} s, p95 {self.percentile(0.95)} s")
        if self.tokens:
            parts.append(f"{self.total_tokens} tokens")
        return "; ".join(parts)

    def failures(self) -> str:
        """The kinds, the most frequent first."""
        return ", ".join(f"{count} {kind}" for kind, count in self.kinds.most_common())


def tokens_of(usage: Any) -> int | None:
    """The tokens that one answer took, None where the service does not tell."""
    if not isinstance(usage, Mapping):
        return None
    total, *parts = (usage.get(name) for name in ("total_tokens", "input_tokens", "output_tokens"))
    if isinstance(total, int):
        return total
    summary_line = [part for part in parts if isinstance(part, int)]
    return sum(summary_line) if summary_line else None
