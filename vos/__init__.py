"""Zero-shot video object segmentation: one prompt on the first annotated frame, a mask for every frame.

Names are imported on first use, so that `import vos` stays cheap (no torch, no video library).
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from vos.version import __version__

if TYPE_CHECKING:
    from seem_model.errors import ModelError
    from seem_model.video_model import VideoModel
    from vos.errors import OutputError, PromptError, UsageError, VideoError, VosError
    from vos.export import MaskSink, OverlaySink, PalettePngSink, make_sink, to_supervision
    from vos.files.palette import paint_overlay
    from vos.prompts import (
        Box,
        Mask,
        Points,
        Polygon,
        Prompt,
        PromptScript,
        ReferenceImage,
        Removal,
        Stroke,
        Text,
        read_masks,
        read_strokes,
    )
    from vos.report import write_report
    from vos.results import FrameResult
    from vos.runs.convert import convert_run
    from vos.runs.correction import correct_run, revise_run
    from vos.runs.edit_run import edit_run, undo_edit
    from vos.runs.edits import Delete, EditReport, Lock, Merge, Split, Swap, Unlock
    from vos.runs.job import RunOutcome
    from vos.runs.options import Observer, RunOptions
    from vos.runs.track_script import track_script
    from vos.runs.verify import verify_run
    from vos.tracking.absence import AbsencePolicy
    from vos.tracking.candidates import point_candidates
    from vos.tracking.cleaning import CleanPolicy
    from vos.tracking.load_model import load_model
    from vos.tracking.memory_bank import MemoryPolicy
    from vos.tracking.track_video import track_video
    from vos.tracking.tracker import VideoTracker
    from vos.tracking.windows import WindowPolicy
    from vos.video import Frame, FrameSource, VideoInfo, open_source

__all__ = [
    "AbsencePolicy",
    "Box",
    "CleanPolicy",
    "Delete",
    "EditReport",
    "Frame",
    "FrameResult",
    "FrameSource",
    "Lock",
    "Mask",
    "MaskSink",
    "MemoryPolicy",
    "Merge",
    "ModelError",
    "Observer",
    "OutputError",
    "OverlaySink",
    "PalettePngSink",
    "Points",
    "Polygon",
    "Prompt",
    "PromptError",
    "PromptScript",
    "ReferenceImage",
    "Removal",
    "RunOptions",
    "RunOutcome",
    "Split",
    "Stroke",
    "Swap",
    "Text",
    "Unlock",
    "UsageError",
    "VideoError",
    "VideoInfo",
    "VideoModel",
    "VideoTracker",
    "VosError",
    "WindowPolicy",
    "__version__",
    "convert_run",
    "correct_run",
    "edit_run",
    "load_model",
    "make_sink",
    "open_source",
    "paint_overlay",
    "point_candidates",
    "read_masks",
    "read_strokes",
    "revise_run",
    "to_supervision",
    "track_script",
    "track_video",
    "undo_edit",
    "verify_run",
    "write_report",
]

# Public name -> module that defines it; the same as the imports above, which only type checkers and editors read.
_HOMES = {
    "AbsencePolicy": "vos.tracking.absence",
    "CleanPolicy": "vos.tracking.cleaning",
    "Box": "vos.prompts",
    "Delete": "vos.runs.edits",
    "EditReport": "vos.runs.edits",
    "Frame": "vos.video",
    "FrameResult": "vos.results",
    "FrameSource": "vos.video",
    "Lock": "vos.runs.edits",
    "Mask": "vos.prompts",
    "MaskSink": "vos.export",
    "MemoryPolicy": "vos.tracking.memory_bank",
    "Merge": "vos.runs.edits",
    "ModelError": "seem_model.errors",
    "Observer": "vos.runs.options",
    "OutputError": "vos.errors",
    "OverlaySink": "vos.export",
    "PalettePngSink": "vos.export",
    "Points": "vos.prompts",
    "Polygon": "vos.prompts",
    "Prompt": "vos.prompts",
    "PromptError": "vos.errors",
    "PromptScript": "vos.prompts",
    "ReferenceImage": "vos.prompts",
    "Removal": "vos.prompts",
    "RunOptions": "vos.runs.options",
    "RunOutcome": "vos.runs.job",
    "Split": "vos.runs.edits",
    "Stroke": "vos.prompts",
    "Swap": "vos.runs.edits",
    "Text": "vos.prompts",
    "Unlock": "vos.runs.edits",
    "UsageError": "vos.errors",
    "VideoError": "vos.errors",
    "VideoInfo": "vos.video",
    "VideoModel": "seem_model.video_model",
    "VideoTracker": "vos.tracking.tracker",
    "VosError": "vos.errors",
    "WindowPolicy": "vos.tracking.windows",
    "convert_run": "vos.runs.convert",
    "correct_run": "vos.runs.correction",
    "edit_run": "vos.runs.edit_run",
    "load_model": "vos.tracking.load_model",
    "make_sink": "vos.export",
    "open_source": "vos.video",
    "paint_overlay": "vos.files.palette",
    "point_candidates": "vos.tracking.candidates",
    "read_masks": "vos.prompts",
    "read_strokes": "vos.prompts",
    "revise_run": "vos.runs.correction",
    "to_supervision": "vos.export",
    "track_script": "vos.runs.track_script",
    "track_video": "vos.tracking.track_video",
    "undo_edit": "vos.runs.edit_run",
    "verify_run": "vos.runs.verify",
    "write_report": "vos.report",
}

if not TYPE_CHECKING:
    # A type checker would take this for the promise that every name exists.

    def __getattr__(name: str) -> object:
        module = _HOMES.get(name)
        if module is None:
            raise AttributeError(f"module 'vos' has no attribute {name!r}")
        return getattr(importlib.import_module(module), name)


def __dir__() -> list[str]:
    return sorted(__all__)
