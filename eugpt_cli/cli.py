"""The door: the only file that knows Typer. Turns the tables into commands, words every error, and exits."""

import importlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from itertools import pairwise, takewhile
from typing import Any, NoReturn

import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from eugpt_cli import __version__
from eugpt_cli.errors import ConfigError, EugptError, OutOfTime, Stopped, UsageError
from eugpt_cli.settings.catalogue import COMMANDS, Argument, Command
from eugpt_cli.settings.options import Option
from eugpt_cli.system.alarm import LAST_WORDS_SECONDS
from eugpt_cli.system.console import Console
from eugpt_cli.text.redaction import redact

START = (
    'eugpt ask "What is the capital of Austria?"   print one answer',
    "eugpt help ask                                print the options of a command",
    "eugpt serve -- eugpt ask Hello                try it without an account",
)


def main(argv: Sequence[str]) -> NoReturn:
    """Runs one command and ends the process: by its exit code, or by the signal that stopped it."""
    console = Console()
    try:
        with console.signals():
            code = _worded(argv, console)
    except Stopped as stopped:
        if stopped.fault:
            console.limit(LAST_WORDS_SECONDS)
            console.begin_line()
            _fail(stopped.fault, argv, console)
        console.die(stopped.signum)
    except OutOfTime as late:  # nobody takes the error line
        code = late.exit.number
    if code < 0:
        console.die(-code)
    console.leave(code)
    raise SystemExit(code)


def _worded(argv: Sequence[str], console: Console) -> int:
    try:
        return _run(list(argv), console)
    except EugptError as error:
        fault = error
    except Exception as error:
        fault = _defect(error, console)
    console.grant_last_words()
    return _fail(fault, argv, console)


def _run(argv: list[str], console: Console) -> int:
    try:
        argv = _helped(argv, console)
        result = typer.main.get_group(app())(
            argv, prog_name="eugpt", standalone_mode=False, complete_var="", obj=console
        )
    except typer.TyperException as error:
        raise _usage(error, argv) from None
    return result if isinstance(result, int) else 0


def _helped(argv: list[str], console: Console) -> list[str]:
    """`eugpt` alone on a terminal, and `eugpt help [COMMAND]`, as the --help that they mean: help itself never runs."""
    words = argv[1:] if argv[:1] == ["--"] else argv
    if words[:1] == ["help"]:
        named = ["help" if word in ("-h", "--help") else word for word in words[1:2]]
        return [*(word for word in named if not word.startswith("-")), "--help"]
    return argv or (["--help"] if console.is_terminal(1) else [])


def app() -> typer.Typer:
    """The Typer app that the tables describe; its context's object is the console."""
    return typer.Typer(
        name="eugpt",
        cls=_Commands,
        help="Sends prompts to the EU GPT API and prints the answers. Exit 0 means that the answer is complete.",
        epilog=_examples(START),
        add_completion=False,
        add_help_option=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )


class _Commands(TyperGroup):
    """The commands by name and help; options are made only for the one that runs."""

    def __init__(self, **given: Any) -> None:
        names = {row.name: TyperCommand(row.name, help=row.help, rich_markup_mode=None) for row in COMMANDS}
        super().__init__(**given | {"commands": names, "params": [_version(), _help()]})

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, TyperCommand | None, list[str]]:
        name, _, rest = super().resolve_command(ctx, args)
        return name, next(_command(row, ctx.obj) for row in COMMANDS if row.name == name), rest


def _command(row: Command, console: Console) -> TyperCommand:
    return TyperCommand(
        row.name,
        help=row.help,
        epilog=_examples(row.examples),
        callback=partial(_call, row, console),
        params=[*map(_argument, row.arguments), *map(_option, row.options), _help()],
        add_help_option=False,
        rich_markup_mode=None,
    )


def _examples(lines: Sequence[str]) -> str | None:
    """The end of a help page; the first line keeps Typer from wrapping it."""
    return "\b\n" + "\n".join(("Examples:", *(f"  {line}" for line in lines))) if lines else None


# Typer 0.29 wants a type for each parameter and loads pydantic to convert to it, which takes longer than all else that
# --help does. The parameters below convert nothing and state in the tables' words what they take: no type is looked at.
UNTYPED: dict[str, Any] = {} if typer.__version__.startswith("0.28.") else {"type_descriptor": None}


class _Option(TyperOption):
    """An option that keeps its value as text: settings.resolving converts it and words what is wrong."""

    def process_value(self, ctx: Any, value: Any) -> Any:
        if value is None and self.multiple:
            value = ()
        return self.callback(ctx, self, value) if self.callback else value


class _Argument(TyperArgument):
    """An argument as it was given, shown by its metavar alone."""

    def process_value(self, ctx: Any, value: Any) -> Any:
        return () if value is None and self.nargs == -1 else value

    def get_usage_pieces(self, ctx: Any) -> list[str]:
        return [self.metavar or ""]

    def get_help_record(self, ctx: Any) -> tuple[str, str]:
        return self.metavar or "", self.help or ""


def _option(row: Option) -> TyperOption:
    default = f" [default: {row.default_words}]" if row.default_words else ""
    note = f" [{row.variable}]" if row.variable else ""
    return _Option(
        param_decls=[row.name, *row.flags],
        is_flag=row.kind == "flag",
        multiple=row.repeatable,
        help=row.help + default + note,
        metavar=row.value_name or None,
        **UNTYPED,
    )


