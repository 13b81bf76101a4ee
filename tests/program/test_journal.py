"""The journal of --log: a whole line for every run whatever its end, true to the byte, and never a word of text."""

import json
import os
import re
import resource
import shutil
import signal
import stat
import subprocess
import sys
import time
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures import EVENTS, UUID
from tests.support.emulator import Terminal
from tests.support.forked_program import eugpt
from tests.support.program import EUGPT, KEY, environment, shell, start
from tests.support.rawserver import SSE_HEAD, Script, chunk, held_open, http, serving, sse, stream

PROMPT = "pumpernickel"  # a word that stands nowhere else
ANSWER = "gingerbread"
TOP = Path(__file__).parents[2]
FIELDS = {
    *("at", "command", "label", "eugpt", "base_url", "outcome", "exit", "response_id", "conversation_id", "request_id"),
    *("model", "status", "http_status", "attempts", "tries", "events", "tools", "usage", "seconds", "error"),
    *("request_bytes", "request_sha256", "answer_bytes", "answer_sha256"),
}


def told(text: str = ANSWER, **more: Any) -> dict[str, Any]:
    usage = {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}
    return {"id": "r_1", "model": "m 1", "status": "completed", "output_text": text, "usage": usage, **more}


def events(*, cut: bool = False, **more: Any) -> bytes:
    delta = {"type": "response.output_text.delta", "delta": ANSWER}
    done = {"type": "response.completed", "response": told(**more)}
    created = {"type": "response.created", "response": {"id": "r_1"}}
    return stream(*map(json.dumps, [created, delta] if cut else [created, delta, done]))


def document(**more: Any) -> bytes:
    return http(json.dumps(told(**more)).encode())


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "journal.ndjson"


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str | None]:
    return {"XDG_STATE_HOME": str(tmp_path / "state")}


def lines(journal: Path) -> list[dict[str, Any]]:
    """Every line, each of which is whole."""
    raw = journal.read_bytes()
    assert raw.endswith(b"\n")
    return [json.loads(line) for line in raw.splitlines()]


def digest(data: bytes) -> tuple[int, str]:
    return len(data), sha256(data).hexdigest()


ENDS: dict[str, tuple[str, Script, int]] = {
    "ask": ("ask", document(), 0),
    "ask --json": ("ask --json", document(), 0),
    "ask, a stream": ("ask", events(), 0),
    "ask, partial": ("ask --partial", events(cut=True), 62),
    "ask, cut": ("ask", events(cut=True), 62),
    "stream": ("stream", events(), 0),
    "stream, cut": ("stream", events(cut=True), 62),
    "raw-events": ("raw-events --trailer", events(), 0),
    "raw-events, sse": ("raw-events --sse", events(), 0),
    "chat": (f"chat -c {UUID}", events(), 0),
    "429": ("stream", http(b'{"detail":"enough"}', status="429 Too Many Requests"), 49),
    "503, retried": ("ask --retries 1", http(b"", status="503 Busy", extra="Retry-After: 0\r\n"), 53),
    "failed": ("ask", http(json.dumps(told(status="failed", error={"message": PROMPT})).encode()), 80),
    "the key in the answer": ("ask", document(text=f"{ANSWER} {KEY}"), 0),
    "HTML": ("ask", http(b"<html>", kind="text/html"), 63),
}


@pytest.mark.parametrize(
    ("end", "place"),
    [(end, place) for end in ENDS for place in ("stdout", "file") if (end, place) != ("ask, partial", "file")],
)
def test_a_line_for_every_end(end: str, place: str, journal: Path, tmp_path: Path, env: dict[str, str | None]) -> None:
    words, script, code = ENDS[end]
    output = tmp_path / "answer"
    more = ("-o", str(output)) if place == "file" else ()
    meta = tmp_path / "meta"
    with serving(script) as server:
        command = (*words.split(), PROMPT, "--log", str(journal), "--meta", str(meta), "--label", "nightly", *more)
        run = eugpt(*command, base_url=server.base_url, env=env)
    written = run.stdout if place == "stdout" else output.read_bytes() if output.exists() else b""
    (line,) = lines(journal)
    assert (run.returncode, line["exit"]) == (code, code)
    assert line.keys() == FIELDS
    assert (line["command"], line["label"], line["base_url"]) == (words.split()[0], "nightly", server.base_url)
    assert (line["answer_bytes"], line["answer_sha256"]) == digest(written)
    assert (line["request_bytes"], line["request_sha256"]) == digest(server.received[-1].body)
    assert abs(time.time() - _seconds(line["at"])) < 60
    assert line["attempts"] == len(server.received)
    if code == 0:
        assert (line["usage"]["total_tokens"], line["model"], line["error"]) == (7, "m 1", None)
    else:
        assert line["error"].keys() == {"kind", "exit", "http_status", "code"}
    facts = json.loads(meta.read_bytes())
    assert {name: facts[name] for name in facts if name not in ("error", "seconds")} == {
        name: line[name] for name in facts if name not in ("error", "seconds")
    }
    _assert_silent(journal)


