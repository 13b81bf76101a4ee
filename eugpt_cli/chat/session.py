"""An interactive chat: messages and commands from the keyboard, answers on the screen, until the user ends it."""

import os
import signal
from collections.abc import Callable
from difflib import get_close_matches
from functools import partial
from importlib.util import find_spec
from textwrap import TextWrapper
from typing import NamedTuple

from eugpt_cli.api.outcome import Outcome
from eugpt_cli.api.request import build, compose
from eugpt_cli.chat.history import MessageHistory
from eugpt_cli.chat.keyboard import Cancelled, End, Keyboard, open_keyboard, unechoed
from eugpt_cli.chat.screen import Plain, Styled
from eugpt_cli.errors import EugptError, InputError, OutOfTime, Stopped
from eugpt_cli.http.route import target_of
from eugpt_cli.output.report import error_json, error_text
from eugpt_cli.output.writers import TextWriter, encode
from eugpt_cli.run import prompt, turn
from eugpt_cli.run.prompt import Draft
from eugpt_cli.run.reporting import RunReport
from eugpt_cli.settings.records import ChatOptions
from eugpt_cli.system import files
from eugpt_cli.system.console import Console
from eugpt_cli.system.streams import DUMB
from eugpt_cli.text.escapes import one_line, visible
from eugpt_cli.text.redaction import RedactingSink, Sink

PROMPT = "> "
RETRY_TWICE = "/retry sends it again, and the conversation may then contain it twice"


LEAVE = "to leave, type /quit or press Ctrl-D"
LEAVING_WORDS = ("exit", "quit")
PATIENT_CTRL_CS = 3


class SlashCommand(NamedTuple):
    """What a word that begins with a slash does with the text after it, without which some do nothing (`needed`)."""

    run: Callable[["Session", str], None]
    takes: str
    help: str
    path: bool = False
    needed: bool = False


