"""Names for conversations, and locks on them, in the state folder of this user.

`conversations.json` has one name a line, so that a shell lists them with `sed -n 's/^  "\\([^"]*\\)": {.*/\\1/p'`:

    {
      "NAME": {"id": "UUID", "since": "2026-01-31T12:00:00Z"},
      "OTHER": {"id": "UUID", "since": "2026-02-01T08:30:00Z"}
    }

It is only ever replaced whole, by whoever holds `conversations.lock`; reading needs no lock. `locks/KEY` is locked
while a turn is under way; whoever lets it go removes it, so a holder checks that the path still leads to its file.
"""

import fcntl
import os
import re
import time
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import orjson

from eugpt_cli import files
from eugpt_cli.console import reason
from eugpt_cli.errors import Busy, ConfigError
from eugpt_cli.settings import UUID

NAME = re.compile(r"[^\W_][\w.-]{0,49}")
TELL_AFTER_SECONDS = 1.0
POLL_SECONDS = (0.01, 0.25)
NO_FOLDER = "HOME and XDG_STATE_HOME are unset"


def is_id(value: object) -> bool:
    return isinstance(value, str) and UUID.fullmatch(value) is not None


def checked_name(text: str) -> str:
    """The name as it is kept (Unicode NFC). Raises ConfigError."""
    name = unicodedata.normalize("NFC", text)
    if is_id(name):
        raise ConfigError("a UUID is an id and cannot be a name")
    if not NAME.fullmatch(name):
        raise ConfigError(
            f"{text!r} cannot be a name: it has up to 50 letters, digits, dots, dashes and underscores, "
            "and begins with a letter or digit"
        )
    return name


class Conversations:
    """What this machine knows of conversations; `note` is told what the user should know, `detail` what -v shows."""

    def __init__(
        self, environ: Mapping[str, str], note: Callable[[str], None], detail: Callable[[str], None] = lambda text: None
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
            gone = entries.pop(name, {})
            self._replace(entries)
        return str(gone.get("id"))

    def _unknown(self, name: str) -> Any:
        from difflib import get_close_matches

        near = get_close_matches(name, self.entries(), n=5)
        raise ConfigError(
            f"no conversation is named {name}" + (f"; near it: {', '.join(near)}" if near else ""),
            hint="eugpt conversation list shows the names; eugpt chat -c NAME starts a conversation",
        )

    @contextmanager
    def lock(self, key: str, seconds: float, on_wait: Callable[[], None], *, needed: bool = False) -> Iterator[None]:
        """One holder a key on this machine, for as long as the process lives. Raises Busy after so many seconds.

        `on_wait` is called once if it has to wait for longer than a moment. Where no lock can be had (a read-only
        home), it goes on without one, or raises ConfigError if one is `needed`.
        """
        held = None
        try:
            path = os.path.join(_made(os.path.join(self.folder, "locks")), key.lower())
            held = _acquire(path, seconds, on_wait)
        except (OSError, ConfigError) as error:
            why = error.message if isinstance(error, ConfigError) else reason(error)
            if needed:
                raise ConfigError(f"the name of a conversation cannot be kept: {why}") from None
            self._detail(f"* no lock on the conversation: {why}")
        try:
            yield
        finally:
            if held is not None:
                with suppress(OSError):
                    os.unlink(path)
                os.close(held)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            lock = os.open(
                os.path.join(_made(self.folder), "conversations.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
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


def _made(folder: str) -> str:
    """The folder, made with those above it, each for this user alone."""
    try:
        os.mkdir(folder, 0o700)
    except FileExistsError:
        pass
    except FileNotFoundError:
        _made(os.path.dirname(folder))
        return _made(folder)
    return folder


def _acquire(path: str, seconds: float, on_wait: Callable[[], None]) -> int:
    start = time.monotonic()
    pause, longest = POLL_SECONDS
    told = False
    while (held := _try(path)) is None:
        waited = time.monotonic() - start
        if waited >= seconds:
            raise Busy(
                f"the conversation is locked by another run (waited {seconds:g} s)",
                hint="--lock-wait SECONDS waits longer",
            )
        if waited >= TELL_AFTER_SECONDS and not told:
            told = True
            on_wait()
        time.sleep(min(pause, seconds - waited))
        pause = min(pause * 1.5, longest)
    return held


def _try(path: str) -> int | None:
    """A descriptor that holds the lock, or None if another does."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(descriptor), os.stat(path)):
            return descriptor
    except (BlockingIOError, FileNotFoundError):
        pass
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None
