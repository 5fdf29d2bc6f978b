"""What the documentation names is there: files, links, commands and their options."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import vos
from vos.cli.lazy import DefaultCommandGroup
from vos.cli.main import COMMANDS, cli

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "seem_model/weights/README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]
FOLDERS = ("vos", "seem_model", "eval", "pipelines", "tests", "docs", "examples", ".ci", ".github")


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


def without_code(text: str) -> str:
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


def anchors_of(page: Path) -> set[str]:
    """Anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", without_code(page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def commands_of(page: Path) -> Iterator[list[str]]:
    """The words of every `vos ...` line in the fenced blocks of a page."""
    for block in re.findall(r"^```(?:sh|bash|console)?\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            start = re.search(r"(?:^|\| |-m |bin/)vos (?=\w)", line)
            if start:
                yield shlex.split(line[start.end() :], comments=True)


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_files_that_a_page_names_exist(page: Path) -> None:
    for name in re.findall(r"`([\w.-]+/[\w./-]*)`", without_code(page.read_text())):
        if name.split("/")[0] in FOLDERS:
            assert (ROOT / name).exists(), f"{named(page)} names {name}"


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_of_a_page_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", without_code(page.read_text())):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), f"{named(page)} links to {target}"
        if anchor:
            assert anchor in anchors_of(linked), f"{named(page)} links to {target}"


def check_command(words: list[str], where: str) -> None:
    """Fails unless the command and all options of `vos WORDS...` exist."""
    call = f"{where}: vos {shlex.join(words)}"
    command: click.Command | None = cli
    context = click.Context(cli)
    rest = list(words)
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        group, name = command, rest.pop(0)
        command = group.get_command(context, name)
        if command is None and isinstance(group, DefaultCommandGroup):
            command = group.get_command(context, group.default)
        assert command is not None, call
    assert command is not None, call
    known = {name for option in command.get_params(context) for name in option.opts + option.secondary_opts}
    for word in rest:
        if re.match(r"--?[a-zA-Z]", word):
            assert word.partition("=")[0] in known, f"{call}: {word}"


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_commands_that_a_page_shows_exist_with_their_options(page: Path) -> None:
    for words in commands_of(page):
        check_command(words, named(page))


@pytest.mark.parametrize("name", COMMANDS)
def test_commands_that_a_help_text_shows_exist_with_their_options(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    for line in re.findall(r"^vos (.+)$", command.help or "", re.MULTILINE):
        check_command(shlex.split(line), f"vos {name} --help")


def test_the_readme_shows_commands_for_the_tests_above() -> None:
    assert len(list(commands_of(ROOT / "README.md"))) > 5


def test_the_api_page_has_every_public_name_once() -> None:
    listed = re.findall(r"^::: vos\.(\w+)$", (ROOT / "docs" / "api.md").read_text(), re.MULTILINE)
    assert sorted(listed) == sorted(set(vos.__all__) - {"__version__"})


def test_the_index_and_the_menu_lead_to_every_page() -> None:
    menu = (ROOT / "mkdocs.yml").read_text().split("\nnav:\n")[1]
    pages = {str(page.relative_to(ROOT / "docs")) for page in PAGES if page.is_relative_to(ROOT / "docs")}
    assert pages <= set(re.findall(r"[\w/-]+\.md", menu))
    index = (ROOT / "docs" / "index.md").read_text()
    assert {page for page in pages if "/" not in page} - {"index.md", "scaling.md"} <= set(
        re.findall(r"[\w/-]+\.md", index)
    )
