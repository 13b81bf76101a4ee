"""Names for conversations, each at its service, and their locks, in the state folder of this user.

`conversations.json` has one name a line, so that a shell lists them with `sed -n 's/^  "\\([^"]*\\)": {.*/\\1/p'`:

    {
      "NAME": {"https://chat.eugpt.ai/v1": {"id": "UUID", "since": "2026-01-31T12:00:00Z"}},
      "OLD": {"id": "UUID", "since": "2026-02-01T08:30:00Z"}
    }

A name stands for one conversation at each service (base URL) that it is listed with. OLD was written by a version that
knew of no services: it stands for its conversation everywhere until one service has answered in it, and only there
from then on.

The file is only ever replaced whole, by whoever holds `conversations.lock`; reading needs no lock. `locks/ID` is locked
while a turn is in flight, `locks/NAME.SERVICE` while its first one is.
"""

import fcntl
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple, TypeGuard
from zlib import crc32

import orjson

from eugpt_cli.errors import ConfigError, EugptError, StatusError
from eugpt_cli.settings.resolving import UUID
from eugpt_cli.system import files
from eugpt_cli.system.locks import Wait, acquire, release
from eugpt_cli.system.streams import reason

NAME = r"[^\W_][\w.-]{0,49}"
DAMAGED_ID = r"(?i:[0-9a-f-]{28,}|[0-9a-f]{8}(-[0-9a-f]{4}){3}.*)"
NO_FOLDER = "HOME and XDG_STATE_HOME are unset"
ANYWHERE = ""  # stands for the service of a name that no service has answered to yet

Places = dict[str, dict[str, Any]]  # what a name stands for, by service


class Named(NamedTuple):
    """One line of the list: a name, the service that it belongs to, and the stored facts."""

    name: str
    service: str | None
    facts: Mapping[str, Any]


