"""The annotated frame: from prompts to the mask of each prompted object, in a window around it.

A mask says where its object is. What is drawn or described is looked for in a wide view first, and then a second time
in the window around what was found, where the object has the size that the network knows best. Marks on an object that
is known correct its mask instead (`vos.tracking.refinement`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import cv2
import numpy as np

from seem_model.video_model import Features, Memory, PromptKind, PromptMaps, Reference, ReferencePicture, VideoModel
from vos.errors import PromptError
from vos.prompts import Mask, Points, Prompt, Stroke, VisualPrompt
from vos.prompts.maps import DrawnPrompt, description_of, draw_rounds
from vos.tracking.candidates import is_ambiguous, read_click
from vos.tracking.competition import sigmoid, soft_iou
from vos.tracking.refinement import KnownObject, gained_area, refine_mask
from vos.tracking.sharing import share_views
from vos.tracking.target import SeenMask
from vos.tracking.view import View
from vos.tracking.windows import Box, Frame, Window, WindowPolicy, around, box_of, box_of_pixels, joined


@dataclass(frozen=True, slots=True)
class _Look:
    """How what is drawn is looked for.

    Attributes:
        context: Room around the marks for the first look, as `WindowPolicy.context`; None for the whole frame.
        again: What the second look, in the window around what was found, does: read the prompt once more, track the
            first mask into the window, or nothing.
    """

    context: float | None
    again: Literal["prompt", "track", "nothing"]


# Measured on the first frames of the 30 training sequences, IoU of the first mask (docs/windows.md): a stroke read
# twice .842 against .833; a box tracked .800 against .788; a point looked at once .719 against .679.
_LOOKS: Mapping[PromptKind, _Look] = {
    PromptKind.MASK: _Look(1.5, "track"),
    PromptKind.POLYGON: _Look(1.5, "track"),
    PromptKind.BOX: _Look(1.5, "track"),
    PromptKind.STROKE: _Look(None, "prompt"),
    PromptKind.POINTS: _Look(None, "nothing"),
}
# A second look that sees another object than the first is not believed.
_SAME_OBJECT = 0.3


@dataclass(frozen=True, slots=True, eq=False)
class AnnotatedView:
    """A view of the annotated frame with the prompted objects that share it.

    Attributes:
        view: The view.
        features: The model's, of it.
        object_ids: The N objects, ascending.
        masks: (N, h, w) float32 in [0, 1].
        windows: The window around each object alone.
    """

    view: View
    features: Features
    object_ids: tuple[int, ...]
    masks: np.ndarray
    windows: tuple[Window, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Annotation:
    """What the prompts of one frame gave.

    Attributes:
        views: Where the objects are.
        whole: All of them on the view of the whole frame; None if that is the only view, or there is none.
        exact: (H, W) bool masks that the user gave, by object.
        marks: What was drawn for the objects that have pixels which are certainly theirs, or not.
        changed: Where tracked objects gained pixels by a correction, and where they lost some, (H, W) bool each;
            elsewhere they stay as they are.
    """

    views: tuple[AnnotatedView, ...] = ()
    whole: AnnotatedView | None = None
    exact: Mapping[int, np.ndarray] = field(default_factory=dict)
    marks: Mapping[int, DrawnPrompt] = field(default_factory=dict)
    changed: Mapping[int, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class TrackedObject:
    """An object that tracking has found in the frame that is annotated.

    Attributes:
        seen: Its mask, after competition.
        memory: Remembered views of it alone.
        reference: Its referring visual prompt.
    """

    seen: SeenMask
    memory: Sequence[Memory]
    reference: Reference


def annotate(
    model: VideoModel,
    rgb: np.ndarray,
    prompts: Sequence[Prompt],
    frame: Frame,
    policy: WindowPolicy,
    tracked: Mapping[int, TrackedObject] | None = None,
) -> Annotation:
    """Finds the prompted objects in their frame.

    Args:
        model: The model.
        rgb: (H, W, 3) uint8.
        prompts: At least one.
        frame: Sizes.
        policy: How windows are placed.
        tracked: Objects that were found there without the prompts; those of them that are prompted are corrected.

    Raises:
        PromptError: Prompts contradict each other, or say only what an object is not of which nothing else is known.
        ModelInputError: The model cannot read one.
    """
    by_object: dict[int, list[Prompt]] = {}
    for prompt in prompts:
        by_object.setdefault(prompt.object_id, []).append(prompt)
    return _Annotator(model, rgb, frame, policy, tracked or {}).run(by_object)


class _Annotator:
    """One annotated frame; views are encoded once."""

    def __init__(
        self,
        model: VideoModel,
        rgb: np.ndarray,
        frame: Frame,
        policy: WindowPolicy,
        tracked: Mapping[int, TrackedObject],
    ) -> None:
        self._model = model
        self._tracked = tracked
        self._changed: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        self._rgb = rgb
        self._frame = frame
        self._policy = policy
        self._encoded: dict[View, Any] = {}
        # What objects are looked for by, and the marks that correct what is found so, round by round.
        self._drawn: dict[int, DrawnPrompt] = {}
        self._rounds: dict[int, list[DrawnPrompt]] = {}
        # Marks beside a mask, which is kept but for their pixels.
        self._on_exact: dict[int, DrawnPrompt] = {}

    def run(self, by_object: Mapping[int, Sequence[Prompt]]) -> Annotation:
        descriptions = {object_id: description_of(own) for object_id, own in by_object.items()}
        described = {object_id: value for object_id, value in descriptions.items() if value is not None}
        exact = {
            object_id: np.logical_or.reduce([prompt.pixels for prompt in own if isinstance(prompt, Mask)])
            for object_id, own in by_object.items()
            if any(isinstance(prompt, Mask) for prompt in own)
        }
        for object_id, own in by_object.items():
            if object_id in exact:
                self._marks_on_exact(object_id, [prompt for prompt in own if not isinstance(prompt, Mask)])
            elif object_id not in described:
                visual = [prompt for prompt in own if isinstance(prompt, VisualPrompt)]
                rounds = draw_rounds(visual, self._frame.width, self._frame.height)
                if object_id not in self._tracked:
                    self._drawn[object_id], *rounds = rounds
                    if not self._drawn[object_id].positive.any():
                        raise PromptError(
                            f"{visual[0].where} say only what the object is not: add a point, a stroke or a box on it"
                        )
                self._rounds[object_id] = rounds

        first = self._first_look(described)
        windows = {object_id: self._window(self._box(object_id, seen)) for object_id, seen in first.items()}
        windows |= {i: self._window(box_of_pixels(mask) if mask.any() else None) for i, mask in exact.items()}
        views = []
        for shared in share_views(windows, self._frame, self._policy):
            masks = self._second_look(shared.view, shared.object_ids, first, exact)
            views.append(
                AnnotatedView(
                    shared.view,
                    self._features(shared.view),
                    shared.object_ids,
                    masks,
                    tuple(windows[object_id] for object_id in shared.object_ids),
                )
            )
        marks = {**self._on_exact, **self._drawn, **{i: rounds[-1] for i, rounds in self._rounds.items() if rounds}}
        marks = {i: drawn for i, drawn in marks.items() if drawn.marked.any()}
        return Annotation(tuple(views), self._on_whole_frame(views), exact, marks, self._changed)

    def _marks_on_exact(self, object_id: int, others: Sequence[Prompt]) -> None:
        extent = next((prompt for prompt in others if not isinstance(prompt, Points | Stroke)), None)
        if extent is not None:
            raise PromptError(
                f"{extent.where} comes with a mask of the same object on the same frame, which says all: give it an "
                "object id of its own, or leave one of the two out"
            )
        marks = [prompt for prompt in others if isinstance(prompt, VisualPrompt)]
        if marks:
            self._on_exact[object_id] = draw_rounds(marks, self._frame.width, self._frame.height)[-1]

    def _box(self, object_id: int, seen: SeenMask) -> Box | None:
        """Around an object, and around the marks that are to correct it."""
        box, rounds = box_of(seen.mask, seen.view), self._rounds.get(object_id)
        return joined(box, box_of_pixels(rounds[-1].marked)) if rounds else box

    def _on_whole_frame(self, views: Sequence[AnnotatedView]) -> AnnotatedView | None:
        view = self._frame.view(self._frame.everything)
        if [own.view for own in views] == [view]:
            return None
        features = self._features(view)
        masks = [own.view.transfer(own.masks, view, features.mask_size) for own in views]
        object_ids = tuple(object_id for own in views for object_id in own.object_ids)
        windows = tuple(window for own in views for window in own.windows)
        return AnnotatedView(view, features, object_ids, np.concatenate(masks), windows)

    def _first_look(self, described: Mapping[int, str | ReferencePicture]) -> dict[int, SeenMask]:
        """Masks of objects that are drawn or described, each where it was looked for."""
        found: dict[int, SeenMask] = {}
        if described:
            whole = self._frame.view(self._frame.everything)
            masks = self._model.masks_from_descriptions(self._features(whole), list(described.values()))
            found |= {i: SeenMask(whole, mask) for i, mask in zip(described, masks, strict=True)}
        windows = {}
        found |= {i: self._tracked[i].seen for i in self._rounds if i in self._tracked}
        for object_id, drawn in self._drawn.items():
            if is_ambiguous(drawn):
                found[object_id] = read_click(self._model, self._features, drawn, self._frame)
                continue
            context = _LOOKS[drawn.kind].context
            if context is None:
                windows[object_id] = self._frame.everything
            else:
                windows[object_id] = around(box_of_pixels(drawn.positive), self._frame, self._policy, context=context)
        for shared in share_views(windows, self._frame, self._policy):
            masks = self._segment(shared.view, shared.object_ids)
            found |= {i: SeenMask(shared.view, mask) for i, mask in zip(shared.object_ids, masks, strict=True)}
        return found

    def _second_look(
        self,
        view: View,
        object_ids: Sequence[int],
        first: Mapping[int, SeenMask],
        exact: Mapping[int, np.ndarray],
    ) -> np.ndarray:
        """(N, h, w) masks of the objects that share a view."""
        size = self._features(view).mask_size
        masks = np.zeros((len(object_ids), *size), np.float32)
        for row, object_id in enumerate(object_ids):
            if object_id in exact:
                masks[row] = view.crop_map(exact[object_id], size)
                continue
            seen = first[object_id]
            masks[row] = seen.on(view, size)
            if object_id not in self._tracked:
                better = None if seen.view == view else self._look_again(view, object_id, seen)
                if better is not None and soft_iou(better[None], masks[row][None])[0] >= _SAME_OBJECT:
                    masks[row] = better
            if self._rounds.get(object_id):
                masks[row] = self._refine(view, object_id, masks[row])
        return masks

    def _refine(self, view: View, object_id: int, mask: np.ndarray) -> np.ndarray:
        features = self._features(view)
        others = np.zeros_like(mask)
        for other, own in self._tracked.items():
            if other != object_id and own.seen.view.overlaps(view):
                others = np.maximum(others, own.seen.on(view, features.mask_size))
        tracked = self._tracked.get(object_id)
        memory, reference = ((), None) if tracked is None else (tracked.memory, tracked.reference)
        refined = mask
        for drawn in self._rounds[object_id]:
            known = KnownObject(refined, others, memory, reference)
            refined = refine_mask(self._model, features, view, lambda: view.crop(self._rgb), drawn, known)
        if tracked is not None:
            self._changed[object_id] = (
                self._on_frame(gained_area(mask, refined), view),
                self._on_frame(gained_area(refined, mask), view),
            )
        return refined

    def _on_frame(self, cells: np.ndarray, view: View) -> np.ndarray:
        """(H, W) bool of the source: pixels in these cells of a view's grid."""
        area = np.zeros((self._frame.height, self._frame.width), bool)
        area[view.box] = view.enlarge(cells.astype(np.uint8), cv2.INTER_NEAREST) > 0
        return area

    def _look_again(self, view: View, object_id: int, seen: SeenMask) -> np.ndarray | None:
        """(h, w): the mask that the window around an object gives; None for kinds that are looked at once."""
        again = _LOOKS[self._drawn[object_id].kind].again if object_id in self._drawn else "track"
        if again == "prompt":
            answer: np.ndarray = self._segment(view, [object_id])[0]
            return answer
        if again == "nothing":
            return None
        wide = self._features(seen.view)
        memory = self._model.encode_memory(wide, seen.mask[None], pinned=True)
        reference = self._model.encode_reference(wide, seen.mask[None])
        here = self._features(view)
        previous = seen.on(view, here.mask_size)[None]
        decoded = self._model.decode(here, [memory], reference, previous, shifts=None)
        found: np.ndarray = sigmoid(decoded.mask_logits)[0]
        return found

    def _segment(self, view: View, object_ids: Sequence[int]) -> np.ndarray:
        features = self._features(view)
        size = features.mask_size
        maps = [
            PromptMaps(view.crop_map(drawn.positive, size), view.crop_map(drawn.negative, size), drawn.kind)
            for drawn in (self._drawn[object_id] for object_id in object_ids)
        ]
        return self._model.masks_from_prompts(features, maps)

    def _features(self, view: View) -> Any:
        if view not in self._encoded:
            self._encoded[view] = self._model.encode_images([view.crop(self._rgb)])[0]
        return self._encoded[view]

    def _window(self, box: Box | None) -> Window:
        return self._frame.everything if box is None else around(box, self._frame, self._policy)