def _seconds(at: str) -> float:
    import calendar

    return calendar.timegm(time.strptime(at, "%Y-%m-%dT%H:%M:%SZ"))


def _assert_silent(journal: Path) -> None:
    raw = journal.read_bytes()
    for word in (PROMPT, ANSWER, KEY, KEY[6:]):
        assert word.encode() not in raw


LEAKS = {
    "in an error": http(
        json.dumps({"error": {"message": f"{PROMPT} {KEY}", "type": PROMPT, "code": f"no {PROMPT}"}}).encode(),
        status="400 Bad",
    ),
    "in a detail": http(json.dumps({"detail": {"text": PROMPT, "key": KEY}}).encode(), status="422 Bad"),
    "in every name": document(
        id=f"a {PROMPT}\n{KEY}",
        status=f"about {PROMPT}",
        conversation_id=f"{PROMPT} {ANSWER}",
        usage={"total_tokens": 7, f"a {PROMPT}": 1, "note": PROMPT, "deep": {"note": [PROMPT]}},
        output=[{"type": "function_call", "name": f"look up {PROMPT}"}],
    ),
    "a whole answer as a model": document(model=f"{ANSWER} " * 100),
    "the key alone": document(id=KEY, status=KEY, model=KEY),
}


@pytest.mark.parametrize("script", LEAKS.values(), ids=LEAKS)
def test_nothing_that_the_service_says_brings_text_or_the_key_into_it(script: Script, journal: Path) -> None:
    with serving(script) as server:
        eugpt("ask", PROMPT, "--log", str(journal), base_url=server.base_url)
    assert len(lines(journal)) == 1
    _assert_silent(journal)


def test_the_file_is_made_for_this_user_alone_and_is_only_added_to(journal: Path) -> None:
    with serving(document()) as server:
        for number in (1, 2):
            assert eugpt("ask", "x", "--log", str(journal), base_url=server.base_url).returncode == 0
            assert (len(lines(journal)), stat.S_IMODE(journal.stat().st_mode)) == (number, 0o600)
        journal.chmod(0o640)
        assert eugpt("ask", "x", "--log", str(journal), base_url=server.base_url).returncode == 0
    assert (len(lines(journal)), stat.S_IMODE(journal.stat().st_mode)) == (3, 0o640)


@pytest.mark.parametrize("command", ["ask", "stream", "chat", "raw-events"])
@pytest.mark.parametrize("path", ["missing/journal", ".", "/proc/journal"])
def test_one_that_cannot_be_opened_is_32_before_anything_is_sent(command: str, path: str, tmp_path: Path) -> None:
    with serving(document()) as server:
        run = eugpt(command, "x", "--log", str(tmp_path / path), base_url=server.base_url)
    assert (run.returncode, run.stdout, server.connections) == (32, b"", 0)
    assert run.stderr.startswith(b"eugpt: output: ")


NO_RUNS = [
    (2, ["ask"]),
    (2, ["ask", "x", "--nope"]),
    (2, ["ask", "x", "--json", "--partial"]),
    (2, ["ask", "x", "-p", "no uuid"]),
    (2, ["chat", "--each-line", "x"]),
    (0, ["ask", "x", "--dry-run"]),
    (0, ["stream", "x", "--curl"]),
    (0, ["ask", "--help"]),
]


@pytest.mark.parametrize(("code", "words"), NO_RUNS, ids=lambda value: str(value)[:50])
def test_usage_errors_and_what_is_only_shown_are_no_runs(code: int, words: list[str], journal: Path) -> None:
    run = eugpt(*words, env={"EUGPT_LOG": str(journal)})
    assert run.returncode == code
    assert not journal.exists() or journal.read_bytes() == b""


