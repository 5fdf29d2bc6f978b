"""Where masks go: sinks that write results while a video is being tracked, and readers of what they wrote."""

from __future__ import annotations

from vos.export.background import BackgroundSink
from vos.export.contact_sheet import ContactSheetSink
from vos.export.formats import FORMATS, MaskFormat, make_sink
from vos.export.npz import NpzSink
from vos.export.object_png import ObjectPngSink, read_object_pngs
from vos.export.overlay import OverlaySink
from vos.export.palette_png import PalettePngSink, read_palette_png
from vos.export.rle_json import CocoSink, YoutubeVisSink, read_coco, read_youtube_vis
from vos.export.sink import MaskSink

__all__ = [
    "FORMATS",
    "BackgroundSink",
    "CocoSink",
    "ContactSheetSink",
    "MaskFormat",
    "MaskSink",
    "NpzSink",
    "ObjectPngSink",
    "OverlaySink",
    "PalettePngSink",
    "YoutubeVisSink",
    "make_sink",
    "read_coco",
    "read_object_pngs",
    "read_palette_png",
    "read_youtube_vis",
]
