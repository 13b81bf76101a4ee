"""API keys: their users, and the projects that a user may see."""

import secrets
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

from eugpt_cli.local.models import ApiError
from eugpt_cli.local.server_config import ServeError, reason


@dataclass(frozen=True)
class ApiKey:
    """An API key: its user, its state (active, revoked, expired), when it expires, and its projects (None: all)."""

    user: str
    state: str = "active"
    expires: datetime | None = None
    projects: frozenset[str] | None = None

    @property
    def is_usable(self) -> bool:
        """Whether the server accepts it now."""
        return self.state == "active" and (self.expires is None or self.expires > datetime.now(UTC))


class Keyring:
    """The keys of this run, and the first usable one for the `export` line."""

    def __init__(self, keys: Mapping[str, ApiKey], exported: str) -> None:
        self._keys = keys
        self.exported = exported

    def check(self, authorization: str | None) -> ApiKey:
        """The key of an Authorization header; raises the 401 ApiError of the API pages."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise _unauthorized("missing_api_key", "Missing API key: send 'Authorization: Bearer eugpt_<token>'")
        key = self._keys.get(token.strip())
        if key is None:
            raise _unauthorized("invalid_api_key", "Unknown API key")
        if key.state == "revoked":
            raise _unauthorized("revoked_api_key", "This API key was revoked")
        if not key.is_usable:
            raise _unauthorized("expired_api_key", "This API key has expired")
        return key


def _unauthorized(code: str, message: str) -> ApiError:
    return ApiError(401, "authentication_error", code, message, headers={"WWW-Authenticate": "Bearer"})


def load(key: str | None, file: Path | None) -> Keyring:
    """The keyring of `--key` and `--keys`; without either, it has one new key. Raises ServeError."""
    keys = _from_file(file) if file else {}
    if key is not None:
        if not key.isascii() or not key.isprintable() or " " in key or not key:
            raise ServeError("a key must consist of printable ASCII characters without spaces")
        keys.setdefault(key, ApiKey("local"))
        return Keyring(keys, key)
    usable = next((token for token, entry in keys.items() if entry.is_usable), None)
    if usable is None:
        usable = "eugpt_" + secrets.token_urlsafe(24)
        keys[usable] = ApiKey("local")
    return Keyring(keys, usable)


def _from_file(file: Path) -> dict[str, ApiKey]:
    try:
        table = tomllib.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ServeError(f"cannot read the keys in {file}: {reason(error)}") from None
    entries = table.get("keys")
    if not isinstance(entries, list) or not entries:
        raise ServeError(f"{file} contains no keys", "write one [[keys]] table per key, with key = '…' and user = '…'")
    return dict(_entry(entry, f"{file}: key {number}") for number, entry in enumerate(entries, 1))


def _entry(entry: Any, where: str) -> tuple[str, ApiKey]:
    known = {"key", "user", "state", "expires", "projects"}
    if not isinstance(entry, dict) or not set(entry) <= known:
        raise ServeError(f"{where}: use only these members: {', '.join(sorted(known))}")
    token, user, state = entry.get("key"), entry.get("user", "local"), entry.get("state", "active")
    if not isinstance(token, str) or not token or not isinstance(user, str):
        raise ServeError(f"{where}: key and user must be text")
    if state not in ("active", "revoked", "expired"):
        raise ServeError(f"{where}: state must be active, revoked or expired")
    projects = entry.get("projects")
    if projects is not None and not (isinstance(projects, list) and all(isinstance(p, str) for p in projects)):
        raise ServeError(f"{where}: projects must be a list of UUIDs")
    members = None if projects is None else frozenset(project.lower() for project in projects)
    return token, ApiKey(user, state, _moment(entry.get("expires"), where), members)


def _moment(value: Any, where: str) -> datetime | None:
    if value is None:
        return None
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, date):
        return datetime.combine(value, time(), UTC)
    raise ServeError(f"{where}: expires must be a date or a date with time")
