"""A folder of texts as an index: chunked by heading and paragraph, SQLite FTS5 with BM25, in step with the files."""

import functools
import os
import re
import stat
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from eugpt_cli.local.answers.prose import content_words
from eugpt_cli.local.server_config import ServeError
from eugpt_cli.local.state_database import open_database

MAX_FILE = 8 * 1024 * 1024
"""The largest file that is indexed, in bytes."""
MANY = 250
"""Indexing reports its progress from this number of new files on, and after each such number."""
CHUNK = 1200
"""The longest chunk of several paragraphs, in characters."""

TextExtractor = Callable[[bytes], str]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS files (
  path TEXT PRIMARY KEY, mtime INTEGER NOT NULL, size INTEGER NOT NULL,
  first INTEGER NOT NULL, beyond INTEGER NOT NULL);
CREATE VIRTUAL TABLE IF NOT EXISTS chunks USING fts5(
  name, heading, body, path UNINDEXED, line UNINDEXED, tokenize = 'porter unicode61 remove_diacritics 2');
"""
_SEARCH = """
SELECT path, heading, body, line FROM chunks WHERE chunks MATCH ? ORDER BY bm25(chunks, 2.0, 2.0, 1.0), rowid LIMIT ?
"""
_HEADING = re.compile(r"^(#{1,6})\s+(.*?)\s*#*\s*$")
_FENCE = re.compile(r"^\s*(```|~~~)")


@dataclass(frozen=True)
class CorpusChunk:
    """Neighbouring paragraphs of a file under one heading; `line` is where they start, counted from 1."""

    path: str
    heading: str
    text: str
    line: int


def plain(data: bytes) -> str:
    """The text of a text file; raises UnicodeDecodeError for anything else."""
    return data.decode("utf-8-sig")


TEXT_FILES: Mapping[str, TextExtractor] = dict.fromkeys(
    (".md", ".markdown", ".txt", ".text", ".rst", ".csv", ".log"), plain
)


class Corpus:
    """The index of a folder. `extract` maps file suffixes to functions from bytes to text; it skips other files.

    `place` is the index file (None: in memory). Methods may be called from any thread.
    """

    def __init__(self, folder: Path, extract: Mapping[str, TextExtractor], place: Path | None = None) -> None:
        if not folder.is_dir():
            raise ServeError(f"no such folder: {folder}")
        self.folder = folder
        self._root = folder.resolve()
        self._prefix = os.path.join(folder, "")
        self._extract = extract
        self._lock = threading.Lock()
        self._db = open_database(place, _SCHEMA)

    def refresh(self, progress: Callable[[int, int], None] | None = None) -> None:
        """Updates the index from the files; calls `progress` (done, total) while it reads many new ones."""
        with self._lock, self._db:
            self._db.execute("BEGIN")
            known = {row[0]: row for row in self._db.execute("SELECT path, mtime, size, first, beyond FROM files")}
            present = dict(self._walk())
            for path, row in known.items():
                if present.get(path) != (row[1], row[2]):
                    self._forget(path, row[3], row[4])
            fresh = [path for path, stamp in present.items() if known.get(path, ())[1:3] != stamp]
            for done, path in enumerate(fresh):
                if progress and len(fresh) >= MANY and done % MANY == 0:
                    progress(done, len(fresh))
                self._learn(path, *present[path])

    def search(self, question: str, limit: int = 8) -> list[CorpusChunk]:
        """The best chunks for a question, best first; reads changed files first."""
        words = [f'"{word}"' for word in dict.fromkeys(content_words(question))][:64]
        self.refresh()
        if not words:
            return []
        with self._lock:
            rows = self._db.execute(_SEARCH, (" OR ".join(words), limit)).fetchall()
        return [CorpusChunk(*row) for row in rows]

    def close(self) -> None:
        """Closes the index."""
        with self._lock:
            self._db.close()

    def _walk(self) -> Iterator[tuple[str, tuple[int, int]]]:
        pending = [str(self.folder)]
        while pending:
            try:
                entries = sorted(os.scandir(pending.pop()), key=lambda entry: entry.name)
            except OSError:
                continue
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    pending.append(entry.path)
                elif os.path.splitext(entry.name)[1].lower() in self._extract:
                    yield from self._stamped(entry)

    def _stamped(self, entry: os.DirEntry[str]) -> Iterator[tuple[str, tuple[int, int]]]:
        try:
            found = entry.stat()
        except OSError:
            return
        inside = not entry.is_symlink() or self._is_inside(entry.path)  # folders that are links are not walked
        if stat.S_ISREG(found.st_mode) and inside:
            yield entry.path.removeprefix(self._prefix), (found.st_mtime_ns, found.st_size)

    def _is_inside(self, path: str | Path) -> bool:
        """Whether a file is inside the folder once links are followed."""
        return Path(os.path.realpath(path)).is_relative_to(self._root)

    def _forget(self, path: str, first: int, beyond: int) -> None:
        self._db.execute("DELETE FROM chunks WHERE rowid >= ? AND rowid < ?", (first, beyond))
        self._db.execute("DELETE FROM files WHERE path = ?", (path,))

    def _learn(self, path: str, mtime: int, size: int) -> None:
        (first,) = self._db.execute("SELECT coalesce(max(rowid), 0) + 1 FROM chunks").fetchone()
        name = re.sub(r"[\W_]+", " ", os.path.splitext(path)[0])
        rows = [
            (first + n, name, heading, text, path, line)
            for n, (heading, text, line) in enumerate(chunked(self._text(path, size)))
        ]
        self._db.executemany("INSERT INTO chunks (rowid, name, heading, body, path, line) VALUES (?,?,?,?,?,?)", rows)
        self._db.execute("INSERT INTO files VALUES (?, ?, ?, ?, ?)", (path, mtime, size, first, first + len(rows)))

    def _text(self, path: str, size: int) -> str:
        """The file's text; nothing if it is too large, gone, or not what its suffix says."""
        if size > MAX_FILE or not self._is_inside(self.folder / path):
            return ""
        try:
            return self._extract[os.path.splitext(path)[1].lower()]((self.folder / path).read_bytes())
        except (OSError, UnicodeDecodeError):
            return ""


