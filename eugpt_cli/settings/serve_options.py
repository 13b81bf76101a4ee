"""The options of serve alone."""

from eugpt_cli.settings.option import Option
from eugpt_cli.settings.options import ERRORS

SERVE = (
    Option(
        "port",
        ("--port",),
        "listen on this port; 0 picks a free one [default: 8399, or 0 with COMMAND]",
        kind="number",
        metavar="PORT",
    ),
    Option(
        "host",
        ("--host",),
        "listen on this address; any address but loopback lets other machines connect",
        metavar="ADDRESS",
        default="127.0.0.1",
    ),
    Option(
        "default_stream",
        ("--default-stream",),
        "set `stream` for requests that leave it out",
        default="true",
        choices=("true", "false"),
    ),
    Option("key", ("--key",), "accept this API key [default: a new one for each run]", metavar="KEY"),
    Option(
        "keys",
        ("--keys",),
        "read keys and their users from this TOML file (manual: KEYS FILE)",
        metavar="FILE",
        access="read",
    ),
    Option("state", ("--state",), "store conversations and quotas in this folder [default: in memory]", metavar="DIR"),
    Option(
        "project",
        ("--project",),
        "serve the text and Markdown files of this folder as a project",
        metavar="UUID=DIR",
        repeatable=True,
    ),
    Option("web", ("--web",), "look up web pages in this folder: DIR/HOST/PATH is https://HOST/PATH", metavar="DIR"),
    Option(
        "file",
        ("--file",),
        "serve this file as an uploaded file with this id",
        metavar="UUID=PATH",
        repeatable=True,
        access="read",
    ),
    Option(
        "daily_tokens", ("--daily-tokens",), "answer 429 once a user has used N tokens in a day (UTC)", "number", "N"
    ),
    Option(
        "monthly_tokens",
        ("--monthly-tokens",),
        "answer 429 once a user has used N tokens in a month (UTC)",
        "number",
        "N",
    ),
    Option(
        "scenario",
        ("--scenario",),
        "read the responses to the next requests from this TOML file (manual: SCENARIO FILES)",
        metavar="FILE",
        access="read",
    ),
    Option(
        "record", ("--record",), "store the exchanges with --upstream in this folder, without the key", metavar="DIR"
    ),
    Option(
        "upstream", ("--upstream",), "forward requests to this base URL, with EUGPT_API_KEY as the key", metavar="URL"
    ),
    Option(
        "ca_file",
        ("--ca-file",),
        "for --upstream, trust the certificates in this PEM file instead of the system's",
        metavar="PATH",
        access="read",
    ),
    Option(
        "replay",
        ("--replay",),
        "answer from the exchanges that --record stored in this folder; with --record, forward other requests",
        metavar="DIR",
    ),
    Option(
        "journal",
        ("--journal",),
        "append a line of JSON for each request, with the source of the answer",
        metavar="FILE",
        access="write",
    ),
    Option("strict", ("--strict",), "exit with 82 if COMMAND succeeds and leaves --scenario tables unused", "flag"),
    Option(
        "cors",
        ("--cors",),
        "let pages of this origin call the server from a browser; * allows any origin",
        metavar="ORIGIN",
    ),
    Option("verbose", ("-v", "--verbose"), "log each request on stderr", kind="flag"),
    ERRORS,
)
