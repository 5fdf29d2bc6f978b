"""One long video as several jobs: windows that overlap, each tracked by itself and stitched together afterwards.

A window that does not begin with the video is primed: it sees the prompted frames before it, whose memory is pinned
and finds the objects again, and then its own frames. What the frames in between would have added to memory is missing,
so masks are not those of one run over the whole video. That is why splitting is optional.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace

from pipelines.fleet.jobs import JobSpec, Part, source_options
from vos.errors import PromptError, UsageError, VideoError
from vos.prompts import PromptScript
from vos.video import open_source

_PARTS_SUFFIX = ".parts"


@dataclass(frozen=True, slots=True)
class Split:
    """How a long video is split.

    Attributes:
        frames: Length of a window.
        overlap: Frames that a window shares with the one before.
    """

    frames: int
    overlap: int

    def __post_init__(self) -> None:
        if not 1 <= self.overlap <= self.frames // 2:
            raise UsageError(
                f"split_overlap {self.overlap}: must be between 1 and half of split_frames ({self.frames // 2})"
            )

    def windows(self, count: int) -> list[tuple[int, int]]:
        """(first, one past the last) frame of each window of a video of `count` frames.

        One window if the video is no longer than that. The last may be shorter, but is longer than the overlap.
        """
        step = self.frames - self.overlap
        starts = [0, *range(step, max(count - self.overlap, 0), step)]
        ends = [start + self.frames for start in starts[:-1]] + [count]
        return list(zip(starts, ends, strict=True))


def parts_of(spec: JobSpec, split: Split) -> Iterator[JobSpec]:
    """The jobs of a video's windows; the job itself where one window holds all of it.

    Raises:
        VideoError: The video cannot be opened, or it is not certain how many frames it has.
        UsageError: The job asks for files that are made from the whole video.
    """
    if spec.overlay or spec.contact_sheet:
        raise UsageError("overlay and contact_sheet are made while a whole video is tracked; leave them out, or split")
    with open_source(spec.video, **source_options(spec)) as source:
        count = source.info.frame_count
    if count is None:
        raise VideoError(f"{spec.video}: cannot be split, because its number of frames is uncertain (see vos doctor)")
    windows = split.windows(count)
    if len(windows) == 1:
        yield spec
        return
    for number, (start, stop) in enumerate(windows, 1):
        yield replace(
            spec,
            # No user can give a job such a name: it contains a slash.
            name=f"{spec.name} {number}/{len(windows)}",
            output=os.path.join(spec.output + _PARTS_SUFFIX, f"{start:08d}"),
            part=Part(spec.name, spec.output, start, stop, split.frames, split.overlap),
        )


def excerpt_for(part: Part, script: PromptScript) -> tuple[tuple[int, ...], PromptScript]:
    """Frames that a window sees, and the prompts on them with their frames renumbered.

    The frames before the window that carry a prompt come first.

    Raises:
        PromptError: The script has prompts that windows do not support.
    """
    prompts = script.prompts
    if script.removals or any(prompt.direction != "forward" for prompt in prompts):
        raise PromptError(f"{part.video}: a video with removals or backward prompts cannot be split; track it whole")
    if all(prompt.frame for prompt in prompts):
        raise PromptError(f"{part.video}: a video without a prompt on its first frame cannot be split; track it whole")
    primed = sorted({prompt.frame for prompt in prompts if prompt.frame < part.start})
    frames = (*primed, *range(part.start, part.stop))
    position = {frame: index for index, frame in enumerate(frames)}
    own = tuple(replace(prompt, frame=position[prompt.frame]) for prompt in prompts if prompt.frame in position)
    return frames, replace(script, prompts=own)
