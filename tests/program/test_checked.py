"""Answers that are checked: what is printed, what is rejected, what it costs; in each way that an answer can leave."""

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.forked_program import eugpt
from tests.support.program import KEY
from tests.support.rawserver import http, serving

TOTAL = {"type": "object", "required": ["total"], "properties": {"total": {"type": "number"}}}
DOUBLING = {
    "$ref": "#/$defs/0",
    "$defs": {str(n): {"allOf": [{"$ref": f"#/$defs/{n + 1}"}] * 2} for n in range(40)} | {"40": {"type": "string"}},
}
OLD = b"yesterday's\n"


def answer(text: str, status: str = "completed") -> bytes:
    return http(json.dumps({"id": "r", "object": "response", "status": status, "output_text": text}).encode())


class Row(NamedTuple):
    """An answer, what is asked of it, and what comes of that."""

    name: str
    arguments: str  # words; those of --check and files of the folder by name
    text: str
    exit: int
    printed: str = ""
    says: str = ""
    words: tuple[str, ...] = ()


JSON, SCHEMA = "--extract json", "--schema total.json"
ROWS = [
    Row("bare", JSON, '{"a": 1}', 0, '{"a":1}\n'),
    Row("bare in white space", JSON, ' \n{"a":\n1}\n\n', 0, '{"a":1}\n'),
    Row("bare scalar", JSON, "null", 0, "null\n"),
    Row("numbers as written", JSON, "[1.50, 1E3, 123456789012345678901]", 0, "[1.50,1E3,123456789012345678901]\n"),
    Row("fenced", JSON, 'So:\n```json\n{"a": 1}\n```\n', 0, '{"a":1}\n'),
    Row("fenced without language", JSON, 'So:\n~~~\n{"a": 1}\n~~~', 0, '{"a":1}\n'),
    Row("fenced beside code", JSON, '```py\nx = 1\n```\n```json\n{"a": 1}\n```', 0, '{"a":1}\n'),
    Row("two fences", JSON, "```json\n1\n```\n```json\n2\n```", 82, says="contains 2 fenced blocks of JSON"),
    Row("prose around", JSON, 'Here it is: {"a": 1}', 82, says="line 1, column 1"),
    Row("two values", JSON, '{"a": 1}\n{"a": 2}', 82, says="extra data"),
    Row("cut", JSON, '```json\n{"a": [1,\n```', 82, says="the answer contains no JSON value"),
    Row("fence never closed", JSON, '```json\n{"a": 1}\n', 82, says="the answer is no JSON value"),
    Row("empty", JSON, "", 82, says="it is empty"),
    Row("NaN", JSON, '{"a": NaN}', 82, says="NaN is not JSON"),
    Row("duplicate members", JSON, '{"a": 1, "a": 2}', 82, says="the member 'a' occurs twice"),
    Row("BOM", JSON, '\ufeff{"a": 1}', 0, '{"a":1}\n'),
    Row("huge number", JSON, "1e999", 82, says="out of range"),
    Row("huge integer", JSON, "9" * 5000, 82, says="out of range"),
    Row("huge text", JSON, json.dumps(["é" * 500_000]), 0, json.dumps(["é" * 500_000]) + "\n"),
    Row("deep", JSON, "[" * 100_000, 82, says="more than 128 levels"),
    Row("half a pair", JSON, r'"\ud800"', 82, says="an unpaired surrogate"),
    Row("code", "--extract code:py", "A\n```py\nx = 1\n```\nB", 0, "x = 1\n"),
    Row("no code", "--extract code:py", "x = 1", 82, says="the answer contains no py block"),
    Row("valid", SCHEMA, '{"total": 12.50}', 0, '{"total":12.50}\n'),
    Row("valid and fenced", SCHEMA, '```json\n{"total": 12.50}\n```', 0, '{"total":12.50}\n'),
    Row("with --extract json too", f"{SCHEMA} {JSON}", '{"total": 1}', 0, '{"total":1}\n'),
    Row("not valid", SCHEMA, '{"total": "12,50"}', 82, says='the answer is not valid: /total: "12,50" is not a number'),
    Row("a member missing", SCHEMA, "{}", 82, says='"total" is a required property'),
    Row("no JSON for a schema", SCHEMA, "It is 12.50.", 82, says="the answer is no JSON value"),
    Row("pattern that explodes", "--schema explodes.json", json.dumps("a" * 5000), 82, says="takes too long to match"),
    Row("check passes", "--check", "yes", 0, "yes\n", words=("grep -q yes",)),
    Row("check fails", "--check", "no", 82, says="the check failed with 1", words=("grep -q yes",)),
    Row("check is silent", "--check", "no", 82, says="the check failed with 7", words=("exit 7",)),
    Row("check explains", "--check", "no", 82, says="with 3: last", words=("echo a >&2; echo last >&2; exit 3",)),
    Row("check prints", "--check", "a", 0, "a\n", words=("echo noise; cat",)),
    Row("check is noisy", "--check", "a", 0, "a\n", words=("head -c 9000000 /dev/zero >&2",)),
    Row("check does not read", "--check", "a" * 500_000, 0, "a" * 500_000 + "\n", words=("exec <&-; true",)),
    Row("check reads some", "--check", "a" * 500_000, 0, "a" * 500_000 + "\n", words=("head -c 1 | grep -q a",)),
    Row("check forks", "--check", "a", 0, "a\n", words=("sleep 600 & true",)),
    Row("check closes all", "--check", "a", 82, says="failed with 4", words=("exec <&- >&- 2>&-; sleep 0.1; exit 4",)),
    Row("check in colours", "--check", "a", 82, says=r"\x1b[31mred", words=("printf '\\033[31mred' >&2; exit 1",)),
    Row("check is missing", "--check", "a", 30, says="was not found", words=("no-such-command",)),
    Row("check is no program", "--check", "a", 30, says="cannot be executed", words=("/dev/null",)),
    Row("check is killed", "--check", "a", 30, says="SIGKILL killed", words=("kill -KILL $$",)),
    Row("its child is killed", "--check", "a", 30, says="SIGSEGV killed", words=("sh -c 'kill -SEGV $$'; exit $?",)),
    Row("check has no terminal", "--check", "a", 82, says="failed with 2", words=("read x </dev/tty",)),
    Row("check hangs", "--max-time 1 --check", "a", 61, says="--max-time has passed", words=("sleep 600",)),
    Row("check sees the value", f"{SCHEMA} --check", ' {"total": 1}', 0, '{"total":1}\n', words=("grep -qx '{.*:1}'",)),
    Row("check sees the block", "--extract code --check", "```\na\n```", 0, "a\n", words=("grep -qx a",)),
    Row("schema before check", f"{SCHEMA} --check", "{}", 82, says="not valid", words=("exit 9",)),
    Row("unfinished", f"{SCHEMA} --retries 0", '{"total": 1}', 81, says="incomplete"),
]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("schemas")
    explodes = {"type": "string", "pattern": r"^(?=(a|aa)+$)(a|aa|\1)*\1b$"}
    for name, schema in {"total": TOTAL, "explodes": explodes, "doubling": DOUBLING}.items():
        (folder / f"{name}.json").write_text(json.dumps(schema))
    return folder


