"""What a tracker asks of a model, and the types that pass between them: numpy arrays and nothing of a framework.

A model knows pictures, not videos. The tracker cuts a *view* out of every frame (all of it, or a window around an
object), the model encodes views, and masks come and go on the grid of a view. What a model keeps of a view for later
frames (`Memory`) and of an annotated object (`Reference`) is its own business; the tracker stores both and hands them
back.

A further model is one file that fulfils `VideoModel`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Protocol, Self

import numpy as np

Arrays = Mapping[str, np.ndarray]


class PromptKind(IntEnum):
    """How a prompt map is to be read. The values index a learned embedding: never renumber."""

    POINTS = 0
    STROKE = 1
    BOX = 2
    POLYGON = 3
    MASK = 4


@dataclass(frozen=True, slots=True, eq=False)
class PromptMaps:
    """One object's prompt on one view.

    Attributes:
        positive, negative: (h, w) float32 in [0, 1] on the view's mask grid: the share of each cell that the prompt
            marks as object, and as background.
        kind: How to read them.
    """

    positive: np.ndarray
    negative: np.ndarray
    kind: PromptKind


@dataclass(frozen=True, slots=True, eq=False)
class ReferencePicture:
    """An object as another picture shows it: (H, W, 3) uint8 RGB and the (H, W) bool pixels that mark it there.

    `kind` says how to read these pixels: the whole object (MASK), a stroke on it, a box around it...
    """

    rgb: np.ndarray
    mask: np.ndarray
    kind: PromptKind = PromptKind.MASK


@dataclass(frozen=True, slots=True, eq=False)
class FrameDecode:
    """Answer for the N objects of one view.

    Attributes:
        mask_logits: (N, h, w) float32 on the mask grid, each object on its own.
        presence: (N,) float32 probability in [0, 1] that the object is visible.
        agreement: (N,) float32 soft IoU in [0, 1] of the mask with what correspondence alone says.
    """

    mask_logits: np.ndarray
    presence: np.ndarray
    agreement: np.ndarray


class Features(Protocol):
    """What a model knows of one view."""

    @property
    def mask_size(self) -> tuple[int, int]:
        """Height and width of the mask grid."""


class ObjectArrays(Protocol):
    """Something a model keeps for a list of objects."""

    def select(self, slots: Sequence[int | None]) -> Self:
        """The same for another list of objects: entry i was entry slots[i], or is unknown here (None)."""

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Its content, for a snapshot; `VideoModel` turns it back."""


class Memory(ObjectArrays, Protocol):
    """A remembered view."""

    @property
    def pinned(self) -> bool:
        """Whether it is an annotated one, whose masks are certainly right."""


class Reference(ObjectArrays, Protocol):
    """Referring visual prompts: what annotated views say of their objects, kept forever."""


class VideoModel(Protocol):
    """A stateless model of single views. Masks are float32 (N, h, w) in [0, 1] on a view's mask grid.

    Features, memories and references are of types of its own; what is taken as `Any` here is what the same model gave.

    Attributes:
        name: As `load_model` knows it.
        weights_sha256: Of the weights file, for run records.
        short_side: Input resolution: the shorter side of the picture that the network sees, in pixels.
        device: Where it computes, as PyTorch spells it: `cpu`, `cuda:0`...
        engine: What computes: `torch` or `onnxruntime`.
        threads: CPU threads that it uses.
        reads_text: Whether words can prompt it.
        uses_windows: Whether a view may be a part of the frame. A model that does not was trained on whole pictures
            and has a preprocessing of its own.
        encodes_ahead: Whether another thread may encode the next frame while this one is decoded, and gains by it.
    """

    name: str
    weights_sha256: str
    short_side: int
    device: str
    engine: str
    reads_text: bool
    uses_windows: bool

    @property
    def encodes_ahead(self) -> bool: ...

    @property
    def threads(self) -> int: ...

    def input_sizes(self, height: int, width: int) -> Sequence[tuple[int, int]]:
        """Sizes (rows, columns) that a view of a frame of this size may have; the first is that of the whole frame."""

    def encode_images(self, views: Sequence[np.ndarray]) -> Sequence[Features]:
        """Views (h, w, 3) uint8 RGB of one size -> everything that later calls need of each."""

    def masks_from_prompts(self, features: Any, prompts: Sequence[PromptMaps]) -> np.ndarray:
        """Prompts of N objects -> their masks (N, h, w) in the prompted view itself.

        Raises:
            ModelInputError: A prompt cannot be used.
        """

    def refine(
        self,
        features: Any,
        prompts: Sequence[PromptMaps],
        estimate: np.ndarray,
        memory: Sequence[Any] = (),
        reference: Any | None = None,
    ) -> np.ndarray:
        """Masks (N, h, w) of N objects, corrected by marks: an interactive round after the first.

        Args:
            features: The view.
            prompts: What was marked for each object; a map may be empty.
            estimate: (N, h, w) the masks to correct.
            memory: Other remembered views of the N objects, as for `decode`.
            reference: Of the N objects; None where nothing but this view is known of them.
        """

    def masks_from_descriptions(self, features: Any, descriptions: Sequence[str | ReferencePicture]) -> np.ndarray:
        """N objects in words, or as other pictures show them -> their masks (N, h, w).

        Raises:
            ModelInputError: A description cannot be used, or nothing here answers to it.
        """

    def encode_reference(self, features: Any, masks: np.ndarray) -> Reference:
        """Referring visual prompts of N objects with masks (N, h, w) in their annotated view."""

    def join_references(self, references: Sequence[Any]) -> Reference:
        """References of several lists of objects as one of all of them, in that order."""

    def encode_memory(self, features: Any, masks: np.ndarray, *, pinned: bool) -> Memory:
        """What later frames may read of this view: N objects with masks (N, h, w), which know of each other."""

    def decode(
        self,
        features: Any,
        memory: Sequence[Any],
        reference: Any,
        previous: np.ndarray,
        *,
        shifts: Sequence[tuple[float, float]] | None,
    ) -> FrameDecode:
        """Masks, presence and agreement of N objects.

        Args:
            features: The view.
            memory: Remembered views, pinned ones first, then oldest to newest; each for the same N objects.
            reference: Of the N objects.
            previous: (N, h, w) masks of the frame before, brought into this view.
            shifts: Where objects are expected: what lay at (x, y) input pixels from the middle of a remembered view
                lies about at (x, y) + shift from the middle of this one; one shift per view. None when objects are
                being looked for and may be anywhere.
        """

    def memory_from_arrays(self, arrays: Arrays, *, objects: int, pinned: bool) -> Memory:
        """A memory of so many objects from what its `to_arrays` gave.

        Raises:
            ValueError: The arrays are not those of a memory of this model.
        """

    def reference_from_arrays(self, arrays: Arrays, *, objects: int) -> Reference:
        """A reference of so many objects from what its `to_arrays` gave.

        Raises:
            ValueError: The arrays are not those of a reference of this model.
        """