@pytest.mark.parametrize(
    ("words", "env", "code"),
    [
        (["ask", "x", "-c", "unknown"], {"XDG_STATE_HOME": "/nowhere"}, 30),
        (["ask", "x"], {"EUGPT_API_KEY": None}, 30),
        (["ask", "x", "--base-url", "http://u:secret-password@127.0.0.1"], {}, 30),
        (["stream", "-f", "/no/such/file", "x"], {}, 31),
        (["ask", "x", "-o", "/no/such/folder/file"], {}, 32),
        (["ask", "x", "--meta", "/no/such/folder/file"], {}, 32),
        (["ask", "x", "--retries", "0"], {"EUGPT_BASE_URL": "http://127.0.0.1:1"}, 60),
        (["ask", "x", "--max-time", "0.5"], {"EUGPT_BASE_URL": "http://127.0.0.1:1", "EUGPT_RETRIES": "1000"}, 60),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_fails_before_it_is_sent_is_there_too(
    words: list[str], env: dict[str, str | None], code: int, journal: Path
) -> None:
    run = eugpt(*words, env={"EUGPT_LOG": str(journal), **env})
    (line,) = lines(journal)
    assert run.returncode == line["exit"]
    assert line["exit"] in (code, 61)
    assert line["error"]["exit"] == line["exit"]
    assert "secret-password" not in journal.read_text()


PROFILES = '[profile.default]\nbase_url = "http://127.0.0.1:1"\n'
BROKEN = [
    (["ask", "x"], {"EUGPT_RETRIES": "many"}, PROFILES, (None, "http://127.0.0.1:1/v1")),
    (["ask", "x"], {"EUGPT_TIMEOUT": "0"}, "", (None, "https://chat.eugpt.ai/v1")),
    (["stream", "x", "--profile", "other"], {}, PROFILES, (None, None)),
    (["chat", "x", "--label", "mine"], {"EUGPT_PROFILE": "other"}, "", ("mine", None)),
    (["raw-events", "x", "--base-url", "http://127.0.0.1:2"], {}, "[profile", (None, "http://127.0.0.1:2/v1")),
    (["ask", "x"], {}, "[profile.default]\nretry = 1\n", (None, None)),
    (["ask", "x"], {"EUGPT_BASE_URL": "http://u:secret@localhost"}, "[profile.default]\nretry = 1\n", (None, None)),
    (["ask", "x", "--schema", "/no/such/schema"], {}, PROFILES, (None, "http://127.0.0.1:1/v1")),
    (["ask", "x", "--check", "true"], {"EUGPT_MAX_TIME": "x"}, PROFILES, (None, "http://127.0.0.1:1/v1")),
    (["batch", "--shard", "auto"], {}, PROFILES, (None, "http://127.0.0.1:1/v1")),
    (["batch", "--profile", "other"], {}, PROFILES, (None, None)),
]


@pytest.mark.parametrize(("words", "env", "config", "known"), BROKEN, ids=lambda value: str(value)[:60])
@pytest.mark.parametrize("way", ["flag", "variable"])
def test_settings_that_do_not_fit_leave_a_line(
    way: str,
    words: list[str],
    env: dict[str, str | None],
    config: str,
    known: tuple[str | None, str | None],
    tmp_path: Path,
) -> None:
    folder = tmp_path / "config/eugpt"
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text(config)
    journal, meta = tmp_path / "journal", tmp_path / "meta"
    places: dict[str, str | None] = {"EUGPT_LOG": str(journal), "EUGPT_META": str(meta)}
    has_meta = words[0] != "batch"
    flags = ["--log", str(journal), *(["--meta", str(meta)] if has_meta else [])]
    more = {**(places if way == "variable" else {}), "XDG_CONFIG_HOME": str(tmp_path / "config"), **env}
    run = eugpt(*words, *(flags if way == "flag" else []), env=more, stdin=b"{}")
    (line,) = lines(journal)
    assert (run.returncode, line["exit"], line["error"]["kind"], line["attempts"]) == (30, 30, "config", 0)
    assert (line["command"], line["label"], line["base_url"]) == (words[0], *known)
    assert b"secret" not in journal.read_bytes()
    if has_meta:
        assert json.loads(meta.read_bytes())["exit"] == 30


@pytest.mark.parametrize("name", ["log", "meta"])
def test_settings_that_do_not_fit_overwrite_no_file_that_is_read(name: str, tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    notes.write_text("mine")
    run = eugpt("ask", "x", "-f", str(notes), f"--{name}", str(notes), env={"EUGPT_RETRIES": "many"})
    assert (run.returncode, notes.read_text()) == (30, "mine")


@pytest.mark.parametrize("flag", ["--dry-run", "--curl"])
def test_settings_that_do_not_fit_are_no_run_where_it_is_only_shown(flag: str, journal: Path) -> None:
    run = eugpt("ask", "x", flag, env={"EUGPT_LOG": str(journal), "EUGPT_RETRIES": "many"})
    assert (run.returncode, journal.exists()) == (30, False)


@pytest.mark.skipif(sys.platform == "darwin", reason="its ulimit -v limits nothing")
def test_what_a_limit_of_the_machine_ended_has_the_same_status_everywhere(journal: Path, tmp_path: Path) -> None:
    meta = tmp_path / "meta"
    limits = [f"ulimit -n {number}" for number in range(4, 20)]
    with serving(document()) as server:
        for limit in limits:
            journal.unlink(missing_ok=True)
            meta.unlink(missing_ok=True)
            script = f"{limit}; eugpt ask -I x --errors json --log {journal} --meta {meta}"
            run = shell(script, base_url=server.base_url)
            if journal.exists() and journal.read_bytes():
                (line,) = lines(journal)
                assert line["exit"] == run.returncode, (limit, run.stderr)
            if meta.exists():
                assert json.loads(meta.read_bytes())["exit"] == run.returncode, (limit, run.stderr)
    big = f"head -c 250000000 /dev/zero | tr '\\0' a | {{ ulimit -v 200000; eugpt ask --log {journal} --meta {meta}; }}"
    run = shell(big)
    line = lines(journal)[-1]
    told = json.loads(meta.read_bytes())
    assert (run.returncode, line["exit"], line["outcome"], told["exit"]) == (30, 30, "config", 30)
    assert (line["error"]["kind"], told["error"]["message"]) == ("config", "out of memory")


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP], ids=lambda end: end.name)
@pytest.mark.parametrize("moment", ["input", "sent", "answer"])
def test_a_run_ended_by_a_signal_is_there(end: signal.Signals, moment: str, journal: Path) -> None:
    half = SSE_HEAD + chunk(sse(*EVENTS[:2])) if moment == "answer" else b""
    with (
        serving(held_open(half)) as server,
        start(
            "stream",
            "x",
            "--log",
            str(journal),
            base_url=server.base_url,
            stdin=subprocess.PIPE if moment == "input" else None,
        ) as run,
    ):
        assert run.stdout
        if moment == "input":
            while not journal.exists():
                time.sleep(0.01)
        else:
            server.wait()
        shown = os.read(run.stdout.fileno(), 3) if moment == "answer" else b""
        run.send_signal(end)
        rest, _ = run.communicate(timeout=60)
    (line,) = lines(journal)
    assert (run.returncode, line["exit"], line["outcome"]) == (-end, 128 + end, end.name.lower())
    assert (line["answer_bytes"], line["answer_sha256"]) == digest(shown + rest)
    assert (line["request_bytes"] is None) == (moment == "input")


def test_a_reader_that_has_gone_is_there(journal: Path) -> None:
    many = stream(*[json.dumps({"type": "response.output_text.delta", "delta": "x" * 1000})] * 2000)
    with serving(many) as server:
        run = shell(f"eugpt stream x --log {journal} | head -c 10", base_url=server.base_url)
    (line,) = lines(journal)
    assert (run.stdout, line["outcome"], line["exit"]) == (b"x" * 10, "sigpipe", 141)


def test_the_path_comes_from_flag_variable_and_profile(tmp_path: Path) -> None:
    config = tmp_path / "config/eugpt/config.toml"
    config.parent.mkdir(parents=True)
    config.write_text('[profile.default]\nlog = "~/journal"\nmeta = "~/meta"\n')
    env: dict[str, str | None] = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "config")}
    ways: dict[str, tuple[tuple[str, ...], dict[str, str | None]]] = {
        "": ((), {}),
        ".variable": ((), {"EUGPT_LOG": str(tmp_path / "journal.variable"), "EUGPT_META": f"{tmp_path}/meta.variable"}),
        ".flag": (("--log", str(tmp_path / "journal.flag"), "--meta", str(tmp_path / "meta.flag")), {"EUGPT_LOG": "/"}),
    }
    with serving(document()) as server:
        for name, (words, more) in ways.items():
            run = eugpt("ask", "x", *words, base_url=server.base_url, env={**env, **more})
            assert (run.returncode, run.stderr) == (0, b"")
            (line,) = lines(tmp_path / f"journal{name}")
            assert json.loads((tmp_path / f"meta{name}").read_bytes())["answer_sha256"] == line["answer_sha256"]


