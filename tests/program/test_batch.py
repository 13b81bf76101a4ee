"""`eugpt batch`: the forms of the input, the rows, and what the options do to both."""

import json
import signal
import subprocess
import time
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from tests.support.batches import by_id, ndjson, numbered, rows, rows_of, start
from tests.support.forked_program import eugpt
from tests.support.manyserver import Body, Reply, document, echo, refusal, serving
from tests.support.program import KEY, shell

UUID = "8f14e45f-ceea-467a-a4ed-a9e9a5cb16ee"
ROW = ["custom_id", "ok", "output_text", "response_id", "model", "conversation_id", "error"]
ROW += ["attempts", "seconds", "at"]


def test_a_row_for_each_item() -> None:
    with serving(lambda body: document(body["input"], model="m", conversation_id=UUID, usage={"x": 1})) as server:
        run = eugpt("batch", base_url=server.base_url, stdin=ndjson([{"custom_id": 7, "input": "hé\u2028"}]))
        (row,) = rows(run.stdout)
        assert list(row)[: len(ROW)] == ROW
        assert abs(datetime.fromisoformat(row["at"]) - datetime.now(UTC)) < timedelta(minutes=1)
        sent = json.dumps(server.received[0], separators=(",", ":"), ensure_ascii=False).encode()
        assert (row["request_bytes"], row["request_sha256"]) == (len(sent), sha256(sent).hexdigest())
        text = row["output_text"].encode()
        assert (row["answer_bytes"], row["answer_sha256"]) == (len(text), sha256(text).hexdigest())
        measured = {name: row[name] for name in row if name.startswith(("at", "request_", "answer_"))}
        assert row | {"seconds": 0, "request": ""} == measured | {
            "custom_id": 7,
            "ok": True,
            "output_text": "hé\u2028",
            "response_id": "resp-hé\u2028",
            "model": "m",
            "conversation_id": UUID,
            "error": None,
            "attempts": 1,
            "seconds": 0,
            "line": 1,
            "request": "",
        }
        assert run.returncode == 0
        assert server.received == [{"model": "auto", "input": "hé\u2028", "stream": False}]


def test_an_item_says_more_than_the_options() -> None:
    items = [
        {"input": "a", "label": 1, "inputs": 2},
        {"input": [{"role": "user", "content": "b"}], "instructions": "own", "project_id": None},
    ]
    with serving(lambda body: document("x")) as server:
        run = eugpt("batch", "-j1", "-i", "be brief", "-p", UUID, base_url=server.base_url, stdin=ndjson(items))
    assert run.returncode == 0
    plain = {"model": "auto", "stream": False, "project_id": UUID}
    assert server.received == [
        {**plain, "input": "a", "instructions": "be brief"},
        {**plain, "input": [{"role": "user", "content": "b"}], "instructions": "own"},
    ]


@pytest.mark.parametrize(
    ("line", "code", "words"),
    [
        (b"{", 31, "line 2: not JSON"),
        (b'{"input":"\xff"}', 31, "line 2: not UTF-8 at byte 10"),
        (b"[1]", 2, "line 2: not a JSON object"),
        (b'{"custom_id":"x"}', 2, "line 2: nothing to send"),
        (b'{"input":""}', 2, "line 2: nothing to send"),
        (b'{"input":"a\\u0000b"}', 31, "line 2: the input contains a NUL"),
        (b'{"input":"a","custom_id":[1]}', 2, "line 2: custom_id"),
        (b'{"input":"a","instruction":"b"}', 2, "line 2: an item's system prompt is `instructions`, not `instruction`"),
        (b'{"input":"a","conversation":"b"}', 2, "line 2: an item's conversation is `conversation_id`, not `conversat"),
        (b'{"input":"a","id":"b"}', 2, "line 2: an item's id is `custom_id`, not `id`"),
        (b'{"custom_id":"a","prompt":"b"}', 2, "line 2: an item's text is `input`, not `prompt`"),
        (b'{"messages":[{"role":"user","content":"b"}]}', 2, "line 2: an item's text is `input`, not `messages`"),
        (b'{"input":"a","system":"b"}', 2, "line 2: an item's system prompt is `instructions`, not `system`"),
        (b'{"body":{"messages":[]}}', 2, "line 2: an item's text is `input`, not `messages`"),
        (b'{"body":{"input":"a"},"method":"GET"}', 2, "line 2: the method of an item must be POST, not GET"),
        (
            b'{"body":{"input":"a"},"url":"/v1/embeddings"}',
            2,
            "line 2: the url of an item must be /v1/responses, not /v1/e",
        ),
        (b'{"body":{"input":"a","tools":[{}]}}', 2, "line 2: the API does not accept `tools` in a body"),
        (b'{"input":"a","instructions":1}', 2, "line 2: instructions is not a string"),
    ],
)
def test_a_bad_line_is_a_row_and_stops_nothing(line: bytes, code: int, words: str) -> None:
    with serving() as server:
        run = eugpt(
            "batch", base_url=server.base_url, stdin=b'\xef\xbb\xbf{"input":"1"}\n' + line + b'\n\n{"input":"3"}'
        )
    found = {row["line"]: row for row in rows(run.stdout)}
    assert sorted(found) == [1, 2, 4]
    assert (found[2]["ok"], found[2]["error"]["exit"]) == (False, code)
    assert found[2]["error"]["message"].startswith(words)
    assert run.returncode == 90
    assert b"eugpt: partial: 1 of 3 items failed: 1 " in run.stderr


