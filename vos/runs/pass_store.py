"""The passes of a run with backward prompts on disk, and how a frame is put together from them.

`layers/forward/` is a run of its own. `layers/back_<frame>/` has the masks of the backward pass from that frame, and
`layer.json` when it is complete.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from vos.errors import OutputError
from vos.files.atomic import write_bytes
from vos.files.gate import read_own_file
from vos.files.index_png import make_folder, png_name, read_palette_png, write_palette_png
from vos.files.json_node import JsonError, parse_json
from vos.prompts import Mask, Prompt
from vos.prompts.digest import prompts_digest
from vos.results import FrameResult
from vos.runs.folder import MAX_RECORD_BYTES, OutputFolder
from vos.runs.journal import JournalEntry, mask_crc, read_journal
from vos.runs.masks import read_labels
from vos.tracking.schedule import BackwardPass, TrackingPlan
from vos.tracking.tracker import VideoTracker
from vos.video import Frame, FrameSource, VideoInfo
from vos.video.backwards import backwards

_RECORD = "layer.json"


@dataclass(frozen=True, slots=True, eq=False)
class FrameMasks:
    """What is known of one frame: (H, W) uint16 labels, and presence in [0, 1] by object."""

    labels: np.ndarray
    presence: Mapping[int, float]

    def to_result(self, frame: Frame) -> FrameResult:
        """The same as the result of `frame`."""
        return FrameResult(
            index=frame.index,
            pts=frame.pts,
            time_base=frame.time_base,
            labels=self.labels,
            object_ids=tuple(self.presence),
            presence=tuple(self.presence.values()),
        )


class PassStore:
    """The passes of one run.

    Args:
        folder: Of the run.
        plan: With backward passes.
        info: Of the video.
    """

    def __init__(self, folder: OutputFolder, plan: TrackingPlan, info: VideoInfo) -> None:
        self._forward = folder.forward_pass
        self._root = folder.passes
        self._plan = plan
        self._size = (info.height, info.width)
        self._entries: tuple[JournalEntry, ...] = ()
        self._done: dict[int, dict[int, JournalEntry]] = {}

    def read_forward(self) -> None:
        """Call this when the forward pass is complete."""
        self._entries = read_journal(self._forward.journal).entries if self._plan.prompts else ()

    def at(self, index: int, passes: Sequence[BackwardPass]) -> FrameMasks:
        """A frame put together from the forward pass and some of the backward passes, which must be done."""
        masks = FrameMasks(np.zeros(self._size, np.uint16), {})
        if index < len(self._entries):
            masks = FrameMasks(read_labels(self._forward, index), self._entries[index].presence)
        for backward_pass in passes:
            own = backward_pass.objects_at(index)
            if own:
                labels = read_palette_png(self._mask(backward_pass, index))
                presence = self._done[backward_pass.frame][index].presence
                masks = overlay_objects(masks, FrameMasks(labels, presence), own)
        return masks

    def preview(self, frame: Frame, result: FrameResult, number: int) -> FrameResult:
        """What a frame looks like while pass `number`, which gave `result`, is being made."""
        backward_pass = self._plan.backward[number]
        masks = FrameMasks(result.labels, dict(zip(result.object_ids, result.presence, strict=True)))
        below = self.at(frame.index, self._plan.backward[:number])
        return overlay_objects(below, masks, backward_pass.objects_at(frame.index)).to_result(frame)

    def compose(self, frame: Frame) -> FrameResult:
        """The result of a frame, when all passes are done."""
        return self.at(frame.index, self._plan.backward).to_result(frame)

    def track_back(
        self, number: int, source: FrameSource, tracker: VideoTracker
    ) -> Iterator[tuple[Frame, FrameResult]]:
        """Makes the masks of one pass, unless they are there. Passes before it must be done.

        Yields:
            Frames that are tracked, from the highest to the lowest, with the objects of this pass and their
            neighbours. The pass is done when the iteration ends; if it is left before, it starts over next time.
        """
        backward_pass = self._plan.backward[number]
        others = _neighbours(backward_pass, self.at(backward_pass.frame, self._plan.backward[:number]))
        key = f"{backward_pass.frame} {prompts_digest([*backward_pass.prompts, *others])}"
        record = self._folder(backward_pass) / _RECORD
        found = self._read(record, backward_pass, key)
        if found is None:
            shutil.rmtree(record.parent, ignore_errors=True)
            make_folder(record.parent)
            found = {}
            for frame in backwards(source, backward_pass.frame, backward_pass.last):
                prompts = [*backward_pass.prompts, *others] if frame.index == backward_pass.frame else ()
                result = tracker.step(frame.rgb, prompts, pts=frame.pts, time_base=frame.time_base)
                result = replace(result, index=frame.index)
                presence = dict(zip(result.object_ids, result.presence, strict=True))
                found[frame.index] = JournalEntry(frame.index, frame.pts, mask_crc(result.labels), presence)
                write_palette_png(self._mask(backward_pass, frame.index), result.labels)
                yield frame, result
            lines = b",\n".join(entry.to_line().rstrip() for _, entry in sorted(found.items()))
            write_bytes(record, b'{"key": %s, "frames": [\n%s\n]}\n' % (json.dumps(key).encode(), lines))
        self._done[backward_pass.frame] = found

    def drop_other_passes(self) -> None:
        """Removes what is left of passes that the script no longer has."""
        wanted = {self._folder(backward_pass) for backward_pass in self._plan.backward}
        for path in self._root.glob("back_*"):
            if path not in wanted:
                shutil.rmtree(path, ignore_errors=True)

    def _folder(self, backward_pass: BackwardPass) -> Path:
        return self._root / f"back_{backward_pass.frame:05d}"

    def _mask(self, backward_pass: BackwardPass, index: int) -> Path:
        return self._folder(backward_pass) / png_name(index)

    def _read(self, record: Path, backward_pass: BackwardPass, key: str) -> dict[int, JournalEntry] | None:
        """What a former run has left of a pass, if it began alike, reached as far, and its masks are intact."""
        try:
            value = parse_json(read_own_file(record, OutputError, most=MAX_RECORD_BYTES), record)
            entries = [JournalEntry.from_line(json.dumps(line).encode()) for line in value["frames"]]
            found = {entry.index: entry for entry in entries}
            wanted = range(backward_pass.last, backward_pass.frame + 1)
            if value["key"] == key and all(
                mask_crc(read_palette_png(self._mask(backward_pass, index))) == found[index].crc32 for index in wanted
            ):
                return found
        except (OSError, ValueError, KeyError, TypeError, JsonError, OutputError):
            pass
        return None


def overlay_objects(below: FrameMasks, above: FrameMasks, objects: Sequence[int]) -> FrameMasks:
    """`below` with some objects taken from `above`: they have the pixels that they have there, and no others."""
    labels = np.where(np.isin(below.labels, objects), 0, below.labels)
    labels = np.where(np.isin(above.labels, objects), above.labels, labels).astype(np.uint16)
    presence = {**below.presence, **{i: above.presence[i] for i in objects}}
    return FrameMasks(labels, dict(sorted(presence.items())))


def _neighbours(backward_pass: BackwardPass, start: FrameMasks) -> list[Prompt]:
    """Masks of the objects that the pass is not about, on the frame that it starts on."""
    own = {prompt.object_id for prompt in backward_pass.prompts}
    others = [int(i) for i in np.unique(start.labels) if i and int(i) not in own]
    return [Mask(start.labels == i, object_id=i, frame=backward_pass.frame) for i in others]
