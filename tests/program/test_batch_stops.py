"""What ends a batch before its input does: a service that refuses everything alike, and the caller's own limits."""

import json
import socket
from itertools import count
from pathlib import Path
from time import sleep

import pytest

from tests.support import rawserver
from tests.support.batches import by_id, ndjson, numbered, rows, rows_of
from tests.support.forked_program import eugpt
from tests.support.manyserver import Body, Reply, cut_stream, document, echo, refusal, serving
from tests.support.program import shell

JOBS = 4
MOST = 10 + JOBS  # requests until it is clear that all fail alike
USAGE = {"input_tokens": 6, "output_tokens": 4, "total_tokens": 10}


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.mark.parametrize(
    ("reply", "code", "most", "hint"),
    [
        (refusal(401, "no such key"), 41, JOBS, "the key in EUGPT_API_KEY is mistyped"),
        (refusal(400), 40, MOST, "check one item: eugpt batch --dry-run"),
        (refusal(403), 43, MOST, "check what the key may use"),
        (refusal(404), 44, MOST, "check the base URL"),
        (refusal(418), 40, MOST, "check one item"),
        (Reply(b"", 302), 63, MOST, "check the base URL"),
        (Reply(b"<html>", kind="text/html"), 63, MOST, "check the base URL"),
        (cut_stream(), 62, MOST, "check the base URL and the network: eugpt doctor"),
    ],
)
def test_what_fails_alike_from_the_start_ends_it(tmp_path: Path, reply: Reply, code: int, most: int, hint: str) -> None:
    output = tmp_path / "rows"
    with serving(lambda body: reply) as server:
        run = eugpt(
            "batch", "-o", str(output), "-j", str(JOBS), "--retries", "0",
            base_url=server.base_url, stdin=ndjson(numbered(300)),
        )  # fmt: skip
    assert run.returncode == code
    assert len(by_id(rows_of(output))) == len(server.received) <= most
    told = run.stderr.decode()
    assert told.splitlines()[-1].startswith(f"hint: {hint}")
    assert "--resume" not in told
    assert ("all of the first 10 items failed like this: " in told) == (most == MOST)


def test_a_dead_port_ends_it() -> None:
    run = eugpt(
        "batch", "-j", str(JOBS), "--retries", "0",
        base_url=f"http://127.0.0.1:{closed_port()}/v1", stdin=ndjson(numbered(300)),
    )  # fmt: skip
    assert (run.returncode, len(rows(run.stdout)) <= MOST) == (60, True)
    assert b"eugpt doctor" in run.stderr


def test_the_more_jobs_the_more_must_fail() -> None:
    with serving(lambda body: refusal(404)) as server:
        run = eugpt("batch", "-j", "30", base_url=server.base_url, stdin=ndjson(numbered(300)))
    assert run.returncode == 44
    assert 30 <= len(server.received) <= 60


@pytest.mark.parametrize("odd", [document("x"), refusal(400), refusal(500)])
def test_anything_else_in_between_and_it_goes_on(odd: Reply) -> None:
    """A service that has done anything else than refuse alike is one that may yet do so."""
    numbers = count()

    def answer(body: Body) -> Reply:
        return odd if next(numbers) == 7 else refusal(404)

    with serving(answer) as server:
        run = eugpt("batch", "-j1", "--retries", "0", base_url=server.base_url, stdin=ndjson(numbered(50)))
    assert (run.returncode, len(server.received)) == (90, 50)


def test_the_service_s_own_faults_pass() -> None:
    with serving(lambda body: refusal(500)) as server:
        run = eugpt("batch", "--retries", "0", base_url=server.base_url, stdin=ndjson(numbered(50)))
    assert (run.returncode, len(server.received)) == (90, 50)


def test_lines_that_are_no_items_say_nothing_about_the_service() -> None:
    items = b"".join(b"no item\n" + ndjson([item]) for item in numbered(50))
    with serving(lambda body: refusal(404)) as server:
        run = eugpt("batch", "-j1", base_url=server.base_url, stdin=items)
    assert (run.returncode, len(server.received)) == (44, 10)


def test_a_wrong_password_of_a_proxy_is_tried_once() -> None:
    refused = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"
    with rawserver.serving(refused) as proxy:
        run = eugpt(
            "batch", "-j", "8",
            base_url="https://service.invalid", stdin=ndjson(numbered(100)),
            env={"HTTPS_PROXY": f"http://user:password@127.0.0.1:{proxy.port}"},
        )  # fmt: skip
        assert (run.returncode, proxy.connections) == (60, 1)
    assert b"407" in run.stderr


def test_open_files_running_out_is_this_machine_s_problem(tmp_path: Path) -> None:
    source, output = tmp_path / "items", tmp_path / "rows"
    source.write_bytes(ndjson(numbered(200)))

    def answer(body: Body) -> Reply:
        sleep(0.05)
        return echo(body)

    with serving(answer) as server:
        run = shell(f"ulimit -n 20; exec eugpt batch {source} -o {output} -j 50", base_url=server.base_url)
        assert run.returncode == 30
        assert b"open files" in run.stderr
        again = eugpt("batch", str(source), "-o", str(output), "--resume", base_url=server.base_url)
    assert again.returncode == 0
    assert len(by_id(rows_of(output))) == 200


