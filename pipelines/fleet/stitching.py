"""Puts the windows of a split video together: object by object, by their overlap in the frames that two windows share.

The earlier window is taken to its end: the later one needs the shared frames to find its objects again. Ids are kept
unless exchanging them makes the windows agree better (the task with the greatest sum of IoUs), which is what
happens when a window takes one look-alike for another.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.fleet.jobs import JobResult, JobSpec, Part, load_script, source_options
from vos.errors import OutputError
from vos.export import MaskSink, PalettePngSink
from vos.files.index_png import png_name, read_palette_png
from vos.results import FrameResult
from vos.runs.folder import OutputFolder
from vos.runs.inputs import RunInputs
from vos.runs.journal import JournalEntry, read_journal
from vos.runs.lock import only_run_in
from vos.runs.record import RunRecord, read_record
from vos.video import Frame, open_source

# Below this IoU over the shared frames, two windows probably show different things.
DOUBTFUL_IOU = 0.5
# Two windows that agree equally well either way keep their ids.
_KEEP_ID = 1e-6


@dataclass(frozen=True, slots=True)
class Seam:
    """Where one window takes over from another.

    Attributes:
        frame: The first frame of the later window's masks.
        renamed: Object of the later window -> object of the whole.
        iou: Object of the whole -> IoU of the two windows over the shared frames; None if neither shows it there.
    """

    frame: int
    renamed: dict[int, int]
    iou: dict[int, float | None]

    def to_json(self) -> dict[str, Any]:
        return {
            "frame": self.frame,
            "renamed": {str(old): new for old, new in self.renamed.items() if old != new},
            "iou": {str(key): None if value is None else round(value, 4) for key, value in self.iou.items()},
        }


@dataclass(frozen=True, slots=True)
class Whole:
    """A video that was stitched.

    Attributes:
        frames: Masks in the output.
        windows: How many windows they come from.
        doubts: Objects that may have been confused at a seam, in words.
    """

    frames: int
    windows: int
    doubts: tuple[str, ...]


class _Window:
    """One window's run, addressed by frames of the whole video."""

    def __init__(self, spec: JobSpec, part: Part) -> None:
        self.folder = OutputFolder(Path(spec.output))
        self.part = part
        self._entries = read_journal(self.folder.journal).entries
        # Prompted frames that it was primed with come first.
        self._primed = len(self._entries) - (part.stop - part.start)
        if self._primed < 0:
            raise OutputError(f"{self.folder.journal}: frames are missing; run again with --resume --overwrite")

    def entry(self, frame: int) -> JournalEntry:
        return self._entries[frame - self.part.start + self._primed]

    def labels(self, frame: int) -> np.ndarray:
        """(H, W) uint16."""
        name = png_name(frame - self.part.start + self._primed)
        return read_palette_png(self.folder.masks / name).astype(np.uint16)


def put_together(specs: Sequence[JobSpec], results: Sequence[JobResult]) -> Whole:
    """The whole video of some parts that are all done; stitches them unless an earlier call did.

    Raises:
        VosError: A window's files are damaged, or the output cannot be written.
    """
    if all(OutputFolder(Path(spec.output)).is_started() for spec in specs):
        stitch(specs, results)
    return _whole(OutputFolder(Path(specs[0].part.output if specs[0].part else specs[0].output)))


def _whole(folder: OutputFolder) -> Whole:
    record = read_record(folder)
    try:
        split = record["approximate"]
        doubts = [
            f"object {object_id} differs at the seam before frame {seam['frame']} (IoU {iou:.2f})"
            for seam in split["seams"]
            for object_id, iou in seam["iou"].items()
            if iou is not None and iou < DOUBTFUL_IOU
        ]
        return Whole(record["frames"], len(split["windows"]), tuple(doubts))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise OutputError(f"{folder.record}: not the record of a split video; run again with --overwrite") from error


def stitch(specs: Sequence[JobSpec], results: Sequence[JobResult]) -> None:
    """Writes masks, journal and record of a whole video from its windows, and removes the windows.

    Args:
        specs: The windows' jobs, all done.
        results: Their outcomes.

    Raises:
        VosError: A window's files are damaged, or the output cannot be written.
    """
    began = time.monotonic()
    windows = [_Window(spec, spec.part) for spec in specs if spec.part is not None]
    first = windows[0].part
    folder = OutputFolder(Path(first.output))
    seams: list[Seam] = []
    folder.create()
    with only_run_in(folder.root), open_source(specs[0].video, **source_options(specs[0])) as source:
        record = RunRecord(folder, _inputs(specs[0], windows[0]), absent_below=specs[0].absent_below)
        record.begin(source.info)
        folder.clear_for_start()
        sinks: tuple[MaskSink, ...] = (PalettePngSink(folder.masks), record)
        for sink in sinks:
            sink.open(source.info)
        try:
            for result in _frames(windows, seams, source.info.time_base):
                # Sinks of masks do not look at the picture.
                frame = Frame(result.index, result.pts, result.time_base, np.zeros((0, 0, 3), np.uint8))
                for sink in sinks:
                    sink.write(frame, result)
        except BaseException:
            for sink in sinks:
                sink.abort()
            raise
        for sink in sinks:
            sink.close()
        seconds = sum(result.seconds for result in results) + time.monotonic() - began
        record.finish("done", info=source.info, seconds=seconds, approximate=_approximation(windows, seams))
    for window in windows:
        shutil.rmtree(window.folder.root, ignore_errors=True)
    parts = windows[0].folder.root.parent
    if parts.is_dir() and not any(parts.iterdir()):
        parts.rmdir()


