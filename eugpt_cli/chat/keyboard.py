"""What the user types in an interactive session: with prompt_toolkit where it is installed, else a line at a time."""

import os
import select
import signal
import termios
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from importlib.util import find_spec
from typing import Protocol

from eugpt_cli.errors import Stopped

PASTE_SECONDS = 0.05
ENDS = (signal.SIGTERM, signal.SIGHUP)  # Ctrl-C only clears what was typed


class End(Exception):
    """The user has ended the input (Ctrl-D)."""


class Cancelled(Exception):
    """The user has thrown away what they were typing (Ctrl-C)."""


class Terminal(Protocol):
    """What is needed of the console."""

    def size(self) -> tuple[int, int]: ...

    def without_heartbeat(self) -> AbstractContextManager[None]: ...


class Keyboard(Protocol):
    """`keys` are those of its own, and what they do."""

    keys: Sequence[tuple[str, str]]

    def read(self, prompt: str) -> str:
        """A message, which may have many lines. Raises End, Cancelled, or UnicodeDecodeError."""


def open_keyboard(history: Sequence[str], words: Mapping[str, bool], world: Terminal, *, dumb: bool) -> Keyboard:
    """`past`: earlier messages, the oldest first. `words` are completed at the start, and whether a path follows.

    A `dumb` terminal cannot move its cursor.
    """
    if dumb:
        return _Bare()
    return _Editor(history, words, world) if find_spec("prompt_toolkit") else _readline(history) or _Bare()


class _Bare:
    """What the terminal itself can do: a line at a time; lines that come at once are one paste."""

    keys: Sequence[tuple[str, str]] = ()

    def __init__(self) -> None:
        self._is_over = False

    def read(self, prompt: str) -> str:
        lines: list[str] = []
        try:
            while not self._is_over and (not lines or select.select([0], [], [], PASTE_SECONDS)[0]):
                lines.append(input("" if lines else prompt))
        except EOFError:
            self._is_over = True
        if lines:
            return "\n".join(lines)
        os.write(1, b"\n")
        raise End


def _readline(history: Sequence[str]) -> "_Readline | None":
    """None where Python has none, or one that takes no paste in one piece."""
    try:
        import readline
    except ImportError:
        return None
    return None if "libedit" in (readline.__doc__ or "") else _Readline(history)


class _Readline:
    """A line with editing and history, and a paste in one piece."""

    keys: Sequence[tuple[str, str]] = ()

    def __init__(self, history: Sequence[str]) -> None:
        import readline

        readline.parse_and_bind("set enable-bracketed-paste on")
        readline.set_auto_history(False)
        self._remember = readline.add_history
        for entry in history:
            self._remember(entry)

    def read(self, prompt: str) -> str:
        try:
            text = input(prompt)
        except EOFError:
            raise End from None
        if text:
            self._remember(text)
        return text


class _Editor:
    """Several lines, history with search, paste in one piece; Enter sends, Alt-Enter begins a new line."""

    keys: Sequence[tuple[str, str]] = (("Alt-Enter", "start a new line"),)

    def __init__(self, history: Sequence[str], words: Mapping[str, bool], world: Terminal) -> None:
        from prompt_toolkit import PromptSession
        from prompt_toolkit.completion import NestedCompleter, PathCompleter
        from prompt_toolkit.data_structures import Size
        from prompt_toolkit.history import InMemoryHistory
        from prompt_toolkit.input import create_input
        from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
        from prompt_toolkit.output.vt100 import Vt100_Output
        from prompt_toolkit.shortcuts import CompleteStyle

        self._still = world.without_heartbeat
        keys = KeyBindings()

        @keys.add("enter")
        def send(event: KeyPressEvent) -> None:
            event.current_buffer.validate_and_handle()

        @keys.add("escape", "enter")
        def new_line(event: KeyPressEvent) -> None:
            event.current_buffer.insert_text("\n")

        terminal = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - lives as long as the session
        self._session: PromptSession[str] = PromptSession(
            history=InMemoryHistory(history),
            key_bindings=keys,
            multiline=True,
            prompt_continuation="  ",
            completer=NestedCompleter({word: PathCompleter() if path else None for word, path in words.items()}),
            complete_while_typing=False,
            complete_style=CompleteStyle.READLINE_LIKE,
            reserve_space_for_menu=0,
            enable_history_search=True,
            enable_suspend=True,
            input=create_input(),
            # Without cursor position requests: their answers land on the command line of slow terminals.
            output=Vt100_Output(terminal, lambda: Size(*reversed(world.size())), enable_cpr=False),
        )

    def read(self, prompt: str) -> str:
        """Raises Stopped, too."""
        before = {signum: signal.getsignal(signum) for signum in ENDS}
        try:
            with self._still():
                return self._session.prompt([("bold", prompt)], pre_run=self._listen)
        except EOFError:
            raise End from None
        except KeyboardInterrupt:
            raise Cancelled from None
        finally:
            for signum, handler in before.items():
                signal.signal(signum, handler)

    def _listen(self) -> None:
        """Lets the event loop handle signals, since it swallows what they raise."""
        import asyncio

        for signum in ENDS:
            if signal.getsignal(signum) is not signal.SIG_IGN:
                asyncio.get_running_loop().add_signal_handler(signum, self._stop, signum)

    def _stop(self, signum: int) -> None:
        with suppress(Exception):  # it is ending already
            self._session.app.exit(exception=Stopped(signum))


@contextmanager
def unechoed() -> Iterator[None]:
    """Turns echo off, so that typing does not mix with the answer; it is read as the next message."""
    before = termios.tcgetattr(0)
    silent = before.copy()
    silent[3] &= ~termios.ECHO
    termios.tcsetattr(0, termios.TCSANOW, silent)
    try:
        yield
    finally:
        termios.tcsetattr(0, termios.TCSANOW, before)
