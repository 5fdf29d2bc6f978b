"""Painted pictures: which colours are objects, and which are only their smoothed edges.

Paint programs smooth the edges of what they paint, so that a red stroke on black comes with dozens of darker reds.
`solid_colours` decides which colours are objects; `ids_of_colours` numbers them.
"""

from __future__ import annotations

import cv2
import numpy as np

from vos.errors import PromptError
from vos.files.palette import davis_index_of

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
        colours, inverse = np.unique(packed_rgb(rgb[drawn]), return_inverse=True)
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


def ids_of_colours(rgb: np.ndarray) -> np.ndarray:
    """DAVIS colours keep their index; the others take the lowest free ids, highest (r, g, b) first."""
    packed = packed_rgb(rgb)
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


def packed_rgb(rgb: np.ndarray) -> np.ndarray:
    """(...) int32 of (..., 3) uint8: one number per colour."""
    wide = rgb.astype(np.int32)
    packed: np.ndarray = (wide[..., 0] << 16) | (wide[..., 1] << 8) | wide[..., 2]
    return packed


# Soft borders of whole objects, which a filter has made of flat colours: how far they reach, how exactly their colours
# are mixtures, and which share of an object's rim they cover. A thin object beside another one covers little of it.
_SOFT_REACH = 20
_SOFT_TOLERANCE = 12.0
_SOFT_COVERAGE = 0.5
_MAX_SOFT_OBJECTS = 16


def without_soft_borders(rgb: np.ndarray, drawn: np.ndarray) -> np.ndarray | None:
    """Flat colours out of a picture of whole objects whose borders were blurred, smoothed or resized.

    Args:
        rgb: (H, W, 3) uint8.
        drawn: (H, W) bool; all else is background.

    Returns:
        (H, W, 3) uint8, 0 where the background is; or None where the borders are hard, or it is something else.
    """
    colours, index = np.unique(np.where(drawn, packed_rgb(rgb), 0), return_inverse=True)
    index = index.reshape(drawn.shape).astype(np.uint16)
    square = np.ones((5, 5), np.uint8)
    core = (cv2.dilate(index, square) == cv2.erode(index, square)) & drawn
    numbers, areas = np.unique(index[core], return_counts=True)
    values = np.stack([colours >> 16, (colours >> 8) & 255, colours & 255], axis=1).astype(np.float64)
    main: list[int] = []
    for i in numbers[np.argsort(-areas, kind="stable")]:
        # Almost the colour of a larger area: the beginning of its slope.
        if all(np.abs(values[i] - values[j]).max() >= MIN_COLOUR_DISTANCE for j in main):
            main.append(int(i))
    if not 0 < len(main) <= _MAX_SOFT_OBJECTS or len(colours) > _MAX_COLOURS:
        return None
    owned = np.isin(index, main)
    soft = drawn & ~owned
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    rim = cv2.dilate(owned.view(np.uint8), cross).view(bool) & ~owned
    if not soft.any() or not rim.any() or soft[rim].mean() < _SOFT_COVERAGE:
        return None
    reach = np.ones((2 * _SOFT_REACH + 1,) * 2, np.uint8)
    near = np.stack([cv2.dilate((index == i).view(np.uint8), reach).view(bool)[soft] for i in main])
    mixed = _are_mixtures(values, values[main])[index[soft]]
    if (near.any(axis=0) & mixed).mean() < 0.95:
        return None
    candidates = np.concatenate([values[main], np.zeros((1, 3))])
    off = ((rgb[soft].astype(np.float64)[None] - candidates[:, None]) ** 2).sum(axis=2)
    off[:-1][~near] = np.inf
    result = np.where(owned[..., None], rgb, 0).astype(np.uint8)
    result[soft] = candidates[off.argmin(axis=0)].astype(np.uint8)
    return result


def _are_mixtures(values: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """(N,) bool: which of (N, 3) colours mix at most two of the (M, 3) colours, and black."""
    found = np.zeros(len(values), bool)
    for i in range(len(ends)):
        for j in range(i, len(ends)):
            pair = ends[[i, j]] if i != j else ends[[i]]
            shares = np.linalg.lstsq(pair.T, values.T, rcond=None)[0].clip(0.0, 1.0)
            shares /= np.maximum(1.0, shares.sum(axis=0))
            found |= np.abs(shares.T @ pair - values).max(axis=1) <= _SOFT_TOLERANCE
    return found
