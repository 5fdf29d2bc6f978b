"""Our own small golden numbers: what the modules gave when they were equal to the released code's golden files.

They guard every module where the large files are absent. `python -m tests.seem_model.own_goldens` writes them anew;
do so only after all golden files of the release pass.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from seem_model.attention_table import Group
from seem_model.backbones import build_backbone
from seem_model.decoder.inputs import DecoderInputs
from seem_model.language.encoder import LanguageEncoder
from seem_model.language.tokenizer import CONTEXT_LENGTH, END, START, Tokens
from seem_model.pixel_decoders.deformable import DeformablePixelDecoder
from tests.seem_model import tiny

FILE = Path(__file__).with_name("own_goldens.npz")
_MOST_VALUES = 300

Outputs = Mapping[str, Tensor]


def _backbone(config) -> Callable[[], Outputs]:
    def run() -> Outputs:
        size = 1024 if config is tiny.TINY_SAM else 64
        image = tiny.noise("image", 1, 3, size, size + (32 if size == 64 else 0))
        maps = tiny.with_pseudo_weights(build_backbone(config))(image)
        return {f"res{i + 2}": m for i, m in enumerate(maps)}

    return run


def _deformable() -> Outputs:
    channels = (8, 16, 24, 32)
    maps = tuple(tiny.noise(f"map{i}", 1, c, 32 >> i, 48 >> i) for i, c in enumerate(channels))
    pixels = tiny.with_pseudo_weights(DeformablePixelDecoder(channels))(maps)
    return {"mask_features": pixels.mask_features.full, "levels": torch.cat([m.flatten() for m in pixels.levels])}


def _text() -> Outputs:
    ids = torch.full((2, CONTEXT_LENGTH), END)
    ids[0, :4] = torch.tensor([START, 320, 1125, END])
    ids[1, :6] = torch.tensor([START, 518, 736, 12, 9999, END])
    mask = torch.arange(CONTEXT_LENGTH)[None] < torch.tensor([[4], [6]])
    features = tiny.with_pseudo_weights(LanguageEncoder())(Tokens(ids, mask))
    return {"sentences": features.sentences, "tokens": features.prompts().tokens}


def _decoder(behaviour: str) -> Callable[[], Outputs]:
    def run() -> Outputs:
        model = tiny.tiny_model(behaviour)
        image = model.encode_image(tiny.picture())
        masks = image.pad_mask(tiny.two_discs())
        prompts = model.decoder.sample_points(image.pixels, masks, masks.flip(0))
        first = model.decoder(image.pixels, DecoderInputs(spatial=prompts))
        group = model.config.table.spatial_queries
        scores = first.point_scores(prompts.positive)
        outputs = {
            "vectors": prompts.positive,
            "tokens": prompts.tokens[2],
            "masks": first.mask_logits(group),
            "objects": first.mask_logits(Group.OBJECT_QUERIES),
            "scores": scores.clamp(min=-100),
        }
        if Group.SPATIAL_MEMORIES in model.config.table.reads:
            previous = first.mask_logits(group, scores.argmax(dim=2))
            second = model.decoder(image.pixels, DecoderInputs(spatial=prompts, previous_masks=previous))
            outputs["masks_with_memory"] = second.mask_logits(group)
        return outputs

    return run


CASES: Mapping[str, Callable[[], Outputs]] = {
    "focal_t": _backbone(tiny.TINY_FOCAL_T),
    "focal_l": _backbone(tiny.TINY_FOCAL_L),
    "davit_d3": _backbone(tiny.TINY_DAVIT_D3),
    "davit_d5": _backbone(tiny.TINY_DAVIT_D5),
    "sam": _backbone(tiny.TINY_SAM),
    "deformable": _deformable,
    "text": _text,
    "demo": _decoder("demo"),
    "v0": _decoder("v0"),
    "v1": _decoder("v1"),
}


def summary(tensor: Tensor) -> np.ndarray:
    """Mean, standard deviation, mean of absolute values, number of values, and up to 300 values evenly spread."""
    values = tensor.double().flatten()
    index = torch.linspace(0, len(values) - 1, min(_MOST_VALUES, len(values))).long()
    head = [values.mean(), values.std(), values.abs().mean(), torch.tensor(float(len(values)))]
    return torch.cat((torch.stack(head), values[index])).float().numpy()


@torch.inference_mode()
def run_case(name: str) -> dict[str, np.ndarray]:
    """Summaries of a case's outputs."""
    return {f"{name}__{key}": summary(value) for key, value in CASES[name]().items()}


if __name__ == "__main__":
    np.savez_compressed(FILE, **{key: value for name in CASES for key, value in run_case(name).items()})