def test_max_items(tmp_path: Path) -> None:
    source, output = tmp_path / "items", tmp_path / "rows"
    source.write_bytes(b"no item\n" * 5 + ndjson(numbered(25)))
    arguments = ["batch", str(source), "-o", str(output), "--resume", "--max-items", "10"]
    with serving() as server:
        for asked, code in ((10, 91), (20, 91), (25, 90), (25, 90)):
            run = eugpt(*arguments, base_url=server.base_url)
            assert (run.returncode, len(server.received)) == (code, asked)
            if code == 91:
                assert b"eugpt: budget: stopped by --max-items 10; more items are left\n" in run.stderr
                assert run.stderr.splitlines()[-1] == b"hint: to continue, run the same command with -o FILE --resume"
        assert sum(row["ok"] for row in rows_of(output)) == 25
        source.write_bytes(ndjson(numbered(10)))
        output.unlink()
        assert eugpt(*arguments, base_url=server.base_url).returncode == 0, "nothing was left"


@pytest.mark.parametrize("more", [(), ("--ordered", "--prune"), ("--shard", "1/1")], ids=" ".join)
def test_a_nightly_share_gets_past_what_fails(tmp_path: Path, more: tuple[str, ...]) -> None:
    """Items that were never sent come first, then the failed ones: no failing beginning takes every share."""
    source, output = tmp_path / "items", tmp_path / "rows"
    source.write_bytes(ndjson(numbered(9)))
    bad = {f"prompt {n}" for n in (0, 1, 2, 3)}
    arguments = ["batch", str(source), "-o", str(output), "--resume", "--max-items", "3", "-j1", *more]
    with serving(lambda body: refusal(400) if body["input"] in bad else document("x")) as server:
        for night, code in (("0 1 2", 91), ("3 4 5", 91), ("6 7 8", 91), ("0 1 2", 91)):
            before = len(server.received)
            run = eugpt(*arguments, base_url=server.base_url)
            assert (run.returncode, server.inputs()[before:]) == (code, [f"prompt {n}" for n in night.split()])
            assert run.stderr.count(b"more items are left") == 1
        bad.clear()
        codes = [eugpt(*arguments, base_url=server.base_url).returncode for _ in range(2)]
    assert codes == [91, 0]
    found = rows_of(output)
    assert (all(row["ok"] for row in found), len(by_id(found))) == (True, 9)
    assert "--ordered" not in more or [row["line"] for row in found] == list(range(1, 10))


def test_failed_turns_keep_their_place_in_the_conversation(tmp_path: Path) -> None:
    talk = "8f14e45f-ceea-467a-a4ed-a9e9a5cb16ee"
    source, output = tmp_path / "items", tmp_path / "rows"
    source.write_bytes(ndjson({"custom_id": f"{n}", "input": f"{n}", "conversation_id": talk} for n in range(4)))
    arguments = ["batch", str(source), "-o", str(output), "--resume", "--max-items"]
    with serving(lambda body: refusal(400)) as server:
        assert eugpt(*arguments, "1", base_url=server.base_url).returncode == 91
    with serving() as server:
        run = eugpt(*arguments, "9", base_url=server.base_url)
    assert (run.returncode, server.inputs()) == (0, ["0", "1", "2", "3"])


def test_max_items_leaves_what_waits_for_its_conversation(tmp_path: Path) -> None:
    talk = "8f14e45f-ceea-467a-a4ed-a9e9a5cb16ee"
    items = ndjson({"custom_id": f"{n}", "input": f"{n}", "conversation_id": talk} for n in range(5))
    with serving() as server:
        run = eugpt("batch", "--max-items", "3", base_url=server.base_url, stdin=items)
    assert (run.returncode, server.inputs()) == (91, ["0", "1", "2"])


def test_max_tokens(tmp_path: Path) -> None:
    summary = tmp_path / "summary"
    with serving(lambda body: document("x", usage=USAGE)) as server:
        run = eugpt(
            "batch", "-j", str(JOBS), "--max-tokens", "95", "--summary", str(summary),
            base_url=server.base_url, stdin=ndjson(numbered(100)),
        )  # fmt: skip
        assert run.returncode == 91
        assert 10 <= len(server.received) <= 10 + JOBS
        assert json.loads(summary.read_bytes())["exit"] == 91
        assert {row["usage"]["total_tokens"] for row in rows(run.stdout)} == {10}
        server.received.clear()
        run = eugpt("batch", "-j1", "--max-tokens", "95", base_url=server.base_url, stdin=ndjson(numbered(10)))
        assert (run.returncode, len(server.received)) == (0, 10)


@pytest.mark.parametrize("usage", [{}, {"usage": None}, {"usage": {"words": 3}}, {"usage": "much"}])
def test_max_tokens_is_never_an_estimate(usage: Body) -> None:
    with serving(lambda body: document("x", **usage)) as server:
        run = eugpt("batch", "-j1", "--max-tokens", "95", base_url=server.base_url, stdin=ndjson(numbered(100)))
    assert (run.returncode, len(server.received)) == (30, 1)
    (row,) = rows(run.stdout)
    assert row["ok"]
    assert row["usage"] == usage.get("usage")
    assert b"the service does not return token counts" in run.stderr


@pytest.mark.parametrize("usage", [{"input_tokens": 60, "output_tokens": 40}, {"total_tokens": 100}])
def test_tokens_are_told_in_total_or_in_parts(usage: Body) -> None:
    with serving(lambda body: document("x", usage=usage)) as server:
        run = eugpt("batch", "-j1", "--max-tokens", "100", base_url=server.base_url, stdin=ndjson(numbered(3)))
    assert (run.returncode, len(server.received)) == (91, 1)


@pytest.mark.parametrize("flag", ["--max-items", "--max-tokens"])
@pytest.mark.parametrize("value", ["0", "-1", "many"])
def test_limits_are_numbers_from_1(flag: str, value: str) -> None:
    assert eugpt("batch", flag, value, stdin=b"").returncode == 2


def test_prune_needs_resume() -> None:
    run = eugpt("batch", "--prune", stdin=b"")
    assert (run.returncode, b"--prune needs --resume" in run.stderr) == (2, True)
