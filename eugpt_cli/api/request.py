"""Settings and input to a frozen request: the body, and the same as a curl command. Source: API reference."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from eugpt_cli import __version__
from eugpt_cli.http.route import Route, Target

USER_AGENT = f"eugpt-cli/{__version__}"
LONGEST_WORD = 100_000  # bytes; Linux takes 128 KiB for one argument of a command
PROXY_VARIABLES = ("http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")  # that curl reads
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


def curl(request: Request, route: Route, environ: Mapping[str, str], max_time: float | None = None) -> str:
    """A command for a POSIX shell that sends the same, the same way; key and proxy stay variables."""
    body = request.body.decode()  # one line: all its line ends are escaped
    if len(request.body) <= LONGEST_WORD:
        data = f"--data-binary {shlex.quote(body)}"
    else:
        data = f"--data @- <<'EOF'\n{body}\nEOF"  # of standard input --data drops the line ends
    words = [
        "curl",
        *(["-N"] if request.stream else []),
        "-gsS",
        *_way(route, environ),
        *(["--max-time", f"{max_time:g}"] if max_time else []),
        shlex.quote(request.target.url),
        '-H "Authorization: Bearer $EUGPT_API_KEY"',
        "-H 'Content-Type: application/json'",
        f"-H 'Accept: {ACCEPT[request.stream]}'",
        data,
    ]
    return " ".join(words)


def _way(route: Route, environ: Mapping[str, str]) -> Iterator[str]:
    """The proxy by its variable, which may hold a password; curl would also take one where eugpt takes none."""
    if route.proxy:
        yield f'--proxy "${route.proxy.variable}"'
    elif any(environ.get(name) for name in PROXY_VARIABLES):
        yield "--noproxy '*'"
    paths = {"--cacert": route.trust.file}
    if route.identity:
        paths |= {"--cert": route.identity.path, "--key": route.identity.key}
    for option, path in paths.items():
        if path:
            yield f"{option} {shlex.quote(path)}"