def test_lines_of_openais_batch_format() -> None:
    body = {"model": "gpt-4o", "input": "a", "instructions": "b", "temperature": 0.5, "stream": True}
    line = {"custom_id": "x", "method": "POST", "url": "/v1/responses", "body": body}
    with serving() as server:
        run = eugpt("batch", base_url=server.base_url, stdin=ndjson([line]))
    assert [row["custom_id"] for row in rows(run.stdout)] == ["x"]
    assert server.received == [{"model": "auto", "input": "a", "stream": False, "instructions": "b"}]


def test_members_of_ones_own_are_left_alone() -> None:
    item = {"custom_id": "x", "input": "a", "id": 7, "prompt": "of whom?", "label": None, "body": {"input": "b"}}
    with serving() as server:
        assert eugpt("batch", base_url=server.base_url, stdin=ndjson([item])).returncode == 0
    assert server.inputs() == ["a"]


def test_an_id_that_comes_twice_fails_the_second_item() -> None:
    items = [{"custom_id": name, "input": "x"} for name in ("a", 1, "a", "1", 1)]
    with serving() as server:
        run = eugpt("batch", "--ordered", base_url=server.base_url, stdin=ndjson(items))
    found = rows(run.stdout)
    assert (run.returncode, len(server.received)) == (90, 3)
    assert [row["custom_id"] for row in found] == ["a", 1, None, "1", None]
    assert [row["error"] and row["error"]["message"] for row in found] == [
        None,
        None,
        'line 3: custom_id "a" is used twice; give each item its own',
        None,
        "line 5: custom_id 1 is used twice; give each item its own",
    ]


def test_lines_and_files(tmp_path: Path) -> None:
    prompts = tmp_path / "prompts"
    prompts.write_bytes(b"one\n\n two \nthree")
    for name in ("a", "b"):
        (tmp_path / name).write_text(f"text of {name}\n")
    with serving() as server:
        run = eugpt("batch", "--lines", "--ordered", str(prompts), base_url=server.base_url)
        assert [row["output_text"] for row in rows(run.stdout)] == ["<one>", "< two >", "<three>"]
        paths = [str(tmp_path / name) for name in ("a", "b", "missing")]
        for run in (
            eugpt("batch", "--files", *paths, base_url=server.base_url),
            eugpt("batch", "--files", base_url=server.base_url, stdin="\n".join(paths).encode()),
        ):
            found = by_id(rows(run.stdout))
            assert [found[path]["output_text"] for path in paths] == ["<text of a>", "<text of b>", None]
            assert found[paths[2]]["error"]["exit"] == 31
            assert run.returncode == 90
        torn = eugpt("batch", "--files", base_url=server.base_url, stdin="\0".join(paths).encode())
        [row] = rows(torn.stdout)
        assert (torn.returncode, row["error"]["exit"]) == (90, 31)
        assert row["error"]["message"].endswith("the name contains a NUL")


def test_files_go_with_every_item(tmp_path: Path) -> None:
    note = tmp_path / "note"
    note.write_text("N\n")
    with serving() as server:
        run = eugpt("batch", "--lines", "-f", str(note), base_url=server.base_url, stdin=b"one\ntwo\n")
    assert run.returncode == 0
    assert sorted(server.inputs()) == [f'{text}\n\n<file name="{note}">\nN\n</file>' for text in ("one", "two")]


def test_rows_in_the_order_of_the_input(tmp_path: Path) -> None:
    items = numbered(60)
    late = "prompt 0"

    def answer(body: Body) -> Reply:
        while body["input"] == late and len(server.received) < len(items) // 2:
            pass
        return echo(body)

    output = tmp_path / "out"
    with serving(answer) as server:
        run = eugpt("batch", "--ordered", base_url=server.base_url, stdin=ndjson(items))
        server.received.clear()
        into_file = eugpt("batch", "--ordered", "-o", str(output), base_url=server.base_url, stdin=ndjson(items))
    wanted = [item["custom_id"] for item in items]
    assert [row["custom_id"] for row in rows(run.stdout)] == wanted
    assert [row["custom_id"] for row in rows_of(output)] == wanted
    assert (run.returncode, into_file.returncode, into_file.stdout) == (0, 0, b"")


