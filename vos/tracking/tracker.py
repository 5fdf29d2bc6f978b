"""VideoTracker: one frame in, one result out. The caller owns the frames; the tracker owns what it remembers.

The way of a frame: encode the picture, decode all known objects together from memory, let prompts of this frame
override, let objects compete for pixels, bring the winner map to source size, remember the frame if it is good.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from seem_model.aggregation import aggregate
from vos.errors import PromptError, VideoError
from vos.prompts import Mask, Prompt, VisualPrompt
from vos.prompts.maps import description_of, prompt_maps
from vos.results import FrameResult
from vos.tracking.label_map import label_map, soft_masks
from vos.tracking.load_model import VideoModel, load_model
from vos.tracking.memory_bank import MemoryPolicy, MemoryPrompts

if TYPE_CHECKING:
    from seem_model.compact.decoder import PromptTokens
    from seem_model.compact.memory import FrameMemory
    from seem_model.compact.pyramid import ImageFeatures


@dataclass(frozen=True, slots=True, eq=False)
class TrackerState:
    """Everything a tracker knows between two frames; tensors are shared with the tracker and never changed in place."""

    next_index: int
    size: tuple[int, int] | None
    object_ids: tuple[int, ...]
    pinned: tuple[FrameMemory, ...]
    recent: tuple[FrameMemory, ...]
    reference: PromptTokens | None
    previous: Tensor | None
    remembered: Tensor | None
    remembered_index: int


class VideoTracker:
    """Tracks any number of objects through frames that arrive one by one.

    Args:
        model: A loaded model, or the name of one.
        policy: When frames are remembered.
        absent_below: An object whose presence falls below this probability gets no pixels in that frame.
        paint_absent: Whether absent objects get the model's pixels all the same. Only `labels` change by it: memory
            and competition in the frames after treat an absent object as absent.
        keep_soft_masks: Whether results carry per-object probabilities at source size (slow, large).

    Examples:
        >>> from vos import Box, VideoTracker, open_source
        >>> tracker = VideoTracker()
        >>> with open_source("clip.mp4") as source:
        ...     for frame in source:
        ...         prompts = [Box(120, 80, 360, 400)] if frame.index == 0 else []
        ...         result = tracker.step(frame.rgb, prompts)
        >>> result.labels.shape, result.object_ids
        ((432, 480), (1,))
    """

    def __init__(
        self,
        model: VideoModel | str = "compact",
        *,
        policy: MemoryPolicy | None = None,
        absent_below: float = 0.5,
        paint_absent: bool = False,
        keep_soft_masks: bool = False,
    ) -> None:
        self.model: VideoModel = load_model(model) if isinstance(model, str) else model
        self.policy = policy or MemoryPolicy()
        self.absent_below = absent_below
        self.paint_absent = paint_absent
        self.keep_soft_masks = keep_soft_masks
        self._memory = MemoryPrompts(self.policy)
        self._object_ids: tuple[int, ...] = ()
        self._reference: PromptTokens | None = None
        self._previous: Tensor | None = None
        # Masks of the last frame that went into memory, and its index.
        self._remembered: Tensor | None = None
        self._remembered_index = 0
        self._size: tuple[int, int] | None = None
        self._next_index = 0

    @property
    def object_ids(self) -> tuple[int, ...]:
        """Objects being tracked, ascending."""
        return self._object_ids

    @property
    def next_index(self) -> int:
        """Index of the frame that the next `step` takes."""
        return self._next_index

    @torch.inference_mode()
    def step(
        self,
        rgb: np.ndarray,
        prompts: Sequence[Prompt] = (),
        *,
        pts: int | None = None,
        time_base: Fraction = Fraction(1),
    ) -> FrameResult:
        """Takes the next frame and returns its masks.

        Args:
            rgb: (H, W, 3) uint8. All frames of a video have the same size.
            prompts: Prompts drawn on this frame: for new objects, or corrections of known ones. Their `frame` is
                not looked at: they belong to this frame because they are passed with it.
            pts: Presentation time to hand through to the result; the frame's index when left out.
            time_base: Seconds per unit of `pts`.

        Raises:
            PromptError: No object is known and none is prompted, or a prompt does not fit the frame.
            VideoError: The frame is not a picture, or not of the size of the frames before.
        """
        size = self._check_frame(rgb)
        height, width = size
        if not prompts and not self._object_ids:
            raise PromptError(
                f"frame {self._next_index} has no prompt and no object is being tracked yet; "
                "pass at least one prompt with the first frame"
            )
        for prompt in prompts:
            prompt.check(width, height)
        features = self.model.encode_image(rgb)

        logits, presence, trusted = self._decode_known(features)
        exact: dict[int, np.ndarray] = {}
        if prompts:
            logits, presence, exact = self._apply_prompts(features, prompts, size, logits, presence)
        masks = _visible(logits, presence, self.absent_below)
        if prompts:
            self._remembered, self._remembered_index = masks, self._next_index
        elif self._is_due(masks) and bool(trusted.any()):
            self._memory.add(self.model.remember(features, masks, pinned=False, valid=trusted))
            self._remembered, self._remembered_index = masks, self._next_index
        self._previous = masks

        shown = (presence >= self.absent_below) | self.paint_absent
        labels = label_map(logits, shown, self._object_ids, size, exact, rgb)
        result = FrameResult(
            index=self._next_index,
            pts=self._next_index if pts is None else pts,
            time_base=time_base,
            labels=labels,
            object_ids=self._object_ids,
            presence=tuple(round(float(p), 6) for p in presence),
            soft_masks=soft_masks(logits, size) if self.keep_soft_masks else None,
        )
        self._size = size
        self._next_index += 1
        return result

    def skip(self, rgb: np.ndarray, *, pts: int | None = None, time_base: Fraction = Fraction(1)) -> FrameResult:
        """Takes a frame while no object is tracked: before the first prompt, or after the last removal.

        Args:
            rgb, pts, time_base: As `step`. The picture is not looked at.

        Raises:
            PromptError: An object is being tracked.
            VideoError: As `step`.
        """
        size = self._check_frame(rgb)
        if self._object_ids:
            raise PromptError(f"frame {self._next_index} cannot be skipped: objects are being tracked; call step")
        result = FrameResult(
            index=self._next_index,
            pts=self._next_index if pts is None else pts,
            time_base=time_base,
            labels=np.zeros(size, np.uint16),
            object_ids=(),
            presence=(),
            soft_masks=np.zeros((0, *size), np.float32) if self.keep_soft_masks else None,
        )
        self._size = size
        self._next_index += 1
        return result

    def remove_object(self, object_id: int) -> None:
        """Stops tracking an object and forgets it.

        Raises:
            PromptError: No such object.
        """
        if object_id not in self._object_ids:
            known = ", ".join(map(str, self._object_ids)) or "none"
            raise PromptError(f"object {object_id} is not being tracked; tracked objects: {known}")
        self._set_objects(tuple(i for i in self._object_ids if i != object_id))

    def snapshot(self) -> TrackerState:
        """The state between two frames. Cheap: nothing is copied."""
        return TrackerState(
            next_index=self._next_index,
            size=self._size,
            object_ids=self._object_ids,
            pinned=tuple(frame for frame in self._memory.frames if frame.pinned),
            recent=tuple(frame for frame in self._memory.frames if not frame.pinned),
            reference=self._reference,
            previous=self._previous,
            remembered=self._remembered,
            remembered_index=self._remembered_index,
        )

    def restore(self, state: TrackerState) -> None:
        """Goes back to a state of a tracker with the same model: the next step gives what it gave then."""
        self._next_index = state.next_index
        self._size = state.size
        self._object_ids = state.object_ids
        self._memory.replace(state.pinned, state.recent)
        self._reference = state.reference
        self._previous = state.previous
        self._remembered = state.remembered
        self._remembered_index = state.remembered_index

    def _is_due(self, masks: Tensor) -> bool:
        if self._remembered is None:
            return True
        return self._memory.is_due(self._next_index, masks, self._remembered_index, self._remembered)

    def _check_frame(self, rgb: np.ndarray) -> tuple[int, int]:
        if not isinstance(rgb, np.ndarray):
            # OpenCV's capture gives None at the end of a video.
            raise VideoError(
                f"frame {self._next_index}: expected an (H, W, 3) uint8 array, not {type(rgb).__name__}; "
                "the video may have ended"
            )
        if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8:
            raise VideoError(
                f"frame {self._next_index}: expected an (H, W, 3) uint8 array, not {rgb.dtype} of shape {rgb.shape}"
            )
        size = (rgb.shape[0], rgb.shape[1])
        if self._size is not None and size != self._size:
            raise VideoError(
                f"frame {self._next_index} is {size[1]}x{size[0]}, the frames before were "
                f"{self._size[1]}x{self._size[0]}; start a new tracker for another video"
            )
        return size

    def _decode_known(self, features: ImageFeatures) -> tuple[Tensor, Tensor, Tensor]:
        """Logits (N, h, w), presence (N,) and trust (N,) of the objects already tracked."""
        if not self._object_ids or self._reference is None or self._previous is None:
            height, width = features.mask_features.shape[-2:]
            empty = features.mask_features.new_zeros(0)
            return empty.view(0, 1, 1).expand(0, height, width), empty, empty.bool()
        decoded = self.model.decode(features, self._memory.frames, self._reference, self._previous)
        return decoded.mask_logits, decoded.presence, self._memory.trusted(decoded)

    def _apply_prompts(
        self,
        features: ImageFeatures,
        prompts: Sequence[Prompt],
        size: tuple[int, int],
        logits: Tensor,
        presence: Tensor,
    ) -> tuple[Tensor, Tensor, dict[int, np.ndarray]]:
        """Gives prompted objects the mask of their prompt and pins this frame for them."""
        height, width = size
        known = self._object_ids
        by_object: dict[int, list[Prompt]] = {}
        for prompt in prompts:
            by_object.setdefault(prompt.object_id, []).append(prompt)
        descriptions = {object_id: description_of(own) for object_id, own in by_object.items()}
        described = {object_id: value for object_id, value in descriptions.items() if value is not None}
        exact = {
            object_id: np.logical_or.reduce([prompt.pixels for prompt in own if isinstance(prompt, Mask)])
            for object_id, own in by_object.items()
            if any(isinstance(prompt, Mask) for prompt in own)
        }
        to_segment = [object_id for object_id in by_object if object_id not in exact and object_id not in described]
        maps = [
            prompt_maps([prompt for prompt in by_object[object_id] if isinstance(prompt, VisualPrompt)], width, height)
            for object_id in to_segment
        ]
        drawn: dict[int, Tensor] = {}
        if described:
            found = self.model.masks_from_descriptions(features, list(described.values()))
            drawn |= zip(described, found, strict=True)

        # Nothing of the tracker has changed up to here: a prompt that cannot be used leaves no trace.
        self._set_objects(tuple(sorted({*known, *by_object})))
        slots = [known.index(i) if i in known else None for i in self._object_ids]
        logits, presence = _pick(logits, slots), _pick(presence, slots)
        if exact:
            drawn |= zip(exact, self.model.shrink_masks(features, list(exact.values())), strict=True)
        if to_segment:
            drawn |= zip(to_segment, self.model.masks_from_prompts(features, maps), strict=True)

        prompted = [self._object_ids.index(i) for i in by_object]
        for object_id, slot in zip(by_object, prompted, strict=True):
            logits[slot] = torch.logit(drawn[object_id].clamp(1e-4, 1 - 1e-4))
            presence[slot] = 1.0
        masks_now = logits.sigmoid()
        valid = torch.zeros(len(self._object_ids), dtype=torch.bool, device=logits.device)
        valid[prompted] = True
        self._memory.pin(self.model.remember(features, masks_now, pinned=True, valid=valid))
        tokens = self.model.reference(features, masks_now[prompted])
        if self._reference is None:
            self._reference = tokens.select([prompted.index(i) for i in range(len(self._object_ids))])
        else:
            self._reference = self._reference.replace(prompted, tokens)
        return logits, presence, exact

    def _set_objects(self, object_ids: tuple[int, ...]) -> None:
        """Changes the list of objects everywhere it is kept."""
        old = self._object_ids
        if object_ids == old:
            return
        slots = [old.index(i) if i in old else None for i in object_ids]
        self._object_ids = object_ids
        self._memory.reindex(slots)
        if self._reference is not None:
            self._reference = self._reference.select(slots)
        if self._previous is not None:
            self._previous = _pick(self._previous, slots)
        if self._remembered is not None:
            self._remembered = _pick(self._remembered, slots)


def _pick(x: Tensor, slots: Sequence[int | None]) -> Tensor:
    """Rows of `x` by slot, zeros for None."""
    rows = x.new_zeros(len(slots), *x.shape[1:])
    for row, slot in enumerate(slots):
        if slot is not None:
            rows[row] = x[slot]
    return rows


def _visible(logits: Tensor, presence: Tensor, absent_below: float) -> Tensor:
    """Mask probabilities after objects have competed for pixels; nothing for absent objects."""
    own = logits.sigmoid() * (presence >= absent_below).to(logits.dtype)[:, None, None]
    return aggregate(own[None])[0, 1:]
