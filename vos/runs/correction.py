"""Corrections of a run: what was said is changed, and only the frames that it affects are tracked again.

The frames before the first change keep their masks. The new ones are made beside the run, in a folder of their own
that is laid out as a run and starts as a copy of the old one up to the first change; so it goes on from the newest
snapshot there, as a killed run does, and ends with the same bytes as a run of the changed script from the start. When
it is complete it takes the place of the old (`vos.runs.commit`); until then the old masks are untouched.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from seem_model.video_model import VideoModel
from vos.errors import OutputError, PromptError, UsageError
from vos.files.index_png import make_folder, png_name
from vos.prompts import Prompt, PromptScript
from vos.runs.bidirectional import forward_members
from vos.runs.commit import switch
from vos.runs.folder import OutputFolder, write_json
from vos.runs.inputs import keep_references, script_members
from vos.runs.journal import Journal, JournalEntry, JournalWriter, read_journal
from vos.runs.lock import only_run_in
from vos.runs.record import FINISHED, read_record
from vos.runs.recorded import RecordedRun, read_recorded_run
from vos.runs.reproduce import cpu_threads, find_video, load_recorded_model, recorded_job
from vos.runs.resume import is_intact
from vos.runs.run import Observer, RunOptions, RunOutcome, TrackJob, run_job
from vos.runs.snapshots import list_snapshots
from vos.tracking.absence import AbsencePolicy
from vos.tracking.memory_bank import MemoryPolicy
from vos.tracking.schedule import TrackingPlan, plan_of
from vos.tracking.windows import WindowPolicy


@dataclass(frozen=True, slots=True)
class CorrectionReport:
    """What a correction took and did.

    Attributes:
        frames_recomputed: Frames whose masks were made anew.
        first, last: The range that they lie in; None if there is none.
        frames_tracked: Frames that the tracker has seen for it: also those between the snapshot that it started from
            and the first of the range.
        frames_changed: Frames whose masks are not what they were.
        outcome: Of the run as it is now; of the correction if it was interrupted.
    """

    frames_recomputed: int
    first: int | None
    last: int | None
    frames_tracked: int
    frames_changed: int
    outcome: RunOutcome

    @property
    def is_interrupted(self) -> bool:
        """Whether `stop` was set before the end: the run is as it was, and the same correction would go on."""
        return self.outcome.is_interrupted


def correct_run(
    run_folder: str | Path,
    corrections: PromptScript | Iterable[Prompt],
    *,
    video: str | None = None,
    model: VideoModel | None = None,
    weights: Path | None = None,
    options: RunOptions | None = None,
    observer: Observer | None = None,
) -> CorrectionReport:
    """Adds prompts and removals to a run, finished or broken off, and tracks again what they affect.

    The corrections are merged into the run's script by the rules of `PromptScript.merge`.

    Args:
        run_folder: Folder of the run.
        corrections: What to add.
        video: Where the video lies now, if it has moved.
        model: A loaded model, which must be that of the run; it is loaded if not given.
        weights: The weights file, if the run used others than the model's own.
        options: Which snapshots are made and kept, and how much memory may be used. Policies are those of the run.
        observer: Callbacks for every frame; frames that stay as they are pass quickly, without being tracked. If it
            stops the correction, the run is as it was before; the same correction made again goes on there.

    Raises:
        UsageError: Options ask for other policies than those of the run.
        PromptError: The corrections contradict the script or do not fit the video.
        OutputError: The folder is no run, its masks were changed by hand, or something that decides the result (the
            weights, versions, the number of threads...) is not what the run was made with.
        VideoError: The video is gone or has changed.

    Examples:
        >>> from vos import Box, Points, correct_run, track_script
        >>> outcome = track_script("clip.mp4", [Box(120, 80, 360, 400)], "clip_vos")
        >>> report = correct_run("clip_vos", [Points([[320, 210]], [[40, 40]], frame=4)])
        >>> print(report.frames_recomputed, "frames from", report.first)
        2 frames from 4
    """
    script = read_recorded_run(Path(run_folder)).script.merge(corrections)
    return revise_run(
        run_folder,
        script,
        video=video,
        model=model,
        weights=weights,
        options=options,
        observer=observer,
    )


def revise_run(
    run_folder: str | Path,
    script: PromptScript,
    *,
    video: str | None = None,
    model: VideoModel | None = None,
    weights: Path | None = None,
    options: RunOptions | None = None,
    observer: Observer | None = None,
) -> CorrectionReport:
    """Makes a run into one of another script; frames before the first difference keep their masks.

    As `correct_run`, but `script` is all that is said from now on: prompts can also be taken back.
    """
    plan = plan_of(script)
    folder = OutputFolder(Path(run_folder))
    read_record(folder)
    with only_run_in(folder.root):
        run = read_recorded_run(folder.root)
        options = _options_for(run, options or RunOptions())
        base = _base_of(folder)
        before = read_journal(base.journal) if base.journal.exists() else Journal((), None)
        if not before.entries and not run.frames:
            raise OutputError(f"{run.path}: no mask of this run is there to be corrected; run vos track again")
        shown = read_journal(folder.journal).entries if folder.journal.exists() else ()
        place = find_video(run, video)
        target = OutputFolder(folder.correction)
        with cpu_threads(run.threads):
            loaded = load_recorded_model(run, weights, None) if model is None else model
            first = first_difference(plan_of(run.script), plan)
            if read_record(base)["status"] not in FINISHED:
                first = len(before.entries) if first is None else first
            if first is not None:
                first = min(first, len(before.entries))
            job = recorded_job(run, place, script, target.root)
            _prepare(folder, target, run, job, plan, before, first)
            try:
                outcome = run_job(job, loaded, options, observer)
            except PromptError:
                shutil.rmtree(target.root, ignore_errors=True)
                raise
        now = () if outcome.is_interrupted else read_journal(target.journal).entries
        report = _report(first, shown, now, replace(outcome, output=folder))
        if not outcome.is_interrupted:
            switch(folder)
    return report


def _options_for(run: RecordedRun, options: RunOptions) -> RunOptions:
    """The same with the policies of a run; others would give frames that do not fit those that stay."""
    for name, given, default, recorded in (
        ("memory", options.memory, MemoryPolicy(), run.memory),
        ("windows", options.windows, WindowPolicy(), run.windows),
        ("absence", options.absence, AbsencePolicy(), run.absence),
    ):
        if given not in (default, recorded):
            raise UsageError(
                f"{run.path}: {name} {given} is not what this run was made with ({recorded}); leave it out"
            )
    return replace(options, memory=run.memory, absence=run.absence, resume=True, overwrite=False)


def first_difference(before: TrackingPlan, after: TrackingPlan) -> int | None:
    """The first frame of which the forward pass is told something else; None if there is none."""
    changed = [
        frame
        for events in ((before.prompts, after.prompts), (before.removals, after.removals))
        for frame in {**events[0], **events[1]}
        if events[0].get(frame) != events[1].get(frame)
    ]
    return min(changed, default=None)


def _base_of(folder: OutputFolder) -> OutputFolder:
    """Where the forward pass of a run lies."""
    return folder.forward_pass if folder.forward_pass.is_started() else folder


def _prepare(
    folder: OutputFolder,
    target: OutputFolder,
    run: RecordedRun,
    job: TrackJob,
    plan: TrackingPlan,
    before: Journal,
    first: int | None,
) -> None:
    """Makes `target` a broken-off run of the new script that has the old one's forward pass before `first`.

    Where a former call for the same script has left one, that one stays.
    """
    if target.is_started() and read_recorded_run(target.root).script == job.script:
        return
    shutil.rmtree(target.root, ignore_errors=True)
    if plan.backward == plan_of(run.script).backward and first is None:
        _copy_whole(folder, target, {**run.members, **script_members(job.script)})
        return
    kept = before.entries if first is None else before.entries[:first]
    running = {**run.members, **script_members(job.script), **_NOTHING_YET}
    base, new_base = _base_of(folder), target
    members = running
    if plan.backward:
        new_base = target.forward_pass
        members = {**read_record(base), **forward_members(job, plan, run.members)}
        if first is not None or members["status"] == "stopped":
            members |= _NOTHING_YET
    _check_masks(base, kept)
    if plan.prompts:
        make_folder(new_base.masks)
        make_folder(new_base.snapshots)
        for entry in kept:
            _link(base.masks / png_name(entry.index), new_base.masks / png_name(entry.index))
        for frames, path in list_snapshots(base.snapshots):
            if frames <= len(kept):
                _link(path, new_base.snapshots / path.name)
        writer = JournalWriter(new_base.journal)
        for entry in kept:
            writer.append(entry)
        writer.close()
        keep_references(new_base.root, job.script.prompts)
        write_json(new_base.record, members)
    if plan.backward:
        for path in folder.passes.glob("back_*/*"):
            make_folder(target.passes / path.parent.name)
            _link(path, target.passes / path.parent.name / path.name)
    # Last: without it there is no run here, and all this is done again.
    make_folder(target.root)
    keep_references(target.root, job.script.prompts)
    write_json(target.record, running)


_NOTHING_YET: dict[str, Any] = {"status": "running", "frames": 0, "pts": [], "mask_crc32": []}


def _copy_whole(folder: OutputFolder, target: OutputFolder, members: dict[str, Any]) -> None:
    for path in folder.written():
        copy = target.root / path.relative_to(folder.root)
        make_folder(copy.parent)
        if path != folder.record:
            _link(path, copy)
    write_json(target.record, members)


def _check_masks(folder: OutputFolder, entries: Iterable[JournalEntry]) -> None:
    for entry in entries:
        if not is_intact(folder, entry):
            raise OutputError(
                f"{folder.masks / png_name(entry.index)}: this mask is not the one that the run wrote; give it as a "
                f"prompt (--at {entry.index} --mask FILE), or put the run's own back"
            )


def _link(path: Path, target: Path) -> None:
    """A second name for a file that is never written in place; a copy where the file system has no such names."""
    try:
        os.link(path, target)
    except OSError:
        try:
            shutil.copyfile(path, target)
        except OSError as error:
            raise OutputError(f"{target}: cannot be written ({error.strerror or error})") from error


def _report(
    first: int | None, before: Sequence[JournalEntry], after: Sequence[JournalEntry], outcome: RunOutcome
) -> CorrectionReport:
    ranges = [range(low, high + 1) for low, high in outcome.went_back]
    if first is not None and not outcome.is_interrupted:
        ranges.append(range(first, outcome.frames))
    frames = {index for one in ranges for index in one}
    old, new = ([entry.crc32 for entry in entries] for entries in (before, after))
    changed = sum(a != b for a, b in zip(old, new, strict=False)) + abs(len(old) - len(new))
    return CorrectionReport(
        frames_recomputed=len(frames),
        first=min(frames, default=None),
        last=max(frames, default=None),
        frames_tracked=outcome.tracked,
        frames_changed=0 if outcome.is_interrupted else changed,
        outcome=outcome,
    )
