"""`--scenario FILE`: a TOML list of what the next requests get, so that a script's bad days can be rehearsed."""

import base64
import binascii
import json
import tomllib
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from eugpt_cli.local.event_sequence import frame
from eugpt_cli.local.models import ApiError
from eugpt_cli.local.rehearsal.recording import RecordedExchange
from eugpt_cli.local.server_config import ServeError, reason

Cut = Literal["clean", "close", "reset", "silent"]
HeaderName = Annotated[str, Field(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")]
HeaderValue = Annotated[str, Field(pattern=r"^[^\x00-\x08\x0a-\x1f\x7f]*$")]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]

_KINDS = {400: "invalid_request_error", 401: "authentication_error", 403: "permission_error", 404: "not_found_error"}


class ScenarioStep(BaseModel):
    """One `[[request]]` table of SCENARIO FILES in the man page.

    `match`: only a request whose body holds this. `times`: for how many requests (0: all that follow). What is sent is
    one of `body`, `text`, `events`, `raw`, `raw_base64`, `recording`, with `status` and `headers`; with none of them
    and status 200 the server's own answer. `delay` and `delay_between` are seconds. The cut comes after
    `cut_after_bytes` of the body or `cut_after_events` pieces of it: `clean` ends the HTTP message as if that were all,
    `close` ends the connection inside it, `reset` sends RST, `silent` sends nothing more and holds the line.
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
    delay: Seconds = 0.0
    delay_between: Seconds = 0.0
    cut_after_bytes: int | None = Field(None, ge=0)
    cut_after_events: int | None = Field(None, ge=0)
    cut: Cut = "clean"

    @model_validator(mode="after")
    def _one_answer(self) -> Self:
        answers = [self.body, self.text, self.events, self.raw, self.raw_base64, self.recording]
        if sum(answer is not None for answer in answers) > 1:
            raise ValueError("only one of body, text, events, raw, raw_base64 and recording can be sent")
        if self.status != 200 and not all(
            answer is None for answer in (self.text, self.raw, self.raw_base64, self.recording)
        ):
            raise ValueError("status stands alone, or with body or events")
        if self.cut_after_bytes is not None and self.cut_after_events is not None:
            raise ValueError("only one of cut_after_bytes and cut_after_events can be given")
        if self.cut != "clean" and self.cut_after_bytes is None and self.cut_after_events is None and not self.is_raw:
            raise ValueError("cut needs cut_after_bytes or cut_after_events")
        try:
            json.dumps([self.body, self.events], allow_nan=False)
        except (TypeError, ValueError):
            raise ValueError("body and events hold JSON values only: quote dates, avoid inf and nan") from None
        return self

    @property
    def is_raw(self) -> bool:
        """Whether the bytes on the line are given, HTTP included."""
        return self.raw is not None or self.raw_base64 is not None

    @property
    def is_ordinary(self) -> bool:
        """Whether the server's own machinery answers (with `text`, if that is given)."""
        return self.status == 200 and all(
            answer is None for answer in (self.body, self.events, self.raw, self.raw_base64, self.recording)
        )

    def raw_bytes(self) -> bytes:
        """The bytes of a raw step."""
        return (
            base64.b64decode(self.raw_base64, validate=True)
            if self.raw_base64 is not None
            else (self.raw or "").encode()
        )


class Scenario:
    """The steps of a scenario, each with the number of requests it is still for."""

    def __init__(self, steps: list[ScenarioStep], recordings: dict[str, RecordedExchange]) -> None:
        self._steps = steps
        self._left = [step.times or -1 for step in steps]
        self.recordings = recordings

    def next(self, body: str) -> ScenarioStep | None:
        """The first step that is not used up and whose `match` the body holds; None once nothing is scripted for it."""
        for number, step in enumerate(self._steps):
            if self._left[number] and step.match in body:
                self._left[number] -= self._left[number] > 0
                return step
        return None

    def scripted(self, step: ScenarioStep) -> tuple[int, dict[str, str], list[bytes]]:
        """(status, headers, pieces of the body) of a step that is neither ordinary nor raw."""
        if step.recording is not None:
            exchange = self.recordings[step.recording]
            return exchange.status, {**exchange.headers, **step.headers}, exchange.pieces
        if step.events is not None:
            headers = {"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-cache", **step.headers}
            return step.status, headers, [frame(event) for event in step.events]
        if isinstance(step.body, str):
            return step.status, {"Content-Type": "text/plain; charset=utf-8", **step.headers}, [step.body.encode()]
        value = step.body if step.body is not None else _usual(step.status)
        return step.status, {"Content-Type": "application/json", **step.headers}, [json.dumps(value).encode()]


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


def _step(entry: Any, where: str) -> ScenarioStep:
    try:
        step = ScenarioStep.model_validate(entry)
        step.raw_bytes()
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise ServeError(f"{where}: {'.'.join(map(str, first['loc'])) or 'table'}: {first['msg']}") from None
    except binascii.Error:
        raise ServeError(f"{where}: raw_base64 is not base64") from None
    return step
