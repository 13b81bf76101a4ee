"""GET /openapi.json: the OpenAPI 3.1 description, made from the models that check the requests."""

from functools import cache
from typing import Any

from pydantic.json_schema import models_json_schema

from eugpt_cli.local.models import CreateResponseRequest, ErrorEnvelope, ResponseObject

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

_EVENT_TYPES = [
    "response.created",
    "response.output_text.delta",
    "response.output_text.done",
    "response.output_item.added",
    "response.output_item.done",
    "response.content_part.added",
    "response.completed",
    "error",
]
_EVENT = {
    "type": "object",
    "description": "The last one is response.completed or error (with code and message).",
    "required": ["type", "sequence_number"],
    "properties": {"type": {"enum": _EVENT_TYPES}, "sequence_number": {"type": "integer", "minimum": 0}},
}
_FRAME = {
    "type": "object",
    "description": "One server-sent event.",
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
_SAYS_SOMETHING = {
    "required": ["content"],
    "properties": {
        "content": {
            "anyOf": [
                _SOMETHING,
                {
                    "type": "array",
                    "contains": {
                        "anyOf": [
                            {"required": ["file_id"], "properties": {"type": {"const": "input_file"}}},
                            {"required": ["text"], "properties": {"text": _SOMETHING}},
                        ]
                    },
                },
            ]
        }
    },
}


@cache
def document() -> dict[str, Any]:
    """The description as a JSON-able object."""
    models = [
        (CreateResponseRequest, "validation"),
        (ResponseObject, "serialization"),
        (ErrorEnvelope, "serialization"),
    ]
    _, schemas = models_json_schema(models, ref_template="#/components/schemas/{model}")  # type: ignore[arg-type]
    _strengthen(schemas["$defs"])
    schemas["$defs"]["StreamEvent"] = _EVENT
    return {
        "openapi": "3.1.0",
        "info": {"title": "eugpt serve", "version": "1.0.0", "description": "The EU GPT API, served locally."},
        "servers": [{"url": "/"}],
        "security": [{"apiKey": []}],
        "paths": {"/v1/responses": {"post": _operation()}, "/openapi.json": {"get": _self_description()}},
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {"apiKey": {"type": "http", "scheme": "bearer", "bearerFormat": "eugpt_<token>"}},
        },
    }


def _operation() -> dict[str, Any]:
    response = {"schema": {"$ref": "#/components/schemas/ResponseObject"}}
    responses: dict[str, Any] = {
        "200": {
            "description": "Either an SSE stream (stream: true) or a single JSON response (stream: false).",
            "content": {"application/json": response, "text/event-stream": {"schema": _FRAME}},
        }
    }
    error = {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorEnvelope"}}}
    for status, description in _ERRORS.items():
        responses[status] = {"description": description, "content": error}
    request = {"schema": {"$ref": "#/components/schemas/CreateResponseRequest"}}
    return {
        "operationId": "createResponse",
        "summary": "Create a response",
        "requestBody": {"required": True, "content": {"application/json": request}},
        "responses": responses,
    }


def _self_description() -> dict[str, Any]:
    content = {"application/json": {"schema": {"type": "object"}}}
    return {
        "operationId": "openapi",
        "summary": "This document",
        "security": [],
        "responses": {"200": {"description": "OpenAPI 3.1", "content": content}},
    }


def _strengthen(schemas: dict[str, Any]) -> None:
    """States in the schema what the validator checks in code: a message holds something other than space."""
    for choice in schemas["CreateResponseRequest"]["properties"]["input"]["anyOf"]:
        if choice["type"] == "string":
            choice.update(_SOMETHING)
        else:
            choice.update(minItems=1, contains=_SAYS_SOMETHING)
