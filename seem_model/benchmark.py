"""Cost of one video frame of a released model, against a plain path that does what the released code does.

Both paths give the same masks. Processor time is measured, not wall time, so that other work on the machine disturbs
less; ratios of one run compare, absolute numbers depend on the machine.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from seem_model.attention_table import DEMO, Group
from seem_model.configs import DECODER_LAYERS, HIDDEN_DIM, NUM_HEADS, NUM_LEVELS, SeemConfig
from seem_model.decoder.decoder import Decoder
from seem_model.decoder.inputs import DecoderInputs, PointPrompts
from seem_model.decoder.output import unit
from seem_model.layers import MultiheadAttention, sine_positions
from seem_model.pixel_decoders import PixelFeatures
from seem_model.pseudo_weights import pseudo_model
from seem_model.seem import EncodedImage, Seem

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


def benchmark_image(height: int, width: int) -> np.ndarray:
    """(H, W, 3) uint8 of smooth colours."""
    y, x = np.mgrid[:height, :width]
    return np.stack((x // 3, y // 2, (x + y) // 5), axis=-1).astype(np.uint8)


def benchmark_masks(height: int, width: int, count: int) -> Tensor:
    """(count, H, W) bool: discs of more than 512 pixels side by side."""
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    centres = (torch.arange(count) + 1) * width / (count + 1)
    radius = min(height, width / (count + 1)) / 3
    return (y - height / 2) ** 2 + (x - centres[:, None, None]) ** 2 <= radius**2


class FrameBenchmark:
    """A model with pseudo-random weights and a referring image: video mode.

    Args:
        config: Which model; it is run in its demo behaviour, the one that does video.
        height: Of the frames, in pixels.
        width: As height.
        device: Where to compute.
        dtype: Of autocast; float32 for none.
    """

    def __init__(
        self,
        config: SeemConfig,
        *,
        height: int = 512,
        width: int = 910,
        device: torch.device | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.device = device or torch.device("cpu")
        self.dtype = dtype
        self.model = pseudo_model(replace(config, table=DEMO)).to(self.device)
        self.image = benchmark_image(height, width)
        self.size = (height, width)

    def compile(self) -> None:
        """Compiles backbone and pixel decoder."""
        self.model.backbone.compile()
        self.model.sem_seg_head.pixel_decoder.compile()

    @torch.inference_mode()
    def prompts(self, objects: int) -> PointPrompts:
        """Tokens of discs on the referring image, as they are kept for a whole video."""
        with torch.autocast(self.device.type, dtype=self.dtype, enabled=self.dtype != torch.float32):
            image = self.model.encode_image(self.image)
            masks = image.pad_mask(benchmark_masks(*self.size, objects).to(self.device))
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
            full = pixels.mask_features.full
            marks.append(self._now())
            _check(plain_decode(self.model.decoder, pixels.levels, full, own))
            marks.append(self._now())
            spent = [before + mark - marks[0] for before, mark in zip(spent, marks, strict=True)]
        return spent

    def _measure(self, frame: Callable[[], list[float]], objects: int, repeats: int) -> FrameCost:
        runs = []
        with torch.autocast(self.device.type, dtype=self.dtype, enabled=self.dtype != torch.float32):
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
    return output.mask_logits(Group.OBJECT_QUERIES, chosen)[:, 0]


def plain_decode(decoder: Decoder, levels: tuple[Tensor, ...], mask_features: Tensor, prompts: PointPrompts) -> Tensor:
    """(1, h, w) mask logits of one object, computed as the released code does it.

    All tokens are rows of every layer, attention is softmax with averaged weights, and masks of all queries at full
    size and class scores are predicted ten times.
    """
    count = decoder.num_queries
    x, positions = decoder.query_feat.weight[None], decoder.query_embed.weight[None]
    classes = torch.zeros(134, HIDDEN_DIM, device=x.device)
    sizes = [(m.shape[-2], m.shape[-1]) for m in levels]
    masks, readable = _plain_heads(decoder, x, mask_features, classes, sizes[0])
    for layer in range(DECODER_LAYERS):
        level = layer % NUM_LEVELS
        values = (levels[level] + decoder.level_embed.weight[level][:, None, None]).flatten(2).transpose(1, 2)
        keys = values + sine_positions(levels[level]).flatten(2).transpose(1, 2)
        cross = decoder.cross_attention[layer]
        x = cross.norm(x + _plain_attention(cross.multihead_attn, x + positions, keys, values, readable))
        tokens = prompts.tokens[level]
        rows, row_positions = torch.cat((x, tokens), dim=1), torch.cat((positions, tokens), dim=1)
        may_read = torch.ones(rows.shape[1], rows.shape[1], dtype=torch.bool, device=x.device)
        may_read[count:, :count] = False
        own = decoder.self_attention[layer]
        located = rows + row_positions
        rows = own.norm(rows + _plain_attention(own.self_attn, located, located, rows, may_read[None]))
        rows = decoder.transformer_ffn_layers[layer](rows)
        x = rows[:, :count]
        masks, readable = _plain_heads(decoder, x, mask_features, classes, sizes[(layer + 1) % NUM_LEVELS])
    scores = decoder.mask_embed(decoder.decoder_norm(x)) @ prompts.positive.transpose(1, 2)
    return masks[:, int(scores[0, :, 0].argmax())]


def _plain_heads(
    decoder: Decoder, x: Tensor, mask_features: Tensor, classes: Tensor, size: tuple[int, int]
) -> tuple[Tensor, Tensor]:
    normed = decoder.decoder_norm(x)
    _ = unit(normed @ decoder.class_embed) @ classes.t()
    masks = torch.einsum("bqc,bchw->bqhw", decoder.mask_embed(normed), mask_features)
    readable = F.interpolate(masks, size, mode="bilinear", align_corners=False).sigmoid().flatten(2) >= 0.5
    return masks, readable | ~readable.any(dim=2, keepdim=True)


def _plain_attention(
    attention: MultiheadAttention, queries: Tensor, keys: Tensor, values: Tensor, readable: Tensor
) -> Tensor:
    def heads(x: Tensor, part: int) -> Tensor:
        projected = F.linear(x, attention.in_proj_weight.chunk(3)[part], attention.in_proj_bias.chunk(3)[part])
        return projected.unflatten(-1, (NUM_HEADS, -1)).transpose(1, 2)

    query, key, value = heads(queries, 0), heads(keys, 1), heads(values, 2)
    mask = readable[:, None].repeat(1, NUM_HEADS, 1, 1)
    logits = (query / math.sqrt(query.shape[-1])) @ key.transpose(2, 3)
    weights = logits.masked_fill(~mask, -torch.inf).softmax(-1)
    # The average over heads is what the released attention returns beside its output; nothing reads it.
    _ = weights.mean(dim=1)
    result: Tensor = attention.out_proj((weights @ value).transpose(1, 2).flatten(2))
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
        raise ArithmeticError("the benchmark's masks are not finite")
