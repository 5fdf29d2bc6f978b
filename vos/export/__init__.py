"""Where masks go: sinks that write results while a video is being tracked."""

from __future__ import annotations

from vos.export.background import BackgroundSink
from vos.export.contact_sheet import ContactSheetSink
from vos.export.overlay import OverlaySink
from vos.export.palette_png import PalettePngSink
from vos.export.sink import MaskSink

__all__ = ["BackgroundSink", "ContactSheetSink", "MaskSink", "OverlaySink", "PalettePngSink"]
