"""One table of options and variables, and the frozen result of resolving them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from eugpt_cli.errors import ConfigError, UsageError

DEFAULT_BASE_URL = "https://chat.eugpt.ai/v1"
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)


@dataclass(frozen=True)
class Option:
    """One option of one or more commands: `kind` is text, flag, seconds, number, or one of the `choices`."""

    name: str
    flags: tuple[str, ...]
    help: str
    kind: str = "text"
    metavar: str | None = None
    many: bool = False
    variable: str | None = None
    default: Any = None
    choices: tuple[str, ...] = ()


ERRORS = Option(
    "errors",
    ("--errors",),
    "form of the error line",
    variable="EUGPT_ERRORS",
    default="text",
    choices=("text", "json"),
)
SHARED = (
    Option("instructions", ("-i", "--instructions"), "system prompt; @FILE reads it from a file", metavar="TEXT"),
    Option("conversation", ("-c", "--conversation"), "go on in this conversation", metavar="ID"),
    Option("project", ("-p", "--project"), "ground the answer in this project's files", metavar="UUID"),
    Option("file", ("-f", "--file"), "inline a local text file; - is stdin", metavar="PATH", many=True),
    Option("file_id", ("--file-id",), "a file already uploaded", metavar="UUID", many=True),
    Option("no_stdin", ("-I", "--no-stdin"), "never read standard input", kind="flag"),
    Option("timeout", ("--timeout",), "longest silence of the server", kind="seconds", variable="EUGPT_TIMEOUT"),
    Option(
        "connect_timeout",
        ("--connect-timeout",),
        "longest wait for a connection",
        kind="seconds",
        variable="EUGPT_CONNECT_TIMEOUT",
        default=10.0,
    ),
    Option("max_time", ("--max-time",), "longest time for the whole run", kind="seconds", variable="EUGPT_MAX_TIME"),
    Option("base_url", ("--base-url",), "where the service is", metavar="URL", variable="EUGPT_BASE_URL"),
    Option("api_key_file", ("--api-key-file",), "read the key from a file", metavar="PATH"),
    ERRORS,
    Option("quiet", ("-q", "--quiet"), "no notes on stderr", kind="flag"),
    Option("verbose", ("-v", "--verbose"), "tell the request and the response on stderr", kind="flag"),
    Option("dry_run", ("--dry-run",), "print the request body and exit", kind="flag"),
    Option("curl", ("--curl",), "print an equivalent curl command and exit", kind="flag"),
)
ASK = (Option("json", ("--json",), "print the whole response document", kind="flag"),)
RAW_EVENTS = (
    Option("sse", ("--sse",), "pass the SSE bytes through untouched", kind="flag"),
    Option("type", ("--type",), "only events whose type matches", metavar="GLOB", many=True),
    Option("trailer", ("--trailer",), "end with a line that tells the outcome", kind="flag"),
)
SERVE = (
    Option("port", ("--port",), "the port to listen on; 0 picks one (8399; with a command a free one)", kind="number"),
    Option("host", ("--host",), "the address to listen on", metavar="ADDRESS", default="127.0.0.1"),
    Option(
        "default_stream",
        ("--default-stream",),
        "what a request gets that does not say stream",
        default="true",
        choices=("true", "false"),
    ),
    Option("key", ("--key",), "the API key to accept", metavar="KEY"),
    Option("keys", ("--keys",), "a TOML file of users and their keys", metavar="FILE"),
    Option("state", ("--state",), "keep conversations in this folder", metavar="DIR"),
    Option("project", ("--project",), "a project and the folder of its files", metavar="UUID=DIR", many=True),
    Option("web", ("--web",), "the folder that web_search and web_fetch look into", metavar="DIR"),
    Option("file", ("--file",), "an uploaded file", metavar="UUID=PATH", many=True),
    Option("daily_tokens", ("--daily-tokens",), "tokens a user may use a day", kind="number"),
    Option("monthly_tokens", ("--monthly-tokens",), "tokens a user may use a month", kind="number"),
    Option("scenario", ("--scenario",), "a TOML file that scripts what the next requests get", metavar="FILE"),
    Option("record", ("--record",), "store real exchanges here, without the key", metavar="DIR"),
    Option("upstream", ("--upstream",), "the service to record", metavar="URL"),
    Option("replay", ("--replay",), "serve the exchanges stored here", metavar="DIR"),
    Option("verbose", ("-v", "--verbose"), "a line for each request on stderr", kind="flag"),
    ERRORS,
)


def resolve(options: tuple[Option, ...], flags: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    """Flag, then variable, then default. Raises UsageError or ConfigError for a value that does not fit."""
    return {option.name: _value(option, flags.get(option.name), environ) for option in options}


def _value(option: Option, given: Any, environ: Mapping[str, str]) -> Any:
    if given is not None and given is not False and given != []:  # 0 is a value
        return _checked(option, given, UsageError, option.flags[-1])
    text = environ.get(option.variable) if option.variable else None
    if text:
        return _checked(option, text, ConfigError, str(option.variable))
    return option.default if option.default is not None else given


def _checked(option: Option, value: Any, error: type[UsageError | ConfigError], source: str) -> Any:
    if option.kind == "seconds":
        try:
            seconds = float(value)
        except ValueError:
            seconds = 0.0
        if not 0 < seconds <= 1e9:
            raise error(f"{source} wants a number of seconds above 0, not {value!r}")
        return seconds
    if option.choices and value not in option.choices:
        raise error(f"{source} is {' or '.join(option.choices)}, not {value!r}")
    return value


@dataclass(frozen=True)
class Target:
    """Where requests go: scheme, host, port, and the path of the endpoint."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        standard = {"https": 443, "http": 80}[self.scheme]
        return f"{self.scheme}://{host}{'' if self.port == standard else f':{self.port}'}{self.path}"


def target(base: str | None) -> Target:
    """A base URL to the endpoint. Raises ConfigError for one that would expose the key or cannot be used."""
    base = base or DEFAULT_BASE_URL
    if any(ord(c) <= 32 or ord(c) >= 127 for c in base):
        raise ConfigError("the base URL holds a space, a control character or a non-ASCII character")
    try:
        parts = urlsplit(base)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ConfigError("the base URL cannot be read", hint="it looks like https://chat.eugpt.ai/v1") from None
    if parts.username is not None or parts.password is not None:
        raise ConfigError("the base URL holds credentials", hint="put the key into EUGPT_API_KEY")
    if parts.scheme not in ("http", "https") or not host or parts.query or parts.fragment:
        raise ConfigError(
            f"the base URL {base} cannot be used", hint="it looks like https://chat.eugpt.ai/v1, with its scheme"
        )
    if parts.scheme == "http" and not is_loopback(host):
        raise ConfigError(f"the key is not sent over plain http to {host}", hint="use https")
    path = parts.path.rstrip("/") or "/v1"
    return Target(parts.scheme, host, port or (443 if parts.scheme == "https" else 80), f"{path}/responses")


def is_loopback(host: str) -> bool:
    return host in ("localhost", "::1") or re.fullmatch(r"127(\.\d{1,3}){3}", host) is not None


def uuid(value: str, flag: str) -> str:
    if not UUID.fullmatch(value):
        raise UsageError(f"{flag} wants a UUID, not {value!r}")
    return value
