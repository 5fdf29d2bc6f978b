"""What a grey picture of objects is: object ids, one object with a soft border, or neither.

A grey value means an object id in an index map, and a share of coverage in a mask from a paint, matting or resizing
tool. Values alone do not tell (1 and 255: an object and its void border, or a soft pixel and a white object), so the
whole picture is looked at: ids fill areas with hard borders; coverage rises from the background to the object.
docs/prompts.md has the table of rules for users.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from vos.errors import PromptError

# DAVIS and YouTube-VOS mark pixels that count for no object with this value.
VOID = 255
# White in 8 bits, and in 10, 12, 14, 15 and 16 bits of a wider picture, at its lower and at its upper end.
_WHITE_8 = frozenset({255})
_WHITE_16 = frozenset({255, 1023, 4095, 16383, 32767, 32768, 65535, 65280, 65472, 65520, 65532})
# No data set numbers its objects higher than this beside a void label; greys above it are paint.
_HIGHEST_USUAL_ID = 32
# Values this close to black or white, as a share of white, are rounding; and, in a picture of many values, noise of a
# lossy file or ringing of a filter.
_ROUNDING = 0.03
_NOISE = 0.15
# Of the pixels between black and white in a soft border, less than this share lies in areas of one value.
_FLAT_IN_BORDER = 0.35
# A step between neighbours of a slow gradient, as a share of white.
_SLOPE = 0.15
_MANY_VALUES = 32
# Grey of a trimap this far from white, over the width of its band, belongs to a part without white. Measured on twelve
# masks of DAVIS with thin parts: overlap .961 without such parts, .981 with them.
_FAR_FROM_WHITE = 0.75
# Noise has more values than this.
_FEW_VALUES = 4

_SQUARE = np.ones((3, 3), np.uint8)
_CROSS = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
_CORE = np.ones((5, 5), np.uint8)
# No band around an object is as wide as this.
_VERY_SOLID = np.ones((9, 9), np.uint8)
_REACH = np.ones((11, 11), np.uint8)
# Of the pixels around one object that are not background, this share must be a mixture; more of it is noise.
_MOSTLY_BETWEEN = 0.6

REMEDY = "save hard 0 and 255, or one small grey value (1, 2, ...) per object"


@dataclass(frozen=True, slots=True)
class Reading:
    """What a picture was taken for.

    Attributes:
        labels: (H, W) uint16 object ids, 0 is background.
        note: What the user should know of how they were found, or "" where the pixels say it all.
    """

    labels: np.ndarray
    note: str = ""


def read_grey(values: np.ndarray, where: str, *, wide: bool = False, ids_allowed: bool = True) -> Reading:
    """Objects of a grey picture.

    Args:
        values: (H, W) integers, 0 up to 255, or up to 65535 in a `wide` picture.
        where: Name of the file, for messages.
        wide: The picture has more than 8 bits; in these 255 is an id and void is unknown.
        ids_allowed: Values may be ids. False for lossy files and for shades of one colour.

    Raises:
        PromptError: It cannot be told what is an object; the message has the remedy.
    """
    grey = np.ascontiguousarray(values, dtype=np.uint16)
    present = [int(v) for v in np.unique(grey)]
    objects = [v for v in present if v]
    if not objects:
        return Reading(grey)
    top = objects[-1]
    white = _WHITE_16 if wide else _WHITE_8
    is_white = top in white or (wide and top > 0.97 * 65535)
    if present[0] and (is_white or top > _HIGHEST_USUAL_ID or not ids_allowed):
        raise PromptError(f"{where}: no pixel is background (value 0, black): {REMEDY}, and 0 where no object is")
    if len(objects) == 1:
        if not is_white and ids_allowed:
            return Reading(grey)
        return Reading(_one_object(grey > 0, where))
    inner = objects[:-1]
    if is_white and ids_allowed and not wide and inner[-1] <= _HIGHEST_USUAL_ID:
        return _with_void(grey, where)
    if is_white or top > _HIGHEST_USUAL_ID or not ids_allowed:
        if ids_allowed and not wide:
            _check_no_soft_void(grey, top, where)
        known = _trimap(grey, top)
        if known is not None:
            note = "a trimap: the border runs through the middle of its grey band"
            return Reading(_one_object(known, where), note)
        if _is_soft(grey, top):
            return Reading(_one_object(2 * grey.astype(np.int32) > top, where), "soft border, cut at half")
    if not ids_allowed:
        raise PromptError(f"{where}: {len(objects)} shades that are not the soft border of one object: {REMEDY}")
    return _index_map(grey, where, void=is_white and not wide)


def covers_border(inside: np.ndarray) -> bool:
    """Whether an (H, W) bool object has all corners and most of the border of the picture: it may be what is not."""
    border = np.concatenate([inside[0], inside[-1], inside[:, 0], inside[:, -1]])
    return all(inside[row, column] for row in (0, -1) for column in (0, -1)) and bool(border.mean() > 0.5)


def _one_object(inside: np.ndarray, where: str) -> np.ndarray:
    """Labels of a mask in black and white, unless the object seems to be what is black."""
    if covers_border(inside):
        raise PromptError(
            f"{where}: white in all corners and most of the border of the picture: is the object black here? Invert "
            "the picture; or, if the object does fill the frame, save it with value 1 instead of 255"
        )
    return inside.astype(np.uint16)


def _with_void(grey: np.ndarray, where: str) -> Reading:
    """Small ids beside 255, which is void."""
    void = grey == VOID
    ids = (grey > 0) & ~void
    if not _flat(grey)[ids].any() and 20 * np.count_nonzero(ids) < np.count_nonzero(void):
        raise PromptError(
            f"{where}: white (255) beside {np.count_nonzero(ids)} scattered pixels of {_listed(grey[ids])}: either the "
            f"object or, as in DAVIS, void: {REMEDY}"
        )
    return Reading(np.where(void, 0, grey).astype(np.uint16), _void_note(void))


def _check_no_soft_void(grey: np.ndarray, top: int, where: str) -> None:
    """Raises PromptError where white surrounds areas of a small id, and a filter has mixed the two."""
    bright = 2 * grey.astype(np.int32) > top
    enclosed = cv2.connectedComponents((~bright).view(np.uint8), connectivity=4)[1]
    enclosed[np.isin(enclosed, np.unique(enclosed[grey == 0]))] = 0
    is_area = cv2.dilate(grey, _CORE) == cv2.erode(grey, _CORE)
    ids = (enclosed > 0) & (grey <= _HIGHEST_USUAL_ID) & is_area
    if np.count_nonzero(ids) > np.count_nonzero(bright) // 5:
        raise PromptError(
            f"{where}: object ids ({_listed(grey[ids])}) were mixed with the void border (255) around them: resize "
            "index pictures with nearest neighbour"
        )


def _void_note(void: np.ndarray) -> str:
    return f"value 255 is void ({np.count_nonzero(void):,} pixels), taken as background"


def read_indices(index: np.ndarray, where: str) -> Reading:
    """Objects of an index map with a palette that says so: 255 is void beside other ids, however large it is.

    Args:
        index: (H, W) uint8.
        where: Name of the file, for messages.

    Raises:
        PromptError: A filter has mixed the ids of several objects.
    """
    labels = index.astype(np.uint16)
    void = index == VOID
    has_ids = bool(((index != 0) & ~void).any())
    top = int(index.max())
    if ((labels > _HIGHEST_USUAL_ID) & (labels < top)).any():
        _check_no_soft_void(labels, top, where)
        # Ids are what such a palette says: only an object that is larger than its border is evidence against it.
        has_core = 2 * np.count_nonzero(labels == top) > np.count_nonzero(labels)
        if has_core and _is_soft(labels, top):
            return Reading((2 * labels.astype(np.int32) > top).astype(np.uint16), "soft border, cut at half")
    mixed = mixed_by_filter(labels)
    if mixed is not None:
        return unmixed(mixed, where)
    if not void.any():
        return Reading(labels)
    if not has_ids:
        # DAVIS-2016: one object.
        return Reading(void.astype(np.uint16))
    return Reading(np.where(void, 0, labels).astype(np.uint16), _void_note(void))


def _index_map(grey: np.ndarray, where: str, *, void: bool) -> Reading:
    """Ids that fill areas, with borders that are hard or were made soft by a filter that knew nothing of ids."""
    flat = _flat(grey)
    solid = {int(v) for v in np.unique(grey[flat])} | {0}
    objects = [int(v) for v in np.unique(grey) if v]
    thin = [v for v in objects if v not in solid]
    if void:
        band = grey == VOID
        if len(objects) > _MANY_VALUES and len(thin) > len(objects) // 4:
            raise PromptError(f"{where}: {len(objects)} greys are neither object ids nor one soft mask: {REMEDY}")
        if cv2.erode(band.view(np.uint8), _VERY_SOLID, borderValue=0).any():
            raise PromptError(
                f"{where}: greys {_listed(np.array(objects[:-1]))} beside areas of white (255): white could be an "
                f"object or, as in DAVIS, void: {REMEDY}"
            )
        if len(thin) > len(solid):
            raise PromptError(f"{where}: {len(objects)} greys are neither object ids nor one soft mask: {REMEDY}")
        return Reading(np.where(band, 0, grey).astype(np.uint16), _void_note(band))
    mixed = mixed_by_filter(grey)
    if mixed is not None:
        return unmixed(mixed, where)
    if len(thin) > _MANY_VALUES or (len(objects) > _MANY_VALUES and len(thin) > len(objects) // 2):
        raise PromptError(f"{where}: {len(objects)} greys are neither object ids nor one soft mask: {REMEDY}")
    return Reading(grey)


def _flat(grey: np.ndarray) -> np.ndarray:
    """(H, W) bool: the 3 x 3 pixels around have one value. Beyond the picture counts as the same."""
    flat: np.ndarray = cv2.dilate(grey, _SQUARE) == cv2.erode(grey, _SQUARE)
    return flat


def _snapped(grey: np.ndarray, top: int) -> np.ndarray:
    """Almost black as black and almost white as white."""
    near = (_NOISE if len(np.unique(grey)) > _MANY_VALUES else _ROUNDING) * top
    out = grey.copy()
    out[out <= near] = 0
    out[out >= top - near] = top
    return out


def _is_soft(grey: np.ndarray, top: int) -> bool:
    """Whether all that is between black and `top` is the border of what has the value `top`."""
    values = np.unique(grey[(grey > 0) & (grey < top)])
    if len(values) <= _FEW_VALUES and not ((values > 0.1 * top) & (values < 0.9 * top)).any():
        return False
    grey = _snapped(grey, top)
    between = (grey > 0) & (grey < top)
    count = np.count_nonzero(between)
    if count == 0 or (len(values) > _FEW_VALUES and count < 0.01 * np.count_nonzero(grey)):
        return True
    highest, lowest = cv2.dilate(grey, _SQUARE), cv2.erode(grey, _SQUARE)
    if np.count_nonzero(between & (highest == lowest)) > _FLAT_IN_BORDER * count and not _is_gradient(grey, top):
        return False
    # A thin line of grey has no brighter neighbour; a border rises towards the object.
    peaks = between & (highest == grey) & (lowest < grey)
    if np.count_nonzero(peaks) > 0.3 * count:
        return False
    components = cv2.connectedComponents((grey > 0).view(np.uint8), connectivity=8)[1]
    with_core = np.isin(components[between], np.unique(components[grey == top]))
    return bool(with_core.mean() > 0.6)


def _is_gradient(grey: np.ndarray, top: int) -> bool:
    """Whether many values change slowly from pixel to pixel, as in a wide blur."""
    wide = grey.astype(np.int32)
    if len(np.unique(grey)) < _MANY_VALUES:
        return False
    steps = np.concatenate([np.abs(np.diff(wide, axis=axis)).ravel() for axis in (0, 1)])
    steps = steps[steps > 0]
    return bool((steps <= _SLOPE * top).mean() > 0.9)


def _trimap(grey: np.ndarray, top: int) -> np.ndarray | None:
    """(H, W) bool of the object when a band of one grey lies all around it: black, unknown, white."""
    grey = _snapped(grey, top)
    between = (grey > 0) & (grey < top)
    values, counts = np.unique(grey[between], return_counts=True)
    if not len(values):
        return None
    unknown = int(values[np.argmax(counts)])
    if not 0.25 * top < unknown < 0.75 * top:
        return None
    # One value; or, where the trimap was smoothed, areas of one value with slopes on both sides.
    similar = counts[np.abs(values.astype(np.int32) - unknown) <= 0.04 * top].sum()
    has_areas = _flat(grey)[grey == unknown].mean() > 0.03
    if similar < (0.3 if has_areas else 0.8) * counts.sum():
        return None
    inside, outside = (grey == top).view(np.uint8), (grey == 0).view(np.uint8)
    rim = cv2.dilate(inside, _CROSS).view(bool) & ~inside.view(bool)
    if not rim.any() or outside[rim].mean() > 0.05:
        return None
    to_inside = cv2.distanceTransform(1 - inside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    to_outside = cv2.distanceTransform(1 - outside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    half_width = np.minimum(to_inside, to_outside)[between].max()
    if half_width > max(8.0, 0.06 * float(np.hypot(*grey.shape))):
        return None
    # Parts of the object that are thinner than the band have no white in them: they run along the middle of the grey.
    width = float(np.median(to_outside[rim]))
    thin = (to_inside > _FAR_FROM_WHITE * width) & (to_outside > width / 2)
    found: np.ndarray = (to_inside < to_outside) | thin
    return found


def mixed_by_filter(labels: np.ndarray) -> Reading | str | None:
    """What an index map is whose ids a filter has mixed at the borders of objects, which gave other ids there.

    Between an object of id 5 and the background, resizing puts thin lines of 4, 3, 2, 1. They are recognised by where
    they are, as each of these ids may be an object elsewhere.

    Args:
        labels: (H, W) uint16 ids.

    Returns:
        None where borders are hard; the one object, cut at half; or, where there are several objects, which ids are
        mixed, in words.
    """
    solid = cv2.dilate(_flat(labels).view(np.uint8), _SQUARE).view(bool)
    highest = cv2.dilate(np.where(solid, labels, 0).astype(np.uint16), _REACH)
    lowest = cv2.erode(np.where(solid, labels, 65535).astype(np.uint16), _REACH)
    between = ~solid & (lowest < labels) & (labels < highest)
    if not between.any():
        return None
    core = cv2.dilate(labels, _CORE) == cv2.erode(labels, _CORE)
    owners = [int(v) for v in np.unique(labels[core]) if v]
    mixed = [v for v in owners if v > 1 and _is_ringed(labels == v, between)]
    if not mixed:
        return None
    if len(owners) == 1 and between[(labels > 0) & (labels != owners[0])].mean() > _MOSTLY_BETWEEN:
        inside = 2 * labels.astype(np.int32) > owners[0]
        return Reading((inside * (1 if owners[0] == VOID else owners[0])).astype(np.uint16), "soft border, cut at half")
    return f"{_listed(labels[between])} around {_listed(np.array(mixed))}"


def unmixed(mixed: Reading | str, where: str) -> Reading:
    """The object that `mixed_by_filter` has found. Raises PromptError where it found several."""
    if isinstance(mixed, str):
        raise PromptError(
            f"{where}: object ids were mixed at the borders of objects ({mixed}): resize index pictures with nearest "
            "neighbour"
        )
    return mixed


def _is_ringed(inside: np.ndarray, between: np.ndarray) -> bool:
    """Whether pixels that are mixed lie along most of the border of an object."""
    own = inside.view(np.uint8)
    rim = cv2.dilate(own, _CROSS).view(bool) & ~inside
    return bool(rim.any() and between[rim].mean() > 0.5)


def _listed(values: np.ndarray) -> str:
    found = [int(v) for v in np.unique(values)]
    return ", ".join(map(str, found[:6])) + (", ..." if len(found) > 6 else "")
