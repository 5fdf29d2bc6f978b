"""What goes into one decoder pass besides the image: prompt tokens and the previous masks.

S is the number of sets of rows: one per object, except in v1 where all objects share one set.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

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
