"""One mask of a run on disk: read, and compared with its line in the journal."""

from __future__ import annotations

import numpy as np

from vos.errors import OutputError
from vos.files.index_png import read_palette_png
from vos.runs.folder import OutputFolder
from vos.runs.journal import JournalEntry, mask_crc


def read_labels(folder: OutputFolder, index: int) -> np.ndarray:
    """(H, W) uint16 label map of one frame. Raises OutputError when its mask is missing or damaged."""
    return read_palette_png(folder.mask(index)).astype(np.uint16)


def is_intact(folder: OutputFolder, entry: JournalEntry) -> bool:
    """Whether the mask of a frame is on disk and has the checksum of its journal entry."""
    try:
        return mask_crc(read_labels(folder, entry.index)) == entry.crc32
    except OutputError:
        return False
