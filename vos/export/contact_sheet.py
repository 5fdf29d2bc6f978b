"""A few frames of a run on one picture, to see at a glance whether it worked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw

from vos.export.sink import MaskSink
from vos.files.atomic import replacing
from vos.files.index_png import make_folder
from vos.files.palette import paint_overlay
from vos.results import FrameResult
from vos.video import Frame, VideoInfo
from vos.video.sampling import spread_frames

_TILE_WIDTH = 480
_COLUMNS = 3
_SPREAD = 6
# Without a known length, tiles are kept at ever doubling distances and thinned out: memory stays fixed.
_MAX_TILES = 2 * _SPREAD


class ContactSheetSink(MaskSink):
    """Writes a PNG grid of overlaid frames, each with its index and time.

    Args:
        path: The PNG file.
        frames: Which frames; None for six spread over the video.
    """

    def __init__(self, path: str | Path, frames: Sequence[int] | None = None) -> None:
        self.path = Path(path)
        self.frames = None if frames is None else tuple(frames)
        self._tiles: dict[int, np.ndarray] = {}
        self._stride = 1

    def open(self, info: VideoInfo) -> None:
        make_folder(self.path.parent)
        if self.frames is None and info.frame_count:
            self.frames = spread_frames(info.frame_count, _SPREAD)

    def write(self, frame: Frame, result: FrameResult) -> None:
        if self.frames is not None:
            if result.index in self.frames:
                self._tiles[result.index] = self._tile(frame, result)
            return
        if result.index % self._stride == 0:
            self._tiles[result.index] = self._tile(frame, result)
        if len(self._tiles) > _MAX_TILES:
            self._stride *= 2
            self._tiles = {index: tile for index, tile in self._tiles.items() if index % self._stride == 0}

    def close(self) -> None:
        if not self._tiles:
            return
        indices = sorted(self._tiles)
        if self.frames is None:
            indices = [indices[i] for i in spread_frames(len(indices), _SPREAD)]
        tiles = [self._tiles[index] for index in indices]
        blank = np.full_like(tiles[0], 255)
        columns = min(_COLUMNS, len(tiles))
        rows = [tiles[i : i + columns] for i in range(0, len(tiles), columns)]
        rows[-1] += [blank] * (columns - len(rows[-1]))
        sheet = np.vstack([np.hstack(row) for row in rows])
        with replacing(self.path) as temporary:
            Image.fromarray(sheet).save(temporary, format="PNG")

    def abort(self) -> None:
        self._tiles.clear()

    def _tile(self, frame: Frame, result: FrameResult) -> np.ndarray:
        height, width = result.labels.shape
        tile_width = min(_TILE_WIDTH, width)
        size = (tile_width, max(1, round(height * tile_width / width)))
        rgb = cv2.resize(frame.rgb, size, interpolation=cv2.INTER_AREA)
        labels = cv2.resize(result.labels, size, interpolation=cv2.INTER_NEAREST)
        tile = Image.fromarray(paint_overlay(rgb, labels))
        text = f"frame {result.index}  {result.time:.2f} s"
        draw = ImageDraw.Draw(tile)
        box = draw.textbbox((6, 4), text)
        draw.rectangle((box[0] - 4, box[1] - 3, box[2] + 4, box[3] + 3), fill=(0, 0, 0))
        draw.text((6, 4), text, fill=(255, 255, 255))
        return np.asarray(tile)
