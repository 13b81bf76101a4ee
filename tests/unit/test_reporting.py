"""What a run leaves about itself where the program itself is at fault, which no service brings about any more."""

import json
from pathlib import Path

import pytest

from eugpt_cli.run.reporting import reported
from eugpt_cli.settings.records import AskOptions
from eugpt_cli.system.console import Console


def test_a_defect_has_its_object_and_its_line(tmp_path: Path) -> None:
    files = {"log": str(tmp_path / "log"), "meta": str(tmp_path / "meta"), "output": None}
    options = AskOptions({**files, "label": None, "base_url": "http://localhost"}, command_name="ask")
    with pytest.raises(ZeroDivisionError), reported(options, Console()):
        1 / 0  # noqa: B018
    for name in ("log", "meta"):
        facts = json.loads((tmp_path / name).read_text())
        assert (facts["outcome"], facts["exit"], facts["error"]["kind"]) == ("internal", 1, "internal"), name
