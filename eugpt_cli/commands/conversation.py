"""`eugpt conversation`: the local names for conversation ids, listed, given and forgotten."""

from collections.abc import Callable
from typing import NamedTuple

from eugpt_cli.conversation.names import Conversations
from eugpt_cli.errors import UsageError
from eugpt_cli.http.route import target_of
from eugpt_cli.settings import resolving
from eugpt_cli.settings.records import ConversationOptions
from eugpt_cli.system.console import Console
from eugpt_cli.text.escapes import one_line
from eugpt_cli.text.suggestions import near_words


class Action(NamedTuple):
    """What an ACTION takes, and what it does with it."""

    words: tuple[str, ...]
    run: Callable[[ConversationOptions, Console, Conversations], None]


def run(options: ConversationOptions, console: Console) -> int:
    action = ACTIONS.get(options.action or "")
    if options.action is None or not action:
        problem = f"no such action: {options.action}" if options.action else "missing action"
        near = near_words(options.action or "", ACTIONS) or ["list"]
        raise UsageError(
            f"{problem}; give one of {', '.join(ACTIONS)}",
            hint=f"eugpt conversation {near[0]} {' '.join(ACTIONS[near[0]].words)}".rstrip(),
        )
    if len(options.words) != len(action.words) or (options.json and action.words):
        usage = " ".join(("eugpt conversation", options.action, *(action.words or ("[--json]",))))
        raise UsageError(f"{options.action} takes {' and '.join(action.words) or 'nothing more'}", hint=usage)
    service = target_of(options.base_url).base_url if action.words else ""
    action.run(options, console, Conversations(console.environ, service, console.note))
    return 0


def _list(options: ConversationOptions, console: Console, conversations: Conversations) -> None:
    """A line for each name at each service; `-` where no service has answered yet in a conversation of an old file."""
    found = conversations.listed()
    if options.json:
        import orjson

        rows = [{"name": one.name, "base_url": one.service, **one.facts} for one in found]
        console.out(orjson.dumps(rows).decode())
        return
    names = [one_line(one.name) for one in found]  # somebody may have edited the file
    width = max(map(len, names), default=0)
    lines = [
        f"{name:<{width}}  {one.facts['id']}  {one_line(one.service or '-')}\n"
        for name, one in zip(names, found, strict=True)
    ]
    console.write("".join(lines).encode())


def _name(options: ConversationOptions, console: Console, conversations: Conversations) -> None:
    name, conversation_id = options.words
    before = conversations.name(name, resolving.uuid(conversation_id, "name NAME"))
    if before and before != conversation_id:
        _say(console, f"{name} was the name of {before} at {conversations.service}")


def _forget(options: ConversationOptions, console: Console, conversations: Conversations) -> None:
    (name,) = options.words
    _say(
        console, f"{name} was the name of {conversations.forget(name)}; {conversations.service} keeps the conversation"
    )


def _say(console: Console, text: str) -> None:
    if console.is_terminal(2):
        console.note(text)


ACTIONS = {
    "list": Action((), _list),
    "name": Action(("NAME", "UUID"), _name),
    "forget": Action(("NAME",), _forget),
}
