"""Resolves the table of options: flag, then variable, then profile, then default."""

import re
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from eugpt_cli.errors import ConfigError, UsageError
from eugpt_cli.settings.options import Option
from eugpt_cli.system import files

# As text: every start would compile them, and few use one.
UUID = r"(?i)[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
DIGITS = r"[0-9]{1,20}"
DECIMAL = r"(?i)([0-9]+\.?[0-9]*|\.[0-9]+)(e[-+]?[0-9]+)?"


class Span(NamedTuple):
    """The range and the spelling of a kind of number; 1_0 and the like, which int() accepts, are mistakes here."""

    kind: type[int | float]
    form: str
    least: float
    most: float
    words: str


NUMBERS = {
    "seconds": Span(float, DECIMAL, 1e-6, 1e9, "a number of seconds above 0"),
    "wait": Span(float, DECIMAL, 0, 1e9, "a number of seconds, 0 or more"),
    "number": Span(int, DIGITS, 0, 1e9, "a whole number, 0 or more"),
    "count": Span(int, DIGITS, 1, 1e9, "a whole number, 1 or more"),
}


def resolve(
    options: tuple[Option, ...],
    flags: Mapping[str, Any],
    environ: Mapping[str, str],
    profile: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The value of every option, by name. Raises UsageError or ConfigError for a value that does not fit."""
    return {option.name: origin(option, flags, environ, profile or {})[0] for option in options}


def fitting(
    options: tuple[Option, ...], flags: Mapping[str, Any], environ: Mapping[str, str], profile: Mapping[str, Any] | None
) -> dict[str, Any]:
    """The values that fit, by name, where others do not; without a profile (None) no default is sure either."""
    found = {}
    for option in options:
        with suppress(UsageError, ConfigError):
            value, source = origin(option, flags, environ, profile or {})
            if profile is not None or source != "default":
                found[option.name] = value
    return found


def origin(
    option: Option, flags: Mapping[str, Any], environ: Mapping[str, str], profile: Mapping[str, Any]
) -> tuple[Any, str]:
    """The value of one option and where it comes from: a flag, a variable, "profile" or "default"."""
    given = flags.get(option.name)
    if given is not None and given is not False and given != []:  # 0 is a value
        return checked(option, given, UsageError, option.flags[-1]), option.flags[-1]
    text = environ.get(option.variable) if option.variable else None
    if text:
        return checked(option, text, ConfigError, str(option.variable)), str(option.variable)
    if option.in_profile and option.name in profile:
        value = checked(option, profile[option.name], ConfigError, f"{option.name} in the profile")
        return _expanded(value, environ) if option.access else value, "profile"
    return option.default if option.default is not None else given, "default"


def _expanded(path: str, environ: Mapping[str, str]) -> str:
    """The path, or the @FILE, with `~/` expanded, as no shell does in a profile."""
    return f"@{files.expand(path[1:], environ)}" if path.startswith("@") else files.expand(path, environ)


def checked(option: Option, value: Any, error: type[UsageError | ConfigError], source: str) -> Any:
    """The value, converted to the option's kind. Raises the given error, which names the source."""
    if option.kind in NUMBERS:
        return _number(value, NUMBERS[option.kind], error, source)
    if option.kind == "flag":
        if not isinstance(value, bool):
            raise error(f"{source} must be true or false, not {value!r}")
        return value
    if not isinstance(value, str | list):
        raise error(f"{source} must be a text, not {value!r}")
    if option.metavar != "TEXT" and (value == "" or (isinstance(value, list) and "" in value)):
        raise error(f"{source} is empty")
    if value == "-" and option.access == "read" and option.metavar != "TEXT":
        raise error(f"{source} reads a file, and - names none", hint=f"standard input is {option.flags[-1]} /dev/stdin")
    if option.choices and value not in option.choices:
        raise error(f"{source} must be {' or '.join(option.choices)}, not {value!r}")
    return value


def _number(value: Any, span: Span, error: type[UsageError | ConfigError], source: str) -> int | float:
    text = str(value)
    number = span.kind(text) if re.fullmatch(span.form, text) else None
    if number is None or not span.least <= number <= span.most:
        raise error(f"{source} must be {span.words}, not {value!r}")
    return number


class Options:
    """The arguments and options of one command as resolved; each is an attribute by its name in the catalogue.

    The classes in `records` declare which ones a command has. `profile_values` are the profile's own, for those that
    are no option (the sources of the key), `command_name` is the command's as the user types it.
    """

    def __init__(
        self, values: Mapping[str, Any], profile_values: Mapping[str, Any] | None = None, command_name: str = ""
    ) -> None:
        self.command_name = command_name
        self.values = values
        self.profile_values = profile_values or {}

    if not TYPE_CHECKING:  # what is not declared is an error of type

        def __getattr__(self, name: str) -> Any:
            try:
                return self.values[name]
            except KeyError:
                raise AttributeError(name) from None


def uuid(value: str, flag: str, hint: str | None = None) -> str:
    if not re.fullmatch(UUID, value):
        raise UsageError(f"{flag} must be a UUID, not {value!r}", hint=hint)
    return value
