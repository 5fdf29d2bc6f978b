"""VideoTracker: one frame in, one result out. The caller owns the frames; the tracker owns what it remembers.

The way of a frame: choose where to look for each object, encode these views, decode the objects of each view from
memory, let prompts of this frame override, let objects compete for pixels, bring the winners to source size, remember
the views that are good, and choose where to look next.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from seem_model.video_model import Features, VideoModel
from vos.errors import PromptError, VideoError
from vos.prompts import Points, Prompt, Stroke
from vos.results import FrameResult
from vos.tracking.annotation import Annotation, TrackedObject, annotate
from vos.tracking.cleaning import CleanPolicy, clean_labels
from vos.tracking.competition import aggregate, logit, sigmoid
from vos.tracking.cuts import is_cut, signature_of
from vos.tracking.label_map import Patch, label_map, obey, patches_of, soft_mask
from vos.tracking.load_model import load_model
from vos.tracking.lookahead import Lookahead
from vos.tracking.memory_bank import MemoryBank, MemoryEntry, MemoryPolicy
from vos.tracking.sharing import SharedView, share_views
from vos.tracking.target import SeenMask, Target, TrackerState
from vos.tracking.view import View
from vos.tracking.windows import Frame, Window, WindowPolicy, box_of, follow, is_near, search

# Frames without an object after which it is no longer expected where it was.
_PATIENCE = 2
# What is left of an object must not hold its window, or a speck on a look-alike would: a mask that covers less than
# this share of what the object covered lately counts as not seen, and the search opens around it.
_LEAST_SHARE = 0.125
_AREA_KEPT = 0.95


@dataclass(slots=True)
class _Sighting:
    """Objects of one view of the frame in hand.

    Attributes:
        view, features: The view.
        object_ids: The N objects.
        logits: (N, h, w) of each alone.
        presence: (N,) in [0, 1].
        trusted: (N,) bool, good enough to be remembered.
        masks: (N, h, w) after all objects of the frame have competed.
        neighbours: (K, h, w) masks of objects of other views that reach into this one.
    """

    view: View
    features: Features
    object_ids: tuple[int, ...]
    logits: np.ndarray
    presence: np.ndarray
    trusted: np.ndarray
    masks: np.ndarray
    neighbours: np.ndarray

    def without(self, object_ids: Container[int]) -> _Sighting | None:
        """The same for the other objects; None if there are none."""
        rows = [row for row, own in enumerate(self.object_ids) if own not in object_ids]
        if len(rows) == len(self.object_ids):
            return self
        if not rows:
            return None
        return replace(
            self,
            object_ids=tuple(self.object_ids[row] for row in rows),
            logits=self.logits[rows],
            presence=self.presence[rows],
            trusted=self.trusted[rows],
            masks=self.masks[rows],
        )


class VideoTracker:
    """Tracks any number of objects through frames that arrive one by one.

    Args:
        model: A loaded model, or the name of one.
        policy: When frames are remembered.
        windows: How windows follow the objects.
        absent_below: An object whose presence falls below this probability gets no pixels in that frame.
        paint_absent: Whether absent objects get the model's pixels anyway. Only `labels` change by it: memory
            and competition in the frames after treat an absent object as absent.
        clean: How `labels` are cleaned; what is remembered stays as the model gave it. `steady` is not done here.
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
        windows: WindowPolicy | None = None,
        absent_below: float = 0.5,
        paint_absent: bool = False,
        clean: CleanPolicy | None = None,
        keep_soft_masks: bool = False,
    ) -> None:
        self.model: VideoModel = load_model(model) if isinstance(model, str) else model
        self.policy = policy or MemoryPolicy()
        self.windows = windows or WindowPolicy()
        if not self.model.uses_windows:
            self.windows = replace(self.windows, follow=False)
        self.absent_below = absent_below
        self.paint_absent = paint_absent
        self.clean = clean or CleanPolicy()
        self.keep_soft_masks = keep_soft_masks
        self._lookahead = Lookahead(self.model)
        self._bank = MemoryBank(self.policy)
        self._targets: dict[int, Target] = {}
        self._together: tuple[tuple[int, ...], ...] = ()
        self._signature: np.ndarray | None = None
        self._size: tuple[int, int] | None = None
        self._next_index = 0

    @property
    def object_ids(self) -> tuple[int, ...]:
        """Objects being tracked, ascending."""
        return tuple(self._targets)

    @property
    def next_index(self) -> int:
        """Index of the frame that the next `step` takes."""
        return self._next_index

    def step(
        self,
        rgb: np.ndarray,
        prompts: Sequence[Prompt] = (),
        *,
        pts: int | None = None,
        time_base: Fraction = Fraction(1),
        upcoming: np.ndarray | None = None,
    ) -> FrameResult:
        """Takes the next frame and returns its masks.

        Args:
            rgb: (H, W, 3) uint8. All frames of a video have the same size.
            prompts: Prompts drawn on this frame: for new objects, or corrections of known ones. Their `frame` is
                not looked at: they belong to this frame because they are passed with it.
            pts: Presentation time to hand through to the result; the frame's index when left out.
            time_base: Seconds per unit of `pts`.
            upcoming: The picture that the next step will get, where it is known already. It saves time: a thread begins
                to look at it. Results do not change; the array must stay as it is until then.

        Raises:
            PromptError: No object is known and none is prompted, or a prompt does not fit the frame.
            VideoError: The frame is not a picture, or not of the size of the frames before.
        """
        size = self._check_frame(rgb)
        if not prompts and not self._targets:
            raise PromptError(
                f"frame {self._next_index} has no prompt and no object is being tracked yet; "
                "pass at least one prompt with the first frame"
            )
        for prompt in prompts:
            prompt.check(size[1], size[0])
        frame = Frame(*size, tuple(self.model.input_sizes(*size)))
        signature = signature_of(rgb)
        cut = self._signature is not None and is_cut(self._signature, signature)
        if cut:
            self._bank.forget_recent()

        # Nothing of the tracker changes before all prompts are understood: one that cannot be used leaves no trace.
        anew = {prompt.object_id for prompt in prompts if _starts_anew(prompt)}
        shared, searched = self._views_for(frame, [i for i in self._targets if i not in anew], cut=cut)
        features = self._lookahead.encode(rgb, [own.view for own in shared])
        if upcoming is not None and not prompts and upcoming.shape == rgb.shape:
            self._lookahead.begin(upcoming, self._views_ahead(frame, shared))
        sightings = [
            self._decode(own, seen, searching=own in searched, cut=cut)
            for own, seen in zip(shared, features, strict=True)
        ]
        annotation = self._annotate(rgb, frame, prompts, anew, sightings) if prompts else Annotation()
        untouched = self._labels(sightings, {}, rgb) if annotation.changed else np.zeros((0, 0), np.uint16)
        prompted = {object_id for view in annotation.views for object_id in view.object_ids}
        sightings = [left for sighting in sightings if (left := sighting.without(prompted)) is not None]
        tracked = len(sightings)
        sightings += [
            self._sighting_of(view.view, view.features, view.object_ids, view.masks) for view in annotation.views
        ]
        self._compete(sightings)

        self._remember(sightings[:tracked])
        for sighting in sightings[:tracked]:
            self._follow(sighting, frame)
        for sighting, view in zip(sightings[tracked:], annotation.views, strict=True):
            self._pin(sighting, view.windows)
        if annotation.whole is not None:
            whole = annotation.whole
            memory = self.model.encode_memory(whole.features, whole.masks, pinned=True)
            places = tuple(_place_of(mask, whole.view) for mask in whole.masks)
            self._bank.add(MemoryEntry(memory, whole.object_ids, places, self._next_index, whole=True))
        self._targets = dict(sorted(self._targets.items()))
        self._together = tuple(sighting.object_ids for sighting in sightings)
        self._signature = signature

        result = self._result(sightings, annotation, rgb, untouched, pts=pts, time_base=time_base)
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
        if self._targets:
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
        self._signature = None
        self._next_index += 1
        return result

    def remove_object(self, object_id: int) -> None:
        """Stops tracking an object and forgets it.

        Raises:
            PromptError: No such object.
        """
        if object_id not in self._targets:
            known = ", ".join(map(str, self._targets)) or "none"
            raise PromptError(f"object {object_id} is not being tracked; tracked objects: {known}")
        del self._targets[object_id]
        self._bank.forget(object_id)

    def snapshot(self) -> TrackerState:
        """The state between two frames. Cheap: nothing is copied."""
        return TrackerState(
            next_index=self._next_index,
            size=self._size,
            targets=tuple(self._targets.values()),
            entries=self._bank.entries,
            together=self._together,
            signature=self._signature,
        )

    def restore(self, state: TrackerState) -> None:
        """Goes back to a state of a tracker with the same model: the next step gives what it gave then."""
        self._next_index = state.next_index
        self._size = state.size
        self._targets = {target.object_id: target for target in state.targets}
        self._bank = MemoryBank(self.policy, state.entries)
        self._together = state.together
        self._signature = state.signature

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

    def _views_for(
        self, frame: Frame, object_ids: Sequence[int], *, cut: bool
    ) -> tuple[list[SharedView], list[SharedView]]:
        """Where tracked objects are looked for; then those of the views whose objects may be anywhere."""
        windows = {i: frame.everything if cut else self._targets[i].ahead for i in object_ids}
        # Who is lost may be anywhere, who is seen is about where it was: they never share a view.
        lost = {i: window for i, window in windows.items() if cut or self._targets[i].missing >= _PATIENCE}
        seen = {i: window for i, window in windows.items() if i not in lost}
        searched = share_views(lost, frame, self.windows)
        return [*share_views(seen, frame, self.windows, self._together), *searched], searched

    def _views_ahead(self, frame: Frame, shared: Sequence[SharedView]) -> list[View]:
        """Where objects will be looked for in the next frame if they are seen in this one."""
        windows = {i: target.window for i, target in self._targets.items() if target.missing == 0}
        together = [own.object_ids for own in shared]
        return [own.view for own in share_views(windows, frame, self.windows, together)]

    def _decode(self, shared: SharedView, features: Features, *, searching: bool, cut: bool) -> _Sighting:
        """Masks of the objects of one view, from memory; `searching` for objects that may be anywhere."""
        view, object_ids, size = shared.view, shared.object_ids, features.mask_size
        targets = [self._targets[object_id] for object_id in object_ids]
        previous = np.stack([target.last.on(view, size) for target in targets])
        if cut:
            previous[:] = 0
        entries = self._bank.entries_for(object_ids, whole=searching)
        places = {t.object_id: view.from_middle(t.window.x, t.window.y) for t in targets}
        decoded = self.model.decode(
            features,
            [entry.read_for(object_ids) for entry in entries],
            self.model.join_references([target.reference for target in targets]),
            previous,
            shifts=None if searching else [entry.shift_to(places) for entry in entries],
        )
        return _Sighting(
            view,
            features,
            object_ids,
            decoded.mask_logits,
            decoded.presence,
            self.policy.trusts(decoded),
            masks=decoded.mask_logits,
            neighbours=decoded.mask_logits[:0],
        )

    def _annotate(
        self,
        rgb: np.ndarray,
        frame: Frame,
        prompts: Sequence[Prompt],
        anew: Container[int],
        sightings: Sequence[_Sighting],
    ) -> Annotation:
        """Prompts of a frame in which known objects have been looked for: marks on those that are seen correct them."""
        corrected = {p.object_id for p in prompts if p.object_id in self._targets and p.object_id not in anew}
        tracked: dict[int, TrackedObject] = {}
        if corrected:
            self._compete(sightings)
        for sighting in sightings if corrected else ():
            for row, object_id in enumerate(sighting.object_ids):
                if (sighting.masks[row] >= 0.5).any():
                    entries = self._bank.entries_for((object_id,))
                    tracked[object_id] = TrackedObject(
                        SeenMask(sighting.view, sighting.masks[row]),
                        [entry.read_for((object_id,)) for entry in entries],
                        self._targets[object_id].reference,
                    )
        # An object that is not seen here has nothing that could be taken away.
        said = [p for p in prompts if p.object_id not in corrected or p.object_id in tracked or not _only_negative(p)]
        return annotate(self.model, rgb, said, frame, self.windows, tracked) if said else Annotation()

    def _sighting_of(self, view: View, features: Features, object_ids: tuple[int, ...], masks: np.ndarray) -> _Sighting:
        """Objects whose masks in a view come from prompts."""
        count = len(object_ids)
        return _Sighting(
            view,
            features,
            object_ids,
            logit(masks),
            np.ones(count, np.float32),
            np.ones(count, bool),
            masks=masks,
            neighbours=masks[:0],
        )

    def _compete(self, sightings: Sequence[_Sighting]) -> None:
        """Gives every sighting its masks after competition, also with objects of other views; none to the absent."""
        own = [
            sigmoid(sighting.logits) * (sighting.presence >= self.absent_below)[:, None, None] for sighting in sightings
        ]
        for sighting, masks in zip(sightings, own, strict=True):
            size = sighting.features.mask_size
            others = [
                other.view.transfer(theirs, sighting.view, size)
                for other, theirs in zip(sightings, own, strict=True)
                if other is not sighting and other.view.overlaps(sighting.view)
            ]
            together = aggregate(np.concatenate([masks, *others]).astype(np.float32))
            sighting.masks, sighting.neighbours = together[: len(masks)], together[len(masks) :]

    def _remember(self, sightings: Sequence[_Sighting]) -> None:
        """Keeps the views of tracked objects that are due and good."""
        for sighting in sightings:
            size = sighting.features.mask_size
            due = False
            for row, object_id in enumerate(sighting.object_ids):
                target = self._targets[object_id]
                last = target.remembered.on(sighting.view, size)
                due |= self.policy.is_due(self._next_index, target.remembered_index, sighting.masks[row], last)
            rows = np.flatnonzero(sighting.trusted).tolist()
            if not due or not rows:
                continue
            self._keep(sighting, rows, pinned=False)
            for row, object_id in enumerate(sighting.object_ids):
                seen = SeenMask(sighting.view, sighting.masks[row])
                target = replace(self._targets[object_id], remembered=seen, remembered_index=self._next_index)
                self._targets[object_id] = target

    def _keep(self, sighting: _Sighting, rows: Sequence[int], *, pinned: bool) -> None:
        """Puts a view into memory for some of its objects."""
        everyone = np.concatenate([sighting.masks, sighting.neighbours])
        memory = self.model.encode_memory(sighting.features, everyone, pinned=pinned)
        places = [_place_of(sighting.masks[row], sighting.view) for row in rows]
        ids = [sighting.object_ids[row] for row in rows]
        self._bank.add(MemoryEntry(memory.select(rows), tuple(ids), tuple(places), self._next_index))

    def _follow(self, sighting: _Sighting, frame: Frame) -> None:
        """Updates the tracked objects of a view, and decides where to look for them next."""
        for row, object_id in enumerate(sighting.object_ids):
            target = self._targets[object_id]
            box = box_of(sighting.masks[row], sighting.view)
            last = SeenMask(sighting.view, sighting.masks[row])
            area = max(last.area, _AREA_KEPT * target.area)
            if box is None or last.area < _LEAST_SHARE * area:
                missing = target.missing + 1
                window = search(target.last_seen, missing, frame, self.windows)
                updated = replace(target, last=last, missing=missing, window=window, ahead=window, area=area)
            else:
                window = follow(target.last_seen, box, frame, self.windows)
                ahead = target.window if target.missing == 0 and is_near(target.window, window) else window
                updated = replace(target, last=last, missing=0, window=window, ahead=ahead, last_seen=window, area=area)
            self._targets[object_id] = updated

    def _pin(self, sighting: _Sighting, windows: Sequence[Window]) -> None:
        """Takes prompted objects over, and pins their view forever."""
        self._keep(sighting, range(len(sighting.object_ids)), pinned=True)
        reference = self.model.encode_reference(sighting.features, sighting.masks)
        for row, object_id in enumerate(sighting.object_ids):
            seen = SeenMask(sighting.view, sighting.masks[row])
            self._targets[object_id] = Target(
                object_id,
                reference.select([row]),
                windows[row],
                windows[row],
                last=seen,
                remembered=seen,
                remembered_index=self._next_index,
                missing=0,
                last_seen=windows[row],
                area=seen.area,
            )

    def _patches(self, sightings: Sequence[_Sighting], exact: Container[int] = ()) -> list[Patch]:
        """What the objects that are seen have to say about pixels; those with exact masks say nothing."""
        patches: list[Patch] = []
        for sighting in sightings:
            shown = [
                object_id not in exact and (self.paint_absent or sighting.presence[row] >= self.absent_below)
                for row, object_id in enumerate(sighting.object_ids)
            ]
            patches += patches_of(sighting.view, sighting.object_ids, sighting.logits, shown)
        return patches

    def _labels(self, sightings: Sequence[_Sighting], exact: Mapping[int, np.ndarray], rgb: np.ndarray) -> np.ndarray:
        labels = label_map(self._patches(sightings, exact), exact, rgb)
        return clean_labels(labels, self.clean, exact=exact)

    def _result(
        self,
        sightings: Sequence[_Sighting],
        annotation: Annotation,
        rgb: np.ndarray,
        untouched: np.ndarray,
        *,
        pts: int | None,
        time_base: Fraction,
    ) -> FrameResult:
        presence: dict[int, float] = {}
        soft: dict[int, np.ndarray] = {}
        size = (rgb.shape[0], rgb.shape[1])
        for sighting in sightings:
            for row, object_id in enumerate(sighting.object_ids):
                presence[object_id] = round(float(sighting.presence[row]), 6)
                if self.keep_soft_masks:
                    soft[object_id] = soft_mask(sighting.view, sighting.logits[row], size)
        labels = self._labels(sightings, annotation.exact, rgb)
        if annotation.changed:
            # What a correction does not ask for stays to the pixel, although it was seen through another window.
            anew = [i for view in annotation.views for i in view.object_ids if i not in annotation.changed]
            changed = np.isin(labels, anew)
            for object_id, (gained, lost) in annotation.changed.items():
                changed |= gained & (labels == object_id)
                changed |= lost & (untouched == object_id)
            labels = np.where(changed, labels, untouched)
        obey(annotation.marks, labels)
        ids = self.object_ids
        return FrameResult(
            index=self._next_index,
            pts=self._next_index if pts is None else pts,
            time_base=time_base,
            labels=labels,
            object_ids=ids,
            presence=tuple(presence[object_id] for object_id in ids),
            soft_masks=np.stack([soft[i] for i in ids]) if self.keep_soft_masks else None,
        )


def _starts_anew(prompt: Prompt) -> bool:
    """Whether a prompt says all about its object's extent; points and strokes correct the mask that is known."""
    return prompt.replaces or not isinstance(prompt, Points | Stroke)


def _only_negative(prompt: Prompt) -> bool:
    return isinstance(prompt, Points) and len(prompt.positive) == 0


def _place_of(mask: np.ndarray, view: View) -> tuple[float, float]:
    """Where the middle of an object is, in input pixels from the middle of its view; there itself if it is empty."""
    box = box_of(mask, view)
    return (0.0, 0.0) if box is None else view.from_middle((box.left + box.right) / 2, (box.top + box.bottom) / 2)
