"""One request to its end: the pull loop, and the rule that only a terminal event ends a stream well."""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from itertools import chain
from signal import SIGPIPE
from typing import TYPE_CHECKING, Any, NamedTuple

from eugpt_cli.api.events import (
    DELTA,
    Event,
    fault_of_document,
    fault_of_event,
    parse,
    response_of,
    shallow,
    tool_of,
    tools_of,
)
from eugpt_cli.api.observer import Observer
from eugpt_cli.api.outcome import Outcome
from eugpt_cli.api.request import Request
from eugpt_cli.api.retry import RetryPolicy, jitter, may_be_stored, retry_delay, status_fault
from eugpt_cli.api.writer import Writer
from eugpt_cli.errors import EugptError, LocalError, LostError, NotTheApi, Stopped, Truncated, exit_of
from eugpt_cli.http.client import Client
from eugpt_cli.http.response import Response
from eugpt_cli.http.silence import SilenceTimer

if TYPE_CHECKING:
    from eugpt_cli.api.delta_runs import DeltaRun
    from eugpt_cli.api.event_reader import EventReader

BODY_LIMIT = 256 * 1024 * 1024
ANSWERED = (200, 201, 202)  # of the successes the ones whose body is the answer, and all of it
ERROR_BODY_LIMIT = 64 * 1024
JSON, SSE = "application/json", "text/event-stream"
SSE_FIELDS = (b":", b"data", b"event", b"id", b"retry")
BLANK = b"\xef\xbb\xbf \t\r\n"  # a BOM, and what may stand before a document or between events
NAMES_CONVERSATION = frozenset({"response.created", "response.completed"})  # also beside the response


class DeliveryPolicy(NamedTuple):
    """How requests are delivered: over which client, how patiently, and who watches."""

    client: Client
    silence: float
    retry: RetryPolicy
    observer: Observer = Observer()
    sleep: Callable[[float], None] = time.sleep


def deliver(
    request: Request,
    policy: DeliveryPolicy,
    make_writer: Callable[[], Writer],
    outcome: Outcome,
    *,
    stored: bool = False,
    emitted: Callable[[], bool] = lambda: False,
) -> None:
    """Sends, tries again where that is safe, and feeds a writer until the answer is complete.

    Each attempt has a writer of its own. `stored`: the turn is kept in a conversation. `emitted` tells whether
    something of the answer is out, so that there can be no other attempt. Raises the last fault.
    """
    if request.stream:
        _event_reader()  # loaded before anything is sent
    writer = make_writer()
    try:
        while (wait := _attempt(request, policy, writer, outcome, stored, emitted)) is not None:
            policy.sleep(wait)
            writer = make_writer()
    except EugptError as fault:
        if not isinstance(fault, LocalError):
            writer.fail()
        annotate(fault, outcome)
        raise
    except Stopped as stop:
        if outcome.stored and stop.signum != SIGPIPE:
            stop.fault = EugptError("stopped")
            stop.fault.exit = exit_of(stop.signum)
            annotate(stop.fault, outcome)
        raise


def _attempt(
    request: Request,
    policy: DeliveryPolicy,
    writer: Writer,
    outcome: Outcome,
    stored: bool,
    emitted: Callable[[], bool],
) -> float | None:
    """None for a complete answer, seconds to the next attempt after a fault that allows one."""
    outcome.again()
    outcome.conversation_id = outcome.asked = request.conversation_id
    outcome.body = request.body
    silence = SilenceTimer(policy.silence)
    policy.observer.sending(request, lambda: silence.sent)
    try:
        with policy.client.send(
            request.target, request.fields, request.body, silence, fresh=stored or outcome.attempts > 1
        ) as response:
            outcome.answered_at = time.monotonic()
            outcome.http_status = response.status
            outcome.request_id = response.fields.get("x-request-id")
            policy.observer.answered(response)
            _read(response, silence, writer, outcome, policy.observer)
        return None
    except EugptError as fault:
        fault.message = policy.client.masked(fault.message)
        outcome.stored = outcome.stored or (stored and silence.sent and may_be_stored(fault))
        wait = retry_delay(
            policy.retry, fault, attempts=outcome.attempts, stored=stored, emitted=emitted(), jitter=jitter()
        )
        if wait is None:
            raise
        policy.observer.again(fault, wait)
        return wait
    except Stopped:
        outcome.stored = outcome.stored or (stored and silence.sent)
        raise


def annotate(fault: EugptError, outcome: Outcome) -> None:
    """Fills in what the fault itself does not know of its request."""
    fault.attempts = outcome.all_attempts
    fault.request_id = outcome.request_id
    fault.conversation_id = outcome.conversation_id
    fault.stored = outcome.stored
    if fault.stored:
        where = f"conversation {fault.conversation_id}" if fault.conversation_id else "a new conversation"
        fault.message += f"; the turn may have been stored in {where}"


