"""What ask, stream, chat and raw-events share: from their options to one delivered answer."""

from collections.abc import Callable

from eugpt_cli import files, settings
from eugpt_cli.console import Console
from eugpt_cli.errors import ConfigError, EugptError, UsageError
from eugpt_cli.output import Writer
from eugpt_cli.report import Outcome
from eugpt_cli.request import Request, build, compose, curl
from eugpt_cli.settings import Options

NO_KEY = ConfigError(
    "no API key",
    hint="export EUGPT_API_KEY=eugpt_…, or try it without an account: eugpt serve -- eugpt ask hello",
)
STREAM_SILENCE = 120.0
DOCUMENT_SILENCE = 600.0


def run(
    options: Options,
    console: Console,
    writer: Writer,
    *,
    stream: bool,
    at_end: Callable[[Outcome, EugptError | None], None] | None = None,
) -> None:
    """Reads the input, sends one request, writes the answer. Raises whatever went wrong, after `at_end`."""
    request = prepare(options, console, stream=stream)
    if options.dry_run or options.curl:
        console.out(curl(request) if options.curl else request.body.decode())
        return
    key = api_key(options, console)
    console.secret = key
    console.check_output()
    if options.verbose:
        _tell(request, console)
    from eugpt_cli.exchange import deliver
    from eugpt_cli.transport import Silence

    outcome = Outcome()
    silence = Silence(options.timeout or (STREAM_SILENCE if stream else DOCUMENT_SILENCE))
    fault: EugptError | None = None
    try:
        deliver(request, key, options.connect_timeout, silence, writer, outcome)
    except EugptError as error:
        fault = error
    if options.verbose:
        console.error(f"< HTTP {outcome.http_status or 'none'}, {outcome.events} events")
    if at_end:
        at_end(outcome, fault)
    if fault:
        raise fault


def prepare(options: Options, console: Console, *, stream: bool) -> Request:
    """The request that the options and the input make. Raises UsageError, ConfigError or InputError."""
    target = settings.target(options.base_url)
    conversation = settings.uuid(options.conversation, "--conversation") if options.conversation else None
    project = settings.uuid(options.project, "--project") if options.project else None
    file_ids = [settings.uuid(file_id, "--file-id") for file_id in options.file_id]
    text = _input(options, console)
    if not text and not file_ids:
        raise UsageError("nothing to send", hint="give a prompt, or pipe text into standard input")
    return build(
        target,
        text,
        stream=stream,
        instructions=_instructions(options.instructions),
        conversation_id=conversation,
        project_id=project,
        file_ids=file_ids,
    )


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
    import os

    return files.text([os.fsencode(text) + b"\n"], source)


def _instructions(value: str | None) -> str | None:
    if value is None:
        return None
    return files.read_text(value[1:]) if value.startswith("@") else _argument(value, "--instructions")


def api_key(options: Options, console: Console) -> str:
    """The first key found: --api-key-file, EUGPT_API_KEY, EUGPT_API_KEY_FILE, systemd's credentials."""
    environ = console.environ
    folder = environ.get("CREDENTIALS_DIRECTORY")
    if options.api_key_file:
        key = files.read_key(options.api_key_file)
    elif environ.get("EUGPT_API_KEY"):
        key = environ["EUGPT_API_KEY"]
    elif environ.get("EUGPT_API_KEY_FILE"):
        key = files.read_key(environ["EUGPT_API_KEY_FILE"])
    elif folder and files.exists(f"{folder}/eugpt_api_key"):
        key = files.read_key(f"{folder}/eugpt_api_key")
    else:
        raise NO_KEY
    if not key or any(not "!" <= character <= "~" for character in key):
        raise ConfigError("the API key is empty or holds a space, a control or a non-ASCII character")
    return key


def _tell(request: Request, console: Console) -> None:
    console.error(f"> POST {request.target.url}")
    for name, value in request.headers("eugpt_***"):
        console.error(f"> {name}: {value}")
