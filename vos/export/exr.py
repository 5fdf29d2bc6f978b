"""OpenEXR: one file per frame, in it one layer per object, for compositing. Needs the extra `exr`.

The channel of an object is `NAME.A`, or `object_ID.A` where it has no name; alpha is soft (`vos.export.matting`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np

from vos.errors import OutputError, UsageError
from vos.export.context import ExportContext
from vos.export.matting import matte_of
from vos.export.sink import MaskSink
from vos.files.atomic import replacing
from vos.files.index_png import make_folder, png_name
from vos.results import FrameResult
from vos.video import Frame, VideoInfo

_NOT_IN_NAMES = re.compile(r"[^\w-]+")


class ExrSink(MaskSink):
    """Writes `<folder>/00000.exr` ...: alpha of every object known in the frame, 0 where it is absent.

    Args:
        folder: Where.
        context: Names of the objects.
        pixels: `half` (16 bits) or `float` (32).
        compression: `zip` or `piz`, both without loss.

    Raises:
        UsageError: The package OpenEXR is not installed.
    """

    def __init__(
        self,
        folder: str | Path,
        context: ExportContext | None = None,
        *,
        pixels: Literal["half", "float"] = "half",
        compression: Literal["zip", "piz"] = "zip",
    ) -> None:
        self._exr = _library()
        self.folder = Path(folder)
        self._context = context or ExportContext()
        self._type = np.float16 if pixels == "half" else np.float32
        self._compression = compression
        self._names: tuple[str, ...] = ()

    def open(self, info: VideoInfo) -> None:
        self._names = info.frame_names
        make_folder(self.folder)

    def write(self, frame: Frame, result: FrameResult) -> None:
        layers = layer_names(self._context.names, result.object_ids)
        channels = {
            f"{layers[object_id]}.A": matte_of(frame.rgb, result.mask_of(object_id)).alpha.astype(self._type)
            for object_id in result.object_ids
        }
        # A file without a channel is not one that readers open.
        channels = channels or {"A": np.zeros(result.labels.shape, self._type)}
        header = {
            "compression": self._exr.ZIP_COMPRESSION if self._compression == "zip" else self._exr.PIZ_COMPRESSION,
            "type": self._exr.scanlineimage,
        }
        name = png_name(result.index, self._names).removesuffix(".png") + ".exr"
        with replacing(self.folder / name) as temporary:
            try:
                self._exr.File(header, channels).write(str(temporary))
            except (RuntimeError, ValueError) as error:
                raise OutputError(f"{self.folder / name}: cannot be written ({error})") from error

    def close(self) -> None:
        pass

    def abort(self) -> None:
        pass


def layer_names(names: Mapping[int, str], object_ids: tuple[int, ...]) -> dict[int, str]:
    """Object id -> name of its layer: letters, digits, `_` and `-` only, and no name twice."""
    layers: dict[int, str] = {}
    for object_id in object_ids:
        wanted = _NOT_IN_NAMES.sub("_", names.get(object_id, "")).strip("_")
        twice = any(
            other != object_id and _NOT_IN_NAMES.sub("_", name).strip("_") == wanted for other, name in names.items()
        )
        layers[object_id] = f"{wanted}_{object_id}" if wanted and twice else wanted or f"object_{object_id}"
    return layers


def read_exr(path: Path) -> dict[str, np.ndarray]:
    """Name of the layer -> (H, W) float16 or float32 alpha.

    Raises:
        OutputError: The file cannot be read.
        UsageError: The package OpenEXR is not installed.
    """
    library = _library()
    try:
        channels = library.File(str(path), separate_channels=True).channels()
    except Exception as error:  # the bindings raise RuntimeError and bare Exception alike
        raise OutputError(f"{path}: not a readable OpenEXR file ({error})") from error
    return {name.removesuffix(".A"): np.asarray(channel.pixels) for name, channel in channels.items()}


def _library() -> Any:
    try:
        import OpenEXR
    except ImportError as error:
        raise UsageError("the format exr needs the package OpenEXR: pip install 'seem-vos[exr]'") from error
    return OpenEXR