def test_full_has_the_document() -> None:
    with serving(lambda body: document("x", extra=[1])) as server:
        run = eugpt("batch", "--full", base_url=server.base_url, stdin=b'{"input":"1"}')
    assert rows(run.stdout)[0]["response"]["extra"] == [1]


def test_the_summary(tmp_path: Path) -> None:
    path = tmp_path / "summary"

    def answer(body: Body) -> Reply:
        if body["input"] == "prompt 3":
            return refusal(400)
        time.sleep(0.005)  # half a millisecond would be rounded to nothing
        return document("x", usage={"input_tokens": 2, "output_tokens": 3, "total_tokens": 5})

    with serving(answer) as server:
        run = eugpt("batch", "--summary", str(path), base_url=server.base_url, stdin=ndjson(numbered(10)))
    summary = json.loads(path.read_bytes())
    assert summary.pop("seconds") > 0
    assert 0 < summary.pop("p50") <= summary.pop("p95")
    assert summary == {
        "outcome": "partial",
        "exit": 90,
        "items": 10,
        "ok": 9,
        "failed": 1,
        "skipped": 0,
        "held_back": 0,
        "kinds": {"bad_request": 1},
        "tokens": {"input_tokens": 18, "output_tokens": 27, "total_tokens": 45},
    }
    told, error, hint = run.stderr.decode().splitlines()
    assert told.startswith("eugpt: batch: 10 items in ")
    assert error == "eugpt: partial: 1 of 10 items failed: 1 bad_request"
    assert hint.startswith("hint: ")


@pytest.mark.parametrize("count", [1 << 63, (1 << 64) - 1, 1 << 64, 10**400], ids=range(4))
def test_token_counts_may_be_of_any_size(count: int, tmp_path: Path) -> None:
    """Sums are exact where each count has at most 64 bits; a longer one does no harm."""
    path = tmp_path / "summary"
    usage = dict.fromkeys(("input_tokens", "output_tokens", "total_tokens"), count)
    with serving(lambda body: document("x", usage=usage)) as server:
        run = eugpt("batch", "--summary", str(path), base_url=server.base_url, stdin=ndjson(numbered(3)))
    assert run.returncode == 0, run
    assert len(rows(run.stdout)) == 3
    sums = json.loads(path.read_bytes())["tokens"]
    assert count >= 1 << 64 or sums == dict.fromkeys(usage, 3 * count)


def test_quiet_and_nothing_to_do() -> None:
    with serving() as server:
        quiet = eugpt("batch", "-q", base_url=server.base_url, stdin=b'{"input":"1"}')
        assert (quiet.returncode, quiet.stderr) == (0, b"")
        empty = eugpt("batch", "-q", base_url=server.base_url, stdin=b"\n")
        assert (empty.returncode, empty.stdout, empty.stderr) == (0, b"", b"")


def test_the_key_is_in_no_row() -> None:
    with serving(lambda body: document(f"{KEY} {KEY}")) as server:
        run = eugpt("batch", "--full", base_url=server.base_url, stdin=b'{"input":"1"}')
    assert KEY.encode() not in run.stdout
    assert rows(run.stdout)[0]["output_text"] == "eugpt_*** eugpt_***"


def test_half_surrogates_make_a_row_all_the_same() -> None:
    reply = Reply(b'{"id":"r","status":"completed","output_text":"a\\ud800b"}')
    with serving(lambda body: reply) as server:
        run = eugpt("batch", base_url=server.base_url, stdin=b'{"input":"1"}')
    assert rows(run.stdout)[0]["output_text"] == "a\ufffdb"


def test_dry_run_and_curl_need_neither_key_nor_network() -> None:
    shown = eugpt("batch", "--dry-run", stdin=ndjson(numbered(2)), env={"EUGPT_API_KEY": None})
    assert [json.loads(line)["input"] for line in shown.stdout.splitlines()] == ["prompt 0", "prompt 1"]
    shown = eugpt("batch", "--curl", stdin=ndjson(numbered(2)), env={"EUGPT_API_KEY": None})
    assert [line.split()[0] for line in shown.stdout.splitlines()] == [b"curl", b"curl"]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["-j", "0"], 2, "--jobs must be from 1"),
        (["-I"], 2, "-I forbids it"),
        (["-f", "-"], 2, "standard input is used twice"),
        (["a", "b"], 2, "too many arguments: batch reads one FILE"),
        (["--files", "--lines"], 2, "cannot be used together"),
        (["--max-errors", "0"], 2, "--max-errors must be a whole number, 1 or more"),
        (["--resume"], 2, "--resume needs a file to continue"),
        (["--shard", "0/3"], 2, "--shard must be K/N"),
        (["--shard", "4/3"], 2, "--shard must be K/N"),
        (["--shard", "auto"], 30, "neither a Slurm array nor"),
        (["missing"], 31, "missing cannot be read"),
        (["-o", "/dev/null/x"], 32, "cannot be written"),
        (["--summary", "/dev/null/x"], 32, "cannot be written"),
    ],
)
def test_wrong_use(arguments: list[str], code: int, words: str) -> None:
    with serving() as server:
        run = eugpt("batch", *arguments, base_url=server.base_url, stdin=b'{"input":"1"}')
    assert (run.returncode, run.stdout) == (code, b"")
    assert words in run.stderr.decode()
    assert not server.received


