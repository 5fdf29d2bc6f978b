"""Frames from a folder of images, in the order of the numbers in their names, at a nominal constant rate."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from PIL.TiffImagePlugin import TiffImageFile

from vos.errors import VideoError
from vos.video.frame_files import IMAGE_FORMATS, find_frames, natural_key
from vos.video.image_levels import (
    Levels,
    deep_values,
    is_deep,
    notes_on_levels,
    parse_range,
    to_8_bits,
    usual_range,
)
from vos.video.pyav_compat import check_size
from vos.video.types import ClosesOnExit, Frame, Truncation, VideoInfo

__all__ = ["DEFAULT_RATE", "IMAGE_FORMATS", "ImageFolderSource", "list_images", "natural_key", "read_image"]

# What DAVIS, the best known set of frame folders, plays at.
DEFAULT_RATE = Fraction(24)

# Nothing else is tried: Pillow's other readers run programs or guess.
_FORMATS = sorted(set(IMAGE_FORMATS.values()))
_EXIF_ORIENTATION = 0x0112
_TIFF_WIDTH, _TIFF_HEIGHT = 256, 257
# Values of the tag that exchange rows and columns.
_TURNED = (5, 6, 7, 8)
_PILLOW_ERRORS = (OSError, ValueError, SyntaxError, Image.DecompressionBombError)


class ImageFolderSource(ClosesOnExit):
    """Images of one folder as a video: frame i is the i-th file of the sequence that `find_frames` sees in it.

    pts counts files, not the numbers in their names; `info.notes` says where numbers are missing and what was passed
    over. Orientation tags are applied, alpha is dropped, more than 8 bits are scaled (`image_levels`). What a
    file holds decides how it is read, not its extension.

    Args:
        folder: The folder; subfolders are not read.
        rate: Frames per second to assume; 24 if None.
        images: A glob of file names that are the frames; None to find the sequence by the pattern of names.
        value_range: LOW,HIGH of values that become black and white, for pictures of more than 8 bits.

    Attributes:
        paths: The files in frame order.

    Raises:
        VideoError: No images, no sequence that is certain, one without a readable header, or sizes that differ.
        UsageError: `value_range` cannot be.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        rate: Fraction | None = None,
        images: str | None = None,
        value_range: str | None = None,
    ) -> None:
        self._folder = Path(folder)
        self._levels = None if value_range is None else parse_range(value_range)
        found = find_frames(self._folder, images)
        self.paths = found.paths
        (width, height), formats, deep = _common_size(self.paths)
        rate = rate or DEFAULT_RATE
        notes = (*found.notes, *_notes_on_formats(self.paths, formats))
        if deep:
            sample = dict.fromkeys((deep[0], deep[len(deep) // 2], deep[-1]))
            notes = (*notes, *self._settle_levels([self.paths[index] for index in sample]))
        elif self._levels is not None:
            raise VideoError(
                f"{self._folder}: --range is for pictures of more than 8 bits, and there are none; leave it out"
            )
        self._info = VideoInfo(
            width=width,
            height=height,
            frame_count=len(self.paths),
            average_rate=rate,
            time_base=1 / rate,
            codec=formats[0].lower(),
            container="folder",
            duration=float(len(self.paths) / rate),
            frame_names=_frame_names(self.paths),
            notes=notes,
        )

    @property
    def info(self) -> VideoInfo:
        return self._info

    @property
    def truncation(self) -> Truncation | None:
        """Always None: an image that cannot be read is an error, because later ones can."""
        return None

    def __iter__(self) -> Iterator[Frame]:
        return (self.read_at(index) for index in range(len(self.paths)))

    def read_at(self, index: int) -> Frame:
        if not 0 <= index < len(self.paths):
            raise VideoError(f"{self._folder}: no frame {index}; the folder has frames 0 to {len(self.paths) - 1}")
        path = self.paths[index]
        rgb = read_image(path, self._levels)
        if rgb.shape[:2] != (self._info.height, self._info.width):
            raise VideoError(
                f"{path}: decodes to {rgb.shape[1]}x{rgb.shape[0]}, not to the {self._info.width}x{self._info.height} "
                f"that its header says; replace it"
            )
        return Frame(index, index, self._info.time_base, rgb)

    def close(self) -> None:
        """Nothing stays open between frames."""

    def _settle_levels(self, paths: list[Path]) -> tuple[str, ...]:
        """Decides by a few deep pictures which range all of them have; what to tell about it."""
        samples: list[np.ndarray] = []
        for path in paths:
            with _open_image(path) as image:
                try:
                    values, declared = deep_values(image, path)
                except _PILLOW_ERRORS as error:
                    raise _damaged(path, error) from error
            self._levels = self._levels or declared or usual_range(values, str(path))
            to_8_bits(values, self._levels, str(path))
            samples.append(values.ravel())
        where = str(paths[0] if len(paths) == 1 else self._folder)
        assert self._levels is not None
        return notes_on_levels(np.concatenate(samples), self._levels, where)


def read_image(path: Path, levels: Levels | None = None) -> np.ndarray:
    """(H, W, 3) uint8 of an image file, upright.

    Args:
        path: The file.
        levels: Range of values of more than 8 bits; what the file declares, or its values suggest, if None.

    Raises:
        VideoError: Not an image that is read, damaged, larger than a frame may be, or with values out of `levels`.
    """
    with _open_image(path) as image:
        try:
            if is_deep(image):
                values, declared = deep_values(image, path)
                scaled = to_8_bits(values, levels or declared or usual_range(values, str(path)), str(path))
                return scaled if scaled.ndim == 3 else np.repeat(scaled[:, :, None], 3, axis=2)
            # (Pillow turns a TIFF while it loads it, and drops the tag then.)
            return np.array(ImageOps.exif_transpose(image).convert("RGB"))
        except _PILLOW_ERRORS as error:
            raise _damaged(path, error) from error


def list_images(folder: Path, images: str | None = None) -> tuple[Path, ...]:
    """The frames of a folder in order; see `find_frames`."""
    return find_frames(folder, images).paths


def _frame_names(paths: tuple[Path, ...]) -> tuple[str, ...]:
    """Names without extension; empty where they are those that frames of a video have."""
    names = tuple(path.stem for path in paths)
    return () if all(name == f"{index:05d}" for index, name in enumerate(names)) else names


def _damaged(path: Path, error: Exception) -> VideoError:
    return VideoError(f"{path}: the image is damaged ({error}); replace it or remove it")


def _open_image(path: Path) -> Image.Image:
    if path.suffix.lower() not in IMAGE_FORMATS:
        raise VideoError(f"{path}: not an image; known are {', '.join(IMAGE_FORMATS)}")
    try:
        image = Image.open(path, formats=_FORMATS)
    except _PILLOW_ERRORS as error:
        raise VideoError(f"{path}: not a readable {path.suffix[1:]} image; replace it or remove it") from error
    if image.format == "TIFF":
        # Pillow maps uncompressed files by their name, and with an orientation tag in the wrong shape (13.0).
        image.filename = ""
    try:
        check_size(path, image.width, image.height)
        _check_single(path, image)
    except VideoError:
        image.close()
        raise
    return image


def _check_single(path: Path, image: Image.Image) -> None:
    """Raises VideoError for a stack of pictures, of which only the first would be seen."""
    if image.format not in ("TIFF", "WEBP", "PNG"):
        return
    try:
        count = getattr(image, "n_frames", 1)
        size = image.size
        if count > 1 and image.format == "TIFF":
            # Further pages of another size are previews.
            image.seek(1)
            count = count if image.size == size else 1
            image.seek(0)
    except _PILLOW_ERRORS as error:
        raise _damaged(path, error) from error
    if count > 1:
        raise VideoError(f"{path}: holds {count} pictures; save each as a file of its own, or convert it to a video")


def _common_size(paths: tuple[Path, ...]) -> tuple[tuple[int, int], list[str], list[int]]:
    """(width, height) of all images, the format of each and which are deep grey; from their headers only."""
    expected: tuple[int, int] | None = None
    formats, deep = [], []
    for index, path in enumerate(paths):
        with _open_image(path) as image:
            # A JPEG with a second picture inside, as phones write it.
            formats.append("JPEG" if image.format == "MPO" else str(image.format))
            if is_deep(image):
                deep.append(index)
            size = _displayed_size(path, image)
        expected = expected or size
        if size != expected:
            raise VideoError(
                f"{path}: {size[0]}x{size[1]}, but {paths[0].name} is {expected[0]}x{expected[1]}; "
                f"all images of a folder must have one size"
            )
    assert expected is not None
    return expected, formats, deep


def _displayed_size(path: Path, image: Image.Image) -> tuple[int, int]:
    width, height = image.size
    # Asked for a PNG's tags, Pillow decodes the whole image to look behind it, unless it met some before.
    if image.format == "PNG" and "exif" not in image.info:
        return width, height
    try:
        orientation = image.getexif().get(_EXIF_ORIENTATION, 1)
    except _PILLOW_ERRORS as error:
        raise _damaged(path, error) from error
    if isinstance(image, TiffImageFile):
        # Versions of Pillow differ in whether `size` is that of the stored picture or of the displayed one.
        width, height = int(image.tag_v2[_TIFF_WIDTH]), int(image.tag_v2[_TIFF_HEIGHT])
    return (height, width) if orientation in _TURNED else (width, height)


def _notes_on_formats(paths: tuple[Path, ...], formats: list[str]) -> tuple[str, ...]:
    """A note on files that hold another kind of picture than their extension says."""
    misnamed = [(p, f) for p, f in zip(paths, formats, strict=True) if IMAGE_FORMATS[p.suffix.lower()] != f]
    if not misnamed:
        return ()
    path, found = misnamed[0]
    others = len(misnamed) - 1
    more = f" (and {others} more {'files' if others > 1 else 'file'})" if others else ""
    return (f"{path.name}{more} holds a {found} picture under the name {path.suffix}; read as {found}",)