@pytest.mark.parametrize(
    "words", [("--log", "x", "--meta", "x"), ("--log", "x", "-o", "./x"), ("--meta", "x", "-o", "x")], ids=" ".join
)
def test_one_file_for_two_things_is_refused(words: tuple[str, ...], tmp_path: Path) -> None:
    run = subprocess.run([EUGPT, "ask", "-I", "x", *words], cwd=tmp_path, env=environment(), capture_output=True)
    assert (run.returncode, list(tmp_path.iterdir())) == (2, [])
    assert b"are the same file" in run.stderr


def test_each_turn_of_a_chat_has_its_line(journal: Path, env: dict[str, str | None]) -> None:
    words = ("chat", "--each-line", "-c", UUID, "--log", str(journal))
    quota = http(b"{}", status="429 Quota")
    with serving(events(), events(), quota) as server:
        run = eugpt(*words, base_url=server.base_url, env=env, stdin=b"a\nb\nc\nd\n")
    found = lines(journal)
    assert (run.returncode, [line["exit"] for line in found]) == (49, [0, 0, 49])
    assert [line["request_sha256"] for line in found] == [digest(request.body)[1] for request in server.received]
    assert sum(line["answer_bytes"] for line in found) == len(run.stdout)
    journal.unlink()
    with serving(events()) as server:  # the second line is no turn, and its failure no turn's
        run = eugpt(*words, base_url=server.base_url, env=env, stdin=b"a\n\xff\n")
    found = lines(journal)
    assert [(line["exit"], line["attempts"]) for line in found] == [(0, 1), (31, 0)]


