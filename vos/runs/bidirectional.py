"""Tracking both ways: a forward run, backward passes from annotated frames, and how they are put together.

The forward pass is a run of its own in `layers/forward/`. A backward pass starts on its annotated frame with the
prompts given there and, so that objects compete for pixels as they do forwards, with the masks that all other objects
have on that frame. Its masks are kept in `layers/back_<frame>/`. In the masks of the run an object has the pixels of
the backward pass on the frames that this pass is for; all other pixels are those of the forward pass.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from vos.errors import OutputError
from vos.files.atomic import write_bytes
from vos.files.index_png import make_folder, png_name, read_palette_png, write_palette_png
from vos.prompts import Mask, Prompt, Removal
from vos.prompts.digest import prompts_digest
from vos.results import FrameResult
from vos.runs.folder import OutputFolder
from vos.runs.inputs import script_members
from vos.runs.job import TrackJob, outputs_of
from vos.runs.journal import JournalEntry, mask_crc, read_journal
from vos.runs.resume import read_labels
from vos.tracking.absence import OnAbsent
from vos.tracking.schedule import BackwardPass, TrackingPlan
from vos.tracking.tracker import VideoTracker
from vos.video import Frame, FrameSource
from vos.video.backwards import backwards

_RECORD = "layer.json"


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What is known of one frame: (H, W) uint16 labels, and presence by object."""

    labels: np.ndarray
    presence: dict[int, float]


def forward_job(job: TrackJob, plan: TrackingPlan) -> TrackJob:
    """The forward pass of a job as a job of its own: what it is told there, and masks only."""
    prompts = [replace(prompt, direction="forward") for frame in sorted(plan.prompts) for prompt in plan.prompts[frame]]
    removals = [Removal(i, frame) for frame in sorted(plan.removals) for i in plan.removals[frame]]
    return replace(
        job,
        prompts=tuple(prompts),
        removals=tuple(removals),
        names={},
        output=forward_layer(OutputFolder(job.output)).root,
        overlay=False,
        contact_sheet=None,
        formats=(),
        overwrite=True,
    )


def forward_mode(on_absent: OnAbsent) -> OnAbsent:
    """When to stop is decided on the masks that are put together; a part that stops would leave them incomplete."""
    return "empty" if on_absent == "stop" else on_absent


def forward_members(job: TrackJob, plan: TrackingPlan, members: Mapping[str, Any]) -> dict[str, Any]:
    """What run.json of the forward pass says where that of the whole run says `members`."""
    part = forward_job(job, plan)
    options = {**members["options"], "on_absent": forward_mode(members["options"]["on_absent"]), "stop_after": None}
    return {**script_members(part.script), "options": options, "outputs": outputs_of(part)}


