"""The door: the only file that knows Typer. Turns the tables into commands, words every error, and exits."""

import importlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

from eugpt_cli import settings
from eugpt_cli.catalogue import COMMANDS, Argument, Command, Option
from eugpt_cli.console import Console
from eugpt_cli.errors import EugptError, Internal, Stopped, UsageError
from eugpt_cli.mask import redact
from eugpt_cli.report import error_json, error_text

if TYPE_CHECKING:
    import typer


TYPES = {"flag": bool, "number": int}
SHOWN = {"seconds": "SECONDS", "wait": "SECONDS"}


def main(argv: Sequence[str], version: str) -> NoReturn:
    """Runs one command and ends the process: by its exit code, or by the signal that stopped it."""
    console = Console()
    try:
        with console.signals():
            code = _run(list(argv), version, console)
    except Stopped as stopped:
        console.die(stopped.signum)
    except EugptError as error:
        code = _fail(error, argv, console)
    except Exception as error:
        code = _fail(_defect(error, console), argv, console)
    if code < 0:
        console.die(-code)
    console.leave(code)
    raise SystemExit(code)


def _run(argv: list[str], version: str, console: Console) -> int:
    if argv[:1] == ["--version"]:
        console.out(f"eugpt {version}")
        return 0
    import typer

    try:
        result = typer.main.get_command(app(console))(argv, prog_name="eugpt", standalone_mode=False)
    except typer.TyperException as error:
        raise _usage(error) from None
    return result if isinstance(result, int) else 0


def app(console: Console) -> "typer.Typer":
    """The Typer app that the tables describe."""
    import typer

    made = typer.Typer(
        name="eugpt",
        help="A Unix-style client for the EU GPT API. Exit 0 means a complete answer, and nothing else does.",
        epilog="eugpt COMMAND --help tells the options; eugpt exit-codes the exit codes.",
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        no_args_is_help=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    @made.callback(invoke_without_command=True)
    def root(
        context: typer.Context,
        version: Annotated[bool, typer.Option("--version", help="Tell the version and exit.")] = False,
    ) -> None:
        if context.invoked_subcommand is None:
            raise UsageError("no command", hint="eugpt --help")

    for command in COMMANDS:
        made.command(command.name, help=command.help)(_function(command, console))
    return made


def _function(command: Command, console: Console) -> Callable[..., int]:
    """A function whose signature is the command's row: Typer reads options from signatures."""

    def call(**given: Any) -> int:
        return _call(command, given, console)

    parameters = [*map(_argument, command.arguments), *map(_parameter, command.options)]
    call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    call.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return call


def _parameter(option: Option) -> inspect.Parameter:
    import typer

    kind: Any = TYPES.get(option.kind, str)
    shown = option.metavar or SHOWN.get(option.kind) or "|".join(option.choices) or None
    default = f" [default: {option.default}]" if option.default is not None else ""
    note = f" [{option.variable}]" if option.variable else ""
    annotation = list[kind] if option.many else kind if kind is bool else kind | None
    return inspect.Parameter(
        option.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=[] if option.many else False if kind is bool else None,
        annotation=Annotated[
            annotation,
            typer.Option(*option.flags, help=option.help + default + note, metavar=shown, show_default=False),
        ],
    )


def _argument(argument: Argument) -> inspect.Parameter:
    import typer

    return inspect.Parameter(
        argument.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=[] if argument.many else None,
        annotation=Annotated[
            list[str] if argument.many else str | None,
            typer.Argument(metavar=argument.metavar, show_default=False, help=argument.help),
        ],
    )


def _call(command: Command, given: dict[str, Any], console: Console) -> int:
    module = importlib.import_module(f"eugpt_cli.commands.{command.module}")
    profile: Mapping[str, Any] = {}
    if "profile" in given:
        from eugpt_cli.profile import load

        profile = load(console.environ, given["profile"] or console.environ.get("EUGPT_PROFILE")).values
    values = settings.resolve(command.options, given, console.environ, profile)
    values.update((argument.name, given[argument.name]) for argument in command.arguments)
    console.quiet = bool(values.get("quiet"))
    console.limit(values.get("max_time"))
    return int(module.run(settings.Options(values, profile), console))


def _usage(error: "typer.TyperException") -> UsageError:
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "eugpt"
    message = " ".join(error.format_message().split()).rstrip(".")
    return UsageError(message[:1].lower() + message[1:], hint=f"{path} --help")


def _fail(error: EugptError, argv: Sequence[str], console: Console) -> int:
    form = console.environ.get("EUGPT_ERRORS", "text")
    for word, following in pairwise([*argv, ""]):
        if word == "--errors" or word.startswith("--errors="):
            form = word.partition("=")[2] or following
    console.error(error_json(error) if form == "json" else error_text(error))
    return error.exit.number


def _defect(error: Exception, console: Console) -> Internal:
    if console.environ.get("EUGPT_DEBUG") == "1":
        import traceback

        console.error(redact("".join(traceback.format_exception(error)).rstrip(), console.secret))
    return Internal(
        f"{type(error).__name__}: {redact(str(error), console.secret)}",
        hint="this is a defect in eugpt; EUGPT_DEBUG=1 shows where",
    )
