"""A batch over weeks: its input is edited, its runs are killed, its service fails; the file stays the truth.

A machine of states with real processes and real kills. EUGPT_TEST_FULL runs it 200 times, otherwise a few.
"""

import json
import os
import signal
import tempfile
import threading
from collections import Counter
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests.support.batches import Row, ndjson, start
from tests.support.manyserver import Body, Reply, cut_stream, echo, refusal, serving

FULL = bool(os.environ.get("EUGPT_TEST_FULL"))
JOBS = 3
TALKS = [f"8f14e45f-ceea-467a-a4ed-a9e9a5cb16e{n}" for n in range(2)]
TEXTS = [f"text {n}" for n in range(6)]
FAULTS = {"bad_request": refusal(400), "truncated": cut_stream()}


class Thing(NamedTuple):
    """An item of the input; without an id it goes by its line."""

    id: str | None
    text: str
    talk: str | None

    def line(self, lines: bool) -> bytes:
        if lines:
            return self.text.encode() + b"\n"
        fields = {"custom_id": self.id, "input": self.input, "conversation_id": self.talk}
        return ndjson([{name: value for name, value in fields.items() if value is not None}])

    @property
    def input(self) -> str:
        """Of a turn it says whose it is, so that the server's log does."""
        return f"{self.text} of {self.id}" if self.talk else self.text

    @property
    def asks(self) -> tuple[str, str | None]:
        return self.input, self.talk

    @property
    def digest(self) -> str:
        """As rows have it in `request`, of which `earlier_turns` have the beginning."""
        body = {"model": "auto", "input": self.input, "stream": False}
        body |= {"conversation_id": self.talk} if self.talk else {}
        return blake2b(json.dumps(body, separators=(",", ":")).encode(), digest_size=12).hexdigest()


things = st.builds(
    Thing, st.sampled_from([None, "a", "b", "c", "d", "e"]), st.sampled_from(TEXTS), st.sampled_from([None, *TALKS])
)
places = st.integers(0, 100)


