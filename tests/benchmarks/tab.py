"""How long a TAB takes in each shell, from the key to the line that it has completed: python -m tests.benchmarks.tab"""

import statistics
import sys
import tempfile
import time
from pathlib import Path

from tests.support.shells import SETUP, Shell, present

LINES = (
    "eugpt raw-e",
    "eugpt ask --no-st",
    "eugpt ask -c conversation-499",
    "eugpt ask --profile wo",
    "eugpt ask -f set",
)
ROUNDS = 40


def main() -> None:
    for name in filter(present, SETUP):
        with tempfile.TemporaryDirectory() as folder:
            home = Path(folder)
            fill(home)
            shell = Shell(name, home)
            took = [milliseconds(shell, line) for _ in range(ROUNDS) for line in LINES]
            shell.close()
        told = f"median {statistics.median(took):.1f} ms, most {max(took):.1f} ms of {len(took)}"
        sys.stdout.write(f"{name:<32} {told}\n")


def fill(home: Path) -> None:
    """500 names of conversations, and a profile."""
    state, config = home / ".local/state/eugpt", home / ".config/eugpt"
    state.mkdir(parents=True)
    config.mkdir(parents=True)
    rows = [f'  "conversation-{number}": {{"id": "x", "since": "y"}}' for number in range(500)]
    (state / "conversations.json").write_text("{\n" + ",\n".join(rows) + "\n}\n")
    (config / "config.toml").write_text("[profile.work]\n")


def milliseconds(shell: Shell, line: str) -> float:
    begun = time.perf_counter()
    shell.arguments(line)
    return (time.perf_counter() - begun) * 1000


if __name__ == "__main__":
    main()
