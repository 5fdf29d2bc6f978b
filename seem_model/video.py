"""The official SEEM models on video: one image in, the masks of all objects out; the model keeps no state.

An object is prompted on one frame or on several, and its tokens are kept and reused unchanged (SEEM's referring
image prompt). The backbone and the pixel decoder run once per frame; each object has a set of queries of its own,
and all sets go through the decoder together.

Two behaviours: "demo" is what the released video demo computes, without memory. "v0" adds the memory prompts of the
paper: the previous mask of an object guides 32 memory slots, P_m^l = MaskedCrossAtt(P_m^{l-1}; M_p | Z), and the
object's queries read them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from seem_model.attention_table import BEHAVIOURS, Group
from seem_model.decoder.inputs import DecoderInputs, PointPrompts, TextPrompts, join_points, stack_points, stack_texts
from seem_model.decoder.output import DecoderOutput
from seem_model.errors import ModelInputError
from seem_model.language.tokenizer import installed_tokenizer
from seem_model.seem import EncodedImage, Seem


@dataclass(frozen=True)
class ImageFeatures:
    """One frame as the decoder sees it.

    Attributes:
        encoded: Features at the working size.
        source_size: Height and width of the frame that came in.
    """

    encoded: EncodedImage
    source_size: tuple[int, int]


@dataclass(frozen=True, eq=False)
class VideoPrompt:
    """What a user says about one object in one frame: a mask or stroke, a text, or both.

    Attributes:
        positive: (H, W) bool at the frame's size: pixels of the object; None for a text alone.
        negative: (H, W) bool: pixels that are not the object.
        text: A phrase such as "the red car".
    """

    positive: np.ndarray | None = None
    negative: np.ndarray | None = None
    text: str | None = None


@dataclass(frozen=True)
class PromptTokens:
    """What the decoder reads of an object's prompts, on any frame.

    Attributes:
        points: Features of the marked pixels with their projected keys, or None.
        text: Features of the phrase, or None.
        sentence: (1, C) embedding of the phrase that selects its query, or None.
    """

    points: PointPrompts | None
    text: TextPrompts | None
    sentence: Tensor | None


@dataclass(frozen=True)
class ObjectState:
    """One object in one call of `decode`.

    Attributes:
        tokens: From `encode_prompt`.
        previous: (h, w) mask logits of the object in the frame before, as in `Decoded.memory`; None to decode
            without memory.
    """

    tokens: PromptTokens
    previous: Tensor | None = None


@dataclass(frozen=True)
class Decoded:
    """Answers for N objects in one frame.

    Attributes:
        mask_logits: (N, H, W) at the frame's own size; a pixel is inside where the logit is positive.
        presence: (N,) in [0, 1]. SEEM has no output for absence; this is the mean mask probability inside the
            mask, times (for marked objects) how strongly the chosen query answers to the marked pixels.
        label_logits: (N, K + 1), or None unless class embeddings were given.
        memory: (N, h, w) mask logits at 1/4 of the padded size, to be handed back as `ObjectState.previous`.
    """

    mask_logits: Tensor
    presence: Tensor
    label_logits: Tensor | None
    memory: Tensor


class SeemVideoModel:
    """An official SEEM model behind the protocol of video models.

    Args:
        model: In eval mode; with its text encoder if texts are to be prompts or labels are asked for.
        behaviour: "demo" as released, or "v0" with memory prompts.
        short_side: Working resolution: the shorter side of a frame in pixels (512 in the released demo).
        autocast: Half precision to compute in; None for float32.
    """

    def __init__(
        self,
        model: Seem,
        *,
        behaviour: Literal["demo", "v0"] = "demo",
        short_side: int = 512,
        autocast: torch.dtype | None = None,
    ) -> None:
        if short_side < 32:
            raise ModelInputError(f"the short side must be at least 32 pixels, not {short_side}")
        self.model = model
        self.table = BEHAVIOURS[behaviour]
        self.short_side = short_side
        self.autocast = autocast

    def working_size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width at which a frame enters the network; the longer side is rounded down (parity)."""
        short, long = min(height, width), max(height, width)
        longer = int(self.short_side * long / short)
        size = (self.short_side, longer) if height <= width else (longer, self.short_side)
        limit = self.model.config.fixed_size
        if limit is not None and longer > limit:
            size = (max(1, size[0] * limit // longer), max(1, size[1] * limit // longer))
        return size

    @torch.inference_mode()
    def encode_image(self, image: np.ndarray) -> ImageFeatures:
        """Backbone and pixel decoder on one frame.

        Args:
            image: (H, W, 3) uint8 RGB.
        """
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or 0 in image.shape:
            raise ModelInputError(f"a frame must be (height, width, 3) uint8 RGB, not {image.shape} {image.dtype}")
        height, width = self.working_size(image.shape[0], image.shape[1])
        resized = np.array(Image.fromarray(image).resize((width, height), Image.Resampling.BICUBIC))
        with self._precision():
            return ImageFeatures(self.model.encode_image(resized), (image.shape[0], image.shape[1]))

    @torch.inference_mode()
    def encode_prompt(self, features: ImageFeatures, prompts: Sequence[VideoPrompt]) -> PromptTokens:
        """Tokens of one object.

        Args:
            features: Of the frame that the prompts mark.
            prompts: One or more; their points are joined. At most one text counts, the last.

        Raises:
            ModelInputError: If there is nothing to go by: no prompt, an empty mask, a mask of another size.
        """
        points = [self._points(features, prompt) for prompt in prompts if prompt.positive is not None]
        texts = [prompt.text for prompt in prompts if prompt.text is not None]
        if not points and not texts:
            raise ModelInputError("an object needs a mask, a stroke or a text")
        text = sentence = None
        if texts:
            encoded = self.model.language(installed_tokenizer()(texts[-1:]))
            text, sentence = TextPrompts(encoded.tokens, ~encoded.attention_mask), encoded.sentences
        joined = self.model.decoder.with_keys(join_points(points)) if points else None
        return PromptTokens(joined, text, sentence)

    def join(self, tokens: Sequence[PromptTokens]) -> PromptTokens:
        """Tokens of one object that was prompted on several frames."""
        points = [t.points for t in tokens if t.points is not None]
        texts = [t for t in tokens if t.text is not None]
        last = texts[-1] if texts else PromptTokens(None, None, None)
        return PromptTokens(join_points(points) if points else None, last.text, last.sentence)

    @torch.inference_mode()
    def decode(self, features: ImageFeatures, objects: Sequence[ObjectState], classes: Tensor | None = None) -> Decoded:
        """Masks of all objects in one frame.

        Args:
            features: From `encode_image`.
            objects: At least one.
            classes: (K + 1, C) unit class embeddings if labels are wanted.
        """
        if not objects:
            raise ModelInputError("there is no object to decode")
        # Objects with the same kinds of prompts form one call of the decoder.
        kinds: dict[tuple[bool, bool, bool], list[int]] = defaultdict(list)
        for index, item in enumerate(objects):
            kinds[self._kind(item)].append(index)
        size = features.encoded.pixels.mask_features.size
        device = self.model.device
        memory = torch.empty(len(objects), *size, device=device)
        presence = torch.empty(len(objects), device=device)
        labels = torch.empty(len(objects), len(classes), device=device) if classes is not None else None
        for indices in kinds.values():
            answer = self._decode_alike(features, [objects[i] for i in indices], classes)
            memory[indices], presence[indices] = answer[0], answer[1]
            if labels is not None and answer[2] is not None:
                labels[indices] = answer[2]
        logits = features.encoded.upsample(memory)
        logits = F.interpolate(logits[None], features.source_size, mode="bilinear", align_corners=False)[0]
        return Decoded(logits, presence, labels, memory)

    def _kind(self, item: ObjectState) -> tuple[bool, bool, bool]:
        """Whether an object is decoded with points, with text, with memory."""
        has_points = item.tokens.points is not None
        has_memory = item.previous is not None and self.table.has_memory and has_points
        return has_points, item.tokens.text is not None, has_memory

    def _decode_alike(
        self, features: ImageFeatures, objects: Sequence[ObjectState], classes: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Low-resolution masks (n, h, w), presence (n,) and labels of objects with the same kinds of prompts."""
        has_memory = self._kind(objects[0])[2]
        points = [item.tokens.points for item in objects if item.tokens.points is not None]
        texts = [item.tokens.text for item in objects if item.tokens.text is not None]
        previous = [item.previous for item in objects if item.previous is not None]
        stacked = stack_points(points) if points else None
        is_visual = Group.VISUAL_TOKENS in self.table.reads
        inputs = DecoderInputs(
            spatial=None if is_visual else stacked,
            visual=stacked if is_visual else None,
            grounding=stack_texts(texts) if texts else None,
            previous_masks=torch.stack(previous)[:, None] if has_memory else None,
        )
        group = self.table.spatial_queries if stacked is not None else self.table.text_queries
        with self._precision():
            output = self.model.decoder(features.encoded.pixels, inputs, groups=frozenset({group}), table=self.table)
            scores = self._scores(output, stacked, objects)
        rows = scores.argmax(1)
        masks = output.mask_logits(group, rows[:, None])[:, 0].float()
        presence = _confidence(masks)
        if stacked is not None:
            presence = presence * scores.amax(1).float().sigmoid()
        labels = None
        if classes is not None:
            logits = output.class_logits(classes, self.model.language.logit_scale, group)
            labels = logits[torch.arange(len(rows), device=rows.device), rows].float()
        return masks, presence, labels

    def _scores(self, output: DecoderOutput, points: PointPrompts | None, objects: Sequence[ObjectState]) -> Tensor:
        """(n, Q) fit of every query; marked pixels go before text (as in the released demo)."""
        if points is not None:
            return output.point_scores(points.positive)[:, 0]
        sentences = torch.stack([item.tokens.sentence for item in objects if item.tokens.sentence is not None])
        return output.text_scores(sentences, self.model.language.logit_scale)[:, 0]

    def _points(self, features: ImageFeatures, prompt: VideoPrompt) -> PointPrompts:
        positive = self._working_mask(features, prompt.positive, "mask or stroke")
        negative = None
        if prompt.negative is not None and prompt.negative.any():
            negative = self._working_mask(features, prompt.negative, "negative mask")
        with self._precision():
            return self.model.decoder.sample_points(features.encoded.pixels, positive, negative, table=self.table)

    def _working_mask(self, features: ImageFeatures, mask: np.ndarray | None, what: str) -> Tensor:
        """(1, H', W') bool at the padded working size."""
        if mask is None or mask.shape != features.source_size:
            raise ModelInputError(f"the {what} must have the frame's size {features.source_size}")
        if not mask.any():
            raise ModelInputError(f"the {what} is empty")
        share = torch.from_numpy(mask.astype(np.float32)).to(self.model.device)[None, None]
        covered = F.interpolate(share, features.encoded.size, mode="area")[0]
        # A thin stroke may cover no pixel by half at the working size; then every touched pixel counts.
        inside = covered >= 0.5
        return features.encoded.pad_mask(inside if bool(inside.any()) else covered > 0)

    def _precision(self) -> AbstractContextManager[object]:
        if self.autocast is None:
            return nullcontext()
        return torch.autocast(self.model.device.type, dtype=self.autocast)


def _confidence(masks: Tensor) -> Tensor:
    """(n,) mean probability of the pixels inside each mask of (n, h, w) logits; 0 for an empty mask."""
    probability = masks.sigmoid()
    inside = masks > 0
    return (probability * inside).flatten(1).sum(1) / inside.flatten(1).sum(1).clamp(min=1)
