"""What goes into one decoder pass besides the image: prompt tokens and the previous masks.

S is the number of sets of rows: one per object, except in v1 where all objects share one set.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

LayerKeys = tuple[tuple[Tensor, Tensor], ...]


@dataclass(frozen=True)
class PointPrompts:
    """Point features of strokes or masks, from the same image or from a referring one.

    Attributes:
        tokens: Per level, (S, T, C): a feature per sampled point, positives before negatives.
        padding: (S, T) bool, True where a set has fewer points than the longest.
        owners: Per level, (S, T) int64: the object a point belongs to, counted inside its set; -1 for padding.
        positive: (S, n, C) mean mask feature at the positive points of each of the n objects of a set.
        negative: (S, n, C) the same for the negative points; nothing selects by it (parity).
        keys: The projected keys and values (S, heads, T, C / heads) of each decoder layer, or None if they are
            to be projected in every pass. Fill with `Decoder.with_keys` where tokens serve many frames.
    """

    tokens: tuple[Tensor, ...]
    padding: Tensor
    owners: tuple[Tensor, ...]
    positive: Tensor
    negative: Tensor
    keys: LayerKeys | None = None

    @property
    def num_sets(self) -> int:
        return self.positive.shape[0]

    @property
    def objects_per_set(self) -> int:
        return self.positive.shape[1]


@dataclass(frozen=True)
class TextPrompts:
    """Token features of texts.

    Attributes:
        tokens: (S, L, C)
        padding: (S, L) bool, True where a set has fewer tokens than the longest.
    """

    tokens: Tensor
    padding: Tensor


@dataclass(frozen=True)
class DecoderInputs:
    """Prompts of one pass; all optional. Every part has the same number of sets S.

    Attributes:
        spatial: Points on this image (and, with memory, the points that an object was first prompted with).
        visual: Points on a referring image (demo behaviour only).
        grounding: Text tokens.
        audio: Tokens of a transcribed sentence; SEEM treats them as a text group of their own (demo only).
        previous_masks: (S, n, h, w) mask logits of the previous round or frame, for the memory prompts.
    """

    spatial: PointPrompts | None = None
    visual: PointPrompts | None = None
    grounding: TextPrompts | None = None
    audio: TextPrompts | None = None
    previous_masks: Tensor | None = None

    @property
    def num_sets(self) -> int:
        if self.spatial is not None:
            return self.spatial.num_sets
        if self.visual is not None:
            return self.visual.num_sets
        text = self.grounding if self.grounding is not None else self.audio
        return text.tokens.shape[0] if text is not None else 1


def _pad(rows: Sequence[Tensor], value: float) -> Tensor:
    return pad_sequence(list(rows), batch_first=True, padding_value=value)


def stack_points(prompts: Sequence[PointPrompts]) -> PointPrompts:
    """One `PointPrompts` with a set per given set; shorter ones are padded. Projected keys are padded too."""
    if len(prompts) == 1:
        return prompts[0]
    lengths = torch.tensor([p.padding.shape[1] for p in prompts for _ in range(p.num_sets)])
    padded = torch.arange(int(lengths.max()))[None] >= lengths[:, None]
    padded = padded.to(prompts[0].padding.device)
    own = _pad([row for p in prompts for row in p.padding], 1.0)
    levels = range(len(prompts[0].tokens))
    keys: LayerKeys | None = None
    if all(p.keys is not None for p in prompts):
        per_prompt = [p.keys for p in prompts if p.keys is not None]
        keys = tuple(
            (_stack_keys([k[layer][0] for k in per_prompt]), _stack_keys([k[layer][1] for k in per_prompt]))
            for layer in range(len(per_prompt[0]))
        )
    return PointPrompts(
        tokens=tuple(_pad([row for p in prompts for row in p.tokens[i]], 0.0) for i in levels),
        padding=own | padded,
        owners=tuple(_pad([row for p in prompts for row in p.owners[i]], -1.0) for i in levels),
        positive=torch.cat([p.positive for p in prompts]),
        negative=torch.cat([p.negative for p in prompts]),
        keys=keys,
    )


def _stack_keys(parts: Sequence[Tensor]) -> Tensor:
    """(S_i, heads, T_i, d) each -> (sum S_i, heads, max T_i, d), zero padded."""
    longest = max(part.shape[2] for part in parts)
    padded = [torch.nn.functional.pad(part, (0, 0, 0, longest - part.shape[2])) for part in parts]
    return torch.cat(padded)


def stack_texts(prompts: Sequence[TextPrompts]) -> TextPrompts:
    """One `TextPrompts` with a set per given set; shorter ones are padded."""
    return TextPrompts(
        tokens=_pad([row for p in prompts for row in p.tokens], 0.0),
        padding=_pad([row for p in prompts for row in p.padding], 1.0),
    )


def join_points(prompts: Sequence[PointPrompts]) -> PointPrompts:
    """The points of several prompts of one object as one prompt; the mean vectors are weighted by points.

    Each prompt must hold one set with one object.
    """
    if len(prompts) == 1:
        return prompts[0]
    counts = torch.tensor([p.padding.shape[1] for p in prompts], dtype=prompts[0].positive.dtype)
    weights = (counts / counts.sum()).to(prompts[0].positive.device)

    def mean(vectors: list[Tensor]) -> Tensor:
        return (torch.stack(vectors) * weights[:, None, None, None]).sum(0)

    levels = range(len(prompts[0].tokens))
    joined = PointPrompts(
        tokens=tuple(torch.cat([p.tokens[i] for p in prompts], dim=1) for i in levels),
        padding=torch.cat([p.padding for p in prompts], dim=1),
        owners=tuple(torch.cat([p.owners[i] for p in prompts], dim=1) for i in levels),
        positive=mean([p.positive for p in prompts]),
        negative=mean([p.negative for p in prompts]),
    )
    if any(p.keys is None for p in prompts):
        return joined
    layers = zip(*(p.keys for p in prompts if p.keys is not None), strict=True)
    return replace(
        joined,
        keys=tuple(
            (torch.cat([k for k, _ in layer], dim=2), torch.cat([v for _, v in layer], dim=2)) for layer in layers
        ),
    )
