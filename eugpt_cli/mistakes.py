"""What to say to a mistyped command line: the line that is printed, and the hint with what to type instead.

Loaded only once a command line was refused. A flag or a command that other programs have is looked up in a table;
anything else gets the nearest name that there is.
"""

import shlex
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from eugpt_cli.errors import UsageError
from eugpt_cli.settings.catalogue import COMMANDS, Command
from eugpt_cli.text.suggestions import did_you_mean, near_words

ALIKE = 0.8  # from there on an option is taken for another program's, mistyped
KEY = "create a key at chat.eugpt.ai (Settings → API Keys), export EUGPT_API_KEY=eugpt_…, then run: eugpt doctor"
NO_SETTING = "leave it out: the service has no such setting; -i TEXT sets the system prompt"
SECRET = "a key is never an argument, because other users could read it; set EUGPT_API_KEY or use --api-key-file PATH"
CERTIFICATES = "eugpt always checks certificates; to trust a private authority, use --ca-file PATH"
# Flags of other programs, without their values, and what eugpt has instead.
FLAGS = {
    "--model": "leave it out: the service chooses the model; --meta FILE records which one",
    "-m": "leave it out: the service chooses the model; --meta FILE records which one",
    "--system": "to set the system prompt, use -i TEXT or -i @FILE",
    "--system-prompt": "to set the system prompt, use -i TEXT or -i @FILE",
    "-s": "to set the system prompt, use -i TEXT or -i @FILE",
    "--temperature": NO_SETTING,
    "--top-p": NO_SETTING,
    "--seed": NO_SETTING,
    "--max-tokens": NO_SETTING,
    "--max-output-tokens": NO_SETTING,
    "--stream": "to print text as it arrives, run: eugpt stream",
    "--no-stream": "to print only a complete answer, run: eugpt ask",
    "--api-key": SECRET,
    "--key": SECRET,
    "-k": f"a key is never an argument; {CERTIFICATES}",
    "--insecure": CERTIFICATES,
    "--cacert": "to trust a private authority, use --ca-file PATH",
    "--proxy": "export HTTPS_PROXY=http://HOST:PORT",
    "--url": "to set the address of the service, use --base-url URL",
    "--endpoint": "to set the address of the service, use --base-url URL",
    "--attach": "to send a text file, use -f PATH",
    "--attachment": "to send a text file, use -f PATH",
    "-a": "to send a text file, use -f PATH",
    "chat --resume": "to continue a conversation, use -c NAME",
    "--continue": "to continue a conversation, use -c NAME",
    "--response-format": "to get JSON that fits a schema, run: eugpt ask --schema FILE",
    "--json-schema": "to get JSON that fits a schema, run: eugpt ask --schema FILE",
    "--format": "to print JSON, run: eugpt ask --json (the whole response) or eugpt raw-events (every event)",
    "--output-format": "to print JSON, run: eugpt ask --json (the whole response) or eugpt raw-events (every event)",
    "--debug": "to see requests and retries, use -v",
    "--version": "to print the version, run: eugpt --version",
    "-V": "to print the version, run: eugpt --version",
    "-t": "to set how long the service may be silent, use --timeout SECONDS",
}
# First words that other programs have as commands.
WORDS = {
    **dict.fromkeys(("login", "logout", "auth", "init", "setup", "configure", "key", "keys"), KEY),
    **dict.fromkeys(
        ("models", "model"),
        "there is no list: the service chooses the model; to see which one: eugpt ask --meta FILE PROMPT",
    ),
    **dict.fromkeys(
        ("completion", "completions"),
        "pipx and the Debian package install them; to load them: . completions/eugpt.bash in the source folder",
    ),
    **dict.fromkeys(
        ("update", "upgrade"), "upgrade eugpt with the tool that installed it, such as: pipx upgrade eugpt-cli"
    ),
    "version": "eugpt --version",
    "manual": "eugpt man",
    **dict.fromkeys(("test", "ping", "status", "check"), "eugpt doctor"),
    **dict.fromkeys(("settings", "env"), "eugpt config"),
    **dict.fromkeys(("run", "prompt", "query", "complete", "generate", "send"), "eugpt ask PROMPT"),
    **dict.fromkeys(("repl", "shell", "session"), "eugpt chat"),
    "server": "eugpt serve",
    "events": "eugpt raw-events PROMPT",
    "history": "eugpt conversation list",
    "jobs": "eugpt batch FILE",
}


# What to say where a command takes no more words.
EXTRA = {
    "eugpt config": "config changes nothing; eugpt config --path prints the file to edit",
    "eugpt doctor": "doctor takes options only: eugpt doctor --help",
}


class RefusedCommandLine(NamedTuple):
    """A command line that was refused: `path` is `eugpt` or `eugpt COMMAND`, `option` the unknown one, if it is that.

    `message` is the parser's.
    """

    argv: Sequence[str]
    path: str
    message: str
    option: str | None = None

    @property
    def command(self) -> Command | None:
        return next((command for command in COMMANDS if self.path == f"eugpt {command.name}"), None)

    @property
    def takes_prompt(self) -> bool:
        return self.command is not None and any(argument.name == "prompt" for argument in self.command.arguments)


