"""Assembles the test double: scenario, recordings, upstream and journal, and their verdict at the end."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from eugpt_cli.local.rehearsal import scenario
from eugpt_cli.local.rehearsal.exchange_log import ExchangeLog
from eugpt_cli.local.rehearsal.key_mask import KeyMask
from eugpt_cli.local.rehearsal.recording import RecordingShelf
from eugpt_cli.local.rehearsal.upstream import RecordingFolder, Upstream
from eugpt_cli.local.server_config import NOT_FOUND, OUTPUT_FAILED, REJECTED, ServeError, ServerConfig


class Rehearsal:
    """The parts of a test double that a configuration asks for; `held` closes them. Raises ServeError."""

    def __init__(self, config: ServerConfig, local_key: str, note: Callable[[str], None], held: ExitStack) -> None:
        self._note = note
        self._strict = config.strict
        self.scenario = scenario.load(config.scenario) if config.scenario else None
        self.shelf = _shelf(config.replay, config.record) if config.replay else None
        self._folder: RecordingFolder | None = None
        self.upstream: Upstream | None = None
        secrets = tuple(KeyMask(key) for key in (config.upstream_key, local_key) if key)
        if config.record and config.upstream:
            self._folder = RecordingFolder(config.record, secrets, self.shelf is not None, note)
            if self.shelf:
                self._folder.kept = self.shelf.add
            self.upstream = Upstream(config.upstream, config.upstream_key, config.ca_file, self._folder)
        self.log = ExchangeLog(config.journal, secrets, note) if config.journal else None
        if self.log:
            held.callback(self.log.close)

    def verdict(self, status: int) -> int:
        """Prints what is left over, and returns the exit status: COMMAND's own, unless it is 0 and something is wrong.

        32: the journal or a recording could not be written; 44: a request had no recording; 82: with --strict, a table
        of the scenario was left unused, or a member of it had no effect.
        """
        misses = self.shelf.misses() if self.shelf else []
        unused, idle = (self.scenario.unused(), self.scenario.without_effect()) if self.scenario else ([], [])
        self._list("no recording for", misses)
        self._list("scenario:", unused)
        self._list("no effect in the scenario:", idle)
        unwritten = (self.log is not None and self.log.failed) or (self._folder is not None and self._folder.failed)
        wrong = (
            (OUTPUT_FAILED, unwritten),
            (NOT_FOUND, bool(misses)),
            (REJECTED, self._strict and bool(unused or idle)),
        )
        return next((code for code, applies in wrong if applies), 0) if status == 0 else status

    def _list(self, what: str, lines: Sequence[str]) -> None:
        for line in lines:
            self._note(f"eugpt serve: {what} {line}")


_ENGINE_ONLY = ("projects", "web", "files", "daily_tokens", "monthly_tokens")
"""Options that only affect the server's own answers."""
_FLAGS = {"projects": "--project", "files": "--file"}


def refuse_combinations(config: ServerConfig) -> None:
    """Raises ServeError for options that make no sense together: nothing is silently ignored."""
    needs = (
        ("--record", config.record, "--upstream", config.upstream),
        ("--upstream", config.upstream, "--record", config.record),
        ("--ca-file", config.ca_file, "--upstream", config.upstream),
        ("--strict", config.strict, "--scenario", config.scenario),
    )
    for option, given, other, needed in needs:
        if given and not needed:
            raise ServeError(f"{option} needs {other}")
    elsewhere = "--replay" if config.replay else "--upstream" if config.upstream else None
    for name in _ENGINE_ONLY:
        if elsewhere and getattr(config, name):
            flag = _FLAGS.get(name, f"--{name.replace('_', '-')}")
            raise ServeError(f"{flag} has no effect with {elsewhere}, which answers in the server's place")


def _shelf(replay: Path, record: Path | None) -> RecordingShelf:
    """The recordings to replay, with those of the folder that gets new ones, which may still be empty."""
    if record is None or record.resolve() == replay.resolve():
        return RecordingShelf([replay], may_be_empty=record is not None)
    return RecordingShelf([replay, record], may_be_empty=True)