def words(row: Row, folder: Path) -> Iterator[str]:
    for word in row.arguments.split():
        yield str(folder / word) if word.endswith(".json") else word
    yield from row.words


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_checked(row: Row, folder: Path, tmp_path: Path) -> None:
    status = "incomplete" if row.exit == 81 else "completed"
    file, meta = tmp_path / "file", tmp_path / "meta"
    file.write_bytes(OLD)
    asked = list(words(row, folder))
    with serving(answer(row.text, status)) as server:
        plain = eugpt("ask", "x", *asked, "--errors", "json", "--meta", str(meta), base_url=server.base_url)
        filed = eugpt("ask", "x", *asked, "-o", str(file), base_url=server.base_url)
        partial = eugpt("ask", "x", *asked, "--partial", base_url=server.base_url) if row.exit else plain
    assert (plain.returncode, plain.stdout.decode()) == (row.exit, row.printed)
    told = json.loads(meta.read_text())
    assert (told["exit"], told["tries"], told["attempts"]) == (row.exit, 1, 1)
    if row.exit:
        assert plain.stderr.count(b"\n") == 1
        assert row.says in json.loads(plain.stderr)["error"]["message"]
        assert told["error"]["kind"] == json.loads(plain.stderr)["error"]["kind"]
        assert (file.read_bytes(), partial.stdout.decode()) == (
            OLD,
            row.text if row.text.endswith("\n") else row.text + "\n",
        )
    else:
        assert (plain.stderr, filed.stderr, partial.stderr) == (b"", b"", b"")
        assert (file.read_bytes(), partial.stdout) == (row.printed.encode(), row.printed.encode())
    assert (filed.returncode, filed.stdout, partial.returncode) == (row.exit, b"", row.exit)
    assert len(server.received) == (3 if row.exit else 2)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("--extract prose", b"--extract takes json, code or code:LANG"),
        ("--extract json:x", b"--extract takes json, code or code:LANG"),
        ("--json --extract json", b"use one of them"),
        ("--json --schema total.json", b"use one of them"),
        ("--json --check true", b"use one of them"),
        ("--json --again 1", b"use one of them"),
        ("--again 1", b"add --schema FILE"),
        ("--schema total.json --extract code", b"--schema implies --extract json"),
        ("--again 1 --check true -c 8f14e45f-ceea-467a-a4ed-a9e9a5cb16ee", b"cannot be used together"),
        ("--again -1 --check true", b"--again"),
        ("--again x --check true", b"--again"),
        ("--partial --check true -o file", b"use --partial without --output"),
    ],
)
def test_options_that_do_not_go_together(arguments: str, says: bytes, folder: Path) -> None:
    with serving(answer("x")) as server:
        run = eugpt("ask", "x", *words(Row("", arguments, "", 2), folder), base_url=server.base_url)
    assert (run.returncode, run.stdout, server.received) == (2, b"", [])
    assert says in run.stderr


