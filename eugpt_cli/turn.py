"""What ask, stream, chat and raw-events share: from their options to one delivered answer."""

import os
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from eugpt_cli import files, key, settings
from eugpt_cli.console import Console
from eugpt_cli.errors import EugptError, OutputError, Stopped, UsageError
from eugpt_cli.mask import Masked, Sink
from eugpt_cli.output import Write, Writer
from eugpt_cli.report import Outcome, meta
from eugpt_cli.request import Request, build, compose, curl
from eugpt_cli.retry import Patience
from eugpt_cli.settings import Options, Route
from eugpt_cli.sinks import destination, same_file
from eugpt_cli.terminal import dump, visible, visible_bytes
from eugpt_cli.watch import Verbose, Watch

if TYPE_CHECKING:
    from eugpt_cli.exchange import Way
    from eugpt_cli.transport import Client

STREAM_SILENCE = 120.0
DOCUMENT_SILENCE = 600.0

MakeWriter = Callable[[Sink], Writer]
AtEnd = Callable[[Sink, Outcome, EugptError | None], None]


def run(
    options: Options, console: Console, make_writer: MakeWriter, *, stream: bool, at_end: AtEnd | None = None
) -> None:
    """Reads the input, sends one request, writes the answer. Raises whatever went wrong, after `at_end`."""
    if options.dry_run or options.curl:
        request = prepare(options, console, stream=stream)
        console.out(curl(request) if options.curl else request.body.decode())
        return
    outcome = Outcome()
    if options.meta is None:
        _turn(options, console, make_writer, outcome, stream, at_end)
        return
    if same_file(options.meta, options.output):
        raise UsageError("--meta and --output name the same file")
    sink = destination(options.meta, console)
    try:
        _turn(options, console, make_writer, outcome, stream, at_end)
    except (EugptError, Stopped) as end:
        with suppress(OutputError, Stopped):  # one problem is told, the first
            _write_meta(sink, outcome, end, console)
        raise
    _write_meta(sink, outcome, None, console)


def shown(sink: Sink) -> Callable[[str], str] | None:
    """How text is made fit for where it goes: a terminal gets no control characters, the rest exact bytes."""
    return visible if sink.terminal else None


def raw(sink: Sink) -> Write:
    """How bytes are written there, likewise."""
    return visible_bytes(sink.write) if sink.terminal else sink.write


def _write_meta(sink: Sink, outcome: Outcome, end: EugptError | Stopped | None, console: Console) -> None:
    sink = Masked(sink, console.secret) if console.secret else sink
    try:
        sink.write(f"{dump(meta(outcome, end))}\n".encode())
        sink.commit()
    finally:
        sink.discard()


def _turn(
    options: Options,
    console: Console,
    make_writer: MakeWriter,
    outcome: Outcome,
    stream: bool,
    at_end: AtEnd | None,
) -> None:
    request = prepare(options, console, stream=stream)
    route = settings.route(request.target, options.ca_file, console.environ)
    secret = api_key(options, console)
    sink = Masked(destination(options.output, console), secret)
    try:
        fault = _deliver(options, console, request, route, secret, sink, make_writer, outcome)
        if at_end:
            at_end(sink, outcome, fault)
        if fault:
            raise fault
        sink.commit()
    finally:
        sink.discard()


def _deliver(
    options: Options,
    console: Console,
    request: Request,
    route: Route,
    secret: str,
    sink: Sink,
    make_writer: MakeWriter,
    outcome: Outcome,
) -> EugptError | None:
    from eugpt_cli.dial import Early

    early = Early(route, options.connect_timeout)  # connects while httpx is being imported
    from eugpt_cli.exchange import deliver
    from eugpt_cli.transport import Client

    def fresh() -> Writer:
        sink.restart()
        return make_writer(sink)

    try:
        with Client(route, secret, connect_timeout=options.connect_timeout, early=early) as client:
            way = make_way(options, console, client, stream=request.stream)
            stored = request.conversation_id is not None
            deliver(request, way, fresh, outcome, stored=stored, shown=lambda: sink.shown)
    except EugptError as fault:
        return fault
    return None


def make_way(options: Options, console: Console, client: "Client", *, stream: bool) -> "Way":
    """How the options want requests to be delivered."""
    from eugpt_cli.exchange import Way

    return Way(
        client,
        options.timeout or (STREAM_SILENCE if stream else DOCUMENT_SILENCE),
        Patience(options.retries, options.retry_unsafe, console.left),
        Verbose(console.error) if options.verbose else Watch(),
    )


def api_key(options: Options, console: Console) -> str:
    """The key, which the console from now on lets through nowhere. Raises ConfigError."""
    console.secret = key.find(options.api_key_file, console.environ, options.profile_values).value
    return console.secret


def prepare(options: Options, console: Console, *, stream: bool) -> Request:
    """The request that the options and the input make. Raises UsageError, ConfigError or InputError."""
    target = settings.target(options.base_url)
    given = fields(options)
    text = _input(options, console)
    if not text and not given["file_ids"]:
        raise UsageError("nothing to send", hint="give a prompt, or pipe text into standard input")
    return build(target, text, stream=stream, **given)


def fields(options: Options) -> dict[str, Any]:
    """What the options set of a request besides its text. Raises UsageError or InputError."""
    return {
        "conversation_id": settings.uuid(options.conversation, "--conversation") if options.conversation else None,
        "project_id": settings.uuid(options.project, "--project") if options.project else None,
        "file_ids": [settings.uuid(file_id, "--file-id") for file_id in options.file_id],
        "instructions": _instructions(options.instructions),
    }


def _input(options: Options, console: Console) -> str:
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


def _instructions(value: str | None) -> str | None:
    if value is None:
        return None
    return files.read_text(value[1:]) if value.startswith("@") else _argument(value, "--instructions")
