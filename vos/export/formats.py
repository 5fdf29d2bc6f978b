"""The formats that masks can be written in, by the name a user gives. A further one is a further row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from vos.errors import UsageError
from vos.export.npz import NpzSink
from vos.export.object_png import ObjectPngSink
from vos.export.palette_png import PalettePngSink
from vos.export.rle_json import CocoSink, YoutubeVisSink
from vos.export.sink import MaskSink


@dataclass(frozen=True, slots=True)
class MaskFormat:
    """One row.

    Attributes:
        place: File or folder inside the output folder.
        make: Gives a sink that writes to that place.
        summary: What `--help` says.
    """

    place: str
    make: Callable[[Path], MaskSink]
    summary: str


FORMATS: dict[str, MaskFormat] = {
    "davis": MaskFormat("masks", PalettePngSink, "index PNG per frame with the DAVIS palette"),
    "objects": MaskFormat("objects", ObjectPngSink, "0/255 PNG per object and frame, as SA-V"),
    "ytvis": MaskFormat("youtube_vis.json", YoutubeVisSink, "YouTube-VIS JSON, RLE per object"),
    "coco": MaskFormat("coco.json", CocoSink, "COCO JSON, RLE per frame with track_id"),
    "npz": MaskFormat("masks.npz", NpzSink, "NumPy archive of all label maps"),
}


def make_sink(name: str, root: Path) -> MaskSink:
    """A sink for the format `name` that writes to its place in the folder `root`.

    Raises:
        UsageError: There is no such format.
    """
    row = FORMATS.get(name)
    if row is None:
        raise UsageError(f"mask format {name!r} is not one of {', '.join(FORMATS)}")
    return row.make(root / row.place)