@pytest.mark.parametrize("command", ["stream", "chat", "raw-events"])
@pytest.mark.parametrize("option", ["--extract", "--schema", "--check", "--again"])
def test_what_is_printed_as_it_comes_has_no_checks(command: str, option: str) -> None:
    run = eugpt(command, "x", option, "1", base_url="http://127.0.0.1:9")
    assert (run.returncode, run.stdout) == (2, b"")
    assert f"{command} has no option {option}" in run.stderr.decode()


@pytest.mark.parametrize(
    ("schema", "says"),
    [
        (None, "no such file"),
        (b"", "it is empty"),
        (b"{", "is not JSON"),
        (b"\xff", "is not UTF-8 at byte 0"),
        (b'{"type": "object", "type": "array"}', "occurs twice"),
        (b"[]", "is not a valid JSON Schema"),
        (b'"string"', "is not a valid JSON Schema"),
        (b'{"type": "text"}', "/type"),
        (b'{"properties": {"a": {"pattern": "("}}}', "/properties/a/pattern"),
        (b'{"pattern": "((a{1000}){1000}){1000}"}', "/pattern"),
        (b'{"$schema": "https://example.com/mine"}', "https://example.com/mine"),
        (b'{"$ref": "#/$defs/none"}', "/$defs/none"),
        (b'{"$ref": "https://example.com/other.json"}', "https://example.com/other.json"),
        (b'{"$ref": "file:///etc/hostname"}', "file:///etc/hostname"),
        (b'{"not":' * 100 + b"{}" + b"}" * 100, None),  # an even number of negations
        (b'{"not":' * 100_000 + b"{}" + b"}" * 100_000, "more than 128 levels"),
        (b"true", None),
        (b"\xef\xbb\xbf{}\n", None),
    ],
)
def test_a_schema_is_read_and_checked_before_anything_is_sent(
    schema: bytes | None, says: str | None, tmp_path: Path
) -> None:
    path = tmp_path / "schema.json"
    if schema is not None:
        path.write_bytes(schema)
    with serving(answer("{}")) as server:
        run = eugpt("ask", "x", "--schema", str(path), base_url=server.base_url)
        shown = eugpt("ask", "x", "--schema", str(path), "--dry-run", base_url=server.base_url)
    if says is None:
        assert (run.returncode, shown.returncode, len(server.received)) == (0, 0, 1)
        return
    assert (run.returncode, run.stdout, server.received) == (30, b"", [])
    assert says in run.stderr.decode()
    assert str(path) in run.stderr.decode()
    assert (shown.returncode, shown.stderr) == (30, run.stderr)


def test_a_remote_reference_is_not_fetched(tmp_path: Path) -> None:
    with serving(http(b"{}")) as elsewhere, serving(answer("{}")) as server:
        (tmp_path / "s.json").write_text(json.dumps({"$ref": elsewhere.url("127.0.0.1") + "/s.json"}))
        run = eugpt("ask", "x", "--schema", str(tmp_path / "s.json"), base_url=server.base_url)
    assert (run.returncode, elsewhere.connections, server.connections) == (30, 0, 0)


@pytest.mark.parametrize(("limit", "code"), [(("--max-time", "2"), 61), ((), 30)])
def test_a_schema_that_takes_for_ever_does_not(limit: tuple[str, ...], code: int, folder: Path) -> None:
    schema = str(folder / "doubling.json")
    with serving(answer('"a"')) as server:
        run = eugpt("ask", "x", "--schema", schema, *limit, base_url=server.base_url, timeout=30)
    assert (run.returncode, run.stdout, len(server.received)) == (code, b"", 1)
    assert b"--max-time" in run.stderr if limit else b"takes more than 10 s" in run.stderr


