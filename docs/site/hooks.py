"""Brings pages from outside docs/ into the site, and turns links to them round.

In the repository a link leads to a file. On the site the README, the model card, the changelog, CONTRIBUTING.md and the
examples are pages alongside those of docs/.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[2]

# File of the repository -> page of the site.
PAGES = {
    "README.md": "readme.md",
    "seem_model/weights/README.md": "model-card.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "examples/README.md": "examples.md",
}
_LINK = re.compile(r"(?<=\]\()([^)\s#:]+)(?=[)#])")


def on_files(files: Files, config: Any) -> Files:
    for source, page in PAGES.items():
        content = (ROOT / source).read_text()
        if page == "examples.md":
            content = _with_scripts(content)
        files.append(File.generated(config, page, content=_relinked(content, source, page)))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    source = page.file.src_uri
    return markdown if source in PAGES.values() else _relinked(markdown, f"docs/{source}", source)


def _with_scripts(markdown: str) -> str:
    """The list of examples with the scripts themselves below it, to which its links lead."""
    scripts = sorted((ROOT / "examples").glob("*.py"))
    for script in scripts:
        markdown = markdown.replace(f"]({script.name})", f"](#{script.name.replace('.', '')})")
    return markdown + "".join(f"\n## {script.name}\n\n```python\n{script.read_text()}```\n" for script in scripts)


def _relinked(markdown: str, source: str, page: str) -> str:
    """Links of a page, written relative to the file `source` of the repository, relative to `page` of the site."""

    def target(found: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), found[1]))
        if path in PAGES:
            path = PAGES[path]
        elif path.startswith("docs/"):
            path = path.removeprefix("docs/")
        else:
            return found[0]
        return posixpath.relpath(path, posixpath.dirname(page) or ".")

    return _LINK.sub(target, markdown)
