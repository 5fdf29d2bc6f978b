"""`write_report`: from the folder of a run to one HTML file."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from vos.errors import OutputError
from vos.files.atomic import write_bytes
from vos.files.index_png import make_folder
from vos.report.analysis import Suspect, analyse, worth_correcting
from vos.report.page import Card, render
from vos.report.pictures import painted_frames
from vos.results import FrameResult
from vos.runs.mask_reader import FinishedMasks, FinishedRun, open_masks
from vos.video.sampling import spread_frames

REPORT_FILE = "report.html"
_STRIP_FRAMES = 12
_STRIP_WIDTH = 300
_CARD_WIDTH = 520


@dataclass(frozen=True, slots=True)
class Report:
    """What was written: the file, how many frames it covers, and how many it proposes to correct."""

    path: Path
    frames: int
    suspects: int
    findings: int
    notes: tuple[str, ...]


def write_report(
    folder: str | Path,
    *,
    output: str | Path | None = None,
    video: str | Path | None = None,
    overwrite: bool = False,
    on_frame: Callable[[int, int | None], None] = lambda done, total: None,
) -> Report:
    """Writes one HTML file that needs nothing else. Masks are read one by one; the video is decoded at some frames.

    Args:
        folder: Output folder of a run.
        output: The file; `report.html` in the run's folder if None.
        video: Where the video is now, if it has moved.
        overwrite: Whether an existing file may be replaced.
        on_frame: Called after each frame with the number done and the total.

    Raises:
        OutputError: Not the folder of a run, masks are missing or changed, or the file exists or cannot be written.
        VideoError: The video is missing, or is a different one.

    Examples:
        >>> from vos import Box, track_script, write_report
        >>> outcome = track_script("clip.mp4", [Box(120, 80, 360, 400)], "clip_vos")
        >>> report = write_report("clip_vos")
        >>> print(report.path, report.frames)
        clip_vos/report.html 6
    """
    root = Path(folder)
    path = Path(output) if output is not None else root / REPORT_FILE
    if path.exists() and not overwrite:
        raise OutputError(f"{path}: exists already; pass --overwrite to replace it, or choose another --output")
    run = open_masks(root, video=video)
    if not isinstance(run, FinishedRun):
        raise OutputError(f"{root}: a folder of masks, not of a run; a report needs the journal of a run")
    analysis = analyse(_results(run, on_frame))
    suspects = worth_correcting(analysis)
    strip = spread_frames(run.frame_count, _STRIP_FRAMES)
    pictures = painted_frames(
        run, [*((frame, _STRIP_WIDTH) for frame in strip), *((s.frame, _CARD_WIDTH) for s in suspects)]
    )
    names = {object_id: run.context.names.get(object_id, f"object {object_id}") for object_id in analysis.objects}
    cards = [Card(s, names[s.object_id], _command(run, s)) for s in suspects]
    make_folder(path.parent)
    write_bytes(path, render(run, analysis, names, strip, cards, pictures).encode())
    return Report(path, analysis.frames, len(suspects), len(analysis.findings), run.notes)


def _results(run: FinishedMasks, on_frame: Callable[[int, int | None], None]) -> Iterator[FrameResult]:
    for _, result in run.read(pictures=False):
        yield result
        on_frame(result.index + 1, run.frame_count)


def _command(run: FinishedRun, suspect: Suspect) -> tuple[str, str]:
    """The command line before and after the point's coordinates, ready for a shell."""
    name = run.context.names.get(suspect.object_id, str(suspect.object_id))
    words = ["vos", "correct", str(run.root), "--at", str(suspect.frame), "--object", name, "--point"]
    return shlex.join(words) + " ", ""
