"""Recorded exchanges: one JSON file each, without the key; `--replay` serves them again for the same request."""

import base64
import hashlib
import itertools
import json
import os
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from eugpt_cli.local.models import ApiError
from eugpt_cli.local.server_config import ServeError, reason

KEPT_HEADERS = ("content-type", "retry-after", "x-request-id", "cache-control")


@dataclass(frozen=True)
class RecordedExchange:
    """A request body and what it got: status, headers, the body in pieces as they came, whether it was whole."""

    request: str
    status: int
    headers: dict[str, str]
    pieces: list[bytes]
    whole: bool = True

    @classmethod
    def load(cls, file: Path) -> Self:
        """Reads a recording; raises ServeError."""
        try:
            value = json.loads(file.read_text("utf-8"))
            response = value["response"]
            pieces = [_bytes(piece) for piece in response["pieces"]]
            headers = {str(name): str(text) for name, text in response["headers"].items()}
            return cls(value["request"]["body"], int(response["status"]), headers, pieces, bool(response["whole"]))
        except OSError as error:
            raise ServeError(f"cannot read the recording {file}: {reason(error)}") from None
        except (ValueError, KeyError, TypeError, AttributeError):
            raise ServeError(f"{file} is not a recording", "make one with --record DIR --upstream URL") from None

    def save(self, folder: Path, number: int, secrets: Sequence[str]) -> Path:
        """Writes the recording into the folder, atomically and readable by its owner only, every secret masked."""
        joined = _blotted(b"".join(self.pieces), secrets)
        ends = list(itertools.accumulate(map(len, self.pieces), initial=0))
        pieces = [joined[start:end] for start, end in itertools.pairwise(ends)]
        value = {
            "request": {"method": "POST", "path": "/v1/responses", "body": _text(self.request, secrets)},
            "response": {
                "status": self.status,
                "headers": {name: _text(text, secrets) for name, text in self.headers.items()},
                "pieces": [_jsonable(piece) for piece in pieces],
                "whole": self.whole,
            },
        }
        return _written(folder, f"{number:06}-{fingerprint(self.request)[:8]}.json", json.dumps(value, indent=1))


class RecordingShelf:
    """The recordings of a folder by request; the same request gets them in turn, and the last one for good."""

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise ServeError(f"no such folder: {folder}")
        self._left: dict[str, list[RecordedExchange]] = defaultdict(list)
        for file in sorted(folder.glob("*.json")):
            exchange = RecordedExchange.load(file)
            self._left[fingerprint(exchange.request)].append(exchange)
        if not self._left:
            raise ServeError(f"{folder} holds no recordings", "make some with --record DIR --upstream URL")

    def next(self, body: str) -> RecordedExchange:
        """The recorded answer to a body; raises the 404 ApiError if that was never asked."""
        known = self._left.get(fingerprint(body))
        if not known:
            raise ApiError(404, "not_found_error", "recording_not_found", "No recording for this request")
        return known.pop(0) if len(known) > 1 else known[0]


def fingerprint(body: str) -> str:
    """A hash of the request that does not depend on the order or spacing of its JSON."""
    try:
        canonical = json.dumps(json.loads(body), sort_keys=True)
    except (ValueError, RecursionError):
        canonical = body
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()


def next_number(folder: Path) -> int:
    """The number after the highest recording in the folder."""
    return (
        max(
            (
                int(file.name.partition("-")[0])
                for file in folder.glob("[0-9]*-*.json")
                if file.name.partition("-")[0].isdigit()
            ),
            default=0,
        )
        + 1
    )


def _blotted(data: bytes, secrets: Sequence[str]) -> bytes:
    """Secrets become asterisks of the same length, so that the pieces keep their borders."""
    for secret in secrets:
        data = data.replace(secret.encode(), b"*" * len(secret.encode()))
    return data


def _text(text: str, secrets: Sequence[str]) -> str:
    return _blotted(text.encode("utf-8", "surrogatepass"), secrets).decode("utf-8", "surrogatepass")


def _jsonable(piece: bytes) -> dict[str, str]:
    try:
        return {"text": piece.decode()}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(piece).decode()}


def _bytes(piece: Mapping[str, Any]) -> bytes:
    return base64.b64decode(piece["base64"]) if "base64" in piece else str(piece["text"]).encode()


def _written(folder: Path, name: str, text: str) -> Path:
    descriptor, temporary = tempfile.mkstemp(dir=folder, prefix=".recording-")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(temporary, folder / name)
    return folder / name
