"""Answers without a model: deterministic, and taken from the request and its sources.

In this order: a URL to fetch, arithmetic (a parser, calculator.py), clock and calendar (clock.py); a block of code or a
summary of the given text (Luhn 1958); else the sentences of request, files, project and thread that rank best for the
question (Okapi BM25, Robertson & Zaragoza 2009) and hold enough of its words, or of their beginnings (truncation as
stemming for any language, McNamee & Mayfield 2004); else the web folder; else a plain statement that it found nothing.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from eugpt_cli.local.answers import clock
from eugpt_cli.local.answers.calculator import CalculatorError, evaluate
from eugpt_cli.local.answers.corpus import chunked
from eugpt_cli.local.answers.counting import measured
from eugpt_cli.local.answers.intent import (
    AnswerForm,
    arithmetic,
    asks_for_code,
    asks_for_summary,
    asks_the_web,
    code_blocks,
    greets,
    indented_after,
    needs_a_model,
    url_in,
    web_query,
    wish,
)
from eugpt_cli.local.answers.prose import MOST_SENTENCES, Sentence, bm25, coverage, sentences, summarise, terms
from eugpt_cli.local.answers.reading import NamedText, UserMessage

MAX_ANALYSED = 1_000_000
"""Characters of text that are ranked; the rest is stored but not searched."""
MAX_INSTRUCTIONS = 2000
"""Characters of the instructions that are searched for the form of the answer."""
ENOUGH = 0.33
"""The share of a question's words that a sentence must hold to count as an answer."""
BEGINNING = 5
"""Letters that words are compared by if whole words find nothing."""
WHO = (
    "This is eugpt-local, a server without a language model: it calculates, tells the time, and quotes the text, "
    "files, projects and conversations it is given."
)


@dataclass(frozen=True)
class Passage:
    """A sentence that may answer: its text, its place (`name`, `line`), and the words to find it by."""

    text: str
    name: str
    line: int
    words: Sequence[str]
    kind: str = "text"
    file_id: str = ""


@dataclass(frozen=True)
class ToolUse:
    """One call of a built-in tool, with its arguments and its result."""

    name: str
    arguments: dict[str, Any]
    output: str
    error: str | None = None


@dataclass(frozen=True)
class EngineAnswer:
    """The text, the tools that were used on the way, and the passages it rests on."""

    text: str
    tools: Sequence[ToolUse] = ()
    sources: Sequence[Passage] = ()


@dataclass(frozen=True)
class AnswerContext:
    """The sources of an answer. `project` and `web` search a corpus, `fetch` reads a page of the web folder."""

    message: UserMessage
    instructions: str
    said: Sequence[str]
    now: datetime
    project: Callable[[str], Sequence[Passage]] | None = None
    web: Callable[[str], Sequence[Passage]] | None = None
    fetch: Callable[[str], NamedText | None] | None = None


def answer(context: AnswerContext) -> EngineAnswer:
    """The answer to a context; the same context gives the same answer."""
    message = context.message
    wanted = wish(f"{message.question} {context.instructions[:MAX_INSTRUCTIONS]}")
    url = url_in(message.question)
    if url and context.fetch:
        return _fetched(context, url, wanted)
    direct = _calculated(message.question or message.statement)
    if direct is None:
        direct = _told_time(message, context.now)
    if direct:
        return direct
    if message.material:
        return _from_material(context, message.material, wanted)
    return _searched(context, wanted)


def _calculated(question: str) -> EngineAnswer | None:
    expression = arithmetic(question)
    if expression is None:
        return None
    arguments = {"expression": expression}
    try:
        value = evaluate(expression)
    except CalculatorError as error:
        return EngineAnswer(f"{expression} has no value: {error}.", [ToolUse("calculator", arguments, "", str(error))])
    return EngineAnswer(f"{expression} = {value}", [ToolUse("calculator", arguments, value)])


