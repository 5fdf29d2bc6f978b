"""Masks of a run, laid out as the data set's scorer and server want them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from eval.masks import MaskKind
from pipelines.datasets.sequences import Sequence
from vos.errors import OutputError
from vos.export.palette_png import png_name, read_palette_png


def publish(sequence: Sequence, masks: Path, first_frame: int) -> int:
    """Writes the predictions of one sequence; files that are already there are replaced.

    Args:
        sequence: Says where and in which form.
        masks: Palette PNGs of a run, `00000.png` being the frame `first_frame` of the sequence. Frames before it get
            empty masks.
        first_frame: Where tracking began.

    Returns:
        Number of frames laid out.

    Raises:
        OutputError: A mask is missing, or a file cannot be written.
    """
    lay_out = _WRITERS[sequence.predictions.kind]
    # Where every object has a folder of its own only the scored frames are wanted; elsewhere all of them.
    wanted = set(sequence.scored) if sequence.predictions.kind == "per-object" else set(sequence.stems)
    try:
        for frame, stem in enumerate(sequence.stems):
            if stem not in wanted:
                continue
            source = masks / png_name(max(frame - first_frame, 0))
            lay_out(sequence, stem, source, frame < first_frame)
    except OSError as error:
        raise OutputError(
            f"{error.filename or sequence.predictions.folder}: cannot be written ({error.strerror})"
        ) from error
    return len(wanted)


def _write_labels(sequence: Sequence, stem: str, source: Path, is_before: bool) -> None:
    (target,) = sequence.predictions.files(stem, sequence.object_ids)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = _temporary(target)
    temporary.unlink(missing_ok=True)
    if is_before:
        from vos.export.palette_png import write_palette_png

        write_palette_png(target, np.zeros_like(read_palette_png(source)))
        return
    try:
        # The bytes are right already; a second name for them costs no space.
        os.link(source, temporary)
    except FileNotFoundError as error:
        raise OutputError(f"{source}: the mask is missing; run again with --resume") from error
    except OSError:
        shutil.copyfile(source, temporary)
    # rename() leaves both names in place when they are links to one file.
    os.replace(temporary, target)
    temporary.unlink(missing_ok=True)


def _write_binary(sequence: Sequence, stem: str, source: Path, is_before: bool) -> None:
    (target,) = sequence.predictions.files(stem, sequence.object_ids)
    _write_mask(target, _labels(source, is_before) != 0)


def _write_per_object(sequence: Sequence, stem: str, source: Path, is_before: bool) -> None:
    labels = _labels(source, is_before)
    for object_id, target in zip(
        sequence.object_ids, sequence.predictions.files(stem, sequence.object_ids), strict=True
    ):
        _write_mask(target, labels == object_id)


def _labels(source: Path, is_before: bool) -> np.ndarray:
    labels = read_palette_png(source)
    return np.zeros_like(labels) if is_before else labels


def _write_mask(target: Path, mask: np.ndarray) -> None:
    """Writes an (H, W) bool mask as a PNG of 0 and 255."""
    target.parent.mkdir(parents=True, exist_ok=True)
    done, data = cv2.imencode(".png", mask.astype(np.uint8) * 255)
    if not done:
        raise OutputError(f"{target}: cannot be encoded")
    temporary = _temporary(target)
    try:
        temporary.write_bytes(data.tobytes())
        os.replace(temporary, target)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def _temporary(target: Path) -> Path:
    return target.with_name(f".{target.name}.{os.getpid()}.part")


_WRITERS: dict[MaskKind, Callable[[Sequence, str, Path, bool], None]] = {
    "labels": _write_labels,
    "binary": _write_binary,
    "per-object": _write_per_object,
}