def worded(refusal: RefusedCommandLine) -> UsageError:
    """The error for a refused command line."""
    if refusal.option is not None:
        return _unknown_option(refusal, refusal.option)
    if refusal.path == "eugpt" and refusal.message.startswith("No such command"):
        return _unknown_command(list(refusal.argv))
    message = refusal.message[:1].lower() + refusal.message[1:]
    if refusal.message.startswith("Got unexpected extra argument"):
        extra = refusal.message.partition("(")[2].removeprefix("s) (").rpartition(")")[0] or "argument"
        return UsageError(f"too many arguments: {extra.removeprefix('s) (')}", hint=_extra(refusal))
    if " requires an argument" in message:
        return UsageError(message, hint=_wanted(refusal) or f"{refusal.path} --help")
    return UsageError(message, hint=f"{refusal.path} --help")


def _wanted(refusal: RefusedCommandLine) -> str | None:
    """What the last option of the command line takes."""
    flag = refusal.argv[-1]
    options = refusal.command.options if refusal.command else ()
    metavar = next((option.metavar for option in options if flag in option.flags), None)
    return f"give it one: {flag} {metavar}" if metavar else None


def _extra(refusal: RefusedCommandLine) -> str:
    command = refusal.command
    if not command or not refusal.takes_prompt:
        return EXTRA.get(refusal.path, f"{refusal.path} --help")
    words = refusal.argv[1:]
    if "-" in words:
        rest = shlex.quote(" ".join(word for word in words if word != "-"))
        return f"standard input follows the prompt by itself; leave out the -: {refusal.path} {rest}"
    if any(word == "-f" or word.startswith("--file") for word in words):
        return "repeat -f for each file: -f a.txt -f b.txt; put a prompt of several words in quotes"
    example = shlex.quote(" ".join(words)) if not any(word.startswith("-") for word in words) else "'several words'"
    named = "; -c NAME names a conversation" if command.name == "chat" else ""
    return f"put the prompt in quotes: {refusal.path} {example}{named}"


def _unknown_option(refusal: RefusedCommandLine, option: str) -> UsageError:
    command = refusal.command
    if not command:
        return _before_the_command(option)
    if dashed := next((word for word in refusal.argv if word.startswith(option) and _is_prompt(word)), None):
        return UsageError(f"no such option: {option}", hint=_as_dashed_prompt(refusal, dashed))
    flags = ["--version", *(flag for each in command.options for flag in each.flags)]
    if word := _with_one_dash(refusal, option):
        two = f"write it with two dashes: -{word}" if f"-{word}" in flags else FLAGS.get(f"-{word}")
        return UsageError(f"no such option: {word}", hint=two or _as_dashed_prompt(refusal, word))
    known_elsewhere = FLAGS.get(f"{command.name} {option}") or FLAGS.get(option)
    others = [row.name for row in COMMANDS if any(option in each.flags for each in row.options)]
    if others and not known_elsewhere:
        return UsageError(f"{command.name} has no option {option}", hint=f"{option} is an option of {_listed(others)}")
    if known_elsewhere or len(option) <= len("-x"):
        return UsageError(
            f"no such option: {option}", hint=known_elsewhere or f"to list the options: {refusal.path} --help"
        )
    foreign = FLAGS.keys() - set(flags)
    nearest = "".join(near_words(option, [*flags, *foreign], most=1, least=ALIKE))
    if nearest in foreign:
        return UsageError(f"no such option: {option}", hint=FLAGS[nearest])
    return UsageError(
        f"no such option: {option}{did_you_mean(option, flags)}", hint=f"to list the options: {refusal.path} --help"
    )


def _before_the_command(option: str) -> UsageError:
    known = {flag for row in COMMANDS for each in row.options for flag in each.flags}
    near = "" if option in known else did_you_mean(option, ("--version", "--help"))
    placed = f"put options after the command: eugpt COMMAND {option}"
    hint = placed if option in known else FLAGS.get(option, "eugpt --help")
    return UsageError(f"no such option before the command: {option}{near}", hint=hint)


def _as_dashed_prompt(refusal: RefusedCommandLine, word: str) -> str:
    if not refusal.takes_prompt:
        return f"{refusal.path} --help"
    return f"to send a prompt that begins with a dash, put -- before it: {refusal.path} -- {shlex.quote(word)}"


def _with_one_dash(refusal: RefusedCommandLine, option: str) -> str:
    """The word with one dash and several letters in which the parser has found a letter that is no option."""
    words = (word.partition("=")[0] for word in refusal.argv if word[:1] == "-" and word[1:2] != "-" and len(word) > 3)
    return next((word for word in words if len(option) == len("-x") and option[1:] in word), "")


def _is_prompt(word: str) -> bool:
    """Whether a word with a dash is text: it has a space, or no letter where a flag has one."""
    return any(character.isspace() for character in word) or not word.lstrip("-")[:1].isalpha()


def _listed(names: Sequence[str]) -> str:
    return " and ".join(f"eugpt {name}" for name in names[:2])


def _unknown_command(argv: list[str]) -> UsageError:
    word = argv[0]
    names = (command.name for command in COMMANDS if command.name != "help" or sorted(word) == sorted("help"))
    alike = [name for name in names if name[0] == word[:1]]  # few mistype the first letter; hello is no help
    near = "" if word in WORDS else did_you_mean(word, alike)
    hint = WORDS.get(word) or (
        "eugpt --help" if "--help" in argv else f"{'otherwise, ' if near else ''}{_as_prompt(argv)}"
    )
    return UsageError(f"no such command: {word}{near}", hint=hint)


def _as_prompt(argv: list[str]) -> str:
    """The words as a prompt, with what follows them from the first flag on."""
    words = list(_leading_words(argv))
    return f"to send it as a prompt: eugpt ask {shlex.join([' '.join(words), *argv[len(words) :]])}"


def _leading_words(argv: list[str]) -> Iterator[str]:
    for word in argv:
        if word.startswith("-"):
            return
        yield word
