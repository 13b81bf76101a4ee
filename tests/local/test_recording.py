"""Recording a service, without its key, and serving the recordings again."""

import json
from pathlib import Path
from typing import Any

import pytest

from eugpt_cli.local.rehearsal.recording import RecordingShelf
from eugpt_cli.local.server_config import ServeError

from .conftest import Server, Start
from .test_scenario import exchange

SECRET = "eugpt_the-real-key"


def recorder(start: Start, upstream: Server, folder: Path) -> Server:
    return start(record=str(folder), upstream=upstream.base_url, upstream_key=SECRET)


def test_record_and_replay(start: Start, tmp_path: Path) -> None:
    upstream = start(key=SECRET)
    folder = tmp_path / "recordings"
    server = recorder(start, upstream, folder)
    assert server.key != SECRET
    questions = [{"input": "What is 2+2?"}, {"input": "What is 2+2?", "stream": True}, {"input": ""}]
    seen = [server.post(question) for question in questions]
    assert [response.status_code for response in seen] == [200, 200, 400]
    assert len(list(folder.iterdir())) == 3
    replay = start(replay=str(folder))
    for question, response in zip(reversed(questions), reversed(seen), strict=True):
        again = replay.post(question)
        assert (again.status_code, again.content) == (response.status_code, response.content)
        assert again.headers["content-type"] == response.headers["content-type"]
    unknown = replay.post({"input": "Never asked."})
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "recording_not_found")
    assert replay.post(questions[0], "wrong").status_code == 401


def test_the_same_request_twice_replays_both_answers(start: Start, tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text('[[request]]\ntext = "first"\n[[request]]\ntext = "second"\n')
    upstream = start(key=SECRET, scenario=str(tmp_path / "s.toml"))
    server = recorder(start, upstream, tmp_path / "r")
    for _ in range(2):
        server.ask("Same.")
    replay = start(replay=str(tmp_path / "r"))
    assert [replay.ask("Same.")["output_text"] for _ in range(3)] == ["first", "second", "second"]


def test_the_key_is_in_no_recording(start: Start, tmp_path: Path) -> None:
    half = len(SECRET) // 2
    step = {"events": [SECRET[:half] + "|", f"echo {SECRET} echo"]}
    lines = ", ".join(json.dumps(event) for event in step["events"])
    (tmp_path / "s.toml").write_text(
        f'[[request]]\nevents = [{lines}]\ndelay_between = 0.1\n[[request]]\nstatus = 401\nbody = "bad key {SECRET}"\n'
        f'headers = {{ x-request-id = "{SECRET}" }}\n'
    )
    upstream = start(key=SECRET, scenario=str(tmp_path / "s.toml"))
    server = recorder(start, upstream, tmp_path / "r")
    echoed = server.post({"input": f"My key is {SECRET}.", "stream": True}).text
    assert SECRET not in echoed
    assert "*" * len(SECRET) in echoed
    server.post({"input": f"And {server.key}."})
    written = "".join(file.read_text() for file in (tmp_path / "r").iterdir())
    assert SECRET not in written
    assert server.key not in written
    assert "*" * len(SECRET) in written
    assert all(file.stat().st_mode & 0o777 == 0o600 for file in (tmp_path / "r").iterdir())


@pytest.mark.parametrize("cut", ["clean", "close", "reset"])
def test_a_broken_stream_is_not_recorded_and_that_is_said(start: Start, tmp_path: Path, cut: str) -> None:
    (tmp_path / "s.toml").write_text(f'[[request]]\ncut_after_events = 4\ncut = "{cut}"\n')
    upstream = start(key=SECRET, scenario=str(tmp_path / "s.toml"))
    server = recorder(start, upstream, tmp_path / "r")
    received, _ = exchange(server)
    assert received.count(b"event: message") == 4
    server.stop()
    assert list((tmp_path / "r").iterdir()) == []
    assert "not recorded: the " in server.log.read_text()


def test_a_recording_that_broke_off_breaks_off_again(start: Start, tmp_path: Path) -> None:
    upstream = start(key=SECRET)
    recorder(start, upstream, tmp_path / "r").post({"input": "Hello.", "stream": True})
    (file,) = (tmp_path / "r").iterdir()
    value = json.loads(file.read_text())
    value["request"]["body"] = '{"input": "Hello."}'
    value["response"] |= {"whole": False, "pieces": value["response"]["pieces"][:1]}
    file.write_text(json.dumps(value))
    again, ended = exchange(start(replay=str(tmp_path / "r")))
    assert ended == "closed"
    assert b"event: message" in again
    assert not again.endswith(b"0\r\n\r\n")


def test_a_recording_in_a_scenario(start: Start, tmp_path: Path) -> None:
    upstream = start(key=SECRET)
    recorder(start, upstream, tmp_path / "r").ask("What is 3*3?")
    (file,) = (tmp_path / "r").iterdir()
    (tmp_path / "s.toml").write_text(f'[[request]]\nrecording = "r/{file.name}"\n')
    assert start(scenario=str(tmp_path / "s.toml")).ask("Anything.")["output_text"] == "3*3 = 9"


def test_what_is_not_a_recording_is_said(tmp_path: Path) -> None:
    (tmp_path / "1-x.json").write_text('{"request": {}}')
    with pytest.raises(ServeError, match=r"1-x\.json is not a recording"):
        RecordingShelf([tmp_path], may_be_empty=False)


def test_unreachable_upstream_is_502(start: Start, tmp_path: Path) -> None:
    upstream = start(key=SECRET)
    upstream.stop()
    response = recorder(start, upstream, tmp_path / "r").post({"input": "x"})
    assert (response.status_code, response.json()["error"]["code"]) == (502, "bad_gateway")
    assert response.json()["detail"] == "The upstream cannot be reached: connection refused"
    assert list((tmp_path / "r").iterdir()) == []


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"record": "r"}, "--record needs --upstream"),
    ({"upstream": "https://x.example"}, "--upstream needs --record"),
    ({"strict": True}, "--strict needs --scenario"),
    ({"replay": "r", "web": Path()}, "--web has no effect with --replay"),
    ({"replay": "r", "daily_tokens": 9}, "--daily-tokens has no effect with --replay"),
    ({"cors": "localhost"}, "not an origin"),
    ({"record": "r", "upstream": "https://x.example"}, "no key for the upstream"),
    ({"record": "r", "upstream": "http://x.example/v1", "upstream_key": "k"}, "only over https"),
    ({"record": "r", "upstream": "https://me:pw@x.example", "upstream_key": "k"}, "not a base URL"),
    ({"record": "r", "upstream": "chat.example", "upstream_key": "k"}, "not a base URL"),
    ({"replay": "."}, "contains no recordings"),
    ({"replay": "missing"}, "no such folder"),
]


@pytest.mark.parametrize(("options", "message"), REFUSED, ids=lambda value: str(value)[:30])
def test_refused_options(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    from eugpt_cli.local.server import run
    from eugpt_cli.local.server_config import ServeError, ServerConfig

    for name in {"record", "replay"} & set(options):
        options = {**options, name: tmp_path / options[name]}
    with pytest.raises(ServeError, match=message) as caught:
        run(ServerConfig(port=0, **options), [], {}, lambda _: None, lambda _: None)
    assert "pw" not in caught.value.message
