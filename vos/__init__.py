"""Zero-shot video object segmentation: one prompt on the first annotated frame, a mask for every frame.

Names are imported on first use, so that `import vos` stays cheap (no torch, no video library).
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

# Public name -> module that defines it.
_EXPORTS: dict[str, str] = {
    "Box": "vos.prompts",
    "Frame": "vos.video",
    "FrameResult": "vos.results",
    "FrameSource": "vos.video",
    "Mask": "vos.prompts",
    "MemoryPolicy": "vos.tracking.memory_bank",
    "Points": "vos.prompts",
    "Polygon": "vos.prompts",
    "Prompt": "vos.prompts",
    "Stroke": "vos.prompts",
    "VideoInfo": "vos.video",
    "VideoTracker": "vos.tracking.tracker",
    "VosError": "vos.errors",
    "correct_run": "vos.runs.correction",
    "load_model": "vos.tracking.load_model",
    "open_source": "vos.video",
    "paint_overlay": "vos.files.palette",
    "read_masks": "vos.prompts",
    "read_strokes": "vos.prompts",
    "PromptScript": "vos.prompts",
    "Removal": "vos.prompts",
    "revise_run": "vos.runs.correction",
    "track_script": "vos.runs.track_script",
    "track_video": "vos.tracking.track_video",
}

__all__ = ["__version__", *_EXPORTS]


def __getattr__(name: str) -> Any:
    module = _EXPORTS.get(name)
    if module is None:
        raise AttributeError(f"module 'vos' has no attribute {name!r}")
    return getattr(importlib.import_module(module), name)


def __dir__() -> list[str]:
    return sorted(__all__)
