"""Other people's clients: the folder that `.ci/clients` fills and $EUGPT_TEST_CLIENTS names, for tests that need it."""

import os
from pathlib import Path

FOLDER = Path(os.environ.get("EUGPT_TEST_CLIENTS") or os.devnull)
PYTHON = FOLDER / "venv" / "bin"
MODULES = FOLDER / "node_modules"
NEEDED = {
    "test_schema.py": PYTHON / "schemathesis",
    "test_python_clients.py": PYTHON / "python",
    "test_javascript.py": MODULES / "openai",
    "test_bats.py": MODULES / "bats" / "bin" / "bats",
}


def absent() -> list[str]:
    """The test files that cannot run here."""
    return [name for name, path in NEEDED.items() if not path.exists()]
