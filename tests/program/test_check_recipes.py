"""The recipes of the manual's CHECKS, each with an answer that passes and one that does not."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.documents import MANUAL, README, examples
from tests.support.manyserver import Body, Reply, document, serving
from tests.support.program import EUGPT, environment

OLD = "yesterday's\n"
INVOICE = {"type": "object", "required": ["number"], "properties": {"number": {"type": "string"}}}
PYTHON, C = "```python\n{}\n```\n", "```c\n{}\n```\n"


def recipe(word: str) -> str:
    """The one command of the manual that holds this word."""
    section = MANUAL.partition("\n.SH CHECKS\n")[2].partition("\n.SH ")[0]
    shown = [example for example in examples() if example.splitlines()[0][:20] in section.replace("\\-", "-")]
    (found,) = {line for example in shown for line in example.splitlines() if word in line}
    return found


def run(script: str, folder: Path, base_url: str) -> subprocess.CompletedProcess[str]:
    """As somebody types it, in a folder with the files that it names."""
    for name in ("report.txt", "bug.txt", "mail.txt"):
        (folder / name).write_text("text\n")
    (folder / "invoice.schema.json").write_text(json.dumps(INVOICE))
    (folder / "list.schema.json").write_text('{"type": "array"}')
    env = environment(base_url, {"HOME": str(folder)})
    env["PATH"] = f"{Path(EUGPT).parent}:{env['PATH']}:{Path(sys.executable).parent}"  # check-jsonschema is in the last
    return subprocess.run(
        ["sh", "-c", script],
        cwd=folder,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("word", "good", "bad", "tries"),
    [
        ("--schema invoice", '{"number": "A 7"}', '{"number": 7}', 2),
        ("jq -e", '["Who?"]', "[]", 1),
        ("check-jsonschema", '["Who?"]', "{}", 1),
        ("python3 -m ast", PYTHON.format("print(1)"), PYTHON.format("print(1"), 1),
        ("cc -fsyntax-only", C.format("int main(void) { return 0; }"), C.format("int main(void) { return 0 }"), 1),
        ('grep -q "', "Yes.\nKind regards", "Yes.\nBye", 3),
    ],
)
def test_recipe(word: str, good: str, bad: str, tries: int, tmp_path: Path) -> None:
    tool = word.split()[0]
    if tool in ("jq", "cc") and not shutil.which(tool):
        pytest.skip(f"{tool} is not installed")
    script = recipe(word)
    target = re.search(r"-o (\S+)", script)
    file = tmp_path / (target[1] if target else "none")
    file.write_text(OLD)
    with serving(lambda body: document(bad)) as server:
        refused = run(script, tmp_path, server.base_url)
        assert (refused.returncode, refused.stdout, len(server.received)) == (82, "", tries)
        assert file.read_text() == OLD
        server.answer = lambda body: document(good)
        accepted = run(script, tmp_path, server.base_url)
    assert (accepted.returncode, accepted.stderr) == (0, "")
    assert (file.read_text() != OLD) == bool(target)
    assert bool(accepted.stdout) != bool(target)


def test_the_readme_begins_with_one_of_them() -> None:
    assert f"    {recipe('--schema invoice')}\n" in README[:2000]


def test_prompts_are_tested(tmp_path: Path) -> None:
    (tmp_path / "expected").mkdir()
    for name, line in {"capital": "vienna", "sum": "4"}.items():
        (tmp_path / "expected" / name).write_text(f"{line}\n")
    cases = [{"custom_id": "capital", "input": "Capital of Austria?"}, {"custom_id": "sum", "input": "2 + 2?"}]
    (tmp_path / "cases.ndjson").write_text("\n".join(map(json.dumps, cases)))

    def answer(body: Body) -> Reply:
        return document("It is Vienna." if "Austria" in body["input"] else wrong_or_right)

    wrong_or_right = "5"
    with serving(answer) as server:
        failed = run(recipe("cases.ndjson"), tmp_path, server.base_url)
        wrong_or_right = "It is 4."
        passed = run(recipe("cases.ndjson"), tmp_path, server.base_url)
    assert (failed.returncode, passed.returncode) == (90, 0)


def test_answers_are_kept(tmp_path: Path) -> None:
    (script,) = (example for example in examples() if example.startswith("cached()"))
    with serving(lambda body: document("2")) as server:
        first, second = (run(script, tmp_path, server.base_url) for _ in range(2))
        other = run(script.replace("1 + 1", "1 + 2"), tmp_path, server.base_url)
        assert len(server.received) == 2
        broken = run(script.replace('cached "What', 'cached --nope "What'), tmp_path, server.base_url)
    assert [turn.stdout for turn in (first, second, other)] == ["2\n"] * 3
    assert (first.returncode, broken.returncode, broken.stdout) == (0, 2, "")
    assert len(script.partition("\ncached")[0].splitlines()) == 6
