"""The README shows the script and the scenario that test_rehearsal.py runs, word for word."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from .conftest import README
from .test_rehearsal import FILES


@pytest.mark.parametrize("name", ["nightly.sh", "bad-night.toml"])
def test_the_readme_shows_exactly_this(name: str) -> None:
    text = Path(FILES / name).read_text("utf-8")
    readme = README.read_text("utf-8")
    assert text in readme or textwrap.indent(text, "    ") in readme
