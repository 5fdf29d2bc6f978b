"""Repeats a recorded run and compares its masks with the recorded ones, frame by frame.

What decides the result is taken from the record; what cannot be taken from it (the bytes of the video and of the
weights, the versions installed here) is compared with it: bytes must be equal, versions may explain a difference.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from vos.errors import OutputError
from vos.runs.edit_layers import copy_locks, put_edits_on
from vos.runs.edit_steps import read_steps
from vos.runs.folder import OutputFolder
from vos.runs.inputs import record_differences
from vos.runs.record import FINISHED
from vos.runs.recorded import RecordedFrame, RecordedRun, read_recorded_run
from vos.runs.reproduce import cpu_threads, find_video, load_recorded_model, recorded_job
from vos.runs.run import Observer, RunOptions, run_job
from vos.runs.verify import Difference

# Members of run.json that say what a mask was computed with.
_MADE_WITH = ("decoder", "model", "seed", "versions")


@dataclass(frozen=True, slots=True)
class Replay:
    """Outcome of a replay.

    Attributes:
        frames: Masks that were compared.
        difference: The first frame that differs; None if all are equal.
        changes: What is not as it was when the run was recorded, one phrase each: why masks may differ.
    """

    frames: int
    difference: Difference | None
    changes: tuple[str, ...]


def replay_run(
    record: Path,
    output: Path,
    *,
    video: str | None = None,
    weights: Path | None = None,
    device: str | None = None,
    overwrite: bool = False,
    on_frame: Callable[[int, int | None], None] = lambda done, total: None,
) -> Replay:
    """Repeats a run, with its edits. Only masks are made again, not what is painted from them.

    Args:
        record: The run's run.json, or its folder. Nothing is written there.
        output: Folder for the masks and the record of the replay.
        video: Where the video is now, if it has moved.
        weights: The weights file, if the run used others than the model's own.
        device: Where to compute, if not on the recorded device.
        overwrite: Whether results of a former run in `output` may be replaced.
        on_frame: As `Observer`.

    Raises:
        VideoError: The video is gone, has changed, or cannot be read.
        OutputError: The record is damaged or holds no mask, the weights differ, or `output` cannot be written.
        VosError: As `run_job`.
    """
    run = read_recorded_run(record)
    if not run.frames:
        raise OutputError(f"{run.path}: no mask of this run is recorded; there is nothing to compare a replay with")
    if output.resolve() == run.path.parent.resolve():
        raise OutputError(f"{output}: is the folder of the recorded run; give another one for the replay")
    folder = OutputFolder(output)
    folder.check(overwrite=overwrite)
    place = find_video(run, video)
    with cpu_threads(run):
        model = load_recorded_model(run, weights, device)
        job = recorded_job(run, place, run.script, output).masks_only()
        options = RunOptions(
            memory=run.memory,
            windows=run.windows,
            absence=run.absence,
            clean=run.clean,
            keep_snapshots=False,
            overwrite=overwrite,
        )
        run_job(job, model, options, Observer(on_frame=on_frame))
    steps = read_steps(run.members, run.path)
    if steps:
        copy_locks(OutputFolder(run.path.parent), folder, steps)
        put_edits_on(folder, steps, job.outputs_to_json(), folder, place)
    again = read_recorded_run(folder.record)
    return Replay(
        frames=min(len(run.frames), len(again.frames)),
        difference=_first_difference(run, again),
        changes=tuple(record_differences(_made_with(run), _made_with(again))),
    )


def _first_difference(run: RecordedRun, again: RecordedRun) -> Difference | None:
    """Frames that a run which was killed or failed did not come to are not compared."""
    was_cut_off = run.members["status"] not in FINISHED
    for index, (before, now) in enumerate(zip_longest(run.frames, again.frames)):
        if before == now:
            continue
        if before is None:
            return (
                None if was_cut_off else Difference(f"the run ended with frame {index - 1}, the replay goes on", index)
            )
        return Difference(_describe(before, now, index), index)
    return None


def _describe(before: RecordedFrame, now: RecordedFrame | None, index: int) -> str:
    if now is None:
        return f"the replay ends with frame {index - 1}, the run has this one too"
    if before.pts != now.pts:
        return f"it is shown at pts {now.pts}, was at {before.pts}"
    return f"its mask has checksum {now.checksum}, was {before.checksum}"


def _made_with(run: RecordedRun) -> dict[str, object]:
    return {name: run.members.get(name) for name in _MADE_WITH}
