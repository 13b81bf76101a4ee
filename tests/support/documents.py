"""The README and the manual, and the examples in them."""

import re
import textwrap
from pathlib import Path

TOP = Path(__file__).parents[2]
README = (TOP / "README.md").read_text("utf-8")
MANUAL = (TOP / "man/eugpt.1").read_text("utf-8")


def blocks() -> list[str]:
    """The indented blocks of the README."""
    found = re.findall(r"(?:^(?:    .*)?\n)+", README, re.MULTILINE)
    return [textwrap.dedent(block).strip() + "\n" for block in found if block.strip()]


def examples() -> list[str]:
    """The examples of the manual but for those about serve, which tests/local runs."""
    text = re.sub(
        r"^\.SH (SCENARIO FILES|RECORDINGS|TESTING YOUR OWN SCRIPTS|KEYS FILE)\n.*?(?=^\.SH )",
        "",
        MANUAL,
        flags=re.MULTILINE | re.DOTALL,
    )
    found = re.findall(r"^\.EX\n(.*?)^\.EE", text, re.MULTILINE | re.DOTALL)
    return [re.sub(r"\\(?:\((ti|ha|ga|dq)|(.))", _plain, example) for example in found]


def _plain(match: re.Match[str]) -> str:
    return {"ti": "~", "ha": "^", "ga": "`", "dq": '"'}[match[1]] if match[1] else match[2].replace("e", "\\")
