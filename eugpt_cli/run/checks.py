"""The caller's own conditions on an answer: --extract, --schema and --check, in this order.

One object: the text of an answer goes in, and the text to print comes out, or Rejected does.
"""

import signal
from collections.abc import Mapping
from typing import TYPE_CHECKING

from eugpt_cli.api.request import Request, amended
from eugpt_cli.errors import ConfigError, Rejected, UsageError
from eugpt_cli.output.writers import encode
from eugpt_cli.run import extraction
from eugpt_cli.settings.records import ChecksOptions
from eugpt_cli.system import subprocesses
from eugpt_cli.system.console import Console
from eugpt_cli.system.streams import reason
from eugpt_cli.text.escapes import one_line
from eugpt_cli.text.redaction import redact_answer

if TYPE_CHECKING:
    from eugpt_cli.run.schema import SchemaValidator

NOT_RUN = {126: "cannot be executed", 127: "was not found"}  # POSIX, Shell Command Language 2.8.2
SIGNALLED = 128  # and the number of the signal: how a shell reports the end of its own child
LONGEST_ID = 100_000  # bytes; Linux takes 128 KiB for one variable of the environment
CUSTOM_ID = "EUGPT_CUSTOM_ID"
REJECTION = """<rejected_answer>
{answer}
</rejected_answer>

<reason>
{reason}
</reason>

This answer to what is asked above was rejected for this reason. Answer again, so that it is accepted."""


class Checks:
    """The checks that the options ask for; `is_json`: the printed text is one JSON value."""

    def __init__(self, options: ChecksOptions, console: Console, *, verbose: bool) -> None:
        """Raises UsageError, and ConfigError for a schema that cannot be read; the rest of it is `confirm`'s."""
        if options.schema and options.extract not in (None, extraction.JSON_KIND):
            raise UsageError("--schema implies --extract json: leave out the other --extract")
        self._extract = extraction.extractor(options.extract or (extraction.JSON_KIND if options.schema else None))
        self._command = options.check
        self._console = console
        self._verbose = verbose
        self._schema: SchemaValidator | None = None
        self.again = options.again
        self.is_json = options.schema is not None or options.extract == extraction.JSON_KIND
        if options.schema:
            from eugpt_cli.run import schema

            self._schema = schema.SchemaValidator(options.schema)

    def instructions(self, own: str | None) -> str | None:
        """What is sent as instructions: the caller's own, and what --schema adds to them."""
        if self._schema:
            from eugpt_cli.run.schema import instructions

            return instructions(own, self._schema.text)
        return own

    def confirm(self) -> None:
        """Starts compiling the schema while the input is read. Raises ConfigError for an invalid one."""
        if self._schema:
            self._schema.confirm()

    def accept(self, answer: str, custom_id: str | int | None = None) -> str:
        """Returns the text to print, without the final newline. Raises Rejected, or ConfigError for a broken check."""
        text = encode(redact_answer(answer, self._console.secret)).decode()
        if self._extract:
            text = self._extract(text)
        if self._schema:
            self._schema.validate(text)
        if self._command is not None:
            self._run(self._command, ended(text), custom_id)
        return text

    @staticmethod
    def asked_again(request: Request, answer: str, fault: Rejected) -> Request:
        """The request once more, and after its input the answer that was rejected, and why."""
        return amended(request, REJECTION.format(answer=encode(answer).decode(), reason=fault.message))

    def tell_again(self, fault: Rejected, item: str = "") -> None:
        """Says with -v why an answer is asked for once more."""
        if self._verbose:
            self._console.error(f"* {item}{fault.exit.label}: {fault.message}; asking again")

    def _run(self, command: str, text: str, custom_id: str | int | None) -> None:
        environ = subprocesses.without_key(self._console.environ, self._console.secret)
        try:
            status, said = subprocesses.check(command, _with_id(environ, custom_id), text.encode())
        except OSError as error:
            raise ConfigError(f"the command of --check cannot be run: {reason(error)}") from None
        lines = [one_line(line) for line in said.decode("utf-8", "replace").splitlines() if line.strip()]
        if self._verbose:
            for line in lines:
                self._console.error(f"* check: {line}")
        if fault := _fault_of(status, lines[-1] if lines else ""):
            raise fault


def ended(text: str) -> str:
    """The text with the newline that a file ends with."""
    return text if text.endswith("\n") else f"{text}\n"


def checks_of(options: ChecksOptions, console: Console, *, verbose: bool, stored: bool) -> Checks | None:
    """None where the options ask for none. Raises UsageError, and ConfigError for a schema that cannot be read.

    `stored`: the turn goes into a conversation.
    """
    if options.extract is None and options.schema is None and options.check is None:
        if options.again:
            raise UsageError(
                "--again asks again after a failed check", hint="add --schema FILE, --extract json or --check COMMAND"
            )
        return None
    if options.again and stored:
        raise UsageError(
            "--again and --conversation cannot be used together, because the service stores rejected answers, too"
        )
    return Checks(options, console, verbose=verbose)


def _with_id(environ: Mapping[str, str], custom_id: str | int | None) -> dict[str, str]:
    """The environment with the item's id, unless no variable can hold it (NUL)."""
    variables = {name: value for name, value in environ.items() if name != CUSTOM_ID}
    value = "" if custom_id is None else encode(str(custom_id)).decode()
    return {**variables, CUSTOM_ID: value} if value and "\0" not in value and len(value) <= LONGEST_ID else variables


def _fault_of(status: int, said: str) -> Rejected | ConfigError | None:
    """What the end of a check means, with the last line that it said."""
    more = f": {said}" if said else ""
    if status == 0:
        return None
    if status in NOT_RUN:
        return ConfigError(f"the command of --check {NOT_RUN[status]}{more}")
    if name := _signal(status):
        return ConfigError(f"{name} killed the command of --check{more}")
    return Rejected(f"the check failed with {status}{more}")


def _signal(status: int) -> str | None:
    try:
        return signal.Signals(-status if status < 0 else status - SIGNALLED).name
    except ValueError:
        return None