def test_a_session_has_a_line_for_each_message(journal: Path, tmp_path: Path, env: dict[str, str | None]) -> None:
    meta = tmp_path / "meta"
    more = {**env, "EUGPT_LOG": str(journal), "EUGPT_META": str(meta)}
    scripts = (events(), http(b"{}", status="429 Quota"), held_open(SSE_HEAD + chunk(sse(*EVENTS[:2]))))
    with serving(*scripts) as server, Terminal("chat", base_url=server.base_url, env=more) as terminal:
        for message, says in (("one", ANSWER), ("two", "quota"), ("three", "Hel")):
            terminal.prompt()
            terminal.say(message)
            terminal.until(says)
        terminal.type("\x03")
        terminal.until("stopped")
        terminal.prompt()
        terminal.type("\x04")
        assert terminal.end() == (0, None)
    assert [(line["command"], line["exit"]) for line in lines(journal)] == [("chat", 0), ("chat", 49), ("chat", 130)]
    assert json.loads(meta.read_bytes())["request_sha256"] == lines(journal)[-1]["request_sha256"]


TORN = {
    "half a line": (b'{"at":"2026-01-01T00:00:00Z","comm', b""),
    "three bytes": (b'{"a', b""),
    "half a line behind a whole one": (b'{"at":"x"}\n{"at":"2026-01-01T', b'{"at":"x"}\n'),
    "a whole one without its end": (b'{"at":"x"}', b'{"at":"x"}\n'),
    "somebody else's words": (b"# my journal", b"# my journal\n"),
    "a long one": (b'{"at":"' + b"x" * 100_000, b'{"at":"' + b"x" * 100_000 + b"\n"),
}


@pytest.mark.parametrize("torn", TORN)
def test_what_a_killed_run_left_of_a_line_spoils_no_other(torn: str, journal: Path) -> None:
    before, kept = TORN[torn]
    journal.write_bytes(before)
    with serving(document()) as server:
        assert eugpt("ask", "x", "--log", str(journal), base_url=server.base_url).returncode == 0
    raw = journal.read_bytes()
    assert raw.startswith(kept)
    assert json.loads(raw.removeprefix(kept))["exit"] == 0


def limited(size: int, *words: str, base_url: str) -> subprocess.CompletedProcess[bytes]:
    """A run on a disk on which no file grows beyond `size` bytes."""
    return subprocess.run(
        [EUGPT, *words],
        env=environment(base_url),
        capture_output=True,
        stdin=subprocess.DEVNULL,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)),
        timeout=60,
    )


