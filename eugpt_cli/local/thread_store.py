"""Conversations, summaries and token usage in SQLite: a transaction for each turn: a killed server loses none."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from eugpt_cli.local.state_database import open_database
from eugpt_cli.local.thread_summary import SummarySentence, fold

WINDOW = 20
"""The number of newest messages that are used verbatim; the summary covers older ones."""
MAX_RECALLED = 100_000
"""Characters of an earlier message that are read again; it is stored whole."""
EPHEMERAL = 2000
"""The number of unused stateless conversations that are kept."""
NO_MESSAGE = -1
"""The position of an output item without a text of its own: a tool call."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS conversations (
  id TEXT PRIMARY KEY, user TEXT NOT NULL, hidden INTEGER NOT NULL, instructions TEXT,
  messages INTEGER NOT NULL DEFAULT 0, folded INTEGER NOT NULL DEFAULT 0, updates INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS messages (
  conversation TEXT NOT NULL, position INTEGER NOT NULL, role TEXT NOT NULL, text TEXT NOT NULL,
  PRIMARY KEY (conversation, position)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS summary (
  conversation TEXT NOT NULL, position INTEGER NOT NULL, sentence INTEGER NOT NULL, role TEXT NOT NULL,
  text TEXT NOT NULL, weight REAL NOT NULL, PRIMARY KEY (conversation, position, sentence)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS usage (
  user TEXT NOT NULL, day TEXT NOT NULL, tokens INTEGER NOT NULL, PRIMARY KEY (user, day)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS items (
  id TEXT PRIMARY KEY, conversation TEXT NOT NULL, position INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS items_of_conversation ON items (conversation);
"""


@dataclass(frozen=True)
class StoredThread:
    """What a turn sees of its conversation: instructions, summary, the newest messages as (role, text)."""

    id: str
    instructions: str | None
    summary: Sequence[SummarySentence]
    recent: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class StoredTurn:
    """What one answered request adds: the messages of both sides and the tokens they cost on `day` (YYYY-MM-DD).

    `items` are the ids of the answer's output items; the last of them is that of the last message.
    """

    conversation: str
    user: str
    new: bool
    instructions: str | None
    messages: Sequence[tuple[str, str]]
    items: Sequence[str]
    day: str
    tokens: int


class ThreadStore:
    """The database. All methods may be called from any thread; each write is one transaction."""

    def __init__(self, folder: Path | None) -> None:
        self._db = open_database(folder / "conversations.sqlite3" if folder else None, _SCHEMA)
        self._lock = threading.Lock()

    def thread(self, conversation: str, user: str) -> StoredThread | None:
        """The conversation as its next turn sees it; None if this user has no such conversation."""
        with self._lock:
            row = self._db.execute(
                "SELECT instructions FROM conversations WHERE id = ? AND user = ?", (conversation, user)
            ).fetchone()
            if row is None:
                return None
            summary = self._db.execute(
                "SELECT position, sentence, role, text, weight FROM summary WHERE conversation = ? ORDER BY 1, 2",
                (conversation,),
            ).fetchall()
            recent = self._db.execute(
                "SELECT role, substr(text, 1, ?) FROM messages WHERE conversation = ? ORDER BY position DESC LIMIT ?",
                (MAX_RECALLED, conversation, WINDOW),
            ).fetchall()
        return StoredThread(conversation, row[0], [SummarySentence(*line) for line in summary], recent[::-1])

    def item_text(self, item_id: str, user: str) -> str | None:
        """The text of an output item of an earlier answer to this user (empty: a tool call); None if unknown."""
        with self._lock:
            row = self._db.execute(
                "SELECT coalesce(text, '') FROM items JOIN conversations c ON c.id = items.conversation"
                " LEFT JOIN messages m ON m.conversation = items.conversation AND m.position = items.position"
                " WHERE items.id = ? AND c.user = ?",
                (item_id, user),
            ).fetchone()
        return None if row is None else str(row[0])

    def used(self, user: str, since: str) -> int:
        """Tokens that the user has spent from the day `since` (YYYY-MM-DD) on."""
        with self._lock:
            row = self._db.execute(
                "SELECT sum(tokens) FROM usage WHERE user = ? AND day >= ?", (user, since)
            ).fetchone()
        return int(row[0] or 0)

    def commit(self, turn: StoredTurn) -> None:
        """Writes the whole turn or nothing."""
        with self._lock, self._db:
            self._db.execute("BEGIN IMMEDIATE")
            if turn.new:
                self._begin(turn)
            else:
                self._db.execute("UPDATE conversations SET hidden = 0 WHERE id = ?", (turn.conversation,))
            self._append(turn)
            self._summarise(turn.conversation)
            self._db.execute(
                "INSERT INTO usage VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET tokens = tokens + excluded.tokens",
                (turn.user, turn.day, turn.tokens),
            )

    def close(self) -> None:
        """Folds the write-ahead log back and closes the files."""
        with self._lock:
            self._db.close()

    def _begin(self, turn: StoredTurn) -> None:
        self._db.execute(
            "INSERT INTO conversations (id, user, hidden, instructions) VALUES (?, ?, 1, ?)",
            (turn.conversation, turn.user, turn.instructions),
        )
        stale = self._db.execute(
            "SELECT id FROM conversations WHERE hidden ORDER BY rowid DESC LIMIT -1 OFFSET ?", (EPHEMERAL,)
        ).fetchall()
        self._db.executemany("DELETE FROM messages WHERE conversation = ?", stale)
        self._db.executemany("DELETE FROM summary WHERE conversation = ?", stale)
        self._db.executemany("DELETE FROM items WHERE conversation = ?", stale)
        self._db.executemany("DELETE FROM conversations WHERE id = ?", stale)

    def _append(self, turn: StoredTurn) -> None:
        (count,) = self._db.execute("SELECT messages FROM conversations WHERE id = ?", (turn.conversation,)).fetchone()
        rows = [(turn.conversation, count + n, role, text) for n, (role, text) in enumerate(turn.messages)]
        self._db.executemany("INSERT INTO messages VALUES (?, ?, ?, ?)", rows)
        self._db.execute("UPDATE conversations SET messages = ? WHERE id = ?", (count + len(rows), turn.conversation))
        *calls, message = turn.items
        items = [*((item, turn.conversation, NO_MESSAGE) for item in calls), (message, *rows[-1][:2])]
        self._db.executemany("INSERT INTO items VALUES (?, ?, ?)", items)

    def _summarise(self, conversation: str) -> None:
        """Folds the messages that have just left the window into the summary, without reading earlier ones again."""
        count, folded = self._db.execute(
            "SELECT messages, folded FROM conversations WHERE id = ?", (conversation,)
        ).fetchone()
        if count - WINDOW <= folded:
            return
        leaving = self._db.execute(
            "SELECT position, role, substr(text, 1, ?) FROM messages"
            " WHERE conversation = ? AND position >= ? AND position < ?",
            (MAX_RECALLED, conversation, folded, count - WINDOW),
        ).fetchall()
        held = self._db.execute(
            "SELECT position, sentence, role, text, weight FROM summary WHERE conversation = ?", (conversation,)
        ).fetchall()
        added, dropped = fold([SummarySentence(*line) for line in held], leaving)
        self._db.executemany(
            "DELETE FROM summary WHERE conversation = ? AND position = ? AND sentence = ?",
            [(conversation, line.position, line.sentence) for line in dropped],
        )
        self._db.executemany("INSERT INTO summary VALUES (?, ?, ?, ?, ?, ?)", [(conversation, *line) for line in added])
        self._db.execute(
            "UPDATE conversations SET folded = folded + ?, updates = updates + 1 WHERE id = ?",
            (len(leaving), conversation),
        )