def is_id(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and re.fullmatch(UUID, value) is not None


def checked_name(text: str) -> str:
    """The name as it is kept (Unicode NFC). Raises ConfigError."""
    import unicodedata

    name = unicodedata.normalize("NFC", text)
    if is_id(name):
        raise ConfigError("a UUID is an id and cannot be a name")
    if re.fullmatch(DAMAGED_ID, name):
        raise ConfigError(f"{name} is neither a UUID nor a name", hint="a UUID has 8-4-4-4-12 hexadecimal digits")
    if not re.fullmatch(NAME, name):
        raise ConfigError(
            f"{text!r} cannot be a name: a name has up to 50 letters, digits, dots, dashes and underscores, "
            "and begins with a letter or digit"
        )
    return name


class Conversations:
    """The conversations that this machine has names for, seen from one service (its base URL).

    `note` is called with what the user should know, `detail` with what -v shows.
    """

    def __init__(
        self,
        environ: Mapping[str, str],
        service: str,
        note: Callable[[str], None],
        detail: Callable[[str], None] | None = None,
    ) -> None:
        self._folder = state_folder(environ)
        self.service = service
        self._note = note
        self._detail = detail

    @property
    def folder(self) -> str:
        """Raises ConfigError without a state folder."""
        if self._folder is None:
            raise ConfigError(f"names for conversations need a state folder: {NO_FOLDER}")
        return self._folder

    @property
    def path(self) -> str:
        return os.path.join(self.folder, "conversations.json")

    def listed(self) -> list[Named]:
        """Every name at every service. A damaged file is set aside. Raises ConfigError."""
        return [
            Named(name, service or None, facts)
            for name, places in self._entries().items()
            for service, facts in sorted(places.items())
        ]

    def find(self, name: str) -> str | None:
        """The id of a name at this service, None for an unused one. Raises ConfigError for an invalid name."""
        return self._id(self._entries().get(checked_name(name), {}))

    def known(self, name: str) -> str:
        """Like `find`; raises ConfigError for an unused name and lists the near ones."""
        return self.find(name) or self._unknown(checked_name(name))

    def name(self, name: str, conversation_id: str) -> str | None:
        """Gives the name to this id at this service; returns the id that had it. Raises ConfigError or OutputError."""
        name = checked_name(name)
        with self.writing():
            entries = self._sound()
            places = entries.get(name, {})
            before = self._id(places)
            if before != conversation_id or self.service not in places:
                new = {"id": conversation_id, "since": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
                facts = places.pop(ANYWHERE, new) if before == conversation_id else new
                places.pop(ANYWHERE, None)
                self._replace({**entries, name: {**places, self.service: facts}})
        return before

    def turn_ended(self, conversation_id: str, fault: EugptError | None, name: str | None = None) -> None:
        """How a turn has ended in this conversation, which the user called by that name or by its id.

        If the service answered, names of older versions belong to it from now on. If it does not know the
        conversation, the fault gets a hint with the name, the given one or any. Raises nothing.
        """
        with suppress(EugptError):
            names = {name: places for name, places in self._entries().items() if self._id(places) == conversation_id}
            if fault is None:
                for old in (name for name, places in names.items() if ANYWHERE in places):
                    self.name(old, conversation_id)
            elif isinstance(fault, StatusError) and fault.status == 404 and names:
                fault.hint = self._stale(name if name in names else min(names), conversation_id)

    def forget(self, name: str) -> str:
        """Removes the name at this service; returns its id. Raises ConfigError, OutputError."""
        name = checked_name(name)
        gone = self.known(name)
        with self.writing():
            entries = self._sound()
            places = entries.pop(name, {})
            places.pop(self.service if self.service in places else ANYWHERE, None)
            if places:
                entries[name] = places
            self._replace(entries)
            if all(facts["id"] != gone for places in entries.values() for facts in places.values()):
                with suppress(OSError):
                    os.unlink(os.path.join(self.folder, "history", gone.lower()))
        return gone

    def near(self, name: str) -> list[str]:
        """The names at this service that are like it."""
        from difflib import get_close_matches

        here = [other for other, places in self._entries().items() if self._id(places)]
        return get_close_matches(name, here, n=5)

    def _stale(self, name: str, conversation_id: str) -> str:
        forget = f"eugpt conversation forget {name} --base-url {self.service}"
        return f"if conversation {name} ({conversation_id}) no longer exists, free its name: {forget}"

    def _unknown(self, name: str) -> Any:
        near = self.near(name)
        elsewhere = list(self._entries().get(name, {}))
        raise ConfigError(
            f"no conversation is named {name} at {self.service}"
            + (f"; did you mean {', '.join(near)}?" if near else "")
            + (f"; there is one at {', '.join(elsewhere)}" if elsewhere else ""),
            hint="eugpt conversation list shows the names; eugpt chat -c NAME starts a conversation",
        )

    def history(self, conversation_id: str) -> str | None:
        """The file of the user's messages in a conversation; None without a state folder."""
        return os.path.join(self._folder, "history", conversation_id.lower()) if self._folder else None

    def resolve(self, given: str) -> str:
        """The given id, or the id of the given name. Raises ConfigError."""
        return given if is_id(given) else self.known(given)

    @contextmanager
    def lock(self, key: str, wait: Wait, *, starts: bool = False) -> Iterator[None]:
        """One turn at a time for an id, or for a name that has none yet and `starts` a conversation. Raises Busy.

        Where no lock can be had (a read-only home), an id goes without one; a name raises ConfigError.
        """
        if starts:
            key = f"{key}.{crc32(self.service.encode()):08x}"
        held = None
        try:
            path = os.path.join(files.ensure_folder(os.path.join(self.folder, "locks")), key.lower())
            held = acquire(path, wait)
        except (OSError, ConfigError) as error:
            why = error.message if isinstance(error, ConfigError) else f"{error.filename}: {reason(error)}"
            if starts:
                raise ConfigError(f"the name of a new conversation cannot be stored: {why}") from None
            if self._detail:
                self._detail(f"* no lock on the conversation: {why}")
        try:
            yield
        finally:
            if held is not None:
                release(path, held)

    @contextmanager
    def writing(self) -> Iterator[None]:
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

    def _id(self, places: Places) -> str | None:
        """The id of a name at this service, None without one."""
        facts = places.get(self.service) or places.get(ANYWHERE)
        return str(facts["id"]) if facts else None

    def _entries(self) -> dict[str, Places]:
        """Every name and its conversations. Moves a damaged file aside. Raises ConfigError."""
        found = self._read()
        if found is not None:
            return found
        with self.writing():
            return self._sound()

    def _read(self) -> dict[str, Places] | None:
        """The file's entries; {} without a file, None for a damaged one. Raises ConfigError."""
        try:
            with open(self.path, "rb") as file:
                found = orjson.loads(file.read())
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise ConfigError(
                f"{self.path} cannot be read: {reason(error)}",
                hint="mend this path, or keep names elsewhere: export XDG_STATE_HOME=FOLDER",
            ) from None
        except orjson.JSONDecodeError:
            return None
        if not isinstance(found, dict) or not all(isinstance(entry, dict) for entry in found.values()):
            return None
        entries = {name: {ANYWHERE: entry} if is_id(entry.get("id")) else entry for name, entry in found.items()}
        return entries if all(map(_is_sound, entries.values())) else None

    def _sound(self) -> dict[str, Places]:
        """The entries, for whoever holds the lock: a damaged file is moved out of the way first."""
        found = self._read()
        if found is None:
            aside = f"{self.path}.damaged-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{os.getpid()}"
            os.rename(self.path, aside)
            self._note(f"eugpt: note: the file of conversation names was damaged; it is kept as {aside}")
        return found or {}

    def _replace(self, entries: Mapping[str, Places]) -> None:
        lines = [f"  {_json(name)}: {_json(places.get(ANYWHERE, places))}" for name, places in sorted(entries.items())]
        from eugpt_cli.system.replacement import replace

        replace(self.path, ("{\n" + ",\n".join(lines) + "\n}\n").encode())


def _is_sound(places: Places) -> bool:
    return bool(places) and all(isinstance(facts, dict) and is_id(facts.get("id")) for facts in places.values())


def _json(value: Any) -> str:
    """JSON in one line, with a space after each colon and comma of an object."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_json(name)}: {_json(member)}" for name, member in value.items()) + "}"
    return orjson.dumps(value).decode()


def state_folder(environ: Mapping[str, str]) -> str | None:
    """`$XDG_STATE_HOME/eugpt`; the base directory specification has relative paths ignored."""
    base = environ.get("XDG_STATE_HOME", "")
    if not os.path.isabs(base):
        home = environ.get("HOME")
        base = os.path.join(home, ".local", "state") if home else ""
    return os.path.join(base, "eugpt") if base else None
