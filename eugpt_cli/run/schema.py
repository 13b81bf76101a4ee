"""--schema: the words for the model, and the validation of its answers by jsonschema-rs.

The library holds Python's lock, so no signal and no deadline reaches us while it works, and a schema may make it work
for ever (references that double at every step). It runs in a servant, which alone loads it, and can be ended.

A schema without $schema is one of 2020-12. Formats are checked, references to elsewhere never fetched.
"""

import json
import signal
from collections.abc import Callable, Iterable
from itertools import islice
from typing import TYPE_CHECKING, cast

from eugpt_cli.errors import ConfigError, InputError, Rejected
from eugpt_cli.run.extraction import NotJson, compact
from eugpt_cli.system import files
from eugpt_cli.system.installation import how_to_add
from eugpt_cli.system.servant import Answer, Lost, Servant
from eugpt_cli.system.streams import reason
from eugpt_cli.text.escapes import brief

if TYPE_CHECKING:
    from jsonschema_rs import ValidationError

REQUEST = "Answer with one JSON value that is valid against this JSON Schema, and nothing else:"
SECONDS = 10.0  # for one answer
MOST_REASONS = 3
COUNTED_REASONS = 100
LONGEST_VALUE = 60  # characters of a value in a reason
VALUE = "\ue000"  # stands for it in the library's messages
BACKTRACKS = 100_000  # of one pattern on one string; a pattern that needs more does not match
UNDECIDED = ("BacktrackLimitExceeded", "RegexEngineFailure")
ARTICLES = {"array": "an array", "integer": "an integer", "object": "an object", "null": "null"}


def read(path: str) -> str:
    """The schema in a file as compact JSON, one line. Raises ConfigError."""
    try:
        return compact(files.read_text(path))
    except InputError as fault:
        raise ConfigError(fault.message) from None
    except NotJson as fault:
        raise ConfigError(f"the schema {path} is not JSON: {fault}") from None


def instructions(own: str | None, schema: str) -> str:
    """The caller's own instructions, a blank line, and what the schema asks of the model."""
    asked = f"{REQUEST}\n{schema}"
    return f"{own}\n\n{asked}" if own else asked


class SchemaValidator:
    """A schema, and the servant that validates against it. `path` is its name in messages."""

    def __init__(self, path: str) -> None:
        """Raises ConfigError for a file without JSON, and where jsonschema-rs is missing; the rest is `confirm`'s."""
        from importlib.util import find_spec

        self.text = read(path)
        self._path = path
        if not find_spec("jsonschema_rs"):
            raise ConfigError("--schema needs the package jsonschema-rs", hint=how_to_add("schema"))
        try:
            self._servant = Servant(_validator(self.text), SECONDS)
        except OSError as error:
            raise ConfigError(f"no process can be started to check the schema: {reason(error)}") from None

    def confirm(self) -> None:
        """Raises ConfigError for an invalid schema."""
        if wrong := self._ask(""):
            raise ConfigError(f"{self._path} is not a valid JSON Schema: {wrong}")

    def validate(self, value: str) -> None:
        """Raises Rejected for a value (compact JSON) that is not valid; ConfigError where that cannot be found out."""
        if wrong := self._ask(value):
            raise Rejected(f"the answer is not valid: {wrong}")

    def close(self) -> None:
        self._servant.close()

    def _ask(self, value: str) -> str:
        """What is wrong with it, or, where it is empty, with the schema."""
        try:
            reasons = json.loads(self._servant.ask(value.encode()))
        except Lost as lost:
            how = f"takes more than {SECONDS:g} s" if lost.signum == signal.SIGALRM else "crashes the validator"
            what = "a value against it" if value else "it"
            raise ConfigError(f"{self._path} cannot be used: checking {what} {how}") from None
        more = f"; and {len(reasons) - MOST_REASONS} more" if len(reasons) > MOST_REASONS else ""
        return "; ".join(reasons[:MOST_REASONS]) + more


def _validator(schema: str) -> Callable[[], Answer]:
    """What makes the servant's function: it answers a value with a JSON list of reasons why it is not valid."""

    def make() -> Answer:
        try:
            from jsonschema_rs import FancyRegexOptions, validator_for

            validator = validator_for(
                json.loads(schema),
                validate_formats=True,
                offline=True,
                mask=VALUE,
                pattern_options=FancyRegexOptions(backtrack_limit=BACKTRACKS),
            )
        except BaseException as fault:  # the library's panics are no Exception
            wrong = _told([_reason(fault)])
            return lambda line: wrong
        return lambda line: _told(map(_reason, validator.iter_errors(json.loads(line)))) if line.strip() else b"[]"

    return make


def _told(reasons: Iterable[str]) -> bytes:
    return json.dumps(list(dict.fromkeys(islice(reasons, COUNTED_REASONS)))).encode()


def _reason(fault: "BaseException") -> str:
    """Where a value is not valid, as a JSON Pointer, and why."""
    if not hasattr(fault, "instance_path"):
        return brief(str(fault))
    error = _nearest(cast("ValidationError", fault))
    value = brief(json.dumps(error.instance, ensure_ascii=False, default=str), LONGEST_VALUE)
    message = error.message
    if type(error.kind).__name__ in UNDECIDED:
        message = f"{value} takes too long to match a pattern"
    elif kinds := getattr(error.kind, "types", None):
        message = f"{value} is not {' or '.join(ARTICLES.get(kind, f'a {kind}') for kind in kinds)}"
    message = message.replace(VALUE, value)
    where = "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in error.instance_path)
    return f"{where}: {message}" if where else message


def _nearest(error: "ValidationError") -> "ValidationError":
    """Finds the deepest error among alternatives that all fail; returns the error itself if none goes deeper."""
    inner = [found for branch in getattr(error.kind, "context", ()) for found in map(_nearest, branch[:1])]
    return max([error, *inner], key=lambda found: len(found.instance_path))
