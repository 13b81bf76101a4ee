"""`--scenario FILE`: a TOML list of responses to the next requests, to rehearse failures."""

import base64
import binascii
import json
import tomllib
from collections.abc import Callable
from difflib import get_close_matches
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from eugpt_cli.local.event_sequence import JSON_HEADERS, SSE_HEADERS, frame
from eugpt_cli.local.models import ApiError
from eugpt_cli.local.rehearsal.likeness import texts_in
from eugpt_cli.local.rehearsal.recording import RecordedExchange
from eugpt_cli.local.send import Delivery, Reply, SendManner
from eugpt_cli.local.server_config import ServeError, reason

Cut = Literal["clean", "close", "reset", "silent"]
HeaderName = Annotated[str, Field(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")]
HeaderValue = Annotated[str, Field(pattern=r"^[^\x00-\x08\x0a-\x1f\x7f]*$")]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]

_KINDS = {400: "invalid_request_error", 401: "authentication_error", 403: "permission_error", 404: "not_found_error"}


class ScenarioStep(BaseModel):
    """One `[[request]]` table of SCENARIO FILES in the man page.

    `match`: only a request whose decoded texts contain this. `times`: for how many requests (0: all that follow). It
    sends one of `body`, `text`, `events`, `raw`, `raw_base64` and `recording`, with `status` and `headers`; with none
    of them and status 200, the server's own answer. `conversation_id` is the conversation that such an answer, or
    `text`, names (empty: none). `delay` and `delay_between` are in seconds. The cut comes after `cut_after_bytes` of
    the body, or after `cut_after_events`: `clean` ends the HTTP message as if that were all, `close` ends the
    connection inside it, `reset` sends RST, `silent` sends nothing more and keeps the connection open.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    match: str = ""
    times: int = Field(1, ge=0)
    status: int = Field(200, ge=200, le=599)
    headers: dict[HeaderName, HeaderValue] = {}
    body: str | dict[str, Any] | None = None
    text: str | None = None
    events: list[dict[str, Any] | str] | None = None
    raw: str | None = None
    raw_base64: str | None = None
    recording: str | None = None
    conversation_id: str | None = None
    delay: Seconds = 0.0
    delay_between: Seconds = 0.0
    cut_after_bytes: int | None = Field(None, ge=0)
    cut_after_events: int | None = Field(None, ge=0)
    cut: Cut = "clean"

    @model_validator(mode="after")
    def _one_answer(self) -> Self:
        for wrong, words in _REFUSED:
            if wrong(self):
                raise ValueError(words)
        try:
            json.dumps([self.body, self.events], allow_nan=False)
        except (TypeError, ValueError):
            raise ValueError(
                "body and events can contain only JSON values: quote dates, and avoid inf and nan"
            ) from None
        return self

    @property
    def is_raw(self) -> bool:
        """Whether the table gives the bytes to send, HTTP included."""
        return self.raw is not None or self.raw_base64 is not None

    @property
    def is_ordinary(self) -> bool:
        """Whether the server itself answers (with `text`, if given)."""
        return self.status == 200 and all(
            answer is None for answer in (self.body, self.events, self.raw, self.raw_base64, self.recording)
        )

    @property
    def may_stream(self) -> bool:
        """Whether what is sent may be a stream of events."""
        return self.is_ordinary or self.events is not None or self.recording is not None

    @property
    def manner(self) -> SendManner:
        """How it is sent."""
        return SendManner(self.delay, self.delay_between, self.cut_after_bytes, self.cut_after_events, self.cut)

    def raw_bytes(self) -> bytes:
        """The bytes of a raw step."""
        return (
            base64.b64decode(self.raw_base64, validate=True)
            if self.raw_base64 is not None
            else (self.raw or "").encode()
        )


def _answers(step: ScenarioStep) -> int:
    answers = [step.body, step.text, step.events, step.raw, step.raw_base64, step.recording]
    return sum(answer is not None for answer in answers)


_REFUSED: tuple[tuple[Callable[[ScenarioStep], bool], str], ...] = (
    (lambda s: _answers(s) > 1, "use only one of body, text, events, raw, raw_base64 and recording"),
    (
        lambda s: s.status != 200 and bool(_answers(s)) and s.body is None and s.events is None,
        "status can be used only alone, or with body or events",
    ),
    (
        lambda s: s.cut_after_bytes is not None and s.cut_after_events is not None,
        "use only one of cut_after_bytes and cut_after_events",
    ),
    (
        lambda s: s.cut != "clean" and s.cut_after_bytes is None and s.cut_after_events is None and not s.is_raw,
        "cut needs cut_after_bytes or cut_after_events",
    ),
    (
        lambda s: not s.may_stream and (s.cut_after_events is not None or bool(s.delay_between)),
        "cut_after_events and delay_between need a stream: events, text, recording, or an ordinary answer",
    ),
    (
        lambda s: s.is_raw and bool(s.headers),
        "headers cannot be used with raw bytes, because the server sends nothing else",
    ),
    (
        lambda s: s.conversation_id is not None and not s.is_ordinary,
        "conversation_id needs text, or an ordinary answer",
    ),
)
"""Combinations that make no sense, and their messages."""


class Scenario:
    """The steps of a scenario; of each, how many requests it has answered and which of its members had no effect."""

    def __init__(self, steps: list[ScenarioStep], recordings: dict[str, RecordedExchange]) -> None:
        self._steps = steps
        self._used = [0] * len(steps)
        self._idle: list[list[str]] = [[] for _ in steps]
        self._recordings = recordings

    def next(self, body: str) -> tuple[int, ScenarioStep] | None:
        """(number from 1, step): the first that is not used up and whose `match` is in the body's texts; or None."""
        texts = texts_in(body)
        for index, step in enumerate(self._steps):
            if (not step.times or self._used[index] < step.times) and step.match in texts:
                self._used[index] += 1
                return index + 1, step
        return None

    def unused(self) -> list[str]:
        """A line for each table that answered fewer requests than `times`; without `match`, `times` 0 allows none."""
        lines = []
        for number, (step, used) in enumerate(zip(self._steps, self._used, strict=True), 1):
            if used < step.times or (not used and step.match):
                match = f" (match = {json.dumps(step.match, ensure_ascii=False)})" if step.match else ""
                share = f"used {used} of {step.times} times" if step.times > 1 else "not used"
                lines.append(f"request {number}{match}: {share}")
        return lines

    def settle(self, number: int, delivery: Delivery) -> None:
        """Notes members of a table that had no effect on a response; one whose client left proves nothing."""
        idle = _idle_members(self._steps[number - 1], delivery) if delivery.ended != "left" else []
        if idle:
            self._idle[number - 1].append(", ".join(idle))

    def without_effect(self) -> list[str]:
        """A line for each table with a member that had no effect on a response; with `times` 0, on none of them."""
        lines = []
        for number, (step, used, idle) in enumerate(zip(self._steps, self._used, self._idle, strict=True), 1):
            if idle and (step.times or len(idle) == used):
                share = f" (in {len(idle)} of {used} responses)" if used > 1 else ""
                lines.append(f"request {number}: {idle[0]}{share}")
        return lines

    def reply(self, step: ScenarioStep, stream: bool) -> Reply:
        """What a step that is neither ordinary nor raw sends; a recording in the form asked for."""
        if step.recording is not None:
            reply = self._recordings[step.recording].reply(stream)
            return Reply(reply.status, {**reply.headers, **step.headers}, reply.pieces, reply.whole)
        if step.events is not None:
            return Reply(step.status, {**SSE_HEADERS, **step.headers}, [frame(event) for event in step.events])
        if isinstance(step.body, str):
            headers = {"Content-Type": "text/plain; charset=utf-8", **step.headers}
            return Reply(step.status, headers, [step.body.encode()])
        value = step.body if step.body is not None else _usual(step.status)
        return Reply(step.status, {**JSON_HEADERS, **step.headers}, [json.dumps(value).encode()])


def _idle_members(step: ScenarioStep, delivery: Delivery) -> list[str]:
    """The members that changed nothing about the sending of a response, and why."""
    events = f"the response had {delivery.events or 'no'} event{'' if delivery.events == 1 else 's'}"
    members = (
        ("cut_after_bytes", step.cut_after_bytes, delivery.cut_as_asked, f"the body had {delivery.sent} bytes"),
        ("cut_after_events", step.cut_after_events, delivery.cut_as_asked, events),
        ("delay_between", step.delay_between or None, delivery.cut_as_asked or delivery.paused, events),
    )
    return [f"{name} = {value}: {why}" for name, value, effect, why in members if value is not None and not effect]


def _usual(status: int) -> dict[str, Any]:
    """The envelope of a status for which the scenario gives no body."""
    known = HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else "Error"
    kind = _KINDS.get(status, "server_error" if status >= 500 else "invalid_request_error")
    if status == 429:
        return ApiError(429, "insufficient_quota", "insufficient_quota", "Token usage limit exceeded").envelope()
    return ApiError(status, kind, kind.removesuffix("_error"), known).envelope()


def load(file: Path) -> Scenario:
    """The script of a scenario file. Raises ServeError that names the file, the table and the member."""
    try:
        table = tomllib.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ServeError(f"cannot read the scenario {file}: {reason(error)}") from None
    entries = table.get("request")
    if set(table) != {"request"} or not isinstance(entries, list):
        raise ServeError(f"{file}: a scenario is a list of [[request]] tables", "see SCENARIO FILES in man eugpt")
    steps = [_step(entry, f"{file}: request {number}") for number, entry in enumerate(entries, 1)]
    names = {step.recording for step in steps if step.recording is not None}
    return Scenario(steps, {name: RecordedExchange.load(file.parent / name) for name in names})


def _wording(error: ValidationError) -> str:
    """The first fault, in words for the author of the file instead of pydantic's."""
    first = error.errors(include_url=False)[0]
    member = ".".join(map(str, first["loc"]))
    if first["type"] == "extra_forbidden":
        near = get_close_matches(member, ScenarioStep.model_fields, 1)
        return f"no such member: {member}" + "".join(f"; did you mean {name}?" for name in near)
    words = first["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
    return f"{member}: {words}" if member else words


def _step(entry: Any, where: str) -> ScenarioStep:
    try:
        step = ScenarioStep.model_validate(entry)
        step.raw_bytes()
    except ValidationError as error:
        raise ServeError(f"{where}: {_wording(error)}", "see SCENARIO FILES in man eugpt") from None
    except binascii.Error:
        raise ServeError(f"{where}: raw_base64 is not base64") from None
    return step
