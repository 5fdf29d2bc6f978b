"""A picture with one colour per object -> an index map. docs/prompts.md states the rules for users.

Two families of files come in. *Index maps* (palette or grey PNG, as DAVIS and YouTube-VOS have them) carry the
object ids themselves. *Painted pictures* (RGB or RGBA from a paint program) carry colours, and paint programs
smooth the edges of what they paint, so that a red stroke on black comes with dozens of darker reds. Those must
not become objects: `solid_colours` decides which colours are objects and which are edges.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from vos.errors import PromptError
from vos.files.palette import DAVIS_PALETTE, davis_index_of
from vos.prompts.image_file import opened_image

VOID = 255
# Two objects whose colours differ by less than this in every channel cannot be told apart from noise.
# The closest colours of the DAVIS palette differ by 32.
MIN_COLOUR_DISTANCE = 16
# How far (per channel) a smoothed edge may lie off the straight line between the two colours that it mixes.
_BLEND_TOLERANCE = 8.0
# A smoothed edge is at most this many pixels wide.
_EDGE_REACH = 3
# A colour that never fills 3x3 pixels and has fewer pixels than this could be dirt as well as a stroke.
_MIN_THIN_PIXELS = 16
_MAX_COLOURS = 4096
_MAX_PAINTED_OBJECTS = 255


def read_label_image(path: str | Path, *, painted: bool) -> np.ndarray:
    """Object ids of a PNG file.

    Args:
        path: The PNG file.
        painted: The picture was painted by hand: smoothed edges are looked for in palette images too.

    Returns:
        (H, W) uint16 labels, 0 is background.

    Raises:
        PromptError: not a readable PNG, nothing in it, or colours that cannot be told apart.
    """
    path = Path(path)
    with opened_image(path, ("PNG",)) as image:
        labels = _labels_of(image, painted, str(path))
    if not labels.any():
        raise PromptError(
            f"{path}: nothing is painted (black, index 0 and what is less than half opaque are background)"
        )
    return labels


def _labels_of(image: Image.Image, painted: bool, where: str) -> np.ndarray:
    if image.mode == "P" and (not painted or _is_index_map(image)):
        labels = _void_removed(np.array(image))
        return _without_edges(labels, image, where) if painted else labels
    if image.mode == "1":
        return np.array(image).astype(np.uint16)
    if image.mode in ("I;16", "I"):
        wide = np.array(image)
        if wide.min() < 0 or wide.max() > 65535:
            raise PromptError(f"{where}: grey values outside 0..65535 are not object ids")
        return wide.astype(np.uint16)
    if image.mode == "L":
        grey = np.array(image)
        values = np.unique(grey)
        # 255 next to other greys is either white paint with smoothed edges, or the void label of an index map.
        if values[-1] == VOID and len(values) > 2:
            classes = solid_colours(_grey_as_rgb(grey), grey != 0, where)
            grey = classes[..., 0]
        return _void_removed(grey)
    if image.mode in ("RGB", "RGBA", "LA", "P"):
        rgba = np.array(image.convert("RGBA"))
        rgb = rgba[..., :3]
        drawn = (rgba[..., 3] >= 128) & rgb.any(axis=2)
        if drawn.all():
            raise PromptError(f"{where}: every pixel is painted; leave the background transparent or black")
        return _ids_of_colours(solid_colours(rgb, drawn, where))
    raise PromptError(f"{where}: PNG of mode {image.mode} is not supported; save it as RGBA, RGB, palette or grey")


def _void_removed(index: np.ndarray) -> np.ndarray:
    """{0, 255} is one object (DAVIS-2016); 255 next to other ids is 'do not care' (DAVIS-2017): background."""
    labels = index.astype(np.uint16)
    void = index == VOID
    others = (index != 0) & ~void
    labels[void] = 0 if others.any() else 1
    return labels


def _is_index_map(image: Image.Image) -> bool:
    """Whether entry 0 of the palette is a background: black, or less than half opaque.

    Otherwise a painted picture was saved with a palette in arbitrary order, and its indices mean nothing.
    """
    transparency = image.info.get("transparency")
    if isinstance(transparency, bytes):
        transparent = len(transparency) > 0 and transparency[0] < 128
    else:
        transparent = transparency == 0
    return transparent or not any((image.getpalette() or [0, 0, 0])[:3])


def _has_label_palette(image: Image.Image, ids: np.ndarray) -> bool:
    """Whether the entries in use are those of an index map: of PASCAL VOC and DAVIS, or grey i for index i.

    (The palette that comes with DAVIS is the one up to index 21 and the other from there on.)
    """
    palette = np.zeros((256, 3), dtype=np.uint8)
    entries = np.array(image.getpalette() or [], dtype=np.uint8).reshape(-1, 3)
    palette[: len(entries)] = entries
    used = palette[ids]
    is_known = (used == DAVIS_PALETTE[ids]).all(axis=1) | (used == ids[:, None]).all(axis=1)
    return bool(is_known.all())


def _without_edges(labels: np.ndarray, image: Image.Image, where: str) -> np.ndarray:
    """Gives the edge colours of a painted palette image to the index whose colour they are closest to."""
    ids = np.unique(labels[labels != 0])
    if len(ids) < 2 or _has_label_palette(image, ids):
        return labels
    rgb = np.array(image.convert("RGB"))
    cleaned = solid_colours(rgb, labels != 0, where)
    packed, result = _packed(cleaned), np.zeros_like(labels)
    for object_id in ids:
        of_object = labels == object_id
        colour = _packed(rgb[of_object][:1])[0]
        # The object keeps its own pixels, and takes the edge pixels that were turned into its colour.
        result[(packed == colour) & (of_object | (result == 0))] = object_id
    return result


def solid_colours(rgb: np.ndarray, drawn: np.ndarray, where: str) -> np.ndarray:
    """Replaces smoothed edges of painted strokes by the colour of the stroke or by background (black).

    A colour is an object when it fills a 3x3 square somewhere. A colour that does not is an edge when it lies
    between an object and black, or among two objects and black, and all its pixels are beside these objects;
    otherwise it is a thin stroke, an object too.

    Args:
        rgb: (H, W, 3) uint8.
        drawn: (H, W) bool; all else is background.
        where: Name of the file, for messages.

    Returns:
        (H, W, 3) uint8; 0 where the background is.

    Raises:
        PromptError: too many colours, two that are too close to each other or to black, or specks.
    """
    result = np.zeros_like(rgb)
    rows, columns = np.flatnonzero(drawn.any(axis=1)), np.flatnonzero(drawn.any(axis=0))
    if rows.size == 0:
        return result
    # Strokes cover little of a large picture. One pixel of margin, so that the border of the picture stays one.
    window = np.s_[max(0, rows[0] - 1) : rows[-1] + 2, max(0, columns[0] - 1) : columns[-1] + 2]
    palette = _Colours(rgb[window], drawn[window], where)
    objects, edges = palette.sort_out()

    final = np.zeros((len(palette.values), 3), dtype=np.uint8)
    final[objects] = palette.values[objects].astype(np.uint8)
    candidates = np.concatenate([palette.values[objects], np.zeros((1, 3))])
    for i in edges:
        nearest = int(np.argmin(((candidates - palette.values[i]) ** 2).sum(axis=1)))
        final[i] = candidates[nearest].astype(np.uint8)
    result[window] = final[palette.index]
    return result


class _Colours:
    """The distinct colours of a picture; number 0 is the background.

    Attributes:
        values: (N, 3) float64 RGB of each colour.
        index: (H, W) uint16 number of the colour of each pixel.
        has_core: (N,) bool: fills a 3x3 square somewhere. Beyond the picture counts as the same colour.
        pixels: For each colour, the flat positions of its pixels.
    """

    def __init__(self, rgb: np.ndarray, drawn: np.ndarray, where: str) -> None:
        self.where = where
        self.drawn = drawn
        colours, inverse = np.unique(_packed(rgb[drawn]), return_inverse=True)
        if len(colours) > _MAX_COLOURS:
            raise PromptError(
                f"{where}: {len(colours)} colours look like a photograph or a lossy picture: paint with a hard brush "
                "on a transparent or black layer, one colour per object, and save as PNG"
            )
        colours = np.concatenate([[0], colours])
        self.values = np.stack([colours >> 16, (colours >> 8) & 255, colours & 255], axis=1).astype(np.float64)
        self.index = np.zeros(drawn.shape, dtype=np.uint16)
        self.index[drawn] = inverse + 1
        square = np.ones((3, 3), dtype=np.uint8)
        core = cv2.dilate(self.index, square) == cv2.erode(self.index, square)
        self.has_core = np.zeros(len(colours), dtype=bool)
        self.has_core[np.unique(self.index[core])] = True
        flat = self.index.ravel()
        order = np.argsort(flat, kind="stable")
        self.pixels = np.split(order, np.cumsum(np.bincount(flat, minlength=len(colours)))[:-1])
        self._beside: dict[int, np.ndarray] = {}
        self._component: np.ndarray | None = None

    def sort_out(self) -> tuple[list[int], list[int]]:
        """Numbers of the colours that are objects, and of those that are edges."""
        objects: list[int] = []
        edges: list[int] = []
        solid = np.flatnonzero(self.has_core)
        for i in (int(i) for i in solid if i):
            self._accept(i, objects)
        # Brightest first: the edge of a thin stroke is darker than the stroke.
        thin = (int(i) for i in np.flatnonzero(~self.has_core) if i)
        for i in sorted(thin, key=lambda i: (-self.values[i].sum(), -len(self.pixels[i]), i)):
            if self._is_edge(i, objects):
                edges.append(i)
            else:
                self._accept(i, objects)
        if len(objects) > 1:
            for i in objects:
                if not self.has_core[i] and len(self.pixels[i]) < _MIN_THIN_PIXELS:
                    raise self._error(f"the few pixels of {self._name(i)} may be dirt or a smoothed edge")
        return objects, edges

    def _accept(self, i: int, objects: list[int]) -> None:
        """Adds an object, unless its colour is too close to that of another or to black."""
        if self.values[i].max() < MIN_COLOUR_DISTANCE:
            raise self._error(f"{self._name(i)} cannot be told from a black background")
        for j in objects:
            if np.abs(self.values[i] - self.values[j]).max() < MIN_COLOUR_DISTANCE:
                raise self._error(f"{self._name(j)} and {self._name(i)} are too close to be two objects")
        if len(objects) == _MAX_PAINTED_OBJECTS:
            raise self._error(f"more than {_MAX_PAINTED_OBJECTS} colours")
        objects.append(i)

    def _is_edge(self, i: int, objects: list[int]) -> bool:
        """Whether colour `i` mixes an object with black, or two objects and black, right beside all of them."""
        near = [a for a in objects if self._near(a).ravel()[self.pixels[i]].all()]
        return any(_is_mixture(self.values[i], self.values[[a, b]]) for a in near for b in near)

    def _near(self, a: int) -> np.ndarray:
        """(H, W) bool: where the edges of object `a` can be."""
        near = self._beside.get(a)
        if near is None:
            if self.has_core[a]:
                reach = np.ones((2 * _EDGE_REACH + 1,) * 2, dtype=np.uint8)
                near = cv2.dilate((self.index == a).view(np.uint8), reach).view(bool)
            else:
                # A smoothed line of one or two pixels may reach its full colour in a few places only.
                near = np.isin(self._components(), np.unique(self._components().ravel()[self.pixels[a]]))
            self._beside[a] = near
        return near

    def _components(self) -> np.ndarray:
        if self._component is None:
            self._component = cv2.connectedComponents(self.drawn.view(np.uint8), connectivity=8)[1]
        return self._component

    def _error(self, problem: str) -> PromptError:
        return PromptError(
            f"{self.where}: {problem}: paint with a hard brush (no smoothing), one clearly different colour per "
            "object, and save as PNG"
        )

    def _name(self, i: int) -> str:
        return "#{:02x}{:02x}{:02x}".format(*(int(c) for c in self.values[i]))


def _is_mixture(colour: np.ndarray, ends: np.ndarray) -> bool:
    """Whether an RGB colour is a mixture of two (2, 3) colours and black, within the tolerance.

    That is what alpha blending makes of a smoothed stroke over another one. The two may be the same colour.
    """
    shares = np.linalg.lstsq(ends.T, colour, rcond=None)[0].clip(0.0, 1.0)
    shares /= max(1.0, shares.sum())
    return bool(np.abs(shares @ ends - colour).max() <= _BLEND_TOLERANCE)


def _ids_of_colours(rgb: np.ndarray) -> np.ndarray:
    """DAVIS colours keep their index; the others take the lowest free ids, highest (r, g, b) first."""
    packed = _packed(rgb)
    colours = [int(c) for c in np.unique(packed) if c]
    known = {c: davis_index_of((c >> 16, (c >> 8) & 255, c & 255)) for c in colours}
    ids = {c: index for c, index in known.items() if index is not None}
    free = iter(i for i in range(1, len(colours) + 256) if i not in set(ids.values()))
    for colour in sorted((c for c in colours if known[c] is None), reverse=True):
        ids[colour] = next(free)
    labels = np.zeros(packed.shape, dtype=np.uint16)
    for colour, object_id in ids.items():
        labels[packed == colour] = object_id
    return labels


def _packed(rgb: np.ndarray) -> np.ndarray:
    wide = rgb.astype(np.int32)
    packed: np.ndarray = (wide[..., 0] << 16) | (wide[..., 1] << 8) | wide[..., 2]
    return packed


def _grey_as_rgb(grey: np.ndarray) -> np.ndarray:
    return np.repeat(grey[..., None], 3, axis=2)
