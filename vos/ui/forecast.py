"""What bringing the masks up to date will track again, for the page to show before it is asked for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from vos.errors import VosError
from vos.prompts import PromptScript
from vos.runs.correction_folder import first_change
from vos.runs.edit_layers import read_edited_run
from vos.runs.folder import OutputFolder
from vos.runs.record import FINISHED
from vos.runs.recorded import read_recorded_run
from vos.tracking.schedule import TrackingPlan, plan_of
from vos.ui.run_masks import script_key
from vos.ui.update import UpdateMode


@dataclass(frozen=True, slots=True)
class Forecast:
    """What will be tracked.

    Attributes:
        ranges: (first, last) frame, ascending, apart from each other.
        objects: Whose marks have changed since the masks were made; empty if none were made.
    """

    ranges: tuple[tuple[int, int], ...]
    objects: tuple[int, ...]

    def to_json(self) -> dict[str, Any]:
        """For the page."""
        return {"ranges": [list(pair) for pair in self.ranges], "objects": list(self.objects)}


def forecast(folder: OutputFolder, script: PromptScript, mode: UpdateMode, done: int, frames: int) -> Forecast | None:
    """What an update will track; None where nothing would be, or the marks contradict each other.

    Args:
        folder: Of the run.
        script: What is marked now.
        mode: How it will be made.
        done: Frames that have masks of `script` already, from the first on.
        frames: How many the video has.
    """
    try:
        plan = plan_of(script)
        if mode != "correct":
            first = done if mode == "resume" else 0
            return Forecast(((first, frames - 1),), ()) if first < frames else None
        run = read_recorded_run(read_edited_run(folder).base.root)
        before = plan_of(run.script)
    except VosError:
        return None
    changed = script_key(script) ^ script_key(run.script)
    start = first_change(before, plan)
    if run.members["status"] not in FINISHED:
        start = min(len(run.frames), frames if start is None else start)
    ranges = _backward_ranges(before, plan, frames if start is None else start)
    if start is not None and start < frames:
        ranges.append((start, frames - 1))
    return Forecast(_joined(ranges), tuple(sorted({object_id for object_id, _, _ in changed}))) if ranges else None


def _backward_ranges(before: TrackingPlan, after: TrackingPlan, first: int) -> list[tuple[int, int]]:
    """Backward passes that are new or begin otherwise, or that begin where the masks of other objects change."""
    return [(own.last, own.frame) for own in after.backward if own not in before.backward or own.frame >= first]


def _joined(ranges: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    joined: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if joined and low <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(joined[-1][1], high))
        else:
            joined.append((low, high))
    return tuple(joined)
