"""The released SEEM models as video models: the surface that `vos.tracking.tracker` works with.

As released, video is a referring image: the tokens and the mean mask feature of the annotated frame are computed once
and prompt every later frame; nothing is carried from frame to frame. In the variant `memory` the previous mask comes
in as SEEM's memory prompts do in its interactive rounds, P_m^l = MaskedCrossAtt(P_m^(l-1); M_p | Z) (SEEM section
3.2), which the release does not do for video.

Backbone and pixel decoder run once per frame; all objects are decoded together. Masks live on the grid of the
model's input picture, without its padding.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from seem_model.attention_table import DEMO, V0, AttentionTable
from seem_model.compact.decoder import PromptTokens
from seem_model.compact.memory import FrameMemory
from seem_model.compact.video import FrameDecode, PromptMaps, ReferencePicture
from seem_model.configs import HIDDEN_DIM, NUM_LEVELS
from seem_model.decoder.inputs import DecoderInputs, PointPrompts
from seem_model.decoder.visual_sampler import MAX_POINTS
from seem_model.errors import ModelInputError
from seem_model.image_mode import ImageSegmenter
from seem_model.language.encoder import LanguageEncoder
from seem_model.language.tokenizer import installed_tokenizer
from seem_model.seem import EncodedImage, Seem
from seem_model.store import load_seem
from seem_model.variants import Variant, split_name

# Rows of an object's tokens: points of each level, then the mean vectors of positive and negative points.
_TOKEN_ROWS = NUM_LEVELS * MAX_POINTS + 2
_LEAST_PROBABILITY = 1e-4
_AS_RELEASED = Variant()


@dataclass(frozen=True)
class SeemFrame:
    """An encoded frame.

    Attributes:
        image: What the decoder reads.
        mask_features: (1, 1, h, w) without content: its size is the grid of the masks.
    """

    image: EncodedImage
    mask_features: Tensor


class TrackableSeem:
    """One of the released models on one device, working at one input resolution.

    Args:
        model: With its weights.
        name: Of the release.
        weights_sha256: Hash of the weights file, for run records.
        device: Where to compute.
        short_side: The shorter side of the input picture in pixels; the release uses 512.
        variant: Precision, and whether the previous mask prompts the next frame.
        load_language: Reads the text encoder, if `model` has none. Called when words first prompt an object.
    """

    reads_text = True

    def __init__(
        self,
        model: Seem,
        *,
        name: str,
        weights_sha256: str,
        device: torch.device,
        short_side: int = 512,
        variant: Variant = _AS_RELEASED,
        load_language: Callable[[], LanguageEncoder] | None = None,
    ) -> None:
        self.name = variant.named(name)
        self.weights_sha256 = weights_sha256
        self.device = device
        self.short_side = short_side
        self.variant = variant
        self.network = model.to(device)
        variant.apply(self.network)
        self._segmenter = ImageSegmenter(model, short_side=short_side)
        self._load_language = load_language or (lambda: model.language)
        self._language: LanguageEncoder | None = None
        # Projected tokens of the last reference: the same object is handed back frame after frame.
        self._prepared: tuple[PromptTokens, PointPrompts] | None = None

    @classmethod
    def load(
        cls, name: str, *, device: torch.device, weights: Path | None = None, short_side: int = 512
    ) -> TrackableSeem:
        """A release by name, from the weights folder or from a file; a variant may stand behind its name.

        Raises:
            CheckpointError: If there is no such file, or it does not fit.
            ModelInputError: If there is no such variant.
        """
        name, variant = split_name(name)
        loaded = load_seem(name, weights=weights)
        return cls(
            loaded.model,
            name=loaded.name,
            weights_sha256=loaded.weights_sha256,
            device=device,
            short_side=short_side,
            variant=variant,
            load_language=lambda: load_seem(name, weights=weights, with_text=True).model.language,
        )

    @property
    def _table(self) -> AttentionTable:
        return V0 if self.variant.memory else DEMO

    def encode_image(self, rgb: np.ndarray) -> SeemFrame:
        """rgb: (H, W, 3) uint8."""
        with self.variant.autocast(self.device):
            image = self._segmenter.encode(rgb).encoded
        return SeemFrame(image, torch.zeros(1, 1, 1, 1, device=self.device).expand(1, 1, *image.size))

    def shrink_masks(self, features: SeemFrame, masks: Sequence[np.ndarray]) -> Tensor:
        """(H, W) bool masks at source size -> (N, h, w) share of each input pixel that they cover."""
        height, width = features.image.size
        resized = [
            cv2.resize(np.ascontiguousarray(mask, np.float32), (width, height), interpolation=cv2.INTER_AREA)
            for mask in masks
        ]
        return torch.from_numpy(np.stack(resized)).to(self.device)

    def masks_from_prompts(self, features: SeemFrame, prompts: Sequence[PromptMaps]) -> Tensor:
        """Mask probabilities (N, h, w) of the prompted objects in the frame they were prompted in.

        Raises:
            ModelInputError: If a prompt marks nothing.
        """
        positive = self.shrink_masks(features, [prompt.positive for prompt in prompts]) > 0
        negative = self.shrink_masks(features, [prompt.negative for prompt in prompts]) > 0
        if not positive.flatten(1).any(dim=1).all():
            raise ModelInputError("a prompt marks no pixel of the frame")
        image, decoder = features.image, self.network.decoder
        with self.variant.autocast(self.device):
            points = decoder.sample_points(image.pixels, image.pad_mask(positive), image.pad_mask(negative), table=V0)
            return self._decode(features, DecoderInputs(spatial=points), points.positive, V0).sigmoid()

    def masks_from_descriptions(self, features: SeemFrame, descriptions: Sequence[str | ReferencePicture]) -> Tensor:
        """Mask probabilities (N, h, w) of objects given in words or by other pictures; from then on the mask prompts.

        Raises:
            ModelInputError: If nothing in the frame answers to a description, or the model has no text encoder.
            MissingExtraError: If the packages for text are not installed.
        """
        with self.variant.autocast(self.device):
            return torch.stack([self._mask_described(features, description) for description in descriptions])

    def _mask_described(self, features: SeemFrame, description: str | ReferencePicture) -> Tensor:
        decoder = self.network.decoder
        if isinstance(description, str):
            if self._language is None:
                self._language = self._load_language().to(self.device)
            text = self._language(installed_tokenizer()([description]))
            group = decoder.table.text_queries
            output = decoder(features.image.pixels, DecoderInputs(grounding=text.prompts()), groups=frozenset({group}))
            chosen = output.text_scores(text.sentences, self._language.logit_scale).argmax(dim=2)
            logits, name = features.image.upsample(output.mask_logits(group, chosen)[:, 0].float()), f'"{description}"'
        else:
            other = self.encode_image(description.rgb)
            marked = self.shrink_masks(other, [description.mask]) > 0
            points = decoder.sample_points(other.image.pixels, other.image.pad_mask(marked), table=DEMO)
            logits = self._decode(features, DecoderInputs(visual=points), points.positive, DEMO)
            name = "the referring picture"
        if not (logits > 0).any():
            raise ModelInputError(f"nothing in this frame answers to {name}; prompt another frame, or draw the object")
        return logits[0].sigmoid()

    def reference(self, features: SeemFrame, masks: Tensor) -> PromptTokens:
        """Tokens of the annotated frame for objects with masks (N, h, w) in [0, 1].

        Returns:
            Per object the points of three levels and two mean vectors; the bias is 1 for a point and 0 where an
            object has fewer than 512.
        """
        image = features.image
        with self.variant.autocast(self.device):
            points = self.network.decoder.sample_points(image.pixels, image.pad_mask(masks > 0.5), table=V0)
        count, length = points.padding.shape
        tokens = torch.zeros(1, count, _TOKEN_ROWS, HIDDEN_DIM, device=self.device)
        bias = torch.zeros(1, count, _TOKEN_ROWS, device=self.device)
        for level, content in enumerate(points.tokens):
            start = level * MAX_POINTS
            tokens[0, :, start : start + length] = content
            bias[0, :, start : start + length] = (~points.padding).float()
        tokens[0, :, -2:] = torch.cat((points.positive, points.negative), dim=1)
        return PromptTokens(tokens, bias)

    def remember(self, features: SeemFrame, masks: Tensor, *, pinned: bool, valid: Tensor) -> FrameMemory:
        """An empty memory: SEEM reads no past frames. It tells only which objects were annotated in the frame."""
        count = len(masks)

        def empty(*shape: int) -> Tensor:
            return torch.zeros(1, *shape, device=self.device)

        return FrameMemory(
            key=empty(0, 1),
            fine_key=empty(0, 4, 1),
            finest_key=empty(0, 4, 4, 1),
            value=empty(count, 1, 0),
            mask=empty(count, 0),
            fine_mask=empty(count, 0, 4),
            finest_mask=empty(count, 0, 4, 4),
            prompts=empty(count, 0, 1),
            valid=valid[None].float(),
            pinned=pinned,
        )

    def decode(
        self, features: SeemFrame, memory: Sequence[FrameMemory], reference: PromptTokens, previous: Tensor
    ) -> FrameDecode:
        """Masks of all objects; previous (N, h, w) are the mask probabilities of the frame before.

        SEEM has no presence score; the mean probability inside the mask stands for it, 0 where the mask is empty.
        """
        with self.variant.autocast(self.device):
            points = self._points(reference)
            if self.variant.memory:
                inputs = DecoderInputs(spatial=points, previous_masks=self._previous_logits(features, previous))
            else:
                inputs = DecoderInputs(visual=points)
            logits = self._decode(features, inputs, points.positive, self._table)
        probability = logits.sigmoid().flatten(1)
        inside = (probability > 0.5).float()
        presence = (probability * inside).sum(1) / inside.sum(1).clamp(min=1)
        return FrameDecode(logits, presence, torch.ones_like(presence))

    def _points(self, reference: PromptTokens) -> PointPrompts:
        """The tokens as the decoder takes them, one set per object, projected for all layers."""
        if self._prepared is not None and self._prepared[0] is reference:
            return self._prepared[1]
        padding = reference.bias[0, :, :MAX_POINTS] == 0
        longest = max(1, int((~padding).sum(1).max()))
        levels = [reference.tokens[0, :, i * MAX_POINTS :][:, :longest] for i in range(NUM_LEVELS)]
        padding = padding[:, :longest]
        owners = torch.where(padding, -1, 0)
        points = PointPrompts(
            tokens=tuple(levels),
            padding=padding,
            owners=(owners,) * NUM_LEVELS,
            positive=reference.tokens[0, :, -2:-1],
            negative=reference.tokens[0, :, -1:],
        )
        points = self.network.decoder.with_keys(points)
        self._prepared = (reference, points)
        return points

    def _previous_logits(self, features: SeemFrame, previous: Tensor) -> Tensor:
        """(N, h, w) probabilities -> (N, 1, H/4, W/4) logits of the padded size."""
        logits = torch.logit(features.image.pad_mask(previous).clamp(_LEAST_PROBABILITY, 1 - _LEAST_PROBABILITY))
        return F.interpolate(logits[:, None], features.image.pixels.mask_features.size, mode="area")

    def _decode(self, features: SeemFrame, inputs: DecoderInputs, vectors: Tensor, table: AttentionTable) -> Tensor:
        """(N, h, w) mask logits of the best query of each object."""
        image, group = features.image, table.spatial_queries
        output = self.network.decoder(image.pixels, inputs, groups=frozenset({group}), table=table)
        chosen = output.point_scores(vectors).argmax(dim=2)
        return image.upsample(output.mask_logits(group, chosen)[:, 0].float())
