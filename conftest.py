"""Settings for all tests, and the folder in which the examples of docstrings and README run.

python -m pytest --doctest-modules vos seem_model eval pipelines
"""

from __future__ import annotations

import os
import shutil
from fractions import Fraction
from pathlib import Path

# Small tensors gain nothing from a second thread, and threads that spin on a busy machine cost minutes.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

import cv2
import numpy as np
import pytest

from tests.extras import need

FRAMES = 6


@pytest.fixture(scope="session")
def example_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip of 480x432 pixels: a red ellipse that fills the box 120,80,360,400 and drifts to the right."""
    from vos.video import VideoEncoder

    path = tmp_path_factory.mktemp("examples") / "clip.mp4"
    noise = np.random.default_rng(0).integers(0, 60, (432, 480, 3), np.uint8)
    with VideoEncoder(path, width=480, height=432, time_base=Fraction(1, 25), average_rate=Fraction(25)) as encoder:
        for index in range(FRAMES):
            frame = noise + np.array((40, 90, 60), np.uint8)
            cv2.ellipse(frame, (240 + 4 * index, 240), (120, 160), 0, 0, 360, (200, 60, 50), -1)
            encoder.write(frame, index)
    return path


@pytest.fixture
def example_folder(example_clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder is a new one that holds `clip.mp4`, a data set of one sequence in `DAVIS`, and `results`."""
    shutil.copy(example_clip, tmp_path)
    for index in range(FRAMES):
        for folder, error in (("DAVIS/Annotations/480p/ellipse", 0), ("results/ellipse", 1)):
            mask = cv2.ellipse(np.zeros((108, 120), np.uint8), (60 + index + error, 60), (30, 40), 0, 0, 360, 255, -1)
            (tmp_path / folder).mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(tmp_path / folder / f"{index:05d}.png"), mask)
    (tmp_path / "DAVIS" / "ImageSets" / "2016").mkdir(parents=True)
    (tmp_path / "DAVIS" / "ImageSets" / "2016" / "train.txt").write_text("ellipse\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


# Example -> the package it needs, and the extra that brings it.
OPTIONAL = {"vos.export.supervision_detections.to_supervision": ("supervision", "formats")}


@pytest.fixture(autouse=True)
def _in_the_example_folder(request: pytest.FixtureRequest) -> None:
    if isinstance(request.node, pytest.DoctestItem):
        if request.node.name in OPTIONAL:
            need(*OPTIONAL[request.node.name])
        request.getfixturevalue("example_folder")
