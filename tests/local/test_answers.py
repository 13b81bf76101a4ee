"""Answers drawn from what is there: arithmetic, clock, text, files, projects, the web folder."""

import contextlib
import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eugpt_cli.local.answers.calculator import CalculatorError, evaluate
from eugpt_cli.local.answers.corpus import chunked
from eugpt_cli.local.answers.prose import sentences

from .conftest import Server, Start

PROJECT = "1c8b9a7f-2d3e-4f5a-9b8c-7d6e5f4a3b2c"

VALUES = [
    ("1+2*3", "7"),
    ("(1+2)*3", "9"),
    ("2^3^2", "512"),
    ("-2^2", "-4"),
    ("2^-2", "0.25"),
    ("0.1+0.2", "0.3"),
    ("1/3", "0.333333333333333"),
    ("10 % 3", "1"),
    ("-7 // 2", "-4"),
    ("50%", "0.5"),
    ("5!", "120"),
    ("sqrt(16)", "4"),
    ("sqrt(2)", "1.4142135623731"),
    ("max(1, 2, 3) - min(4, 5)", "-1"),
    ("round(2.567, 2)", "2.57"),
    ("2 × 3 ÷ 4", "1.5"),
    ("1e3", "1000"),
    ("cos(0)", "1"),
    ("ln(e)", "1"),
    ("2**100", "1267650600228229401496703205376"),
    ("1/1000000000", "1e-09"),
]


@pytest.mark.parametrize(("expression", "value"), VALUES)
def test_calculator(expression: str, value: str) -> None:
    assert evaluate(expression)[:15] == value[:15]


NO_VALUE = ["", "1+", "(1", "1)", "1/0", "5 % 0", "2^9999999", "9^9^9^9", "(" * 400, "-" * 499, "401!", "3.5!"]
NO_VALUE += ["sqrt(-1)", "(-8)^0.5", "foo(1)", "1 2", "__import__('os')", "max()", "1" * 600, "1e999*1e999", "log(0)"]
NO_VALUE += ["0^-1", "2^" * 200 + "1"]


@pytest.mark.parametrize("expression", NO_VALUE)
def test_calculator_refuses(expression: str) -> None:
    begun = time.monotonic()
    with pytest.raises(CalculatorError):
        evaluate(expression)
    assert time.monotonic() - begun < 30


@given(st.text("0123456789.+-*/%^!()e, pisqrtmaxlog", max_size=60))
@settings(max_examples=300, deadline=None)
def test_calculator_never_surprises(expression: str) -> None:
    with contextlib.suppress(CalculatorError):
        assert evaluate(expression)


QUESTIONS = [
    ("What is 12 * 12?", "12 * 12 = 144"),
    ("what's 15% of 80", "15/100 * 80 = 12"),
    ("Calculate the sum 2 plus 3 times 4 please", "2 + 3 * 4 = 14"),
    ("How much is 1,200 / 4?", "1200 / 4 = 300"),
    ("What is the square root of 144?", "sqrt(144) = 12"),
    ("What is 2^10 - 24, and why?", "2^10 - 24 = 1000"),
    ("17*23", "17*23 = 391"),
    ("Compute 1/0", "1/0 has no value: division by zero."),
]


@pytest.mark.parametrize(("question", "answer"), QUESTIONS)
def test_arithmetic_questions(server: Server, question: str, answer: str) -> None:
    assert server.ask(question)["output_text"] == answer


@pytest.mark.parametrize("text", ["See 2024-11-21.", "Write 3-5 sentences about the sea.", "Call 555-1234.", "C++"])
def test_not_everything_with_digits_is_arithmetic(server: Server, text: str) -> None:
    assert [item["type"] for item in server.ask(text)["output"]] == ["message"]


def test_clock(server: Server) -> None:
    document = server.ask("What is the current date?")
    tool = document["output"][0]
    assert tool["name"] == "current_datetime"
    told = datetime.fromisoformat(tool["output"])
    assert abs((told - datetime.now(UTC)).total_seconds()) < 60
    assert f"{told:%A}, {told.day} {told:%B %Y}" in document["output_text"]


TEXT = """The harbour was built in 1840. It silted up within a generation.

The lighthouse keeper was called Brandt. He kept 14 hens, and sold eggs to the ships.

Today the harbour is a museum. The harbour museum opens at ten."""


def test_question_about_a_piped_text(server: Server) -> None:
    assert server.ask(f"Who was the lighthouse keeper?\n\n{TEXT}")["output_text"] == (
        "The lighthouse keeper was called Brandt."
    )


