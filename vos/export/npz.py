"""All masks of a video as one NumPy archive: `numpy.load(path)` gives

labels (T, H, W) uint16 · index (T,) int64 · pts (T,) int64 · time_base (2,) int64 numerator, denominator ·
object_ids (N,) int64 · presence (T, N) float64, NaN where an object was not yet known
"""

from __future__ import annotations

import os
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np

from vos.errors import OutputError
from vos.export.sink import MaskSink
from vos.files.atomic import replacing
from vos.files.index_png import make_folder
from vos.results import FrameResult
from vos.video import Frame, VideoInfo

_CHUNK = 1 << 20


class NpzSink(MaskSink):
    """Writes `path`. The number of frames stands at the head of the array, so labels wait compressed in a file."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._spool: IO[bytes] | None = None
        self._compress = zlib.compressobj(1)
        self._size = (0, 0)
        self._rows: list[tuple[int, int, dict[int, float]]] = []
        self._time_base = (0, 1)

    def open(self, info: VideoInfo) -> None:
        make_folder(self.path.parent)
        self._size = (info.height, info.width)
        self._time_base = (info.time_base.numerator, info.time_base.denominator)
        try:
            # In the folder of the result, because the usual place for temporary files can be small. It has no name.
            self._spool = tempfile.TemporaryFile(dir=self.path.parent)  # noqa: SIM115
        except OSError as error:
            raise OutputError(f"{self.path}: cannot be written ({error.strerror})") from error

    def write(self, frame: Frame, result: FrameResult) -> None:
        if self._spool is None:
            raise RuntimeError("write before open")
        self._rows.append((result.index, result.pts, dict(zip(result.object_ids, result.presence, strict=True))))
        try:
            self._spool.write(self._compress.compress(np.ascontiguousarray(result.labels, dtype="<u2").tobytes()))
        except OSError as error:
            raise OutputError(f"{self.path}: cannot be written ({error.strerror})") from error

    def close(self) -> None:
        if self._spool is None:
            raise RuntimeError("close before open")
        ids = sorted({object_id for _, _, presence in self._rows for object_id in presence})
        arrays = {
            "index": np.array([index for index, _, _ in self._rows], dtype=np.int64),
            "pts": np.array([pts for _, pts, _ in self._rows], dtype=np.int64),
            "time_base": np.array(self._time_base, dtype=np.int64),
            "object_ids": np.array(ids, dtype=np.int64),
            "presence": np.array([[p.get(i, np.nan) for i in ids] for _, _, p in self._rows]).reshape(-1, len(ids)),
        }
        with replacing(self.path) as temporary, self._spool as spool:
            spool.write(self._compress.flush())
            spool.seek(0, os.SEEK_SET)
            with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
                with archive.open(_entry("labels"), "w", force_zip64=True) as member:
                    header = {"descr": "<u2", "fortran_order": False, "shape": (len(self._rows), *self._size)}
                    np.lib.format.write_array_header_1_0(member, header)
                    for chunk in _decompressed(spool):
                        member.write(chunk)
                for name, array in arrays.items():
                    with archive.open(_entry(name), "w") as member:
                        np.lib.format.write_array(member, array, allow_pickle=False)

    def abort(self) -> None:
        if self._spool is not None:
            self._spool.close()


def _entry(name: str) -> zipfile.ZipInfo:
    # A fixed date, so that the same masks give the same bytes.
    entry = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
    entry.compress_type = zipfile.ZIP_DEFLATED
    return entry


def _decompressed(spool: IO[bytes]) -> Iterator[bytes]:
    decompress = zlib.decompressobj()
    while chunk := spool.read(_CHUNK):
        yield decompress.decompress(chunk)
    yield decompress.flush()
