"""The options, as tables; the catalogue says which commands have them.

Records are named tuples: every start makes them, and a frozen dataclass takes eight times as long to define."""

from eugpt_cli.settings.option import Option as Option

ERRORS = Option(
    "errors",
    ("--errors",),
    "form of the error line",
    variable="EUGPT_ERRORS",
    default="text",
    choices=("text", "json"),
    in_profile=True,
)
PROFILE = Option(
    "profile",
    ("--profile",),
    "take settings from this profile of config.toml",
    metavar="NAME",
    variable="EUGPT_PROFILE",
)
BASE_URL = Option(
    "base_url",
    ("--base-url",),
    "where the service is",
    metavar="URL",
    variable="EUGPT_BASE_URL",
    default="https://chat.eugpt.ai/v1",
    in_profile=True,
)
ROUTE = (
    BASE_URL,
    Option("api_key_file", ("--api-key-file",), "read the key from a file", metavar="PATH"),
    PROFILE,
    Option(
        "ca_file",
        ("--ca-file",),
        "trust these certificates instead of the system's",
        metavar="PATH",
        variable="EUGPT_CA_FILE",
        in_profile=True,
    ),
    Option(
        "client_cert",
        ("--client-cert",),
        "present this client certificate (PEM, with its key or --client-key)",
        metavar="PATH",
        variable="EUGPT_CLIENT_CERT",
        in_profile=True,
    ),
    Option(
        "client_key",
        ("--client-key",),
        "the key of the client certificate (PEM, without a passphrase)",
        metavar="PATH",
        variable="EUGPT_CLIENT_KEY",
        in_profile=True,
    ),
    Option(
        "connect_timeout",
        ("--connect-timeout",),
        "longest wait for a connection",
        kind="seconds",
        variable="EUGPT_CONNECT_TIMEOUT",
        default=10.0,
        in_profile=True,
    ),
    Option(
        "timeout",
        ("--timeout",),
        "longest silence of the service (stream 120, otherwise 600)",
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
        "longest time for the whole run",
        kind="seconds",
        variable="EUGPT_MAX_TIME",
        in_profile=True,
    ),
    Option(
        "retries",
        ("--retries",),
        "how often to try again",
        kind="number",
        metavar="N",
        variable="EUGPT_RETRIES",
        default=2,
        in_profile=True,
    ),
    Option("retry_unsafe", ("--retry-unsafe",), "retry also where a turn may then be stored twice", kind="flag"),
)
CONTENT = (
    Option(
        "instructions",
        ("-i", "--instructions"),
        "system prompt; @FILE reads it from a file",
        metavar="TEXT",
        in_profile=True,
    ),
    Option("conversation", ("-c", "--conversation"), "go on in this conversation", metavar="ID|NAME"),
    Option(
        "lock_wait",
        ("--lock-wait",),
        "longest wait for other runs on this machine that are using the conversation",
        kind="wait",
        metavar="SECONDS",
        variable="EUGPT_LOCK_WAIT",
        default=60.0,
        in_profile=True,
    ),
    Option(
        "project", ("-p", "--project"), "ground the answer in this project's files", metavar="UUID", in_profile=True
    ),
    Option("file", ("-f", "--file"), "inline a local text file; - is stdin", metavar="PATH", repeatable=True),
    Option("file_id", ("--file-id",), "a file already uploaded", metavar="UUID", repeatable=True),
    Option("no_stdin", ("-I", "--no-stdin"), "never read standard input", kind="flag"),
)
NOTES = (
    ERRORS,
    Option("quiet", ("-q", "--quiet"), "no notes on stderr", kind="flag"),
    Option("verbose", ("-v", "--verbose"), "tell request, response, retries and tools on stderr", kind="flag"),
)
JOURNAL = (
    Option(
        "log",
        ("--log",),
        "append a line about the run to this journal, also on failure",
        metavar="PATH",
        variable="EUGPT_LOG",
        in_profile=True,
    ),
    Option("label", ("--label",), "put this label into the journal's line", metavar="TEXT"),
)
SHARED = (
    *CONTENT,
    Option("require_input", ("--require-input",), "fail if standard input or a file is empty", kind="flag"),
    Option("output", ("-o", "--output"), "write the answer to this file, all or nothing", metavar="PATH"),
    Option(
        "meta",
        ("--meta",),
        "write the facts of the run to this file, also on failure",
        metavar="PATH",
        variable="EUGPT_META",
        in_profile=True,
    ),
    *JOURNAL,
    *SERVICE,
    *NOTES,
    Option("dry_run", ("--dry-run",), "print the request body and exit", kind="flag"),
    Option("curl", ("--curl",), "print an equivalent curl command and exit", kind="flag"),
)
CHECKS = (
    Option(
        "extract", ("--extract",), "print only the JSON value or the first fenced block", "text", "json|code[:LANG]"
    ),
    Option("schema", ("--schema",), "accept only JSON that is valid against this JSON Schema", metavar="FILE"),
    Option("check", ("--check",), "accept only what this shell command accepts as its input", metavar="COMMAND"),
    Option("again", ("--again",), "ask again after a rejected answer, at most N times", "number", "N", default=0),
)
ASK = (
    Option("json", ("--json",), "print the whole response document", kind="flag"),
    *CHECKS,
    Option("partial", ("--partial",), "print what has arrived also on failure", kind="flag"),
)
CHAT = (
    Option("each_line", ("--each-line",), "each line of standard input is a turn, in order", kind="flag"),
    Option("plain", ("--plain",), "in a session, show answers without Markdown's styles", kind="flag", in_profile=True),
    Option("no_history", ("--no-history",), "in a session, do not keep what you type", kind="flag", in_profile=True),
)
RAW_EVENTS = (
    Option("sse", ("--sse",), "pass the SSE bytes through untouched", kind="flag"),
    Option("type", ("--type",), "only events whose type matches", metavar="GLOB", repeatable=True),
    Option("trailer", ("--trailer",), "end with a line that tells the outcome", kind="flag"),
)
BATCH = (
    *CONTENT,
    Option("lines", ("--lines",), "each line is a prompt, instead of a JSON object", kind="flag"),
    Option(
        "files",
        ("--files",),
        "each FILE is an item; without FILE, read paths from standard input, one a line",
        kind="flag",
    ),
    Option(
        "jobs", ("-j", "--jobs"), "maximum concurrency, lowered while the service pushes back", kind="number", default=8
    ),
    Option("output", ("-o", "--output"), "write the rows to this file; one run at a time", metavar="PATH"),
    Option("resume", ("--resume",), "continue the output file: skip what succeeded, run the rest", kind="flag"),
    Option("ordered", ("--ordered",), "rows in the order of the input", kind="flag"),
    Option("full", ("--full",), "rows with the whole response document", kind="flag"),
    Option("prune", ("--prune",), "with --resume, drop the rows of items that are no longer in the input", kind="flag"),
    Option("max_errors", ("--max-errors",), "stop after N failed items", kind="count", metavar="N"),
    Option("max_items", ("--max-items",), "stop after N items; exit 91 if more are left", kind="count", metavar="N"),
    Option(
        "max_tokens",
        ("--max-tokens",),
        "stop when the answers have taken N tokens; exit 91 if items are left",
        kind="count",
        metavar="N",
    ),
    Option(
        "shard",
        ("--shard",),
        "only the K-th of N shares of the items, by a hash of their ids; auto asks Slurm or Kubernetes",
        metavar="K/N|auto",
    ),
    *CHECKS,
    Option("summary", ("--summary",), "write counts, tokens and times to this file, also on failure", metavar="PATH"),
    *JOURNAL,
    *SERVICE,
    *NOTES,
    Option("dry_run", ("--dry-run",), "print the request bodies and exit", kind="flag"),
    Option("curl", ("--curl",), "print equivalent curl commands and exit", kind="flag"),
)
SERVE = (
    Option(
        "port",
        ("--port",),
        "port to listen on; 0 picks a free one [default: 8399; with COMMAND 0]",
        kind="number",
        metavar="PORT",
    ),
    Option(
        "host",
        ("--host",),
        "address to listen on; any but loopback lets other machines in",
        metavar="ADDRESS",
        default="127.0.0.1",
    ),
    Option(
        "default_stream",
        ("--default-stream",),
        "the value of `stream` in a request that leaves it out",
        default="true",
        choices=("true", "false"),
    ),
    Option("key", ("--key",), "API key to accept; without it one is made up for this run", metavar="KEY"),
    Option("keys", ("--keys",), "TOML file of keys and their users (manual: KEYS FILE)", metavar="FILE"),
    Option("state", ("--state",), "keep conversations and quotas here; else they end with the server", metavar="DIR"),
    Option(
        "project",
        ("--project",),
        "a project_id and the folder of its text and Markdown files",
        metavar="UUID=DIR",
        repeatable=True,
    ),
    Option("web", ("--web",), "folder that stands for the web: DIR/HOST/PATH is https://HOST/PATH", metavar="DIR"),
    Option("file", ("--file",), "the file_id of an uploaded file, and the file", metavar="UUID=PATH", repeatable=True),
    Option("daily_tokens", ("--daily-tokens",), "tokens a user may use a day (UTC), then 429", "number", "N"),
    Option("monthly_tokens", ("--monthly-tokens",), "tokens a user may use a month (UTC), then 429", "number", "N"),
    Option(
        "scenario",
        ("--scenario",),
        "TOML file of what the next requests get (manual: SCENARIO FILES)",
        metavar="FILE",
    ),
    Option("record", ("--record",), "store the exchanges with --upstream here, the key removed", metavar="DIR"),
    Option(
        "upstream", ("--upstream",), "base URL of the service that answers, asked with EUGPT_API_KEY", metavar="URL"
    ),
    Option("replay", ("--replay",), "answer with the exchanges that --record stored here", metavar="DIR"),
    Option("verbose", ("-v", "--verbose"), "a line for each request on stderr", kind="flag"),
    ERRORS,
)
JSON = Option("json", ("--json",), "as JSON", kind="flag")
CONFIG = (
    PROFILE,
    JSON,
    Option("path", ("--path",), "print only where config.toml is looked for", kind="flag"),
    ERRORS,
)
DOCTOR = (*ROUTE, JSON, ERRORS)
EXIT_CODES = (JSON, ERRORS)

CONVERSATION = (
    BASE_URL,
    PROFILE,
    Option("json", ("--json",), "the list as a JSON array", kind="flag"),
    Option("quiet", ("-q", "--quiet"), "no notes on stderr", kind="flag"),
    ERRORS,
)
