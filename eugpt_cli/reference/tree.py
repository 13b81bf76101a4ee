"""Everything that is documented, as one frozen tree: the catalogue, the exit codes, variables, files and examples."""

from collections.abc import Callable
from dataclasses import dataclass

from eugpt_cli import __version__
from eugpt_cli.errors import ExitCode
from eugpt_cli.reference.words import EVENT_TYPES, EXAMPLES, FILES, VARIABLES, Example, Fact
from eugpt_cli.settings.catalogue import COMMANDS, Argument, Command
from eugpt_cli.settings.options import Option

HELP = Option("help", ("-h", "--help"), "print this help and exit", kind="flag")
VERSION = Option("version", ("--version",), "print the version and exit", kind="flag")

# What completes a value, by the word that help shows for it; a word that is not here completes nothing.
FILLERS = {
    "PATH": "file",
    "FILE": "file",
    "DIR": "folder",
    "TEXT": "@file",
    "UUID=PATH": "=file",
    "UUID=DIR": "=folder",
    "ID": "conversation",
    "ID|NAME": "conversation",
    "NAME": "conversation",
    "COMMAND": "command",
}
LISTS: dict[str, tuple[str, ...]] = {
    "GLOB": EVENT_TYPES,
    "topic": tuple(command.name for command in COMMANDS),
    "CODE": tuple(word for code in ExitCode for word in (str(code.number), code.label)),
}


@dataclass(frozen=True)
class Group:
    """Options that the same commands have."""

    commands: tuple[str, ...]
    options: tuple[Option, ...]


@dataclass(frozen=True)
class Tree:
    """What the renderers read, and all that they read."""

    version: str
    root: tuple[Option, ...]
    commands: tuple[Command, ...]
    groups: tuple[Group, ...]
    codes: tuple[ExitCode, ...]
    variables: tuple[Fact, ...]
    files: tuple[Fact, ...]
    examples: tuple[Example, ...]


def tree() -> Tree:
    """The description as it stands in the sources."""
    commands = tuple(command._replace(options=(*command.options, HELP)) for command in COMMANDS)
    return Tree(
        version=__version__,
        root=(VERSION, HELP),
        commands=commands,
        groups=_groups(commands),
        codes=tuple(ExitCode),
        variables=(*_option_variables(commands), *VARIABLES),
        files=FILES,
        examples=EXAMPLES,
    )


def help_text(option: Option, variable: str | None = None) -> str:
    """The help of an option with what its row says besides."""
    notes = [
        "may be repeated" if option.repeatable else "",
        f"default {option.default_words}" if option.default_words else "",
        f"variable {variable}" if variable else "",
        "may be set in a profile" if option.in_profile else "",
    ]
    note = "; ".join(filter(None, notes))
    return option.help + (f" ({note})" if note else "")


@dataclass(frozen=True)
class Filler:
    """How a shell completes a value: by a list of `words`, or by what `kind` names; an empty kind by nothing."""

    kind: str = ""
    words: tuple[str, ...] = ()


def bare(metavar: str) -> str:
    """The first word of a metavar, without the signs that say how often it may stand."""
    return metavar.strip("[].… -").partition(" ")[0]


def filler(thing: Option | Argument) -> Filler:
    """How the value of an option, or an argument, is completed."""
    word = "" if thing.name == "label" else bare(thing.metavar or "")  # of the TEXTs only this one takes no @FILE
    words = thing.choices if isinstance(thing, Option) else ()
    words = words or LISTS.get(thing.name, ()) or LISTS.get(word, ())
    if not words and word.islower() and "|" in word:
        words = tuple(word.split("|"))
    if words:
        return Filler("words", words)
    kind = "profile" if thing.name == "profile" else FILLERS.get(word, "")
    return Filler() if kind == "command" and isinstance(thing, Option) else Filler(kind)  # that one is a shell's line


def _groups(commands: tuple[Command, ...]) -> tuple[Group, ...]:
    """Each option once, with the commands that have it; what most of them have comes first."""
    having: dict[Option, list[str]] = {}
    for command in commands:
        for option in command.options:
            having.setdefault(option, []).append(command.name)
    sets: dict[tuple[str, ...], list[Option]] = {}
    for option, names in having.items():
        sets.setdefault(tuple(names), []).append(option)
    by_size: Callable[[Group], int] = lambda group: -len(group.commands)  # noqa: E731
    return tuple(sorted((Group(names, tuple(options)) for names, options in sets.items()), key=by_size))


def _option_variables(commands: tuple[Command, ...]) -> tuple[Fact, ...]:
    """The variables that stand for an option."""
    found = {o.variable: o for command in commands for o in command.options if o.variable}
    return tuple(Fact(name, f"The default of {option.flags[-1]}: {option.help}.") for name, option in found.items())
