"""The conversation that the turns of a run belong to: its id, how it gets one, and its lock around each turn."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress

from eugpt_cli.conversation.names import Conversations, checked_name, is_id
from eugpt_cli.errors import ConfigError, EugptError
from eugpt_cli.system.locks import Wait


class Thread:
    """The conversation of a run: an id, a name that the first turn gives an id to, or neither (stateless)."""

    def __init__(self, conversations: Conversations, given: str | None, *, starts: bool) -> None:
        """`starts`: a name that stands for nothing begins a conversation. Raises ConfigError for it otherwise."""
        self._conversations = conversations
        self.name: str | None = None
        self.id: str | None = None
        if given and starts and not is_id(given):
            self.name = checked_name(given)
            self.id = conversations.find(self.name)
        elif given:
            self.id = conversations.resolve(given)

    @property
    def stored(self) -> bool:
        """Whether the next turn is kept in a conversation that later ones go on with."""
        return self.id is not None or self.name is not None

    @property
    def near(self) -> list[str]:
        """The names that are like a new one, which may have been mistyped."""
        return self._conversations.near(self.name) if self.name and not self.id else []

    @property
    def history(self) -> str | None:
        """The file of what the user has said in it, once it has an id."""
        return self._conversations.history(self.id) if self.id else None

    def call(self, name: str) -> None:
        """It has this name from now on, or once it has an id. Raises ConfigError for one that is another's."""
        name = checked_name(name)
        other = self._conversations.find(name)
        if other and other != self.id:
            raise ConfigError(f"{name} is the name of conversation {other}", hint="choose another name")
        if self.id:
            self._conversations.name(name, self.id)
        self.name = name

    @contextmanager
    def turn(self, wait: Wait) -> Iterator[None]:
        """Nobody else on this machine talks into the conversation in here; `id` is the one to send. Raises Busy."""
        with ExitStack() as held:
            if self.id is None and self.name is not None:
                held.enter_context(self._conversations.lock(self.name, wait, needed=True))
                self.id = self._conversations.find(self.name)  # whoever was before us may have begun it
            if self.id is not None:
                held.enter_context(self._conversations.lock(self.id, wait))
            yield

    @contextmanager
    def learning(self, told: Callable[[], str | None]) -> Iterator[None]:
        """After it the id is known that the service has told meanwhile; the first one is kept, under the name.

        Raises ConfigError or OutputError if the name cannot be kept, and nothing else has gone wrong.
        """
        try:
            yield
        except BaseException:
            with suppress(EugptError):
                self._learn(told())
            raise
        self._learn(told())

    def _learn(self, conversation_id: str | None) -> None:
        if self.id is None and is_id(conversation_id):
            self.id = conversation_id
            if self.name is not None:
                self._conversations.name(self.name, self.id)
