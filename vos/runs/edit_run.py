"""Edits a run: swap, merge, split, delete, lock and unlock objects on a range of frames, and take that back.

The edited run is made in a folder inside the run's and replaces it when it is complete (`vos.runs.commit`), as a
correction does: a kill leaves the run as it was, or as it is now.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

from vos.errors import OutputError, UsageError
from vos.files.index_png import make_folder, png_name, read_palette_png, write_palette_png
from vos.prompts import MAX_OBJECT_ID, Points
from vos.runs.commit import commit_correction, recover_commit
from vos.runs.edit_layers import (
    EditedRun,
    clear_staging,
    copy_locks,
    copy_plain_run,
    prune,
    put_edits_on,
    read_edited_run,
    restore_outputs,
)
from vos.runs.edit_steps import LOCK_JOURNAL, EditStore, Step, is_locked, piece_at
from vos.runs.edits import Delete, Edit, EditReport, Lock, Merge, Split, Swap, Unlock
from vos.runs.folder import OutputFolder
from vos.runs.journal import JournalEntry, JournalWriter, mask_crc, read_journal
from vos.runs.lock import only_run_in
from vos.runs.pass_store import FrameMasks
from vos.runs.record import FINISHED, read_record


def edit_run(run_folder: str | Path, edits: Edit | Iterable[Edit], *, video: str | Path | None = None) -> EditReport:
    """Edits the masks of a finished run, without a network. All edits are made, or none.

    Edits stay with the run: `correct_run` applies them again to what it has tracked anew, `vos replay` repeats them.

    Args:
        run_folder: Folder of the run.
        edits: What to do, in this order.
        video: Where the video is now, if it has moved; needed only if the run writes an overlay or other pictures.

    Raises:
        UsageError: No such object or frame, frames that are locked, or an edit that changes nothing.
        PromptError: The region of a split does not fit the picture.
        OutputError: The folder is no finished run, or its masks were changed by hand.
        VideoError: The video is needed and not there.

    Examples:
        >>> from vos import Box, Delete, Lock, edit_run, track_script, undo_edit
        >>> outcome = track_script("clip.mp4", [Box(120, 80, 360, 400)], "clip_vos")
        >>> report = edit_run("clip_vos", [Lock(frames=(0, 1)), Delete(1, frames=(4, 5))])
        >>> print(report.frames_changed, report.edits)
        2 ('lock the whole picture, frames 0 to 1', 'delete 1, frames 4 to 5')
        >>> undo_edit("clip_vos").frames_changed
        2
    """
    wanted = [edits] if isinstance(edits, Edit) else list(edits)

    def resolve(editor: _Editor) -> None:
        for edit in wanted:
            editor.add(edit)

    return _change(Path(run_folder), resolve, video=video)


def undo_edit(run_folder: str | Path, *, video: str | Path | None = None) -> EditReport:
    """Takes back the last edit of a run. Arguments and errors are those of `edit_run`.

    Examples:
        >>> from vos import Box, Delete, edit_run, track_script, undo_edit
        >>> outcome = track_script("clip.mp4", [Box(120, 80, 360, 400)], "clip_vos")
        >>> edit_run("clip_vos", Delete(1, frames=(4, 5))).edits
        ('delete 1, frames 4 to 5',)
        >>> undo_edit("clip_vos").edits
        ()
    """
    return _change(Path(run_folder), _Editor.undo, video=video)


def edits_of(run_folder: str | Path) -> tuple[Step, ...]:
    """The edits of a run in their order. Raises OutputError for a folder that is no run."""
    return read_edited_run(OutputFolder(Path(run_folder))).steps


def _change(root: Path, change: Callable[[_Editor], None], *, video: str | Path | None) -> EditReport:
    folder = OutputFolder(root)
    recover_commit(folder)
    status = read_record(folder)["status"]
    if status not in FINISHED:
        raise OutputError(f"{root}: the run is not finished (its status is {status!r}); go on with vos track --resume")
    with only_run_in(root):
        edited = read_edited_run(folder)
        before = [entry.crc32 for entry in read_journal(folder.journal).entries]
        exports = folder.exports()
        target = OutputFolder(folder.correction)
        clear_staging(folder)
        try:
            copy_plain_run(edited, target)
            copy_locks(folder, target, edited.steps)
            editor = _Editor(folder, edited, target)
            change(editor)
            moved = None if video is None else str(video)
            if editor.steps:
                put_edits_on(target, editor.steps, edited.outputs, folder, moved)
            else:
                restore_outputs(target, edited.outputs, moved)
            after = [entry.crc32 for entry in read_journal(target.journal).entries]
            changed = sum(old != new for old, new in zip(before, after, strict=True))
            if editor.must_change and not changed:
                raise UsageError(f"{root}: {editor.steps[-1]}: changes no mask; the run stays as it is")
        except BaseException:
            clear_staging(folder)
            raise
        commit_correction(folder)
        prune(folder)
    removed = tuple(path.name for path in exports if not path.exists())
    return EditReport(changed, tuple(map(str, editor.steps)), editor.new_object, removed)


class _Editor:
    """Turns edits into steps of a run.

    Args:
        folder: Of the run.
        edited: What it consists of.
        target: The plain run and its locks, where the new run is made.
    """

    def __init__(self, folder: OutputFolder, edited: EditedRun, target: OutputFolder) -> None:
        self._folder = folder
        self._target = target
        self._store = EditStore(target.edits)
        self._entries = read_journal(target.journal).entries
        members = read_record(folder)
        self._names = {int(i): str(name) for i, name in members.get("names", {}).items()}
        self._known = {int(i) for i in members["objects"]} | {int(p["object"]) for p in members["prompts"]}
        self._known |= {object_id for step in edited.steps for object_id in step.objects}
        self.steps: list[Step] = list(edited.steps)
        self.new_object: int | None = None
        self.must_change = False
        if not self._entries:
            raise OutputError(f"{folder.root}: this run has no mask to edit; run vos track again")

    def undo(self) -> None:
        if not self.steps:
            raise UsageError(f"{self._folder.root}: this run has no edit to take back")
        step = self.steps.pop()
        if step.store is not None:
            for path in self._store.folder(step.store).glob("*"):
                path.unlink()

    def add(self, edit: Edit) -> None:
        """Appends an edit. Raises UsageError if it cannot be made."""
        first, last = self._frames(edit)
        step = self._resolve(edit, first, last)
        self._check_locks(step)
        self.steps.append(step)
        self.must_change |= step.kind not in ("lock", "unlock")

    def _frames(self, edit: Edit) -> tuple[int, int]:
        count = len(self._entries)
        first, last = (0, count - 1) if edit.frames is None else edit.frames
        if not 0 <= first <= last < count:
            raise UsageError(f"frames {first} to {last}: the run has frames 0 to {count - 1}")
        return first, last

    def _resolve(self, edit: Edit, first: int, last: int) -> Step:
        match edit:
            case Swap():
                self._check_two(edit.first, edit.second)
                return Step(edit.kind, (edit.first, edit.second), first, last)
            case Merge():
                self._check_two(edit.object_id, edit.into)
                return Step(edit.kind, (edit.object_id, edit.into), first, last)
            case Delete():
                return Step(edit.kind, (self._check(edit.object_id),), first, last)
            case Split():
                return self._split(edit, first, last)
            case Lock():
                return self._lock(edit, first, last)
            case Unlock():
                return self._unlock(edit, first, last)
        raise UsageError(f"{edit!r}: not an edit of vos.runs.edits")

    def _check(self, object_id: int) -> int:
        if object_id not in self._known:
            known = ", ".join(map(str, sorted(self._known)))
            raise UsageError(f"object {object_id}: is not in this run; its objects: {known}")
        return object_id

    def _check_two(self, first: int, second: int) -> None:
        if self._check(first) == self._check(second):
            raise UsageError(f"object {first}: is given twice; name two objects")

    def _split(self, edit: Split, first: int, last: int) -> Step:
        self._check(edit.object_id)
        into = edit.into
        if into is None:
            into = next((i for i in range(1, MAX_OBJECT_ID + 1) if i not in self._known), None)
        if into is None or not 1 <= into <= MAX_OBJECT_ID:
            raise UsageError(f"object {into}: an object id is in 1..{MAX_OBJECT_ID}")
        if into == edit.object_id:
            raise UsageError(f"object {into}: a part of an object must become another one")
        self._known.add(into)
        self.new_object = into
        objects = (edit.object_id, into)
        if isinstance(edit.region, Points):
            seeds = self._follow(edit.object_id, edit.region, first, last)
            return Step(edit.kind, objects, first, last, seeds=seeds, name=edit.name)
        height, width = self._at(first).labels.shape
        edit.region.check(width, height)
        return Step(edit.kind, objects, first, last, region=edit.region, name=edit.name)

    def _follow(self, object_id: int, region: Points, first: int, last: int) -> dict[int, tuple[int, int]]:
        """By frame a pixel of the piece under the point, and of the pieces that continue it forward and backward."""
        start = region.frame
        if len(region.positive) != 1 or len(region.negative):
            raise UsageError("a split by connected pieces takes one positive point")
        if not first <= start <= last:
            raise UsageError(f"the point is on frame {start}, outside the frames {first} to {last} of the split")
        mask = self._at(start).labels == object_id
        region.check(mask.shape[1], mask.shape[0])
        x, y = (int(value) for value in region.positive[0])
        if not mask[y, x]:
            raise UsageError(f"frame {start}: object {object_id} is not at {x},{y}; give a point on it")
        piece = piece_at(mask, x, y)
        seeds = {start: (x, y)}
        for frames in (range(start + 1, last + 1), range(start - 1, first - 1, -1)):
            before = piece
            for index in frames:
                found = _continues(before, self._at(index).labels == object_id)
                if found is None:
                    break
                before, seeds[index] = found
        return seeds

    def _lock(self, edit: Lock, first: int, last: int) -> Step:
        objects = () if edit.object_id is None else (self._check(edit.object_id),)
        number = 1 + max((step.store or 0 for step in self.steps), default=0)
        place = self._store.folder(number)
        make_folder(place)
        journal = JournalWriter(place / LOCK_JOURNAL)
        try:
            for index in range(first, last + 1):
                masks = self._at(index)
                if objects:
                    masks = FrameMasks(
                        np.where(masks.labels == objects[0], masks.labels, 0).astype(np.uint16),
                        {i: score for i, score in masks.presence.items() if i in objects},
                    )
                write_palette_png(place / png_name(index), masks.labels)
                presence = dict(masks.presence)
                journal.append(JournalEntry(index, self._entries[index].pts, mask_crc(masks.labels), presence))
        finally:
            journal.close()
        return Step(edit.kind, objects, first, last, store=number)

    def _unlock(self, edit: Unlock, first: int, last: int) -> Step:
        objects = () if edit.object_id is None else (self._check(edit.object_id),)
        step = Step(edit.kind, objects, first, last)
        held = [lock for lock, index in self._locks_on(first, last) if lock.objects == objects]
        if not held:
            what = f"object {objects[0]}" if objects else "the whole picture"
            raise UsageError(f"{what} is not locked on any of the frames {first} to {last}")
        return step

    def _locks_on(self, first: int, last: int) -> Iterator[tuple[Step, int]]:
        """(lock, frame) of every lock that holds somewhere in a range."""
        for number, step in enumerate(self.steps):
            if step.kind != "lock":
                continue
            for index in range(max(first, step.first), min(last, step.last) + 1):
                if is_locked(self.steps, number, index):
                    yield step, index

    def _check_locks(self, step: Step) -> None:
        if step.kind in ("lock", "unlock"):
            return
        for lock, index in self._locks_on(step.first, step.last):
            if not lock.objects or set(lock.objects) & set(step.objects):
                what = f"object {lock.objects[0]}" if lock.objects else "the whole picture"
                raise UsageError(f"frame {index}: {what} is locked; take the lock off with --unlock, or leave it out")

    def _at(self, index: int) -> FrameMasks:
        """A frame after the edits so far."""
        labels = read_palette_png(self._target.mask(index)).astype(np.uint16)
        return self._store.apply(self.steps, FrameMasks(labels, self._entries[index].presence), index)


def _continues(before: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, tuple[int, int]] | None:
    """The piece of a mask that overlaps `before` most, and its pixel nearest to the middle of the overlap."""
    rows, columns = np.nonzero(before & mask)
    if not len(rows):
        return None
    best: tuple[int, np.ndarray] | None = None
    left = before & mask
    while left.any():
        y, x = np.unravel_index(int(left.argmax()), left.shape)
        piece = piece_at(mask, int(x), int(y))
        overlap = int((piece & before).sum())
        if best is None or overlap > best[0]:
            best = (overlap, piece)
        left &= ~piece
    assert best is not None
    rows, columns = np.nonzero(best[1] & before)
    middle = int(np.argmin((rows - rows.mean()) ** 2 + (columns - columns.mean()) ** 2))
    return best[1], (int(columns[middle]), int(rows[middle]))