def chunked(text: str) -> Iterator[tuple[str, str, int]]:
    """(headings above, text, first line) of each chunk; headings in fenced code are code."""
    headings: list[tuple[int, str]] = []
    held: list[str] = []
    start, fenced = 1, False
    for number, line in enumerate([*text.split("\n"), "# "], 1):
        match = None if fenced else _HEADING.match(line)
        fenced ^= bool(_FENCE.match(line))
        full = not fenced and not line.strip() and sum(map(len, held)) > CHUNK
        if match or full or len(held) >= 200:
            if any(part.strip() for part in held):
                yield " / ".join(title for _, title in headings), "\n".join(held), start
            held = []
        if match:
            level = len(match.group(1))
            headings = [*[entry for entry in headings if entry[0] < level], (level, match.group(2))]
        if not held:
            start = number + bool(match)
        if not match:
            held.append(line)


def of_projects(
    folders: Mapping[str, Path], state: Path | None, note: Callable[[str], None] | None
) -> dict[str, Corpus]:
    """The indexed corpora of `--project`. `note`, if given, gets lines about the progress."""
    corpora = {}
    for uuid, folder in folders.items():
        corpora[uuid] = Corpus(folder, TEXT_FILES, state / f"project-{uuid}.sqlite3" if state else None)
        corpora[uuid].refresh(functools.partial(_report_progress, note, folder) if note else None)
    return corpora


def _report_progress(note: Callable[[str], None], folder: Path, done: int, total: int) -> None:
    note(f"indexing {folder}: {done} of {total} files")
