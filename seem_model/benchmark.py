"""What a frame costs: our path against the released way of computing, stage by stage, on this machine.

Weights are pseudo-random, because cost does not depend on training. CPU time is that of the process, which a busy
machine disturbs less than the clock; ratios of one run compare, absolute numbers depend on the machine.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from seem_model.attention_table import Group
from seem_model.configs import HIDDEN_DIM, NUM_CLASSES
from seem_model.decoder.inputs import DecoderInputs, PointPrompts, stack_points
from seem_model.decoder.output import unit
from seem_model.plain import plain_decode
from seem_model.seem import Seem
from seem_model.video import ObjectState, SeemVideoModel, VideoPrompt

STAGES = ("backbone", "pixel decoder", "decoder")


@dataclass(frozen=True)
class FrameCost:
    """Seconds per frame and stage, medians over the repeats.

    Attributes:
        objects: Number of objects in the frame.
        seconds: Per stage of `STAGES`.
        plain: The same for the released way of computing.
        deviation: Greatest difference of a chosen mask logit between both, as a share of its standard deviation.
    """

    objects: int
    seconds: dict[str, float]
    plain: dict[str, float]
    deviation: float

    @property
    def total(self) -> float:
        return sum(self.seconds.values())

    @property
    def plain_total(self) -> float:
        return sum(self.plain.values())


@dataclass(frozen=True)
class _Clock:
    """Measures seconds of a device: process time on a CPU, else wall time after synchronising."""

    device: torch.device

    def __call__(self, work: Callable[[], object], repeats: int) -> float:
        return statistics.median(self._once(work) for _ in range(repeats))

    def _once(self, work: Callable[[], object]) -> float:
        read = time.process_time if self.device.type == "cpu" else time.perf_counter
        self._settle()
        start = read()
        work()
        self._settle()
        return read() - start

    def _settle(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)


def _disc(height: int, width: int, index: int) -> np.ndarray:
    """A disc for object number `index`; enough pixels that the sampler is full."""
    y, x = np.mgrid[:height, :width]
    centre_y, centre_x = height * (0.3 + 0.2 * (index % 3)), width * (0.2 + 0.07 * (index % 10))
    return np.asarray((y - centre_y) ** 2 + (x - centre_x) ** 2 < (height / 6) ** 2)


def _classes(device: torch.device) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return unit(torch.randn(NUM_CLASSES + 1, HIDDEN_DIM, generator=generator)).to(device)


@torch.inference_mode()
def frame_cost(model: Seem, height: int, width: int, *, objects: int = 1, repeats: int = 3) -> FrameCost:
    """Measures one frame of video with `objects` objects, each prompted with a mask on another frame.

    The plain path runs for one object and counts once per object, as the released code would run it.

    Args:
        model: In eval mode, on the device to measure.
        height: Of the frame, at which the network works.
        width: As `height`.
        objects: How many.
        repeats: The median of so many runs counts; one more warms up.
    """
    rng = np.random.default_rng(0)
    frame = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    video = SeemVideoModel(model, short_side=min(height, width))
    reference = video.encode_image(frame[::-1].copy())
    states = [
        ObjectState(video.encode_prompt(reference, [VideoPrompt(_disc(height, width, index))]))
        for index in range(objects)
    ]
    prompts = [state.tokens.points for state in states if state.tokens.points is not None]
    pixel_decoder = model.sem_seg_head.pixel_decoder
    image, _ = model.prepare(frame)
    maps = model.backbone_features(image)
    features = pixel_decoder(maps)
    visual = stack_points(prompts)
    wanted = frozenset({Group.OBJECT_QUERIES})
    classes = _classes(model.device)
    decoder = model.decoder

    def decode() -> Tensor:
        output = decoder(features, DecoderInputs(visual=visual), groups=wanted, table=video.table)
        best = output.point_scores(visual.positive)[:, 0].argmax(1)
        return output.mask_logits(Group.OBJECT_QUERIES, best[:, None])

    def decode_plainly() -> Tensor:
        return plain_decode(decoder, pixel_features, _without_keys(prompts[0]), classes).selected

    def pixel_decode() -> None:
        pixels = pixel_decoder(maps)
        for level in pixels.levels:
            pixels.mask_features.reduced((level.shape[-2], level.shape[-1]))

    def pixel_decode_plainly() -> object:
        return pixel_decoder(maps).mask_features.full

    pixel_features = pixel_decoder(maps)
    difference = (decode()[0, 0] - decode_plainly()).abs().max() / decode_plainly().std()
    clock = _Clock(model.device)
    backbone = clock(lambda: model.backbone_features(image), repeats)
    return FrameCost(
        objects=objects,
        seconds={
            "backbone": backbone,
            "pixel decoder": clock(pixel_decode, repeats),
            "decoder": clock(decode, repeats),
        },
        plain={
            "backbone": objects * backbone,
            "pixel decoder": objects * clock(pixel_decode_plainly, repeats),
            "decoder": objects * clock(decode_plainly, repeats),
        },
        deviation=float(difference),
    )


def _without_keys(prompt: PointPrompts) -> PointPrompts:
    return PointPrompts(prompt.tokens, prompt.padding, prompt.owners, prompt.positive, prompt.negative)
