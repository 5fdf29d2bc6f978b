"""Re-checks finished work against its clip: the frame contract, the checksums and the run record.

The clip is decoded again and the masks are read again; the record is not taken at its word.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from vos.errors import OutputError, VideoError
from vos.runs.folder import OutputFolder
from vos.runs.inputs import fingerprint
from vos.runs.journal import Journal, JournalEntry, mask_crc, read_journal
from vos.runs.masks import read_labels
from vos.runs.record import FINISHED, read_record
from vos.runs.recorded import recorded_source_options
from vos.video import Frame, FrameSource, open_source
from vos.video.images import ImageFolderSource


@dataclass(frozen=True, slots=True)
class Difference:
    """The first thing that is not as it should be.

    Attributes:
        problem: One line with the remedy where there is one.
        frame: Index of the frame it concerns; None for the run as a whole.
    """

    problem: str
    frame: int | None = None

    def __str__(self) -> str:
        return self.problem if self.frame is None else f"frame {self.frame}: {self.problem}"


@dataclass(frozen=True, slots=True)
class Verification:
    """What was checked.

    Attributes:
        frames: Frames of the clip that were compared.
        status: As run.json says.
        difference: The first difference; None if the output is what it claims to be.
    """

    frames: int
    status: str
    difference: Difference | None


def verify_run(video: str | Path, output: str | Path, *, source_options: dict[str, Any] | None = None) -> Verification:
    """Compares the output of a run with the clip it was made from.

    Args:
        video: The clip: file or image folder.
        output: Folder of the run.
        source_options: Keyword arguments of `open_source`; those that the run recorded when left out.

    Raises:
        VideoError: The clip cannot be read, or the run was not made from a file.
        OutputError: The folder holds no run record.

    Examples:
        >>> from vos import Box, track_script, verify_run
        >>> outcome = track_script("clip.mp4", [Box(120, 80, 360, 400)], "clip_vos")
        >>> found = verify_run("clip.mp4", "clip_vos")
        >>> print(found.frames, found.difference)
        6 None
    """
    video = str(video)
    folder = OutputFolder(Path(output))
    record = read_record(folder)
    if set(record["input"]) == {"video"}:
        raise VideoError(
            f"{video}: the run read its frames from a source that can be read only once ({record['input']['video']}), "
            "so nothing tells whether these are the same"
        )
    options = recorded_source_options(folder, record) if source_options is None else source_options
    with open_source(video, **options) as source:
        checked = _Checker(folder, record)
        difference = next(checked.problems(video, source), None)
        return Verification(checked.frames, str(record["status"]), difference)


class _Checker:
    """Finds problems one after the other, cheap ones first."""

    def __init__(self, folder: OutputFolder, record: dict[str, Any]) -> None:
        self._folder = folder
        self._record = record
        self.frames = 0

    def problems(self, video: str, source: FrameSource) -> Iterator[Difference]:
        yield from self._of_the_run(video, source)
        try:
            journal = read_journal(self._folder.journal)
        except OutputError as error:
            yield Difference(str(error))
            return
        yield from self._of_the_frames(source, journal)
        yield from self._of_the_record(journal.entries)

    def _of_the_run(self, video: str, source: FrameSource) -> Iterator[Difference]:
        status, root = self._record["status"], self._folder.root
        if status not in FINISHED:
            yield Difference(f"the run in {root} is not finished, its status is {status!r}; go on with --resume")
        images: Sequence[Path] = source.paths if isinstance(source, ImageFolderSource) else ()
        recorded = {key: value for key, value in self._record["input"].items() if key != "video"}
        if fingerprint(video, images) != recorded:
            yield Difference(f"{video} is not the video that {root} was made from: its SHA-256 differs")

    def _of_the_frames(self, source: FrameSource, journal: Journal) -> Iterator[Difference]:
        """Every frame of the clip against its journal line and its mask."""
        expected: int = self._record["frames"]
        is_stopped = self._record["status"] == "stopped"
        for frame in source:
            if frame.index >= expected and is_stopped:
                break
            if frame.index >= len(journal.entries):
                damage = "" if journal.damage is None else f" ({journal.damage})"
                yield Difference(f"the journal ends before this frame{damage}", frame.index)
            else:
                yield from self._of_a_frame(frame, journal.entries[frame.index])
            self.frames += 1
        surplus = [entry.index for entry in journal.entries[self.frames :]]
        if surplus:
            yield Difference(f"the clip ends with frame {self.frames - 1}, but the journal goes on", surplus[0])
        if journal.damage is not None:
            yield Difference(f"{self._folder.journal}: {journal.damage}")
        names = {self._folder.mask(index).name for index in range(self.frames)}
        more = sorted(path.name for path in self._folder.masks.glob("*.png") if path.name not in names)
        if more:
            yield Difference(f"{self._folder.masks / more[0]}: a mask of no frame of the clip")

    def _of_a_frame(self, frame: Frame, entry: JournalEntry) -> Iterator[Difference]:
        if frame.pts != entry.pts:
            yield Difference(f"the clip shows it at pts {frame.pts}, the journal says {entry.pts}", frame.index)
        try:
            labels = read_labels(self._folder, frame.index)
        except OutputError as error:
            yield Difference(str(error), frame.index)
            return
        if labels.shape != frame.rgb.shape[:2]:
            size, wanted = (f"{shape[1]}x{shape[0]}" for shape in (labels.shape, frame.rgb.shape))
            yield Difference(f"the mask has {size} pixels, the frame {wanted}", frame.index)
        if mask_crc(labels) != entry.crc32:
            yield Difference(
                f"the mask has checksum {mask_crc(labels)}, the journal says {entry.crc32}; it was changed", frame.index
            )
        unknown = sorted({int(i) for i in np.unique(labels)} - {0, *entry.presence})
        if unknown:
            yield Difference(f"the mask shows object {unknown[0]}, which the journal does not know", frame.index)

    def _of_the_record(self, entries: Sequence[JournalEntry]) -> Iterator[Difference]:
        """run.json against the journal, which has been found right."""
        if self._record["frames"] != self.frames:
            yield Difference(f"run.json counts {self._record['frames']} frames, the output has {self.frames}")
        counts: dict[str, int] = {}
        for entry in entries:
            for object_id in entry.presence:
                counts[str(object_id)] = counts.get(str(object_id), 0) + 1
        objects = self._record["objects"].items()
        recorded = {object_id: value.get("frames") if isinstance(value, dict) else None for object_id, value in objects}
        if counts != recorded:
            yield Difference("run.json and the journal do not count the same objects in the same number of frames")
        for name, written in (("pts", [e.pts for e in entries]), ("mask_crc32", [e.crc32 for e in entries])):
            for index, (summed_up, line) in enumerate(zip_longest(self._record[name], written)):
                if summed_up != line:
                    yield Difference(f"run.json has {name} {summed_up}, the journal says {line}", index)
