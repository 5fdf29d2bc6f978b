"""What tracking has left in a run's folder, as the page shows it: masks, presence, and whether they are up to date.

Besides the run itself there can be a correction of it that was stopped (`vos.runs.correction`): its masks are shown
where it has some, as long as the document still says what it was made from. A run both ways that was stopped has no
masks of its own yet: those of its forward pass are shown (`vos.runs.bidirectional`).
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from vos.errors import OutputError
from vos.files.index_png import png_name
from vos.prompts import Prompt, PromptScript
from vos.prompts.digest import prompts_digest
from vos.runs.bidirectional import forward_layer
from vos.runs.folder import OutputFolder
from vos.runs.journal import read_journal
from vos.runs.record import FINISHED, read_record
from vos.runs.resume import read_labels
from vos.ui.update import Way

# No masks yet; masks of some frames; masks of other prompts than the document's; masks of exactly these.
MaskState = Literal["none", "partial", "outdated", "current"]

# What a script says, so that two can be compared whatever their order and names: (object, frame, what) of each line.
Said = frozenset[tuple[int, int, str]]


def said_by(script: PromptScript) -> Said:
    """Everything in a script that can change a mask."""
    lines = {(p.object_id, p.frame, f"{p.direction} {prompts_digest([p])}") for p in script.prompts}
    return frozenset(lines | {(r.object_id, r.frame, "removal") for r in script.removals})


def said_in(record: Mapping[str, Any]) -> Said:
    """The same of a run, from its run.json."""
    lines = {(p["object"], p["frame"], f"{p['direction']} {p['sha256']}") for p in record["prompts"]}
    return frozenset(lines | {(r["object"], r["frame"], "removal") for r in record["removals"]})


@dataclass(slots=True)
class _Run:
    """One run on disk.

    Attributes:
        folders: Where its masks are looked for, the better ones first.
        said: What it was told.
        is_finished: Whether it has nothing left to do.
        frames: How many the video has.
        done: Frames that have a mask.
        presence: Object -> one byte per frame: 0 unknown, else presence from 1 (absent) to 255.
    """

    folders: tuple[OutputFolder, ...]
    said: Said
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
    run = _Run(_folders(folder), said_in(record), record["status"] in FINISHED, frames)
    journal = next((place.journal for place in run.folders if place.journal.exists()), None)
    if journal is not None:
        for entry in read_journal(journal).entries:
            run.note(entry.index, entry.presence)
    return run


def _folders(folder: OutputFolder) -> tuple[OutputFolder, ...]:
    return folder, forward_layer(folder)


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
        self.reload()

    def reload(self) -> None:
        """Reads what the folder holds now. Raises OutputError like the constructor."""
        self._live = self._arriving = self._run = self._correction = None
        # The record first: reading it puts a correction that was completed in its place.
        self._run = _read_run(self._folder, self._frames)
        self._correction = _read_run(OutputFolder(self._folder.correction), self._frames)

    def way_to(self, said: Said) -> Way:
        """How masks of what is said are come by from what is there."""
        if self._run is None:
            return "start"
        if self._run.said == said:
            return "resume"
        return "correct" if self._run.done else "start"

    def first_change(self, said: Said) -> int:
        """The first frame about which something else is said than the run was told."""
        told = self._run.said if self._run is not None else frozenset()
        return min((frame for _, frame, _ in said ^ told), default=0)

    def begin(self, said: Said, way: Way) -> None:
        """Frames made from what is said are going to arrive."""
        if way == "start" or self._run is None:
            self._run, self._correction = _Run(_folders(self._folder), said, False, self._frames), None
        if way == "correct":
            # What was known is shown until the frame is tracked again.
            known = {object_id: bytearray(presence) for object_id, presence in self._run.presence.items()}
            places = _folders(OutputFolder(self._folder.correction))
            self._correction = _Run(places, said, False, self._frames, set(self._run.done), known)
        self._arriving = self._correction if way == "correct" else self._run

    def take(self, index: int, labels: np.ndarray, presence: Mapping[int, float]) -> None:
        """A frame that has just been tracked; its mask may not be on disk yet."""
        self._live = (index, labels)
        if self._arriving is not None:
            self._arriving.note(index, presence)

    def state(self, said: Said) -> MaskState:
        """Whether the masks are those of what is said."""
        if self._correction is not None and self._correction.said == said:
            return "partial"
        if self._run is None:
            return "none"
        if self._run.said != said:
            return "outdated"
        return "current" if self._run.is_finished else "partial"

    def count(self, said: Said) -> int:
        """Frames that have a mask."""
        shown = self._shown(said)
        return len(shown[0].done) if shown else 0

    def labels(self, said: Said, index: int) -> tuple[np.ndarray, Said] | None:
        """(H, W) uint16 labels of a frame and what they were made from, or None if there is no mask of it.

        Raises:
            OutputError: The mask cannot be read.
        """
        for run in self._shown(said):
            if self._live is not None and self._live[0] == index:
                return self._live[1], run.said
            for folder in run.folders:
                if (folder.masks / png_name(index)).exists():
                    return read_labels(folder, index), run.said
        return None

    def presence(self, said: Said) -> dict[int, str]:
        """Per object one byte per frame in base64: 0 unknown, 1 absent, up to 255 present."""
        shown = self._shown(said)
        known = shown[0].presence if shown else {}
        return {object_id: base64.b64encode(bytes(one)).decode() for object_id, one in sorted(known.items())}

    def _shown(self, said: Said) -> list[_Run]:
        """Runs whose masks are looked for, the better one first."""
        correction = self._correction
        if correction is not None and correction.said != said:
            correction = None
        return [run for run in (correction, self._run) if run is not None]


def says_the_same_on(frame: int, prompts: tuple[Prompt, ...], said: Said) -> bool:
    """Whether a run that was told `said` was told exactly these prompts on a frame."""
    told = {line for line in said if line[1] == frame and line[2] != "removal"}
    return told == said_by(PromptScript(prompts))
