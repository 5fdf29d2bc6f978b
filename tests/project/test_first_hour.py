"""What a newcomer reads first is true: installing, the version, and the table of commands."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import vos
from vos.cli.main import COMMANDS

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
# Extras for people who work on the project itself; `all` is for its users.
FOR_DEVELOPERS = {"all", "dev", "docs"}


def extras_of(requirement: str) -> set[str]:
    found = re.fullmatch(r"(?:seem-vos|\.)\[([a-z,]+)\]", requirement)
    assert found is not None, requirement
    return set(found[1].split(","))


def test_the_extra_all_holds_every_extra_for_users() -> None:
    extras = PROJECT["optional-dependencies"]
    (everything,) = extras["all"]
    assert extras_of(everything) == set(extras) - FOR_DEVELOPERS


def test_readme_and_makefile_install_the_same() -> None:
    installs = []
    for name in ("README.md", "Makefile"):
        installs += re.findall(r'-c (\S+) -e "(\.\[[a-z,]+\])"', (ROOT / name).read_text())
    readme, makefile, documentation = installs
    assert readme == makefile
    assert extras_of(readme[1]) == {"all", "dev"}
    assert extras_of(documentation[1]) == {"docs"}


def test_the_version_is_written_in_one_place() -> None:
    assert "version" not in PROJECT and "version" in PROJECT["dynamic"]
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest is not None
    assert newest[1] == vos.__version__


def test_the_readme_lists_every_command_and_no_other() -> None:
    section = (ROOT / "README.md").read_text().split("## Commands")[1].split("\n## ")[0]
    listed = [
        name for row in re.findall(r"^\|(.*?)\|", section, re.MULTILINE) for name in re.findall(r"`vos (\w+)`", row)
    ]
    assert sorted(listed) == sorted(COMMANDS)
