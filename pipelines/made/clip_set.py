"""What the clips of a set have to offer to be tracked, scored and saved."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from pipelines.made.render import Frame


class ClipSet(Protocol):
    """Clips with exact masks, numbered from 0; can be sent to another process."""

    @property
    def clips(self) -> int:
        """How many."""

    def name(self, number: int) -> str:
        """Name of a clip, also for its folder."""

    def factor(self, number: int) -> str:
        """What it is about: clips with the same one are summed up."""

    def tracked(self, number: int) -> int:
        """Objects 1 to this number are given in its first frame and scored."""

    def render(self, number: int) -> Iterator[Frame]:
        """Its frames."""