def test_a_full_disk_leaves_whole_lines_and_is_said(journal: Path) -> None:
    with serving(document()) as server:
        base_url = server.base_url
        assert eugpt("ask", "x", "--log", str(journal), base_url=base_url).returncode == 0
        whole = journal.read_bytes()
        for size in (len(whole), len(whole) + 1, len(whole) + 100, 2 * len(whole) - 5):
            run = limited(size, "ask", "x", "--log", str(journal), base_url=base_url)
            assert (run.returncode, run.stdout) == (32, f"{ANSWER}\n".encode())
            assert run.stderr.startswith(f"eugpt: output: {journal} cannot be written: ".encode())
            assert journal.read_bytes() == whole
        assert eugpt("ask", "x", "--log", str(journal), base_url=base_url).returncode == 0
        assert len(lines(journal)) == 2
        full = eugpt("ask", "x", "--log", "/dev/full", base_url=base_url)
        assert (full.returncode, full.stdout) == (32, f"{ANSWER}\n".encode())
    with serving(http(b"{}", status="401 No")) as server:  # the first problem is the one that is told
        failed = limited(len(whole), "ask", "x", "--log", str(journal), base_url=server.base_url)
    assert failed.returncode == 41


def test_it_can_be_a_descriptor_or_a_pipe(tmp_path: Path) -> None:
    with serving(document()) as server:
        script = f"""
            eugpt ask x --log /dev/fd/3 3>>{tmp_path}/three
            eugpt ask x --log >(cat >{tmp_path}/pipe; touch {tmp_path}/done)
            while ! [ -e {tmp_path}/done ]; do sleep 0.01; done
            eugpt ask x --log /dev/stderr
        """
        run = shell(script, base_url=server.base_url, name="bash")
    assert run.stdout == f"{ANSWER}\n".encode() * 3
    for raw in ((tmp_path / "three").read_bytes(), (tmp_path / "pipe").read_bytes(), run.stderr):
        assert json.loads(raw)["exit"] == 0


def test_many_runs_share_one_journal_and_sigkill_tears_no_line(journal: Path) -> None:
    killed = 0
    with serving(document()) as server:
        env = environment(server.base_url, {"EUGPT_LOG": str(journal)})
        for round_ in range(4):
            runs = [
                subprocess.Popen([EUGPT, "ask", "-I", "x", "--label", f"{round_}-{n}"], env=env, stdout=subprocess.PIPE)
                for n in range(16)
            ]
            for run in runs[::4]:
                run.kill()
            for run in runs:
                run.communicate(timeout=120)
            killed += sum(run.returncode == -signal.SIGKILL for run in runs)
    found = lines(journal)
    labels = [line["label"] for line in found]
    assert killed >= 1
    assert len(labels) == len(set(labels)) >= 64 - killed
    assert {line["exit"] for line in found} == {0}


def test_somebody_who_keeps_the_lock_only_delays_it(journal: Path) -> None:
    import fcntl

    with serving(document()) as server, open(journal, "a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        run = eugpt("ask", "x", "--log", str(journal), base_url=server.base_url)
    assert (run.returncode, len(lines(journal))) == (0, 1)


def recipes() -> list[str]:
    """The commands of the manual's JOURNAL, as `man` shows them."""
    section = (TOP / "man/eugpt.1").read_text("utf-8").partition(".SH JOURNAL\n")[2].partition("\n.SH ")[0]
    found = re.findall(r"^\.EX\n(.*?)^\.EE", section, re.M | re.S)
    return [recipe for block in found for recipe in block.replace("\\-", "-").replace("\\e", "\\").split("\n\n")]


@pytest.mark.skipif(not shutil.which("jq"), reason="jq is not installed")
def test_the_recipes_of_the_manual(journal: Path, tmp_path: Path) -> None:
    with serving(document(), document(), http(b"{}", status="429 Quota")) as server:
        for label in (("--label", "nightly"), (), ("--label", "nightly")):
            eugpt(
                "ask", "x", "--log", str(journal), "-o", str(tmp_path / "brief.txt"), *label, base_url=server.base_url
            )
    first, *others = lines(journal)
    first["at"] = "2026-01-31T23:59:59Z"
    batch = {**others[-1], "usage": None, "label": None, "base_url": None}
    rows = [first, *others, batch]
    journal.write_text("".join(f"{json.dumps(row)}\n" for row in rows) + '{"at":"2026-02')
    today = others[0]["at"][:10]
    wanted = [
        f"2026-01-31 7\n{today} 7\n",
        "7 nightly\n7 no label\n",
        f"14 {server.base_url}\n0 none\n",
        f"      1 {today} nightly quota\n      1 {today} null quota\n",
    ]
    *sums, which = [shell(f"cd {tmp_path}; {recipe}").stdout.decode() for recipe in recipes()]
    assert sums == wanted
    assert which.count('"answer_sha256"') == 2
