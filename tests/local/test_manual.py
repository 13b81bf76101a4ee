"""The manual's examples of scenario files and keys files do what it says of them."""

import re
import time
from pathlib import Path

from .conftest import Start
from .test_scenario import exchange

MANUAL = (Path(__file__).parents[2] / "man" / "eugpt.1").read_text("utf-8")


def examples(section: str) -> list[str]:
    """The examples of a section, as `man` shows them."""
    text = MANUAL.partition(f".SH {section}\n")[2].partition("\n.SH ")[0]
    return [example.replace("\\-", "-") for example in re.findall(r"^\.EX\n(.*?)^\.EE", text, re.M | re.S)]


def test_down_twice_then_well(start: Start, tmp_path: Path) -> None:
    down, _, _ = examples("SCENARIO FILES")
    (tmp_path / "scenario.toml").write_text(down)
    server = start("--scenario", str(tmp_path / "scenario.toml"))
    responses = [server.post({"input": "Hello."}) for _ in range(3)]
    assert [response.status_code for response in responses] == [503, 503, 200]
    assert [response.headers.get("retry-after") for response in responses] == ["2", "2", None]


def test_late_slow_and_lost(start: Start, tmp_path: Path) -> None:
    _, lost, _ = examples("SCENARIO FILES")
    (tmp_path / "scenario.toml").write_text(lost)
    server = start("--scenario", str(tmp_path / "scenario.toml"))
    begun = time.monotonic()
    received, ended = exchange(server, wait=30)
    assert time.monotonic() - begun >= 1.5 + 5 * 0.2
    assert ended == "reset"
    assert re.findall(rb'"delta":"([^"]*)"', received) == [b"This", b" sentence", b" will"]


def test_an_error_event_and_a_proxys_page(start: Start, tmp_path: Path) -> None:
    _, _, failing = examples("SCENARIO FILES")
    (tmp_path / "scenario.toml").write_text(failing)
    server = start("--scenario", str(tmp_path / "scenario.toml"))
    for _ in range(2):
        events = server.events({"input": "How will the weather be?"})
        assert [event["type"] for event in events] == ["response.created", "response.output_text.delta", "error"]
        assert events[2]["message"] == "model overloaded"
        page = server.post({"input": "Hello."})
        assert (page.status_code, page.text) == (502, "<h1>Bad Gateway</h1>")
        assert page.headers["content-type"] == "text/html"


def test_keys(start: Start, tmp_path: Path) -> None:
    (keys,) = examples("KEYS FILE")
    (tmp_path / "keys.toml").write_text(keys)
    server = start("--keys", str(tmp_path / "keys.toml"))
    assert server.key == "eugpt_ada"
    assert server.ask("Hello.")["status"] == "completed"
    codes = [server.post({"input": "Hello."}, key).json()["error"]["code"] for key in ("eugpt_bob", "eugpt_trial")]
    assert codes == ["revoked_api_key", "expired_api_key"]