def match(pixels: dict[tuple[int, int], int], ids: Sequence[int]) -> tuple[dict[int, int], dict[int, float | None]]:
    """Which object of a later window is which object of the earlier one.

    Args:
        pixels: (label in the earlier window, label in the later one) -> how many pixels of the shared frames have
            both; 0 is background.
        ids: Objects that both windows track.

    Returns:
        Later id -> earlier id, one to one; and earlier id -> IoU with the object that it got, None if both are empty.
    """
    from scipy.optimize import linear_sum_assignment

    rows: dict[int, int] = {}
    columns: dict[int, int] = {}
    for (a, b), count in pixels.items():
        rows[a] = rows.get(a, 0) + count
        columns[b] = columns.get(b, 0) + count
    iou = np.zeros((len(ids), len(ids)))
    for i, a in enumerate(ids):
        for j, b in enumerate(ids):
            shared = pixels.get((a, b), 0)
            union = rows.get(a, 0) + columns.get(b, 0) - shared
            iou[i, j] = shared / union if union else 0.0
    chosen, got = linear_sum_assignment(-(iou + _KEEP_ID * np.eye(len(ids))))
    matched = list(zip(chosen.tolist(), got.tolist(), strict=True))
    renamed = {ids[j]: ids[i] for i, j in matched}
    agreement: dict[int, float | None] = {}
    for i, j in matched:
        shown = rows.get(ids[i], 0) + columns.get(ids[j], 0)
        agreement[ids[i]] = float(iou[i, j]) if shown else None
    return renamed, agreement


def _frames(windows: Sequence[_Window], seams: list[Seam], time_base: Fraction) -> Iterator[FrameResult]:
    """Results of all frames in order; `seams` is filled on the way."""
    renamed: dict[int, int] = {}
    for number, window in enumerate(windows):
        begins = window.part.start
        if number:
            begins = windows[number - 1].part.stop
            seam = _seam(windows[number - 1], renamed, window, begins)
            seams.append(seam)
            renamed = seam.renamed
        for frame in range(begins, window.part.stop):
            entry = window.entry(frame)
            presence = {renamed.get(key, key): value for key, value in entry.presence.items()}
            ids = tuple(sorted(presence))
            yield FrameResult(
                index=frame,
                pts=entry.pts,
                time_base=time_base,
                labels=_rename(window.labels(frame), renamed),
                object_ids=ids,
                presence=tuple(presence[key] for key in ids),
            )


def _seam(earlier: _Window, names: dict[int, int], later: _Window, begins: int) -> Seam:
    pairs: dict[tuple[int, int], int] = {}
    for frame in range(later.part.start, begins):
        a = _rename(earlier.labels(frame), names).astype(np.uint32)
        codes, counts = np.unique(a << 16 | later.labels(frame), return_counts=True)
        for code, pixels in zip(codes.tolist(), counts.tolist(), strict=True):
            key = (code >> 16, code & 0xFFFF)
            pairs[key] = pairs.get(key, 0) + pixels
    known = {names.get(key, key) for key in earlier.entry(begins - 1).presence}
    ids = sorted(known & set(later.entry(begins - 1).presence))
    renamed, iou = match(pairs, ids)
    return Seam(begins, renamed, iou)


def _rename(labels: np.ndarray, names: dict[int, int]) -> np.ndarray:
    """(H, W) uint16 with ids replaced; the same array where none is."""
    if all(old == new for old, new in names.items()):
        return labels
    table = np.arange(max(int(labels.max()), *names) + 1, dtype=np.uint16)
    for old, new in names.items():
        table[old] = new
    renamed: np.ndarray = table[labels]
    return renamed


def _approximation(windows: Sequence[_Window], seams: Sequence[Seam]) -> dict[str, Any]:
    part = windows[0].part
    return {
        "reason": "tracked in windows, each on its own",
        "split_frames": part.split_frames,
        "split_overlap": part.split_overlap,
        "windows": [[window.part.start, window.part.stop] for window in windows],
        "seams": [seam.to_json() for seam in seams],
    }


def _inputs(spec: JobSpec, window: _Window) -> RunInputs:
    """What the whole was made from: as its first window, but with all prompts."""
    former = read_record(window.folder)
    script, _ = load_script(spec)
    model = former["model"]
    return RunInputs(
        video=spec.video,
        fingerprint={key: value for key, value in former["input"].items() if key != "video"},
        decoder=former["decoder"],
        script=script,
        model=model["name"],
        weights_sha256=model["weights_sha256"],
        engine=model["engine"],
        device=model["device"],
        threads=model["threads"],
        instructions=model["instructions"],
        options={key: value for key, value in former["options"].items() if key != "frames"},
        outputs=former["outputs"],
    )
