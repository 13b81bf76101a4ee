"""The table of options resolved: flag, then variable, then default; and where requests go."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from eugpt_cli.catalogue import Option
from eugpt_cli.errors import ConfigError, UsageError

DEFAULT_BASE_URL = "https://chat.eugpt.ai/v1"
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)


def resolve(options: tuple[Option, ...], flags: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    """Flag, then variable, then default. Raises UsageError or ConfigError for a value that does not fit."""
    return {option.name: _value(option, flags.get(option.name), environ) for option in options}


def _value(option: Option, given: Any, environ: Mapping[str, str]) -> Any:
    if given is not None and given is not False and given != []:  # 0 is a value
        return _checked(option, given, UsageError, option.flags[-1])
    text = environ.get(option.variable) if option.variable else None
    if text:
        return _checked(option, text, ConfigError, str(option.variable))
    return option.default if option.default is not None else given


def _checked(option: Option, value: Any, error: type[UsageError | ConfigError], source: str) -> Any:
    if option.kind == "seconds":
        try:
            seconds = float(value)
        except ValueError:
            seconds = 0.0
        if not 0 < seconds <= 1e9:
            raise error(f"{source} wants a number of seconds above 0, not {value!r}")
        return seconds
    if option.choices and value not in option.choices:
        raise error(f"{source} is {' or '.join(option.choices)}, not {value!r}")
    return value


@dataclass(frozen=True)
class Options:
    """The arguments and options of one command as resolved; each is an attribute by its name in the catalogue."""

    values: Mapping[str, Any]

    def __getattr__(self, name: str) -> Any:
        try:
            return self.values[name]
        except KeyError:
            raise AttributeError(name) from None


@dataclass(frozen=True)
class Target:
    """Where requests go: scheme, host, port, and the path of the endpoint."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        standard = {"https": 443, "http": 80}[self.scheme]
        return f"{self.scheme}://{host}{'' if self.port == standard else f':{self.port}'}{self.path}"


def target(base: str | None) -> Target:
    """A base URL to the endpoint. Raises ConfigError for one that would expose the key or cannot be used."""
    base = base or DEFAULT_BASE_URL
    if any(ord(c) <= 32 or ord(c) >= 127 for c in base):
        raise ConfigError("the base URL holds a space, a control character or a non-ASCII character")
    try:
        parts = urlsplit(base)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ConfigError("the base URL cannot be read", hint="it looks like https://chat.eugpt.ai/v1") from None
    if parts.username is not None or parts.password is not None:
        raise ConfigError("the base URL holds credentials", hint="put the key into EUGPT_API_KEY")
    if parts.scheme not in ("http", "https") or not host or parts.query or parts.fragment:
        raise ConfigError(
            f"the base URL {base} cannot be used", hint="it looks like https://chat.eugpt.ai/v1, with its scheme"
        )
    if parts.scheme == "http" and not is_loopback(host):
        raise ConfigError(f"the key is not sent over plain http to {host}", hint="use https")
    path = parts.path.rstrip("/") or "/v1"
    return Target(parts.scheme, host, port or (443 if parts.scheme == "https" else 80), f"{path}/responses")


def is_loopback(host: str) -> bool:
    return host in ("localhost", "::1") or re.fullmatch(r"127(\.\d{1,3}){3}", host) is not None


def uuid(value: str, flag: str) -> str:
    if not UUID.fullmatch(value):
        raise UsageError(f"{flag} wants a UUID, not {value!r}")
    return value
