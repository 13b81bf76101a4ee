"""The JSON of the five API pages: request models, response models, the error envelope.

Kept apart from the client's spelling on purpose: a typo must not pass on both sides.
"""

from typing import Annotated, Any, Literal
from uuid import UUID

import pydantic_core
from pydantic import BaseModel, ConfigDict, Discriminator, Field, Strict, Tag, ValidationError, field_validator

MODEL = "eugpt-local"

Text = Annotated[str, Strict()]
_BLANK = " \t\r\n"
_BRANCHES = ("str", "input_text", "output_text", "refusal", "input_file", "message", "call", "reference")


class InputText(BaseModel):
    """A text part of a message."""

    type: Literal["input_text"]
    text: Text


class OutputTextPart(BaseModel):
    """An earlier answer's text part, sent back by clients that keep the history themselves."""

    type: Literal["output_text"]
    text: Text


class RefusalPart(BaseModel):
    """An earlier answer's refusal, sent back like its text."""

    type: Literal["refusal"]
    refusal: Text

    @property
    def text(self) -> str:
        """The words of the refusal."""
        return self.refusal


class InputFile(BaseModel):
    """A file uploaded before (here: registered with `--file UUID=PATH`)."""

    type: Literal["input_file"]
    file_id: UUID = Field(description="Id of a file previously uploaded via the file upload API.")


Part = Annotated[InputText | OutputTextPart | RefusalPart | InputFile, Field(discriminator="type")]


class ContentItem(BaseModel):
    """One message of a structured input. `content` may be a plain string, which OpenAI's SDKs send."""

    role: Text | None = Field(None, description='Optional role hint (e.g. "user").')
    type: Text | None = None
    content: Text | list[Part]


class ToolCallEcho(BaseModel):
    """A tool call of an earlier answer, which OpenAI's SDKs send back (`input += response.output`); ignored."""

    type: Literal["mcp_call", "web_search_call"]


class ItemReference(BaseModel):
    """The id of an output item of an earlier answer, as the AI SDK sends it in place of the item."""

    type: Literal["item_reference"]
    id: Text


def _kind_of_item(value: Any) -> str:
    """The tag of an input item; any `type` that names no other kind belongs to a message."""
    kind = value.get("type") if isinstance(value, dict) else getattr(value, "type", None)
    return {"mcp_call": "call", "web_search_call": "call", "item_reference": "reference"}.get(str(kind), "message")


InputItem = Annotated[
    Annotated[ContentItem, Tag("message")]
    | Annotated[ToolCallEcho, Tag("call")]
    | Annotated[ItemReference, Tag("reference")],
    Discriminator(_kind_of_item),
]


class CreateResponseRequest(BaseModel):
    """The body of POST /v1/responses. Fields of OpenAI's API that this one does not know are accepted and ignored."""

    model_config = ConfigDict(extra="ignore")

    model: Text | None = Field(
        "auto", description="Accepted for OpenAI-SDK compatibility but ignored.", examples=["auto"]
    )
    input: Text | list[InputItem] = Field(
        description="Either a plain string (single user message) or a list of ContentItem objects."
    )
    stream: Annotated[bool, Strict()] = Field(
        True, description="Stream as SSE (true) or return one JSON document (false)."
    )
    instructions: Text | None = Field(None, description="System prompt for this response (or conversation, if new).")
    conversation_id: UUID | None = Field(None, description="Append to an existing conversation of the key's user.")
    project_id: UUID | None = Field(None, description="Project context for retrieval. Caller must be a member.")

    @field_validator("input")
    @classmethod
    def _something_was_said(cls, value: str | list[InputItem]) -> str | list[InputItem]:
        items = [ContentItem(role=None, content=value)] if isinstance(value, str) else value
        if not any(_says_something(item) for item in items):
            raise pydantic_core.PydanticCustomError("empty", "Input message is required")
        return value


def _says_something(item: InputItem) -> bool:
    if not isinstance(item, ContentItem):
        return False
    if isinstance(item.content, str):
        return bool(item.content.strip(_BLANK))
    return any(isinstance(part, InputFile) or part.text.strip(_BLANK) for part in item.content)


class FileCitation(BaseModel):
    """A file that the answer cites, named as in the text; `index` is the character offset of the citation there."""

    type: Literal["file_citation"] = "file_citation"
    file_id: str
    filename: str
    index: int


class UrlCitation(BaseModel):
    """A page that the answer cites; the indexes are the character offsets of its URL in the text."""

    type: Literal["url_citation"] = "url_citation"
    url: str
    title: str
    start_index: int
    end_index: int


