"""Every example of the manual and the README runs, against eugpt serve; the transcript is what eugpt prints."""

import json
import os
import re
import shlex
import shutil
import subprocess
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.documents import MANUAL, README, TOP, blocks, examples
from tests.support.program import EUGPT, eugpt

REPORT = """\
The north pump failed on 3 May after a power cut. It was repaired on 5 June by the plant's own crew.
Since then it has run without a fault. The spare part cost 340 euros.
"""
FILES = {
    "report.txt": REPORT,
    "doc.txt": REPORT,
    "README.md": README,
    "a.md": "The pump is red.\n",
    "b.md": "The pump is blue.\n",
    "docs/a.md": "The pump is red. It stands in the hall.\n",
    "docs/b.md": "The pump is blue. It stands in the yard.\n",
    "app.log": "INFO up\nERROR pump 1 lost\nERROR pump 1 lost\nERROR pump 2 lost\n",
    "diff": "- old line\n+ new line\n",
    "names.txt": "Ada\nBob\n",
    "prompts.txt": "What is 1 + 1?\nWhat is 2 + 2?\n",
    "report.md": REPORT,
    "faults.toml": "[[request]]\nstatus = 503\n",
    "job": "#!/bin/sh\neugpt ask Hello\n",
    "items.ndjson": '{"custom_id": "a", "input": "What is 1 + 1?"}\n{"custom_id": "b", "input": "What is 2 + 2?"}\n',
    "cut.toml": '[[request]]\ntext = "This answer is going to break off in the middle."\ncut_after_events = 6\n',
}
# What other tests run, or what needs more than a shell, by how it begins
ELSEWHERE = {
    "python3 -m venv": "the two commands: CI runs the second, a test here the end of the first",
    "#!/bin/sh\n# nightly": "test_rehearsal",
    "# The first request": "test_rehearsal",
    "eugpt serve -v --scenario": "test_rehearsal",
    "eugpt serve --scenario bad-night": "test_rehearsal",
    "# GNU parallel": "needs hosts",
    "parallel": "needs hosts",
    "eugpt serve --default-stream": "test_openai_sdk",
    "#!/bin/sh\n#SBATCH": "needs Slurm",
    "apiVersion": "needs Kubernetes",
    "pipx install": "installs",
    "# crontab -e": "test_the_line_for_cron",
    '{\n  "type": "object"': "test_the_schema",
    "eugpt ask --schema": "test_the_schema",
    ". completions/eugpt.bash": "test_each_shell_takes_its_line",
    "default_profile": "test_the_profiles",
    "eugpt conversation name trip": "needs a conversation of the web app",
    "Answer with one JSON value": "test_checked",
    "<rejected_answer>": "test_asked_again",
    "eugpt ask -f mail.txt": "test_check_recipes",
    "eugpt ask --extract json --check": "test_check_recipes",
    "eugpt batch cases": "test_check_recipes",
    "cached()": "test_check_recipes",
    "jq -nRr": "test_journal",
    "jq -Rr": "test_journal",
    "sum=$(sha256sum": "test_journal",
    "jq -r 'select(.ok) | .custom_id +=": "test_batch_recipes",
    "perl -CSD": "test_batch_recipes",
    "jq -rn": "test_batch_recipes",
    "jq -sc": "test_batch_recipes",
}


def is_elsewhere(example: str) -> bool:
    return example.startswith(tuple(ELSEWHERE))


