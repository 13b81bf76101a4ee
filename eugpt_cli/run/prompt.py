"""What is asked: the prompt, standard input and files made into a request."""

import os
from collections.abc import Callable
from functools import partial
from typing import Any

from eugpt_cli.api.request import Request, build, compose
from eugpt_cli.errors import UsageError
from eugpt_cli.http.route import target_of
from eugpt_cli.settings import resolving
from eugpt_cli.settings.records import AskOptions, BatchOptions, ChatOptions, RawEventsOptions, StreamOptions
from eugpt_cli.system import files
from eugpt_cli.system.console import Console

TurnOptions = AskOptions | StreamOptions | ChatOptions | RawEventsOptions
Draft = Callable[..., Request]  # a request but for its conversation_id, which the lock may have to be waited for


def prepare(options: TurnOptions, console: Console, *, stream: bool) -> Draft:
    """The request that the options and the input make. Raises UsageError, ConfigError or InputError."""
    target = target_of(options.base_url)
    given = fields(options)
    text = _input(options, console)
    if not text and not given["file_ids"]:
        raise UsageError("nothing to send", hint="give a prompt, or pipe text into standard input")
    return partial(build, target, text, stream=stream, **given)


def fields(options: TurnOptions | BatchOptions) -> dict[str, Any]:
    """What the options set of a request besides its text and its conversation. Raises UsageError or InputError."""
    return {
        "project_id": resolving.uuid(options.project, "--project") if options.project else None,
        "file_ids": [resolving.uuid(file_id, "--file-id") for file_id in options.file_id],
        "instructions": instructions(options.instructions),
    }


def _input(options: TurnOptions, console: Console) -> str:
    names = list(options.file)
    wanted = (options.prompt == "-") + names.count("-")
    if wanted > 1 or (wanted and options.no_stdin):
        raise UsageError("standard input is asked for " + ("twice" if wanted > 1 else "and forbidden by -I"))
    prompt = None if options.prompt in (None, "-") else _argument(options.prompt, "the prompt")
    stdin = None
    if options.prompt == "-" or "-" in names or (not options.no_stdin and console.has_input()):
        stdin = files.text(console.read_input(lambda: _idle_note(prompt, console)), "standard input")
    inlined = [(name, stdin or "") if name == "-" else (name, files.read_text(name)) for name in names]
    return compose(prompt, None if "-" in names else stdin, inlined)


def _idle_note(prompt: str | None, console: Console) -> None:
    if prompt:
        console.note("eugpt: note: waiting for standard input; use -I if there is none")


def _argument(text: str, source: str) -> str:
    return files.text([os.fsencode(text) + b"\n"], source)


def instructions(value: str | None) -> str | None:
    if value is None:
        return None
    return files.read_text(value[1:]) if value.startswith("@") else _argument(value, "--instructions")
