"""The manual's recipes with batch, as somebody types them in a folder of files."""

import csv
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.batches import ndjson, numbered, rows_of
from tests.support.documents import examples
from tests.support.manyserver import Many, document, serving
from tests.support.program import EUGPT, KEY

NEEDED = ("jq", "sqlite3", "split", "perl")
USAGE = {"total_tokens": 60_000}
pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, NEEDED)), reason="one of these is not installed: " + ", ".join(NEEDED)
)


def recipe(begin: str) -> str:
    (found,) = {example for example in examples() if example.startswith(begin)}
    return found


def sh(script: str, folder: Path, server: Many) -> str:
    """What the script prints; it must succeed in every command."""
    environ = {
        "PATH": f"{Path(EUGPT).parent}:{os.defpath}",
        "LC_ALL": "C.UTF-8",
        "EUGPT_API_KEY": KEY,
        "EUGPT_BASE_URL": server.base_url,
    }
    run = subprocess.run(
        ["bash", "--norc", "-euo", "pipefail", "-c", script],
        cwd=folder, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run
    return run.stdout


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    (tmp_path / "docs").mkdir()
    for name in ("a.md", "b's file.md", "c $(touch oops).md"):
        (tmp_path / "docs" / name).write_text(f"text of {name}\n")
    return tmp_path


def test_only_what_changed_each_night(docs: Path) -> None:
    night = recipe("find docs -name '*.md' | sort")
    with serving() as server:
        sh(night, docs, server)
        assert len(server.received) == 3
        (docs / "docs/a.md").write_text("changed\n")
        (docs / "docs/b's file.md").unlink()
        (docs / "docs/d.md").write_text("new\n")
        told = sh(night, docs, server)
    assert sorted(server.inputs()[3:]) == ["changed", "new"]
    assert sorted(line.partition("\t")[2] for line in told.splitlines()) == [
        "<changed>", "<new>", "<text of c $(touch oops).md>",
    ]  # fmt: skip


def test_one_file_an_item(docs: Path) -> None:
    """Whatever is in the answers and in the names, no shell runs it."""
    with serving(lambda body: document(f"it's $(touch oops) `touch oops`\n\n<{body['input']}>")) as server:
        sh(recipe("find docs -name '*.md' | sort"), docs, server)
        shown = sh(recipe("jq -r 'select(.ok) | .custom_id +="), docs, server)
    assert shown == "it's $(touch oops) `touch oops`\n\n<text of a.md>\n"
    names = {path.name for path in (docs / "docs").iterdir()}
    assert {"a.md.summary", "b's file.md.summary", "c $(touch oops).md.summary"} < names
    assert not list(docs.rglob("oops"))


def test_a_share_of_the_quota_each_night(tmp_path: Path) -> None:
    (tmp_path / "items.ndjson").write_bytes(ndjson(numbered(30)))
    with serving(lambda body: document("x", usage=USAGE)) as server:
        nights = [int(sh(recipe("eugpt batch items.ndjson -o rows.ndjson --resume \\\n    --max"), tmp_path, server))]
        while nights[-1] < 30:
            nights.append(
                int(sh(recipe("eugpt batch items.ndjson -o rows.ndjson --resume \\\n    --max"), tmp_path, server))
            )
            assert 4 <= nights[-1] - nights[-2] <= 4 + 8 or nights[-1] == 30
    assert len(server.received) == 30


def test_a_long_text_in_parts(tmp_path: Path) -> None:
    """A line of 300,000 bytes, each character of which takes three, and many short ones."""
    text = "€" * 100_000 + "\n" + "short\n" * 10_000
    (tmp_path / "long.txt").write_text(text)
    with serving(lambda body: document(body["input"][-5:])) as server:
        sh(recipe("perl -CSD"), tmp_path, server)
    *parts, last = server.inputs()
    assert "".join(parts_in_order(tmp_path)).replace("\n", "") == text.replace("\n", "")
    assert len(parts) == len(parts_in_order(tmp_path)) > 15
    assert last.startswith("Make one summary of these.\n\n€€€€€\n")


def parts_in_order(folder: Path) -> list[str]:
    return [path.read_text() for path in sorted(folder.glob("part.*"))]


def test_the_trap_of_split(tmp_path: Path) -> None:
    """Without perl a part breaks inside a character, and says so."""
    (tmp_path / "long.txt").write_text("€" * 100_000)
    with serving() as server:
        script = recipe("perl -CSD").splitlines()[1].replace("--ordered", "|| true; true")
        sh(f"split -C 20000 long.txt part.\n{script}", tmp_path, server)
        sh("eugpt batch --files part.* -o parts.ndjson || [ $? -eq 90 ]", tmp_path, server)
    assert {row["error"]["exit"] for row in rows_of(tmp_path / "parts.ndjson") if not row["ok"]} == {31}


def test_rows_to_csv_and_sqlite(tmp_path: Path) -> None:
    (tmp_path / "items.ndjson").write_bytes(ndjson(numbered(3)))
    with serving(lambda body: document(f'"{body["input"]}",\nsecond line; DROP')) as server:
        told = sh(f"eugpt batch items.ndjson -o rows.ndjson\n{recipe('jq -rn')}", tmp_path, server)
    assert told == "3\n"
    with (tmp_path / "rows.csv").open(newline="") as file:
        head, *found = csv.reader(file)
    assert head == ["id", "answer"]
    assert sorted(found) == [[f"item-{n}", f'"prompt {n}",\nsecond line; DROP'] for n in range(3)]


def test_shards_merged(tmp_path: Path) -> None:
    (tmp_path / "items.ndjson").write_bytes(ndjson(numbered(40)))
    shards = "for k in 1 2 3 4; do eugpt batch items.ndjson --shard $k/4 -o rows.$k.ndjson; done"
    with serving() as server:
        assert sh(f"{shards}\n{recipe('jq -sc')}", tmp_path, server) == "40\n"
        merged = rows_of(tmp_path / "rows.ndjson")
        sh("eugpt batch items.ndjson --ordered -o whole.ndjson", tmp_path, server)
        assert len(server.received) == 80
        sh("eugpt batch items.ndjson --resume -o rows.ndjson", tmp_path, server)
        assert len(server.received) == 80, "what was merged can be resumed"
    assert [facts(row) for row in merged] == [facts(row) for row in rows_of(tmp_path / "whole.ndjson")]


def facts(row: dict[str, object]) -> str:
    """A row but for what the clock says."""
    return re.sub(r'"(seconds|at)": [^,]*, ', "", json.dumps(row))
