"""What tracking has left in a run's folder, as the page shows it: masks, presence, and whether they are up to date."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from vos.errors import OutputError
from vos.export.palette_png import png_name
from vos.journal import read_journal
from vos.output_folder import OutputFolder
from vos.prompts import Prompt, PromptScript
from vos.prompts.digest import prompts_digest
from vos.resume import read_labels
from vos.run_record import FINISHED, read_record

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


class RunMasks:
    """Masks and presence of the run in a folder.

    Args:
        folder: The run's folder; there may be no run in it.
        frames: How many frames the video has.
    """

    def __init__(self, folder: OutputFolder, frames: int) -> None:
        self._folder = folder
        self._frames = frames
        self._said: Said | None = None
        self._is_finished = False
        # Object -> one byte per frame: 0 unknown, else presence from 1 (absent) to 255.
        self._presence: dict[int, bytearray] = {}
        self._live: tuple[int, np.ndarray] | None = None
        self.reload()

    @property
    def count(self) -> int:
        """Frames whose presence is known."""
        return max((self._frames - known.count(0) for known in self._presence.values()), default=0)

    def reload(self) -> None:
        """Reads what the folder holds now.

        Raises:
            OutputError: The record of the run cannot be read.
        """
        self._said, self._is_finished, self._presence, self._live = None, False, {}, None
        if not self._folder.is_started():
            return
        record = read_record(self._folder)
        self._said, self._is_finished = said_in(record), record["status"] in FINISHED
        if self._folder.journal.exists():
            for entry in read_journal(self._folder.journal).entries:
                self._note(entry.index, entry.presence)

    def forget(self) -> None:
        """A run starts from nothing."""
        self._said, self._is_finished, self._presence, self._live = None, False, {}, None

    def take(self, index: int, labels: np.ndarray, presence: Mapping[int, float]) -> None:
        """A frame that has just been tracked; its mask may not be on disk yet."""
        self._live = (index, labels)
        self._note(index, presence)

    def state(self, script: PromptScript) -> MaskState:
        """Whether the masks are those of a script."""
        if self._said is None:
            return "none"
        if self._said != said_by(script):
            return "outdated"
        return "current" if self._is_finished else "partial"

    def says_the_same_on(self, frame: int, prompts: tuple[Prompt, ...]) -> bool:
        """Whether the run was told exactly these prompts on a frame."""
        told = {line for line in self._said or () if line[1] == frame and line[2] != "removal"}
        return told == said_by(PromptScript(prompts))

    def labels(self, index: int) -> np.ndarray | None:
        """(H, W) uint16 labels of a frame, or None if there is no mask of it.

        Raises:
            OutputError: The mask cannot be read.
        """
        live = self._live
        if live is not None and live[0] == index:
            return live[1]
        if not (self._folder.masks / png_name(index)).exists():
            return None
        return read_labels(self._folder, index)

    def presence(self) -> dict[int, str]:
        """Per object one byte per frame in base64: 0 unknown, 1 absent, up to 255 present."""
        return {i: base64.b64encode(bytes(known)).decode() for i, known in sorted(self._presence.items())}

    def _note(self, index: int, presence: Mapping[int, float]) -> None:
        if index >= self._frames:
            raise OutputError(f"{self._folder.journal}: frame {index} is not in the video, which has {self._frames}")
        for object_id, score in presence.items():
            known = self._presence.setdefault(object_id, bytearray(self._frames))
            known[index] = max(1, round(score * 255))