def test_question_about_named_files(server: Server) -> None:
    files = f'<file name="port.md">\n{TEXT}\n</file>\n\n<file name="b.txt">\nUnrelated words here.\n</file>'
    answer = server.ask(f"When does the museum open?\n\n{files}")["output_text"]
    assert answer == "The harbour museum opens at ten.\n\nSource: port.md:5"


@pytest.mark.parametrize(
    "order", ["Summarise in one sentence:", "Give me a one sentence summary", "TL;DR in 1 sentence?"]
)
def test_summary(server: Server, order: str) -> None:
    answer = server.ask(f"{order}\n\n{TEXT}")["output_text"]
    assert answer in TEXT
    assert answer.count(".") == 1


def test_bullets(server: Server) -> None:
    lines = server.ask(f"Summarise in two bullet points.\n\n{TEXT}")["output_text"].splitlines()
    assert len(lines) == 2
    assert all(line.startswith("- ") and line[2:] in TEXT for line in lines)


def test_text_without_a_question_is_summarised(server: Server) -> None:
    answer = server.ask(TEXT)["output_text"]
    assert answer
    assert all(sentence.text in TEXT for sentence in sentences(answer))


def test_fenced_code_is_returned_when_code_is_asked_for(server: Server) -> None:
    answer = server.ask("Show me the code.\n\nText before.\n\n```python\nx = 1\n```\n\nText after.")["output_text"]
    assert answer == "```python\nx = 1\n```"


def test_nothing_found_is_said(server: Server) -> None:
    answer = server.ask("Who painted the Mona Lisa?")["output_text"]
    assert "without a language model" in answer
    assert "Mona Lisa" in answer


def test_a_large_text_takes_bounded_time(server: Server) -> None:
    text = "The quick brown fox jumps over the lazy dog. " * 200_000 + "\n\nThe end is near."
    begun = time.monotonic()
    assert server.ask(f"Summarise:\n\n{text}")["output_text"]
    assert time.monotonic() - begun < 30


@given(
    st.lists(st.sampled_from(["# H\n", "## K\n", "text. \n", "\n", "```\n", "# x\n", "a" * 700 + "\n"]), max_size=40)
)
@settings(max_examples=200, deadline=None)
def test_chunks_know_their_lines(parts: list[str]) -> None:
    text = "".join(parts)
    lines = text.split("\n")
    for _, chunk, line in chunked(text):
        assert lines[line - 1 : line - 1 + chunk.count("\n") + 1] == chunk.split("\n")


def corpus(folder: Path, count: int) -> None:
    for number in range(count):
        place = folder / f"part{number % 20}"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"note-{number}.md").write_text(
            f"# Note {number}\n\nRoutine remarks about costs and servers in region {number}.\n\n"
            f"## Details\n\nThe meeting {number} was moved. Nothing else was decided by the board.\n"
        )


def test_project_of_2000_files(start: Start, tmp_path: Path) -> None:
    corpus(tmp_path / "docs", 2000)
    target = tmp_path / "docs" / "part7" / "note-1207.md"
    target.write_text("# 2024 audit\n\nSummary.\n\n## Q3\n\nThe server costs in Q3 rose to 41,300 euros.\n")
    server = start(projects={PROJECT: str(tmp_path / "docs")}, interactive=True)
    question = "What does the 2024 audit say about Q3 server costs?"
    server.ask(question, project_id=PROJECT)
    took = []
    for _ in range(5):
        begun = time.monotonic()
        answer = server.ask(question, project_id=PROJECT)["output_text"]
        took.append(time.monotonic() - begun)
    assert "41,300 euros" in answer
    assert "part7/note-1207.md:7" in answer
    assert min(took) < 0.3
    target.write_text("# 2024 audit\n\n## Q3\n\nThe server costs in Q3 fell to 39,000 euros.\n")
    assert "39,000 euros" in server.ask(question, project_id=PROJECT)["output_text"], "a changed file is read again"
    target.unlink()
    assert "euros" not in server.ask(question, project_id=PROJECT)["output_text"], "a removed one is forgotten"


def test_project_skips_what_is_not_text(start: Start, tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "bad.md").write_bytes(b"\xff\xfe secret word")
    (docs / "image.png").write_bytes(b"secret word")
    (docs / ".hidden.md").write_text("The secret word is hidden.")
    (docs / "loop.md").symlink_to(docs / "loop.md")
    (docs / "good.md").write_text("The secret word is marmalade.")
    server = start(projects={PROJECT: str(docs)})
    assert server.ask("What is the secret word?", project_id=PROJECT)["output_text"] == (
        "The secret word is marmalade.\n\nSource: good.md:1"
    )


