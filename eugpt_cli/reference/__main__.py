"""Writes the generated files of a checkout anew: `python -m eugpt_cli.reference [--check] [FOLDER]`."""

import sys
from pathlib import Path

from eugpt_cli.reference import render


def files(top: Path) -> dict[Path, str]:
    """Each generated file and what it should hold."""
    return {
        top / "man/eugpt.1": render.man((top / "man/serve.1.in").read_text()),
        top / "completions/eugpt.bash": render.bash(),
        top / "completions/_eugpt": render.zsh(),
        top / "completions/eugpt.fish": render.fish(),
        top / "README.md": render.readme((top / "README.md").read_text()),
    }


def main(argv: list[str]) -> int:
    top = Path(next((word for word in argv if not word.startswith("-")), "."))
    stale = {path: text for path, text in files(top).items() if not path.exists() or path.read_text() != text}
    if "--check" not in argv:
        for path, text in stale.items():
            path.write_text(text)
    return 1 if stale and "--check" in argv else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
