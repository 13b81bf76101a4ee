"""`eugpt doctor`: prints a line for each check, then fails with the first problem."""

from collections.abc import Iterator
from typing import Any

from eugpt_cli.errors import EugptError
from eugpt_cli.run.diagnosis import CHECKS, Check, Finding, Visit
from eugpt_cli.settings.records import DoctorOptions
from eugpt_cli.system.console import Console
from eugpt_cli.text.escapes import one_line


def run(options: DoctorOptions, console: Console) -> int:
    round_ = Round(Visit(options.values, console))
    rows: list[dict[str, Any]] = []
    for check, finding in round_.findings():
        if options.json:
            rows.append(_row(check, finding))
        else:
            console.out(_line(check, finding))
    if options.json:
        import orjson

        code = round_.problem.exit.number if round_.problem else 0
        console.out(orjson.dumps({"ok": not code, "exit": code, "checks": rows}).decode())
    if round_.problem:
        raise round_.problem
    return 0


class Round:
    """All checks in their order; `problem` is the first that was found."""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit
        self._blocked: dict[str, str] = {}  # what cannot be had, and the check whose failure is the reason
        self.problem: EugptError | None = None

    def findings(self) -> Iterator[tuple[Check, Finding]]:
        for check in CHECKS:
            yield check, self._finding(check)

    def _finding(self, check: Check) -> Finding:
        reason = next((self._blocked[need] for need in check.needs if need in self._blocked), None)
        if reason:
            self._blocked[check.name] = reason
            return Finding("skipped", f"needs {reason}")
        try:
            return check.look(self._visit)
        except EugptError as error:
            self._blocked[check.name] = check.name
            self.problem = self.problem or error
            status = f" (HTTP {error.http_status})" if error.http_status else ""
            return Finding("failed", f"{error.message}{status}", error.hint)


def _row(check: Check, finding: Finding) -> dict[str, Any]:
    return {"check": check.name, "mark": finding.mark, "says": finding.says, "hint": finding.hint, **finding.facts}


def _line(check: Check, finding: Finding) -> str:
    hint = f"; {finding.hint}" if finding.hint and finding.mark == "warning" else ""
    return f"{finding.mark:<8} {check.name:<9} {one_line(finding.says)}{hint}"
