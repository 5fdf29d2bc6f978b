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

from seem_model.array_checks import Expected, check_arrays
from seem_model.attention_table import DEMO, V0, AttentionTable
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
from seem_model.video_model import Arrays, FrameDecode, PromptMaps, ReferencePicture

# Rows of an object's tokens: points of each level, then the mean vectors of positive and negative points.
_TOKEN_ROWS = NUM_LEVELS * MAX_POINTS + 2
_LEAST_PROBABILITY = 1e-4
_AS_RELEASED = Variant()


@dataclass(frozen=True, slots=True, eq=False)
class SeemFrame:
    """An encoded frame: what the decoder reads."""

    image: EncodedImage

    @property
    def mask_size(self) -> tuple[int, int]:
        """Masks live on the pixels of the model's input picture."""
        return self.image.size


@dataclass(frozen=True, slots=True)
class NoMemory:
    """SEEM reads no past frames: this tells only whether objects were annotated in one."""

    pinned: bool

    def select(self, slots: Sequence[int | None]) -> NoMemory:
        """The same: nothing is kept per object."""
        return self

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Nothing."""
        return {}


@dataclass(frozen=True, slots=True, eq=False)
class SeemReference:
    """Points of N annotated objects on three levels, and two mean vectors each.

    Attributes:
        tokens: (N, rows, channels).
        is_point: (N, rows) bool; False where an object has fewer points than rows.
    """

    tokens: Tensor
    is_point: Tensor

    def select(self, slots: Sequence[int | None]) -> SeemReference:
        """The same for another list of objects; no points for None."""
        known = torch.tensor([slot is not None for slot in slots], device=self.tokens.device)
        index = torch.tensor([slot or 0 for slot in slots], dtype=torch.long, device=self.tokens.device)
        return SeemReference(self.tokens[index] * known[:, None, None], self.is_point[index] & known[:, None])

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Its tensors as numpy arrays."""
        return {"tokens": self.tokens.cpu().numpy(), "is_point": self.is_point.cpu().numpy()}


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

    engine = "torch"
    reads_text = True
    uses_windows = False
    encodes_ahead = False

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
        self.device = str(device)
        self._device = device
        self.short_side = short_side
        self.variant = variant
        self.network = model.to(device)
        variant.apply(self.network)
        self._segmenter = ImageSegmenter(model, short_side=short_side)
        self._load_language = load_language or (lambda: model.language)
        self._language: LanguageEncoder | None = None
        # Projected tokens of the last reference: the same object is handed back frame after frame.
        self._prepared: tuple[SeemReference, PointPrompts] | None = None

    @property
    def threads(self) -> int:
        """CPU threads of PyTorch in this process."""
        return torch.get_num_threads()

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

    def input_sizes(self, height: int, width: int) -> list[tuple[int, int]]:
        """The frame's own size: the release has a resampling of its own, which happens in `encode_images`."""
        return [(height, width)]

    def encode_images(self, views: Sequence[np.ndarray]) -> list[SeemFrame]:
        """views: (H, W, 3) uint8, whole frames."""
        with self.variant.autocast(self._device):
            return [SeemFrame(self._segmenter.encode(view).encoded) for view in views]

    @torch.inference_mode()
    def masks_from_prompts(self, features: SeemFrame, prompts: Sequence[PromptMaps]) -> np.ndarray:
        """Mask probabilities (N, h, w) of the prompted objects in the frame they were prompted in.

        Raises:
            ModelInputError: If a prompt marks nothing.
        """
        positive = self._marked([prompt.positive for prompt in prompts])
        negative = self._marked([prompt.negative for prompt in prompts])
        if not positive.flatten(1).any(dim=1).all():
            raise ModelInputError("a prompt marks no pixel of the frame")
        image, decoder = features.image, self.network.decoder
        with self.variant.autocast(self._device):
            points = decoder.sample_points(image.pixels, image.pad_mask(positive), image.pad_mask(negative), table=V0)
            return _to_numpy(self._decode(features, DecoderInputs(spatial=points), points.positive, V0).sigmoid())

    @torch.inference_mode()
    def refine(
        self,
        features: SeemFrame,
        prompts: Sequence[PromptMaps],
        estimate: np.ndarray,
        memory: Sequence[NoMemory] = (),
        reference: SeemReference | None = None,
    ) -> np.ndarray:
        """Masks (N, h, w) corrected by marks: SEEM's interactive round, with the masks so far as memory prompts.

        What is sampled as the object is the mask so far with the marks on it: a click alone would be another object.
        """
        before = torch.from_numpy(estimate).to(self._device)
        negative = self._marked([prompt.negative for prompt in prompts])
        positive = ((before > 0.5) | self._marked([prompt.positive for prompt in prompts])) & ~negative
        image, decoder = features.image, self.network.decoder
        with self.variant.autocast(self._device):
            points = decoder.sample_points(image.pixels, image.pad_mask(positive), image.pad_mask(negative), table=V0)
            inputs = DecoderInputs(spatial=points, previous_masks=self._previous_logits(features, before))
            return _to_numpy(self._decode(features, inputs, points.positive, V0).sigmoid())

    def _marked(self, maps: Sequence[np.ndarray]) -> Tensor:
        """(N, h, w) bool: every pixel of the grid that a map touches."""
        return torch.from_numpy(np.stack(maps) > 0).to(self._device)

    @torch.inference_mode()
    def masks_from_descriptions(
        self, features: SeemFrame, descriptions: Sequence[str | ReferencePicture]
    ) -> np.ndarray:
        """Mask probabilities (N, h, w) of objects given in words or by other pictures; from then on the mask prompts.

        Raises:
            ModelInputError: If nothing in the frame answers to a description, or the model has no text encoder.
            MissingExtraError: If the packages for text are not installed.
        """
        with self.variant.autocast(self._device):
            return _to_numpy(torch.stack([self._mask_described(features, description) for description in descriptions]))

    def _mask_described(self, features: SeemFrame, description: str | ReferencePicture) -> Tensor:
        decoder = self.network.decoder
        if isinstance(description, str):
            if self._language is None:
                self._language = self._load_language().to(self._device)
            text = self._language(installed_tokenizer()([description]))
            group = decoder.table.text_queries
            output = decoder(features.image.pixels, DecoderInputs(grounding=text.prompts()), groups=frozenset({group}))
            chosen = output.text_scores(text.sentences, self._language.logit_scale).argmax(dim=2)
            logits, name = features.image.upsample(output.mask_logits(group, chosen)[:, 0].float()), f'"{description}"'
        else:
            other = self.encode_images([description.rgb])[0]
            cover = description.mask.astype(np.float32)
            marked = self._marked([cv2.resize(cover, other.mask_size[::-1], interpolation=cv2.INTER_AREA)])
            points = decoder.sample_points(other.image.pixels, other.image.pad_mask(marked), table=DEMO)
            logits = self._decode(features, DecoderInputs(visual=points), points.positive, DEMO)
            name = "the referring picture"
        if not (logits > 0).any():
            raise ModelInputError(f"nothing in this frame answers to {name}; prompt another frame, or draw the object")
        return logits[0].sigmoid()

    @torch.inference_mode()
    def encode_reference(self, features: SeemFrame, masks: np.ndarray) -> SeemReference:
        """Points of the annotated frame for objects with masks (N, h, w) in [0, 1]."""
        image = features.image
        with self.variant.autocast(self._device):
            inside = torch.from_numpy(masks > 0.5).to(self._device)
            points = self.network.decoder.sample_points(image.pixels, image.pad_mask(inside), table=V0)
        count, length = points.padding.shape
        tokens = torch.zeros(count, _TOKEN_ROWS, HIDDEN_DIM, device=self._device)
        is_point = torch.zeros(count, _TOKEN_ROWS, dtype=torch.bool, device=self._device)
        for level, content in enumerate(points.tokens):
            start = level * MAX_POINTS
            tokens[:, start : start + length] = content
            is_point[:, start : start + length] = ~points.padding
        tokens[:, -2:] = torch.cat((points.positive, points.negative), dim=1)
        return SeemReference(tokens, is_point)

    def join_references(self, references: Sequence[SeemReference]) -> SeemReference:
        """References of several lists of objects as one."""
        if len(references) == 1:
            return references[0]
        joined = SeemReference(
            torch.cat([reference.tokens for reference in references]),
            torch.cat([reference.is_point for reference in references]),
        )
        # The same objects frame after frame shall find their projected tokens again.
        prepared = self._prepared
        if prepared is not None and torch.equal(prepared[0].tokens, joined.tokens):
            return prepared[0]
        return joined

    def encode_memory(self, features: SeemFrame, masks: np.ndarray, *, pinned: bool) -> NoMemory:
        """Nothing but whether the frame was annotated."""
        return NoMemory(pinned)

    def memory_from_arrays(self, arrays: Arrays, *, objects: int, pinned: bool) -> NoMemory:
        """Raises ValueError if there are any arrays."""
        if arrays:
            raise ValueError(f"SEEM keeps no arrays of a frame, found {sorted(arrays)}")
        return NoMemory(pinned)

    def reference_from_arrays(self, arrays: Arrays, *, objects: int) -> SeemReference:
        """Raises ValueError if the arrays are not those of a reference."""
        expected: dict[str, Expected] = {
            "tokens": (np.float32, (objects, _TOKEN_ROWS, HIDDEN_DIM)),
            "is_point": (np.bool_, (objects, _TOKEN_ROWS)),
        }
        check_arrays(arrays, expected)
        return SeemReference(*(torch.from_numpy(arrays[name]).to(self._device) for name in ("tokens", "is_point")))

    @torch.inference_mode()
    def decode(
        self,
        features: SeemFrame,
        memory: Sequence[NoMemory],
        reference: SeemReference,
        previous: np.ndarray,
        *,
        shifts: Sequence[tuple[float, float]] | None,
    ) -> FrameDecode:
        """Masks of all objects; previous (N, h, w) are the mask probabilities of the frame before.

        SEEM has no presence score; the mean probability inside the mask stands for it, 0 where the mask is empty.
        """
        with self.variant.autocast(self._device):
            points = self._points(reference)
            if self.variant.memory:
                inputs = DecoderInputs(
                    spatial=points,
                    previous_masks=self._previous_logits(features, torch.from_numpy(previous).to(self._device)),
                )
            else:
                inputs = DecoderInputs(visual=points)
            logits = self._decode(features, inputs, points.positive, self._table)
        probability = logits.sigmoid().flatten(1)
        inside = (probability > 0.5).float()
        presence = (probability * inside).sum(1) / inside.sum(1).clamp(min=1)
        return FrameDecode(_to_numpy(logits), _to_numpy(presence), np.ones(len(logits), np.float32))

    def _points(self, reference: SeemReference) -> PointPrompts:
        """The tokens as the decoder takes them, one set per object, projected for all layers."""
        if self._prepared is not None and self._prepared[0] is reference:
            return self._prepared[1]
        padding = ~reference.is_point[:, :MAX_POINTS]
        longest = max(1, int((~padding).sum(1).max()))
        levels = [reference.tokens[:, i * MAX_POINTS :][:, :longest] for i in range(NUM_LEVELS)]
        padding = padding[:, :longest]
        owners = torch.where(padding, -1, 0)
        points = PointPrompts(
            tokens=tuple(levels),
            padding=padding,
            owners=(owners,) * NUM_LEVELS,
            positive=reference.tokens[:, -2:-1],
            negative=reference.tokens[:, -1:],
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


def _to_numpy(tensor: Tensor) -> np.ndarray:
    array: np.ndarray = tensor.float().cpu().numpy()
    return array
