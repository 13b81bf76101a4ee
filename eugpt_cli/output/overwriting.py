"""One rule for every command: no file is both read and written by one run, and no file is written as two things.

Found from the tables: an option says by its `access` whether its value names a file that is read or written. Two names
are one file by device and inode, links followed. Loaded only where something is written to a file.
"""

from collections.abc import Hashable, Iterator, Mapping
from typing import NamedTuple

from eugpt_cli.errors import UsageError
from eugpt_cli.output.destinations import descriptor_of
from eugpt_cli.settings import key
from eugpt_cli.settings.catalogue import COMMANDS
from eugpt_cli.settings.option import Option
from eugpt_cli.settings.profile import config_path
from eugpt_cli.settings.resolving import Options
from eugpt_cli.system import files

STANDARD_OUTPUT = "standard output"


class FileUse(NamedTuple):
    """A file of a run: what to call it, and its path, or its descriptor where one that is open is used."""

    name: str
    place: str | int


def check_files(options: Options, environ: Mapping[str, str], *, streams: bool) -> None:
    """Raises UsageError for a file that is used twice.

    `streams`: input is read while answers are written. Otherwise an open descriptor, which is written at its end, may
    be a file that was read before (`eugpt ask Continue < story >> story`).
    """
    read: dict[Hashable, str] = {}
    for use in _read(options, environ):
        read.setdefault(files.identity(use.place), use.name)
    written: dict[Hashable, FileUse] = {}
    for use in _written(options, environ):
        file, is_open = files.identity(use.place), isinstance(use.place, int)
        if file is None:
            continue
        if file in read and (streams or not is_open):
            raise _both(read[file], use.name)
        other = written.setdefault(file, use)
        if other is not use and not (is_open and isinstance(other.place, int)):
            raise _both(other.name, use.name)


def written_files(options: Options, environ: Mapping[str, str]) -> dict[Hashable, str]:
    """What a run that streams writes: the name of each file by its identity."""
    found = {files.identity(use.place): use.name for use in _written(options, environ)}
    return {file: name for file, name in found.items() if file is not None}


def _both(name: str, output: str) -> UsageError:
    hint = f"send {output} to another file" if output.startswith("standard") else f"give {output} another file"
    return UsageError(f"{name} and {output} are the same file", hint=hint)


def _read(options: Options, environ: Mapping[str, str]) -> Iterator[FileUse]:
    values = options.values
    paths = [path for path in values.get("paths", ()) if path != "-"]
    yield from (FileUse(path, path) for path in paths)
    if "no_stdin" in values and not values["no_stdin"] and not paths:
        yield FileUse("standard input", 0)
    for option, value in _named(options, "read"):
        path = _path_in(option, value, environ)
        if path not in (None, "-"):
            yield FileUse(str(path) if option.repeatable else option.flags[-1], str(path))
    if "api_key_file" in values and (source := key.source(values["api_key_file"], environ, options.profile_values)):
        yield from [FileUse(source.name, source.path)] if source.path else []
    if "profile" in values and (path := config_path(environ)):
        yield FileUse("config.toml", path)


def _written(options: Options, environ: Mapping[str, str]) -> Iterator[FileUse]:
    for option, value in _named(options, "write"):
        path = str(_path_in(option, value, environ))
        fd = descriptor_of(path)
        yield FileUse(STANDARD_OUTPUT if path == "-" else option.flags[-1], path if fd is None else fd)
    if options.values.get("output") is None:
        yield FileUse(STANDARD_OUTPUT, 1)
    yield FileUse("standard error", 2)


def _named(options: Options, access: str) -> Iterator[tuple[Option, str]]:
    """The options that name files to be read, or written, each with one of its values."""
    table = next(command.options for command in COMMANDS if command.name == options.command_name)
    for option in table:
        if option.access == access and (value := options.values[option.name]):
            yield from ((option, each) for each in (value if option.repeatable else [value]))


def _path_in(option: Option, value: str, environ: Mapping[str, str]) -> str | None:
    """The path that a value holds; None for a text that is itself meant."""
    if option.metavar == "TEXT":
        return value[1:] if value.startswith("@") else None
    path = value.partition("=")[2] if option.metavar == "UUID=PATH" else value
    return files.expand(path, environ) if option.in_profile else path
