"""The configuration file: `$XDG_CONFIG_HOME/eugpt/config.toml`, one `[profile.NAME]` table a profile.

Its keys are the settings of the catalogue by their long flags (`base-url` or `base_url`), and `api_key_file` or
`api_key_command`. `default_profile = "NAME"` at the top names the one taken without --profile, else it is `default`.
"""

import os
import re
from collections.abc import Iterable, Mapping, Set
from typing import Any, NamedTuple

from eugpt_cli.errors import ConfigError
from eugpt_cli.settings import resolving
from eugpt_cli.settings.catalogue import COMMANDS
from eugpt_cli.settings.options import Option
from eugpt_cli.system.streams import reason
from eugpt_cli.text.suggestions import did_you_mean

KEY_SOURCES = ("api_key_file", "api_key_command")


class Profile(NamedTuple):
    """One profile: its name, the settings by their names in the catalogue, and the file; empty where there is none."""

    name: str = "default"
    values: Mapping[str, Any] = {}
    path: str | None = None


def config_path(environ: Mapping[str, str]) -> str | None:
    """Where the file is looked for; None without XDG_CONFIG_HOME and HOME."""
    folder = environ.get("XDG_CONFIG_HOME")
    if not folder and environ.get("HOME"):
        folder = os.path.join(environ["HOME"], ".config")
    return os.path.join(folder, "eugpt", "config.toml") if folder else None


class _ConfigText(NamedTuple):
    """The text of the file, to find the line that a message names."""

    path: str
    text: str

    def place(self, key: str, profile: str | None = None) -> str:
        """The path, and the line of the key in this profile's table; it may be spelled with hyphens or quoted."""
        inside = profile is None
        head = re.compile(rf"\s*\[\s*profile\s*\.\s*([\"']?){re.escape(profile or '')}\1\s*\]")
        for number, line in enumerate(self.text.splitlines(), 1):
            if profile is not None and line.lstrip().startswith("["):
                inside = bool(head.match(line))
            elif inside and line.partition("=")[0].strip(" \t\"'[]").replace("-", "_") == key:
                return f"{self.path}, line {number}"
        return self.path


def load(environ: Mapping[str, str], wanted: str | None) -> Profile:
    """Loads the wanted profile, or the file's default. Raises ConfigError for a broken file or an unknown profile."""
    path = config_path(environ)
    text = _read(path) if path else None
    if text is None:
        if wanted:
            raise ConfigError(
                f"no profile {wanted!r}: {path or 'a configuration file'} does not exist",
                hint=f"leave out --profile, or create that file with a table [profile.{wanted}]",
            )
        return Profile(path=path)
    document = _parse(text, str(path))
    profiles = document.get("profile")
    named = document.get("default_profile", "default")
    if not isinstance(named, str) or not isinstance(profiles, dict | None):
        raise ConfigError(
            f"{path}: default_profile must be a name, and profile must be a table: [profile.{wanted or 'default'}]"
        )
    source = _ConfigText(str(path), text)
    for key in document.keys() & (_options().keys() | KEY_SOURCES):
        raise ConfigError(f"{source.place(key)}: {key} belongs in a profile: put [profile.default] above it")
    _known(document, {"profile", "default_profile"}, source)
    name = wanted or named
    values = (profiles or {}).get(name)
    if values is None and name == "default" and not wanted:
        return Profile(path=path)
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: no profile {name!r}{did_you_mean(name, profiles or ())}")
    plain = {key.replace("-", "_"): value for key, value in values.items()}
    _check(plain, source, name)
    return Profile(name, plain, path)


def _read(path: str) -> str | None:
    try:
        with open(path, "rb") as file:
            return file.read().decode()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {reason(error)}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is not UTF-8") from None


def _parse(text: str, path: str) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not TOML: {str(error).lower()}") from None


def _check(values: Mapping[str, Any], source: _ConfigText, profile: str) -> None:
    """Raises ConfigError for an unknown setting, or a value that does not fit."""
    options = _options()
    _known(values, options.keys() | KEY_SOURCES, source, profile)
    for name, value in values.items():
        if isinstance(value, str) and "\0" in value:
            raise ConfigError(f"{source.place(name, profile)}: {name} contains a NUL")
    for name in values.keys() & options.keys():
        resolving.checked(options[name], values[name], ConfigError, f"{source.place(name, profile)}: {name}")


def _options() -> dict[str, Option]:
    return {option.name: option for command in COMMANDS for option in command.options if option.in_profile}


def _known(keys: Iterable[str], known: Set[str], source: _ConfigText, profile: str | None = None) -> None:
    for key in keys:
        if key not in known:
            near = did_you_mean(key, sorted(known))
            raise ConfigError(f"{source.place(key, profile)}: unknown setting {key!r}{near}")
