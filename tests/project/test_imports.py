"""Imports point the way that docs/architecture.md says, everywhere."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "architecture.md"
PACKAGES = ("vos", "seem_model", "eval", "pipelines")
MOST_ROOMS = 15
MOST_ARROWS = 60


@cache
def modules() -> dict[str, Path]:
    """Dotted name -> file."""
    found = {}
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            found[name.removesuffix(".__init__")] = path
    return found


def imports_of(name: str) -> Iterator[tuple[str, str]]:
    """Every import of ours in a module, also those in functions and for type checkers: (module, name in it or "")."""
    for node in ast.walk(ast.parse(modules()[name].read_text())):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names if alias.name.split(".")[0] in PACKAGES)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module is not None, f"{name}: a relative import"
            if node.module.split(".")[0] in PACKAGES:
                for alias in node.names:
                    inner = f"{node.module}.{alias.name}"
                    yield (inner, "") if inner in modules() else (node.module, alias.name)


def room_of(module: str) -> str:
    """The first two names of a module of `vos`; all other packages are one room each."""
    return ".".join(module.split(".")[: 2 if module.startswith("vos.") else 1])


@cache
def arrows() -> dict[str, set[str]]:
    """Room -> rooms that its modules import."""
    found: dict[str, set[str]] = {room_of(name): set() for name in modules()}
    for name in modules():
        found[room_of(name)] |= {room_of(module) for module, _ in imports_of(name)} - {room_of(name)}
    return found


def table() -> dict[str, set[str]]:
    """The same, as the page says."""
    section = PAGE.read_text().split("## Rooms")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `([\w.]+)` \|.*\|([^|]*)\|$", section, re.MULTILINE)
    return {room: set(re.findall(r"`([\w.]+)`", imported)) for room, imported in rows}


def test_imports_point_where_the_table_of_the_documentation_says() -> None:
    told = table()
    assert set(told) == set(arrows())
    for room, imported in arrows().items():
        assert imported == told[room], room


def test_no_room_imports_itself_through_others() -> None:
    seen: set[str] = set()
    rest = dict(arrows())
    while rest:
        free = [room for room, imported in rest.items() if imported <= seen]
        assert free, f"a cycle among {sorted(rest)}"
        seen |= set(free)
        rest = {room: imported for room, imported in rest.items() if room not in seen}


def test_the_rooms_of_vos_stay_few() -> None:
    inside = {room: {to for to in imported if to.startswith("vos")} for room, imported in arrows().items()}
    inside = {room: imported for room, imported in inside.items() if room.startswith("vos")}
    assert len(inside) <= MOST_ROOMS
    assert sum(map(len, inside.values())) <= MOST_ARROWS


def test_no_other_room_takes_file_names_from_an_exporter() -> None:
    """Names of mask files are a matter of `vos.files`; what is imported from `vos.export` makes or reads formats."""
    public = set(ast.literal_eval(re.search(r"__all__ = (\[.*?\])", _text("vos.export"), re.DOTALL)[1]))  # type: ignore[index]
    for name in modules():
        if room_of(name) != "vos.export":
            for module, taken in imports_of(name):
                if room_of(module) == "vos.export":
                    assert taken in public, f"{name} takes {taken or module} from {module}"


def _text(name: str) -> str:
    return modules()[name].read_text()


def test_the_way_of_one_frame_leads_through_files_that_exist() -> None:
    way = PAGE.read_text().split("## The way of one frame")[1].split("\n## ")[0]
    paths = re.findall(rf"\b(?:{'|'.join(PACKAGES)})/[\w/]+(?:\.py)?", way)
    assert len(paths) > 5
    assert [path for path in paths if not (ROOT / path).exists()] == []