def test_no_file_is_read_and_written_at_once(tmp_path: Path) -> None:
    path = str(tmp_path / "items")
    Path(path).write_bytes(b'{"input":"1"}\n')
    with serving() as server:
        for arguments in ([path, "-o", path, "--resume"], [path, "--summary", path], ["-o", path, "--summary", path]):
            run = eugpt("batch", *arguments, base_url=server.base_url, stdin=b"")
            assert (run.returncode, server.received) == (2, [])
            assert b"are the same file" in run.stderr
    assert Path(path).read_bytes() == b'{"input":"1"}\n'


@pytest.mark.parametrize(
    "command",
    [
        "eugpt batch --lines < items >> items",
        "eugpt batch --lines items >> items",
        "eugpt batch --lines -o - items >> items",
        "eugpt batch --lines -o /dev/stdout items >> items",
        "eugpt batch --lines -o /dev/fd/3 items 3>> items",
        "eugpt batch --files other items >> items",
        "eugpt batch --lines other --summary items >> items",
        "eugpt batch --lines < items --summary rows -o rows",
    ],
)
def test_no_output_is_the_input(tmp_path: Path, command: str) -> None:
    for name in ("items", "other"):
        (tmp_path / name).write_bytes(b"one\ntwo\n")
    with serving() as server:
        run = shell(f"cd {tmp_path} && {command}", base_url=server.base_url)
    assert (run.returncode, server.received) == (2, [])
    assert b"are the same file" in run.stderr
    assert (tmp_path / "items").read_bytes() == b"one\ntwo\n"


def test_no_input_at_all() -> None:
    run = eugpt("batch")
    assert (run.returncode, run.stdout) == (2, b"")
    assert b"nothing to send" in run.stderr


def test_a_turn_of_a_conversation_gets_a_connection_of_its_own() -> None:
    items = [{"input": text} for text in "abc"]
    with serving() as server:
        assert eugpt("batch", "-j1", base_url=server.base_url, stdin=ndjson(items)).returncode == 0
        assert len(set(server.peers)) == 1
        server.peers.clear()
        turns = [{**item, "conversation_id": UUID} for item in items]
        assert eugpt("batch", "-j1", base_url=server.base_url, stdin=ndjson(turns)).returncode == 0
        assert len(set(server.peers)) == 3


@pytest.mark.parametrize(
    ("mode", "items", "hint"),
    [
        (
            [],
            b"a prompt\nanother\n",
            b"hint: each line must be a JSON object with `input`; for a prompt in each line use --lines",
        ),
        (["--lines"], b"\xff\n", b"hint: each line must be a prompt in UTF-8"),
        (["--files"], b"/nowhere\n", b"hint: each FILE, or line of standard input, must be the path of a text file"),
        ([], b'{"input":"a"}\n', b"hint: to continue, run the same command with -o FILE --resume"),
    ],
)
def test_what_helps_where_all_have_failed(mode: list[str], items: bytes, hint: bytes) -> None:
    with serving(lambda body: refusal(400)) as server:
        run = eugpt("batch", *mode, base_url=server.base_url, stdin=items)
    assert run.returncode == 90
    assert run.stderr.splitlines()[-1].startswith(hint)


def test_a_reader_that_leaves_is_told_nothing() -> None:
    with serving() as server:
        run = start("--lines", "-", base_url=server.base_url, stdin=subprocess.PIPE)
        assert run.stdin
        assert run.stdout
        assert run.stderr
        run.stdin.write(b"first\n")
        run.stdin.flush()
        assert b"<first>" in run.stdout.readline()
        run.stdout.close()
        with run.stdin:
            run.stdin.write(b"second\n")
        assert (run.wait(60), run.stderr.read()) == (-signal.SIGPIPE, b"")
        run.stderr.close()


def test_a_full_disk() -> None:
    with serving() as server:
        run = eugpt("batch", "-o", "/dev/full", base_url=server.base_url, stdin=b'{"input":"1"}')
    assert run.returncode == 32
    assert b"/dev/full cannot be written" in run.stderr
