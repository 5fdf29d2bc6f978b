"""The folder in which a correction is made: an interrupted run of the new script, with what stays of the old."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from vos.errors import OutputError
from vos.files.index_png import make_folder
from vos.runs.bidirectional import forward_members
from vos.runs.folder import OutputFolder, write_json
from vos.runs.inputs import keep_references, script_members
from vos.runs.job import TrackJob
from vos.runs.journal import JournalEntry, JournalWriter
from vos.runs.masks import is_intact
from vos.runs.record import read_record
from vos.runs.recorded import RecordedRun, read_recorded_run
from vos.runs.snapshots import list_snapshots
from vos.tracking.schedule import TrackingPlan, plan_of

_NOTHING_YET: dict[str, Any] = {"status": "running", "frames": 0, "pts": [], "mask_crc32": []}


def forward_folder(folder: OutputFolder) -> OutputFolder:
    """Where the forward pass of a run is: in a folder of its own if the run has backward passes too."""
    return folder.forward_pass if folder.forward_pass.is_started() else folder


def first_change(before: TrackingPlan, after: TrackingPlan) -> int | None:
    """The first frame on which the forward pass of two scripts differs; None if there is none."""
    changed = [
        frame
        for old, new in ((before.prompts, after.prompts), (before.removals, after.removals))
        for frame in {**old, **new}
        if old.get(frame) != new.get(frame)
    ]
    return min(changed, default=None)


def prepare_correction(
    folder: OutputFolder, run: RecordedRun, job: TrackJob, entries: Sequence[JournalEntry], first: int | None
) -> None:
    """Makes the output of `job` an interrupted run of its script, with the forward pass of `run` before frame `first`.

    If an earlier call for the same script has left such a run, it is kept.

    Args:
        folder: The folder of the run to correct.
        run: Its record.
        job: The run of the new script.
        entries: The journal of the old run's forward pass.
        first: The first frame that the forward pass has to track again; None if there is none.

    Raises:
        OutputError: A mask to keep is not the one that the run wrote, or a file cannot be written.
    """
    target = job.folder
    if target.is_started() and read_recorded_run(target.root).script == job.script:
        return
    shutil.rmtree(target.root, ignore_errors=True)
    plan = plan_of(job.script)
    members = {**run.members, **script_members(job.script)}
    if plan.backward == plan_of(run.script).backward and first is None:
        _copy_whole(folder, target, members)
        return
    kept = entries[:first]
    base = forward_folder(folder)
    _check_masks(base, kept)
    members |= _NOTHING_YET
    if plan.backward and plan.prompts:
        forward = {**read_record(base), **forward_members(job, plan, run.members)}
        if first is not None or forward["status"] == "stopped":
            forward |= _NOTHING_YET
        _keep_forward(base, target.forward_pass, kept, job, forward)
    elif plan.prompts:
        _keep_forward(base, target, kept, job, members)
    if plan.backward:
        for path in folder.passes.glob("back_*/*"):
            make_folder(target.passes / path.parent.name)
            link_file(path, target.passes / path.parent.name / path.name)
    # Last: without this file there is no run here, and the next call starts over.
    make_folder(target.root)
    keep_references(target.root, job.script.prompts)
    write_json(target.record, members)


def _copy_whole(folder: OutputFolder, target: OutputFolder, members: dict[str, Any]) -> None:
    for path in folder.written():
        copy = target.root / path.relative_to(folder.root)
        make_folder(copy.parent)
        if path != folder.record:
            link_file(path, copy)
    write_json(target.record, members)


def _keep_forward(
    base: OutputFolder, target: OutputFolder, kept: Sequence[JournalEntry], job: TrackJob, members: dict[str, Any]
) -> None:
    """Masks, journal and snapshots of the frames that stay, and the record of a run that got no further."""
    make_folder(target.masks)
    make_folder(target.snapshots)
    for entry in kept:
        link_file(base.mask(entry.index), target.masks / base.mask(entry.index).name)
    for frames, path in list_snapshots(base.snapshots):
        if frames <= len(kept):
            link_file(path, target.snapshots / path.name)
    journal = JournalWriter(target.journal)
    for entry in kept:
        journal.append(entry)
    journal.close()
    keep_references(target.root, job.script.prompts)
    write_json(target.record, members)


def _check_masks(folder: OutputFolder, entries: Iterable[JournalEntry]) -> None:
    for entry in entries:
        if not is_intact(folder, entry):
            raise OutputError(
                f"{folder.mask(entry.index)}: this mask is not the one that the run wrote; give it as a "
                f"prompt (--at {entry.index} --mask FILE), or put the run's own back"
            )


def link_file(path: Path, target: Path) -> None:
    """A second name for a file that is never written in place; a copy where the file system has no such names."""
    try:
        os.link(path, target)
    except OSError:
        try:
            shutil.copyfile(path, target)
        except OSError as error:
            raise OutputError(f"{target}: cannot be written ({error.strerror or error})") from error
