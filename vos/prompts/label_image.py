"""A picture with one colour per object -> an index map. docs/prompts.md states the rules for users.

Three families of files come in. *Index maps* (palette or grey PNG, as DAVIS and YouTube-VOS have them) carry the
object ids themselves. *Masks* show one object in white or in one colour, with a border that may be soft
(`grey_mask`). *Painted pictures* carry one colour per object (`painted_colours`). This module tells them apart.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from vos.errors import PromptError
from vos.files.index_png import IDS_KEY, IDS_TEXT
from vos.files.palette import DAVIS_PALETTE
from vos.prompts.grey_mask import REMEDY, VOID, Reading, covers_border, read_grey, read_indices
from vos.prompts.image_file import opened_image
from vos.prompts.painted_colours import ids_of_colours, packed_rgb, solid_colours, without_soft_borders
from vos.prompts.painted_over import is_copy_of, strokes_over

# Formats of masks. Strokes come from paint programs, which all write PNG.
_MASK_FORMATS = ("PNG", "TIFF", "BMP", "WEBP", "JPEG")
_VOID_COLOUR = tuple(int(c) for c in DAVIS_PALETTE[VOID])
# Channels that differ by less than this are a grey that went through a lossy file.
_GREY_TOLERANCE = 8
# Shades of one colour: how far a pixel may lie off the line from black to the purest one, per channel.
_SHADE_TOLERANCE = 10.0
# A picture with more colours than this is no painting in flat colours.
_PHOTOGRAPH_COLOURS = 256


def read_label_image(path: str | Path, *, painted: bool) -> np.ndarray:
    """Object ids of a picture file; `read_labels` also tells what it was taken for.

    Returns:
        (H, W) uint16 labels, 0 is background.
    """
    return read_labels(path, painted=painted).labels


def read_labels(path: str | Path, *, painted: bool, over: Callable[[], np.ndarray] | None = None) -> Reading:
    """Object ids of a picture file, and how they were found.

    Args:
        path: A PNG; masks may also be TIFF, BMP, WebP or JPEG.
        painted: The picture was painted by hand: smoothed edges are looked for in palette images too.
        over: Gives the frame, (H, W, 3) uint8, that the picture may be a painted copy of; asked when it may be.

    Raises:
        PromptError: not a readable picture, nothing in it, or objects that cannot be told apart.
    """
    path = Path(path)
    with opened_image(path, ("PNG",) if painted and over is None else _MASK_FORMATS) as image:
        reading = None if over is None else _painted_over(image, over, str(path))
        if reading is None and painted and image.format != "PNG":
            raise PromptError(
                f"{path}: a {image.format} image; expected PNG, or a painted copy of exactly the frame it is for"
            )
        if reading is None:
            reading = _reading_of(image, painted, str(path))
    if not reading.labels.any():
        raise PromptError(
            f"{path}: nothing is painted (black, index 0 and what is less than half opaque are background)"
        )
    return reading


class PictureNote(str):
    """One line on what a picture was taken for.

    Attributes:
        is_unusual: Whether it says more than which objects there are.
    """

    is_unusual: bool = False


def picture_note(path: str | Path, reading: Reading) -> PictureNote:
    """`m.png: 1 object, 1,310 pixels, soft border, cut at half`."""
    note = PictureNote(f"{path}: {_described(reading)}")
    note.is_unusual = bool(reading.note)
    return note


def _described(reading: Reading) -> str:
    ids, counts = np.unique(reading.labels[reading.labels > 0], return_counts=True)
    if len(ids) == 1:
        name = "" if ids[0] == 1 else f" (id {ids[0]})"
        objects = f"1 object{name}, {counts[0]:,} pixels"
    else:
        shown = ", ".join(f"{i}: {n:,}" for i, n in zip(ids[:8].tolist(), counts[:8].tolist(), strict=True))
        objects = f"{len(ids)} objects, pixels by id {shown}{', ...' if len(ids) > 8 else ''}"
    return f"{objects}, {reading.note}" if reading.note else objects


def _reading_of(image: Image.Image, painted: bool, where: str) -> Reading:
    if image.mode == "P" and _is_index_map(image, painted):
        return _of_index_map(image, painted, where)
    if image.mode == "1":
        grey = np.array(image).astype(np.uint16) * 255
        return read_grey(grey, where, ids_allowed=image.format != "JPEG")
    if image.mode.startswith("I") and image.info.get(IDS_KEY) == IDS_TEXT:
        return Reading(np.array(image).astype(np.uint16))
    if image.mode.startswith("I") or image.mode == "F":
        return _of_wide_grey(np.array(image), where)
    if image.mode == "L" and "transparency" not in image.info:
        return read_grey(np.array(image), where, ids_allowed=not _is_lossy(image))
    if image.mode in ("L", "LA", "La", "P", "PA", "RGB", "RGBA"):
        return _of_colours(np.array(image.convert("RGBA")), painted, _is_lossy(image), where)
    raise PromptError(
        f"{where}: a picture of mode {image.mode} is not supported; save it as RGBA, RGB, palette or grey"
    )


def _painted_over(image: Image.Image, over: Callable[[], np.ndarray], where: str) -> Reading | None:
    """What was painted over a copy of the frame, or None where the picture is no such copy."""
    if image.mode not in ("RGB", "RGBA") or (image.mode == "RGBA" and np.array(image.getchannel("A")).min() < 255):
        return None
    rgb = np.array(image.convert("RGB"))
    frame = over()
    lossy = _is_lossy(image)
    if not is_copy_of(rgb, frame, lossy=lossy):
        return None
    return Reading(strokes_over(rgb, frame, where, lossy=lossy), "painted over a copy of the frame")


def _is_lossy(image: Image.Image) -> bool:
    return image.format in ("JPEG", "WEBP")


def _of_wide_grey(values: np.ndarray, where: str) -> Reading:
    """Grey of more than 8 bits: whole numbers 0..65535, or real numbers 0..1."""
    if values.dtype.kind == "f":
        if not np.isfinite(values).all() or values.min() < 0:
            raise PromptError(f"{where}: real numbers must lie in 0..1 to be a mask: {REMEDY}")
        if values.max() <= 1:
            return read_grey(np.round(values * 65535), where, wide=True, ids_allowed=False)
        if (values != np.round(values)).any():
            raise PromptError(f"{where}: real numbers must lie in 0..1 to be a mask: {REMEDY}")
    if values.min() < 0 or values.max() > 65535:
        raise PromptError(f"{where}: grey values outside 0..65535 are not object ids")
    # A wide picture that holds no more than 8 bits is read like one of 8 bits.
    return read_grey(values, where, wide=bool(values.max() > VOID))


# Palette pictures ---------------------------------------------------------------------------------------------------


def _is_index_map(image: Image.Image, painted: bool) -> bool:
    """Whether the indices are ids. Otherwise a picture was reduced to a palette, and its indices mean nothing.

    Entry 0 is the background of an index map: black, or less than half opaque. Where it is neither, a painted picture
    has its background in another entry; an index map with a palette of its own has none at all.
    """
    opaque = np.full(256, True)
    transparency = image.info.get("transparency")
    if isinstance(transparency, bytes):
        opaque[: len(transparency)] = np.frombuffer(transparency, np.uint8)[:256] >= 128
    elif isinstance(transparency, int):
        opaque[transparency] = False
    palette = _palette_of(image)
    is_background = ~opaque | ~palette.any(axis=1)
    if is_background[0]:
        return True
    used = np.unique(np.array(image))
    return not (painted or is_background[used].any())


def _palette_of(image: Image.Image) -> np.ndarray:
    palette = np.zeros((256, 3), dtype=np.uint8)
    entries = np.array(image.getpalette() or [], dtype=np.uint8).reshape(-1, 3)
    palette[: len(entries)] = entries
    return palette


def _of_index_map(image: Image.Image, painted: bool, where: str) -> Reading:
    index = np.array(image)
    used = np.unique(index[index > 0])
    colours = _palette_of(image)[used]
    if (colours == used[:, None]).all():
        return read_grey(index, where)
    if _has_label_palette(image, used):
        return read_indices(index, where)
    soft = _one_soft_object(np.array(image.convert("RGBA")), where) if len(used) > 1 else None
    if soft is not None:
        return soft
    if painted:
        return Reading(_without_edges(index.astype(np.uint16), image, where))
    if _palette_of(image)[0].any() and len(used) == 1 and covers_border(index > 0):
        raise PromptError(
            f"{where}: palette entry {used[0]} is in all corners and most of the border of the picture: is entry 0 the "
            "object here? Save the picture with a black background"
        )
    return read_indices(index, where)


def _has_label_palette(image: Image.Image, ids: np.ndarray) -> bool:
    """Whether the entries in use are those of an index map: of PASCAL VOC and DAVIS, or grey i for index i.

    (The palette that comes with DAVIS is the one up to index 21 and the other from there on.)
    """
    used = _palette_of(image)[ids]
    is_known = (used == DAVIS_PALETTE[ids]).all(axis=1) | (used == ids[:, None]).all(axis=1)
    return bool(is_known.all())


def _without_edges(labels: np.ndarray, image: Image.Image, where: str) -> np.ndarray:
    """Gives the edge colours of a painted palette image to the index whose colour they are closest to."""
    ids = np.unique(labels[labels != 0])
    if len(ids) < 2:
        return labels
    rgb = np.array(image.convert("RGB"))
    cleaned = solid_colours(rgb, labels != 0, where)
    packed, result = packed_rgb(cleaned), np.zeros_like(labels)
    for object_id in ids:
        of_object = labels == object_id
        colour = packed_rgb(rgb[of_object][:1])[0]
        # The object keeps its own pixels, and takes the edge pixels that were turned into its colour.
        result[(packed == colour) & (of_object | (result == 0))] = object_id
    return result


# Colours ------------------------------------------------------------------------------------------------------------


def _of_colours(rgba: np.ndarray, painted: bool, is_lossy: bool, where: str) -> Reading:
    rgb, alpha = rgba[..., :3], rgba[..., 3]
    visible = alpha >= 128
    if not visible.any():
        if alpha.any() or rgb.any():
            raise PromptError(f"{where}: every pixel is transparent; save the picture without alpha, or paint on it")
        return Reading(np.zeros(visible.shape, np.uint16))
    # A fully opaque picture says nothing by its alpha.
    cut_out = not visible.all()
    if cut_out and not rgb[visible].any():
        return read_grey(alpha, where, ids_allowed=False)
    grey = _grey_of(rgb, alpha)
    if grey is not None and not painted:
        return read_grey(grey, where, ids_allowed=not is_lossy and bool((alpha[visible] == 255).all()))
    soft = _one_soft_object(rgba, where)
    if soft is not None:
        return soft
    drawn = visible & rgb.any(axis=2)
    try:
        if drawn.all():
            raise PromptError(f"{where}: every pixel is painted; leave the background transparent or black")
        if is_lossy:
            raise PromptError(f"{where}: colours in a lossy picture cannot be told apart: paint with a hard brush, PNG")
        return _of_flat_colours(rgb, drawn, painted, where)
    except PromptError:
        # A cut-out: the object as it looks, on nothing.
        if painted or not cut_out or len(np.unique(packed_rgb(rgb[visible]))) < _PHOTOGRAPH_COLOURS:
            raise
        reading = read_grey(alpha, where, ids_allowed=False)
        return Reading(reading.labels, "a cut-out: what is opaque is the object")


def _of_flat_colours(rgb: np.ndarray, drawn: np.ndarray, painted: bool, where: str) -> Reading:
    note = ""
    if not painted:
        flat = without_soft_borders(rgb, drawn)
        if flat is not None:
            rgb, note = flat, "soft borders, cut at half"
            drawn = np.asarray(flat.any(axis=2))
    labels = ids_of_colours(solid_colours(rgb, drawn, where))
    ids = set(np.unique(labels).tolist()) - {0}
    void = labels == VOID
    if VOID in ids and len(ids) > 1 and (rgb[void] == _VOID_COLOUR).all(axis=1).any():
        labels[void] = 0
        return Reading(labels, f"colour #e0e0c0 is void ({np.count_nonzero(void):,} pixels), taken as background")
    return Reading(labels, note)


def _grey_of(rgb: np.ndarray, alpha: np.ndarray) -> np.ndarray | None:
    """(H, W) uint8 of a picture without colour, fainter where it is less opaque; None where there is colour."""
    seen = rgb[alpha > 0]
    spread = int((seen.max(axis=1) - seen.min(axis=1)).max())
    if spread > (_GREY_TOLERANCE if seen.max() >= 128 else 0):
        return None
    covered = rgb[..., 1].astype(np.uint32) * alpha
    grey: np.ndarray = ((covered + 127) // 255).astype(np.uint8)
    return grey


def _one_soft_object(rgba: np.ndarray, where: str) -> Reading | None:
    """One object in shades of one colour on black, or None: then the colours have to be told apart."""
    rgb, alpha = rgba[..., :3].astype(np.float64), rgba[..., 3].astype(np.float64) / 255
    shade = rgb.max(axis=2) * alpha
    top = shade.max()
    if top < 64:
        return None
    brightest = shade >= top - 1
    pure = rgb[brightest].mean(axis=0)
    pure = pure / pure.max()
    visible = alpha > 0
    off = np.abs(rgb - rgb.max(axis=2, keepdims=True) * pure)[visible]
    if off.max() > _SHADE_TOLERANCE:
        return None
    coverage = np.round(shade * (255 / top)).astype(np.uint8)
    if len(np.unique(coverage)) < 3:
        return None
    try:
        reading = read_grey(coverage, where, ids_allowed=False)
    except PromptError:
        return None
    colours, counts = np.unique(packed_rgb(rgba[..., :3][brightest]), return_counts=True)
    colour = int(colours[counts.argmax()])
    flat = np.array([[[colour >> 16, (colour >> 8) & 255, colour & 255]]], np.uint8)
    object_id = int(ids_of_colours(flat)[0, 0])
    return Reading((reading.labels * object_id).astype(np.uint16), reading.note)
