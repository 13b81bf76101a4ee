"""What is asked: the prompt, standard input and files made into a request."""

import os
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from eugpt_cli.api.request import Request, build, compose
from eugpt_cli.errors import InputError, UsageError
from eugpt_cli.http.route import target_of
from eugpt_cli.settings import resolving
from eugpt_cli.settings.records import AskOptions, BatchOptions, ChatOptions, RawEventsOptions, StreamOptions
from eugpt_cli.system import files
from eugpt_cli.system.console import Console
from eugpt_cli.text.escapes import one_line

if TYPE_CHECKING:
    from eugpt_cli.run.checks import Checks

TurnOptions = AskOptions | StreamOptions | ChatOptions | RawEventsOptions
Draft = Callable[..., Request]  # a request but for its conversation_id, which the lock may have to be waited for
PROJECT_HINT = "give the id of the project, such as 1c8b9a7f-2d3e-4f5a-9b8c-7d6e5f4a3b2c, not its name"
FILE_HINT = "give the id of an uploaded file; to send a file on this machine, use -f PATH"


def prepare(options: TurnOptions, console: Console, *, stream: bool, checks: "Checks | None" = None) -> Draft:
    """The request that the options and the input make. Raises UsageError, ConfigError or InputError."""
    target = target_of(options.base_url)
    given = fields(options, checks)
    text, empty = _input(options, console)
    if empty and options.require_input:
        raise InputError(empty)
    if not text and not given["file_ids"]:
        command = f"eugpt {options.command_name}"
        what = f"nothing to send: {empty}" if empty else "nothing to send"
        raise UsageError(what, hint=f"give a prompt, such as: {command} Hello; or pipe text into it")
    if options.verbose or console.is_terminal(2):
        for words in filter(None, (empty, _of_a_file(options.prompt or ""))):
            console.note(f"eugpt: note: {words}")
    return partial(build, target, text, stream=stream, **given)


def fields(options: TurnOptions | BatchOptions, checks: "Checks | None" = None) -> dict[str, Any]:
    """What the options set of a request besides its text and its conversation. Raises UsageError or InputError."""
    own = instructions(options.instructions)
    return {
        "project_id": resolving.uuid(options.project, "--project", PROJECT_HINT) if options.project else None,
        "file_ids": [resolving.uuid(file_id, "--file-id", FILE_HINT) for file_id in options.file_id],
        "instructions": checks.instructions(own) if checks else own,
    }


def _input(options: TurnOptions, console: Console) -> tuple[str, str]:
    """The text of the prompt, standard input and files, and in words which of these sources are empty."""
    names = list(options.file)
    wanted = (options.prompt == "-") + names.count("-")
    if wanted > 1 or (wanted and options.no_stdin):
        raise UsageError(
            "standard input is used twice" if wanted > 1 else "standard input is needed, but -I forbids it"
        )
    prompt = None if options.prompt in (None, "-") else _argument(options.prompt, "the prompt")
    stdin = None
    if options.prompt == "-" or "-" in names or (not options.no_stdin and console.has_input()):
        stdin = files.text(console.read_input(lambda: _idle_note(prompt, console)), "standard input")
    inlined = [(name, stdin or "") if name == "-" else (name, files.read_text(name)) for name in names]
    empty = [] if stdin != "" else ["standard input"]
    empty += [name for name, text in inlined if name != "-" and not text]
    words = f"{' and '.join(empty)} {'is' if len(empty) == 1 else 'are'} empty" if empty else ""
    return compose(prompt, None if "-" in names else stdin, inlined), words


def _of_a_file(prompt: str) -> str:
    """What to say of a prompt that is a file's name, as in `ask -f a.txt b.txt`; it is sent as it is."""
    path = prompt if os.path.isfile(prompt) else prompt.removeprefix("@")
    return f"the prompt is the name of a file; -f {one_line(path)} sends its text" if os.path.isfile(path) else ""


def _idle_note(prompt: str | None, console: Console) -> None:
    if prompt:
        console.note("eugpt: note: waiting for standard input; use -I if there is none")


def _argument(text: str, source: str) -> str:
    return files.text([os.fsencode(text) + b"\n"], source)


def instructions(value: str | None) -> str | None:
    if value is None:
        return None
    if value == "@":
        raise UsageError("@ names no file; @FILE reads the instructions from FILE")
    return files.read_text(value[1:]) if value.startswith("@") else _argument(value, "--instructions")
