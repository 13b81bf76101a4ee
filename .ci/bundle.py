"""What eugpt.pyz and the Debian package are made of: eugpt's own wheel and the locked wheels, for each Python.

Every wheel but eugpt's own comes from requirements.lock and has a hash of it. The same sources and the same lock give
the same files, whichever machine collects them.
"""

import email
import os
import re
import shutil
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
LIBC = {  # the names that a distribution may use for the oldest C library that it needs, the oldest first
    "manylinux_2": {
        "manylinux1": 5,
        "manylinux2010": 12,
        "manylinux2014": 17,
        **{f"manylinux_2_{minor}": minor for minor in (5, 12, 17, 24, 27, 28, 31, 34, 35, 39)},
    },
    "musllinux_1": {f"musllinux_1_{minor}": minor for minor in (1, 2)},
}
LICENCE = re.compile(r"\.dist-info/(licenses/.*)?(LICEN[CS]E|COPYING|NOTICE)[^/]*$", re.I)

Tree = dict[str, bytes]  # contents by name, as below site-packages


def platforms(tag: str) -> list[str]:
    """What pip takes for wheels of TAG, the one that runs on most machines first: `linux_x86_64` is every glibc."""
    tag = re.sub("^linux_", "manylinux_2_99_", tag.replace("manylinux2014_", "manylinux_2_17_"))
    libc, newest, machine = (re.findall(r"^(manylinux_2|musllinux_1)_(\d+)_(.*)", tag) or [("", 0, "")])[0]
    if not libc:
        return [tag]
    names = [name for name, minor in LIBC[libc].items() if minor <= int(newest)]
    return [f"{name}_{machine}" for name in names]


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


def trees(tag: str, pythons: tuple[str, ...] = PYTHONS) -> dict[str, Tree]:
    """The files for each of these Pythons on this platform."""
    versions = locked()
    with tempfile.TemporaryDirectory() as scratch, ThreadPoolExecutor() as pool:
        own = wheel(Path(scratch))
        folders = [Path(os.environ.get("EUGPT_WHEELS", scratch), tag, python) for python in pythons]
        complete = list(pool.map(download, folders, [tag] * len(folders)))
        found = {
            folder.name: sorted(folder.glob("*.whl")) for folder, whole in zip(folders, complete, strict=True) if whole
        }
        strangers = {path.name for wheels in found.values() for path in wheels if normal(path) not in versions.items()}
        if not found:
            sys.exit(f"no Python has all wheels on {tag}")
        if strangers:
            sys.exit(f"not in requirements.lock: {', '.join(sorted(strangers))}")
        return {
            python: {name: text for path in [own, *wheels] for name, text in unpacked(path)}
            for python, wheels in found.items()
        }


def download(folder: Path, tag: str) -> bool:
    """The locked wheels for the Python that FOLDER is named after, into it; False where one of them does not exist.

    EUGPT_WHEELS names a folder that keeps them, for several builds of one release.
    """
    if folder.exists():
        return any(folder.iterdir())
    wanted = [word for name in platforms(tag) for word in ("--platform", name)]
    hashed = ("--no-deps", "--require-hashes", "--requirement", LOCK)
    try:
        pip("download", "--dest", folder, "--python-version", folder.name, *wanted, "--only-binary=:all:", *hashed)
    except subprocess.CalledProcessError:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        sys.stderr.write(f"left out: Python {folder.name} on {tag}, for which something has no wheel, see above\n")
        return False
    return True


def licences(tree: Tree) -> list[tuple[str, str, str, list[str]]]:
    """Name, version, licence (SPDX where it is told so) and licence texts of each distribution."""
    found = []
    for name in sorted(name for name in tree if name.endswith(".dist-info/METADATA")):
        folder = name.removesuffix("METADATA")
        facts = email.message_from_bytes(tree[name])
        classifiers = [line for line in facts.get_all("Classifier", []) if line.startswith("License ::")]
        told = [facts["License-Expression"], facts["License"], *(line.split(" :: ")[-1] for line in classifiers)]
        licence = next(
            (" ".join(line.split()) for line in told if line and line != "UNKNOWN" and len(line) < 80),
            "see its licence text",
        )
        texts = [
            text.decode() for path, text in sorted(tree.items()) if path.startswith(folder) and LICENCE.search(path)
        ]
        found.append((canonical(facts["Name"]), facts["Version"], licence, texts))
    return found


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def version() -> str:
    """Eugpt's own."""
    return re.findall(r'^__version__ = "(.*)"', (TOP / "eugpt_cli/__init__.py").read_text(), re.M)[0]


def normal(path: Path) -> tuple[str, str]:
    """Name and version of a wheel, written as in the lock."""
    name, version = path.name.split("-")[:2]
    return canonical(name), version


def unpacked(path: Path) -> list[tuple[str, bytes]]:
    """What a wheel puts into site-packages, without what serves only type checkers, compilers and pip."""
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/") and not UNUSED.search(name)]
        return [(name, archive.read(name)) for name in names]


def pip(*arguments: object) -> None:
    subprocess.run([sys.executable, "-m", "pip", "--quiet", "--no-input", *map(str, arguments)], check=True)