def _read(response: Response, silence: SilenceTimer, writer: Writer, outcome: Outcome, observer: Observer) -> None:
    kind = response.media_type
    if response.status not in ANSWERED:
        body = _error_body(response) if response.status >= 400 else b""
        raise status_fault(response.status, response.reason, kind, response.fields, body, time.time())
    if not kind:
        kind, response = _sniffed(response)
    if kind == SSE:
        _stream(response, silence, writer, outcome, observer)
    elif kind == JSON or kind.endswith("+json"):
        _document(response, silence, writer, outcome)
    elif next(response.chunks, None) is None:
        raise Truncated("the answer is empty")
    else:
        raise NotTheApi(f"the service answered with {kind}", hint="check the base URL")


def _sniffed(response: Response) -> tuple[str, Response]:
    """The type of an answer that names none, by how it begins, and the answer with its beginning put back."""
    begin = b""
    while not (word := begin.lstrip(BLANK)) and (chunk := next(response.chunks, b"")):
        begin += chunk
    kind = SSE if word and any(field.startswith(word[: len(field)]) for field in SSE_FIELDS) else JSON
    return kind, response._replace(chunks=chain([begin], response.chunks))


def _stream(response: Response, silence: SilenceTimer, writer: Writer, outcome: Outcome, observer: Observer) -> None:
    reader = _event_reader()()
    for chunk in response.chunks:
        events: list[Event | DeltaRun] = []
        try:
            end = reader.read(chunk, events)
        finally:  # what is wrong does not hide what was good before it
            for event in events:
                _learn(outcome, event, observer)
            writer.write_events(chunk, events)
        if events:
            silence.beat()  # after they are written: a slow reader is not the service's silence
            reader.expect(chunk, events)
        if end:
            _end_stream(end, response, writer)
            return
    raise Truncated(
        "the stream ended without a terminal event" if outcome.events else "the answer is empty or contains no event"
    )


def _event_reader() -> "type[EventReader]":
    """Imported only for streams, to save start-up time."""
    from eugpt_cli.api.event_reader import EventReader

    return EventReader


def _end_stream(end: Event, response: Response, writer: Writer) -> None:
    """Raises what the terminal event means; what follows it in the body is the writer's either way."""
    fault = fault_of_event(end)
    if not fault:
        writer.finish(response_of(end))
    with suppress(LostError, NotTheApi):  # the answer has ended before
        writer.write_tail(response.chunks)
    if fault:
        raise fault


def _document(response: Response, silence: SilenceTimer, writer: Writer, outcome: Outcome) -> None:
    raw = _whole_body(response, silence)
    if not raw.strip():
        raise Truncated("the answer is empty")
    try:
        document = parse(raw)
    except NotTheApi:
        if not response.is_framed:
            raise Truncated("the answer ended too early") from None
        raise
    if not isinstance(document, dict):
        raise NotTheApi("the answer is not a JSON object")
    outcome.first_at = time.monotonic()
    _learn_response(outcome, document)
    outcome.tools = tools_of(document)
    writer.document(document, raw)
    fault = fault_of_document(document)
    if fault:
        raise fault
    writer.finish(document)


def _whole_body(response: Response, silence: SilenceTimer) -> bytes:
    """Restarts the silence timer at each chunk: silence of a document counts bytes, not events."""
    parts: list[bytes] = []
    size = 0
    for chunk in response.chunks:
        silence.beat()
        parts.append(chunk)
        size += len(chunk)
        if size > BODY_LIMIT:
            raise NotTheApi("the answer is over the size limit")
    return b"".join(parts)


def _error_body(response: Response) -> bytes:
    """As much as a message needs; a cut or a stall here does not hide the status."""
    body = b""
    try:
        for chunk in response.chunks:
            body += chunk
            if len(body) > ERROR_BODY_LIMIT:
                break
    except (LostError, NotTheApi):
        pass
    return body


def _learn(outcome: Outcome, event: "Event | DeltaRun", observer: Observer) -> None:
    outcome.events += event.length
    outcome.first_at = outcome.first_at or time.monotonic()
    if not isinstance(event, Event) or event.type == DELTA:  # a response inside a delta counts for nothing
        return
    if event.type == "response.output_item.added" and (tool := tool_of(event.fields.get("item"))):
        outcome.tools.append(tool)
        observer.tool(tool)
    response = event.fields.get("response")
    if isinstance(response, dict):
        _learn_response(outcome, response)
    if event.type in NAMES_CONVERSATION:
        outcome.learn_conversation(_conversation(event.fields))


def _learn_response(outcome: Outcome, response: Mapping[str, Any]) -> None:
    outcome.response_id = _name(response.get("id")) or outcome.response_id
    outcome.model = _name(response.get("model")) or outcome.model
    outcome.status = _name(response.get("status")) or outcome.status
    outcome.learn_conversation(_conversation(response))
    usage = response.get("usage")
    outcome.usage = usage if usage and shallow(usage) else outcome.usage


def _conversation(response: Mapping[str, Any]) -> str | None:
    """The id in `conversation_id`, or in `conversation` as a string or an object."""
    found = response.get("conversation_id") or response.get("conversation")
    return _name(found.get("id") if isinstance(found, dict) else found)


def _name(value: Any) -> str | None:
    return value if isinstance(value, str) else None