def _told_time(message: UserMessage, now: datetime) -> EngineAnswer | None:
    told = clock.clock_answer(message.question or message.statement, now, calendar=not message.material)
    if told is None or told.zone is None:
        return EngineAnswer(told.text) if told else None
    return EngineAnswer(
        told.text, [ToolUse("current_datetime", {"timezone": told.zone}, now.isoformat(timespec="seconds"))]
    )


def _from_material(context: AnswerContext, material: Sequence[NamedText], wanted: AnswerForm) -> EngineAnswer:
    question = context.message.question
    text = "\n\n".join(document.text for document in material)[:MAX_ANALYSED]
    code = _code(text, question) if asks_for_code(question) else None
    if code:
        return EngineAnswer(code)
    if not terms(question) or asks_for_summary(question):
        return EngineAnswer(_summary(text, wanted))
    answered = measured(question, text)
    if answered:
        return EngineAnswer(answered)
    if needs_a_model(question):
        return EngineAnswer(
            f"This needs a language model, which this server does not have. In short: {_summary(text, wanted)}"
        )
    best = _best(question, [*_passages(material), *_thread(context.said), *_grounds(context)], wanted)
    if best:
        return _quoted(best, wanted)
    return EngineAnswer(f"Nothing in the text answers that. In short: {_summary(text, wanted)}")


def _code(text: str, question: str) -> str | None:
    """The block of code that fits the question best by itself and the line before it, else the first."""
    blocks = code_blocks(text)
    scores = bm25(terms(question), [terms(f"{before} {block}") for before, block in blocks])
    return max(zip(scores, blocks, strict=True), key=lambda scored: scored[0])[1][1] if blocks else None


def _summary(text: str, wanted: AnswerForm) -> str:
    chosen = [sentence.text for sentence in summarise(text, wanted.count or 3)] or [text.strip()[:500]]
    return wanted.laid_out(chosen)


def _searched(context: AnswerContext, wanted: AnswerForm) -> EngineAnswer:
    question = context.message.question
    if context.web and asks_the_web(question):
        return _from_web(question, context.web, wanted)
    if context.said and asks_for_summary(question):
        return EngineAnswer(_summary("\n\n".join(context.said)[:MAX_ANALYSED], wanted))
    best = _best(question, [*_thread(context.said), *_grounds(context)], wanted)
    if best:
        return _quoted(best, wanted)
    return _from_web(question, context.web, wanted) if context.web and question else _nothing(context.message)


def _grounds(context: AnswerContext) -> Sequence[Passage]:
    return context.project(context.message.question) if context.project else ()


def _from_web(question: str, search: Callable[[str], Sequence[Passage]], wanted: AnswerForm) -> EngineAnswer:
    query = web_query(question)
    found = search(query)
    urls = list(dict.fromkeys(passage.name for passage in found))
    use = ToolUse("web_search", {"query": query}, json.dumps(urls, ensure_ascii=False))
    best = _best(query, found, wanted)
    if best:
        return EngineAnswer(_with_sources(best, wanted), [use], best)
    return EngineAnswer(f"The web folder has nothing on: {query[:300]}", [use])


def _fetched(context: AnswerContext, url: str, wanted: AnswerForm) -> EngineAnswer:
    page = context.fetch(url) if context.fetch else None
    if page is None:
        return EngineAnswer(f"{url} is not in the web folder.", [ToolUse("web_fetch", {"url": url}, "", "not found")])
    use = ToolUse("web_fetch", {"url": url}, page.text[:1000])
    question = context.message.question.replace(url, " ")
    best = [] if asks_for_summary(question) else _best(question, _passages([page]), wanted)
    if best:
        return EngineAnswer(_with_sources(best, wanted), [use], best)
    summary = _summary(page.text[:MAX_ANALYSED], wanted)
    return EngineAnswer(f"{summary}\n\nSource: {url}", [use], [Passage("", url, 1, ())])


