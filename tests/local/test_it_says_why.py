"""What fails says why: state that is damaged, foreign or full, half a URL, links out of a project, a quota."""

import os
import sqlite3
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eugpt_cli.local.answers.web_folder import WebFolder
from tests.support.program import EUGPT

from .conftest import Start

PROJECT = "1c8b9a7f-2d3e-4f5a-9b8c-7d6e5f4a3b2c"


def serve(*words: str, limit: int | None = None) -> subprocess.CompletedProcess[str]:
    """Runs `eugpt serve`, with a limit in KiB on the size of the files that it writes."""
    line = [EUGPT, "serve", *words]
    if limit:
        line = ["bash", "-c", f'ulimit -f {limit}; exec "$@"', "bash", *line]
    environ = {**os.environ, "PATH": f"{Path(EUGPT).parent}:{os.environ['PATH']}"}
    return subprocess.run(line, env=environ, capture_output=True, text=True, timeout=60)


def database(folder: Path) -> Path:
    """A state folder with a few turns; its database."""
    assert serve("--state", str(folder), "--", "eugpt", "ask", "word " * 9000).returncode == 0
    return folder / "conversations.sqlite3"


@pytest.fixture(scope="session")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return database(tmp_path_factory.mktemp("state"))


@pytest.mark.parametrize("name", ["conversations.sqlite3", f"project-{PROJECT}.sqlite3"])
@pytest.mark.parametrize("damage", ["text", "middle", "cut", "foreign", "other-columns", "other-id", "folder"])
def test_a_state_that_cannot_be_used_is_30_at_the_start(good: Path, tmp_path: Path, damage: str, name: str) -> None:
    file = tmp_path / "state" / name
    file.parent.mkdir()
    data = good.read_bytes()
    if damage == "folder":
        file.mkdir()
    elif damage in ("foreign", "other-columns"):
        table = "songs (title)" if damage == "foreign" else "conversations (id, title)"
        with sqlite3.connect(file) as db:
            db.execute(f"CREATE TABLE {table}")
        db.close()
    elif damage == "other-id":
        with sqlite3.connect(file) as db:
            db.execute("PRAGMA application_id = 7")
        db.close()
    else:
        pieces = {
            "text": b"Dear diary, " * 99,
            "middle": data[:5000] + b"\xaa" * 4096 * 3 + data[5000 + 4096 * 3 :],
            "cut": data[: len(data) // 2 + 100],
        }
        file.write_bytes(pieces[damage])
    docs = tmp_path / "docs"
    docs.mkdir()
    run = serve("--state", str(file.parent), "--project", f"{PROJECT}={docs}", "--", "echo", "started")
    assert (run.returncode, run.stdout) == (30, "")
    first, *_ = run.stderr.splitlines()
    assert first.startswith("eugpt: config: ")
    assert name in first
    assert "Traceback" not in run.stderr
    assert "hint: move " not in run.stderr or damage in ("text", "middle", "cut"), "only what is damaged"
    assert "hint: move " in run.stderr or damage != "text"


def test_a_disk_that_is_full_at_the_start_is_no_reason_to_move_the_state(tmp_path: Path) -> None:
    run = serve("--state", str(tmp_path / "s"), "--", "true", limit=8)
    assert (run.returncode, run.stdout) == (30, "")
    assert run.stderr.splitlines()[1] == "hint: give another folder with --state"


OLD_SCHEMA = """
CREATE TABLE conversations (id TEXT PRIMARY KEY, user TEXT NOT NULL, hidden INTEGER NOT NULL, instructions TEXT,
  messages INTEGER NOT NULL DEFAULT 0, folded INTEGER NOT NULL DEFAULT 0, updates INTEGER NOT NULL DEFAULT 0);
CREATE TABLE messages (conversation TEXT NOT NULL, position INTEGER NOT NULL, role TEXT NOT NULL, text TEXT NOT NULL,
  PRIMARY KEY (conversation, position)) WITHOUT ROWID;
CREATE TABLE summary (conversation TEXT NOT NULL, position INTEGER NOT NULL, sentence INTEGER NOT NULL,
  role TEXT NOT NULL, text TEXT NOT NULL, weight REAL NOT NULL,
  PRIMARY KEY (conversation, position, sentence)) WITHOUT ROWID;
CREATE TABLE usage (user TEXT NOT NULL, day TEXT NOT NULL, tokens INTEGER NOT NULL, PRIMARY KEY (user, day))
  WITHOUT ROWID;
INSERT INTO conversations (id, user, hidden, messages) VALUES ('1c8b9a7f-2d3e-4f5a-9b8c-7d6e5f4a3b2c', 'local', 0, 2);
INSERT INTO messages VALUES ('1c8b9a7f-2d3e-4f5a-9b8c-7d6e5f4a3b2c', 0, 'user', 'My boat is called Petrel.'),
  ('1c8b9a7f-2d3e-4f5a-9b8c-7d6e5f4a3b2c', 1, 'assistant', 'Noted.');
"""


def test_a_state_of_an_older_version_goes_on(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "conversations.sqlite3") as db:
        db.executescript(OLD_SCHEMA)
    db.close()
    run = serve("--state", str(tmp_path), "--", "eugpt", "chat", "-c", PROJECT, "What is my boat called?")
    assert run.stdout == "You said earlier: “My boat is called Petrel.”\n"


def test_a_full_disk_in_the_middle(tmp_path: Path) -> None:
    (tmp_path / "large").write_text("word " * 60_000)
    script = f"eugpt ask small; eugpt ask --retries 0 <{tmp_path / 'large'}; echo $?; eugpt ask small"
    run = serve("--state", str(tmp_path / "s"), "--", "sh", "-c", script, limit=200)
    assert [line for line in run.stdout.splitlines() if line.isdigit()] == ["50"]
    assert "warning: the turn cannot be stored: " in run.stderr
    assert "The turn cannot be stored: " in run.stderr.partition("eugpt: ")[2]


def test_half_a_url_is_answered(start: Start, tmp_path: Path) -> None:
    server = start(web=str(tmp_path))
    for url in ("https://[::1", "http://[", "https://a/%00", f"https://{'a' * 5000}/{'b' * 5000}", "http://\u2100/x"):
        assert server.post({"input": f"Fetch {url}"}).status_code == 200, url


@given(st.text(max_size=40))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_url_breaks_the_web_folder(tmp_path: Path, rest: str) -> None:
    web = WebFolder(tmp_path)
    assert web.fetch(f"https://{rest}") is None
    web.close()


def test_a_project_follows_no_link_out_of_its_folder(start: Start, tmp_path: Path) -> None:
    docs, outside = tmp_path / "docs", tmp_path / "outside"
    docs.mkdir()
    outside.mkdir()
    (outside / "secret.md").write_text("The secret harbour is Brest.")
    (docs / "open.md").write_text("The open harbour is Riga.")
    (docs / "link.md").symlink_to(outside / "secret.md")
    (docs / "folder").symlink_to(outside)
    (docs / "inside.md").symlink_to(docs / "open.md")
    os.mkfifo(docs / "pipe.md")
    server = start(projects={PROJECT: str(docs)}, web=str(docs))
    for more in ({"project_id": PROJECT}, {}):
        found = server.ask("Search the web: which harbour is secret?", **more)["output_text"]
        assert "Brest" not in found
    assert "Riga" in server.ask("Which harbour is open?", project_id=PROJECT)["output_text"]
    link = tmp_path / "docs-link"
    link.symlink_to(docs)
    linked = start(projects={PROJECT: str(link)})
    assert "Riga" in linked.ask("Which harbour is open?", project_id=PROJECT)["output_text"], "the folder may be a link"


def test_a_link_put_in_later_leads_nowhere_either(start: Start, tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "a.md").write_text("The open harbour is Riga.")
    (tmp_path / "secret.md").write_text("The open harbour is Brest.")
    server = start(projects={PROJECT: str(docs)})
    assert "Riga" in server.ask("Which harbour is open?", project_id=PROJECT)["output_text"]
    (docs / "a.md").unlink()
    (docs / "a.md").symlink_to(tmp_path / "secret.md")
    assert "Brest" not in server.ask("Which harbour is open?", project_id=PROJECT)["output_text"]


def test_the_quota_says_what_was_needed(start: Start) -> None:
    error = start(daily_tokens=5).post({"input": "x" * 100}).json()
    assert "0 of 5 tokens used, this request needs 25; resets at " in error["detail"]
    assert (error["error"]["used"], error["error"]["limit"], error["error"]["needed"]) == (0, 5, 25)
