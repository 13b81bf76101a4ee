"""How a package gets into this installation of eugpt: each kind of installation has its own command.

A hint names the packages that are needed, and never `eugpt-cli` as something to fetch: anybody may own that name.
"""

import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

EXTRAS = {
    "serve": ("aiohttp", "pydantic"),
    "chat": ("prompt_toolkit", "rich"),
    "socks": ("socksio",),
    "schema": ("jsonschema-rs",),
}
PACKAGE = "/usr/lib/eugpt"  # where the Debian package of .ci/deb keeps eugpt and all that it needs
SINGLE_FILE = (
    "run the file with another Python, such as: python3.13 eugpt.pyz; "
    "or set TMPDIR to a folder that allows programs to run"
)
REQUIRED = ("typer", "httpx", "httptools", "orjson")


def how_to_add(extra: str) -> str:
    """The command that adds what an extra of pyproject.toml needs, for a person to run."""
    return how_to_install(EXTRAS[extra])


def incomplete(error: ImportError) -> tuple[str, str]:
    """What to say, and the hint, where a module that eugpt always needs is missing or made for another machine."""
    name = str(error.name).partition(".")[0]
    hint = how_to_install([name]) if name in REQUIRED else "install eugpt again"
    return f"this installation of eugpt is incomplete: {error}", hint


def how_to_install(names: Sequence[str]) -> str:
    """The command that brings these distributions into the environment of this process."""
    home = Path(__file__).parents[2]
    if home.is_file():
        return SINGLE_FILE
    packages = " ".join(names)
    prefix = Path(sys.prefix)
    if home == Path(PACKAGE):
        return "the installed copy is damaged; install the package again: apt install ./eugpt-cli_*.deb"
    if (prefix / "pipx_metadata.json").exists():
        return f"pipx inject {shlex.quote(prefix.name)} {packages}"
    if (prefix / "uv-receipt.toml").exists() or _made_by_uv(prefix):
        return f"uv pip install --python {shlex.quote(str(prefix))} {packages}"
    if sys.prefix != sys.base_prefix or not _belongs_to_the_system():
        return f"{shlex.quote(sys.executable or 'python3')} -m pip install {packages}"
    if "dist-packages" in home.parts:
        return "apt install " + " ".join(f"python3-{name.replace('_', '-')}" for name in names)
    return f"install {packages} for {sys.executable} with the package manager of this system"


def _made_by_uv(prefix: Path) -> bool:
    try:
        return "\nuv = " in (prefix / "pyvenv.cfg").read_text("utf-8")
    except OSError:
        return False


def _belongs_to_the_system() -> bool:
    """Whether pip leaves this Python alone (PEP 668)."""
    return os.path.exists(os.path.join(os.path.dirname(os.__file__), "EXTERNALLY-MANAGED"))