SCRIPTS = [
    example for example in [*blocks(), *examples()] if not is_elsewhere(example) and not example.startswith("$ ")
]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of somebody who has typed the lines that `eugpt serve` prints."""
    variables = {
        "PATH": f"{Path(EUGPT).parent}:{os.defpath}",
        "LC_ALL": "C.UTF-8",
        "HOME": str(tmp_path_factory.mktemp("h")),
    }
    with subprocess.Popen([EUGPT, "serve", "--port", "0"], env=variables, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        lines = [shlex.split(server.stdout.readline())[1] for _ in range(2)]
        yield variables | dict(line.split("=", 1) for line in lines)
        server.terminate()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, "utf-8")
    return tmp_path


def bash(script: str, folder: Path, variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "--norc", "-o", "pipefail", "-c", script],
        cwd=folder,
        env=variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_there_are_examples() -> None:
    assert len(SCRIPTS) >= 12
    assert all(any(example.startswith(begin) for example in [*blocks(), *examples()]) for begin in ELSEWHERE)


@pytest.mark.skipif(not shutil.which("jq"), reason="jq is not installed")
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.splitlines()[0][:50])
def test_each_line_of_an_example_runs(script: str, folder: Path, service: dict[str, str]) -> None:
    script = script.replace("EUGPT_API_KEY=eugpt_…", "EUGPT_API_KEY")
    run = bash(script, folder, service)
    assert run.returncode == 0, run
    assert all(line.startswith("eugpt: batch:") for line in run.stderr.splitlines()), run
    brief = folder / "brief.txt"
    assert run.stdout or brief.read_text(), run
    assert not {"broken", "later"} & set(run.stdout.split()), "the case for success"


# What the examples of help pages need besides files; a session has its own tests.
HELPERS = "git() { cat diff; }; chmod +x job; export XDG_STATE_HOME=$PWD/state; eugpt chat -q -c trip Hi >/dev/null\n"
SESSIONS = ("eugpt chat", "eugpt chat -c trip", "eugpt serve -- bash")


def help_examples() -> list[str]:
    """The command lines that end the help pages, without what they say beside them."""
    commands = re.findall(r"^  ([a-z][a-z-]+)  ", eugpt("--help").stdout.decode(), re.MULTILINE)
    pages = [eugpt(*words, "--help").stdout.decode() for words in [[], *([name] for name in commands)]]
    lines = [line for page in pages for line in page.partition("  Examples:\n")[2].splitlines()]
    return sorted({line.strip().partition("   ")[0] for line in lines} - {*SESSIONS})


def test_each_example_of_a_help_page_runs(folder: Path, service: dict[str, str]) -> None:
    examples = help_examples()
    assert len(examples) > 20
    for example in examples:
        run = bash(HELPERS + example, folder, service)
        assert run.returncode == 0, (example, run)


def test_the_manual_names_each_member_of_errors_and_meta(tmp_path: Path) -> None:
    meta = tmp_path / "meta.json"
    run = eugpt("ask", "x", "--errors", "json", "--meta", str(meta), "--retries", "0", base_url="http://127.0.0.1:1")
    told = json.loads(meta.read_text())
    members = {*json.loads(run.stderr)["error"], *told, *told["seconds"]}
    section = MANUAL.partition(".SS Problems")[2].partition("\n.SS ")[0]
    assert not {name for name in members if not re.search(rf"\b{name}\b", section)}


def test_the_transcript_is_what_is_printed(folder: Path, service: dict[str, str]) -> None:
    """With EUGPT_RENEW=1 it writes what is printed into README instead of comparing it."""
    (transcript,) = [block for block in blocks() if block.startswith("$ ")]
    printed = ""
    for part in re.split(r"^\$ ", transcript, flags=re.MULTILINE)[1:]:
        line, _, _ = part.partition("\n")
        script = f"{{ {line}\n}} 2>&1"
        printed += f"$ {line}\n{bash(script, folder, service).stdout}"
    if os.environ.get("EUGPT_RENEW"):
        old, new = (textwrap.indent(text, "    ") for text in (transcript, printed))
        (TOP / "README.md").write_text(README.replace(old, new), "utf-8")
    else:
        assert printed == transcript


def test_the_first_command_answers_without_a_key(folder: Path, service: dict[str, str]) -> None:
    first, *_ = blocks()
    variables = {name: value for name, value in service.items() if not name.startswith("EUGPT")}
    run = bash(first.rpartition("&&")[2], folder, variables)
    assert (run.returncode, run.stderr) == (0, "")
    assert "eugpt" in run.stdout.lower()


def test_the_line_for_cron(folder: Path, service: dict[str, str]) -> None:
    """As cron runs it: by sh, with a short PATH, without a key in the environment."""
    (lines,) = [block for block in blocks() if block.startswith("# crontab -e")]
    command = re.sub(r"^(\S+ ){5}", "", lines.splitlines()[1])
    (folder / ".local/bin").mkdir(parents=True)
    (folder / ".local/bin/eugpt").symlink_to(EUGPT)
    (folder / ".config/eugpt").mkdir(parents=True)
    (folder / ".config/eugpt/key").write_text(service["EUGPT_API_KEY"] + "\n")
    variables = {"HOME": str(folder), "PATH": "/usr/bin:/bin", "EUGPT_BASE_URL": service["EUGPT_BASE_URL"]}
    run = subprocess.run(["/bin/sh", "-c", command], env=variables, capture_output=True, timeout=60, check=False)
    assert (run.returncode, run.stdout, run.stderr) == (0, b"", b"")
    assert (folder / "brief.txt").read_text()


@pytest.mark.skipif(not shutil.which("jq"), reason="jq is not installed")
@pytest.mark.parametrize(("answers", "code", "total"), [("ok", 0, "340"), ("bad ok", 0, "340"), ("bad bad", 82, "")])
def test_the_schema(answers: str, code: int, total: str, folder: Path, service: dict[str, str]) -> None:
    (schema,) = [block for block in blocks() if block.startswith('{\n  "type"')]
    (line,) = [block for block in blocks() if block.startswith("eugpt ask --schema")]
    (folder / "invoice.schema.json").write_text(schema)
    (folder / "invoice.txt").write_text("Invoice A-17: 340 euros")
    texts = {"ok": '{"number": "A-17", "total": 340}', "bad": '{"number": 17}'}
    tables = "".join(f"[[request]]\ntext = '{texts[answer]}'\n" for answer in answers.split())
    (folder / "scenario.toml").write_text(tables)
    (folder / "script").write_text(line)
    run = bash("eugpt serve --scenario scenario.toml -- bash -o pipefail script", folder, service)
    assert (run.returncode, run.stdout.strip()) == (code, total), run


def test_each_shell_takes_its_line(tmp_path: Path) -> None:
    (lines,) = [block for block in blocks() if block.startswith(". completions")]
    for line in lines.splitlines():
        command, _, name = line.partition("#")
        if shutil.which(name.strip()):
            variables = {"PATH": os.defpath, "HOME": str(tmp_path)}
            run = subprocess.run(
                [name.strip(), "-c", command], cwd=TOP, env=variables, capture_output=True, check=False
            )
            assert (run.returncode, run.stderr) == (0, b""), line


def test_the_profiles(tmp_path: Path) -> None:
    (profiles,) = [example for example in examples() if example.startswith("default_profile")]
    (tmp_path / "eugpt").mkdir()
    (tmp_path / "eugpt/config.toml").write_text(profiles)
    variables = {"PATH": f"{Path(EUGPT).parent}:{os.defpath}", "XDG_CONFIG_HOME": str(tmp_path)}
    told = bash("eugpt config && eugpt config --profile local", tmp_path, variables)
    assert told.returncode == 0, told.stderr
    for words in (
        "timeout 60 profile work",
        "api_key (not shown) api_key_command",
        "http://127.0.0.1:8399 profile local",
    ):
        assert words in " ".join(told.stdout.split())
