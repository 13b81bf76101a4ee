"""The members of an item by their names: those of OpenAI's batch lines too, and others refused with the right name."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from eugpt_cli.errors import UsageError
from eugpt_cli.text.escapes import brief
from eugpt_cli.text.suggestions import near_words

MEMBERS = {
    "custom_id": "an item's id",
    "input": "an item's text",
    "instructions": "an item's system prompt",
    "conversation_id": "an item's conversation",
    "project_id": "an item's project",
}
ELSEWHERE = {  # what other APIs call them
    "id": "custom_id",
    **dict.fromkeys(("prompt", "messages", "contents", "text", "content", "question", "query"), "input"),
    **dict.fromkeys(("system", "system_prompt", "system_instruction"), "instructions"),
    **dict.fromkeys(("conversation", "previous_response_id", "thread_id", "session_id"), "conversation_id"),
    "project": "project_id",
}
NOT_SERVED = ("tools", "response_format", "text")  # members of OpenAI's requests without which an answer is another one
ALIKE = 0.8  # from there on a name is taken for another one mistyped; one of somebody's own is left alone


def item_members(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """The members of an item, of a line of OpenAI's batch format too. Raises UsageError."""
    if "input" not in given and isinstance(given.get("body"), dict):
        given = _unwrapped(given)
    for name in given.keys() - MEMBERS:
        right = ELSEWHERE.get(name) or _mistyped(name)
        if right and right not in given and given[name] is not None:
            raise UsageError(f"{MEMBERS[right]} is `{right}`, not `{brief(name, 60)}`")
    return given


def _unwrapped(given: Mapping[str, Any]) -> Mapping[str, Any]:
    method, url, body = given.get("method", "POST"), given.get("url", "/responses"), given["body"]
    if method != "POST":
        raise UsageError(f"the method of an item must be POST, not {brief(str(method), 60)}")
    if not isinstance(url, str) or not url.endswith("/responses"):
        raise UsageError(f"the url of an item must be /v1/responses, not {brief(str(url), 60)}")
    for name in NOT_SERVED:
        if body.get(name) is not None:
            raise UsageError(f"the API does not accept `{name}` in a body")
    return {"custom_id": given.get("custom_id"), **body}


@lru_cache
def _mistyped(name: str) -> str | None:
    """The member that a name nearly is."""
    return next(iter(near_words(name, MEMBERS, most=1, least=ALIKE)), None)
