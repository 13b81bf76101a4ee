"""`eugpt conversation`: the local names for conversation ids, listed, given and forgotten."""

from collections.abc import Callable
from difflib import get_close_matches
from typing import NamedTuple

from eugpt_cli.conversation.names import Conversations
from eugpt_cli.errors import UsageError
from eugpt_cli.settings import resolving
from eugpt_cli.settings.resolving import Options
from eugpt_cli.system.console import Console
from eugpt_cli.text.escapes import one_line


class Action(NamedTuple):
    """What an ACTION takes, and what it does with it."""

    words: tuple[str, ...]
    run: Callable[[Options, Console, Conversations], None]


def run(options: Options, console: Console) -> int:
    action = ACTIONS.get(options.action)
    if not action:
        near = get_close_matches(options.action or "", ACTIONS, n=1)
        said = f"there is no action {options.action!r}" if options.action else "no action"
        raise UsageError(f"{said}; it is {', '.join(ACTIONS)}", hint=f"eugpt conversation {(near or ['list'])[0]}")
    if len(options.words) != len(action.words) or (options.json and action.words):
        usage = " ".join(("eugpt conversation", options.action, *(action.words or ("[--json]",))))
        raise UsageError(f"{options.action} takes {' and '.join(action.words) or 'nothing more'}", hint=usage)
    action.run(options, console, Conversations(console.environ, console.note))
    return 0


def _list(options: Options, console: Console, conversations: Conversations) -> None:
    entries = conversations.entries()
    if options.json:
        import orjson

        console.out(orjson.dumps([{"name": name, **entry} for name, entry in entries.items()]).decode())
        return
    names = {name: one_line(name) for name in entries}  # somebody may have edited the file
    width = max(map(len, names.values()), default=0)
    console.write("".join(f"{names[name]:<{width}}  {entry['id']}\n" for name, entry in entries.items()).encode())


def _name(options: Options, console: Console, conversations: Conversations) -> None:
    name, conversation_id = options.words
    before = conversations.name(name, resolving.uuid(conversation_id, "name NAME"))
    if before and before != conversation_id:
        _say(console, f"{name} stood for {before} before")


def _forget(options: Options, console: Console, conversations: Conversations) -> None:
    (name,) = options.words
    _say(console, f"{name} stood for {conversations.forget(name)}; the service keeps the conversation")


def _say(console: Console, text: str) -> None:
    if console.is_terminal(2):
        console.note(text)


ACTIONS = {
    "list": Action((), _list),
    "name": Action(("NAME", "UUID"), _name),
    "forget": Action(("NAME",), _forget),
}
