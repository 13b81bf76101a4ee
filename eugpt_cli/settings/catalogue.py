"""The commands with their arguments and options; the parser, help, manual and completions all read these tables."""

from typing import NamedTuple

from eugpt_cli.settings import options
from eugpt_cli.settings.options import Option


class Argument(NamedTuple):
    """A word of the command line without a flag; `name` is its keyword, `repeatable` takes the rest of the line."""

    name: str
    metavar: str
    help: str
    repeatable: bool = False


class Command(NamedTuple):
    """One subcommand; the module `commands.NAME` runs it.

    Its options are `resolved` before it runs; doctor, which reports what is wrong with them, gets them as given.
    """

    name: str
    help: str
    arguments: tuple[Argument, ...] = ()
    options: tuple[Option, ...] = ()
    resolved: bool = True

    @property
    def module(self) -> str:
        return self.name.replace("-", "_")


PROMPT = Argument("prompt", "[PROMPT]", "what to ask; - is standard input")
COMMANDS = (
    Command("ask", "One answer, all or nothing.", (PROMPT,), options.SHARED + options.ASK),
    Command("stream", "Text as it arrives.", (PROMPT,), options.SHARED),
    Command(
        "chat",
        "A turn in a conversation that the service keeps.",
        (Argument("prompt", "[MESSAGE]", "what to say; - is standard input"),),
        options.SHARED + options.CHAT,
    ),
    Command("raw-events", "Every event as one NDJSON line.", (PROMPT,), options.SHARED + options.RAW_EVENTS),
    Command(
        "batch",
        "Many requests, NDJSON in, NDJSON out: concurrent, resumable.",
        (Argument("paths", "[FILE]...", "- is stdin; more than one with --files", repeatable=True),),
        options.BATCH,
    ),
    Command(
        "conversation",
        "Local names for conversations.",
        (
            Argument("action", "list|name|forget", "what to do"),
            Argument("words", "[NAME [UUID]]", "name takes both, forget the NAME", repeatable=True),
        ),
        options.CONVERSATION,
    ),
    Command(
        "serve",
        "A local server for the same API: no account needed.",
        (
            Argument(
                "command",
                "[-- COMMAND...]",
                "run this with EUGPT_BASE_URL and EUGPT_API_KEY set; its end is ours",
                repeatable=True,
            ),
        ),
        options.SERVE,
    ),
    Command("config", "Every setting, its value and where it comes from.", (), options.CONFIG),
    Command("doctor", "Checks settings, key, network and service, step by step.", (), options.DOCTOR, resolved=False),
    Command(
        "exit-codes",
        "The table of exit codes, or one of them.",
        (Argument("code", "[CODE]", "number or name"),),
        options.EXIT_CODES,
    ),
    Command("man", "This program's manual.", (), (options.ERRORS,)),
)