def test_the_schema_goes_with_the_instructions(folder: Path, tmp_path: Path) -> None:
    asks = "Answer with one JSON value that is valid against this JSON Schema, and nothing else:\n"
    text = json.dumps(TOTAL, indent=2)
    (tmp_path / "s.json").write_text(text)
    with serving(answer('{"total":1}')) as server:
        eugpt("ask", "x", "--schema", str(tmp_path / "s.json"), base_url=server.base_url)
        eugpt("ask", "x", "--schema", str(tmp_path / "s.json"), "-i", "Be brief.", base_url=server.base_url)
        shown = eugpt("ask", "x", "--schema", str(tmp_path / "s.json"), "-i", "Be brief.", "--dry-run")
    bare, own = (json.loads(request.body)["instructions"] for request in server.received)
    compact = json.dumps(TOTAL, separators=(",", ":"))
    assert bare == asks + compact
    assert own == f"Be brief.\n\n{asks}{compact}"
    assert json.loads(shown.stdout)["instructions"] == own


def test_without_the_package_it_says_how_to_get_it(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['jsonschema_rs'] = None\n")
    with serving(answer("{}")) as server:
        arguments = ["ask", "x", "--schema", str(folder / "total.json")]
        run = eugpt(*arguments, base_url=server.base_url, env={"PYTHONPATH": str(tmp_path)})
    assert (run.returncode, server.received) == (30, [])
    assert b"--schema needs the package jsonschema-rs" in run.stderr
    assert b"hint: " in run.stderr


def test_verbose_shows_what_the_check_says(tmp_path: Path) -> None:
    with serving(answer("x")) as server:
        command = "echo one >&2; echo; echo two >&2; cat >/dev/null"
        quiet = eugpt("ask", "x", "--check", command, base_url=server.base_url)
        loud = eugpt("ask", "x", "--check", command, "-v", base_url=server.base_url)
    assert (quiet.returncode, quiet.stderr) == (0, b"")
    assert loud.stderr.splitlines()[-2:] == [b"* check: one", b"* check: two"]


def test_the_check_knows_no_key(tmp_path: Path) -> None:
    """Neither in its environment, whichever variable holds it, nor where ps finds it, nor in the answer it reads."""
    command = f"env >{tmp_path}/env; tr '\\0' ' ' </proc/$$/cmdline >{tmp_path}/words; cat >{tmp_path}/input"
    env = {"OPENAI_API_KEY": KEY, "URL": f"https://x/?k={KEY}", "EUGPT_CUSTOM_ID": "outer", "MINE": "stays"}
    with serving(answer(f"The key is {KEY}.")) as server:
        run = eugpt("ask", "x", "--check", command, base_url=server.base_url, env=env)
    seen = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert run.returncode == 0
    assert not any(KEY in text for text in seen.values())
    assert "MINE=stays" in seen["env"]
    assert "EUGPT_CUSTOM_ID" not in seen["env"]
    assert seen["input"] == run.stdout.decode()


@pytest.mark.parametrize("key", ["password", "fifteen-letters"])
@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ("--check true", "The {} is x.\n"),
        ("--check 'grep -q {}'", "The {} is x.\n"),
        ("--extract code", "```\n{}\n```\n"),
        ("--extract json", '{{"{}":1}}\n'),
        ("--schema key.json", '{{"{}":1}}\n'),
    ],
)
def test_a_placeholder_for_a_key_is_a_word_like_others(key: str, arguments: str, text: str, tmp_path: Path) -> None:
    """What is shorter than 16 characters stays in an answer, checked or not, of one request or many."""
    schema, given = tmp_path / "key.json", text.format(key)
    schema.write_text(json.dumps({"required": [key], "additionalProperties": False, "properties": {key: {}}}))
    words = shlex.split(arguments.format(key).replace("key.json", str(schema)))
    with serving(answer(given)) as server:
        env = {"EUGPT_API_KEY": key}
        alone = eugpt("ask", "x", *words, base_url=server.base_url, env=env)
        row = eugpt("batch", "--lines", *words, base_url=server.base_url, env=env, stdin=b"x\n")
    printed = f"{key}\n" if "code" in arguments else given
    assert (alone.returncode, alone.stdout.decode(), row.returncode) == (0, printed, 0)
    assert f"{json.loads(row.stdout)['output_text']}\n".replace("\n\n", "\n") == printed
