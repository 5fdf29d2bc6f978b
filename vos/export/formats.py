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
from vos.export.exr import ExrSink
from vos.export.frame_png import FramePngSink
from vos.export.label_studio import BrushSink, VideoBoxSink
from vos.export.mattes import MatteSink
from vos.export.mots import MotsPngSink, MotsTextSink
from vos.export.npz import NpzSink
from vos.export.object_png import ObjectPngSink
from vos.export.overlay import OverlaySink
from vos.export.palette_png import PalettePngSink
from vos.export.rle_json import CocoSink, YoutubeVisSink
from vos.export.sink import MaskSink
from vos.files.places import PLACES, Place
from vos.video.codecs import CONTAINERS


@dataclass(frozen=True, slots=True)
class MaskFormat:
    """One row.

    Attributes:
        home: Where it lies in the output folder.
        make: Gives a sink that writes to that place.
        summary: What `--help` says.
        needs_pictures: Whether the sink looks at the frames' pixels, not only at their masks.
    """

    home: Place
    make: Callable[[Path, ExportContext], MaskSink]
    summary: str
    needs_pictures: bool = False

    @property
    def place(self) -> str:
        """File or folder inside the output folder."""
        return self.home.path

    @property
    def is_video(self) -> bool:
        """Whether a video encoder runs while it is written."""
        return self.needs_pictures and Path(self.place).suffix in CONTAINERS

    @property
    def is_folder(self) -> bool:
        return self.home.is_folder


def _overlay(path: Path, context: ExportContext) -> OverlaySink:
    return OverlaySink(path, audio_from=context.audio_from, overwrite=context.overwrite)


def _alpha(codec: str, *, soft: bool = False) -> Callable[[Path, ExportContext], MaskSink]:
    return lambda path, context: AlphaVideoSink(
        path, codec=codec, audio_from=context.audio_from, overwrite=context.overwrite, soft=soft
    )


def _plain(make: Callable[[Path], MaskSink]) -> Callable[[Path, ExportContext], MaskSink]:
    """A sink that needs to know nothing but its place."""
    return lambda path, _: make(path)


def _row_of(
    name: str, make: Callable[[Path, ExportContext], MaskSink], summary: str, *, needs_pictures: bool = False
) -> tuple[str, MaskFormat]:
    return name, MaskFormat(PLACES[name], make, summary, needs_pictures)


_picture = partial(_row_of, needs_pictures=True)

FORMATS: dict[str, MaskFormat] = dict(
    [
        _row_of("davis", _plain(PalettePngSink), "index PNG per frame with the DAVIS palette"),
        _row_of("objects", _plain(ObjectPngSink), "0/255 PNG per object and frame, as SA-V"),
        _row_of("ytvis", YoutubeVisSink, "YouTube-VIS JSON, RLE per object"),
        _row_of("coco", CocoSink, "COCO JSON, RLE per frame with track_id"),
        _row_of("burst", BurstSink, "BURST JSON, RLE per frame"),
        _row_of("mots", MotsPngSink, "MOTS 16-bit PNG with labels.txt"),
        _row_of("mots-txt", MotsTextSink, "MOTS text, RLE per object and frame"),
        _row_of("cvat", CvatVideoSink, "CVAT for video 1.1 XML, masks"),
        _row_of("cvat-images", CvatImagesSink, "CVAT for images 1.1 XML, masks"),
        _row_of("labelstudio", BrushSink, "Label Studio tasks, a brush per object and frame"),
        _row_of("labelstudio-video", VideoBoxSink, "Label Studio video task, boxes only"),
        _row_of("npz", _plain(NpzSink), "NumPy archive of all label maps"),
        _picture("prores", _alpha("prores4444"), "ProRes 4444 video with alpha"),
        _picture("vp9", _alpha("vp9_alpha"), "VP9 video with alpha"),
        _picture("prores-soft", _alpha("prores4444", soft=True), "the same with soft borders and no halo"),
        _picture("vp9-soft", _alpha("vp9_alpha", soft=True), "the same as VP9"),
        _picture("cutouts-soft", _plain(partial(CutoutSink, soft=True)), "RGBA PNG with soft borders and no halo"),
        _picture("mattes", _plain(MatteSink), "soft mattes, 16-bit grey PNG per object and frame"),
        _picture("mattes-tiff", _plain(partial(MatteSink, suffix=".tif")), "the same as TIFF"),
        _picture("exr", ExrSink, "OpenEXR per frame, soft, a named channel per object"),
        _picture("cutouts", _plain(CutoutSink), "RGBA PNG per frame, objects only"),
        _picture("frames", _plain(FramePngSink), "the frames as PNG, under the names that COCO and YouTube-VIS give"),
        _picture("overlay", _overlay, "the objects painted over the video, audio kept"),
        _picture("overlay-mov", _overlay, "the same in .mov, which holds PCM sound and the timecode"),
        _picture("overlay-mkv", _overlay, "the same in .mkv, which holds any sound"),
        _picture("sheet", _plain(ContactSheetSink), "six frames on one picture"),
    ]
)


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
