"""Arguments of the `vos` command that cases share, and the kind of function that makes a case."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from tests.fuzz.corpus import SHORT_SIDE, Corpus
from tests.fuzz.judge import Case
from tests.fuzz.mutations import Rng

Maker = Callable[[Rng, Corpus, Path], Case]

ODD_NAMES = (
    "with space",
    "ünïcødé-видео-映像",
    "50%03d",
    "a:b",
    "-x",
    "'quoted'",
    "a;b|c",
    "$(x)",
    "trailing.",
    "🎬",
    "x" * 120,
)


def tracking(video: object, output: Path, *prompts: object, **options: str) -> tuple[str, ...]:
    """Arguments of a short `vos track`."""
    chosen = {"short-side": SHORT_SIDE, "device": "cpu", **options}
    flags = [text for name, value in chosen.items() for text in (f"--{name}", value)]
    return ("track", *flags, "-q", "-o", str(output), *map(str, prompts), "--", str(video))


def write_script(folder: Path, corpus: Corpus, data: bytes) -> None:
    """`script.json`, and the picture that it may name."""
    shutil.copy(corpus.masks[0], folder / "mask.png")
    (folder / "script.json").write_bytes(data)


def batch(name: str, manifest: Path, folder: Path, names: tuple[str, ...]) -> Case:
    """`vos batch` of one job; prompts of all kinds can be given to it."""
    flags = ("--short-side", SHORT_SIDE, "--device", "cpu", "-q", "-o", str(folder / "out"))
    return Case(name, ("batch", *flags, str(manifest)), (*names, manifest.name), (folder / "out/a",), True, True)
