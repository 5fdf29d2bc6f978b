"""The Python examples of README run; those of the documentation import what is there."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks_of(page: Path) -> list[str]:
    """Fenced Python."""
    return re.findall(r"^```python\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("number", range(len(blocks_of(ROOT / "README.md"))))
def test_the_readmes_python_runs(number: int, example_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(blocks_of(ROOT / "README.md")[number], "README.md", "exec"), {})
    if "print(" in blocks_of(ROOT / "README.md")[number]:
        assert capsys.readouterr().out


def test_the_readme_has_python() -> None:
    assert blocks_of(ROOT / "README.md")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_python_of_the_documentation_imports_what_is_there(page: Path) -> None:
    for block in blocks_of(page):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and node.module is not None:
                module = importlib.import_module(node.module)
                assert [alias.name for alias in node.names if not hasattr(module, alias.name)] == []


def test_no_example_is_skipped() -> None:
    for package in ("vos", "seem_model", "eval", "pipelines"):
        for path in (ROOT / package).rglob("*.py"):
            assert "doctest: +SKIP" not in path.read_text(), path
