"""Edits of finished masks by hand: swap, merge, split, delete, lock on a range of frames. No network is asked.

An edit is a rule that turns the masks of one frame into others. A run keeps what was tracked, and its edits in their
order (`vos.runs.edit_layers`): its masks are the tracked ones with all edits applied. So an edit can be taken back, and
after a correction the same edits are applied to what was tracked anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from vos.prompts import Box, Points, Polygon

Region = Box | Polygon | Points
"""What a split is about: an area of the picture, or the connected part under a point."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """What all edits have.

    Attributes:
        frames: (first, last) frame, both included; None for all frames of the run.
    """

    kind: ClassVar[str]

    frames: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Swap(Edit):
    """Two objects trade their masks.

    Attributes:
        first, second: Object ids.
    """

    kind: ClassVar[str] = "swap"

    first: int
    second: int


@dataclass(frozen=True, slots=True)
class Merge(Edit):
    """An object becomes part of another one.

    Attributes:
        object_id: Loses its pixels.
        into: Gets them.
    """

    kind: ClassVar[str] = "merge"

    object_id: int
    into: int


@dataclass(frozen=True, slots=True)
class Split(Edit):
    """A part of an object becomes an object of its own.

    Attributes:
        object_id: The object.
        region: `Box` or `Polygon`: the part is what lies inside, in every frame. `Points` with one positive point: the
            part is the connected piece under the point on the frame of the point, and in the frames around it the
            pieces that overlap it most, from frame to frame. Other fields of the prompt do not matter.
        into: Id of the new object, or of a known one that gets the part; the next free id if None.
        name: Of the new object.
    """

    kind: ClassVar[str] = "split"

    object_id: int
    region: Region
    into: int | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Delete(Edit):
    """An object loses its pixels to the background."""

    kind: ClassVar[str] = "delete"

    object_id: int


@dataclass(frozen=True, slots=True)
class Lock(Edit):
    """The masks of an object stay as they are now, whatever is corrected later.

    Attributes:
        object_id: The object; None for the whole picture, so that the files of the masks stay as they are.
    """

    kind: ClassVar[str] = "lock"

    object_id: int | None = None


@dataclass(frozen=True, slots=True)
class Unlock(Edit):
    """Takes locks off. Where a correction was made in the meantime, its masks appear.

    Attributes:
        object_id: As that of the lock.
    """

    kind: ClassVar[str] = "unlock"

    object_id: int | None = None


@dataclass(frozen=True, slots=True)
class EditReport:
    """What an edit did.

    Attributes:
        frames_changed: Frames whose masks have changed.
        edits: All edits that the run has now, in words, in their order.
        new_object: Id that a split has given to a part; None if there was no split.
        removed: Files and folders beside the masks that showed the former masks and are gone; the formats that were
            asked for with the run are written again instead.
    """

    frames_changed: int
    edits: tuple[str, ...]
    new_object: int | None = None
    removed: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As one JSON object."""
        return {
            "changed": self.frames_changed,
            "edits": list(self.edits),
            "new_object": self.new_object,
            "removed": list(self.removed),
        }
