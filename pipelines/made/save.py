"""Clips on disk, in the layout of DAVIS-2017, for other trackers and for eyes.

JPEGImages/480p/<clip>/00000.png      frames; PNG, because no other program would read the same pixels from JPEG
Annotations/480p/<clip>/00000.png     the tracked objects
Figures/<clip>/00000.png              also those that nobody tracks
ImageSets/2017/made.txt               names of the clips
made.json                             what they were drawn from, and a digest of the pixels of each
"""

from __future__ import annotations

from dataclasses import asdict, is_dataclass
from pathlib import Path

import cv2
import numpy as np

from pipelines.made.clip_set import ClipSet
from pipelines.made.clips import digest
from vos.files.atomic import write_bytes
from vos.files.index_png import write_palette_png
from vos.runs.folder import OutputFolder, write_json

SPLIT = "made"


def save_clips(made: ClipSet, folder: Path) -> None:
    """Writes all clips.

    Raises:
        OutputError: The folder is not empty, or cannot be written.
    """
    OutputFolder(folder).check(overwrite=False)
    digests = {}
    for number in range(made.clips):
        name, tracked = made.name(number), made.tracked(number)
        frames = list(made.render(number))
        for index, frame in enumerate(frames):
            stem = f"{index:05d}.png"
            for kind in ("JPEGImages/480p", "Annotations/480p", "Figures"):
                (folder / kind / name).mkdir(parents=True, exist_ok=True)
            _, picture = cv2.imencode(".png", np.ascontiguousarray(frame.rgb[..., ::-1]))
            write_bytes(folder / "JPEGImages/480p" / name / stem, picture.tobytes())
            write_palette_png(folder / "Figures" / name / stem, frame.figures)
            objects = np.where(frame.figures <= tracked, frame.figures, np.uint8(0))
            write_palette_png(folder / "Annotations/480p" / name / stem, objects)
        digests[name] = digest(frames)
    lists = folder / "ImageSets/2017"
    lists.mkdir(parents=True)
    (lists / f"{SPLIT}.txt").write_text("".join(f"{name}\n" for name in digests), encoding="utf-8")
    drawn_from: dict[str, object] = asdict(made) if is_dataclass(made) and not isinstance(made, type) else {}
    write_json(folder / "made.json", {"set": drawn_from, "sha256": digests})
