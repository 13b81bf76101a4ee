"""Writes the generated files of a checkout: `python -m eugpt_cli.reference [--check] [FOLDER]`."""

import sys
from pathlib import Path

from eugpt_cli.reference import bash, fish, manual, option_records, readme, zsh
from eugpt_cli.reference.tree import tree

SHELLS = {"eugpt.bash": bash, "_eugpt": zsh, "eugpt.fish": fish}
FRAGMENTS = ("batch", "serve")


def files(top: Path) -> dict[Path, str]:
    """Each generated file and what it should hold."""
    described = tree()
    fragments = {name: _text(top / f"man/{name}.1.in") for name in FRAGMENTS}
    made = {
        top / "man/eugpt.1": manual.page(described, _text(top / "man/eugpt.1.in"), fragments),
        top / "eugpt_cli/settings/records.py": option_records.module(),
        top / "README.md": readme.renewed(described, _text(top / "README.md")),
    }
    for name, shell in SHELLS.items():
        made[top / "completions" / name] = shell.script(described, _text(top / f"completions/{name}.in"))
    return made


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def main(argv: list[str]) -> int:
    top = Path(next((word for word in argv if not word.startswith("-")), "."))
    stale = {path: text for path, text in files(top).items() if _text(path) != text}
    for path, text in stale.items():
        if "--check" in argv:
            sys.stderr.write(f"{path} is out of date; run python -m eugpt_cli.reference\n")
        else:
            path.write_text(text, encoding="utf-8")
    return 1 if stale and "--check" in argv else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
