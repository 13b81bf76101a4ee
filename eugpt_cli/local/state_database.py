"""SQLite files in the state folder: creates and recognises them, and refuses damaged or foreign ones at the start.

A file is ours if all its tables are ours, with our columns; a file without tables may be filled.
Files of versions that set no application id are recognised by their tables alone.
"""

import sqlite3
from pathlib import Path

from eugpt_cli.local.server_config import ServeError, reason

APPLICATION_ID = 0x65756770
"""What `PRAGMA application_id` says of our files: "eugp" in ASCII."""


def open_database(file: Path | None, schema: str) -> sqlite3.Connection:
    """A database with the tables of `schema`, in memory without a file. Raises ServeError that names the problem."""
    if file is None:
        return _filled(_connection(":memory:"), schema)
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file.touch(mode=0o600)
        db = _connection(str(file))
        _check(db, file, schema)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        return _filled(db, schema)
    except (OSError, sqlite3.Error) as error:
        is_damaged = isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError)
        hint = f"{f'move {file} away, or ' if is_damaged else ''}give another folder with --state"
        raise ServeError(f"cannot use the state in {file}: {reason(error)}", hint) from None


def _connection(place: str) -> sqlite3.Connection:
    return sqlite3.connect(place, check_same_thread=False, isolation_level=None)


def _check(db: sqlite3.Connection, file: Path, schema: str) -> None:
    (identity,) = db.execute("PRAGMA application_id").fetchone()
    found, ours = _tables(db), _tables(_filled(_connection(":memory:"), schema))
    if identity not in (0, APPLICATION_ID) or any(ours.get(name) != columns for name, columns in found.items()):
        raise ServeError(f"{file} belongs to another program", "give another folder with --state")
    (verdict,) = db.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise sqlite3.DatabaseError(f"the file is damaged ({' '.join(str(verdict).split())[:200]})")


def _tables(db: sqlite3.Connection) -> dict[str, list[str]]:
    """The columns of each table by its name."""
    names = db.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'").fetchall()
    return {name: [row[0] for row in db.execute("SELECT name FROM pragma_table_info(?)", (name,))] for (name,) in names}


def _filled(db: sqlite3.Connection, schema: str) -> sqlite3.Connection:
    """Makes the missing tables; writing the application id shows that the file can be written."""
    db.executescript(f"BEGIN IMMEDIATE; {schema}; PRAGMA application_id = {APPLICATION_ID}; COMMIT;")
    return db
