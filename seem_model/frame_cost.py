"""Cost of one video frame of a released model, against a plain path that does what the released code does.

Both paths give the same masks. Processor time is measured, not wall time, so that other work on the machine disturbs
less; ratios of one run compare, absolute numbers depend on the machine.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from seem_model.attention_table import DEMO, Group
from seem_model.configs import HIDDEN_DIM, NUM_CLASSES, SeemConfig
from seem_model.decoder.inputs import DecoderInputs, PointPrompts
from seem_model.pixel_decoders import PixelFeatures
from seem_model.pseudo_weights import pseudo_model
from seem_model.reference_decoder import plain_decode
from seem_model.seem import EncodedImage, Seem
from seem_model.variants import Variant

_AS_RELEASED = Variant()
STAGES = ("backbone", "pixel decoder", "decoder")


@dataclass(frozen=True)
class FrameCost:
    """Seconds of processor time (of the device's time on a GPU) for one frame.

    Attributes:
        objects: How many objects were decoded.
        seconds: By stage.
    """

    objects: int
    seconds: dict[str, float]

    @property
    def total(self) -> float:
        return sum(self.seconds.values())


def sample_image(height: int, width: int) -> np.ndarray:
    """(H, W, 3) uint8 of smooth colours."""
    y, x = np.mgrid[:height, :width]
    return np.stack((x // 3, y // 2, (x + y) // 5), axis=-1).astype(np.uint8)


def sample_masks(height: int, width: int, count: int) -> Tensor:
    """(count, H, W) bool: discs of more than 512 pixels side by side."""
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    centres = (torch.arange(count) + 1) * width / (count + 1)
    radius = min(height, width / (count + 1)) / 3
    return (y - height / 2) ** 2 + (x - centres[:, None, None]) ** 2 <= radius**2


@dataclass(frozen=True)
class Deviation:
    """How far masks are from those of the same model in float32.

    Attributes:
        rms: Root mean square of the differences of logits, in standard deviations of the exact ones.
        largest: The largest difference, likewise.
        flipped: Share of pixels that are on the other side of zero.
    """

    rms: float
    largest: float
    flipped: float


def deviation(found: Tensor, exact: Tensor) -> Deviation:
    """Compares mask logits of equal shape."""
    difference = (found - exact) / exact.std()
    return Deviation(
        rms=float(difference.square().mean().sqrt()),
        largest=float(difference.abs().max()),
        flipped=float(((found > 0) != (exact > 0)).float().mean()),
    )


class FrameTimer:
    """A model with pseudo-random weights and a referring image: video mode.

    Args:
        config: Which model; it is run in its demo behaviour, the one that does video.
        height: Of the frames, in pixels.
        width: As height.
        device: Where to compute.
        variant: Precision and compilation; memory prompts are not measured.
    """

    def __init__(
        self,
        config: SeemConfig,
        *,
        height: int = 512,
        width: int = 910,
        device: torch.device | None = None,
        variant: Variant = _AS_RELEASED,
    ) -> None:
        self.device = device or torch.device("cpu")
        self.variant = variant
        self.model = pseudo_model(replace(config, table=DEMO)).to(self.device)
        variant.apply(self.model)
        self.image = sample_image(height, width)
        self.size = (height, width)
        # The plain path predicts classes after every layer; which classes does not matter for its cost.
        self._classes = torch.zeros(NUM_CLASSES + 1, HIDDEN_DIM, device=self.device)

    @torch.inference_mode()
    def prompts(self, objects: int) -> PointPrompts:
        """Tokens of discs on the referring image, as they are kept for a whole video."""
        with self.variant.autocast(self.device):
            image = self.model.encode_image(self.image)
            masks = image.pad_mask(sample_masks(*self.size, objects).to(self.device))
            return self.model.decoder.with_keys(self.model.decoder.sample_points(image.pixels, masks))

    @torch.inference_mode()
    def measure(self, prompts: PointPrompts, *, repeats: int = 3) -> FrameCost:
        """Median cost of a frame as the video model does it."""
        return self._measure(lambda: self._frame(prompts), prompts.num_sets, repeats)

    @torch.inference_mode()
    def measure_plain(self, prompts: PointPrompts, *, repeats: int = 1) -> FrameCost:
        """Median cost of a frame as the released code does it: object after object, nothing shared or left out."""
        singles = [_select(prompts, index) for index in range(prompts.num_sets)]
        return self._measure(lambda: self._plain_frame(singles), len(singles), repeats)

    @torch.inference_mode()
    def masks(self, prompts: PointPrompts) -> Tensor:
        """(n, h, w) float32 mask logits of one frame, at 1/4 of the padded size, on the CPU."""
        with self.variant.autocast(self.device):
            return decode_frame(self.model, self.model.encode_image(self.image), prompts).float().cpu()

    def _frame(self, prompts: PointPrompts) -> list[float]:
        marks = [self._now()]
        prepared, size = self.model.prepare(self.image)
        maps = self.model.backbone_features(prepared)
        marks.append(self._now())
        pixels: PixelFeatures = self.model.sem_seg_head.pixel_decoder(maps)
        # Mask features, too, are made once per frame, whatever is prompted.
        for level in pixels.levels:
            pixels.mask_features.reduced((level.shape[-2], level.shape[-1]))
        marks.append(self._now())
        masks = decode_frame(self.model, EncodedImage(pixels, size, (prepared.shape[-2], prepared.shape[-1])), prompts)
        marks.append(self._now())
        _check(masks)
        return marks

    def _plain_frame(self, prompts: list[PointPrompts]) -> list[float]:
        spent = [0.0] * (len(STAGES) + 1)
        for own in prompts:
            marks = [self._now()]
            prepared, _ = self.model.prepare(self.image)
            maps = self.model.backbone_features(prepared)
            marks.append(self._now())
            pixels = self.model.sem_seg_head.pixel_decoder(maps)
            # Computed here and kept, as the released pixel decoder makes them.
            _ = pixels.mask_features.full
            marks.append(self._now())
            _check(plain_decode(self.model.decoder, pixels, own, self._classes).selected)
            marks.append(self._now())
            spent = [before + mark - marks[0] for before, mark in zip(spent, marks, strict=True)]
        return spent

    def _measure(self, frame: Callable[[], list[float]], objects: int, repeats: int) -> FrameCost:
        runs = []
        with self.variant.autocast(self.device):
            frame()
            for _ in range(repeats):
                marks = frame()
                runs.append([after - before for before, after in pairwise(marks)])
        median = np.median(np.array(runs), axis=0)
        return FrameCost(objects, dict(zip(STAGES, (float(s) for s in median), strict=True)))

    def _now(self) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
            return time.perf_counter()
        return time.process_time()


def decode_frame(model: Seem, image: EncodedImage, prompts: PointPrompts) -> Tensor:
    """(n, h, w) mask logits of the objects of a referring image, one per set of rows, at 1/4 of the padded size."""
    output = model.decoder(image.pixels, DecoderInputs(visual=prompts), groups=frozenset({Group.OBJECT_QUERIES}))
    chosen = output.point_scores(prompts.positive).argmax(dim=2)
    result: Tensor = output.mask_logits(Group.OBJECT_QUERIES, chosen)[:, 0]
    return result


def _select(prompts: PointPrompts, index: int) -> PointPrompts:
    """One set of several, without its padding."""
    length = int((~prompts.padding[index]).sum())
    return PointPrompts(
        tokens=tuple(level[index : index + 1, :length] for level in prompts.tokens),
        padding=prompts.padding[index : index + 1, :length],
        owners=tuple(level[index : index + 1, :length] for level in prompts.owners),
        positive=prompts.positive[index : index + 1],
        negative=prompts.negative[index : index + 1],
    )


def _check(masks: Tensor) -> None:
    if not torch.isfinite(masks).all():
        raise ArithmeticError("the measured masks are not finite")
