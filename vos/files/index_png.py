"""One index PNG per frame, as in DAVIS: the pixel is the object id, the palette makes it visible.

Ids up to 254 make a palette PNG; 255 is "void" in DAVIS, so from 255 on the ids go into a 16-bit grey PNG, which
has no palette. A run changes to 16 bits for good at the frame where such an id appears.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from vos.errors import OutputError
from vos.files.atomic import replacing
from vos.files.palette import DAVIS_PALETTE, davis_index_of

# zlib's run-length strategy (Z_RLE): masks are runs. Measured on DAVIS masks at 480 lines: 1.0 ms and 4.1 KiB per
# frame; the default strategy takes 3.8 ms and 3.7 KiB at level 6, OpenCV 5.0 ms.
_STRATEGY_RLE = 3
_LEVEL = 1

# What a 16-bit PNG of ours says of itself: 255 or 65535 alone would be taken for the white of a mask otherwise.
IDS_KEY, IDS_TEXT = "Comment", "grey values are object ids"

# What Pillow raises for files that are no PNG, or too large a one.
_UNREADABLE = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)

MAX_PALETTE_ID = 254
MAX_ID = 65535


def png_name(index: int, names: Sequence[str] = ()) -> str:
    """File name of a frame's mask: five digits, as in DAVIS; more when the index needs them.

    Args:
        index: Number of the frame, from 0.
        names: `VideoInfo.frame_names`: where there are any, the mask is named like its frame.
    """
    return f"{names[index]}.png" if names else f"{index:05d}.png"


def frame_pngs(folder: Path, names: Sequence[str] = ()) -> dict[int, Path]:
    """Frame index -> file of the PNG in a folder that `png_name` names, in frame order; others are passed over.

    Args:
        folder: The folder.
        names: `VideoInfo.frame_names` of an image folder.
    """
    if names:
        return {index: folder / f"{name}.png" for index, name in enumerate(names) if (folder / f"{name}.png").is_file()}
    return {int(p.stem): p for p in sorted(folder.glob("*.png")) if p.stem.isdecimal()}


def save_png(path: Path, image: Image.Image, *, holds_ids: bool = False) -> None:
    """Writes a PNG of few colours under a temporary name and renames it. Same pixels, same bytes.

    Args:
        path: The file.
        image: Its pixels.
        holds_ids: Says in the file that grey values are object ids; readers need not tell by the values then.
    """
    text = None
    if holds_ids:
        text = PngInfo()
        text.add_text(IDS_KEY, IDS_TEXT)
    with replacing(path) as temporary:
        image.save(temporary, format="PNG", compress_level=_LEVEL, compress_type=_STRATEGY_RLE, pnginfo=text)


def write_palette_png(path: Path, labels: np.ndarray, *, wide: bool = False) -> None:
    """Writes (H, W) integer labels 0..65535 under a temporary name and renames it. Same labels, same bytes.

    Args:
        path: The PNG file.
        labels: (H, W) object ids.
        wide: Whether to use 16 bits although no id of this frame needs them.

    Raises:
        OutputError: An id does not fit, or the file cannot be written.
    """
    highest = int(labels.max(initial=0))
    if highest > MAX_ID or int(labels.min(initial=0)) < 0:
        raise OutputError(f"{path}: object ids must be in 0..{MAX_ID}")
    if wide or highest > MAX_PALETTE_ID:
        save_png(path, Image.fromarray(labels.astype(np.uint16)), holds_ids=True)
    else:
        image = Image.fromarray(labels.astype(np.uint8)).convert("P")
        image.putpalette(DAVIS_PALETTE.tobytes())
        save_png(path, image)


def read_palette_png(path: Path) -> np.ndarray:
    """(H, W) uint8 labels of a palette or 8-bit grey PNG, uint16 of a 16-bit grey PNG.

    Raises:
        OutputError: The file is missing or not such a PNG.
    """
    try:
        with Image.open(path) as image:
            if image.mode not in ("P", "L", "I;16"):
                raise OutputError(f"{path}: an index PNG has mode P, L or I;16, this one has mode {image.mode}")
            return np.array(image)
    except _UNREADABLE as error:
        raise OutputError(f"{path}: not a readable PNG ({error})") from error


def read_labels_or_colours(path: Path) -> np.ndarray:
    """As `read_palette_png`, and (H, W) uint8 ids of an RGB or RGBA PNG in colours of the DAVIS palette.

    Less than half opaque is background, and so is the void colour (index 255).

    Raises:
        OutputError: Missing, not such a PNG, or with a colour that the palette does not have.
    """
    try:
        with Image.open(path) as image:
            if image.mode not in ("RGB", "RGBA"):
                return read_palette_png(path)
            rgba = np.array(image.convert("RGBA"))
    except _UNREADABLE as error:
        raise OutputError(f"{path}: not a readable PNG ({error})") from error
    rgba[rgba[..., 3] < 128] = 0
    colours, inverse = np.unique(rgba[..., :3].reshape(-1, 3), axis=0, return_inverse=True)
    ids = [davis_index_of((int(r), int(g), int(b))) for r, g, b in colours]
    if None in ids:
        r, g, b = colours[ids.index(None)]
        raise OutputError(
            f"{path}: colour #{r:02x}{g:02x}{b:02x} is none of the DAVIS palette, so it names no object; write index "
            "PNGs, or colours of that palette without smoothed edges"
        )
    table = np.array([0 if index == MAX_PALETTE_ID + 1 else index for index in ids], np.uint8)
    return table[inverse].reshape(rgba.shape[:2])


def make_folder(folder: Path) -> None:
    """Makes a folder and its parents. Raises OutputError when that is not possible."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be created ({error.strerror})") from error
