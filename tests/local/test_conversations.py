"""Threads: remembered past the window and a restart, closed to others, lost to no kill."""

import json
import signal
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from .conftest import Server, Start

QUESTION = "What colour is the front door of my house?"
FACT = "The front door of my house is painted vermilion."


def turns(server: Server, conversation: str, numbers: range) -> None:
    for number in numbers:
        server.ask(f"The parcel {number} weighs {number + 7} grams.", conversation_id=conversation)


def state(folder: Path, query: str) -> list[Any]:
    with closing(sqlite3.connect(folder / "conversations.sqlite3")) as db:
        return db.execute(query).fetchall()


def test_sixty_turns_remember_the_first(start: Start, tmp_path: Path) -> None:
    folder = tmp_path / "state"
    server = start(state=str(folder), key="eugpt_test")
    conversation = server.ask(FACT)["conversation_id"]
    other = server.ask("The garden of my house is large.")["conversation_id"]
    turns(server, conversation, range(60))
    assert "vermilion" in server.ask(QUESTION, conversation_id=conversation)["output_text"]
    assert "vermilion" not in server.ask(QUESTION, conversation_id=other)["output_text"]
    assert "vermilion" not in server.ask(QUESTION)["output_text"]
    server.stop()
    again = start(state=str(folder), key="eugpt_test")
    assert "vermilion" in again.ask(QUESTION, conversation_id=conversation)["output_text"]
    again.stop()
    work = {row[0]: row[1:] for row in state(folder, "SELECT id, messages, folded, updates FROM conversations")}
    messages, folded, updates = work[conversation]
    assert messages == 2 * 63
    assert folded == messages - 20, "each message is folded into the summary once, when it leaves the window"
    assert updates == 53, "one update a turn, each of the two messages that left"


def test_talkative_turns_do_not_push_out_an_early_fact(start: Start) -> None:
    server = start()
    conversation = server.ask("Bananas make me sneeze.")["conversation_id"]
    for turn in range(30):
        report = " ".join(f"We must always remember: Shelf {turn}-{n} of Hall {n} holds {n} Boxes." for n in range(12))
        server.ask(report, conversation_id=conversation)
    assert "Bananas" in server.ask("What makes me sneeze?", conversation_id=conversation)["output_text"]


def test_summary_stays_bounded(start: Start, tmp_path: Path) -> None:
    server = start(state=str(tmp_path / "state"))
    conversation = server.ask(FACT)["conversation_id"]
    chatter = " ".join(f"Nothing happened on day {day} of the trip." for day in range(100))
    for _ in range(16):
        server.ask(chatter, conversation_id=conversation)
    server.stop()
    ((lines,),) = state(tmp_path / "state", "SELECT count(*) FROM summary")
    assert lines == 200
    ((kept,),) = state(tmp_path / "state", "SELECT count(*) FROM summary WHERE text LIKE '%vermilion%'")
    assert kept == 1


def test_a_later_fact_wins(server: Server) -> None:
    conversation = server.ask("My favourite colour is green.")["conversation_id"]
    server.ask("My favourite colour is blue.", conversation_id=conversation)
    answer = server.ask("What is my favourite colour?", conversation_id=conversation)["output_text"]
    assert answer == "You said earlier: “My favourite colour is blue.”"


def test_names(server: Server) -> None:
    conversation = server.ask("My name is Ada and I live in Bergen.")["conversation_id"]
    for question in ("What is my name?", "Where do I live?"):
        assert "Ada and I live in Bergen" in server.ask(question, conversation_id=conversation)["output_text"]


def test_another_users_conversation_does_not_exist(start: Start, tmp_path: Path) -> None:
    (tmp_path / "keys.toml").write_text(
        '[[keys]]\nkey = "eugpt_ada"\nuser = "ada"\n[[keys]]\nkey = "eugpt_ada2"\nuser = "ada"\n'
        '[[keys]]\nkey = "eugpt_bob"\nuser = "bob"\n'
    )
    server = start(keys=str(tmp_path / "keys.toml"))
    conversation = server.ask(FACT, "eugpt_ada")["conversation_id"]
    refused = server.post({"input": QUESTION, "conversation_id": conversation}, "eugpt_bob")
    assert (refused.status_code, refused.json()["error"]["code"]) == (404, "conversation_not_found")
    assert "vermilion" in server.ask(QUESTION, "eugpt_ada2", conversation_id=conversation)["output_text"]


