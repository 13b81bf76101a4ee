"""`eugpt exit-codes`: the table of exit codes, or the row of one."""

from collections.abc import Iterable
from typing import Any

from eugpt_cli.errors import ExitCode, UsageError
from eugpt_cli.settings.records import ExitCodesOptions
from eugpt_cli.system.console import Console
from eugpt_cli.text.suggestions import did_you_mean


def run(options: ExitCodesOptions, console: Console) -> int:
    codes = list(ExitCode) if options.code is None else [_named(options.code)]
    if options.json:
        import orjson

        rows = [_row(code) for code in codes]
        console.out(orjson.dumps(rows if options.code is None else rows[0]).decode())
    else:
        console.out("\n".join(_lines(codes)))
    return 0


def _named(word: str) -> ExitCode:
    names = {name: code for code in ExitCode for name in (str(code.number), code.label)}
    if word not in names:
        raise UsageError(f"no exit code {word!r}{did_you_mean(word, names)}", hint="eugpt exit-codes")
    return names[word]


def _row(code: ExitCode) -> dict[str, Any]:
    return {"exit": code.number, "kind": code.label, "when": code.when, "again": code.again or None}


def _lines(codes: Iterable[ExitCode]) -> Iterable[str]:
    for code in codes:
        again = f" (worth trying again: {code.again})" if code.again else ""
        yield f"{code.number:>3}  {code.label:<16} {code.when}{again}"
