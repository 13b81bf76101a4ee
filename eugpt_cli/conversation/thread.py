"""The conversation that the turns of a run belong to: its id, how it gets one, and its lock around each turn."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

from eugpt_cli.api.outcome import Outcome
from eugpt_cli.conversation.names import Conversations, checked_name, is_id
from eugpt_cli.errors import Busy, ConfigError, EugptError, LocalError, NotTheApi, OutputError
from eugpt_cli.system.locks import Wait


class Thread:
    """The conversation of a run: an id, a name that the first turn gives an id to, or neither (stateless)."""

    def __init__(self, conversations: Conversations, given: str | None, *, starts: bool) -> None:
        """`starts`: an unused name starts a conversation; otherwise it raises ConfigError."""
        self._conversations = conversations
        self._held = ExitStack()  # the locks of the turn in flight
        self.name = checked_name(given) if given and not is_id(given) else None
        self.id = given if is_id(given) else None
        if self.name is not None:
            self.id = conversations.find(self.name) if starts else conversations.known(self.name)

    @property
    def stored(self) -> bool:
        """Whether the service stores the next turn in a conversation, which later turns continue."""
        return self.id is not None or self.name is not None

    @property
    def near(self) -> list[str]:
        """The names that are like a new one, which may have been mistyped."""
        return self._conversations.near(self.name) if self.name and not self.id else []

    def check_named(self) -> None:
        """Raises NotTheApi if the turns have a name and the service sent no id for it."""
        if self.name and not self.id:
            raise NotTheApi(
                f"the service returned no conversation id, so {self.name} cannot be continued",
                hint="without -c, chat needs no id",
            )

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
                held.enter_context(self._conversations.lock(self.name, wait, starts=True))
                self.id = self._conversations.find(self.name)  # whoever was before us may have begun it
            if self.id is not None:
                held.enter_context(self._conversations.lock(self.id, wait))
            elif self.name is not None:
                self._check_writable()
            self._held = held
            yield

    def _check_writable(self) -> None:
        """Raises ConfigError if the name could not be stored: nothing has been sent."""
        from eugpt_cli.system.replacement import Replacement

        try:
            with self._conversations.writing():
                Replacement(self._conversations.path).discard()
        except OutputError as error:
            raise ConfigError(
                f"the name of a new conversation cannot be stored: {error.message}",
                hint="check this path, or set XDG_STATE_HOME to another folder",
            ) from None

    def learn(self, conversation_id: str | None) -> None:
        """Stores the first conversation id that the service sends, under the name.

        From then on other runs find it, so that the rest of the turn holds the id's lock, too.
        Raises ConfigError or OutputError if the name cannot be kept; the next call tries again.
        """
        if self.id is None and is_id(conversation_id):
            if self.name is not None:
                with suppress(Busy):
                    self._held.enter_context(self._conversations.lock(conversation_id, Wait(0)))
                self._conversations.name(self.name, conversation_id)
            self.id = conversation_id

    @contextmanager
    def learning(self, outcome: Outcome) -> Iterator[None]:
        """Stores the id as soon as the service sends it, so that not even SIGKILL loses it.

        Raises ConfigError or OutputError at the end if the name cannot be kept, and nothing else has gone wrong.
        """

        def learn() -> None:
            with suppress(EugptError):
                self.learn(outcome.conversation_id)

        outcome.conversation_told = learn
        try:
            yield
        except BaseException as fault:
            learn()
            if self.id is not None and isinstance(fault, EugptError):
                self._conversations.turn_ended(self.id, fault, self.name)
            raise
        try:
            self.learn(outcome.conversation_id)
        except LocalError as fault:
            raise _unnamed(fault, str(self.name), str(outcome.conversation_id)) from None
        if self.id is not None:
            self._conversations.turn_ended(self.id, None)


def _unnamed(fault: LocalError, name: str, conversation_id: str) -> OutputError:
    """The turn is stored, and its name is not: how to continue it all the same."""
    unnamed = OutputError(
        f"{fault.message}; the turn was stored in conversation {conversation_id}, which has no name",
        hint=f"eugpt conversation name {name} {conversation_id}; until then continue it with -c {conversation_id}",
    )
    unnamed.conversation_id, unnamed.stored = conversation_id, True
    return unnamed
