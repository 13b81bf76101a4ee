"""The house: a file imports only from lower floors, never from its own; each door has one key."""

import ast
from pathlib import Path

import eugpt_cli

HOUSE = Path(eugpt_cli.__file__).parent
FLOORS = [
    {"__init__"},
    {"errors", "sse", "options", "mask", "roff"},
    {"events", "settings", "catalogue", "terminal", "locks", "http1"},
    {"request", "retry", "output", "report", "console", "dial", "wire", "screen", "markdown", "keyboard"},
    {"files", "transport", "profile"},
    {"sinks", "key", "watch", "conversations", "past"},
    {"exchange", "thread"},
    {"turn", "batch", "checks"},
    {"session"},
    {"commands"},
    {"cli"},
    {"__main__", "reference"},
]
BATCH = [
    {"__init__"},
    {"items", "pace", "shard", "tally"},
    {"feed", "ledger", "progress", "rows", "stream"},
    {"crew", "worker"},
    {"run"},
]
DOORS = {
    "httpx": {"transport"},
    "typer": {"cli"},
    "aiohttp": {"local"},
    "pydantic": {"local"},
    "prompt_toolkit": {"keyboard"},
    "rich": {"markdown", "batch"},
}


def room(path: Path) -> str:
    return path.relative_to(HOUSE).with_suffix("").parts[0]


def height(floors: list[set[str]]) -> dict[str, int]:
    return {name: floor for floor, names in enumerate(floors) for name in names}


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.update({node.module} | {f"{node.module}.{alias.name}" for alias in node.names})
    return found


def test_floors() -> None:
    of = height(FLOORS)
    for path in HOUSE.rglob("*.py"):
        here = room(path)
        ours = {name.split(".")[1] for name in imports(path) if name.startswith("eugpt_cli.")}
        rooms = {name for name in ours if (HOUSE / name).exists() or (HOUSE / f"{name}.py").exists()}
        if here == "local":
            assert rooms <= {"local"}, path
            continue
        lower = {name for name in rooms if name in of and of[name] < of[here]}
        allowed = {"local"} if path.name == "serve.py" else {here} & {"reference", "batch"}
        assert rooms <= lower | allowed, (path, rooms - lower - allowed)


def test_floors_of_batch() -> None:
    of = height(BATCH)
    for path in (HOUSE / "batch").glob("*.py"):
        ours = {name.split(".")[2] for name in imports(path) if name.startswith("eugpt_cli.batch.")}
        assert all(of[name] < of[path.stem] for name in ours), path


def test_doors() -> None:
    for path in HOUSE.rglob("*.py"):
        for name in {name.split(".")[0] for name in imports(path)} & DOORS.keys():
            assert room(path) in DOORS[name], (path, name)


def test_modules_stay_small_and_say_why_they_exist() -> None:
    for path in HOUSE.rglob("*.py"):
        text = path.read_text()
        assert text.count("\n") <= 300, path
        assert ast.get_docstring(ast.parse(text)), path
