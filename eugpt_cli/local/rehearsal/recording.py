"""Recorded exchanges, one JSON file each, without the key; a shelf of them finds the one for a request."""

import base64
import hashlib
import itertools
import json
import os
import tempfile
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from eugpt_cli.local.models import ApiError
from eugpt_cli.local.rehearsal.answer_forms import in_form, is_stream
from eugpt_cli.local.rehearsal.key_mask import KeyMask
from eugpt_cli.local.rehearsal.likeness import Likeness, nearest, said_in
from eugpt_cli.local.send import Reply
from eugpt_cli.local.server_config import ServeError, reason

KEPT_HEADERS = ("content-type", "retry-after", "x-request-id", "cache-control")


@dataclass(frozen=True)
class RecordedExchange:
    """A request body and its response: status, headers, the body in pieces as received, and whether it was whole."""

    request: str
    status: int
    headers: dict[str, str]
    pieces: list[bytes]
    whole: bool = True
    name: str = ""

    @classmethod
    def load(cls, file: Path) -> Self:
        """Reads a recording; raises ServeError."""
        try:
            value = json.loads(file.read_text("utf-8"))
            response = value["response"]
            pieces = [_bytes(piece) for piece in response["pieces"]]
            headers = {str(name): str(text) for name, text in response["headers"].items()}
            request, status, whole = value["request"]["body"], int(response["status"]), bool(response["whole"])
            return cls(request, status, headers, pieces, whole, file.name)
        except OSError as error:
            raise ServeError(f"cannot read the recording {file}: {reason(error)}") from None
        except (ValueError, KeyError, TypeError, AttributeError):
            raise ServeError(f"{file} is not a recording", "create one with --record DIR --upstream URL") from None

    def reply(self, stream: bool) -> Reply:
        """The answer as events if `stream`, otherwise as a document."""
        reply = Reply(self.status, self.headers, self.pieces, self.whole)
        return in_form(reply, b"".join(self.pieces), stream)

    def save(self, folder: Path, number: int, secrets: Sequence[KeyMask]) -> Path:
        """Writes the recording into the folder, atomically and readable by its owner only, every secret masked.

        A mask is as long as what it covers, so that the pieces keep their borders.
        """
        joined = _masked(b"".join(self.pieces), secrets)
        ends = list(itertools.accumulate(map(len, self.pieces), initial=0))
        pieces = [joined[start:end] for start, end in itertools.pairwise(ends)]
        value = {
            "request": {"method": "POST", "path": "/v1/responses", "body": _masked_text(self.request, secrets)},
            "response": {
                "status": self.status,
                "headers": {name: _masked_text(text, secrets) for name, text in self.headers.items()},
                "pieces": [_jsonable(piece) for piece in pieces],
                "whole": self.whole,
            },
        }
        return _written(folder, f"{number:06}-{fingerprint(self.request)[:8]}.json", json.dumps(value, indent=1))


class RecordingShelf:
    """Recordings by request; equal requests get them in turn, and then always the last one.

    A request matches by its JSON without `stream`; recordings of the form asked for come before the other form.
    """

    def __init__(self, folders: Sequence[Path], may_be_empty: bool) -> None:
        self._by_request: dict[str, list[RecordedExchange]] = defaultdict(list)
        self._misses: Counter[str] = Counter()
        if not folders[0].is_dir() and not may_be_empty:
            raise ServeError(f"no such folder: {folders[0]}")
        for file in [file for folder in folders for file in sorted(folder.glob("*.json"))]:
            self.add(RecordedExchange.load(file))
        if not self._by_request and not may_be_empty:
            raise ServeError(f"{folders[0]} contains no recordings", "create some with --record DIR --upstream URL")

    def add(self, exchange: RecordedExchange) -> None:
        """Adds an exchange."""
        self._by_request[fingerprint(exchange.request)].append(exchange)

    def find(self, body: str, stream: bool) -> RecordedExchange | None:
        """The recording for a body, in the form asked for if there is one."""
        known = self._by_request.get(fingerprint(body), [])
        of_form = [exchange for exchange in known if is_stream(exchange.headers) == stream] or known
        if len(of_form) > 1:
            known.remove(of_form[0])
        return of_form[0] if of_form else None

    def missed(self, body: str) -> ApiError:
        """The 404 for a request without a recording, which names the nearest one; remembers the request."""
        told = _miss(body, self._nearest(body))
        self._misses[told] += 1
        return ApiError(404, "not_found_error", "recording_not_found", f"No recording for this request: {told}")

    def misses(self) -> list[str]:
        """A line for each request that had no recording."""
        return [told if count == 1 else f"{told} ({count} times)" for told, count in self._misses.items()]

    def _nearest(self, body: str) -> Likeness | None:
        known = [(exchange.name, exchange.request) for group in self._by_request.values() for exchange in group]
        return nearest(body, known)


def _miss(body: str, near: Likeness | None) -> str:
    asked = json.dumps(said_in(body)[:60], ensure_ascii=False)
    if near is None:
        return asked
    return f"{asked}; the nearest is {near.name}, which differs in {', '.join(near.differs) or 'its form'}"


def fingerprint(body: str) -> str:
    """A hash of the request that does not depend on `stream`, nor on the order or spacing of its JSON."""
    try:
        value = json.loads(body)
        if isinstance(value, dict):
            value.pop("stream", None)
        canonical = json.dumps(value, sort_keys=True)
    except (ValueError, RecursionError):
        canonical = body
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()


def next_number(folder: Path) -> int:
    """The number after the highest recording in the folder."""
    numbers = [file.name.partition("-")[0] for file in folder.glob("[0-9]*-*.json")]
    return max((int(number) for number in numbers if number.isdigit()), default=0) + 1


def _masked(data: bytes, secrets: Sequence[KeyMask]) -> bytes:
    for secret in secrets:
        data = secret.applied(data)
    return data


def _masked_text(text: str, secrets: Sequence[KeyMask]) -> str:
    for secret in secrets:
        text = secret.text(text)
    return text


def _jsonable(piece: bytes) -> dict[str, str]:
    try:
        return {"text": piece.decode()}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(piece).decode()}


def _bytes(piece: Mapping[str, Any]) -> bytes:
    return base64.b64decode(piece["base64"]) if "base64" in piece else str(piece["text"]).encode()


def _written(folder: Path, name: str, text: str) -> Path:
    descriptor, temporary = tempfile.mkstemp(dir=folder, prefix=".recording-")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(temporary, folder / name)
    except OSError:
        os.unlink(temporary)
        raise
    return folder / name
