"""Which items are ours when several machines share one input: every N-th by a stable hash of its id."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from eugpt_cli.batch.items import Item
from eugpt_cli.errors import ConfigError, UsageError

# (number, first number, step, count): a Slurm array counts from its MIN by its STEP, a Kubernetes Job from 0 by 1
ARRAYS = (
    ("SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_MIN", "SLURM_ARRAY_TASK_STEP", "SLURM_ARRAY_TASK_COUNT"),
    ("JOB_COMPLETION_INDEX", None, None, "JOB_COMPLETIONS"),
)


@dataclass(frozen=True)
class Shard:
    """The `number`-th, from 1, of `count` shares."""

    number: int = 1
    count: int = 1

    def takes(self, item: Item) -> bool:
        return self.count == 1 or item.share % self.count == self.number - 1


def shard(text: str | None, environ: Mapping[str, str]) -> Shard:
    """`K/N`, or `auto` for what Slurm or Kubernetes says. Raises UsageError or ConfigError."""
    if text is None:
        return Shard()
    if text == "auto":
        return _auto(environ)
    match = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text, re.ASCII)
    if not match or not 1 <= int(match[1]) <= int(match[2]):
        raise UsageError(f"--shard must be K/N with K from 1 to N, or auto, not {text!r}")
    return Shard(int(match[1]), int(match[2]))


def _auto(environ: Mapping[str, str]) -> Shard:
    for number, first, step, count in ARRAYS:
        if number in environ:
            total = _number(environ, count, None)
            place = (_number(environ, number, None) - _number(environ, first, 0)) // max(1, _number(environ, step, 1))
            if total < 1:
                raise ConfigError(f"--shard auto: {count} is not a number above 0")
            return Shard(place % total + 1, total)
    raise ConfigError(
        "--shard auto finds neither a Slurm array nor an indexed Kubernetes Job",
        hint="it reads SLURM_ARRAY_TASK_ID and _COUNT, or JOB_COMPLETION_INDEX and JOB_COMPLETIONS",
    )


def _number(environ: Mapping[str, str], name: str | None, default: int | None) -> int:
    text = environ.get(name) if name else None
    if text is None and default is not None:
        return default
    if text is None:
        raise ConfigError(f"--shard auto: {name} is not set")
    if not re.fullmatch(r"\d{1,9}", text, re.ASCII):
        raise ConfigError(f"--shard auto: {name} is not a number: {text!r}")
    return int(text)
