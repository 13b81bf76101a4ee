"""Cuts of a scenario: what was sent, what the journal calls it, and that a cut which cuts nothing is said."""

import json
from itertools import product
from pathlib import Path

import pytest

from .conftest import Start
from .test_scenario import exchange
from .test_test_double import lines, serve

DOCUMENT = 'body = { status = "completed", output_text = "Yes." }'
EVENTS = 'events = [{ type = "response.created" }, { type = "response.completed" }]'
BODIES = {
    DOCUMENT: b'{"status": "completed", "output_text": "Yes."}',
    EVENTS: b"".join(
        b'event: message\ndata: {"type":"%s"}\n\n' % name for name in (b"response.created", b"response.completed")
    ),
}


def places() -> list[tuple[str, str, int]]:
    """(body, where to cut it, bytes before that place or more than it has)."""
    of_bytes = [
        (body, f"cut_after_bytes = {count}", count)
        for body, data in BODIES.items()
        for count in (0, 1, len(data) - 1, len(data), len(data) + 1, 10**9)
    ]
    first = BODIES[EVENTS].index(b"\n\n") + 2
    counts = (0, first, len(BODIES[EVENTS]), 10**9)
    return of_bytes + [(EVENTS, f"cut_after_events = {count}", end) for count, end in enumerate(counts)]


def test_a_cut_is_where_it_is_asked_for_and_a_body_that_ends_before_it_is_whole(start: Start, tmp_path: Path) -> None:
    cases = list(product(places(), ("clean", "close", "reset")))
    tables = [f'[[request]]\n{body}\n{where}\ncut = "{cut}"\n' for (body, where, _), cut in cases]
    (tmp_path / "s.toml").write_text("".join(tables))
    server = start(scenario=str(tmp_path / "s.toml"), journal=str(tmp_path / "j"))
    idle = []
    for number, ((body, where, place), cut) in enumerate(cases, 1):
        data = BODIES[body]
        received, ended = exchange(server)
        is_whole = place > len(data) or (place == len(data) and cut == "clean")
        assert received.count(b"\r\n0\r\n\r\n") == (cut == "clean" or is_whole), (where, cut)
        assert ended == ("reset" if cut == "reset" and not is_whole else "closed"), (where, cut)
        assert b"".join(received.partition(b"\r\n\r\n")[2].split(b"\r\n")[1::2]).startswith(data[:place])
        line = lines(tmp_path / "j")[-1]
        assert (line["ended"], line["bytes"]) == ("whole" if is_whole else "cut", min(place, len(data))), (where, cut)
        idle += [number] if is_whole else []
    server.stop()
    said = [line for line in server.log.read_text().splitlines() if "no effect in the scenario: request " in line]
    assert [int(line.partition(": request ")[2].partition(":")[0]) for line in said] == idle


# the members of a table, what the client runs, the exit status, and what is said at the end
WITHOUT_EFFECT = [
    (f"{DOCUMENT}\ncut_after_bytes = 20", "ask", 82, None),
    (f"{DOCUMENT}\ncut_after_bytes = 46", "ask", 82, "request 1: cut_after_bytes = 46: the body had 46 bytes"),
    ("cut_after_events = 3", "ask", 82, "request 1: cut_after_events = 3: the response had no events"),
    ('cut_after_events = 3\ncut = "silent"', "ask", 82, "request 1: cut_after_events = 3: the response had no events"),
    ('raw = "oh"\ncut_after_bytes = 2', "ask", 82, "request 1: cut_after_bytes = 2: the body had 2 bytes"),
    (f"{EVENTS}\ncut_after_events = 9", "stream", 82, "request 1: cut_after_events = 9: the response had 2 events"),
    ("delay_between = 0.01", "ask", 82, "request 1: delay_between = 0.01: the response had no events"),
    ("delay_between = 0.01", "stream", 0, None),
    ("delay_between = 0.01\ntimes = 0", "ask|stream", 0, None),
    (
        "cut_after_events = 3\ntimes = 2",
        "ask|stream",
        82,
        "request 1: cut_after_events = 3: the response had no events (in 1 of 2 responses)",
    ),
]


@pytest.mark.parametrize(("table", "commands", "status", "said"), WITHOUT_EFFECT)
def test_a_member_without_effect_is_said_and_strict_minds(
    tmp_path: Path, table: str, commands: str, status: int, said: str | None
) -> None:
    script = "; ".join(f"eugpt {command} --retries 0 Hello" for command in commands.split("|")) + "; true"
    for words, code in (([], 0), (["--strict"], status if said else 0)):
        run = serve(
            tmp_path, *words, "--scenario", "s.toml", "--", "sh", "-c", script, scenario=f"[[request]]\n{table}"
        )
        assert run.returncode == code, run.stderr
        told = [line for line in run.stderr.splitlines() if line.startswith("eugpt serve: ")]
        assert told == ([f"eugpt serve: no effect in the scenario: {said}"] if said else [])


def test_a_refused_request_takes_a_table_and_is_not_cut(start: Start, tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text("[[request]]\ncut_after_bytes = 5\n")
    server = start(scenario=str(tmp_path / "s.toml"), journal=str(tmp_path / "j"))
    refused = server.post({"input": "x"}, "wrong")
    server.stop()
    (line,) = lines(tmp_path / "j")
    assert (refused.status_code, line["status"], line["ended"]) == (401, 401, "whole")
    assert f"request 1: cut_after_bytes = 5: the body had {len(refused.content)} bytes" in server.log.read_text()


def test_a_recorded_document_has_no_events_however_it_arrived(start: Start, tmp_path: Path) -> None:
    pieces = [{"text": '{"status":"completed",'}, {"text": '"output_text":'}, {"text": '"Yes."}'}]
    headers = {"content-type": "application/json"}
    recording = {
        "request": {"body": "{}"},
        "response": {"status": 200, "headers": headers, "pieces": pieces, "whole": True},
    }
    (tmp_path / "r.json").write_text(json.dumps(recording))
    (tmp_path / "s.toml").write_text('[[request]]\nrecording = "r.json"\ncut_after_events = 2\n')
    server = start(scenario=str(tmp_path / "s.toml"))
    assert server.ask("Hello.")["output_text"] == "Yes."
