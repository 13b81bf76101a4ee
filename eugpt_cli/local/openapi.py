"""GET /openapi.json: the OpenAPI 3.1 description.

Requests are described by the models that check them; responses, events and errors as the API pages document them and no
stricter, so that a client made from the description works with the real service, too.
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic.json_schema import models_json_schema

from eugpt_cli.local.models import CreateResponseRequest

_ERRORS = {
    "400": "Input message is required or otherwise invalid.",
    "401": "Missing, unknown, expired, or revoked API key.",
    "403": "The user is not a member of the requested project.",
    "404": "Referenced conversation, project or file does not exist.",
    "408": "The body did not arrive in time.",
    "413": "The body is too large.",
    "429": "Daily or monthly token usage limit exceeded.",
    "500": "Internal error during response generation.",
}

_TEXT = {"type": "string"}
_UUID = {"type": "string", "format": "uuid"}
_COUNT = {"type": "integer", "minimum": 0}
_OBJECTS = {"type": "array", "items": {"type": "object"}}


def _object(description: str, required: Mapping[str, Any], optional: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of an object; the service may add members."""
    properties = {**required, **optional}
    return {"type": "object", "description": description, "required": [*required], "properties": properties}


_RESPONSE = _object(
    "stream: false.",
    {
        "id": _UUID,
        "object": {"const": "response"},
        "created_at": {"type": "integer", "description": "Unix epoch milliseconds (zero if the chain didn't emit)."},
        "status": {"const": "completed"},
        "model": {**_TEXT, "description": "Concrete model id used."},
        "output": {**_OBJECTS, "description": "Structured output items (text blocks, tool calls, etc.)."},
        "output_text": {**_TEXT, "description": "Concatenated text deltas."},
    },
    {
        "conversation_id": {**_UUID, "description": "The conversation to continue; hidden for a stateless request."},
        "project_id": {"anyOf": [_UUID, {"type": "null"}]},
        "usage": {"anyOf": [{"type": "object"}, {"type": "null"}]},
    },
)
_ERROR = _object(
    "The body of every status that is not 200.",
    {},
    {
        "detail": {"anyOf": [_TEXT, {"type": "object"}]},
        "error": _object("", {}, {"message": _TEXT, "type": _TEXT, "code": _TEXT}),
    },
)
_PLACE = {"item_id": _TEXT, "output_index": _COUNT, "content_index": _COUNT}
_EVENTS: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "response.created": ("Initial event with response metadata.", {}, {"response": {"type": "object"}}),
    "response.output_text.delta": ("An incremental text chunk.", {"delta": _TEXT}, _PLACE),
    "response.output_text.done": ("A text part is finalised.", {}, {"text": _TEXT, **_PLACE}),
    "response.output_item.added": ("A structured item begins.", {}, {"item": {"type": "object"}, **_PLACE}),
    "response.output_item.done": ("A structured item is finalised.", {}, {"item": {"type": "object"}, **_PLACE}),
    "response.content_part.added": ("An additional content part.", {}, {"part": {"type": "object"}, **_PLACE}),
    "response.completed": ("Terminal success event.", {}, {"response": {"type": "object"}}),
    "error": ("Terminal error event.", {}, {"code": _TEXT, "message": _TEXT}),
}
"""Each documented event: what it is, what it must have beside its type, and what it may have."""


def _event(kind: str) -> dict[str, Any]:
    words, required, optional = _EVENTS[kind]
    return _object(words, {"type": {"const": kind}, **required}, {"sequence_number": _COUNT, **optional})


