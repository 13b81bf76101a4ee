"""Turns lines and files into items, streamed: a request each, or what is wrong with it."""

import os
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import orjson

from eugpt_cli.api.request import Request, build, compose
from eugpt_cli.batch.item_names import item_members
from eugpt_cli.errors import ConfigError, EugptError, InputError, UsageError
from eugpt_cli.http.route import Target
from eugpt_cli.system import files

BOM = b"\xef\xbb\xbf"
OWN = ("instructions", "conversation_id", "project_id")


@dataclass(slots=True)
class Item:
    """One line of the input, or one file: a request, or the fault that makes it none.

    `name` stands for the item in the input, `earlier` has the turns that its rows say were posted before: both are
    filled in when it has come.
    """

    line: int
    custom_id: str | int | None
    request: Request | None
    fault: EugptError | None
    content: int  # eight bytes that stand for the line's bytes
    digest: str  # of the request, so that an edited prompt is another one
    name: int = 0
    earlier: Sequence[str] = ()

    @property
    def share(self) -> int:
        """What --shard hashes: the id, or the bytes of an item without one."""
        return self.content if self.custom_id is None else eight_bytes(str(self.custom_id).encode())

    @property
    def is_turn(self) -> bool:
        """Whether it is stored in a conversation."""
        return self.request is not None and self.request.conversation_id is not None

    @property
    def short_digest(self) -> str:
        """Eight bytes of the digest, which is as much as memory keeps of a row."""
        return self.digest[:16]


@dataclass(frozen=True)
class Defaults:
    """What the command line gives to every item: fields that an item may set otherwise, and files for its text.

    `resolve` makes an id of what an item calls its conversation, `instruct` the instructions of an item's own.
    """

    target: Target
    fields: Mapping[str, Any]
    files: Sequence[tuple[str, str]]
    resolve: Callable[[str], str]
    instruct: Callable[[str], str | None] = str

    def request(self, item: Mapping[str, Any]) -> Request:
        """Raises UsageError, InputError or ConfigError for an item that makes no request."""
        own = {name: _string(item, name) for name in OWN if item.get(name) is not None}
        if "conversation_id" in own:
            own["conversation_id"] = self.resolve(own["conversation_id"])
        instructions = {"instructions": self.instruct(own["instructions"])} if "instructions" in own else {}
        fields = {**self.fields, **own, **instructions}
        return build(self.target, self._input(item.get("input")), stream=False, **fields)

    def _input(self, given: Any) -> Any:
        if isinstance(given, list) and given:
            if self.files or self.fields.get("file_ids"):
                raise UsageError("--file and --file-id need an input that is a text, not a list")
            return given
        if not isinstance(given, str) or not given:
            raise UsageError("nothing to send: input must be a text or a list of items, and must not be empty")
        if "\0" in given:
            raise InputError("the input contains a NUL")
        return compose(given, None, self.files) if self.files else given


def _string(item: Mapping[str, Any], name: str) -> str:
    if not isinstance(item[name], str):
        raise UsageError(f"{name} is not a string")
    return str(item[name])


def from_json(lines: Iterable[bytes], defaults: Defaults) -> Iterator[Item]:
    """An item for each line of NDJSON; blank lines are none."""
    for number, raw in _numbered(lines):
        custom_id = request = fault = None
        try:
            fields = _object(raw)
            custom_id = _id(fields.get("custom_id"))
            request = defaults.request(item_members(fields))
        except (UsageError, InputError, ConfigError) as error:
            fault = _at(error, number)
        yield _item(number, custom_id, request, fault, raw)


def from_lines(lines: Iterable[bytes], defaults: Defaults) -> Iterator[Item]:
    """An item for each line, which is the prompt; blank lines are none."""
    for number, raw in _numbered(lines):
        request = fault = None
        try:
            request = defaults.request({"input": _text(raw)})
        except (UsageError, InputError) as error:
            fault = _at(error, number)
        yield _item(number, None, request, fault, raw)


def from_files(
    lines: Iterable[bytes], defaults: Defaults, written: Callable[[], Mapping[Hashable, str]]
) -> Iterator[Item]:
    """An item for each file that a line names; its path is its id.

    `written` returns the names of the files that the run itself writes, by their identities: they are no items. It is
    called once the run has made them.
    """
    outputs = written()
    for number, raw in _numbered(lines):
        request = fault = None
        path = os.fsdecode(raw)
        try:
            if output := outputs.get(files.identity(path)):
                raise UsageError(f"{path} and {output} are the same file")
            request = defaults.request({"input": files.read_text(path)})
        except (UsageError, InputError) as error:
            fault = error
        yield _item(number, raw.decode("utf-8", "backslashreplace"), request, fault, raw)


def _item(
    number: int, custom_id: str | int | None, request: Request | None, fault: EugptError | None, raw: bytes
) -> Item:
    digest = blake2b(request.body if request else raw, digest_size=12).hexdigest()
    return Item(number, custom_id, request, fault, eight_bytes(raw), digest)


def eight_bytes(data: bytes) -> int:
    """Eight bytes that stand for others."""
    return int.from_bytes(blake2b(data, digest_size=8).digest())


def _numbered(lines: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    for number, raw in enumerate(lines, 1):
        if number == 1:
            raw = raw.removeprefix(BOM)
        if raw and not raw.isspace():
            yield number, raw


def _object(raw: bytes) -> Mapping[str, Any]:
    try:
        fields = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        _text(raw)
        raise InputError(f"not JSON: {error.msg}") from None
    if not isinstance(fields, dict):
        raise UsageError("not a JSON object")
    return fields


def _text(raw: bytes) -> str:
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise InputError(f"not UTF-8 at byte {error.start}") from None
    nul = raw.find(b"\0")
    if nul >= 0:
        raise InputError(f"a NUL at byte {nul}")
    return text


def _id(value: Any) -> str | int | None:
    if value is None or (isinstance(value, str | int) and not isinstance(value, bool)):
        return value
    raise UsageError("custom_id is neither a string nor an integer")


def _at(error: UsageError | InputError | ConfigError, number: int) -> EugptError:
    return type(error)(f"line {number}: {error.message}")
