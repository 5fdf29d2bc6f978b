"""Training on stills: clips, prompts, losses, and a run that survives being cut off."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from pipelines.training.loop import TrainSettings, train
from pipelines.training.losses import mask_iou, mask_loss
from pipelines.training.prompts import draw_prompt
from pipelines.training.stills import TrainingDataError, list_stills
from pipelines.training.synthesis import ClipSynthesizer
from seem_model.compact.model import CompactSEEM
from seem_model.compact.prompting import PromptKind


@pytest.fixture(scope="module")
def stills_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six pictures of coloured ellipses on noise, with their masks."""
    root = tmp_path_factory.mktemp("stills")
    (root / "shapes" / "images").mkdir(parents=True)
    (root / "shapes" / "masks").mkdir()
    rng = np.random.default_rng(0)
    for number in range(6):
        image = cv2.resize(rng.integers(60, 180, (12, 16, 3)).astype(np.uint8), (160, 120))
        mask = np.zeros((120, 160), np.uint8)
        for object_id in (1, 2):
            color = [int(c) for c in rng.integers(0, 255, 3)]
            center = (40 + 75 * (object_id - 1) + int(rng.integers(-5, 5)), int(rng.integers(45, 75)))
            axes = (int(rng.integers(18, 30)), int(rng.integers(18, 34)))
            cv2.ellipse(image, center, axes, 20, 0, 360, color, -1)
            cv2.ellipse(mask, center, axes, 20, 0, 360, object_id, -1)
        cv2.imwrite(str(root / "shapes" / "images" / f"{number}.png"), image)
        cv2.imwrite(str(root / "shapes" / "masks" / f"{number}.png"), mask)
    return root


@pytest.fixture(scope="module")
def trunk_weights() -> dict[str, torch.Tensor]:
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


def test_a_clip_is_a_function_of_its_number(stills_folder: Path) -> None:
    stills = list_stills(stills_folder)
    first = ClipSynthesizer(stills, seed=3, size=96, frames=3, objects=2)
    second = ClipSynthesizer(stills, seed=3, size=96, frames=3, objects=2)
    second.draw(0)
    a, b, other = first.draw(5), second.draw(5), first.draw(6)
    assert np.array_equal(a.frames, b.frames)
    assert np.array_equal(a.masks, b.masks)
    assert not np.array_equal(a.frames, other.frames)


def test_clips_have_visible_disjoint_targets(stills_folder: Path) -> None:
    synthesizer = ClipSynthesizer(list_stills(stills_folder), seed=0, size=96, frames=3, objects=2)
    for number in range(12):
        clip = synthesizer.draw(number)
        assert clip.frames.shape == (3, 96, 96, 3)
        assert clip.masks.sum(1).max() <= 1
        for slot in range(2):
            assert clip.masks[0, slot].any() == bool(clip.weight[slot])
    assert any(synthesizer.draw(n).weight.sum() == 2 for n in range(5))


def test_some_targets_leave_and_some_come_back(stills_folder: Path) -> None:
    synthesizer = ClipSynthesizer(list_stills(stills_folder), seed=1, size=96, frames=4, objects=2)
    left = returned = 0
    for number in range(40):
        clip = synthesizer.draw(number)
        for slot in np.flatnonzero(clip.weight):
            visible = clip.masks[:, slot].any((1, 2))
            gone = np.flatnonzero(~visible)
            left += len(gone) > 0
            returned += len(gone) > 0 and bool(visible[gone[0] :].any())
    assert left > 2
    assert returned > 0


def test_every_kind_of_prompt_is_drawn_on_the_object() -> None:
    mask = np.zeros((96, 96), bool)
    mask[20:70, 30:80] = True
    rng = np.random.default_rng(0)
    seen: set[PromptKind] = set()
    for _ in range(60):
        positive, negative, kind = draw_prompt(mask, rng)
        seen.add(kind)
        assert positive.any()
        assert (positive[mask].sum() / positive.sum()) > 0.5
        assert not (negative.astype(bool) & mask).sum() > negative.astype(bool).sum() / 2
    assert seen == {PromptKind.POINTS, PromptKind.STROKE, PromptKind.BOX, PromptKind.POLYGON}


def test_a_perfect_mask_costs_little_and_a_wrong_one_much() -> None:
    target = torch.zeros(1, 32, 32)
    target[:, 8:20, 8:20] = 1
    weight = torch.ones(1)
    perfect, wrong = (target * 2 - 1) * 12, (1 - target * 2) * 12
    assert mask_loss(perfect, target, weight) < 0.01
    assert mask_loss(wrong, target, weight) > 5
    assert mask_iou(perfect, target, weight) == pytest.approx(1, abs=0.01)
    # An empty slot costs nothing.
    assert mask_loss(wrong, target, torch.zeros(1)) == 0


def test_a_run_that_was_cut_off_resumes_to_the_same_weights(
    stills_folder: Path, trunk_weights: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    settings = TrainSettings(
        data=str(stills_folder),
        output=str(tmp_path / "whole"),
        steps=4,
        batch=1,
        frames=3,
        size=64,
        warmup_steps=1,
        workers=0,
        checkpoint_every=2,
    )
    whole = load_file(train(settings, trunk_weights))

    class CutOff(Exception):
        pass

    cut = replace(settings, output=str(tmp_path / "cut"))
    import pipelines.training.loop as loop

    original = loop.Trainer.train_step

    def dies_at_three(self: loop.Trainer, batch: loop.ClipBatch) -> dict[str, float]:
        if self.step == 3:
            raise CutOff
        return original(self, batch)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop.Trainer, "train_step", dies_at_three)
        with pytest.raises(CutOff):
            train(cut, trunk_weights)
    resumed = load_file(train(cut, trunk_weights, resume=True))
    assert whole.keys() == resumed.keys()
    for name, tensor in whole.items():
        assert torch.equal(tensor, resumed[name]), name


def test_bad_training_data_is_named(tmp_path: Path, stills_folder: Path) -> None:
    with pytest.raises(TrainingDataError, match="no <source>/images"):
        list_stills(tmp_path)
    (tmp_path / "a" / "images").mkdir(parents=True)
    (tmp_path / "a" / "images" / "lonely.png").write_bytes(b"")
    with pytest.raises(TrainingDataError, match=r"lonely\.png: no mask"):
        list_stills(tmp_path)
    settings = TrainSettings(data=str(stills_folder), output=str(tmp_path / "none"))
    with pytest.raises(TrainingDataError, match="no checkpoint to resume from"):
        train(settings, {}, resume=True)
