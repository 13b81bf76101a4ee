"""The commands with their arguments and options; the parser, help, manual and completions all read these tables."""

from typing import NamedTuple

from eugpt_cli.settings import options, serve_options
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
    `examples` end its --help: a command line each, perhaps with what it does after three spaces.
    """

    name: str
    help: str
    arguments: tuple[Argument, ...] = ()
    options: tuple[Option, ...] = ()
    resolved: bool = True
    examples: tuple[str, ...] = ()

    @property
    def module(self) -> str:
        return self.name.replace("-", "_")


PROMPT = Argument("prompt", "[PROMPT]", "the prompt; - reads it from standard input")
COMMANDS = (
    Command(
        "ask",
        "Print one answer, once it is complete.",
        (PROMPT,),
        options.SHARED + options.ASK,
        examples=(
            'eugpt ask "What is the capital of Austria?"',
            'git diff | eugpt ask -i "Be brief." "Write a commit message."',
            "eugpt ask -f report.md -o summary.txt Summarise",
        ),
    ),
    Command(
        "stream",
        "Print the answer as it arrives.",
        (PROMPT,),
        options.SHARED,
        examples=('eugpt stream "Explain GDPR in three sentences."', "eugpt stream -f a.md -f b.md 'What differs?'"),
    ),
    Command(
        "chat",
        "Start or continue a conversation that the service stores.",
        (Argument("prompt", "[MESSAGE]", "the message; - reads it from standard input"),),
        options.SHARED + options.CHAT,
        examples=(
            "eugpt chat                              start a session; Ctrl-D ends it",
            'eugpt chat -c trip "I leave Friday."    start or continue conversation trip',
            "eugpt chat -c trip                      continue it in a session",
        ),
    ),
    Command(
        "raw-events",
        "Print every event as one line of JSON.",
        (PROMPT,),
        options.SHARED + options.RAW_EVENTS,
        examples=("eugpt raw-events Hello | jq -r .type", "eugpt raw-events --type '*.delta' Hello | jq -r .delta"),
    ),
    Command(
        "batch",
        "Send many requests at once, and resume after a failure.",
        (
            Argument(
                "paths",
                "[FILE]...",
                "the input: one JSON object per line; - is stdin; --files takes several",
                repeatable=True,
            ),
        ),
        options.BATCH,
        examples=(
            "eugpt batch --lines prompts.txt | jq -r .output_text",
            "eugpt batch items.ndjson -o rows.ndjson --resume",
            "eugpt batch --files *.md -i 'Summarise.' -o rows.ndjson --resume",
        ),
    ),
    Command(
        "conversation",
        "List, set and forget the names of conversations.",
        (
            Argument("action", "list|name|forget", "the action"),
            Argument("words", "[NAME [UUID]]", "name takes NAME and UUID, forget takes NAME", repeatable=True),
        ),
        options.CONVERSATION,
        examples=("eugpt conversation list", "eugpt conversation forget trip"),
    ),
    Command(
        "serve",
        "Run a local server for the same API, without an account.",
        (
            Argument(
                "command",
                "[-- COMMAND...]",
                "run COMMAND with EUGPT_BASE_URL and EUGPT_API_KEY set; exit with its status",
                repeatable=True,
            ),
        ),
        serve_options.SERVE,
        examples=(
            "eugpt serve -- eugpt ask 'What is 6 * 7?'      ask the server one question",
            "eugpt serve -- bash                           try all of eugpt in a shell",
            "eugpt serve --scenario faults.toml -- ./job   test a script against failures",
        ),
    ),
    Command(
        "config",
        "Print every setting, its value and where it comes from.",
        (),
        options.CONFIG,
        examples=("eugpt config", "eugpt config --path"),
    ),
    Command(
        "doctor",
        "Check settings, key, network and service, step by step.",
        (),
        options.DOCTOR,
        resolved=False,
        examples=("eugpt doctor", "eugpt doctor --json | jq '.checks[] | select(.mark != \"ok\")'"),
    ),
    Command(
        "exit-codes",
        "Print the table of exit codes, or one row of it.",
        (Argument("code", "[CODE]", "a number or name"),),
        options.EXIT_CODES,
        examples=("eugpt exit-codes 62", "eugpt exit-codes --json"),
    ),
    Command("man", "Show the manual.", (), (options.ERRORS,), examples=("eugpt man",)),
    Command(
        "help",
        "Print the help of a command.",
        (Argument("topic", "[COMMAND]", "a command of eugpt"),),
        (options.ERRORS,),
        examples=("eugpt help ask",),
    ),
)
