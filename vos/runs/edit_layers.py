"""A run with edits on disk: `tracked/` is the run as it was tracked, complete; the masks beside it are edited.

    OUT/tracked/      run.json, journal, masks, states, passes: corrections and replays go on from here
    OUT/edits/001/    the masks of a lock
    OUT/              masks and journal after all edits; run.json names them in order (member `edits`)

Frames without an edit have one file under two names.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from vos.errors import OutputError
from vos.export import ContactSheetSink, MaskSink, make_sink
from vos.files.index_png import make_folder, read_palette_png, write_palette_png
from vos.results import FrameResult
from vos.runs.correction_folder import link_file
from vos.runs.edit_steps import EditStore, Step, read_steps
from vos.runs.folder import OutputFolder, write_json
from vos.runs.journal import JournalEntry, JournalWriter, mask_crc, read_journal
from vos.runs.mask_reader import FinishedRun
from vos.runs.masks import is_intact
from vos.runs.pass_store import FrameMasks
from vos.runs.record import read_record
from vos.runs.summary import RunSummary

_ABSENT_BELOW = 0.5
# What tracked/run.json says is written beside the masks: nothing, since it is written of the edited ones.
_NO_OUTPUTS: dict[str, Any] = {"overlay": False, "contact_sheet": None, "formats": []}


@dataclass(frozen=True, slots=True)
class EditedRun:
    """What a run with edits, or without, consists of.

    Attributes:
        base: Folder of the run as it was tracked: `tracked/`, or the run's own if it has no edits.
        steps: The edits.
        outputs: What the run writes beside its masks.
    """

    base: OutputFolder
    steps: tuple[Step, ...]
    outputs: dict[str, Any]


def read_edited_run(folder: OutputFolder) -> EditedRun:
    """Raises OutputError for a folder that is no run, or one whose record is damaged."""
    members = read_record(folder)
    steps = read_steps(members, folder.record)
    if steps and not folder.tracked.is_started():
        raise OutputError(f"{folder.tracked.root}: is missing, but {folder.record} has edits; the run is damaged")
    return EditedRun(folder.tracked if steps else folder, steps, dict(members.get("outputs", {})))


def copy_plain_run(edited: EditedRun, target: OutputFolder) -> None:
    """Gives `target` all files of a run as it was tracked, under second names, and a record of its own."""
    exports = {path for export in edited.base.exports() for path in (export, *export.rglob("*"))}
    nested = {*edited.base.edit_files()}
    if edited.base.tracked.is_started():
        nested |= set(edited.base.tracked.written())
    for path in edited.base.written():
        if path in exports or path in nested or path == edited.base.record:
            continue
        copy = target.root / path.relative_to(edited.base.root)
        make_folder(copy.parent)
        link_file(path, copy)
    write_json(target.record, {**read_record(edited.base), "outputs": _NO_OUTPUTS})


def copy_locks(folder: OutputFolder, target: OutputFolder, steps: Sequence[Step]) -> None:
    """Gives `target` the masks of the locks among some edits, under second names."""
    for step in steps:
        if step.store is None:
            continue
        source = EditStore(folder.edits).folder(step.store)
        copy = EditStore(target.edits).folder(step.store)
        make_folder(copy)
        for path in sorted(source.glob("*")):
            link_file(path, copy / path.name)


def restore_outputs(target: OutputFolder, outputs: Mapping[str, Any], video: str | None) -> None:
    """Makes a plain run in `target` one with outputs: names them in its record and writes them."""
    write_json(target.record, {**read_record(target), "outputs": dict(outputs)})
    write_outputs(target, outputs, video)


def put_edits_on(
    target: OutputFolder, steps: Sequence[Step], outputs: Mapping[str, Any], former: OutputFolder, video: str | None
) -> None:
    """Turns the plain run in `target` into one with edits; the masks of its locks are there already.

    Args:
        target: A folder inside the run's (`vos.runs.commit`).
        steps: At least one.
        outputs: What to write beside the masks.
        former: The run as it is; masks that do not change keep their files.
        video: Where the video is now, if it has moved; needed only for outputs with pictures.

    Raises:
        OutputError: A mask is not the one that the run wrote, or something cannot be written.
        VideoError: The video is needed and not there.
    """
    _move_to_tracked(target)
    members = read_record(target.tracked)
    entries = read_journal(target.tracked.journal).entries
    known = {entry.index: entry for entry in read_journal(former.journal).entries} if former.journal.exists() else {}
    store = EditStore(target.edits)
    summary = RunSummary(float(members["options"].get("absent_below", _ABSENT_BELOW)))
    time_base = Fraction(str(members["video"]["time_base"]))
    make_folder(target.masks)
    journal = JournalWriter(target.journal)
    checksums = []
    try:
        for entry in entries:
            path = target.tracked.mask(entry.index)
            tracked = read_palette_png(path)
            if mask_crc(tracked) != entry.crc32:
                raise OutputError(f"{path}: this mask is not the one that the run wrote; put the run's own back")
            masks = store.apply(steps, FrameMasks(tracked.astype("u2"), entry.presence), entry.index)
            edited = JournalEntry(entry.index, entry.pts, mask_crc(masks.labels), dict(masks.presence))
            before = known.get(entry.index)
            if edited.crc32 == entry.crc32:
                link_file(path, target.masks / path.name)
            elif before is not None and before.crc32 == edited.crc32 and is_intact(former, before):
                link_file(former.mask(entry.index), target.masks / path.name)
            else:
                write_palette_png(target.masks / path.name, masks.labels, wide=tracked.dtype.itemsize > 1)
            journal.append(edited)
            checksums.append(edited.crc32)
            summary.update(
                FrameResult(
                    entry.index,
                    entry.pts,
                    time_base,
                    masks.labels,
                    tuple(masks.presence),
                    tuple(masks.presence.values()),
                )
            )
    finally:
        journal.close()
    for path in target.tracked.references():
        link_file(path, target.root / path.name)
    names = {str(step.objects[-1]): step.name for step in steps if step.kind == "split" and step.name is not None}
    write_json(
        target.record,
        {
            **members,
            **summary.members(),
            "names": {**members.get("names", {}), **names},
            "outputs": dict(outputs),
            "mask_crc32": checksums,
            "edits": [step.to_json() for step in steps],
        },
    )
    write_outputs(target, outputs, video)


def write_outputs(target: OutputFolder, outputs: Mapping[str, Any], video: str | None) -> None:
    """Writes what a run has beside its masks, of the masks in `target`.

    Raises:
        VideoError: Pictures are needed, and the video is not there.
    """
    formats = [*(["overlay"] if outputs.get("overlay") else []), *outputs.get("formats", ())]
    formats = list(dict.fromkeys(name for name in formats if name not in ("davis", "sheet")))
    sheet = outputs.get("contact_sheet")
    if sheet is None and "sheet" in outputs.get("formats", ()):
        sheet = []
    if not formats and sheet is None:
        return
    masks = FinishedRun(target.root, video=video)
    with ExitStack() as stack:
        sinks: list[MaskSink] = [stack.enter_context(make_sink(name, target.root, masks.context)) for name in formats]
        if sheet is not None:
            sinks.append(stack.enter_context(ContactSheetSink(target.contact_sheet, tuple(sheet) or None)))
        for sink in sinks:
            sink.open(masks.info)
        for frame, result in masks.read(pictures=True):
            for sink in sinks:
                sink.write(frame, result)


def _move_to_tracked(target: OutputFolder) -> None:
    make_folder(target.tracked.root)
    keep = {target.tracked.root, target.edits}
    try:
        for path in sorted(target.root.iterdir()):
            if path not in keep:
                os.replace(path, target.tracked.root / path.name)
    except OSError as error:
        raise OutputError(f"{target.tracked.root}: cannot be written ({error.strerror or error})") from error


def clear_staging(folder: OutputFolder) -> None:
    """Removes a correction or an edit that was not finished."""
    shutil.rmtree(folder.correction, ignore_errors=True)


def prune(folder: OutputFolder) -> None:
    """Removes folders of former edits that are empty now."""
    for root in (folder.tracked.root, folder.edits, folder.snapshots, folder.passes):
        for path in sorted(root.rglob("*"), reverse=True) if root.is_dir() else ():
            _remove_empty(path)
        _remove_empty(root)


def _remove_empty(path: Path) -> None:
    if path.is_dir() and not any(path.iterdir()):
        path.rmdir()
