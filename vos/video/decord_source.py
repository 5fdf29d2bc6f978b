"""Random access by decord, for clips that pass an admission test. Order, times and everything else stay with PyAV.

decord loses or repeats frames of clips with edit lists, of MPEG-TS and of damaged files, and a reader that is kept
open decodes ahead without bound (docs/video.md has the numbers). So a clip is admitted only when decord agrees with
PyAV about every time and about sample pictures, and each read opens a reader of its own and drops it.
"""

from __future__ import annotations

import importlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vos.errors import VideoError
from vos.video.av_source import AvSource
from vos.video.types import Frame, Truncation, VideoInfo

_CONTAINERS = frozenset({"mp4", "matroska"})
_SAMPLES = 5
# Two builds of FFmpeg round colour conversion differently by a level or two; another frame is off by more.
_MEAN_TOLERANCE = 2.0
_TIME_TOLERANCE_S = 0.002


@dataclass(frozen=True, slots=True)
class Admission:
    """Whether decord may read a clip, and the sentence that says why."""

    admitted: bool
    reason: str


def admission(path: Path, source: AvSource) -> Admission:
    """Compares decord with PyAV on one clip: cheap refusals first, decord itself last.

    Args:
        path: The clip.
        source: The same clip opened with a packet scan.
    """
    refusal = _refusal_by_kind(source.info, source.truncation)
    if refusal is None:
        try:
            refusal = _refusal_by_reading(_import_decord(), path, source)
        except ImportError:
            refusal = "decord is not installed"
        except Exception as error:  # decord raises its own and bare RuntimeErrors
            refusal = f"decord cannot read it ({_plain_words(error)})"
    if refusal is not None:
        return Admission(False, refusal)
    return Admission(True, f"all {source.info.frame_count} times and {_SAMPLES} sample frames agree with PyAV")


def _refusal_by_kind(info: VideoInfo, truncation: Truncation | None) -> str | None:
    checks = (
        (info.container not in _CONTAINERS, f"{info.container} files are not given to it, only mp4, mkv and webm"),
        (truncation is not None, "the file is incomplete"),
        (info.hidden_frames > 0, f"an edit list hides {info.hidden_frames} pictures, which decord would deliver"),
        (info.rotation != 0 or info.is_mirrored, "the picture is turned for display"),
        (info.start_pts != 0, f"it starts at {float(info.start_pts * info.time_base):.3f} s, not at 0"),
        (info.video_stream_count > 1, "the file has several video streams"),
        (info.frame_count is None, "the number of frames is not certain before decoding"),
    )
    return next((reason for fails, reason in checks if fails), None)


def _refusal_by_reading(decord: Any, path: Path, source: AvSource) -> str | None:
    count = source.info.frame_count or 0
    reader = decord.VideoReader(str(path), num_threads=1)
    if len(reader) != count:
        return f"decord counts {len(reader)} frames, PyAV {count}"
    times = np.asarray(reader.get_frame_timestamp(range(count)))[:, 0]
    expected = source.pts_table() * float(source.info.time_base)
    worst = int(np.abs(times - expected).argmax())
    if abs(times[worst] - expected[worst]) > _TIME_TOLERANCE_S:
        return f"frame {worst} is at {times[worst]:.3f} s for decord, at {expected[worst]:.3f} s for PyAV"
    # Last frame first: a reader that only ever goes forward would not notice that its seeks are wrong.
    for index in dict.fromkeys(np.linspace(count - 1, 0, _SAMPLES).astype(int).tolist()):
        theirs, ours = reader[index].asnumpy(), source.read_at(index).rgb
        if theirs.shape != ours.shape:
            return f"frame {index} has the shape {theirs.shape} for decord, {ours.shape} for PyAV"
        if np.abs(theirs.astype(np.int16) - ours).mean() > _MEAN_TOLERANCE:
            return f"the pixels of frame {index} differ between decord and PyAV"
    return None


def _plain_words(error: BaseException) -> str:
    """decord's message without its time stamps and source files."""
    first_line = next(iter(str(error).splitlines()), "") or type(error).__name__
    return re.sub(r"\[\d\d:\d\d:\d\d\] \S+:\d+: ", "", first_line).strip().rstrip(".")


def _import_decord() -> Any:
    decord = importlib.import_module("decord")
    decord.logging.set_level(decord.logging.QUIET)
    return decord


class DecordSource(AvSource):
    """An `AvSource` whose `read_at` uses decord; refuses every clip that decord might get wrong.

    Raises:
        VideoError: As `AvSource`, or the clip is not admitted (the message says why).
    """

    def __init__(self, path: str | Path) -> None:
        super().__init__(path)
        verdict = admission(Path(path), self)
        if not verdict.admitted:
            self.close()
            raise VideoError(f"{path}: decord must not read this clip ({verdict.reason}); use the pyav backend")

    def read_at(self, index: int) -> Frame:
        self._check_open()
        table = self.pts_table()
        if not 0 <= index < len(table):
            raise VideoError(f"{self._path}: no frame {index}; the video has frames 0 to {len(table) - 1}")
        reader = _import_decord().VideoReader(str(self._path), num_threads=1)
        rgb = np.ascontiguousarray(reader[index].asnumpy())
        return Frame(index, int(table[index]), self.info.time_base, rgb)
