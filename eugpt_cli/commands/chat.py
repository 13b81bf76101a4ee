"""`eugpt chat`: turns in a conversation that the service keeps: one, one for each line, or a session."""

from collections.abc import Iterator
from functools import partial

from eugpt_cli.api.outcome import Outcome
from eugpt_cli.api.request import build, compose
from eugpt_cli.conversation.names import is_id
from eugpt_cli.errors import EugptError, NotTheApi, UsageError
from eugpt_cli.http.route import target_of
from eugpt_cli.run import prompt, turn
from eugpt_cli.run.prompt import Draft
from eugpt_cli.run.reporting import RunReport, reported
from eugpt_cli.settings.records import ChatOptions
from eugpt_cli.system import files
from eugpt_cli.system.console import Console
from eugpt_cli.text.redaction import Sink


def run(options: ChatOptions, console: Console) -> int:
    if options.each_line:
        _each_line(options, console)
        return 0
    if _is_session(options, console):
        from eugpt_cli.chat.session import Session

        with (
            reported(options, console) as report,
            turn.TurnSender(options, console, turn.open_thread(options, console, starts=True)) as line,
        ):
            Session(options, console, line, report).run()
        return 0

    def tell(sink: Sink, outcome: Outcome, fault: EugptError | None) -> None:
        if not fault or is_id(outcome.conversation_id):
            _tell(options, console, outcome.conversation_id)

    turn.run(options, console, turn.live, stream=True, starts=True, at_end=tell)
    return 0


def _is_session(options: ChatOptions, console: Console) -> bool:
    """Whether somebody sits in front of it, and has given nothing that a session has no use for."""
    other = (options.prompt is not None, options.no_stdin, "-" in options.file)
    more = (options.output, options.dry_run, options.curl)
    return not any(other) and not any(more) and console.is_terminal(0) and console.is_terminal(1)


def _tell(options: ChatOptions, console: Console, conversation_id: str | None) -> None:
    """How the conversation can be continued, or that it cannot."""
    if is_id(conversation_id):
        if console.is_terminal(2):
            console.note(f"conversation {conversation_id}")
        elif not options.conversation:
            console.note(f"eugpt: note: new conversation {conversation_id}; continue it with -c {conversation_id}")
    elif not options.conversation and console.is_terminal(2):
        console.note("eugpt: note: the service returned no conversation id, so you cannot continue this conversation")


def _each_line(options: ChatOptions, console: Console) -> None:
    if options.prompt is not None or "-" in options.file or options.no_stdin:
        raise UsageError("--each-line reads turns from standard input only", hint="leave out MESSAGE, -I and -f -")
    if options.dry_run or options.curl:
        thread = turn.open_thread(options, console, starts=True)
        for _, draft in _drafts(options, console):
            turn.show(draft(conversation_id=thread.id), options, console)
        return
    with reported(options, console) as report:
        thread = turn.open_thread(options, console, starts=True)
        turn.note_new_name(thread, options, console)
        line = turn.TurnSender(options, console, thread)
        with line, turn.opened(options.output, console, line.secret, report) as sink:
            for number, draft in _drafts(options, console):
                try:
                    _turn(line, draft, sink, report)
                except EugptError as fault:
                    fault.message = f"line {number}: {fault.message}"
                    raise
                if thread.name and not thread.id:
                    break
        thread.check_named()
        _tell(options, console, thread.id)


def _turn(line: turn.TurnSender, draft: Draft, sink: Sink, report: RunReport) -> None:
    if report.outcome.attempts and not line.thread.id:
        raise NotTheApi("the service returned no conversation id, so this line cannot continue the conversation")
    with report.turn() as outcome:
        line.deliver(draft, sink, turn.live, outcome)
        sink.keep()


def _drafts(options: ChatOptions, console: Console) -> Iterator[tuple[int, Draft]]:
    """The lines that are not blank, each as a turn; the files go with the first one."""
    target = target_of(options.base_url)
    given = prompt.fields(options)
    inlined = [(name, files.read_text(name)) for name in options.file]
    raw_lines = files.lines(console.read_input(lambda: None)) if console.has_input() or console.is_terminal(0) else []
    blank = True
    for number, raw in enumerate(raw_lines, 1):
        text = files.text([raw, b"\n"], f"line {number} of standard input")
        if text.strip():
            yield number, partial(build, target, compose(text, None, inlined), stream=True, **given)
            blank, inlined, given["file_ids"] = False, [], []
    if blank:
        raise UsageError("nothing to send", hint="pipe lines into it, such as: eugpt chat -c NAME --each-line < FILE")
