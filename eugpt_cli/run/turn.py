"""What ask, stream, chat and raw-events share: from their options to one delivered answer."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from eugpt_cli.api.observer import Observer
from eugpt_cli.api.outcome import Outcome
from eugpt_cli.api.request import Request
from eugpt_cli.api.retry import RetryPolicy
from eugpt_cli.api.writer import Writer
from eugpt_cli.conversation.names import Conversations
from eugpt_cli.conversation.thread import Thread
from eugpt_cli.errors import EugptError
from eugpt_cli.http.route import route_to, target_of
from eugpt_cli.output.destinations import destination
from eugpt_cli.output.writers import TextWriter, Write, encode
from eugpt_cli.run.prompt import Draft, TurnOptions, prepare
from eugpt_cli.run.reporting import RunReport, reported
from eugpt_cli.settings import key
from eugpt_cli.settings.records import AskOptions, BatchOptions
from eugpt_cli.system.console import Console
from eugpt_cli.system.locks import Wait
from eugpt_cli.text.escapes import escaped, one_line, visible, visible_bytes
from eugpt_cli.text.redaction import RedactingSink, Sink

if TYPE_CHECKING:
    from eugpt_cli.api.exchange import DeliveryPolicy
    from eugpt_cli.http.client import Client
    from eugpt_cli.run.checks import Checks

STREAM_SILENCE = 120.0
DOCUMENT_SILENCE = 600.0

MakeWriter = Callable[[Sink], Writer]
AtEnd = Callable[[Sink, Outcome, EugptError | None], None]


def run(
    options: TurnOptions,
    console: Console,
    make_writer: MakeWriter,
    *,
    stream: bool,
    starts: bool = False,
    at_end: AtEnd | None = None,
    make_checks: Callable[[], "Checks | None"] = lambda: None,
    partial: bool = False,
) -> None:
    """Reads the input, sends one request, writes the answer. Raises whatever went wrong, after `at_end`.

    `starts`: a new name begins a conversation. `partial`: what is not complete, or is rejected by the checks, is
    written all the same.
    """
    if options.dry_run or options.curl:
        checks = make_checks()
        thread = open_thread(options, console, starts=starts)
        draft = prepare(options, console, stream=stream, checks=checks)
        if checks:
            checks.confirm()
        show(draft(conversation_id=thread.id), options, console)
        return
    with reported(options, console) as report:
        outcome = report.outcome
        try:
            checks = make_checks()
            thread = open_thread(options, console, starts=starts)
            note_new_name(thread, options, console)
            draft = prepare(options, console, stream=stream, checks=checks)
            line = TurnSender(options, console, thread)
            if checks:
                checks.confirm()
        except EugptError as fault:
            if at_end:
                with opened(options.output, console, console.secret or "", report) as sink:
                    at_end(sink, outcome, fault)
                    raise
            raise
        with line, opened(options.output, console, line.secret, report) as sink:
            try:
                _deliver(line, draft, sink, make_writer, outcome, checks, partial)
            except EugptError as fault:
                if at_end:
                    at_end(sink, outcome, fault)
                raise
            if at_end:
                at_end(sink, outcome, None)
        thread.check_named()


def checks_for(options: AskOptions | BatchOptions, console: Console) -> "Checks | None":
    """What the options ask of an answer. Raises UsageError for what does not go together, ConfigError for a schema."""
    if not (options.extract or options.schema or options.check or options.again):
        return None
    from eugpt_cli.run.checks import checks_of

    return checks_of(options, console, verbose=options.verbose, stored=options.conversation is not None)


def _deliver(
    line: "TurnSender",
    draft: Draft,
    sink: Sink,
    make_writer: MakeWriter,
    outcome: Outcome,
    checks: "Checks | None",
    partial: bool,
) -> None:
    if checks is None:
        line.deliver(draft, sink, make_writer, outcome)
        return
    from eugpt_cli.run.checked_turn import CheckedTurn

    make_fit = escaping_for(sink) or str

    def put(text: str) -> None:
        sink.write(encode(make_fit(text)))

    turn = CheckedTurn(checks, outcome, put, partial, line.thread.stored)
    turn.deliver(lambda draft, collect: line.deliver(draft, sink, collect, outcome), draft)


@contextmanager
def opened(path: str | None, console: Console, secret: str, report: RunReport | None = None) -> Iterator[Sink]:
    """Where an answer goes, measured for the report; it has arrived if nothing is raised in here."""
    place = destination(path, console)
    sink = RedactingSink(report.measured(place) if report else place, secret)
    try:
        yield sink
        sink.commit()
    finally:
        sink.discard()


def show(request: Request, options: TurnOptions | BatchOptions, console: Console) -> None:
    """What would be sent, as --dry-run or --curl have it."""
    if console.is_terminal(1):  # the same JSON, but no character of a file commands the terminal
        request = request._replace(body=escaped(request.body.decode()).encode())
    if not options.curl:
        console.out(request.body.decode())
        return
    from eugpt_cli.api.curl import curl

    route = route_to(request.target, options, console.environ)
    console.out(curl(request, route, console.environ, options.max_time))


def escaping_for(sink: Sink) -> Callable[[str], str] | None:
    """How text is made fit for where it goes: a terminal gets no control characters, the rest exact bytes."""
    return visible if sink.terminal else None


def live(sink: Sink) -> TextWriter:
    """Writes text as it arrives."""
    return TextWriter(sink.write, escaping_for(sink), live=True)


def raw(sink: Sink) -> Write:
    """How bytes are written there, likewise."""
    return visible_bytes(sink.write) if sink.terminal else sink.write


def open_thread(options: TurnOptions, console: Console, *, starts: bool = False) -> Thread:
    """The conversation that the options name. Raises ConfigError."""
    return Thread(conversations(options, console), options.conversation, starts=starts)


def note_new_name(thread: Thread, options: TurnOptions, console: Console) -> None:
    """Says on a terminal where a new name is like one that there is."""
    if (options.verbose or console.is_terminal(2)) and (near := thread.near):
        console.note(f"eugpt: note: {thread.name} is a new conversation; did you mean {', '.join(near)}?")


def conversations(options: TurnOptions | BatchOptions, console: Console) -> Conversations:
    """The conversations that have names at the service of the options. Raises ConfigError."""
    service = target_of(options.base_url).base_url
    return Conversations(console.environ, service, console.note, console.error if options.verbose else None)


class TurnSender:
    """The way of a run's turns to the service: one after the other, each under the lock of their conversation."""

    def __init__(self, options: TurnOptions, console: Console, thread: Thread) -> None:
        """Raises ConfigError for a URL, a certificate or a key that cannot be used."""
        self._options = options
        self._console = console
        self.thread = thread
        self._route = route_to(target_of(options.base_url), options, console.environ)
        self.secret = api_key(options, console)
        self._client: Client | None = None

    def deliver(self, draft: Draft, sink: Sink, make_writer: MakeWriter, outcome: Outcome) -> None:
        """One turn. Raises what went wrong."""

        def fresh() -> Writer:
            sink.restart()
            return make_writer(sink)

        thread = self.thread
        with self._watched(lambda: sink.emitted) as (observer, wait), thread.turn(wait):
            client = self._open()
            from eugpt_cli.api.exchange import deliver

            request = draft(conversation_id=thread.id)
            policy = delivery_policy(self._options, self._console, client, observer, stream=request.stream)
            with thread.learning(outcome):
                deliver(request, policy, fresh, outcome, stored=thread.stored, emitted=lambda: sink.emitted)
        if outcome.is_elsewhere:
            told, asked = one_line(str(outcome.conversation_id)), outcome.asked
            self._console.note(f"eugpt: note: the service answered in conversation {told}, not in {asked}")

    def __enter__(self) -> "TurnSender":
        return self

    def __exit__(self, *_: object) -> None:
        if self._client:
            self._client.close()

    def _open(self) -> "Client":
        """The client; the first time it connects while the rest is being imported."""
        if self._client is None:
            from eugpt_cli.http.lanes import preconnect

            seconds = self._options.connect_timeout
            with self._console.signals_blocked():
                early = preconnect(self._route, seconds)
                from eugpt_cli.http.client import Client

            if self._options.verbose:
                self._console.error(f"* connecting {self._route.description}{early.when if early else ''}")
            self._client = Client(self._route, self.secret, connect_timeout=seconds, early=early)
        return self._client

    @contextmanager
    def _watched(self, emitted: Callable[[], bool]) -> Iterator[tuple[Observer, Wait]]:
        """Returns the observer of a turn and how it waits for its conversation; on a terminal both show the wait."""
        console, seconds = self._console, self._options.lock_wait
        observer = Observer()
        if self._options.verbose:
            from eugpt_cli.output.activity import Verbose

            observer = Verbose(console.error)
        if not console.has_status_line:
            yield observer, Wait(seconds, self._tell_wait)
            return
        from eugpt_cli.output.status_line import SignsOfLife, StatusLine

        signs = SignsOfLife(StatusLine(dim=not console.environ.get("NO_COLOR")), observer, emitted)
        if self.thread.stored:
            signs.waiting_for("waiting for another run", of=seconds)
        with console.showing(signs):
            yield signs, Wait(seconds)

    def _tell_wait(self) -> None:
        if self._console.is_terminal(2):
            seconds = f"{self._options.lock_wait:g}"
            self._console.note(f"eugpt: note: waiting up to {seconds} s for another run in this conversation")


def delivery_policy(
    options: TurnOptions, console: Console, client: "Client", observer: Observer, *, stream: bool
) -> "DeliveryPolicy":
    """How the options want requests to be delivered."""
    from eugpt_cli.api.exchange import DeliveryPolicy

    return DeliveryPolicy(
        client,
        options.timeout or (STREAM_SILENCE if stream else DOCUMENT_SILENCE),
        RetryPolicy(options.retries, options.retry_unsafe, console.left),
        observer,
    )


def api_key(options: TurnOptions | BatchOptions, console: Console) -> str:
    """The key, which the console from now on lets through nowhere. Raises ConfigError."""
    console.secret = key.find(options.api_key_file, console.environ, options.profile_values).value
    return console.secret