def test_stateless_conversations_are_hidden_until_continued(start: Start, tmp_path: Path) -> None:
    server = start(state=str(tmp_path / "state"))
    server.ask("Hello there.")
    continued = server.ask("Hello again.")["conversation_id"]
    server.ask("And again.", conversation_id=continued)
    server.stop()
    assert state(tmp_path / "state", "SELECT id FROM conversations WHERE NOT hidden") == [(continued,)]


def test_instructions_of_a_new_conversation_are_kept(server: Server) -> None:
    text = "Summarise:\n\nThe cat sat. The cat ran. The cat ate. The dog saw the cat. The cat slept."
    first = server.ask(text, instructions="Answer in one sentence.")
    assert first["output_text"].count(".") == 1
    assert server.ask(text, conversation_id=first["conversation_id"])["output_text"].count(".") == 1
    assert server.ask(text)["output_text"].count(".") == 3


def test_history_sent_by_the_client_is_used(server: Server) -> None:
    items = [
        {"role": "user", "content": FACT},
        {"role": "assistant", "content": [{"type": "output_text", "text": "Noted."}]},
        {"role": "user", "content": QUESTION},
    ]
    assert "vermilion" in server.post({"input": items}).json()["output_text"]


def test_files_of_earlier_turns_are_remembered(start: Start, tmp_path: Path) -> None:
    uuid = "8f14e45f-ceea-467a-a4ed-a9e9a5cb16ee"
    (tmp_path / "notes.md").write_text("The spare key hangs behind the barometer.\n")
    server = start(files={uuid: str(tmp_path / "notes.md")})
    first = server.post({"input": [{"content": [{"type": "input_file", "file_id": uuid}]}]}).json()
    assert "barometer" in first["output_text"]
    answer = server.ask("Where does the spare key hang?", conversation_id=first["conversation_id"])["output_text"]
    assert answer == "You said earlier: “The spare key hangs behind the barometer.”"


@pytest.mark.parametrize("streamed", [False, True])
def test_sigkill_loses_no_acknowledged_turn(start: Start, tmp_path: Path, streamed: bool) -> None:
    folder = tmp_path / "state"
    server = start(state=str(folder), key="eugpt_test")
    conversation = server.ask("The count begins.")["conversation_id"]
    acknowledged: list[int] = []
    enough = threading.Event()

    def turn(number: int) -> None:
        try:
            body = {"input": f"Item {number} is here.", "conversation_id": conversation, "stream": streamed}
            response = server.post(body)
        except httpx.HTTPError:
            return
        if not streamed or '"type":"response.completed"' in response.text:
            acknowledged.append(number)
            if len(acknowledged) >= 10:
                enough.set()

    with ThreadPoolExecutor(8) as pool:
        for number in range(50):
            pool.submit(turn, number)
        assert enough.wait(20)
        server.stop(signal.SIGKILL)
    again = start(state=str(folder), key="eugpt_test")
    assert again.ask("Hello.", conversation_id=conversation)["status"] == "completed"
    again.stop()
    rows = state(folder, "SELECT position, role, text FROM messages ORDER BY position")
    there = {text for _, role, text in rows if role == "user"}
    assert {f"Item {number} is here." for number in acknowledged} <= there
    assert [row[0] for row in rows] == list(range(len(rows))), "whole turns only, in one order"
    assert len(rows) % 2 == 0


def test_state_is_private_and_bad_state_is_said(start: Start, tmp_path: Path) -> None:
    server = start(state=str(tmp_path / "state"))
    server.stop()
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "state" / "conversations.sqlite3").stat().st_mode & 0o777 == 0o600


def test_every_answer_is_the_same_again(server: Server) -> None:
    body = {"input": "Summarise:\n\n" + "The ship left Brest in May. It reached Riga in June. The crew was tired. " * 4}
    first, second = (server.post(body).json() for _ in range(2))
    assert first["output_text"] == second["output_text"]
    assert first["id"] != second["id"]
    assert json.dumps(first["output"]) != ""
