"""Corrections of a run: its script is changed, and only the frames that the change affects are tracked again.

The frames before the first change keep their masks. The new ones are made in a folder inside the run's that is laid
out as a run and starts as a copy of the old one up to the first change (`vos.runs.correction_folder`). So the
correction goes on from the newest snapshot there, as a killed run does, and ends with the same bytes as a run of the
changed script from the start. When it is complete it replaces the old run (`vos.runs.commit`); until then the old masks
are untouched.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from seem_model.video_model import VideoModel
from vos.errors import OutputError, PromptError, UsageError
from vos.prompts import Prompt, PromptScript
from vos.runs.commit import commit_correction, recover_commit
from vos.runs.correction_folder import first_change, forward_folder, prepare_correction
from vos.runs.edit_layers import clear_staging, copy_locks, put_edits_on, read_edited_run
from vos.runs.edit_steps import locked_frames
from vos.runs.folder import OutputFolder
from vos.runs.journal import JournalEntry, read_journal
from vos.runs.lock import only_run_in
from vos.runs.record import FINISHED, read_record
from vos.runs.recorded import RecordedRun, read_recorded_run
from vos.runs.reproduce import cpu_threads, find_video, load_recorded_model, recorded_job
from vos.runs.run import Observer, RunOptions, RunOutcome, run_job
from vos.tracking.absence import AbsencePolicy
from vos.tracking.cleaning import CleanPolicy
from vos.tracking.memory_bank import MemoryPolicy
from vos.tracking.schedule import plan_of
from vos.tracking.windows import WindowPolicy


@dataclass(frozen=True, slots=True)
class CorrectionReport:
    """What a correction did, and what it cost.

    Attributes:
        frames_recomputed: Frames whose masks were recomputed.
        first, last: The first and the last of them; None if there is none.
        frames_tracked: Frames that the tracker has seen for it: also those between the snapshot that it started from
            and `first`.
        frames_changed: Frames whose masks have changed.
        frames_locked: Recomputed frames in which a lock (`vos edit --lock`) has kept an object, or the whole picture.
        outcome: Of the run as it is now; of the correction if it was interrupted.
    """

    frames_recomputed: int
    first: int | None
    last: int | None
    frames_tracked: int
    frames_changed: int
    frames_locked: int
    outcome: RunOutcome

    @property
    def is_interrupted(self) -> bool:
        """Whether the observer stopped it: the run is as it was, and the same correction would go on."""
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
    """Adds prompts and removals to a run, finished or interrupted, and tracks again what they affect.

    The corrections are merged into the run's script by the rules of `PromptScript.merge`. Edits of the run
    (`vos.edit_run`) are applied again to what is tracked; what is locked stays as it is.

    Args:
        run_folder: Folder of the run.
        corrections: What to add.
        video: Where the video is now, if it has moved.
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
    recover_commit(OutputFolder(Path(run_folder)))
    script = read_recorded_run(Path(run_folder)).script.merge(corrections)
    return revise_run(run_folder, script, video=video, model=model, weights=weights, options=options, observer=observer)


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
    """Turns a run into one of another script; frames before the first difference keep their masks.

    As `correct_run`, but `script` replaces the run's script, so that prompts can also be taken back.
    """
    plan = plan_of(script)
    folder = OutputFolder(Path(run_folder))
    recover_commit(folder)
    read_record(folder)
    with only_run_in(folder.root):
        edited = read_edited_run(folder)
        base = edited.base
        run = read_recorded_run(base.root)
        options = _options_for(run, options or RunOptions())
        entries = _entries_of(forward_folder(base))
        if not entries and not run.frames:
            raise OutputError(f"{run.path}: this run has no mask to correct; run vos track again")
        entries_before = _entries_of(folder)
        job = recorded_job(run, find_video(run, video), script, folder.correction)
        with cpu_threads(run):
            loaded = load_recorded_model(run, weights, None) if model is None else model
            first = first_change(plan_of(run.script), plan)
            if read_record(forward_folder(base))["status"] not in FINISHED:
                first = len(entries) if first is None else first
            if first is not None:
                # Masks that were compared with later frames are not those that a tracker goes on from.
                first = 0 if run.clean.steady else min(first, len(entries))
            if job.folder.tracked.is_started():
                clear_staging(folder)  # a kill while edits were applied
            prepare_correction(base, run, job, entries, first)
            try:
                outcome = run_job(job, loaded, options, observer)
            except PromptError:
                shutil.rmtree(job.output, ignore_errors=True)
                raise
        if edited.steps and not outcome.is_interrupted:
            copy_locks(folder, job.folder, edited.steps)
            put_edits_on(job.folder, edited.steps, edited.outputs, folder, job.video)
        entries_now = () if outcome.is_interrupted else _entries_of(job.folder)
        locked = locked_frames(edited.steps)
        report = _report(first, entries_before, entries_now, locked, replace(outcome, output=folder))
        if not outcome.is_interrupted:
            commit_correction(folder)
    return report


def _entries_of(folder: OutputFolder) -> tuple[JournalEntry, ...]:
    return read_journal(folder.journal).entries if folder.journal.exists() else ()


def _options_for(run: RecordedRun, options: RunOptions) -> RunOptions:
    """The same with the policies of a run; others would give frames that do not fit those that stay."""
    for name, given, default, recorded in (
        ("memory", options.memory, MemoryPolicy(), run.memory),
        ("windows", options.windows, WindowPolicy(), run.windows),
        ("absence", options.absence, AbsencePolicy(), run.absence),
        ("clean", options.clean, CleanPolicy(), run.clean),
    ):
        if given not in (default, recorded):
            raise UsageError(
                f"{run.path}: {name} {given} is not what this run was made with ({recorded}); leave it out"
            )
    return replace(
        options,
        memory=run.memory,
        windows=run.windows,
        absence=run.absence,
        clean=run.clean,
        resume=True,
        overwrite=False,
    )


def _report(
    first: int | None,
    before: Sequence[JournalEntry],
    after: Sequence[JournalEntry],
    locked: frozenset[int],
    outcome: RunOutcome,
) -> CorrectionReport:
    ranges = [range(low, high + 1) for low, high in outcome.went_back]
    if first is not None and not outcome.is_interrupted:
        ranges.append(range(first, outcome.frames))
    frames = {index for indices in ranges for index in indices}
    old, new = ([entry.crc32 for entry in entries] for entries in (before, after))
    changed = sum(a != b for a, b in zip(old, new, strict=False)) + abs(len(old) - len(new))
    return CorrectionReport(
        frames_recomputed=len(frames),
        first=min(frames, default=None),
        last=max(frames, default=None),
        frames_tracked=outcome.tracked,
        frames_changed=0 if outcome.is_interrupted else changed,
        frames_locked=len(frames & locked),
        outcome=outcome,
    )
