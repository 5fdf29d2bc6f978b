"""Short clips with exact masks, made from still images.

A clip is a stack of layers that move on their own: the background picture with the instances in it, and objects cut
out of other pictures in front of it. Layers move along smooth paths (translation, rotation, scale, shear) and bend
(low-frequency displacement); frames get their own light, blur, motion blur and noise. Any instance, in the
background or pasted, can be the target; the others are occluders and distractors, some of them copies of the target.
Targets may be out of view in some frames, and come back. `variations` adds more, where asked for.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np

from pipelines.training.moving_windows import CANVAS, through_window
from pipelines.training.stills import IGNORED_ID, Still
from pipelines.training.thin_parts import add_thin_parts
from pipelines.training.variations import ThinPlate, Variations, occluder_mask, passing_path, stalks_mask, zoom_frames

cv2.setNumThreads(0)

_MIN_PIXELS = 40


@dataclass(frozen=True, slots=True)
class Clip:
    """T frames with O target objects. Objects that could not be found in the stills have `weight` 0."""

    frames: np.ndarray  # (T, S, S, 3) uint8 RGB
    masks: np.ndarray  # (T, O, S, S) bool
    weight: np.ndarray  # (O,) float32


@dataclass(slots=True)
class _Motion:
    """Pose of a layer and how it changes from frame to frame."""

    center: np.ndarray
    velocity: np.ndarray
    angle: float
    spin: float
    scale: float
    growth: float
    shear: float
    bend: float
    jitter: float
    phase: np.ndarray = field(default_factory=lambda: np.zeros((2, 4, 4), np.float32))
    plate: ThinPlate | None = None

    def advance(self, rng: np.random.Generator, size: int) -> None:
        self.center = self.center + self.velocity + rng.normal(size=2) * self.jitter * size
        self.velocity = self.velocity * rng.uniform(0.7, 1.2)
        self.angle += self.spin + rng.normal() * 2
        self.scale *= float(np.exp(self.growth + rng.normal() * 0.02))
        self.shear += rng.normal() * 0.02
        self.phase = self.phase + rng.normal(size=self.phase.shape).astype(np.float32) * self.bend * 0.7
        if self.plate is not None:
            self.plate.advance()


@dataclass(slots=True)
class _Layer:
    """A picture, its label map and its motion. Label 0 is transparent unless the layer is the background."""

    image: np.ndarray
    labels: np.ndarray
    motion: _Motion
    hidden_frames: frozenset[int] = frozenset()
    is_occluder: bool = False


class ClipSynthesizer:
    """Draws clips from stills: clip number n depends on the stills, the seed and n alone."""

    def __init__(
        self,
        stills: list[Still],
        *,
        seed: int,
        size: int = 224,
        frames: int = 4,
        objects: int = 2,
        variations: Variations | None = None,
    ) -> None:
        self.stills = stills
        self.variations = variations or Variations()
        self.seed = seed
        self.size = size
        self.view = size
        self.frames = frames
        self.objects = objects
        self.rng = np.random.default_rng(seed)
        self.more = np.random.default_rng(seed)
        weights = np.array([still.weight for still in stills])
        self._probabilities = weights / weights.sum()

    def draw(self, number: int) -> Clip:
        """Clip `number`, with at least one target visible in its first frame."""
        self.rng = np.random.default_rng([self.seed, number])
        self.more = np.random.default_rng([self.seed, number, 2])
        windows = np.random.default_rng([self.seed, number, 4])
        while True:
            has_window = windows.random() < self.variations.windows
            self.size = round(CANVAS * self.view) if has_window else self.view
            clip = self._attempt(windows if has_window else None)
            if clip is not None:
                return clip

    def _attempt(self, windows: np.random.Generator | None) -> Clip | None:
        rng = self.rng
        image, labels = self._still()
        labels = np.where(labels == IGNORED_ID, 0, labels).astype(np.int32)
        background = _Layer(image, labels, self._background_motion(labels))
        # Ids: the background keeps its own (1..254), pasted objects get 1000, 1001, ...
        layers = [background]
        for number in range(int(rng.choice(4, p=[0.3, 0.3, 0.25, 0.15]))):
            source: tuple[np.ndarray, np.ndarray] | None
            copies_target = number > 0 and rng.random() < 0.3
            source = (layers[1].image, layers[1].labels) if copies_target and len(layers) > 1 else self._cutout()
            if source is None:
                continue
            if not copies_target and self.more.random() < self.variations.thin_parts:
                source = add_thin_parts(*source, self.more)
            cut_labels = np.where(source[1] > 0, 1000 + number, 0).astype(np.int32)
            cut_image = _recolour(source[0], rng, 0.12)
            layers.append(_Layer(cut_image, cut_labels, self._object_motion(cut_labels)))
        self._hide_some(layers)
        self._vary(layers)

        frames: list[np.ndarray] = []
        label_maps: list[np.ndarray] = []
        for index in range(self.frames):
            frame, frame_labels = self._compose(layers, index)
            frames.append(frame)
            label_maps.append(frame_labels)
        if self.more.random() < self.variations.zoom:
            frames, label_maps = zoom_frames(frames, label_maps, self.more)
        if windows is not None:
            visible = self._targets(label_maps[0])
            if not visible:
                return None
            target = int(windows.choice(visible))
            frames, label_maps = through_window(frames, label_maps, target, self.view, windows)
        if rng.random() < 0.5:
            frames = [frame[:, ::-1] for frame in frames]
            label_maps = [frame_labels[:, ::-1] for frame_labels in label_maps]
        frames = self._photograph(frames)

        good = self._targets(label_maps[0])
        if not good:
            return None
        # Prefer pasted objects a little: their masks are never cut by an unlabelled neighbour.
        order = sorted(good, key=lambda i: rng.random() - (0.25 if i >= 1000 else 0.0))[: self.objects]
        masks = np.zeros((self.frames, self.objects, self.view, self.view), bool)
        weight = np.zeros(self.objects, np.float32)
        for slot, object_id in enumerate(order):
            masks[:, slot] = np.stack(label_maps) == object_id
            weight[slot] = 1
        return Clip(np.ascontiguousarray(np.stack(frames)), masks, weight)

    @staticmethod
    def _targets(labels: np.ndarray) -> list[int]:
        """Ids of the objects that are neither specks nor nearly everything."""
        ids, counts = np.unique(labels, return_counts=True)
        return [
            int(i) for i, c in zip(ids, counts, strict=True) if i > 0 and 0.006 * labels.size < c < 0.6 * labels.size
        ]

    def _still(self) -> tuple[np.ndarray, np.ndarray]:
        number = int(self.rng.choice(len(self.stills), p=self._probabilities))
        still = self.stills[number]
        image, labels = still.load(384, self.rng)
        if still.parts and self.rng.random() < 0.65:
            labels = ((labels > 0) & (labels != IGNORED_ID)).astype(np.uint8)
        return image, labels

    def _cutout(self) -> tuple[np.ndarray, np.ndarray] | None:
        """An instance cut out of a random still: its crop and its (h, w) 0/1 mask."""
        image, labels = self._still()
        ids, counts = np.unique(labels, return_counts=True)
        good = [
            i
            for i, c in zip(ids, counts, strict=True)
            if 0 < i < IGNORED_ID and c > max(_MIN_PIXELS, 0.004 * labels.size)
        ]
        if not good:
            return None
        mask = labels == self.rng.choice(good)
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        top, bottom = max(rows[0] - 4, 0), rows[-1] + 5
        left, right = max(columns[0] - 4, 0), columns[-1] + 5
        return image[top:bottom, left:right], mask[top:bottom, left:right].astype(np.int32)

    def _background_motion(self, labels: np.ndarray) -> _Motion:
        rng, size = self.rng, self.size
        height, width = labels.shape
        base = size / min(height, width)
        scale = base * rng.uniform(1.0, 1.6)
        # Aim the view at an instance, so that crops do not lose it.
        ids = np.unique(labels[labels > 0])
        focus = np.array([width / 2, height / 2])
        if len(ids):
            rows, columns = np.nonzero(labels == rng.choice(ids))
            focus = np.array([columns.mean(), rows.mean()]) + rng.normal(size=2) * 0.08 * size / scale
        half = size / 2 / scale
        focus = np.clip(focus, [half, half], [max(half, width - half), max(half, height - half)])
        motion = _Motion(
            center=(np.array([width / 2, height / 2]) - focus) * scale + size / 2,
            velocity=rng.normal(size=2) * 0.05 * size,
            angle=rng.uniform(-8, 8),
            spin=rng.normal() * 3,
            scale=scale,
            growth=rng.normal() * 0.05,
            shear=rng.normal() * 0.03,
            bend=0.014 * size * rng.random(),
            jitter=0.01,
        )
        return motion

    def _object_motion(self, labels: np.ndarray) -> _Motion:
        rng, size = self.rng, self.size
        area = np.exp(rng.uniform(np.log(0.012), np.log(0.22))) * size * size
        scale = min(float(np.sqrt(area / max((labels > 0).sum(), 1))), 2.2)
        return _Motion(
            center=rng.uniform(0.15, 0.85, 2) * size,
            velocity=rng.normal(size=2) * 0.07 * size,
            angle=rng.uniform(-25, 25),
            spin=rng.normal() * 8,
            scale=scale,
            growth=rng.normal() * 0.07,
            shear=rng.normal() * 0.06,
            bend=0.012 * size * rng.random(),
            jitter=0.015,
        )

    def _hide_some(self, layers: list[_Layer]) -> None:
        """Pasted objects may leave for some frames after the first and come back."""
        for layer in layers[1:]:
            if self.rng.random() < 0.2:
                first = int(self.rng.integers(1, self.frames))
                last = int(self.rng.integers(first, self.frames))
                layer.hidden_frames = frozenset(range(first, last + 1))

    def _vary(self, layers: list[_Layer]) -> None:
        """Bends layers and moves something across, as often as the variations say."""
        rng, size = self.more, self.size
        if rng.random() < self.variations.thin_plate:
            for layer in layers[1:]:
                layer.motion.plate = ThinPlate(rng)
        if rng.random() < self.variations.occluders:
            number = int(rng.choice(len(self.stills), p=self._probabilities))
            texture = self.stills[number].load(384, rng)[0]
            stands = rng.random() < 0.35
            mask = stalks_mask(rng, size) if stands else occluder_mask(rng, size)
            motion = self._object_motion(mask)
            motion.scale = float(rng.uniform(0.6, 1.1))
            if stands:
                motion.velocity = motion.velocity * 0.5
            else:
                motion.center, motion.velocity = passing_path(rng, size, self.frames)
            image = _recolour(cv2.resize(texture, (size, size), interpolation=cv2.INTER_AREA), rng, 0.2)
            layers.append(_Layer(image, mask, motion, is_occluder=True))

    def _compose(self, layers: list[_Layer], index: int) -> tuple[np.ndarray, np.ndarray]:
        rng, size = self.rng, self.size
        frame = np.zeros((size, size, 3), np.float32)
        labels = np.zeros((size, size), np.int32)
        for layer in layers:
            if index:
                layer.motion.advance(rng, size)
            if index in layer.hidden_frames:
                continue
            map_x, map_y = _sampling_map(layer.motion, layer.labels.shape, size)
            is_background = layer is layers[0]
            border = cv2.BORDER_REFLECT_101 if is_background else cv2.BORDER_CONSTANT
            warped = cv2.remap(layer.image, map_x, map_y, cv2.INTER_LINEAR, borderMode=border)
            warped_labels = cv2.remap(
                layer.labels.astype(np.float32), map_x, map_y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT
            ).astype(np.int32)
            if is_background:
                frame, labels = warped.astype(np.float32), warped_labels
                continue
            opaque = cv2.remap(
                (layer.labels > 0).astype(np.float32), map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT
            )
            alpha = np.clip((cv2.GaussianBlur(opaque, (3, 3), 0) - 0.5) * 2.2 + 0.5, 0, 1)
            frame = frame * (1 - alpha[..., None]) + warped * alpha[..., None]
            object_id = 0 if layer.is_occluder else int(layer.labels.max())
            labels = np.where(alpha > 0.5, object_id, labels)
        return frame, labels

    def _photograph(self, frames: list[np.ndarray]) -> list[np.ndarray]:
        """Light, blur and noise: partly the clip's, partly each frame's own."""
        rng = self.rng
        gain, tint, offset = rng.uniform(0.75, 1.25), rng.uniform(0.88, 1.12, 3), rng.uniform(-20, 20)
        noise = rng.uniform(0, 8) if rng.random() < 0.4 else 0.0
        shot: list[np.ndarray] = []
        for frame in frames:
            x: np.ndarray = frame * (gain * tint * rng.uniform(0.93, 1.07)) + offset + rng.uniform(-7, 7)
            chance = rng.random()
            if chance < 0.15:
                x = cv2.GaussianBlur(x, (5, 5), 0)
            elif chance < 0.3:
                x = cv2.filter2D(x, -1, _motion_kernel(rng))
            if noise:
                x = x + rng.normal(size=(*x.shape[:2], 1)) * noise
            x = np.clip(x, 0, 255).astype(np.uint8)
            if rng.random() < 0.25:
                quality = int(rng.integers(25, 80))
                x = _through_jpeg(x, quality)
            shot.append(x)
        return shot


def _sampling_map(motion: _Motion, shape: tuple[int, ...], size: int) -> tuple[np.ndarray, np.ndarray]:
    """Where in the layer each output pixel comes from, for `cv2.remap`."""
    height, width = shape
    angle = np.deg2rad(motion.angle)
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = rotation @ np.array([[1.0, motion.shear], [0.0, 1.0]]) * motion.scale
    translation = motion.center - linear @ np.array([width / 2, height / 2])
    inverse = cv2.invertAffineTransform(np.concatenate([linear, translation[:, None]], 1))
    grid_y, grid_x = np.mgrid[0:size, 0:size].astype(np.float32)
    grid_x = grid_x + cv2.resize(motion.phase[0], (size, size), interpolation=cv2.INTER_CUBIC)
    grid_y = grid_y + cv2.resize(motion.phase[1], (size, size), interpolation=cv2.INTER_CUBIC)
    map_x = inverse[0, 0] * grid_x + inverse[0, 1] * grid_y + inverse[0, 2]
    map_y = inverse[1, 0] * grid_x + inverse[1, 1] * grid_y + inverse[1, 2]
    if motion.plate is not None:
        map_x, map_y = motion.plate.bend(map_x, map_y, shape)
    return map_x.astype(np.float32), map_y.astype(np.float32)


def _through_jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    decoded = cv2.imdecode(encoded, cv2.IMREAD_COLOR)
    if decoded is None:
        raise RuntimeError("a JPEG that was just encoded cannot be decoded")
    return decoded


def _motion_kernel(rng: np.random.Generator) -> np.ndarray:
    length = int(rng.choice([5, 7, 9]))
    kernel = np.zeros((length, length), np.float32)
    kernel[length // 2] = 1 / length
    return kernel if rng.random() < 0.5 else kernel.T


def _recolour(image: np.ndarray, rng: np.random.Generator, amount: float) -> np.ndarray:
    x = image.astype(np.float32) * (1 + rng.uniform(-amount, amount, 3)) * (1 + rng.uniform(-amount, amount))
    return np.clip(x + rng.uniform(-amount, amount) * 60, 0, 255).astype(np.uint8)
