"""The formats that masks can be written in, by the name a user gives. A further one is a further row."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from vos.errors import UsageError
from vos.export.alpha_video import AlphaVideoSink
from vos.export.burst import BurstSink
from vos.export.contact_sheet import ContactSheetSink
from vos.export.context import ExportContext
from vos.export.cutouts import CutoutSink
from vos.export.cvat_xml import CvatImagesSink, CvatVideoSink
from vos.export.label_studio import BrushSink, VideoBoxSink
from vos.export.mots import MotsPngSink, MotsTextSink
from vos.export.npz import NpzSink
from vos.export.object_png import ObjectPngSink
from vos.export.overlay import OverlaySink
from vos.export.palette_png import PalettePngSink
from vos.export.rle_json import CocoSink, YoutubeVisSink
from vos.export.sink import MaskSink
from vos.video.codecs import CONTAINERS


@dataclass(frozen=True, slots=True)
class MaskFormat:
    """One row.

    Attributes:
        place: File or folder inside the output folder.
        make: Gives a sink that writes to that place.
        summary: What `--help` says.
        needs_pictures: Whether the sink looks at the frames' pixels, not only at their masks.
        files: Patterns of what the sink writes inside `place`, if that is a folder; empty for a file.
    """

    place: str
    make: Callable[[Path, ExportContext], MaskSink]
    summary: str
    needs_pictures: bool = False
    files: tuple[str, ...] = ()

    @property
    def is_video(self) -> bool:
        """Whether a video encoder runs while it is written."""
        return self.needs_pictures and Path(self.place).suffix in CONTAINERS

    @property
    def is_folder(self) -> bool:
        return bool(self.files)

    def written_in(self, root: Path) -> list[Path]:
        """Existing files below `root` with the names that this format gives; anything else there is not its own."""
        place = root / self.place
        if not self.is_folder:
            return [place] if place.is_file() or place.is_symlink() else []
        return [
            path for pattern in self.files for path in place.glob(pattern) if _fits(path.relative_to(place), pattern)
        ]

    def folders_in(self, root: Path) -> list[Path]:
        """Existing folders below `root` that this format makes, inner ones first."""
        place = root / self.place
        inner = dict.fromkeys(pattern.rpartition("/")[0] for pattern in self.files if "/" in pattern)
        found = [p for pattern in inner for p in place.glob(pattern) if _fits(p.relative_to(place), pattern)]
        return [p for p in [*found, *([place] if self.is_folder else [])] if p.is_dir()]


def _fits(path: Path, pattern: str) -> bool:
    """Whether the numbers of a path stand where its pattern has wildcards."""
    parts = zip(path.parts, pattern.split("/"), strict=True)
    return all(Path(part).stem.isdecimal() for part, wanted in parts if "*" in wanted)


def _overlay(path: Path, context: ExportContext) -> OverlaySink:
    return OverlaySink(path, audio_from=context.audio_from, overwrite=context.overwrite)


def _alpha(codec: str) -> Callable[[Path, ExportContext], MaskSink]:
    return lambda path, context: AlphaVideoSink(
        path, codec=codec, audio_from=context.audio_from, overwrite=context.overwrite
    )


def _plain(make: Callable[[Path], MaskSink]) -> Callable[[Path, ExportContext], MaskSink]:
    """A sink that needs to know nothing but its place."""
    return lambda path, _: make(path)


_picture = partial(MaskFormat, needs_pictures=True)

FORMATS: dict[str, MaskFormat] = {
    "davis": MaskFormat(
        "masks", _plain(PalettePngSink), "index PNG per frame with the DAVIS palette", files=("*.png",)
    ),
    "objects": MaskFormat(
        "objects", _plain(ObjectPngSink), "0/255 PNG per object and frame, as SA-V", files=("*/*.png",)
    ),
    "ytvis": MaskFormat("youtube_vis.json", YoutubeVisSink, "YouTube-VIS JSON, RLE per object"),
    "coco": MaskFormat("coco.json", CocoSink, "COCO JSON, RLE per frame with track_id"),
    "burst": MaskFormat("burst.json", BurstSink, "BURST JSON, RLE per frame"),
    "mots": MaskFormat(
        "mots", MotsPngSink, "MOTS 16-bit PNG with labels.txt", files=("instances/*.png", "instances/labels.txt")
    ),
    "mots-txt": MaskFormat("mots.txt", MotsTextSink, "MOTS text, RLE per object and frame"),
    "cvat": MaskFormat("cvat.xml", CvatVideoSink, "CVAT for video 1.1 XML, masks"),
    "cvat-images": MaskFormat("cvat_images.xml", CvatImagesSink, "CVAT for images 1.1 XML, masks"),
    "labelstudio": MaskFormat("label_studio.json", BrushSink, "Label Studio tasks, a brush per object and frame"),
    "labelstudio-video": MaskFormat("label_studio_video.json", VideoBoxSink, "Label Studio video task, boxes only"),
    "npz": MaskFormat("masks.npz", _plain(NpzSink), "NumPy archive of all label maps"),
    "prores": _picture("alpha.mov", _alpha("prores4444"), "ProRes 4444 video with alpha"),
    "vp9": _picture("alpha.webm", _alpha("vp9_alpha"), "VP9 video with alpha"),
    "cutouts": _picture("cutouts", _plain(CutoutSink), "RGBA PNG per frame, objects only", files=("*.png",)),
    "overlay": _picture("overlay.mp4", _overlay, "the objects painted over the video, audio kept"),
    "sheet": _picture("contact_sheet.png", _plain(ContactSheetSink), "six frames on one picture"),
}


def find_formats(names: Iterable[str]) -> tuple[str, ...]:
    """Names of formats out of what a user gave: each may be several, separated by commas; doubles are dropped.

    Raises:
        UsageError: There is no such format, or none is named.
    """
    parts = [part.strip() for name in names for part in name.split(",")]
    for part in parts:
        _row(part)
    if not parts:
        raise UsageError(f"no format: give one or more of {', '.join(FORMATS)}")
    return tuple(dict.fromkeys(parts))


def make_sink(name: str, root: str | Path, context: ExportContext | None = None) -> MaskSink:
    """A sink for the format `name` that writes to its place in the folder `root`.

    Raises:
        UsageError: There is no such format.
    """
    row = _row(name)
    return row.make(Path(root) / row.place, context or ExportContext())


def _row(name: str) -> MaskFormat:
    row = FORMATS.get(name)
    if row is None:
        raise UsageError(f"mask format {name!r} is not one of {', '.join(FORMATS)}")
    return row
