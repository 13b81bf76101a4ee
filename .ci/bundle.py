"""What eugpt.pyz and the Debian package are made of: eugpt's own wheel and the locked wheels, for each Python.

Every wheel but eugpt's own comes from requirements.lock and has a hash of it. The same sources and the same lock give
the same files, whichever machine collects them.
"""

import re
import subprocess
import sys
import tempfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

PYTHONS = ("3.11", "3.12", "3.13", "3.14", "3.15")
TOP = Path(__file__).resolve().parent.parent
LOCK = TOP / ".ci/requirements.lock"
DATE = (1980, 1, 1, 0, 0, 0)
UNUSED = re.compile(
    r"\.data/|\.dist-info/(RECORD|WHEEL|INSTALLER|REQUESTED)|/__pycache__/|(^|/)tests/|\.(pyi|pyx|pxd|pxi|pyc|c|h|in)$|^pydantic/v1/"
)
GLIBC = (5, 12, 17, 24, 27, 28, 31, 34, 35, 39)  # manylinux_2_N in use: the oldest that a distribution offers is taken

Tree = dict[str, bytes]  # contents by name, as below site-packages


def platforms(tag: str) -> list[str]:
    """What pip takes for wheels of TAG, the one that runs on most machines first: `linux_x86_64` is every glibc."""
    if not tag.startswith("linux_"):
        return [tag]
    machine = tag.removeprefix("linux_")
    legacy = {5: "manylinux1", 12: "manylinux2010", 17: "manylinux2014"}
    names = [[f"manylinux_2_{minor}", *([legacy[minor]] if minor in legacy else [])] for minor in GLIBC]
    return [f"{name}_{machine}" for pair in names for name in pair]


def wheel(folder: Path) -> Path:
    """Eugpt's own wheel, built from this checkout into FOLDER."""
    pip("wheel", "--no-deps", "--wheel-dir", folder, TOP)
    (built,) = folder.glob("eugpt_cli-*.whl")
    return built


def locked() -> dict[str, str]:
    """The version of each distribution in the lock.

    Raises SystemExit if one has two, or a condition on the Python, which pip would judge by the one that runs it.
    """
    versions: dict[str, str] = {}
    for name, version, condition in re.findall(r"^([\w.-]+)==([^\s;]+)(?: *; *(.*?))? *\\$", LOCK.read_text(), re.M):
        if name in versions:
            sys.exit(f"requirements.lock: {name} is there twice")
        if condition and "python" in condition:
            sys.exit(f"requirements.lock: {name} depends on the Python ({condition}), but one file serves all of them")
        versions[name] = version
    return versions


def trees(tag: str) -> dict[str, Tree]:
    """The files for each Python on this platform."""
    versions = locked()
    with tempfile.TemporaryDirectory() as scratch, ThreadPoolExecutor() as pool:
        own = wheel(Path(scratch))
        folders = [Path(scratch, python) for python in PYTHONS]
        list(pool.map(download, folders, [tag] * len(folders)))
        found = {folder.name: sorted(folder.glob("*.whl")) for folder in folders}
        strangers = {path.name for wheels in found.values() for path in wheels if normal(path) not in versions.items()}
        if strangers:
            sys.exit(f"not in requirements.lock: {', '.join(sorted(strangers))}")
        return {
            python: {name: text for path in [own, *wheels] for name, text in unpacked(path)}
            for python, wheels in found.items()
        }


def download(folder: Path, tag: str) -> None:
    """The locked wheels for the Python that FOLDER is named after, into it."""
    wanted = [word for name in platforms(tag) for word in ("--platform", name)]
    hashed = ("--no-deps", "--require-hashes", "--requirement", LOCK)
    pip("download", "--dest", folder, "--python-version", folder.name, *wanted, "--only-binary=:all:", *hashed)


def normal(path: Path) -> tuple[str, str]:
    """Name and version of a wheel, written as in the lock."""
    name, version = path.name.split("-")[:2]
    return re.sub(r"[-_.]+", "-", name).lower(), version


def unpacked(path: Path) -> list[tuple[str, bytes]]:
    """What a wheel puts into site-packages, without what serves only type checkers, compilers and pip."""
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/") and not UNUSED.search(name)]
        return [(name, archive.read(name)) for name in names]


def pip(*arguments: object) -> None:
    subprocess.run([sys.executable, "-m", "pip", "--quiet", "--no-input", *map(str, arguments)], check=True)
