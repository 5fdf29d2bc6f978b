"""What tracking has left in a run's folder, as the page shows it: masks, presence, and whether they are up to date.

Besides the run itself there can be a correction of it that was stopped (`vos.runs.correction`): its masks are shown
where it has some, as long as the document is the script that it was made from. A run with backward prompts that was
stopped has no masks of its own yet: those of its forward pass are shown (`vos.runs.bidirectional`).
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from vos.errors import OutputError
from vos.prompts import Prompt, PromptScript
from vos.prompts.digest import prompts_digest
from vos.runs.edit_layers import read_edited_run
from vos.runs.folder import OutputFolder
from vos.runs.journal import read_journal
from vos.runs.masks import read_labels
from vos.runs.record import FINISHED, read_record
from vos.ui.update import UpdateMode

# No masks yet; masks of some frames; masks of other prompts than the document's; masks of exactly these.
MaskState = Literal["none", "partial", "outdated", "current"]

# Everything in a script that can change a mask, whatever its order and names: (object, frame, what) of each entry.
ScriptKey = frozenset[tuple[int, int, str]]


def script_key(script: PromptScript) -> ScriptKey:
    """The key of a script: equal keys give equal masks."""
    entries = {(p.object_id, p.frame, f"{p.direction} {prompts_digest([p])}") for p in script.prompts}
    return frozenset(entries | {(r.object_id, r.frame, "removal") for r in script.removals})


def _recorded_key(record: Mapping[str, Any]) -> ScriptKey:
    """The key of a run's script, from its run.json."""
    entries = {(p["object"], p["frame"], f"{p['direction']} {p['sha256']}") for p in record["prompts"]}
    return frozenset(entries | {(r["object"], r["frame"], "removal") for r in record["removals"]})


@dataclass(slots=True)
class _Run:
    """One run on disk.

    Attributes:
        folders: Where its masks are looked for, the better ones first.
        key: Of the script that it was made from.
        is_finished: Whether it has nothing left to do.
        frames: How many the video has.
        done: Frames that have a mask.
        presence: Object -> one byte per frame: 0 unknown, else presence from 1 (absent) to 255.
    """

    folders: tuple[OutputFolder, ...]
    key: ScriptKey
    is_finished: bool
    frames: int
    done: set[int] = field(default_factory=set)
    presence: dict[int, bytearray] = field(default_factory=dict)

    def note(self, index: int, presence: Mapping[int, float]) -> None:
        if index >= self.frames:
            raise OutputError(f"{self.folders[0].journal}: frame {index} is not in the video, which has {self.frames}")
        self.done.add(index)
        for known in self.presence.values():
            known[index] = 0
        for object_id, score in presence.items():
            known = self.presence.setdefault(object_id, bytearray(self.frames))
            known[index] = max(1, round(score * 255))


def _read_run(folder: OutputFolder, frames: int) -> _Run | None:
    if not folder.is_started():
        return None
    record = read_record(folder)
    run = _Run(_folders(folder), _recorded_key(record), record["status"] in FINISHED, frames)
    journal = next((place.journal for place in run.folders if place.journal.exists()), None)
    if journal is not None:
        for entry in read_journal(journal).entries:
            run.note(entry.index, entry.presence)
    return run


def _folders(folder: OutputFolder) -> tuple[OutputFolder, ...]:
    return folder, folder.forward_pass


