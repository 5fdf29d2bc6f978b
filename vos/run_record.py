"""run.json: what was run on what, with which versions, and what came of it; and the journal it grows from.

While a run goes on, `journal.jsonl` gets one line per frame. At the end `run.json` sums it up and the journal stays.
No times of day and no host names are recorded: the same run gives the same file, but for the seconds it took.
"""

from __future__ import annotations

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
from vos.errors import OutputError
from vos.output_folder import OutputFolder, write_json
from vos.prompts import Prompt
from vos.results import FrameResult
from vos.video import Frame, VideoInfo

SCHEMA = 1
_PACKAGES = ("torch", "numpy", "opencv-python-headless", "av")


@dataclass(frozen=True, slots=True)
class RunInputs:
    """What a run is made from."""

    video: str
    prompts: tuple[Prompt, ...]
    model: str
    weights_sha256: str
    device: str
    options: dict[str, Any]


class RunRecord:
    """Writes the journal and the record of one run; itself a sink."""

    def __init__(self, folder: OutputFolder, inputs: RunInputs) -> None:
        self.folder = folder
        self.inputs = inputs
        self._info: VideoInfo | None = None
        self._journal: TextIOWrapper | None = None
        self._frames = 0
        self._presence: dict[int, list[float]] = {}
        self._pixels: dict[int, int] = {}

    def open(self, info: VideoInfo) -> None:
        self._info = info
        try:
            self._journal = open(self.folder.journal, "w", encoding="utf-8")  # noqa: SIM115
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
            self._presence.setdefault(object_id, []).append(presence)
            painted = int(counts[object_id]) if object_id < len(counts) else 0
            self._pixels[object_id] = self._pixels.get(object_id, 0) + (painted > 0)

    def close(self) -> None:
        self._close_journal()

    def abort(self) -> None:
        self._close_journal()

    def finish(self, status: str, *, info: VideoInfo, seconds: float, problem: str | None = None) -> None:
        """Writes run.json.

        Args:
            status: `done`, `truncated`, `failed` or `interrupted`.
            info: What the source knows at the end of the run.
            seconds: How long tracking took.
            problem: One line on what went wrong.
        """
        inputs = self.inputs
        objects = {
            str(object_id): {
                "frames": len(presence),
                "frames_with_pixels": self._pixels[object_id],
                "mean_presence": round(float(np.mean(presence)), 4),
            }
            for object_id, presence in sorted(self._presence.items())
        }
        record: dict[str, Any] = {
            "schema": SCHEMA,
            "status": status,
            "problem": problem,
            "frames": self._frames,
            "seconds": round(seconds, 3),
            "truncated": info.is_truncated,
            "input": {"video": inputs.video, **_fingerprint(Path(inputs.video))},
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
                {"kind": p.kind, "object": p.object_id, "frame": p.frame, "source": p.source} for p in inputs.prompts
            ],
            "objects": objects,
            "model": {"name": inputs.model, "weights_sha256": inputs.weights_sha256, "device": inputs.device},
            "options": inputs.options,
            "versions": {
                "seem-vos": __version__,
                "python": platform.python_version(),
                **{name: metadata.version(name) for name in _PACKAGES},
            },
        }
        write_json(self.folder.record, record)

    def _close_journal(self) -> None:
        if self._journal is not None:
            self._journal.close()
            self._journal = None


def mask_crc(labels: np.ndarray) -> str:
    """CRC-32 of a label map as eight hexadecimal digits; independent of the file format it is stored in."""
    return f"{zlib.crc32(np.ascontiguousarray(labels, dtype='<u2').tobytes()):08x}"


def _fingerprint(path: Path) -> dict[str, Any]:
    """Size and SHA-256 of a file; nothing for folders, cameras and standard input."""
    if not path.is_file():
        return {}
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return {"bytes": path.stat().st_size, "sha256": digest.hexdigest()}
