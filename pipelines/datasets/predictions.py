"""Masks of a run, laid out as the scorer and the server of the data set expect them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from eval.masks import MaskKind
from pipelines.datasets.sequences import Sequence, tracked_ids
from pipelines.datasets.tracking_passes import Pass
from vos.errors import OutputError
from vos.files.atomic import replacing, write_bytes
from vos.files.index_png import read_palette_png, write_palette_png
from vos.runs.folder import OutputFolder


def publish(sequence: Sequence, tracked: tuple[tuple[Pass, OutputFolder], ...]) -> None:
    """Writes the predictions of one sequence; existing files are replaced.

    Args:
        sequence: Says where and in which form.
        tracked: The passes over the sequence, each with the folder of its run. A frame takes its mask from the
            first pass that has it, and an empty mask if none has.

    Raises:
        OutputError: A mask is missing, or a file cannot be written.
    """
    lay_out = _WRITERS[sequence.predictions.kind]
    any_mask = tracked[0][1].mask(0)
    try:
        for frame, stem in enumerate(sequence.stems):
            if stem in sequence.laid_out:
                lay_out(sequence, stem, _mask_of(frame, tracked), any_mask)
    except OSError as error:
        raise OutputError(
            f"{error.filename or sequence.predictions.folder}: cannot be written ({error.strerror})"
        ) from error


def _mask_of(frame: int, tracked: tuple[tuple[Pass, OutputFolder], ...]) -> Path | None:
    for item, folder in tracked:
        position = item.position(frame)
        if position is not None:
            return folder.mask(position)
    return None


def _write_labels(sequence: Sequence, stem: str, source: Path | None, any_mask: Path) -> None:
    (target,) = sequence.predictions.files(stem, ())
    target.parent.mkdir(parents=True, exist_ok=True)
    if source is None:
        write_palette_png(target, _labels(source, any_mask))
        return
    with replacing(target) as temporary:
        temporary.unlink(missing_ok=True)
        try:
            # The bytes are already right; a hard link costs no space.
            os.link(source, temporary)
        except FileNotFoundError as error:
            raise OutputError(f"{source}: the mask is missing; run again with --resume") from error
        except OSError:
            shutil.copyfile(source, temporary)
    # rename() leaves both names in place when they are links to one file.
    temporary.unlink(missing_ok=True)


def _write_binary(sequence: Sequence, stem: str, source: Path | None, any_mask: Path) -> None:
    (target,) = sequence.predictions.files(stem, ())
    _write_mask(target, _labels(source, any_mask) != 0)


def _write_per_object(sequence: Sequence, stem: str, source: Path | None, any_mask: Path) -> None:
    labels = _labels(source, any_mask)
    files = sequence.predictions.files(stem, sequence.object_ids or ())
    for tracked_id, target in zip(tracked_ids(sequence), files, strict=True):
        _write_mask(target, labels == tracked_id)


def _labels(source: Path | None, any_mask: Path) -> np.ndarray:
    """(H, W) labels of a frame; without a mask of its own all zero, of the size of any other."""
    return read_palette_png(source) if source is not None else np.zeros_like(read_palette_png(any_mask))


def _write_mask(target: Path, mask: np.ndarray) -> None:
    """Writes an (H, W) bool mask as a PNG of 0 and 255."""
    target.parent.mkdir(parents=True, exist_ok=True)
    done, data = cv2.imencode(".png", mask.astype(np.uint8) * 255)
    if not done:
        raise OutputError(f"{target}: cannot be encoded")
    write_bytes(target, data.tobytes())


_WRITERS: dict[MaskKind, Callable[[Sequence, str, Path | None, Path], None]] = {
    "labels": _write_labels,
    "binary": _write_binary,
    "per-object": _write_per_object,
}