class RunMasks:
    """Masks and presence of the run in a folder.

    Args:
        folder: The run's folder; there may be no run in it.
        frames: How many frames the video has.

    Raises:
        OutputError: The record of the run cannot be read.
    """

    def __init__(self, folder: OutputFolder, frames: int) -> None:
        self._folder = folder
        self._frames = frames
        self._run: _Run | None = None
        self._correction: _Run | None = None
        self._arriving: _Run | None = None
        self._live: tuple[int, np.ndarray] | None = None
        # Of the run, in words.
        self.edits: tuple[str, ...] = ()
        self.reload()

    def reload(self) -> None:
        """Reads what the folder holds now. Raises OutputError like the constructor."""
        self._live = self._arriving = self._run = self._correction = None
        self._run = _read_run(self._folder, self._frames)
        self.edits = tuple(map(str, read_edited_run(self._folder).steps)) if self._run is not None else ()
        self._correction = _read_run(OutputFolder(self._folder.correction), self._frames)

    def update_mode(self, key: ScriptKey) -> UpdateMode:
        """How the masks of a script are made from what is there."""
        if self._run is None:
            return "start"
        if self._run.key == key:
            return "resume"
        return "correct" if self._run.done else "start"

    def first_change(self, key: ScriptKey) -> int:
        """The first frame that another script than the run's has prompts or removals for; 0 if there is none."""
        recorded = self._run.key if self._run is not None else frozenset()
        return min((frame for _, frame, _ in key ^ recorded), default=0)

    def begin(self, key: ScriptKey, mode: UpdateMode) -> None:
        """Frames made from a script are going to arrive."""
        if mode == "start" or self._run is None:
            self._run, self._correction = _Run(_folders(self._folder), key, False, self._frames), None
        if mode == "correct":
            # What was known is shown until the frame is tracked again.
            known = {object_id: bytearray(presence) for object_id, presence in self._run.presence.items()}
            places = _folders(OutputFolder(self._folder.correction))
            self._correction = _Run(places, key, False, self._frames, set(self._run.done), known)
        self._arriving = self._correction if mode == "correct" else self._run

    def take(self, index: int, labels: np.ndarray, presence: Mapping[int, float]) -> None:
        """A frame that has just been tracked; its mask may not be on disk yet."""
        self._live = (index, labels)
        if self._arriving is not None:
            self._arriving.note(index, presence)

    def state(self, key: ScriptKey) -> MaskState:
        """Whether the masks are those of a script."""
        if self._correction is not None and self._correction.key == key:
            return "partial"
        if self._run is None:
            return "none"
        if self._run.key != key:
            return "outdated"
        return "current" if self._run.is_finished else "partial"

    def count(self, key: ScriptKey) -> int:
        """Frames that have a mask."""
        shown = self._shown(key)
        return len(shown[0].done) if shown else 0

    def exportable(self, key: ScriptKey) -> OutputFolder | None:
        """Where masks of a script are that can be exported: all of them, or those of a run that was stopped."""
        if self._run is None or self._run.key != key or (self._correction is not None and self._correction.key == key):
            return None
        return next((folder for folder in self._run.folders if folder.journal.exists() and self._run.done), None)

    def labels(self, key: ScriptKey, index: int) -> tuple[np.ndarray, ScriptKey] | None:
        """(H, W) uint16 labels of a frame and the key of their script, or None if there is no mask of it.

        Raises:
            OutputError: The mask cannot be read.
        """
        for run in self._shown(key):
            if self._live is not None and self._live[0] == index:
                return self._live[1], run.key
            for folder in run.folders:
                if folder.mask(index).exists():
                    return read_labels(folder, index), run.key
        return None

    def presence(self, key: ScriptKey) -> dict[int, str]:
        """Per object one byte per frame in base64: 0 unknown, 1 absent, up to 255 present."""
        shown = self._shown(key)
        known = shown[0].presence if shown else {}
        return {object_id: base64.b64encode(bytes(scores)).decode() for object_id, scores in sorted(known.items())}

    def _shown(self, key: ScriptKey) -> list[_Run]:
        """Runs whose masks are looked for, the better one first."""
        correction = self._correction
        if correction is not None and correction.key != key:
            correction = None
        return [run for run in (correction, self._run) if run is not None]


def matches_on(frame: int, prompts: tuple[Prompt, ...], key: ScriptKey) -> bool:
    """Whether a script has exactly these prompts on a frame."""
    return script_key(PromptScript(prompts)) == {entry for entry in key if entry[1] == frame and entry[2] != "removal"}