class Layers:
    """The parts of one run that is tracked both ways.

    Args:
        folder: Of the run.
        plan: With backward passes.
        size: (H, W) of the frames.
    """

    def __init__(self, folder: OutputFolder, plan: TrackingPlan, size: tuple[int, int]) -> None:
        self.forward = forward_layer(folder)
        self._root = folder.layers
        self._plan = plan
        self._size = size
        self._entries: tuple[JournalEntry, ...] = ()
        self._passes: dict[int, dict[int, JournalEntry]] = {}

    def read_forward(self) -> None:
        """Call this when the forward run is complete."""
        self._entries = read_journal(self.forward.journal).entries if self._plan.prompts else ()

    def at(self, index: int, passes: Sequence[BackwardPass]) -> Seen:
        """A frame put together from the forward run and some of the passes, which must be done."""
        seen = Seen(np.zeros(self._size, np.uint16), {})
        if index < len(self._entries):
            seen = Seen(read_labels(self.forward, index), dict(self._entries[index].presence))
        for one in passes:
            own = one.objects_at(index)
            if own:
                back = read_palette_png(self._mask(one, index))
                seen = _put_on(seen, back, self._passes[one.frame][index].presence, own)
        return seen

    def preview(self, frame: Frame, result: FrameResult, number: int) -> FrameResult:
        """What a frame looks like while pass `number`, which gave `result`, is being made."""
        one = self._plan.backward[number]
        presence = dict(zip(result.object_ids, result.presence, strict=True))
        below = self.at(frame.index, self._plan.backward[:number])
        return _as_result(frame, _put_on(below, result.labels, presence, one.objects_at(frame.index)))

    def compose(self, frame: Frame) -> FrameResult:
        """The result of a frame, when all passes are done."""
        return _as_result(frame, self.at(frame.index, self._plan.backward))

    def track_back(
        self, number: int, source: FrameSource, tracker: VideoTracker
    ) -> Iterator[tuple[Frame, FrameResult]]:
        """Makes the masks of one pass, unless they are there. Passes before it must be done.

        Yields:
            Frames that are tracked, from the highest to the lowest, with the objects of this pass and their
            neighbours. The pass is done when the iteration ends; if it is left before, it starts over next time.
        """
        one = self._plan.backward[number]
        start = self.at(one.frame, self._plan.backward[:number])
        others = _neighbours(one, start)
        key = f"{one.frame} {prompts_digest([*one.prompts, *others])}"
        record = self._folder(one) / _RECORD
        found = self._read(record, one, key)
        if found is None:
            shutil.rmtree(record.parent, ignore_errors=True)
            make_folder(record.parent)
            found = {}
            for frame in backwards(source, one.frame, one.last):
                prompts = [*one.prompts, *others] if frame.index == one.frame else ()
                result = tracker.step(frame.rgb, prompts, pts=frame.pts, time_base=frame.time_base)
                result = replace(result, index=frame.index)
                presence = dict(zip(result.object_ids, result.presence, strict=True))
                found[frame.index] = JournalEntry(frame.index, frame.pts, mask_crc(result.labels), presence)
                write_palette_png(self._mask(one, frame.index), result.labels)
                yield frame, result
            lines = b",\n".join(entry.to_line().rstrip() for _, entry in sorted(found.items()))
            write_bytes(record, b'{"key": %s, "frames": [\n%s\n]}\n' % (json.dumps(key).encode(), lines))
        self._passes[one.frame] = found

    def drop_other_passes(self) -> None:
        """Removes what is left of passes that the script no longer has."""
        wanted = {self._folder(one) for one in self._plan.backward}
        for path in self._root.glob("back_*"):
            if path not in wanted:
                shutil.rmtree(path, ignore_errors=True)

    def _folder(self, one: BackwardPass) -> Path:
        return self._root / f"back_{one.frame:05d}"

    def _mask(self, one: BackwardPass, index: int) -> Path:
        return self._folder(one) / png_name(index)

    def _read(self, record: Path, one: BackwardPass, key: str) -> dict[int, JournalEntry] | None:
        """What a former run has left of a pass, if it began alike, reached as far, and its masks are intact."""
        try:
            value = json.loads(record.read_bytes())
            entries = [JournalEntry.from_line(json.dumps(line).encode()) for line in value["frames"]]
            found = {entry.index: entry for entry in entries}
            wanted = range(one.last, one.frame + 1)
            if value["key"] == key and all(
                mask_crc(read_palette_png(self._mask(one, index))) == found[index].crc32 for index in wanted
            ):
                return found
        except (OSError, ValueError, KeyError, TypeError, OutputError):
            pass
        return None


def forward_layer(folder: OutputFolder) -> OutputFolder:
    """Where the forward pass of a run that is tracked both ways lies."""
    return OutputFolder(folder.layers / "forward")


def _as_result(frame: Frame, seen: Seen) -> FrameResult:
    return FrameResult(
        index=frame.index,
        pts=frame.pts,
        time_base=frame.time_base,
        labels=seen.labels,
        object_ids=tuple(seen.presence),
        presence=tuple(seen.presence.values()),
    )


def _put_on(below: Seen, back: np.ndarray, presence: Mapping[int, float], own: Sequence[int]) -> Seen:
    """`own` objects as a backward pass has them, over what is there."""
    labels = np.where(np.isin(below.labels, own), 0, below.labels)
    labels = np.where(np.isin(back, own), back, labels).astype(np.uint16)
    merged = below.presence | {i: presence[i] for i in own}
    return Seen(labels, dict(sorted(merged.items())))


def _neighbours(one: BackwardPass, start: Seen) -> list[Prompt]:
    """Masks of the objects that the pass is not about, on the frame that it starts on."""
    own = {prompt.object_id for prompt in one.prompts}
    others = [int(i) for i in np.unique(start.labels) if i and int(i) not in own]
    return [Mask(start.labels == i, object_id=i, frame=one.frame) for i in others]
