"""J and F of a network on clips of held-out pictures, per kind of prompt.

The clips are synthetic like those of training, from pictures that are never trained on, and longer. The network runs
over them as in training (every frame is remembered), so these numbers monitor a run and are not
comparable with those of a data set.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from eval.counting import count_by_id
from eval.masks import LabelMap
from eval.measures import MaskCounts, boundary_measure, region_similarity
from pipelines.training.clip_pass import track
from pipelines.training.prompts import DRAWN_KINDS, draw_prompt
from pipelines.training.settings import TrainSettings
from pipelines.training.stills import Still
from pipelines.training.synthesis import Clip, ClipSynthesizer
from seem_model.aggregation import aggregate
from seem_model.compact.layers import area_resize
from seem_model.compact.model import CompactSEEM
from seem_model.compact.pyramid import ImageFeatures
from seem_model.video_model import PromptKind

KINDS = (PromptKind.MASK, *DRAWN_KINDS)
"""Kinds of prompts, in the order of all results here."""

_SEED = 7_919


@dataclass(frozen=True, slots=True)
class ValidationResult:
    """Results of all clips.

    Attributes:
        scores: `J_<kind>` and `F_<kind>` for every kind, and `JF`, the mean of all of them; all in [0, 1].
        labels: Per clip (kinds, T, S, S) uint8, slot number + 1 or 0; of the first frame, the mask that tracking
            started from.
    """

    scores: dict[str, float]
    labels: list[np.ndarray]


class Validation:
    """A fixed set of clips with prompts.

    Args:
        stills: Held-out pictures.
        settings: The run: size, objects and variations of the clips.
        clips: How many clips.
        frames: Frames of each.
        use_presence: An object counts as absent where its presence score says so, as in the tracker. Without, its
            mask alone decides: the presence score of an untrained network is noise.
    """

    def __init__(
        self,
        stills: Sequence[Still],
        settings: TrainSettings,
        *,
        clips: int = 16,
        frames: int = 8,
        use_presence: bool = True,
    ) -> None:
        self.use_presence = use_presence
        synthesizer = ClipSynthesizer(
            list(stills),
            seed=settings.seed + _SEED,
            size=settings.size,
            frames=frames,
            objects=settings.objects,
            variations=settings.variations,
        )
        self.clips = [synthesizer.draw(number) for number in range(clips)]
        self._prompts = [self._draw(clip, [settings.seed, number, 3]) for number, clip in enumerate(self.clips)]

    @staticmethod
    def _draw(clip: Clip, seed: list[int]) -> np.ndarray:
        """(2, kinds - 1, O, S, S) positive and negative maps of every drawn kind and object."""
        rng = np.random.default_rng(seed)
        drawn = [[draw_prompt(mask, rng, kind)[:2] for mask in clip.masks[0]] for kind in DRAWN_KINDS]
        return np.asarray(drawn, np.float32).transpose(2, 0, 1, 3, 4)

    def run(self, model: CompactSEEM) -> ValidationResult:
        """Tracks every clip once per kind of prompt."""
        device = next(model.parameters()).device
        counts: list[list[np.ndarray]] = [[] for _ in KINDS]
        labels: list[np.ndarray] = []
        for clip, prompts in zip(self.clips, self._prompts, strict=True):
            predicted = _track_from_all_kinds(model, clip, prompts, device, self.use_presence)
            labels.append(predicted)
            ids = tuple(int(slot) + 1 for slot in np.flatnonzero(clip.weight))
            for row, of_kind in zip(counts, predicted, strict=True):
                row += [
                    count_by_id(LabelMap(of_kind[t]), LabelMap(_labels_of(clip.masks[t])), ids)
                    for t in range(1, len(of_kind))
                ]
        scores: dict[str, float] = {}
        for kind, rows in zip(KINDS, counts, strict=True):
            joined = MaskCounts(*np.concatenate(rows, 1))
            scores[f"J_{kind.name.lower()}"] = float(region_similarity(joined).mean())
            scores[f"F_{kind.name.lower()}"] = float(boundary_measure(joined).mean())
        return ValidationResult({"JF": float(np.mean(list(scores.values()))), **scores}, labels)


def _labels_of(masks: np.ndarray) -> np.ndarray:
    """(O, S, S) disjoint bool -> (S, S) uint8."""
    numbers = np.arange(1, len(masks) + 1, dtype=np.uint8)
    labels: np.ndarray = (masks * numbers[:, None, None]).max(0).astype(np.uint8)
    return labels


@torch.no_grad()
def _track_from_all_kinds(
    model: CompactSEEM, clip: Clip, prompts: np.ndarray, device: torch.device, use_presence: bool
) -> np.ndarray:
    """(kinds, T, S, S) uint8 labels; all kinds share one batch."""
    slots = np.flatnonzero(clip.weight)
    size = clip.frames.shape[1]
    grid = (size // 4, size // 4)
    pictures = torch.from_numpy(clip.frames).to(device).permute(0, 3, 1, 2)
    # Frame by frame: on a CPU, all frames at once would not be faster, and need T times the memory.
    frames = [model.encode_image(picture[None]) for picture in pictures]
    truth = area_resize(torch.from_numpy(clip.masks[:1, slots]).to(device).float(), grid)
    positive, negative = (area_resize(torch.from_numpy(maps[:, slots]).to(device), grid) for maps in prompts)
    kind = torch.tensor([[int(k)] * len(slots) for k in DRAWN_KINDS], device=device)
    drawn = model.segment_prompt(_repeat(frames[0], len(DRAWN_KINDS)), positive, negative, kind)[-1]
    first = torch.cat([truth, drawn.mask_logits.sigmoid()])
    everywhere = torch.ones(first.shape[:2], dtype=torch.bool, device=device)
    answers = [_paint(first, everywhere, slots, size)]
    for decoded, _, _ in track(model, [_repeat(frame, len(KINDS)) for frame in frames], first):
        present = decoded.presence_logits > 0 if use_presence else everywhere
        answers.append(_paint(decoded.mask_logits.sigmoid(), present, slots, size))
    return np.stack(answers, 1)


def _paint(masks: Tensor, present: Tensor, slots: np.ndarray, size: int) -> np.ndarray:
    """Probabilities (B, O, h, w) and presence (B, O) -> (B, size, size) uint8 labels."""
    upsampled = F.interpolate(aggregate(masks * present[:, :, None, None]), (size, size), mode="bilinear")
    winner = upsampled.argmax(1).cpu().numpy()
    labels: np.ndarray = np.concatenate([[0], slots + 1]).astype(np.uint8)[winner]
    return labels


def _repeat(features: ImageFeatures, times: int) -> ImageFeatures:
    """The features of one picture for a batch of `times`, without copying."""
    return ImageFeatures(
        *(getattr(features, f.name).expand(times, *getattr(features, f.name).shape[1:]) for f in fields(ImageFeatures))
    )