class OutputText(BaseModel):
    """The one part of an answer."""

    type: Literal["output_text"] = "output_text"
    text: str
    annotations: list[FileCitation | UrlCitation] = []
    logprobs: list[Any] = []


class MessageItem(BaseModel):
    """The answer as an output item."""

    id: str
    type: Literal["message"] = "message"
    status: Literal["in_progress", "completed"]
    role: Literal["assistant"] = "assistant"
    content: list[OutputText]


class ToolItem(BaseModel):
    """A call of calculator or current_datetime. Not a function_call, which the client would have to run."""

    id: str
    type: Literal["mcp_call"] = "mcp_call"
    status: Literal["in_progress", "completed"]
    server_label: Literal["eugpt"] = "eugpt"
    name: str
    arguments: str
    output: str | None = None
    error: str | None = None


class WebItem(BaseModel):
    """A call of web_search or web_fetch, in OpenAI's shape for a search run by the server."""

    id: str
    type: Literal["web_search_call"] = "web_search_call"
    status: Literal["in_progress", "completed"]
    name: str
    action: dict[str, Any]


OutputItem = MessageItem | ToolItem | WebItem


class TokenUsage(BaseModel):
    """Tokens, at four characters each."""

    input_tokens: int
    input_tokens_details: dict[str, int] = {"cached_tokens": 0}
    output_tokens: int
    output_tokens_details: dict[str, int] = {"reasoning_tokens": 0}
    total_tokens: int


class ResponseObject(BaseModel):
    """The response: the documented fields first, then what OpenAI's SDKs expect to find."""

    id: UUID
    object: Literal["response"] = "response"
    created_at: int = Field(description="Unix epoch milliseconds.")
    status: Literal["in_progress", "completed"]
    model: str = MODEL
    output: list[OutputItem]
    output_text: str
    conversation_id: UUID
    project_id: UUID | None = None
    instructions: str | None = None
    error: None = None
    incomplete_details: None = None
    metadata: dict[str, str] = {}
    parallel_tool_calls: bool = False
    temperature: None = None
    tool_choice: Literal["auto"] = "auto"
    tools: list[dict[str, Any]] = []
    top_p: None = None
    usage: TokenUsage | None = None


class ErrorBody(BaseModel):
    """The inner half of the envelope."""

    model_config = ConfigDict(extra="allow")

    message: str
    type: str
    code: str


class ErrorEnvelope(BaseModel):
    """The JSON body of every status that is not 200."""

    detail: str
    error: ErrorBody


class ApiError(Exception):
    """An answer that is not 200. `extra` members go into the envelope's `error`, `headers` onto the response."""

    def __init__(
        self,
        status: int,
        kind: str,
        code: str,
        message: str,
        *,
        extra: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.kind, self.code, self.message = status, kind, code, message
        self.extra, self.headers = extra or {}, headers or {}

    def envelope(self) -> dict[str, Any]:
        """The body: `{"detail": str, "error": {"message", "type", "code"}}`."""
        body = ErrorBody(message=self.message, type=self.kind, code=self.code, **self.extra)
        return ErrorEnvelope(detail=self.message, error=body).model_dump(mode="json")


def invalid(message: str, code: str = "invalid_request") -> ApiError:
    """The 400 of the API pages."""
    return ApiError(400, "invalid_request_error", code, message)


def parse_request(body: bytes, default_stream: bool) -> tuple[CreateResponseRequest, list[str]]:
    """(checked request, names of the members it ignores) of a JSON body.

    Raises the 400 ApiError that names the first wrong field.
    """
    try:
        value = pydantic_core.from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise invalid(f"the body is not valid JSON: {error}", "invalid_json") from None
    if not isinstance(value, dict):
        raise invalid("the body must be a JSON object", "invalid_json")
    value.setdefault("stream", default_stream)
    try:
        request = CreateResponseRequest.model_validate(value)
    except ValidationError as error:
        raise invalid(_wording(error), "invalid_request") from None
    return request, [name for name in value if name not in CreateResponseRequest.model_fields]


def _wording(error: ValidationError) -> str:
    first = max(error.errors(include_url=False, include_input=False), key=lambda e: len(e["loc"]))
    if first["type"] == "empty" or (first["type"] == "missing" and first["loc"] == ("input",)):
        return "Input message is required"
    path = ".".join(str(step) for step in first["loc"] if not _is_branch(step))
    return f"{path}: {first['msg']}"


def _is_branch(step: int | str) -> bool:
    """Whether a step of pydantic's location names a branch of a union, which callers do not know."""
    return isinstance(step, str) and (step in _BRANCHES or "[" in step)
