"""`from vos import ...` has real types for a user's type checker, from a wheel and from an editable install."""

from __future__ import annotations

import ast
import subprocess
import sys
import venv
import zipfile
from pathlib import Path
from shutil import copytree, ignore_patterns

import numpy as np
import pytest

import vos

ROOT = Path(__file__).parents[2]
SCRIPT = """\
import vos
from vos import Box, Points, Polygon, Stroke, Text, track_video

for result in track_video("clip.mp4", [Box(40, 30, 200, 180), Text("a rabbit", object_id=2)]):
    reveal_type(result.index)
    reveal_type(result.labels)
    result.nope
    vos.no_such_name
Box("left")
Points([[500, 200]], [[480, 260]], object_id=2, frame=30)
Points([[500, 200]], frames=30)
Polygon([[[120, 80], [360, 80], [240, 400]]]).rings[0].nope
Stroke([[[180, 240], [240, 260]]], width=8).width.nope
"""
MISTAKES = {
    7: '"FrameResult" has no attribute "nope"',
    8: 'Module has no attribute "no_such_name"',
    9: 'incompatible type "str"; expected "float"',
    11: 'Unexpected keyword argument "frames"',
    12: 'has no attribute "nope"',
    13: '"float" has no attribute "nope"',
}


def test_what_type_checkers_read_is_what_is_imported() -> None:
    tree = ast.parse((ROOT / "vos" / "__init__.py").read_text())
    for_checkers = next(node for node in tree.body if isinstance(node, ast.If))
    read = {
        alias.name: node.module
        for node in for_checkers.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert read == vos._HOMES
    assert set(vos.__all__) == {"__version__", *read}
    for name in vos.__all__:
        assert getattr(vos, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nope'"):
        vos.nope  # noqa: B018


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what an installation is built from: building leaves files beside it."""
    copy = tmp_path_factory.mktemp("source")
    for package in ("vos", "seem_model", "eval", "pipelines"):
        copytree(ROOT / package, copy / package, ignore=ignore_patterns("__pycache__", "*.safetensors"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        (copy / name).write_bytes((ROOT / name).read_bytes())
    return copy


@pytest.mark.parametrize("kind", ["wheel", "editable"])
def test_mypy_finds_the_mistakes_of_a_users_script(kind: str, source: Path, tmp_path: Path) -> None:
    pytest.importorskip("mypy", reason="mypy is not installed: pip install 'seem-vos[dev]'")
    python = _installed(kind, source, tmp_path)
    (tmp_path / "script.py").write_text(SCRIPT)
    options = ["--strict", "--config-file", "", "--cache-dir", source / "cache", "--python-executable", python]
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", *options, "script.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    said: dict[int, str] = {}
    for line in checked.stdout.splitlines():
        if line.startswith("script.py:"):
            number = int(line.split(":")[1])
            said[number] = said.get(number, "") + line
    assert 'Revealed type is "int"' in said[5].replace("builtins.", "")
    assert "ndarray" in said[6]
    assert {number for number, lines in said.items() if "error" in lines} == set(MISTAKES), checked.stdout
    for number, problem in MISTAKES.items():
        assert problem in said[number]


def _installed(kind: str, source: Path, folder: Path) -> Path:
    """The interpreter of a new environment with the packages as pip would install them, and our dependencies."""
    build = f"from setuptools import build_meta; print(build_meta.build_{kind}({str(folder)!r}))"
    subprocess.run([sys.executable, "-c", build], cwd=source, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    venv.create(folder / "env", symlinks=True)
    python = folder / "env" / "bin" / "python"
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    place = Path(subprocess.run([python, "-c", ask], capture_output=True, text=True, check=True).stdout.strip())
    zipfile.ZipFile(built).extractall(place)
    # Of what is imported only NumPy is in public types; to check all of torch would take a minute.
    (place / "numpy").symlink_to(Path(np.__file__).parent)
    return python
