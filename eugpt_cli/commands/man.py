"""`eugpt man`: the manual, also where man(1) cannot find it or is not there at all (uv tool, containers, the .pyz)."""

import os
import shutil
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

import eugpt_cli
from eugpt_cli.errors import ConfigError
from eugpt_cli.settings.records import ManOptions
from eugpt_cli.system.console import Console
from eugpt_cli.text import roff

WIDTH = 80


def run(options: ManOptions, console: Console) -> int:
    page = _page()
    width = WIDTH
    if console.is_terminal(1):
        man = shutil.which("man", path=console.environ.get("PATH"))
        if man and isinstance(page, Path):
            console.exec(man, [str(page)])
        width = os.get_terminal_size(1).columns or WIDTH
    console.write(roff.text(page.read_text("utf-8"), width).encode())
    return 0


def _page() -> Traversable:
    """Beside the modules where they are installed, in man/ of a checkout."""
    package = resources.files(eugpt_cli)
    for page in (package / "eugpt.1", Path(str(package)).parent / "man" / "eugpt.1"):
        if page.is_file():
            return page
    raise ConfigError("the manual was not installed with this eugpt")
