"""What each command finds in its options, by name and type. Generated: python -m eugpt_cli.reference."""

from eugpt_cli.settings.resolving import Options


class JournalOptions(Options):
    log: str | None
    label: str | None


class NotesOptions(Options):
    errors: str
    quiet: bool
    verbose: bool


class ChecksOptions(Options):
    extract: str | None
    schema: str | None
    check: str | None
    again: int


class ContentOptions(Options):
    instructions: str | None
    conversation: str | None
    lock_wait: float
    project: str | None
    file: list[str]
    file_id: list[str]
    no_stdin: bool


class RouteOptions(Options):
    base_url: str
    api_key_file: str | None
    profile: str | None
    ca_file: str | None
    client_cert: str | None
    client_key: str | None
    connect_timeout: float
    timeout: float | None


class ServiceOptions(RouteOptions):
    max_time: float | None
    retries: int
    retry_unsafe: bool


class SharedOptions(JournalOptions, NotesOptions, ContentOptions, ServiceOptions):
    require_input: bool
    output: str | None
    meta: str | None
    dry_run: bool
    curl: bool


class AskOptions(ChecksOptions, SharedOptions):
    prompt: str | None
    json: bool
    partial: bool


class StreamOptions(SharedOptions):
    prompt: str | None


class ChatOptions(SharedOptions):
    prompt: str | None
    each_line: bool
    plain: bool
    no_history: bool


class RawEventsOptions(SharedOptions):
    prompt: str | None
    sse: bool
    type: list[str]
    trailer: bool


class BatchOptions(JournalOptions, NotesOptions, ChecksOptions, ContentOptions, ServiceOptions):
    paths: list[str]
    lines: bool
    files: bool
    jobs: int
    output: str | None
    resume: bool
    ordered: bool
    full: bool
    prune: bool
    max_errors: int | None
    max_items: int | None
    max_tokens: int | None
    shard: str | None
    summary: str | None
    dry_run: bool
    curl: bool


class ConversationOptions(Options):
    action: str | None
    words: list[str]
    base_url: str
    profile: str | None
    json: bool
    quiet: bool
    errors: str


class ServeOptions(Options):
    command: list[str]
    port: int | None
    host: str
    default_stream: str
    key: str | None
    keys: str | None
    state: str | None
    project: list[str]
    web: str | None
    file: list[str]
    daily_tokens: int | None
    monthly_tokens: int | None
    scenario: str | None
    record: str | None
    upstream: str | None
    ca_file: str | None
    replay: str | None
    journal: str | None
    strict: bool
    cors: str | None
    verbose: bool
    errors: str


class ConfigOptions(Options):
    profile: str | None
    json: bool
    path: bool
    errors: str


class DoctorOptions(RouteOptions):
    json: bool
    errors: str


class ExitCodesOptions(Options):
    code: str | None
    json: bool
    errors: str


class ManOptions(Options):
    errors: str


class HelpOptions(Options):
    topic: str | None
    errors: str