class Session:
    """The state of one chat; `line` is its way to the service, `report` what it leaves about itself."""

    def __init__(self, options: ChatOptions, console: Console, line: turn.TurnSender, report: RunReport) -> None:
        self._options = options
        self._console = console
        self._line = line
        self._report = report
        self._thread = line.thread
        self._target = target_of(options.base_url)
        self._given = prompt.fields(options)
        self._attached = [(name, files.read_text(name)) for name in options.file]
        self._dumb = console.environ.get("TERM", "dumb") in DUMB
        self._dims = console.is_terminal(2) and not self._dumb and not console.environ.get("NO_COLOR")
        self._history = MessageHistory(self._history_path)
        self._draft: Draft | None = None
        self._heard: list[str] = []
        self._broke_off = False
        self._may_be_stored = False  # the last message has failed, and the service may have stored it
        self._save_over: str | None = None  # an existing file that the same command once more replaces
        self._ctrl_cs = 0
        self._over = False

    def run(self) -> None:
        """Raises Stopped for a signal that is no Ctrl-C, and OutOfTime."""
        words = {word: command.path for word, command in COMMANDS.items()}
        keyboard = self._keyboard = open_keyboard(self._history.entries(), words, self._console, dumb=self._dumb)
        near = self._thread.near
        self._note(" · ".join([self._where(), *([f"did you mean {', '.join(near)}?"] if near else []), "/help"]))
        while not self._over:
            try:
                with self._console.interruptible():
                    self._take(self._read(keyboard))
            except End:
                break
            except Cancelled:
                self._count_ctrl_c()
            except Stopped as stop:
                _pass_on(stop)
                self._tell_stopped(stop)
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
            raise InputError("the input is not UTF-8") from None

    def _count_ctrl_c(self) -> None:
        self._ctrl_cs += 1
        if self._ctrl_cs % PATIENT_CTRL_CS == 0:
            self._tell(LEAVE)

    def _tell_stopped(self, stop: Stopped) -> None:
        if stop.fault:
            self._may_be_stored = True
            self._tell(f"{stop.fault.message}; {RETRY_TWICE}")
        else:
            self._note("stopped")

    def _take(self, text: str) -> None:
        self._ctrl_cs = 0
        if text in LEAVING_WORDS:
            self._tell(f"{LEAVE}; to send {text!r} as a message, start with a space")
        elif text.startswith("/") and "\n" not in text:
            self._obey(*text.split(" ", 1))
        elif text.strip():
            self._say(text)

    def _obey(self, word: str, rest: str = "") -> None:
        command, rest = COMMANDS.get(word), rest.strip()
        if not command:
            near = get_close_matches(word, COMMANDS, 1)
            meant = f"did you mean {near[0]}?" if near else "/help lists them."
            self._tell(f"unknown command {one_line(word)}; {meant} Start with a space to send it as text")
        elif command.needed and not rest:
            self._tell(f"{word} {command.takes}: {command.help}")
        else:
            command.run(self, rest)

    def _say(self, text: str) -> None:
        text = files.text([os.fsencode(text), b"\n"], "the message")
        self._history.add(text)
        self._draft = partial(build, self._target, compose(text, None, self._attached), stream=True, **self._given)
        self._attached, self._given["file_ids"] = [], []
        self._send()

    def _send(self) -> None:
        with self._report.turn() as outcome:
            self._deliver(self._draft, outcome)
            self._broke_off = self._may_be_stored = False
            self._thread.check_named()
        if not self._thread.id:
            self._note("the service returned no conversation id, so it will not remember this message")

    def _deliver(self, draft: Draft | None, outcome: Outcome) -> None:
        assert draft
        screen = self._screen()
        sink = RedactingSink(self._report.measured(screen), self._line.secret)
        try:
            with unechoed():
                self._line.deliver(draft, sink, self._writer, outcome)
        except EugptError as fault:
            self._may_be_stored = fault.stored
            fault.hint = fault.hint or (RETRY_TWICE if fault.stored else "/retry sends it again")
            raise
        finally:
            sink.discard()
            if not self._options.no_history:
                self._history.save()

    def _screen(self) -> Plain:
        console = self._console
        if self._options.plain or self._dumb or not find_spec("rich"):
            return Plain(console.write, console.size)
        from eugpt_cli.chat.markdown import Markdown

        return Styled(console.write, console.size, Markdown(console.environ))

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
        commands = [(f"{word} {command.takes}".rstrip(), command.help) for word, command in COMMANDS.items()]
        rows = [*commands, *self._keyboard.keys, *KEYS]
        indent = max(len(row[0]) for row in rows) + 2
        columns = max(self._console.size()[0] - 1, indent + 10)
        shape = TextWrapper(columns, subsequent_indent=" " * indent, break_on_hyphens=False)
        self._tell("\n".join(line for left, right in rows for line in shape.wrap(f"{left:<{indent}}{right}")))

    def tell_id(self, rest: str) -> None:
        self._tell(self._where())

    def name(self, rest: str) -> None:
        self._thread.call(rest)
        self._tell(self._where())

    def retry(self, rest: str) -> None:
        if not self._draft:
            self._tell("nothing to send again")
            return
        if self._may_be_stored:
            self._tell("sending it again; the conversation may now contain it twice")
        self._send()

    def save(self, rest: str) -> None:
        if not self._heard:
            self._tell("no answer to save yet")
            return
        path, visible_name = files.expand(rest, self._console.environ), one_line(rest)
        if os.path.isfile(path) and self._save_over != path:
            self._save_over = path
            self._tell(f"{visible_name} exists; repeat the command to replace it")
            return
        self._save_over = None
        with turn.opened(path, self._console, self._line.secret) as sink:
            sink.write(encode("".join(self._heard)))
        self._tell(f"wrote the last answer{', which broke off,' if self._broke_off else ''} to {visible_name}")

    def attach(self, rest: str) -> None:
        path = files.expand(rest, self._console.environ)
        self._attached.append((rest, files.read_text(path)))
        self._tell(f"attached {one_line(rest)} to the next message")

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
    "/help": SlashCommand(Session.help, "", "list the commands and keys"),
    "/id": SlashCommand(Session.tell_id, "", "print the name and id of this conversation"),
    "/name": SlashCommand(Session.name, "NAME", "name this conversation", needed=True),
    "/retry": SlashCommand(Session.retry, "", "send the last message again"),
    "/save": SlashCommand(Session.save, "FILE", "write the last answer to FILE", path=True, needed=True),
    "/file": SlashCommand(Session.attach, "PATH", "attach a text file to the next message", path=True, needed=True),
    "/instructions": SlashCommand(
        Session.instruct, "TEXT", "set the system prompt; @FILE reads it from a file, - removes it"
    ),
    "/quit": SlashCommand(Session.quit, "", "leave; you can continue the conversation later"),
}
KEYS = (("Ctrl-C", "stop the answer, or clear what you typed"), ("Ctrl-D", "leave"))
