"""Renders the records of options: a class for each command and each group of options, so that mypy knows every name."""

from collections.abc import Callable, Iterable, Sequence

from eugpt_cli.settings import options
from eugpt_cli.settings.catalogue import COMMANDS, Argument, Command
from eugpt_cli.settings.options import Option

HEAD = '''"""What each command finds in its options, by name and type. Generated: python -m eugpt_cli.reference."""

from eugpt_cli.settings.resolving import Options
'''
NUMBERS = {"seconds": "float", "wait": "float", "number": "int", "count": "int"}

Group = tuple[str, tuple[Option, ...]]


def module() -> str:
    """The source of `settings/records.py`."""
    groups = _groups()
    classes = [
        _class(name, own, _largest(group for group in groups if set(group[1]) < set(own))) for name, own in groups
    ]
    classes += [
        _class(
            command.name,
            command.options,
            _largest(filter(lambda group: _has(group)(command), groups)),
            command.arguments,
        )
        for command in COMMANDS
    ]
    return HEAD + "".join(f"\n\n{text}" for text in classes)


def _groups() -> list[Group]:
    """The tables that several commands share, the small ones first."""
    named = [
        (name, value)
        for name, value in vars(options).items()
        if isinstance(value, tuple) and value and all(type(row) is Option for row in value) and type(value) is tuple
    ]
    own = {command.module.upper() for command in COMMANDS}
    shared = [group for group in named if group[0] not in own and sum(map(_has(group), COMMANDS)) > 1]
    return sorted(shared, key=lambda group: len(group[1]))


def _has(group: Group) -> Callable[[Command], bool]:
    return lambda command: set(group[1]) <= set(command.options)


def _largest(groups: Iterable[Group]) -> list[Group]:
    """Those that are a part of no other."""
    groups = list(groups)
    return [group for group in groups if not any(set(group[1]) < set(other[1]) for other in groups)]


def _class(name: str, own: Iterable[Option], parts: Sequence[Group], arguments: Iterable[Argument] = ()) -> str:
    inherited = {option for _, part in parts for option in part}
    rows = [f"{argument.name}: {'list[str]' if argument.repeatable else 'str | None'}" for argument in arguments]
    rows += [f"{option.name}: {_type(option)}" for option in own if option not in inherited]
    bases = ", ".join(_name(part) for part, _ in parts) or "Options"
    body = "".join(f"    {row}\n" for row in rows) or "    pass\n"
    return f"class {_name(name)}({bases}):\n{body}"


def _name(name: str) -> str:
    return "".join(map(str.capitalize, name.replace("-", "_").split("_"))) + "Options"


def _type(option: Option) -> str:
    if option.kind == "flag":
        return "bool"
    if option.repeatable:
        return "list[str]"
    kind = NUMBERS.get(option.kind, "str")
    return kind if option.default is not None else f"{kind} | None"
