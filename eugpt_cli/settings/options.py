"""The options, as tables; the catalogue says which commands have them.

Records are named tuples: every start makes them, and a frozen dataclass takes eight times as long to define."""

from eugpt_cli.settings.option import Option as Option

ERRORS = Option(
    "errors",
    ("--errors",),
    "print errors as text or as one line of JSON",
    variable="EUGPT_ERRORS",
    default="text",
    choices=("text", "json"),
    in_profile=True,
)
PROFILE = Option(
    "profile",
    ("--profile",),
    "use this profile of config.toml",
    metavar="NAME",
    variable="EUGPT_PROFILE",
)
BASE_URL = Option(
    "base_url",
    ("--base-url",),
    "send requests to this URL",
    metavar="URL",
    variable="EUGPT_BASE_URL",
    default="https://chat.eugpt.ai/v1",
    in_profile=True,
)
ROUTE = (
    BASE_URL,
    Option("api_key_file", ("--api-key-file",), "read the API key from this file", metavar="PATH", access="read"),
    PROFILE,
    Option(
        "ca_file",
        ("--ca-file",),
        "trust the certificates in this PEM file instead of the system's",
        metavar="PATH",
        variable="EUGPT_CA_FILE",
        in_profile=True,
        access="read",
    ),
    Option(
        "client_cert",
        ("--client-cert",),
        "present the client certificate in this PEM file",
        metavar="PATH",
        variable="EUGPT_CLIENT_CERT",
        in_profile=True,
        access="read",
    ),
    Option(
        "client_key",
        ("--client-key",),
        "read the client certificate's key from this PEM file; it must have no passphrase",
        metavar="PATH",
        variable="EUGPT_CLIENT_KEY",
        in_profile=True,
        access="read",
    ),
    Option(
        "connect_timeout",
        ("--connect-timeout",),
        "give up connecting after this many seconds",
        kind="seconds",
        variable="EUGPT_CONNECT_TIMEOUT",
        default=10.0,
        in_profile=True,
    ),
    Option(
        "timeout",
        ("--timeout",),
        "give up after this many seconds of silence (default: 600 for ask and batch, 120 otherwise)",
        kind="seconds",
        variable="EUGPT_TIMEOUT",
        in_profile=True,
    ),
)
SERVICE = (
    *ROUTE,
    Option(
        "max_time",
        ("--max-time",),
        "give up after this many seconds in all, waiting and retries included",
        kind="seconds",
        variable="EUGPT_MAX_TIME",
        in_profile=True,
    ),
    Option(
        "retries",
        ("--retries",),
        "retry at most N times",
        kind="number",
        metavar="N",
        variable="EUGPT_RETRIES",
        default=2,
        in_profile=True,
    ),
    Option(
        "retry_unsafe", ("--retry-unsafe",), "retry even if the conversation may then contain a turn twice", kind="flag"
    ),
)
CONTENT = (
    Option(
        "instructions",
        ("-i", "--instructions"),
        "set the system prompt; @FILE reads it from a file",
        metavar="TEXT",
        in_profile=True,
        access="read",
    ),
    Option("conversation", ("-c", "--conversation"), "continue this conversation", metavar="ID|NAME"),
    Option(
        "lock_wait",
        ("--lock-wait",),
        "wait at most this many seconds for other runs in the same conversation",
        kind="wait",
        metavar="SECONDS",
        variable="EUGPT_LOCK_WAIT",
        default=60.0,
        in_profile=True,
    ),
    Option(
        "project", ("-p", "--project"), "use the files of this project for the answer", metavar="UUID", in_profile=True
    ),
    Option(
        "file",
        ("-f", "--file"),
        "add a local text file to the prompt; - is standard input",
        metavar="PATH",
        repeatable=True,
        access="read",
    ),
    Option("file_id", ("--file-id",), "add an uploaded file to the prompt", metavar="UUID", repeatable=True),
    Option("no_stdin", ("-I", "--no-stdin"), "never read standard input", kind="flag"),
)
NOTES = (
    ERRORS,
    Option("quiet", ("-q", "--quiet"), "print no notes on stderr", kind="flag"),
    Option("verbose", ("-v", "--verbose"), "log requests, responses, retries and tools on stderr", kind="flag"),
)
JOURNAL = (
    Option(
        "log",
        ("--log",),
        "append a line about the run to this journal, even on failure",
        metavar="PATH",
        variable="EUGPT_LOG",
        in_profile=True,
        access="write",
    ),
    Option("label", ("--label",), "add this label to the line of the journal", metavar="TEXT"),
)
SHARED = (
    *CONTENT,
    Option("require_input", ("--require-input",), "exit with 31 if standard input or a file is empty", kind="flag"),
    Option(
        "output",
        ("-o", "--output"),
        "write the answer to this file, once it is complete",
        metavar="PATH",
        access="write",
    ),
    Option(
        "meta",
        ("--meta",),
        "write facts about the run to this file as JSON, even on failure",
        metavar="PATH",
        variable="EUGPT_META",
        in_profile=True,
        access="write",
    ),
    *JOURNAL,
    *SERVICE,
    *NOTES,
    Option("dry_run", ("--dry-run",), "print the request body and exit", kind="flag"),
    Option("curl", ("--curl",), "print an equivalent curl command and exit", kind="flag"),
)
CHECKS = (
    Option(
        "extract",
        ("--extract",),
        "print only the JSON value of the answer (json) or its first fenced block (code)",
        "text",
        "json|code[:LANG]",
    ),
    Option(
        "schema",
        ("--schema",),
        "accept only an answer that is JSON and fits this JSON Schema",
        metavar="FILE",
        access="read",
    ),
    Option(
        "check",
        ("--check",),
        "accept the answer only if this shell command, which reads it on stdin, exits with 0",
        metavar="COMMAND",
    ),
    Option("again", ("--again",), "ask again after a rejected answer, at most N times", "number", "N", default=0),
)
ASK = (
    Option("json", ("--json",), "print the whole response as JSON", kind="flag"),
    *CHECKS,
    Option("partial", ("--partial",), "print what arrived, even if the answer is incomplete or rejected", kind="flag"),
)
CHAT = (
    Option("each_line", ("--each-line",), "send each line of standard input as a turn, in order", kind="flag"),
    Option("plain", ("--plain",), "in a session, print Markdown without styling", kind="flag", in_profile=True),
    Option("no_history", ("--no-history",), "in a session, do not store what you type", kind="flag", in_profile=True),
)
RAW_EVENTS = (
    Option("sse", ("--sse",), "print the SSE bytes unchanged", kind="flag"),
    Option("type", ("--type",), "print only events whose type matches GLOB", metavar="GLOB", repeatable=True),
    Option("trailer", ("--trailer",), "print a last line with the outcome and exit code", kind="flag"),
)
BATCH = (
    *CONTENT,
    Option("lines", ("--lines",), "read a prompt from each line instead of a JSON object", kind="flag"),
    Option(
        "files",
        ("--files",),
        "send each FILE as an item; without FILE, read the paths from standard input",
        kind="flag",
    ),
    Option("jobs", ("-j", "--jobs"), "set the maximum concurrency", kind="number", default=8),
    Option(
        "output",
        ("-o", "--output"),
        "write the rows to this file; only one run at a time can write to it",
        metavar="PATH",
        access="write",
    ),
    Option(
        "resume", ("--resume",), "skip items that have a good row in the output file, and send the rest", kind="flag"
    ),
    Option("ordered", ("--ordered",), "print rows in the order of the input", kind="flag"),
    Option("full", ("--full",), "add the whole response to each row", kind="flag"),
    Option("prune", ("--prune",), "with --resume, remove rows of items that are no longer in the input", kind="flag"),
    Option("max_errors", ("--max-errors",), "stop after N failed items", kind="count", metavar="N"),
    Option(
        "max_items", ("--max-items",), "stop after N items; exit with 91 if any are left", kind="count", metavar="N"
    ),
    Option(
        "max_tokens",
        ("--max-tokens",),
        "stop once the answers have used N tokens; exit with 91 if any items are left",
        kind="count",
        metavar="N",
    ),
    Option(
        "shard",
        ("--shard",),
        "take only the K-th of N shares of the items, by a hash of their ids; auto reads K/N from Slurm or Kubernetes",
        metavar="K/N|auto",
    ),
    *CHECKS,
    Option(
        "summary",
        ("--summary",),
        "write counts, tokens and times to this file as JSON, even on failure",
        metavar="PATH",
        access="write",
    ),
    *JOURNAL,
    *SERVICE,
    *NOTES,
    Option("dry_run", ("--dry-run",), "print the request bodies and exit", kind="flag"),
    Option("curl", ("--curl",), "print equivalent curl commands and exit", kind="flag"),
)
JSON = Option("json", ("--json",), "print JSON", kind="flag")
CONFIG = (
    PROFILE,
    JSON,
    Option("path", ("--path",), "print only the path of config.toml", kind="flag"),
    ERRORS,
)
DOCTOR = (*ROUTE, JSON, ERRORS)
EXIT_CODES = (JSON, ERRORS)

CONVERSATION = (
    BASE_URL._replace(help="use the names of the service at this URL"),
    PROFILE,
    Option("json", ("--json",), "print the list as JSON", kind="flag"),
    Option("quiet", ("-q", "--quiet"), "print no notes on stderr", kind="flag"),
    ERRORS,
)
