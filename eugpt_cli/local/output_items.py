"""The engine's answer as the `output` of a response: tool calls, then the message with the sources that it names."""

import json
from collections.abc import Sequence
from uuid import NAMESPACE_URL, uuid4, uuid5

from eugpt_cli.local.answers.engine import EngineAnswer, Passage, ToolUse
from eugpt_cli.local.models import FileCitation, MessageItem, OutputItem, OutputText, ToolItem, UrlCitation, WebItem


def output_items(given: EngineAnswer) -> list[OutputItem]:
    """The output items of an answer; the last one is the message."""
    part = OutputText(text=given.text, annotations=_citations(given.text, given.sources))
    message = MessageItem(id=f"msg_{uuid4().hex}", status="completed", content=[part])
    return [*(_tool_item(use) for use in given.tools), message]


def _citations(text: str, sources: Sequence[Passage]) -> list[FileCitation | UrlCitation]:
    """Each named source once, where the text names it."""
    found: list[FileCitation | UrlCitation] = []
    named: dict[str, Passage] = {}
    for source in sources:
        if source.name:
            named.setdefault(source.name, source)
    for name, source in named.items():
        at = text.rfind(name)
        if "://" in name:
            found.append(UrlCitation(url=name, title=name, start_index=at, end_index=at + len(name)))
        else:
            file_id = source.file_id or str(uuid5(NAMESPACE_URL, name))
            found.append(FileCitation(file_id=file_id, filename=name, index=at))
    return found


def _tool_item(use: ToolUse) -> OutputItem:
    if use.name == "web_search":
        query = use.arguments["query"]
        sources = [{"type": "url", "url": url} for url in json.loads(use.output)]
        action = {"type": "search", "query": query, "queries": [query], "sources": sources}
        return WebItem(id=f"ws_{uuid4().hex}", status="completed", name=use.name, action=action)
    if use.name == "web_fetch":
        action = {"type": "open_page", "url": use.arguments["url"]}
        return WebItem(id=f"ws_{uuid4().hex}", status="completed", name=use.name, action=action)
    arguments = json.dumps(use.arguments, ensure_ascii=False)
    output = use.output if use.error is None else None
    return ToolItem(
        id=f"mcp_{uuid4().hex}", status="completed", name=use.name, arguments=arguments, output=output, error=use.error
    )
