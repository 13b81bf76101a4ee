"""Settings and input to a frozen request: the body and its header fields. Source: API reference."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson

from eugpt_cli import __version__
from eugpt_cli.http.route import Target

USER_AGENT = f"eugpt-cli/{__version__}"
ACCEPT = {True: "text/event-stream", False: "application/json"}


class Request(NamedTuple):
    """What is sent: where, the JSON body, and whether a stream is asked for."""

    target: Target
    body: bytes
    stream: bool
    conversation_id: str | None = None

    @property
    def fields(self) -> list[tuple[str, str]]:
        """The header fields, except Authorization: the client holds the key."""
        return [
            ("Content-Type", "application/json"),
            ("Accept", ACCEPT[self.stream]),
            ("User-Agent", USER_AGENT),
        ]


def compose(prompt: str | None, stdin: str | None, files: Sequence[tuple[str, str]]) -> str:
    """Joins prompt, stdin and wrapped files, a blank line between them; "" if none of them has text."""
    if not (prompt or stdin or any(text for _, text in files)):
        return ""
    wrapped = [f'<file name="{_attribute(name)}">\n{text}\n</file>' for name, text in files]
    return "\n\n".join(part for part in (prompt, stdin, *wrapped) if part)


def _attribute(name: str) -> str:
    name = name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")  # a file's name may be any bytes
    return name.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;").replace("\n", "&#10;")


def build(
    target: Target,
    text: str | list[Any],
    *,
    stream: bool,
    instructions: str | None = None,
    conversation_id: str | None = None,
    project_id: str | None = None,
    file_ids: Sequence[str] = (),
) -> Request:
    """A request with only the fields that were set: compatible servers reject unknown ones, even null.

    `text` may be a list of input items instead, if there are no `file_ids`.
    """
    parts: list[dict[str, Any]] = [{"type": "input_text", "text": text}] if text else []
    parts += [{"type": "input_file", "file_id": file_id} for file_id in file_ids]
    optional = {"instructions": instructions, "conversation_id": conversation_id, "project_id": project_id}
    body = {
        "model": "auto",
        "input": [{"type": "message", "role": "user", "content": parts}] if file_ids else text,
        "stream": stream,
        **{name: value for name, value in optional.items() if value is not None},
    }
    return Request(target, orjson.dumps(body), stream, conversation_id)


def amended(request: Request, text: str) -> Request:
    """The same request with more at the end of its input: after a blank line, or as one more item of the user's."""
    body = orjson.loads(request.body)
    if isinstance(body["input"], str):
        body["input"] = f"{body['input']}\n\n{text}"
    else:
        body["input"].append({"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]})
    return request._replace(body=orjson.dumps(body))
