"""The most likely mistakes: the message and its hint alone say what to do next. Nothing is sent for any of them."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.fixtures import DOCUMENT
from tests.support.forked_program import eugpt
from tests.support.rawserver import http, serving, stream
from tests.support.terminal import on_terminal

KEYS = "create a key at chat.eugpt.ai (Settings → API Keys), export EUGPT_API_KEY=eugpt_…, then run: eugpt doctor"
NO_SETTING = "leave it out: the service has no such setting; -i TEXT sets the system prompt"
MODEL = "leave it out: the service chooses the model; --meta FILE records which one"
SYSTEM = "to set the system prompt, use -i TEXT or -i @FILE"
SECRET = "a key is never an argument, because other users could read it; set EUGPT_API_KEY or use --api-key-file PATH"
PROJECT = "give the id of the project, such as 1c8b9a7f-2d3e-4f5a-9b8c-7d6e5f4a3b2c, not its name"
OTHERWISE = "otherwise, to send it as a prompt: eugpt ask"
UPLOAD = "upload it at chat.eugpt.ai and give its id with --file-id UUID"

# what is typed · the error line, after `eugpt: ` · its hint
TYPED: list[tuple[list[str], str, str | None]] = [
    (["What is up?"], "usage: no such command: What is up?", "to send it as a prompt: eugpt ask 'What is up?'"),
    (["how", "is", "it", "-q"], "usage: no such command: how", "to send it as a prompt: eugpt ask 'how is it' -q"),
    (["hepl"], "usage: no such command: hepl; did you mean help?", "otherwise, to send it as a prompt: eugpt ask hepl"),
    (["hello"], "usage: no such command: hello", "to send it as a prompt: eugpt ask hello"),
    (["login"], "usage: no such command: login", KEYS),
    (["auth"], "usage: no such command: auth", KEYS),
    (["version"], "usage: no such command: version", "eugpt --version"),
    (["models"], "usage: no such command: models", "there is no list: the service chooses the model"),
    (["aks", "x"], "usage: no such command: aks; did you mean ask?", f"{OTHERWISE} 'aks x'"),
    (["bach"], "usage: no such command: bach; did you mean batch?", f"{OTHERWISE} bach"),
    (["help", "nope"], "usage: no such command: nope", "eugpt --help"),
    (
        ["ask", "-1 + 2 = ?"],
        "usage: no such option: -1",
        "to send a prompt that begins with a dash, put -- before it: eugpt ask -- '-1 + 2 = ?'",
    ),
    (
        ["stream", "--all or nothing?"],
        "usage: no such option: --all or nothing?",
        "to send a prompt that begins with a dash, put -- before it: eugpt stream -- '--all or nothing?'",
    ),
    (["ask", "two", "words"], "usage: too many arguments: words", "put the prompt in quotes: eugpt ask 'two words'"),
    (
        ["ask", "-f", "a.txt", "b.txt", "c.txt"],
        "usage: too many arguments: c.txt",
        "repeat -f for each file: -f a.txt -f b.txt; put a prompt of several words in quotes",
    ),
    (["ask", "-s", "Be brief.", "x"], "usage: no such option: -s", SYSTEM),
    (["ask", "--system", "Be brief.", "x"], "usage: no such option: --system", SYSTEM),
    (["ask", "-m", "gpt", "x"], "usage: no such option: -m", MODEL),
    (["ask", "--model=gpt", "x"], "usage: no such option: --model", MODEL),
    (["ask", "--temperature", "0", "x"], "usage: no such option: --temperature", NO_SETTING),
    (["ask", "--max-tokens", "9", "x"], "usage: no such option: --max-tokens", NO_SETTING),
    (["ask", "--stream", "x"], "usage: no such option: --stream", "to print text as it arrives, run: eugpt stream"),
    (["ask", "--api-key", "K", "x"], "usage: no such option: --api-key", SECRET),
    (["ask", "--version"], "usage: no such option: --version", "to print the version, run: eugpt --version"),
    (["ask", "--jsn", "x"], "usage: no such option: --jsn; did you mean --json?", "to list the options: "),
    (["ask", "--modle", "x"], "usage: no such option: --modle", "leave it out: the service chooses the model"),
    (["--verison"], "usage: no such option before the command: --verison; did you mean --version?", "eugpt --help"),
    (["ask", "--nope", "x"], "usage: no such option: --nope", "to list the options: eugpt ask --help"),
    (["stream", "--each-line"], "usage: stream has no option --each-line", "--each-line is an option of eugpt chat"),
    (["chat", "--resume", "x"], "usage: no such option: --resume", "to continue a conversation, use -c NAME"),
    (["ask", "x", "-f"], "usage: option '-f' requires an argument", "give it one: -f PATH"),
    (["config", "set", "x"], "usage: too many arguments: set x", "config changes nothing; eugpt config --path prints"),
    (["what", "is", "up"], "usage: no such command: what", "to send it as a prompt: eugpt ask 'what is up'"),
    (["-V"], "usage: no such option before the command: -V", "to print the version, run: eugpt --version"),
    (["--model", "x"], "usage: no such option before the command: --model", MODEL),
    (
        ["ask", "-hello"],
        "usage: no such option: -hello",
        "to send a prompt that begins with a dash, put -- before it: eugpt ask -- -hello",
    ),
    (["ask", "-retries", "3", "x"], "usage: no such option: -retries", "write it with two dashes: --retries"),
    (["ask", "-model=gpt", "x"], "usage: no such option: -model", MODEL),
    (["ask", "-temperature", "0", "x"], "usage: no such option: -temperature", NO_SETTING),
    (
        ["ask", "-", "Sum", "up"],
        "usage: too many arguments: Sum up",
        "standard input follows the prompt by itself; leave out the -: eugpt ask 'Sum up'",
    ),
    (
        ["chat", "trip", "hi"],
        "usage: too many arguments: hi",
        "put the prompt in quotes: eugpt chat 'trip hi'; -c NAME names a conversation",
    ),
    (["serve", "8080"], "usage: 8080 is no command", "eugpt serve --port 8080"),
    (["ask", "-f", "empty"], "usage: nothing to send: empty is empty", "give a prompt, such as: eugpt ask Hello; "),
    (["chat", "-I"], "usage: nothing to send", "give a prompt, such as: eugpt chat Hello; or pipe text into it"),
    (["exit-codes", "-1"], "usage: no such option: -1", "eugpt exit-codes --help"),
    (["ask", "x", "-o", "new/"], "output: new/ cannot be written: is a directory", None),
    (["ask", "x", "--meta", "new/."], "output: new/. cannot be written: is a directory", None),
    (["ask", "x", "--log", "new/"], "output: new/ cannot be written: is a directory", None),
    (["ask", "x", "-p", "docs"], "usage: --project must be a UUID, not 'docs'", PROJECT),
    (["ask", "x", "-f", "a.pdf"], "input: a.pdf is not UTF-8 at byte 5", f"it is a PDF; {UPLOAD}, or send its text: "),
    (
        ["ask", "x", "-f", "a.docx"],
        "input: a.docx is not UTF-8 at byte 4",
        f"it is an Office document or an archive; {UPLOAD}, or send its text: pandoc -t plain a.docx",
    ),
    (
        ["ask", "x", "-f", "latin 1"],
        "input: latin 1 is not UTF-8 at byte 3",
        "if it is text in Latin-1 (for others, change -f): iconv -f ISO-8859-1 -t UTF-8 'latin 1' | eugpt ask PROMPT",
    ),
    (
        ["ask", "x", "--base-url", "https://chat.eugpt.ai/v1/responses/"],
        "config: the base URL ends in /responses, which eugpt adds itself",
        "use https://chat.eugpt.ai/v1",
    ),
    (
        ["ask", "x", "--base-url", "https://2001:db8::1/v1"],
        "config: the base URL has an IPv6 address without brackets",
        "write https://[2001:db8::1]/v1",
    ),
    (["ask", "x", "-i", "@"], "usage: @ names no file; @FILE reads the instructions from FILE", None),
    (
        ["ask", "x", "--schema", "-"],
        "usage: --schema reads a file, and - names none",
        "standard input is --schema /dev/stdin",
    ),
    (
        ["batch", "--api-key-file", "-", "a.pdf"],
        "usage: --api-key-file reads a file, and - names none",
        "standard input is --api-key-file /dev/stdin",
    ),
    (["chat", "-c", "name", "x"], "config: ", None),
]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files that are no text, and a home that cannot be written."""
    folder = tmp_path_factory.mktemp("folder")
    (folder / "a.pdf").write_bytes(b"%PDF-\xe2\xe3")
    (folder / "a.docx").write_bytes(b"PK\x03\x04\xff\xff")
    (folder / "latin 1").write_bytes("für".encode("latin-1") + b"\n")
    (folder / "latin 1").write_bytes(b"caf\xe9\n")
    (folder / "home").write_text("a file")
    (folder / "empty").touch()
    return folder