_STREAM = {
    "type": "object",
    "description": "One server-sent event; the last one is response.completed or error.",
    "required": ["event", "data"],
    "properties": {
        "event": {"const": "message"},
        "data": {
            "type": "string",
            "contentMediaType": "application/json",
            "contentSchema": {"$ref": "#/components/schemas/StreamEvent"},
        },
    },
}
_SOMETHING = {"type": "string", "pattern": r"[^ \t\r\n]"}
_A_MESSAGE = {"not": {"enum": ["item_reference", "mcp_call", "web_search_call"]}}
"""The types of an input item that is a message: any but those of the other kinds."""
_SAYS_SOMETHING = {
    "required": ["content"],
    "properties": {
        "type": _A_MESSAGE,
        "content": {
            "anyOf": [
                _SOMETHING,
                {
                    "type": "array",
                    "contains": {
                        "anyOf": [
                            {"required": ["file_id"], "properties": {"type": {"const": "input_file"}}},
                            {
                                "required": ["text"],
                                "properties": {"type": {"enum": ["input_text", "output_text"]}, "text": _SOMETHING},
                            },
                            {
                                "required": ["refusal"],
                                "properties": {"type": {"const": "refusal"}, "refusal": _SOMETHING},
                            },
                        ]
                    },
                },
            ]
        },
    },
}


@cache
def document(default_stream: bool) -> dict[str, Any]:
    """The description as a JSON value: the documented API, and what this server accepts beyond it."""
    models = [(CreateResponseRequest, "validation")]
    _, made = models_json_schema(models, ref_template="#/components/schemas/{model}")  # type: ignore[arg-type]
    schemas = made["$defs"]
    _strengthen(schemas)
    schemas["CreateResponseRequest"]["properties"]["stream"]["default"] = default_stream
    kinds = [{"$ref": f"#/components/schemas/{_name(kind)}"} for kind in _EVENTS]
    schemas |= {_name(kind): _event(kind) for kind in _EVENTS}
    schemas |= {
        "ResponseObject": _RESPONSE,
        "Error": _ERROR,
        "SseEventStream": _STREAM,
        "StreamEvent": {"anyOf": kinds},
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "eugpt serve", "version": "1.0.0", "description": "The EU GPT API, served locally."},
        "servers": [{"url": "/"}],
        "security": [{"apiKey": []}],
        "paths": {"/v1/responses": {"post": _operation()}, "/openapi.json": {"get": _self_description()}},
        "components": {
            "schemas": schemas,
            "securitySchemes": {"apiKey": {"type": "http", "scheme": "bearer", "bearerFormat": "eugpt_<token>"}},
        },
    }


def _operation() -> dict[str, Any]:
    response = {"schema": {"$ref": "#/components/schemas/ResponseObject"}}
    stream = {"schema": {"$ref": "#/components/schemas/SseEventStream"}}
    responses: dict[str, Any] = {
        "200": {
            "description": "Either an SSE stream (stream: true) or a single JSON response (stream: false).",
            "content": {"application/json": response, "text/event-stream": stream},
        }
    }
    error = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    for status, description in _ERRORS.items():
        responses[status] = {"description": description, "content": error}
    request = {"schema": {"$ref": "#/components/schemas/CreateResponseRequest"}}
    return {
        "operationId": "createResponse",
        "summary": "Create a response",
        "requestBody": {"required": True, "content": {"application/json": request}},
        "responses": responses,
    }


def _name(kind: str) -> str:
    """The component of an event: `response.output_text.delta` is OutputTextDeltaEvent."""
    return "".join(word.capitalize() for word in re.split(r"[._]", kind.removeprefix("response."))) + "Event"


def _self_description() -> dict[str, Any]:
    content = {"application/json": {"schema": {"type": "object"}}}
    return {
        "operationId": "openapi",
        "summary": "This document",
        "security": [],
        "responses": {"200": {"description": "OpenAPI 3.1", "content": content}},
    }


def _strengthen(schemas: dict[str, Any]) -> None:
    """Adds to the schema what the validator checks in code: a message is not blank."""
    schemas["ContentItem"]["properties"]["type"] |= _A_MESSAGE
    for choice in schemas["CreateResponseRequest"]["properties"]["input"]["anyOf"]:
        if choice["type"] == "string":
            choice.update(_SOMETHING)
        else:
            choice.update(minItems=1, contains=_SAYS_SOMETHING)
