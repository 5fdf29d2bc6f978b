"""What formats say about a run beside its masks: names of objects and pictures, and where the audio is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from vos.files.index_png import png_name

# The category of objects that nobody named: zero-shot masks have no class.
UNNAMED = "object"


@dataclass(frozen=True, slots=True)
class ExportContext:
    """Facts about the run whose masks are written.

    Attributes:
        video: Name of the video, without folders; formats that refer to a video use it.
        names: Names that the user gave to objects, by id.
        frame_names: File names of the frames of an image folder, in order; empty for a video file.
        audio_from: A file whose audio goes into videos; None for silent ones.
        overwrite: Whether existing files may be replaced.
        has_unnamed: Whether there may be objects without a name, which belong to the category `object`.
    """

    video: str = "video"
    names: Mapping[int, str] = field(default_factory=dict)
    frame_names: Sequence[str] = ()
    audio_from: Path | None = None
    overwrite: bool = False
    has_unnamed: bool = True

    def name_of(self, object_id: int) -> str:
        """The object's name, or `object` when it has none."""
        return self.names.get(object_id, UNNAMED)

    @property
    def categories(self) -> tuple[str, ...]:
        """`object` if an object may have no name, then the names in order of the ids; each once."""
        unnamed = [UNNAMED] if self.has_unnamed or not self.names else []
        return tuple(dict.fromkeys([*unnamed, *(self.names[object_id] for object_id in sorted(self.names))]))

    def category_of(self, object_id: int) -> int:
        """Place of the object's name in `categories`, from 1."""
        return self.categories.index(self.name_of(object_id)) + 1

    def frame_name(self, index: int) -> str:
        """File name of a frame: its own in an image folder, `00000.png` counted for a video file."""
        return self.frame_names[index] if self.frame_names else png_name(index)
