"""run.json: what was run on what, with which versions, and what came of it; and the journal it grows from.

While a run goes on, `run.json` says `running` and `journal.jsonl` gets one line per frame, flushed, so that what a
killed run had done can be read from it. At the end `run.json` sums it up and the journal stays. No times of day and
no host names are recorded: the same run gives the same file, but for the seconds it took. docs/outputs.md lists
the members.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import platform
import zlib
from dataclasses import dataclass
from importlib import metadata
from io import TextIOWrapper
from pathlib import Path
from typing import Any

import numpy as np

from vos import __version__
from vos.errors import OutputError, VideoError
from vos.output_folder import OutputFolder, write_json
from vos.prompts import Prompt
from vos.prompts.digest import prompts_digest
from vos.results import FrameResult
from vos.video import Frame, VideoInfo

SCHEMA = 1
# Distributions whose version can change a mask; the OpenCV of a machine is one of the two.
_PACKAGES = ("torch", "numpy", "opencv-python-headless", "opencv-python", "av", "pillow")


@dataclass(frozen=True, slots=True)
class RunInputs:
    """What a run is made from."""

    video: str
    prompts: tuple[Prompt, ...]
    model: str
    weights_sha256: str
    device: str
    options: dict[str, Any]


@dataclass(slots=True)
class _ObjectSummary:
    """What is counted of one object while a run goes on."""

    frames: int = 0
    frames_with_pixels: int = 0
    presence_sum: float = 0.0
    is_visible: bool | None = None


class RunRecord:
    """Writes the journal and the record of one run; itself a sink."""

    def __init__(self, folder: OutputFolder, inputs: RunInputs) -> None:
        self.folder = folder
        self.inputs = inputs
        self._journal: TextIOWrapper | None = None
        self._frames = 0
        self._objects: dict[int, _ObjectSummary] = {}
        self._events: list[dict[str, Any]] = []
        self._input: dict[str, Any] = {}

    def open(self, info: VideoInfo) -> None:
        self._input = {"video": self.inputs.video, **_fingerprint(Path(self.inputs.video))}
        write_json(self.folder.record, self._record("running", info, seconds=None, problem=None))
        try:
            # Line by line to the system: a kill loses at most the frame in progress.
            self._journal = open(self.folder.journal, "w", encoding="utf-8", buffering=1)  # noqa: SIM115
        except OSError as error:
            raise OutputError(f"{self.folder.journal}: cannot be written ({error.strerror})") from error

    def write(self, frame: Frame, result: FrameResult) -> None:
        if self._journal is None:
            raise RuntimeError("write before open")
        line = {
            "index": result.index,
            "pts": result.pts,
            "crc32": mask_crc(result.labels),
            "presence": dict(zip(map(str, result.object_ids), result.presence, strict=True)),
        }
        try:
            self._journal.write(json.dumps(line) + "\n")
        except OSError as error:
            raise OutputError(f"{self.folder.journal}: cannot be written ({error.strerror})") from error
        self._frames += 1
        counts = np.bincount(result.labels.ravel())
        for object_id, presence in zip(result.object_ids, result.presence, strict=True):
            is_visible = object_id < len(counts) and bool(counts[object_id])
            self._count(result, object_id, presence, is_visible)

    def _count(self, result: FrameResult, object_id: int, presence: float, is_visible: bool) -> None:
        summary = self._objects.setdefault(object_id, _ObjectSummary())
        summary.frames += 1
        summary.frames_with_pixels += is_visible
        summary.presence_sum += presence
        if summary.is_visible not in (None, is_visible):
            event = "reacquired" if is_visible else "lost"
            self._events.append(
                {"event": event, "object": object_id, "frame": result.index, "time": round(result.time, 6)}
            )
        summary.is_visible = is_visible

    def close(self) -> None:
        if self._journal is not None:
            journal, self._journal = self._journal, None
            try:
                journal.close()
            except OSError as error:
                raise OutputError(f"{self.folder.journal}: cannot be written ({error.strerror})") from error

    def abort(self) -> None:
        # The failure that led here is what the user must see, not that the journal's last line is lost.
        with contextlib.suppress(OutputError):
            self.close()

    def finish(self, status: str, *, info: VideoInfo, seconds: float, problem: str | None = None) -> None:
        """Writes the final run.json.

        Args:
            status: `done`, `truncated`, `failed` or `interrupted`.
            info: What the source knows at the end of the run.
            seconds: How long tracking took.
            problem: One line on what went wrong.
        """
        write_json(self.folder.record, self._record(status, info, seconds=round(seconds, 3), problem=problem))

    def _record(self, status: str, info: VideoInfo, *, seconds: float | None, problem: str | None) -> dict[str, Any]:
        inputs = self.inputs
        objects = {
            str(object_id): {
                "frames": summary.frames,
                "frames_with_pixels": summary.frames_with_pixels,
                "mean_presence": round(summary.presence_sum / summary.frames, 4),
            }
            for object_id, summary in sorted(self._objects.items())
        }
        return {
            "schema": SCHEMA,
            "status": status,
            "problem": problem,
            "frames": self._frames,
            "seconds": seconds,
            "truncated": info.is_truncated,
            "input": self._input,
            "video": {
                "width": info.width,
                "height": info.height,
                "time_base": str(info.time_base),
                "average_rate": None if info.average_rate is None else str(info.average_rate),
                "rotation": info.rotation,
                "codec": info.codec,
                "is_vfr": info.is_vfr,
            },
            "prompts": [
                {
                    "kind": p.kind,
                    "object": p.object_id,
                    "frame": p.frame,
                    "source": p.source,
                    "sha256": prompts_digest([p]),
                }
                for p in inputs.prompts
            ],
            "objects": objects,
            "events": self._events,
            "model": {"name": inputs.model, "weights_sha256": inputs.weights_sha256, "device": inputs.device},
            "options": inputs.options,
            "versions": {"seem-vos": __version__, "python": platform.python_version(), **_package_versions()},
        }


def read_journal(path: Path) -> list[dict[str, Any]]:
    """Lines of a journal, one per finished frame. A last line that a killed run left unfinished is left out.

    Raises:
        OutputError: The file cannot be read, or a line other than the last is damaged.
    """
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
        # What follows the last line feed is empty, or was cut off.
        return [json.loads(line) for line in lines[:-1]]
    except (OSError, ValueError) as error:
        raise OutputError(f"{path}: not a readable journal ({error})") from error


def mask_crc(labels: np.ndarray) -> str:
    """CRC-32 of a label map as eight hexadecimal digits; independent of the file format it is stored in."""
    return f"{zlib.crc32(np.ascontiguousarray(labels, dtype='<u2').tobytes()):08x}"


def _fingerprint(path: Path) -> dict[str, Any]:
    """Size and SHA-256 of a file; nothing for folders, cameras and standard input."""
    if not path.is_file():
        return {}
    try:
        with open(path, "rb") as file:
            return {"bytes": path.stat().st_size, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}
    except OSError as error:
        raise VideoError(f"{path}: cannot be read ({error.strerror})") from error


def _package_versions() -> dict[str, str]:
    versions = {}
    for name in _PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    return versions
