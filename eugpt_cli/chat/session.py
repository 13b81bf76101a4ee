"""An interactive chat: messages and commands from the keyboard, answers on the screen, until the user ends it."""

import os
import signal
from collections.abc import Callable
from difflib import get_close_matches
from functools import partial
from importlib.util import find_spec
from typing import NamedTuple

from eugpt_cli.api.outcome import Outcome
from eugpt_cli.api.request import build, compose
from eugpt_cli.chat.history import MessageHistory
from eugpt_cli.chat.keyboard import Cancelled, End, Keyboard, open_keyboard, unechoed
from eugpt_cli.chat.screen import Plain, Styled
from eugpt_cli.errors import EugptError, InputError, OutOfTime, Stopped
from eugpt_cli.http.route import target_of
from eugpt_cli.output.activity import Activity
from eugpt_cli.output.report import error_json, error_text
from eugpt_cli.output.writers import TextWriter, encode
from eugpt_cli.run import prompt, turn
from eugpt_cli.run.prompt import Draft
from eugpt_cli.settings.records import ChatOptions
from eugpt_cli.system import files
from eugpt_cli.system.console import Console
from eugpt_cli.text.escapes import one_line, visible
from eugpt_cli.text.redaction import RedactingSink, Sink

PROMPT = "> "


class SlashCommand(NamedTuple):
    """What a word that begins with a slash does, with the text after it or without any."""

    run: Callable[["Session", str], None]
    takes: str
    help: str
    path: bool = False