def web(folder: Path) -> Path:
    (folder / "docs.example.org" / "guide").mkdir(parents=True)
    (folder / "docs.example.org" / "guide" / "index.html").write_text(
        "<html><head><title>Guide</title><script>var bad = 1;</script></head><body><h1>Ferries</h1>"
        "<p>The ferry to Sylt takes 40 minutes.</p><p>Dogs travel free.</p></body></html>"
    )
    (folder / "plain.txt").write_text("The tide table is printed in March.")
    return folder


def test_web_search_and_fetch(start: Start, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("Outside.")
    server = start(web=str(web(tmp_path / "web")))
    found = server.ask("Search the web: how long does the ferry to Sylt take?")
    url = "https://docs.example.org/guide/index.html"
    assert found["output_text"] == f"The ferry to Sylt takes 40 minutes.\n\nSource: {url}"
    search = found["output"][0]
    assert (search["type"], search["name"], search["action"]["type"]) == ("web_search_call", "web_search", "search")
    assert search["action"]["sources"] == [{"type": "url", "url": url}]
    assert "has nothing on: xylophones" in server.ask("Search the web for xylophones")["output_text"]
    page = server.ask("Do dogs travel free? See https://docs.example.org/guide/")
    assert "Dogs travel free." in page["output_text"]
    assert page["output"][0]["action"] == {"type": "open_page", "url": "https://docs.example.org/guide/"}
    for path in ("http://localhost/../secret.txt", "http://localhost/%2e%2e/secret.txt", "https://nowhere.example/x"):
        assert "not in the web folder" in server.ask(f"Fetch {path}")["output_text"]


def test_answer_names_tools_in_the_stream(start: Start, tmp_path: Path) -> None:
    server = start(web=str(web(tmp_path / "web")))
    events = server.events({"input": "Search the web for the tide table."})
    items = [
        event["item"]["name"]
        for event in events
        if event["type"].endswith(("item.added", "item.done")) and "name" in event["item"]
    ]
    assert items == ["web_search", "web_search"]


def test_indexing_reports_progress(start: Start, tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    for number in range(600):
        (docs / f"{number}.txt").write_text("A short note.")
    server = start(projects={PROJECT: str(docs)}, interactive=True)
    told = [line for line in server.log.read_text().splitlines() if line.startswith("indexing")]
    assert told == [f"indexing {docs}: {done} of 600 files" for done in (0, 250, 500)]


HOSTILE = [
    '<file name="a">' * 60_000,
    "Show me the code.\n\n" + "```x\n" * 200_000,
    "What is " + "1e" * 390 + "z",
    "Calculate " + "1e1 " * 190 + "z",
    "." + " " * 1_000_000 + "x",
    "\n " * 500_000 + "x",
    "one " * 199 + "?",
    "a" * 1_000_000,
    "." * 1_000_000 + "?",
    "\x00\x1f" * 1000,
    "\n\n".join(["Who?"] * 20_000),
    "- " * 300_000,
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_no_input_keeps_the_server_busy(server: Server, text: str) -> None:
    begun = time.monotonic()
    server.ask(text)
    server.ask("Hello.", instructions=text[:200_000])
    assert time.monotonic() - begun < 30


def test_answers_cite_their_sources(start: Start, tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "tides.md").write_text("High water at Husum is at noon.\n")
    server = start(projects={PROJECT: str(tmp_path / "docs")}, web=str(web(tmp_path / "web")))
    (part,) = server.ask("When is high water at Husum?", project_id=PROJECT)["output"][-1]["content"]
    (citation,) = part["annotations"]
    assert (citation["type"], citation["filename"]) == ("file_citation", "tides.md")
    assert part["text"][citation["index"] :] == "tides.md:1"
    (part,) = server.ask("How long does the ferry to Sylt take?")["output"][-1]["content"]
    (citation,) = part["annotations"]
    assert citation["type"] == "url_citation"
    assert part["text"][citation["start_index"] : citation["end_index"]] == citation["url"]


def test_json_of_tools_is_json(server: Server) -> None:
    item: dict[str, Any] = server.ask("What is 2+2?")["output"][0]
    assert json.loads(item["arguments"]) == {"expression": "2+2"}
