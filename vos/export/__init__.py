"""Where masks go: sinks that write results while a video is being tracked, and readers of what they wrote."""

from __future__ import annotations

from vos.export.alpha_video import AlphaVideoSink, read_alpha_video
from vos.export.background import BackgroundSink
from vos.export.burst import BurstSink, read_burst
from vos.export.contact_sheet import ContactSheetSink
from vos.export.context import ExportContext
from vos.export.cutouts import CutoutSink, read_cutout
from vos.export.cvat_xml import CvatImagesSink, CvatVideoSink, read_cvat
from vos.export.exr import ExrSink, read_exr
from vos.export.formats import FORMATS, MaskFormat, find_formats, make_sink
from vos.export.frame_png import FramePngSink
from vos.export.label_studio import BrushSink, VideoBoxSink, read_label_studio
from vos.export.mattes import MatteSink, read_mattes
from vos.export.matting import Matte, matte_of
from vos.export.mots import MotsPngSink, MotsTextSink, read_mots_png, read_mots_text
from vos.export.npz import NpzSink
from vos.export.object_png import ObjectPngSink, read_object_pngs
from vos.export.overlay import OverlaySink
from vos.export.palette_png import PalettePngSink
from vos.export.rle_json import CocoSink, YoutubeVisSink, read_coco, read_youtube_vis
from vos.export.sink import MaskSink
from vos.export.supervision_detections import to_supervision
from vos.files.index_png import read_palette_png

__all__ = [
    "FORMATS",
    "AlphaVideoSink",
    "BackgroundSink",
    "BrushSink",
    "BurstSink",
    "CocoSink",
    "ContactSheetSink",
    "CutoutSink",
    "CvatImagesSink",
    "CvatVideoSink",
    "ExportContext",
    "ExrSink",
    "FramePngSink",
    "MaskFormat",
    "MaskSink",
    "Matte",
    "MatteSink",
    "MotsPngSink",
    "MotsTextSink",
    "NpzSink",
    "ObjectPngSink",
    "OverlaySink",
    "PalettePngSink",
    "VideoBoxSink",
    "YoutubeVisSink",
    "find_formats",
    "make_sink",
    "matte_of",
    "read_alpha_video",
    "read_burst",
    "read_coco",
    "read_cutout",
    "read_cvat",
    "read_exr",
    "read_label_studio",
    "read_mattes",
    "read_mots_png",
    "read_mots_text",
    "read_object_pngs",
    "read_palette_png",
    "read_youtube_vis",
    "to_supervision",
]