class Session:
    """The state of one chat; `line` is its way to the service."""

    def __init__(self, options: ChatOptions, console: Console, line: turn.TurnSender) -> None:
        self._options = options
        self._console = console
        self._line = line
        self._thread = line.thread
        self._target = target_of(options.base_url)
        self._given = prompt.fields(options)
        self._attached = [(name, files.read_text(name)) for name in options.file]
        self._dumb = console.environ.get("TERM", "dumb") in ("dumb", "unknown", "")
        self._dims = console.is_terminal(2) and not self._dumb and not console.environ.get("NO_COLOR")
        self._history = MessageHistory(self._history_path)
        self._draft: Draft | None = None
        self._heard: list[str] = []
        self._broke_off = False
        self._over = False

    def run(self) -> None:
        """Raises Stopped for a signal that is no Ctrl-C, and OutOfTime."""
        words = {word: command.path for word, command in COMMANDS.items()}
        keyboard = self._keyboard = open_keyboard(self._history.entries(), words, self._console, dumb=self._dumb)
        near = self._thread.near
        self._note(" · ".join([self._where(), *([f"near it: {', '.join(near)}"] if near else []), "/help"]))
        while not self._over:
            try:
                with self._console.interruptible():
                    self._take(self._read(keyboard))
            except End:
                break
            except Cancelled:
                continue
            except Stopped as stop:
                _pass_on(stop)
                self._note("stopped")
            except OutOfTime:
                raise
            except EugptError as error:
                self._console.error(error_json(error) if self._options.errors == "json" else error_text(error))
        if self._thread.id:
            self._note(f"{self._where()} · eugpt chat -c {self._thread.name or self._thread.id}")

    def _read(self, keyboard: Keyboard) -> str:
        try:
            return keyboard.read(PROMPT)
        except Stopped as stop:
            _pass_on(stop)
            self._console.error("")
            raise Cancelled from None
        except (KeyboardInterrupt, SystemError):  # what readline makes of two signals at once
            raise self._console.pending_signal() or Cancelled from None
        except UnicodeDecodeError:
            raise InputError("what was typed is not UTF-8") from None

    def _take(self, text: str) -> None:
        if text.startswith("/") and "\n" not in text:
            self._obey(*text.split(" ", 1))
        elif text.strip():
            self._say(text)

    def _obey(self, word: str, rest: str = "") -> None:
        command = COMMANDS.get(word)
        if command:
            command.run(self, rest.strip())
            return
        near = get_close_matches(word, COMMANDS, 1) or ["/help"]
        self._tell(f"there is no {one_line(word)}; {near[0]} is near; a space before it makes it a message")

    def _say(self, text: str) -> None:
        text = files.text([os.fsencode(text), b"\n"], "the message")
        self._history.add(text)
        self._draft = partial(build, self._target, compose(text, None, self._attached), stream=True, **self._given)
        self._attached, self._given["file_ids"] = [], []
        self._send()

    def _send(self) -> None:
        assert self._draft
        outcome = Outcome()
        screen = self._screen()
        sink = RedactingSink(screen, self._line.secret)
        try:
            with unechoed():
                fault = self._line.deliver(self._draft, sink, self._writer, outcome, Activity(screen.status))
        finally:
            sink.discard()
            if not self._options.no_history:
                self._history.save()
        if fault:
            twice = ", and then it may stand twice" if fault.stored else ""
            fault.hint = fault.hint or f"/retry sends it again{twice}"
            raise fault
        self._broke_off = False
        if not self._thread.id:
            self._note("the service named no conversation: the next message will not know of this one")

    def _screen(self) -> Plain:
        console = self._console
        draw = console.draw if self._dims and not self._options.quiet else None
        if self._options.plain or self._dumb or not find_spec("rich"):
            return Plain(console.write, console.size, draw)
        from eugpt_cli.chat.markdown import Markdown

        return Styled(console.write, console.size, draw, Markdown(console.environ))

    def _writer(self, sink: Sink) -> TextWriter:
        self._heard = []
        self._broke_off = True
        return TextWriter(sink.write, self._hear, live=True)

    def _hear(self, text: str) -> str:
        self._heard.append(text)
        return visible(text)

    def _note(self, text: str) -> None:
        if not self._options.quiet:
            self._tell(text)

    def _tell(self, text: str) -> None:
        self._console.error(f"\x1b[2m{text}\x1b[0m" if self._dims else text)

    def _where(self) -> str:
        thread = self._thread
        if thread.id:
            return f"conversation {thread.name} {thread.id}" if thread.name else f"conversation {thread.id}"
        return f"new conversation {thread.name}" if thread.name else "new conversation"

    def _history_path(self) -> str | None:
        return self._thread.history if not self._options.no_history else None

    def help(self, rest: str) -> None:
        rows = [(f"{word} {command.takes}".rstrip(), command.help) for word, command in COMMANDS.items()]
        width = max(len(row[0]) for row in rows)
        self._tell("\n".join(f"{left:<{width}}  {right}" for left, right in (*rows, *self._keyboard.keys, *KEYS)))

    def tell_id(self, rest: str) -> None:
        self._tell(self._where())

    def name(self, rest: str) -> None:
        self._thread.call(rest)
        self._tell(self._where())

    def retry(self, rest: str) -> None:
        if not self._draft:
            self._tell("there is nothing to send again")
            return
        self._send()

    def save(self, rest: str) -> None:
        if not self._heard or not rest:
            self._tell("/save FILE writes the last answer" if self._heard else "there is no answer to save")
            return
        path = files.expand(rest, self._console.environ)
        with turn.opened(path, self._console, self._line.secret) as sink:
            sink.write(encode("".join(self._heard)))
        if self._broke_off:
            self._note(f"{one_line(rest)} holds an answer that broke off")

    def attach(self, rest: str) -> None:
        path = files.expand(rest, self._console.environ)
        self._attached.append((rest, files.read_text(path)))
        self._tell(f"{rest} goes with the next message")

    def instruct(self, rest: str) -> None:
        if rest:
            self._given["instructions"] = None if rest == "-" else prompt.instructions(rest)
        self._tell(one_line(self._given["instructions"] or "no instructions"))

    def quit(self, rest: str) -> None:
        self._over = True


def _pass_on(stop: Stopped) -> None:
    """Ctrl-C ends a message or an answer; any other signal ends the session."""
    if stop.signum != signal.SIGINT:
        raise stop


COMMANDS = {
    "/help": SlashCommand(Session.help, "", "these words"),
    "/id": SlashCommand(Session.tell_id, "", "which conversation this is"),
    "/name": SlashCommand(Session.name, "NAME", "call this conversation so"),
    "/retry": SlashCommand(Session.retry, "", "send the last message again"),
    "/save": SlashCommand(Session.save, "FILE", "write the last answer to a file", path=True),
    "/file": SlashCommand(Session.attach, "PATH", "put a text file into the next message", path=True),
    "/instructions": SlashCommand(Session.instruct, "TEXT", "system prompt from now on; @FILE reads it, - is none"),
    "/quit": SlashCommand(Session.quit, "", "end the session; so does Ctrl-D"),
}
KEYS = (("Ctrl-C", "stop an answer; clear a message"),)
