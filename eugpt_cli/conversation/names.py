"""Names for conversations, and their locks, in the state folder of this user.

`conversations.json` has one name a line, so that a shell lists them with `sed -n 's/^  "\\([^"]*\\)": {.*/\\1/p'`:

    {
      "NAME": {"id": "UUID", "since": "2026-01-31T12:00:00Z"},
      "OTHER": {"id": "UUID", "since": "2026-02-01T08:30:00Z"}
    }

It is only ever replaced whole, by whoever holds `conversations.lock`; reading needs no lock. `locks/ID` is locked
while a turn is under way, `locks/NAME` while its first one is.
"""

import fcntl
import os
import re
import time
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, TypeGuard

import orjson

from eugpt_cli.errors import ConfigError
from eugpt_cli.settings.resolving import UUID
from eugpt_cli.system import files
from eugpt_cli.system.locks import Wait, acquire, release
from eugpt_cli.system.streams import reason

NAME = re.compile(r"[^\W_][\w.-]{0,49}")
DAMAGED_ID = re.compile(r"[0-9a-f-]{28,}", re.IGNORECASE)
NO_FOLDER = "HOME and XDG_STATE_HOME are unset"


def is_id(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and UUID.fullmatch(value) is not None


def checked_name(text: str) -> str:
    """The name as it is kept (Unicode NFC). Raises ConfigError."""
    name = unicodedata.normalize("NFC", text)
    if is_id(name):
        raise ConfigError("a UUID is an id and cannot be a name")
    if DAMAGED_ID.fullmatch(name):
        raise ConfigError(f"{name} is neither a UUID nor a name", hint="a UUID has 8-4-4-4-12 hexadecimal digits")
    if not NAME.fullmatch(name):
        raise ConfigError(
            f"{text!r} cannot be a name: it has up to 50 letters, digits, dots, dashes and underscores, "
            "and begins with a letter or digit"
        )
    return name


class Conversations:
    """What this machine knows of conversations; `note` is told what the user should know, `detail` what -v shows."""

    def __init__(
        self, environ: Mapping[str, str], note: Callable[[str], None], detail: Callable[[str], None] | None = None
    ) -> None:
        self._folder = state_folder(environ)
        self._note = note
        self._detail = detail

    @property
    def folder(self) -> str:
        """Raises ConfigError where there is none."""
        if self._folder is None:
            raise ConfigError(f"names for conversations need a state folder: {NO_FOLDER}")
        return self._folder

    @property
    def _path(self) -> str:
        return os.path.join(self.folder, "conversations.json")

    def entries(self) -> dict[str, dict[str, Any]]:
        """Every name and what is kept of it. A damaged file is set aside. Raises ConfigError."""
        found = self._read()
        if found is not None:
            return found
        with self._writing():
            return self._sound()

    def find(self, name: str) -> str | None:
        """The id that a name stands for. Raises ConfigError for what cannot be a name."""
        entry = self.entries().get(checked_name(name))
        return str(entry["id"]) if entry else None

    def known(self, name: str) -> str:
        """The same; a name that stands for nothing is a ConfigError which lists the near ones."""
        return self.find(name) or self._unknown(name)

    def name(self, name: str, conversation_id: str) -> str | None:
        """From now on the name stands for this id; returns what it stood for. Raises ConfigError or OutputError."""
        name = checked_name(name)
        with self._writing():
            entries = self._sound()
            before = entries.get(name, {}).get("id")
            if before != conversation_id:
                since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
                self._replace({**entries, name: {"id": conversation_id, "since": since}})
        return before

    def forget(self, name: str) -> str:
        """The name stands for nothing any more; returns the id. Raises ConfigError, OutputError."""
        name = checked_name(name)
        if name not in self.entries():
            self._unknown(name)
        with self._writing():
            entries = self._sound()
            gone = str(entries.pop(name, {}).get("id"))
            self._replace(entries)
            if all(entry["id"] != gone for entry in entries.values()):
                with suppress(OSError):
                    os.unlink(os.path.join(self.folder, "history", gone.lower()))
        return gone

    def near(self, name: str) -> list[str]:
        """The names that are like it."""
        from difflib import get_close_matches

        return get_close_matches(name, self.entries(), n=5)

    def _unknown(self, name: str) -> Any:
        near = self.near(name)
        raise ConfigError(
            f"no conversation is named {name}" + (f"; near it: {', '.join(near)}" if near else ""),
            hint="eugpt conversation list shows the names; eugpt chat -c NAME starts a conversation",
        )

    def history(self, conversation_id: str) -> str | None:
        """The file of what the user has said in a conversation; None where there is no state folder."""
        return os.path.join(self._folder, "history", conversation_id.lower()) if self._folder else None

    def resolve(self, given: str) -> str:
        """The id that is given, or that the given name stands for. Raises ConfigError."""
        return given if is_id(given) else self.known(given)

    @contextmanager
    def lock(self, key: str, wait: Wait, *, needed: bool = False) -> Iterator[None]:
        """One turn at a time for an id, or for a name that has none yet. Raises Busy.

        Where no lock can be had (a read-only home), it goes on without one, or raises ConfigError if one is `needed`.
        """
        held = None
        try:
            path = os.path.join(files.ensure_folder(os.path.join(self.folder, "locks")), key.lower())
            held = acquire(path, wait)
        except (OSError, ConfigError) as error:
            why = error.message if isinstance(error, ConfigError) else reason(error)
            if needed:
                raise ConfigError(f"the name of a new conversation cannot be kept: {why}") from None
            if self._detail:
                self._detail(f"* no lock on the conversation: {why}")
        try:
            yield
        finally:
            if held is not None:
                release(path, held)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            lock = os.open(
                os.path.join(files.ensure_folder(self.folder), "conversations.lock"),
                os.O_RDWR | os.O_CREAT | os.O_CLOEXEC,
                0o600,
            )
        except OSError as error:
            raise ConfigError(f"the names in {self.folder} cannot be changed: {reason(error)}") from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _read(self) -> dict[str, dict[str, Any]] | None:
        """The file's entries, none if there is no file, None if it is damaged. Raises ConfigError."""
        try:
            with open(self._path, "rb") as file:
                found = orjson.loads(file.read())
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise ConfigError(f"{self._path} cannot be read: {reason(error)}") from None
        except orjson.JSONDecodeError:
            return None
        sound = isinstance(found, dict) and all(isinstance(e, dict) and is_id(e.get("id")) for e in found.values())
        return found if sound else None

    def _sound(self) -> dict[str, dict[str, Any]]:
        """The entries, for whoever holds the lock: a damaged file is moved out of the way first."""
        found = self._read()
        if found is None:
            aside = f"{self._path}.damaged-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{os.getpid()}"
            os.rename(self._path, aside)
            self._note(f"eugpt: note: the names of conversations were damaged; the file is kept as {aside}")
        return found or {}

    def _replace(self, entries: Mapping[str, Mapping[str, Any]]) -> None:
        lines = [f"  {orjson.dumps(name).decode()}: {_entry(entry)}" for name, entry in sorted(entries.items())]
        text = "{\n" + ",\n".join(lines) + "\n}\n"
        files.replace(self._path, text.encode())


def _entry(entry: Mapping[str, Any]) -> str:
    return "{" + ", ".join(f"{orjson.dumps(k).decode()}: {orjson.dumps(v).decode()}" for k, v in entry.items()) + "}"


def state_folder(environ: Mapping[str, str]) -> str | None:
    """`$XDG_STATE_HOME/eugpt`; the base directory specification has relative paths ignored."""
    base = environ.get("XDG_STATE_HOME", "")
    if not os.path.isabs(base):
        home = environ.get("HOME")
        base = os.path.join(home, ".local", "state") if home else ""
    return os.path.join(base, "eugpt") if base else None