def _argument(row: Argument) -> TyperArgument:
    nargs = -1 if row.repeatable else 1
    return _Argument(param_decls=[row.name], nargs=nargs, metavar=row.metavar, help=row.help, **UNTYPED)


def _help() -> TyperOption:
    return _telling("-h", "--help", says="print this help and exit", tell=typer.Context.get_help)


def _version() -> TyperOption:
    return _telling("--version", says="print the version and exit", tell=lambda context: f"eugpt {__version__}")


def _telling(*flags: str, says: str, tell: Callable[[typer.Context], str]) -> TyperOption:
    """A flag that prints something instead of running anything; written by the console, which minds a closed pipe."""

    def show(context: typer.Context, option: Any, given: bool) -> None:
        if given:
            context.obj.out(tell(context))
            context.exit()

    return _Option(
        param_decls=list(flags), is_flag=True, is_eager=True, expose_value=False, help=says, callback=show, **UNTYPED
    )


def _call(command: Command, console: Console, /, **params: Any) -> int:
    from eugpt_cli.settings import resolving

    given: dict[str, Any] = {name: list(value) if isinstance(value, tuple) else value for name, value in params.items()}
    with console.signals_blocked():
        module = importlib.import_module(f"eugpt_cli.commands.{command.module}")
    if not command.resolved:
        return int(module.run(resolving.Options(given), console))
    profile: Mapping[str, Any] | None = None
    try:
        profile = _profile(given, console)
        values = resolving.resolve(command.options, given, console.environ, profile)
    except ConfigError as fault:
        _report(command, given, profile, console, fault)
        raise
    values.update((argument.name, given[argument.name]) for argument in command.arguments)
    console.quiet = bool(values.get("quiet"))
    console.errors = values.get("errors")
    console.limit(values.get("max_time"))
    options = resolving.Options(values, profile, command.name)
    _check_files(command, options, console)
    return int(module.run(options, console))


def _report(
    command: Command, given: Mapping[str, Any], profile: Mapping[str, Any] | None, console: Console, fault: EugptError
) -> None:
    """Has a run whose settings do not fit reported where they say, if that can be known."""
    from eugpt_cli.run.reporting import report_unresolved
    from eugpt_cli.settings import resolving

    if not any(option.name == "log" for option in command.options):
        return
    values = {**given, **dict.fromkeys(option.name for option in command.options), "meta": None, "base_url": ""}
    values.update(resolving.fitting(command.options, given, console.environ, profile))
    options = resolving.Options(values, profile, command.name)
    with suppress(UsageError):
        _check_files(command, options, console)
        report_unresolved(options, console, fault)


def _check_files(command: Command, options: Any, console: Console) -> None:
    """Raises UsageError where a run would overwrite what it reads. The rule is loaded only where a file is written."""
    values = options.values
    streams = "paths" in values or bool(values.get("each_line"))
    writes = any(option.access == "write" and values[option.name] for option in command.options)
    if (writes or streams) and not (values.get("dry_run") or values.get("curl")):
        from eugpt_cli.output.overwriting import check_files

        check_files(options, console.environ, streams=streams)


def _profile(given: Mapping[str, Any], console: Console) -> Mapping[str, Any]:
    """The settings of the profile that the options or the environment name. Raises ConfigError."""
    if "profile" not in given:
        return {}
    from eugpt_cli.settings.profile import load

    return load(console.environ, given["profile"] or console.environ.get("EUGPT_PROFILE")).values


def _usage(error: typer.TyperException, argv: Sequence[str]) -> UsageError:
    from eugpt_cli.mistakes import RefusedCommandLine, worded

    context = getattr(error, "ctx", None)
    named = argv[:1] if any(argv[:1] == [row.name] for row in COMMANDS) else []
    path = context.command_path if context else " ".join(("eugpt", *named))
    message = " ".join(error.format_message().split()).rstrip(".")
    return worded(
        RefusedCommandLine(argv, path, message, getattr(error, "option_name", None) if _is_unknown(error) else None)
    )


def _is_unknown(error: typer.TyperException) -> bool:
    """Whether the option is unknown; an option without its value is another mistake."""
    return type(error).__name__ == "NoSuchOption"


def _fail(error: EugptError, argv: Sequence[str], console: Console) -> int:
    from eugpt_cli.output.report import error_json, error_text

    form = console.errors or _errors(argv, console.environ)
    with console.signals_blocked():
        line = error_json(error) if form == "json" else error_text(error)
    with suppress(OutOfTime):  # the reader of stderr keeps it waiting
        console.error(line)
    return error.exit.number


def _errors(argv: Sequence[str], environ: Mapping[str, str]) -> str:
    """The form of the error line as far as it can be known where the options could not be resolved."""
    form = environ.get("EUGPT_ERRORS", "text")
    for word, following in pairwise([*takewhile(lambda word: word != "--", argv), ""]):
        if word == "--errors" or word.startswith("--errors="):
            form = word.partition("=")[2] or following
    return form


def _defect(error: Exception, console: Console) -> EugptError:
    if console.environ.get("EUGPT_DEBUG") == "1":
        import traceback

        console.error(redact("".join(traceback.format_exception(error)).rstrip(), console.secret))
    return console.fault_of(error)
