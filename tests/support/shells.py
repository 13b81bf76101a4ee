"""Real shells on a pty, with eugpt's completion loaded and `eugpt` itself a function that shows its arguments."""

import re
import shutil
from pathlib import Path
from typing import Any

import pexpect  # type: ignore[import-untyped]

COMPLETIONS = Path(__file__).parents[2] / "completions"
BASH_COMPLETION = Path("/usr/share/bash-completion/bash_completion")
ESCAPES = re.compile(r"\x1b\[[0-9;?>]*[A-Za-z]|\x1b[=>()][0-9A-Z]?|\x1b\][^\x07]*\x07|[\x07\x0f]")
PLAIN = {"TERM": "dumb", "LANG": "C.UTF-8", "PS1": "> "}
READLINE = """\
bind 'set completion-query-items 0' 'set page-completions off'
bind 'set bell-style none'; bind 'set show-all-if-ambiguous on'; bind 'set enable-bracketed-paste off'
bind 'set completion-query-items 0'; bind 'set page-completions off'
eugpt() { printf '<%s>' "$@"; echo; }
"""
SETUP = {
    "bash": READLINE + f". {COMPLETIONS}/eugpt.bash\n",
    "bash without = and : as breaks": READLINE
    + f". {COMPLETIONS}/eugpt.bash\n"
    + "COMP_WORDBREAKS=${COMP_WORDBREAKS//[=:]/}\n",
    "bash-completion": READLINE + f". {BASH_COMPLETION}\n. {COMPLETIONS}/eugpt.bash\n",
    "zsh": f"""\
fpath=({COMPLETIONS} $fpath); autoload -U compinit; compinit -u -D
LISTMAX=10000; unsetopt auto_menu beep prompt_cr prompt_sp; unset zle_bracketed_paste
zstyle ':completion:*' list-prompt ''; zstyle ':completion:*' menu no
eugpt() {{ printf '<%s>' "$@"; echo; }}
""",
    "fish": f"""\
set -g fish_autosuggestion_enabled 0
function fish_prompt; end
function eugpt; printf '<%s>' $argv; echo; end
source {COMPLETIONS}/eugpt.fish
""",
}
ARGV = {
    "bash": ["bash", "--norc", "--noprofile", "-i"],
    "zsh": ["zsh", "-f", "-i"],
    "fish": ["fish", "--no-config", "-i"],
}


def program(name: str) -> str:
    return re.split(r"[ -]", name)[0]


def present(name: str) -> bool:
    return shutil.which(program(name)) is not None and (name != "bash-completion" or BASH_COMPLETION.exists())


class Shell:
    """One interactive shell. What is typed is read in order, so nothing here waits but for what must come.

    Its PATH is a folder of programs that only tell, in `started`, that they were started.
    """

    def __init__(self, name: str, home: Path) -> None:
        self.name = name
        self._home = home
        self._started = home / "started"
        command, *arguments = ARGV[program(name)]
        self._child: Any = pexpect.spawn(
            shutil.which(command),
            arguments,
            env={**PLAIN, "HOME": str(home), "PATH": _traps(home / "bin", self._started)},
            cwd=str(home),
            dimensions=(400, 200),
            encoding="utf-8",
            timeout=60,
        )
        self._child.delaybeforesend = None
        (home / "setup").write_text(SETUP[name])
        self._type(". ./setup\n")
        self._started.unlink(missing_ok=True)

    def close(self) -> None:
        self._child.close(force=True)

    def started(self) -> str:
        """The names of the programs that have been started since the shell was set up."""
        return self._started.read_text() if self._started.exists() else ""

    def run(self, line: str) -> None:
        """A line of the shell's own."""
        self._type(f"{line}\n")

    def arguments(self, line: str) -> list[str]:
        """What `eugpt` gets once TAB has completed the line and Enter has sent it."""
        shown = self._type(f"{line}\t\n")
        last = [text for text in re.split(r"[\r\n]+", shown) if text.startswith("<")][-1:]
        return re.findall("<(.*?)>", "".join(last))

    def offers(self, line: str) -> dict[str, str]:
        """What a TAB after the line shows: each word and its description. Fish is asked what it would show."""
        if self.name == "fish":
            self._type(f"complete -C {_fish_quoted(line)} >offered\n")
            return dict(row.partition("\t")[::2] for row in (self._home / "offered").read_text().splitlines())
        self._child.send(f"{line}\t")  # nothing may follow yet: zsh shows no list while there are keys to read
        for _ in ("as it is typed", "under the list"):
            self._child.expect_exact(f"> {line}")
        shown = ESCAPES.sub("", str(self._child.before))
        self._type("\x15")
        rows = [row.partition(" -- ") for row in shown.splitlines()]
        return {word: told.strip() for words, _, told in rows for word in re.split(r"\s+", words) if word}

    def _type(self, keys: str) -> str:
        """The screen from these keys to the echo of an end mark."""
        self._child.send(keys + "echo en''d\n")
        self._child.expect(r"(?<!echo )end\r?\n")
        return ESCAPES.sub("", str(self._child.before))


def _fish_quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _traps(folder: Path, started: Path) -> str:
    folder.mkdir()
    for name in ("python3", "python", "eugpt", "sed", "awk", "grep", "cat", "jq", "echo-of-a-program"):
        (folder / name).write_text(f"#!/bin/sh\necho {name} >> '{started}'\n")
        (folder / name).chmod(0o755)
    return str(folder)
