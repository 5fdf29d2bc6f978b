"""A training run small enough for every change: does training still improve the network?

Pictures are made on the fly. The untrained network is plain label propagation on ImageNet features; a few steps must
beat it on clips of pictures that were held aside.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from pipelines.training.initial_weights import finished_weights, imagenet_trunk_weights
from pipelines.training.loop import train
from pipelines.training.mix import hold_aside, list_stills
from pipelines.training.picture_sheet import write_sheet
from pipelines.training.settings import TrainSettings
from pipelines.training.validation import Validation
from seem_model.compact.model import CompactSEEM


@dataclass(frozen=True, slots=True)
class SmokeResult:
    """Scores of `Validation` before and after."""

    untrained: dict[str, float]
    trained: dict[str, float]

    @property
    def improved(self) -> bool:
        return self.trained["JF"] > self.untrained["JF"]


def smoke(
    output: Path,
    imagenet: Callable[[], dict[str, Tensor]] = imagenet_trunk_weights,
    *,
    steps: int = 100,
    size: int = 96,
    seed: int = 0,
    device: str = "cpu",
) -> SmokeResult:
    """Trains on pictures made here and scores held-aside ones before and after; everything stays in `output`."""
    torch.set_num_threads(1)
    make_pictures(output / "pictures" / "shapes", count=48, seed=seed)
    settings = TrainSettings(
        data=str(output / "pictures"),
        output=str(output / "run"),
        steps=steps,
        frames=3,
        size=size,
        warmup_steps=min(10, steps),
        ema=0.9,
        seed=seed,
        workers=0,
        device=device,
        hold_aside=0.25,
        report_every=0,
    )
    weights = imagenet()
    held = hold_aside(list_stills(Path(settings.data)), settings.hold_aside)[1]
    validation = Validation(held, settings, clips=8, frames=4, use_presence=False)
    torch.manual_seed(seed)
    network = CompactSEEM()
    network.trunk.load_imagenet(weights)
    before = validation.run(network.to_device(torch.device(device)))
    end = train(settings, lambda: weights)
    network.load_state_dict(finished_weights(end.weights))
    after = validation.run(network)
    write_sheet(output / "untrained.png", validation.clips, before)
    write_sheet(output / "trained.png", validation.clips, after)
    return SmokeResult(before.scores, after.scores)


def make_pictures(source: Path, *, count: int, seed: int) -> None:
    """Writes pictures of two or three textured ellipses and polygons on a textured ground, with label PNGs."""
    rng = np.random.default_rng(seed)
    for name in ("images", "masks"):
        (source / name).mkdir(parents=True)
    for number in range(count):
        image = _texture(rng)
        mask = np.zeros(image.shape[:2], np.uint8)
        for label in range(1, int(rng.integers(2, 4)) + 1):
            shape = _shape(rng, mask.shape)
            image[shape] = _texture(rng)[shape]
            mask[shape] = label
        cv2.imwrite(str(source / "images" / f"{number:03d}.png"), image)
        cv2.imwrite(str(source / "masks" / f"{number:03d}.png"), mask)


def _texture(rng: np.random.Generator) -> np.ndarray:
    """(120, 160, 3) uint8: a colour with soft blotches."""
    blotches = cv2.resize(rng.normal(size=(9, 12, 3)).astype(np.float32), (160, 120), interpolation=cv2.INTER_CUBIC)
    texture: np.ndarray = np.clip(rng.uniform(30, 225, 3) + blotches * rng.uniform(5, 40), 0, 255).astype(np.uint8)
    return texture


def _shape(rng: np.random.Generator, size: tuple[int, ...]) -> np.ndarray:
    """(H, W) bool: an ellipse or a polygon."""
    canvas = np.zeros(size[:2], np.uint8)
    center = rng.uniform(0.2, 0.8, 2) * (size[1], size[0])
    radius = rng.uniform(14, 34, 2)
    if rng.random() < 0.5:
        axes = (int(radius[0]), int(radius[1]))
        cv2.ellipse(canvas, (int(center[0]), int(center[1])), axes, float(rng.uniform(0, 180)), 0, 360, 1, -1)
    else:
        angles = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(4, 9))))
        corners = center + np.column_stack([np.cos(angles), np.sin(angles)]) * radius
        cv2.fillPoly(canvas, [corners.astype(np.int32)], 1)
    return canvas.astype(bool)
