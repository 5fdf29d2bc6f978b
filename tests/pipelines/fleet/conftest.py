"""Clips that several tests share."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipelines.perf.clips import write_clip
from tests.pipelines.fleet.helpers import HEIGHT, WIDTH

MakeClips = Callable[[int, int], list[Path]]


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> MakeClips:
    """`clips(count, frames)`: that many videos, of `frames` frames and up to two more each, made once."""
    root = tmp_path_factory.mktemp("clips")
    made: dict[tuple[int, int], list[Path]] = {}

    def make(count: int, frames: int) -> list[Path]:
        if (count, frames) not in made:
            folder = root / f"{count}x{frames}"
            folder.mkdir()
            paths = [folder / f"clip{number:02d}.mp4" for number in range(count)]
            for number, path in enumerate(paths):
                write_clip(path, WIDTH, HEIGHT, frames + number % 3, 1)
            made[count, frames] = paths
        return made[count, frames]

    return make


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path | None]:
    """`<tmp_path>/out/clip00`: an empty folder with room for a few masks only. None where mounting is not permitted."""
    folder = tmp_path / "out" / "clip00"
    folder.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=40k", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        folder.rmdir()
        yield None
        return
    yield folder
    subprocess.run(["umount", str(folder)], check=True)
