"""A command line read by the tables alone: what Typer makes of it, wherever that is beyond doubt.

Typer takes 25 ms to load, and here is read what is good to know before.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from eugpt_cli.settings.catalogue import COMMANDS, Argument, Command
from eugpt_cli.settings.option import Option


class CommandLine(NamedTuple):
    """A command, and the value of each of its options and arguments by name: as Typer passes them on, unconverted."""

    command: Command
    given: dict[str, Any]


def read(argv: Sequence[str]) -> CommandLine | None:
    """What the words say; None where help is asked for, or a word is unknown, missing or one too many."""
    command = next((row for row in COMMANDS if row.name in argv[:1]), None)
    if not command:
        return None
    flags = {flag: option for option in command.options for flag in option.flags}
    given: dict[str, Any] = {option.name: [] if option.repeatable else None for option in command.options}
    words: list[str] = []
    rest = deque(argv[1:])
    while rest:
        word = rest.popleft()
        if word == "--":
            words += rest
            break
        if word[:1] != "-" or word == "-":
            words.append(word)
        elif not _read_options(word, rest, flags, given):
            return None
    return CommandLine(command, given) if _place(words, command.arguments, given) else None


def _read_options(word: str, rest: deque[str], flags: Mapping[str, Option], given: dict[str, Any]) -> bool:
    """Adds the options of the word to what is given, with a value from the rest; returns whether they are known."""
    for option, value in _parts(word, flags):
        if option is None or (option.kind == "flag" and value is not None):
            return False
        if option.kind == "flag":
            given[option.name] = True
            continue
        if value is None and not rest:
            return False
        value = rest.popleft() if value is None else value
        given[option.name] = [*given[option.name], value] if option.repeatable else value
    return True


def _parts(word: str, flags: Mapping[str, Option]) -> Iterator[tuple[Option | None, str | None]]:
    """The options in a word, each with the value that is in it: --name, --name=VALUE, -Iq, -iTEXT; None if unknown."""
    if word.startswith("--"):
        name, equals, value = word.partition("=")
        yield flags.get(name), value if equals else None
        return
    for end, letter in enumerate(word[1:], 2):
        option = flags.get(f"-{letter}")
        if option and option.kind != "flag":
            yield option, word[end:] or None
            return
        yield option, None


def _place(words: list[str], arguments: Sequence[Argument], given: dict[str, Any]) -> bool:
    """Gives the words to the arguments, in order; returns whether all have found one."""
    for argument in arguments:
        end = len(words) if argument.repeatable else 1
        given[argument.name] = words[:end] if argument.repeatable else next(iter(words), None)
        words = words[end:]
    return not words