@pytest.mark.parametrize(("words", "says", "hint"), TYPED, ids=lambda value: str(value)[:40])
def test_the_message_says_what_to_do(
    words: list[str], says: str, hint: str | None, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    with serving(http(DOCUMENT)) as server:
        run = eugpt(*words, base_url=server.base_url, env={"HOME": str(folder / "home")})
    error, *hints = run.stderr.decode().splitlines()
    assert error.startswith(f"eugpt: {says}")
    assert "".join(hints).startswith(f"hint: {hint}" if hint else "")
    assert (server.received, run.stdout) == ([], b"")
    if "name" in words:
        assert str(folder / "home") in error


def test_options_before_the_command() -> None:
    run = eugpt("--errors", "json", "ask", "x")
    error = json.loads(run.stderr)["error"]
    assert (error["message"], error["hint"]) == (
        "no such option before the command: --errors",
        "put options after the command: eugpt COMMAND --errors",
    )


@pytest.mark.parametrize(
    ("key", "problem"),
    [
        ("Bearer eugpt_12345678", "begins with the word Bearer; give the key alone"),
        ('"eugpt_12345678"', "is in quotes; give the key without them"),
        ("'eugpt_12345678'", "is in quotes; give the key without them"),
        ("eugpt_12345678\r", "has a carriage return (from a file with Windows line ends?) at its end"),
        ("eugpt_1234 5678", "has a space at character 11 of 15"),
        ("eugpt_1234\n5678", "has a line break at character 11 of 15"),
        ("eugpt_\x1b12345678", "has a control character at character 7 of 15"),
        ("eugpt_1234567\u200b", "has a non-ASCII character at "),
    ],
)
def test_a_key_that_cannot_be_one(key: str, problem: str) -> None:
    run = eugpt("ask", "x", env={"EUGPT_API_KEY": key})
    assert run.returncode == 30
    assert run.stderr.decode().startswith(f"eugpt: config: the API key in EUGPT_API_KEY {problem}")
    assert "5678" not in run.stderr.decode()


def test_help_on_help() -> None:
    page = eugpt("help", "--help")
    assert (page.returncode, page.stderr, page.stdout[:17]) == (0, b"", b"Usage: eugpt help")
    for words in (["help", "help"], ["help", "-h"], ["--", "help", "help"]):
        assert eugpt(*words).stdout == page.stdout
    assert eugpt("help").stdout == eugpt("--help").stdout
    assert b"\n  help          Print the help of a command.\n" in eugpt("help").stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-f", "a.txt", "b.txt"], "b.txt"),
        (["b.txt"], "b.txt"),
        (["@b.txt"], "b.txt"),
        (["./b.txt", "-f", "a.txt"], "./b.txt"),
        (["b.text", "-f", "a.txt"], ""),
        (["."], ""),
        (["-q", "b.txt"], ""),
    ],
)
def test_a_prompt_that_is_the_name_of_a_file(
    words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is sent as it is; a person is told what else they may have meant, a pipe nothing."""
    monkeypatch.chdir(tmp_path)
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text("text")
    with serving(http(DOCUMENT), http(DOCUMENT)) as server:
        seen = on_terminal("ask", *words, base_url=server.base_url)
        piped = eugpt("ask", *words, base_url=server.base_url)
    note = f"eugpt: note: the prompt is the name of a file; -f {said} sends its text\r\n" if said else ""
    assert (seen.exit, seen.output.decode()) == (0, f"{note}Hello\r\n")
    assert (piped.returncode, piped.stdout, piped.stderr) == (0, b"Hello\n", b"")


def test_a_new_name_that_is_like_an_old_one(tmp_path: Path) -> None:
    made = "8f14e45f-ceea-467a-a4ed-a9e9a5cb16ee"
    done = json.dumps({"type": "response.completed", "response": {"status": "completed", "conversation_id": made}})
    answer = stream('{"type":"response.output_text.delta","delta":"hi"}', done)
    env: dict[str, str | None] = {"XDG_STATE_HOME": str(tmp_path)}
    note = b"eugpt: note: tripp is a new conversation; did you mean trip?\r\n"
    with serving(*[answer] * 5) as server:
        words = ("chat", "-c", "trip", "x")
        assert eugpt(*words, base_url=server.base_url, env=env).stderr == b""
        seen = [on_terminal("chat", "-c", "tripp", "x", base_url=server.base_url, env=env).output for _ in range(2)]
        other = on_terminal("chat", "-c", "other", "x", base_url=server.base_url, env=env).output
        assert eugpt("chat", "-c", "tirp", "x", base_url=server.base_url, env=env).stderr == b""
    assert (seen[0].startswith(note), note in seen[1], b"did you mean" in other) == (True, False, False)


def test_a_type_that_matched_nothing() -> None:
    events = ('{"type":"response.created"}', '{"type":"response.completed","response":{"status":"completed"}}')
    with serving(stream(*events)) as server:
        seen = on_terminal("raw-events", "x", "--type", "delta", base_url=server.base_url)
        piped = eugpt("raw-events", "x", "--type", "delta", base_url=server.base_url)
        matched = on_terminal("raw-events", "x", "--type", "*created", base_url=server.base_url)
    assert seen.output.decode() == (
        "eugpt: note: no event matched --type delta; seen: response.completed, response.created\r\n"
    )
    assert (seen.exit, piped.stdout, piped.stderr, b"note" in matched.output) == (0, b"", b"", False)


def test_a_new_conversation_in_a_pipe_tells_its_id(tmp_path: Path) -> None:
    made = "8f14e45f-ceea-467a-a4ed-a9e9a5cb16ee"
    done = json.dumps({"type": "response.completed", "response": {"status": "completed", "conversation_id": made}})
    delta = '{"type":"response.output_text.delta","delta":"hi"}'
    env = {"XDG_STATE_HOME": str(tmp_path)}
    with serving(stream(delta, done)) as server:
        run = eugpt("chat", stdin=b"x", base_url=server.base_url, env=env)
        named = eugpt("chat", "-c", "work", stdin=b"x", base_url=server.base_url, env=env)
        quiet = eugpt("chat", "-q", stdin=b"x", base_url=server.base_url, env=env)
    assert run.stderr.decode() == f"eugpt: note: new conversation {made}; continue it with -c {made}\n"
    assert (named.stderr, quiet.stderr, run.stdout) == (b"", b"", b"hi\n")


@pytest.mark.parametrize(
    ("header", "hint"),
    [
        ("", r"the token limit is reached, and the service does not say when it resets; try again later"),
        ("Retry-After: 7200\r\n", r"the token limit resets at (\d{4}-\d\d-\d\d \d\d:\d\d) UTC, in 2 h 0 min"),
        ("Retry-After: 90\r\n", r"the token limit resets at (\d{4}-\d\d-\d\d \d\d:\d\d) UTC, in 2 min"),
        ("Retry-After: 999999999999\r\n", r"the token limit (is reached|resets at .*)"),
    ],
)
def test_a_quota_says_when_it_resets(header: str, hint: str) -> None:
    with serving(http(b'{"detail":"no more"}', status="429 X", extra=header)) as server:
        run = eugpt("ask", "x", base_url=server.base_url)
    found = re.fullmatch(rf"eugpt: quota: no more \(HTTP 429\)\nhint: {hint}\n", run.stderr.decode())
    assert (run.returncode, bool(found)) == (49, True), run.stderr
    if found and found.groups() and "7200" in header:
        moment = datetime.strptime(found[1], "%Y-%m-%d %H:%M").replace(tzinfo=UTC)
        assert 7000 < (moment - datetime.now(UTC)).total_seconds() <= 7200


@pytest.mark.parametrize("flag", ["--dry-run", "--curl"])
def test_a_request_that_is_shown_does_not_command_the_terminal(flag: str, tmp_path: Path) -> None:
    text = "a\x1b[2J\x7f\x9b2J\u202eb"
    (tmp_path / "file").write_text(text)
    seen = on_terminal("ask", flag, "-f", str(tmp_path / "file"))
    piped = eugpt("ask", flag, "-f", str(tmp_path / "file"))
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202e]", seen.output.decode())
    if flag == "--dry-run":
        assert json.loads(seen.output)["input"] == json.loads(piped.stdout)["input"]
        assert text in json.loads(piped.stdout)["input"]


def test_help_in_three_ways() -> None:
    pages = [eugpt(*words).stdout for words in (["help", "ask"], ["ask", "--help"], ["ask", "-h"])]
    assert pages[0] == pages[1] == pages[2]
    assert eugpt("help").stdout == eugpt("--help").stdout
    assert eugpt().returncode == 2
    alone = on_terminal()
    assert alone.exit == 0
    assert alone.output.decode().startswith("Usage: eugpt ")


def test_each_help_page_ends_with_examples() -> None:
    commands = re.findall(r"^  ([a-z][a-z-]+)  ", eugpt("help").stdout.decode(), re.MULTILINE)
    assert len(commands) > 10
    for command in commands:
        page = eugpt("help", command, env={"COLUMNS": "80"}).stdout.decode()
        examples = page.partition("  Examples:\n")[2].splitlines()
        assert 1 <= len(examples) <= 3, command
        assert all(example.lstrip().partition(" ")[2] for example in examples), command
        assert f"eugpt {command}" in examples[0], command
        assert max(map(len, page.splitlines())) <= 80, command
