"""The first module of eugpt.pyz, in small archives: what it refuses, and that it loads what is in the file."""

import ast
import marshal
import os
import subprocess
import sys
import zipfile
import zlib
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import orjson

TOP = Path(__file__).parents[2]
PROGRAM = """
import importlib.resources, orjson, eugpt_cli

def main():
    print(orjson.dumps([1]).decode(), (importlib.resources.files(eugpt_cli) / "data.txt").read_text())
    print(__loader__.get_source(__name__).split()[0])
"""


def archive(goal: Path, ending: str, modules: dict[str, str], *, compiled: bool) -> Path:
    """A file as .ci/pyz makes it, with these modules and data beside eugpt_cli, and orjson."""
    library = next(Path(orjson.__file__).parent.glob("*.so"))
    package = (Path(orjson.__file__).parent / "__init__.py").read_text()
    texts = {name: text.encode() for name, text in (modules | {"orjson/__init__.py": package}).items()}
    main = (TOP / ".ci/pyz_main.py").read_text().replace("ENDINGS = ()", f"ENDINGS = ({ending!r},)")
    with zipfile.ZipFile(goal, "w") as file:
        file.writestr("__main__.py", main.replace("PLATFORM", "this_machine"))
        file.writestr("sources", marshal.dumps({name: zlib.compress(text) for name, text in texts.items()}))
        file.writestr(f"orjson/{library.name}", library.read_bytes())
        if compiled:
            code = {name: compile(text, name, "exec") for name, text in texts.items() if name.endswith(".py")}
            dumped = {name: zlib.compress(marshal.dumps(module)) for name, module in code.items()}
            file.writestr(f"code/{sys.implementation.cache_tag}", marshal.dumps(dumped))
    return goal


def run(file: Path, **variables: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-S", file],
        env={"PATH": os.defpath, **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_modules_data_and_libraries_come_out_of_the_file(tmp_path: Path) -> None:
    modules = {"eugpt_cli/__init__.py": "", "eugpt_cli/data.txt": "data", "eugpt_cli/__main__.py": PROGRAM}
    for compiled in (True, False):
        file = archive(tmp_path / f"{compiled}.pyz", EXTENSION_SUFFIXES[0], modules, compiled=compiled)
        assert run(file, TMPDIR="/nowhere") == (0, "[1] data\nimport\n", "")


def test_another_python_or_machine_is_said_in_one_line(tmp_path: Path) -> None:
    file = archive(tmp_path / "other.pyz", ".cpython-311-other.so", {}, compiled=False)
    code, out, line = run(file)
    assert (code, out) == (30, "")
    assert line.startswith(
        "eugpt: config: this file is for CPython 3.11 to 3.15 on this_machine; this Python is CPython"
    )
    assert line.splitlines()[1].startswith("hint: ")
    assert line.count("\n") == 2


def test_a_python_that_is_too_old_can_read_why() -> None:
    tree = ast.parse((TOP / ".ci/pyz_main.py").read_text(), feature_version=(3, 4))
    assert not [node for node in ast.walk(tree) if isinstance(node, (ast.JoinedStr, ast.NamedExpr, ast.AnnAssign))]


def test_a_library_that_does_not_load_is_an_import_error_that_says_why(tmp_path: Path) -> None:
    text = "def main():\n    try:\n        import broken\n    except ImportError as error:\n        print(error)\n"
    modules = {"eugpt_cli/__init__.py": "", "eugpt_cli/__main__.py": text}
    file = archive(tmp_path / "broken.pyz", EXTENSION_SUFFIXES[0], modules, compiled=True)
    with zipfile.ZipFile(file, "a") as more:
        more.writestr(f"broken{EXTENSION_SUFFIXES[0]}", b"no library")
    code, out, err = run(file)
    assert (code, err) == (0, "")
    assert out.startswith("broken cannot be loaded (broken: ")