def _passages(material: Sequence[NamedText]) -> list[Passage]:
    left = MAX_ANALYSED
    found: list[Passage] = []
    for document in material:
        for heading, text, line in chunked(document.text[: max(left, 0)]):
            if len(found) < MOST_SENTENCES:
                found += passages(document.name, heading, text, line, document.file_id)
        left -= len(document.text)
    return found


def passages(name: str, above: str, text: str, line: int, file_id: str = "") -> list[Passage]:
    """The sentences of a chunk, each with its own words and those of the headings and file name above it."""
    context = dict.fromkeys(terms(above))
    lines = text.split("\n")
    found = []
    for sentence in sentences(text, line):
        words = terms(sentence.text)
        said = _with_block(sentence, lines, line)
        words += context.keys() - set(words)
        found.append(Passage(said, name, sentence.line, words, file_id=file_id))
    return found


def _with_block(sentence: Sentence, lines: Sequence[str], first: int) -> str:
    """The sentence, with the indented block that it introduces by a colon."""
    if not sentence.text.endswith(":"):
        return sentence.text
    end = next((n for n, line in enumerate(lines) if n >= sentence.line - first and line.endswith(":")), len(lines))
    block = indented_after(lines, end + 1)
    return f"{sentence.text}\n\n```\n{block}\n```" if block else sentence.text


def _thread(said: Sequence[str]) -> list[Passage]:
    """The user's earlier statements, newest first: of two equal facts, the later one wins."""
    lines = [sentence.text for text in said for sentence in sentences(text[:20_000])]
    return [Passage(line, "", 0, terms(line), "thread") for line in reversed(lines) if not line.endswith("?")]


def _best(question: str, passages: Sequence[Passage], wanted: AnswerForm) -> list[Passage]:
    query = terms(question)
    documents = [passage.words for passage in passages]
    found = _ranked(query, documents, wanted) or _ranked(_beginnings(query), list(map(_beginnings, documents)), wanted)
    return [passages[i] for i in found]


def _beginnings(words: Sequence[str]) -> list[str]:
    return [word[:BEGINNING] for word in words]


def _ranked(query: Sequence[str], documents: Sequence[Sequence[str]], wanted: AnswerForm) -> list[int]:
    """The places of the documents that answer best, best first."""
    scores = bm25(query, documents)
    order = sorted(range(len(documents)), key=lambda i: -scores[i])
    enough = [i for i in order[:50] if coverage(query, documents[i]) >= ENOUGH]
    near = [i for i in enough if scores[i] >= (0.3 if wanted.count else 0.8) * scores[enough[0]]]
    return near[: wanted.count or 2]


def _quoted(best: Sequence[Passage], wanted: AnswerForm) -> EngineAnswer:
    if best[0].kind == "thread":
        return EngineAnswer(f"You said earlier: “{best[0].text}”")
    cited = [passage for passage in best if passage.kind != "thread"]
    return EngineAnswer(_with_sources(cited, wanted), sources=cited)


def _with_sources(best: Sequence[Passage], wanted: AnswerForm) -> str:
    places = dict.fromkeys(_place(passage) for passage in best if passage.name)
    listed = f"\n\nSource{'s' if len(places) > 1 else ''}: {'; '.join(places)}" if places else ""
    texts = list(dict.fromkeys(passage.text for passage in best))
    return wanted.laid_out([text for text in texts if not any(text in other != text for other in texts)]) + listed


def _place(passage: Passage) -> str:
    return passage.name if "://" in passage.name else f"{passage.name}:{passage.line}"


def _nothing(message: UserMessage) -> EngineAnswer:
    if greets(message.statement or message.question):
        return EngineAnswer(WHO)
    if message.statement:
        return EngineAnswer(f"Noted: {' '.join(message.statement.split())}")
    asked = " ".join(message.question.split())[:300]
    return EngineAnswer(f"{WHO} It found nothing there on: {asked}")
