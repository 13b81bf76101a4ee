"""The house: a folder imports only from folders below it, no module imports in a circle, each door has one key."""

import ast
from collections import Counter
from pathlib import Path

import eugpt_cli

HOUSE = Path(eugpt_cli.__file__).parent
# From top to bottom; the folders (or files) of one row know nothing of each other, and `local` of nothing at all.
FLOORS = [
    {"__main__"},
    {"cli", "reference"},
    {"commands", "mistakes"},
    {"chat", "batch", "local"},
    {"run"},
    {"conversation"},
    {"output"},
    {"api"},
    {"http", "settings"},
    {"system"},
    {"text"},
    {"errors"},
    {"__init__"},
]
ALONE = {"local"}
DOORS = {
    "httpx": {"http/proxied"},
    "httpcore": {"http/backend"},
    "httptools": {"http/http1"},
    "typer": {"cli"},
    "jsonschema_rs": {"run/schema"},
    "aiohttp": {"local"},
    "pydantic": {"local"},
    "prompt_toolkit": {"chat/keyboard"},
    "rich": {"chat/markdown"},
}


def modules() -> dict[str, Path]:
    """Every module of the package by its dotted name, without the package's own."""
    return {".".join(path.relative_to(HOUSE).with_suffix("").parts): path for path in HOUSE.rglob("*.py")}


def imports(path: Path) -> set[str]:
    """What a module imports, at once, in a function or for types only, by dotted names."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.update({node.module} | {f"{node.module}.{alias.name}" for alias in node.names})
    return found


def ours(path: Path) -> set[str]:
    """The modules of the package that a module imports."""
    known = modules()
    names = (name.partition("eugpt_cli.")[2] for name in imports(path))
    return {name for name in names if name in known}


def test_a_folder_imports_only_from_below() -> None:
    height = {name: -floor for floor, names in enumerate(FLOORS) for name in names}
    for name, path in modules().items():
        room = name.partition(".")[0]
        for other in {module.partition(".")[0] for module in ours(path)} - {room}:
            assert height[other] < height[room], (name, other)
            assert room not in ALONE, (name, other)


def test_no_module_imports_in_a_circle() -> None:
    arrows = {name: ours(path) - {name} for name, path in modules().items()}
    while leaves := {name for name, targets in arrows.items() if not targets}:
        arrows = {name: targets - leaves for name, targets in arrows.items() if name not in leaves}
    assert arrows == {}


def test_one_name_for_one_thing() -> None:
    names = Counter(path.stem for path in HOUSE.rglob("*.py") if not path.stem.startswith("__"))
    classes = Counter(
        node.name
        for path in HOUSE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
    )
    assert [name for name, count in (names + classes).items() if count > 1] == []


def test_doors() -> None:
    for name, path in modules().items():
        place = name.replace(".", "/")
        for library in {imported.split(".")[0] for imported in imports(path)} & DOORS.keys():
            assert any(place == door or place.startswith(f"{door}/") for door in DOORS[library]), (name, library)


def test_modules_stay_small_and_say_why_they_exist() -> None:
    for path in HOUSE.rglob("*.py"):
        text = path.read_text()
        assert text.count("\n") <= 300, path
        assert ast.get_docstring(ast.parse(text)), path