class Weeks(RuleBasedStateMachine):
    """The input as the test edits it, and what the file may say after each run."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self._source = Path(self._folder.name) / "items"
        self._output = Path(self._folder.name) / "rows"
        self._serving = serving(self._answer)
        self._server = self._serving.__enter__()
        self._things: list[Thing] = []
        self._faults: dict[str, str] = {}
        self._lines = False
        self._stored: Counter[tuple[str, str]] = Counter()  # how often the server has taken a turn
        self._known: dict[str, tuple[bytes, int]] = {}  # the `item` of rows without an id
        self._kills = 0
        self._runs = 0
        self._unsafe = False
        self._kill_at = 0
        self._process: object = None

    def teardown(self) -> None:
        self._serving.__exit__(None, None, None)
        self._folder.cleanup()

    @initialize(lines=st.booleans(), begin=st.lists(things, min_size=3, max_size=8))
    def begin(self, lines: bool, begin: list[Thing]) -> None:
        self._lines = lines
        for thing in begin:
            self.add(thing, len(self._things))

    @rule(thing=things, at=places)
    def add(self, thing: Thing, at: int) -> None:
        if self._lines:
            thing = Thing(None, thing.text, None)
        elif thing.id in [other.id for other in self._things]:
            thing = thing._replace(id=None)
        if thing.id is None:
            thing = thing._replace(talk=None)  # two equal lines are two turns; which is which nobody knows
        self._things.insert(at % (len(self._things) + 1), thing)

    @rule(at=places, text=st.sampled_from(TEXTS))
    def edit(self, at: int, text: str) -> None:
        if self._things:
            at %= len(self._things)
            self._things[at] = self._things[at]._replace(text=text)

    @rule(at=places)
    def remove(self, at: int) -> None:
        if self._things:
            del self._things[at % len(self._things)]

    @rule(at=places, to=places)
    def move(self, at: int, to: int) -> None:
        if self._things:
            thing = self._things.pop(at % len(self._things))
            self._things.insert(to % (len(self._things) + 1), thing)

    @rule(text=st.sampled_from(TEXTS), fault=st.sampled_from([None, *FAULTS]))
    def fail(self, text: str, fault: str | None) -> None:
        self._faults.pop(text, None)
        if fault:
            self._faults[text] = fault

    @rule(after=st.integers(1, 6), answered=st.booleans(), ordered=st.booleans())
    def kill(self, after: int, answered: bool, ordered: bool) -> None:
        """Dies when so many requests have come, or a moment after that."""
        self._kill_at = len(self._server.received) + after
        self._answered = answered
        self._kills += 1
        self.resume(ordered, prune=False, unsafe=False)
        self._kill_at = 0

    @rule(ordered=st.booleans(), prune=st.booleans(), unsafe=st.sampled_from([False] * 5 + [True]))
    def resume(self, ordered: bool, prune: bool, unsafe: bool) -> None:
        self._unsafe = self._unsafe or unsafe
        self._source.write_bytes(b"".join(thing.line(self._lines) for thing in self._things))
        before = self._rows()
        self._runs += 1
        place = f"/{self._runs}/v1"  # a request of a killed run may come late
        flags = [("--ordered", ordered), ("--prune", prune), ("--retry-unsafe", unsafe), ("--lines", self._lines)]
        process = self._process = start(
            str(self._source), "-o", str(self._output), "--resume", "-j", str(JOBS), "--retries", "0",
            *(flag for flag, wanted in flags if wanted), base_url=self._server.base_url.replace("/v1", place),
        )  # fmt: skip
        told = process.communicate(timeout=60)[1].decode()
        killed = process.returncode == -signal.SIGKILL
        assert killed or process.returncode in (0, 90), told
        after = self._rows()
        asked = [
            body
            for body, path in zip(self._server.received, self._server.paths, strict=False)
            if path.startswith(place)
        ]
        pairs = self._paired(before)
        self._learn(before, after)
        self._check_requests(pairs, asked, killed=killed, unsafe=unsafe)
        self._check_turns(pairs, after)
        if not killed:
            self._check_complete(after, process.returncode, before, ordered=ordered, prune=prune)
        assert len(asked) - sum(row not in before for row in after) <= JOBS
        for thing, row in pairs:  # whatever happens, no good row of today's goes
            if row and _is_good(row, thing):
                assert any(_is_good(other, thing) for other in after if _key(other) == _key(row)), (thing, after)

    def _answer(self, body: Body) -> Reply:
        count = len(self._server.received)
        last = self._kill_at and count >= self._kill_at
        if last and not self._answered:
            self._process.kill()  # type: ignore[attr-defined]
        if last:
            threading.Timer(0.002, self._process.kill).start()  # type: ignore[attr-defined]
        fault = self._faults.get(body["input"].partition(" of ")[0])
        if fault != "bad_request" and "conversation_id" in body:
            self._stored[body["input"], body["conversation_id"]] += 1
        return FAULTS[fault] if fault else echo(body)

    def _rows(self) -> list[Row]:
        """The file's rows: whole but for the end of the last line, one an id."""
        lines = self._output.read_bytes().split(b"\n") if self._output.exists() else [b""]
        torn = lines.pop()
        assert not torn or self._kills, torn
        rows = [json.loads(line) for line in lines]
        keys = [_key(row) for row in rows]
        if self._kills and keys and keys[-1] in keys[:-1]:  # killed between two system calls
            del rows[keys.index(keys[-1])], keys[keys.index(keys[-1])]
        assert len(set(keys)) == len(keys), rows
        return rows

    def _keys(self) -> list[str | tuple[bytes, int]]:
        """What each item goes by: its id, or its line and how often that came before."""
        seen: Counter[bytes] = Counter()
        keys: list[str | tuple[bytes, int]] = []
        for thing in self._things:
            line = thing.line(self._lines)
            keys.append(thing.id or (line, seen[line]))
            seen[line] += thing.id is None
        return keys

    def _paired(self, rows: list[Row]) -> list[tuple[Thing, Row | None]]:
        """Each item and its row."""
        by_key = {row["custom_id"] or self._known.get(row["item"]): row for row in rows}
        return [(thing, by_key.get(key)) for thing, key in zip(self._things, self._keys(), strict=True)]

    def _learn(self, before: list[Row], after: list[Row]) -> None:
        """Which line a new row without an id is for, it says; and it is for no other one ever."""
        old = {_key(row) for row in before}
        keys = self._keys()
        for row in after:
            if row["custom_id"] is None and _key(row) not in old:
                key = keys[row["line"] - 1]
                assert not isinstance(key, str)
                assert self._known.setdefault(row["item"], key) == key

    def _check_requests(
        self, pairs: list[tuple[Thing, Row | None]], asked: list[Body], *, killed: bool, unsafe: bool
    ) -> None:
        """Only what has no good row, and no turn that may be stored; all of that, unless the run was killed."""
        wanted = Counter(
            thing.asks
            for thing, row in pairs
            if not (row and _is_good(row, thing)) and (unsafe or not (row and thing.digest[:16] in _turns(row)))
        )
        got = Counter((body["input"], body.get("conversation_id")) for body in asked)
        assert got <= wanted if killed else got == wanted, (got, wanted)

    def _check_turns(self, pairs: list[tuple[Thing, Row | None]], after: list[Row]) -> None:
        """No turn is stored twice; few are left alone that were never sent; what a row knew its successor knows."""
        assert self._unsafe or all(count == 1 for count in self._stored.values()), self._stored
        by_id = {row["custom_id"]: row for row in after}
        never = [
            thing
            for thing in self._things
            if thing.talk
            and thing.id in by_id
            and thing.digest[:16] in _turns(by_id[thing.id])
            and not self._stored[thing.input, thing.talk]
        ]
        assert len(never) <= self._kills * JOBS, never
        for thing, row in pairs:
            if thing.id and row:
                assert set(_turns(row)) <= set(_turns(by_id[thing.id])), (row, by_id[thing.id])

    def _check_complete(self, after: list[Row], code: int, before: list[Row], *, ordered: bool, prune: bool) -> None:
        numbers = dict(enumerate(self._things, 1))
        strangers = []
        own = {_key(row) for _, row in self._paired(after) if row}
        for row in after:
            if _key(row) in own:
                self._check_row(row, numbers.pop(row["line"]))
            else:
                strangers.append(row)
        assert numbers == {}, after
        assert not (prune and strangers), strangers
        if prune:
            ids = {thing.id for thing in self._things}
            for turn in [turn for turn in self._stored if turn[0].partition(" of ")[2] not in ids]:
                del self._stored[turn]  # with its row it is forgotten
        assert all(row in before for row in strangers)
        today = [row["line"] for row in after if row not in strangers]
        assert not ordered or today == sorted(today), after
        assert code == (0 if all(row["ok"] for row in after if row not in strangers) else 90)
        assert not self._output.read_bytes().startswith(b" ")

    def _check_row(self, row: Row, thing: Thing) -> None:
        if row["ok"]:
            assert _is_good(row, thing), (row, thing)
        else:
            fault = self._faults.get(thing.text)
            assert row.get("may_be_stored") or row["error"]["kind"] == fault, (row, thing)
            assert bool(row.get("may_be_stored")) == (bool(thing.talk) and thing.digest[:16] in _turns(row)), row


def _key(row: Row) -> str:
    return json.dumps([row["custom_id"], row.get("item")])


def _turns(row: Row) -> list[str]:
    own = [row["request"][:16]] if row.get("stored") or row.get("may_be_stored") else []
    return [*row.get("earlier_turns", []), *own]


def _is_good(row: Row, thing: Thing) -> bool:
    """Whether it has the answer to what the item asks today."""
    same = row["conversation_id"] == thing.talk
    return bool(row["ok"] and row["output_text"] == f"<{thing.input}>" and same)


Weeks.TestCase.settings = settings(
    max_examples=200 if FULL else 6,
    stateful_step_count=12,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestWeeks = Weeks.TestCase
