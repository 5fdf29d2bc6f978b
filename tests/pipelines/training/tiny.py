"""Tiny pictures and weights for the tests of training."""

from __future__ import annotations

from pathlib import Path

import torch

from pipelines.training.settings import TrainSettings
from pipelines.training.smoke import make_pictures
from seem_model.compact.model import CompactSEEM


def shapes_folder(root: Path, count: int = 6) -> Path:
    """A folder of one source with pictures of ellipses and polygons."""
    make_pictures(root / "shapes", count=count, seed=0)
    return root


def tiny_settings(data: Path, output: Path, steps: int = 4) -> TrainSettings:
    """A run of seconds."""
    return TrainSettings(
        data=str(data),
        output=str(output),
        steps=steps,
        batch=2,
        frames=3,
        size=64,
        warmup_steps=1,
        workers=0,
        checkpoint_every=2,
        report_every=0,
        windows=0.5,
        corrections=True,
    )


def random_trunk_weights() -> dict[str, torch.Tensor]:
    """Weights in the naming of the ImageNet package, random: tests must not need the package."""
    generator = torch.Generator().manual_seed(0)
    weights: dict[str, torch.Tensor] = {}
    trunk = CompactSEEM().trunk
    layers = [("_conv_stem", "_bn0", trunk.stem)]
    for number, block in enumerate(trunk.blocks):
        prefix = f"_blocks.{number}."
        if block.expand is not None:
            layers.append((prefix + "_expand_conv", prefix + "_bn0", block.expand))
        layers.append((prefix + "_depthwise_conv", prefix + "_bn1", block.depthwise))
        layers.append((prefix + "_project_conv", prefix + "_bn2", block.project))
    for conv, norm, layer in layers:
        shape = layer.weight.shape
        fan_in = shape[1] * shape[2] * shape[3]
        weights[f"{conv}.weight"] = torch.randn(shape, generator=generator) * (2 / fan_in) ** 0.5
        for name, value in (("weight", 1.0), ("bias", 0.0), ("running_mean", 0.0), ("running_var", 1.0)):
            weights[f"{norm}.{name}"] = torch.full((shape[0],), value)
    return weights
