"""One call for a whole video: frames from a source, masks out, one at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from vos.errors import PromptError, VideoError
from vos.memory import MemoryPolicy
from vos.prompts import Prompt
from vos.results import FrameResult
from vos.tracker import VideoTracker
from vos.video import Frame, FrameSource, ReadAhead, open_source
from vos.video_model import VideoModel

READ_AHEAD_FRAMES = 4


def prompts_by_frame(prompts: Sequence[Prompt]) -> dict[int, list[Prompt]]:
    """Groups prompts by the frame they were drawn on.

    Raises:
        PromptError: There is none, or none on the first frame.
    """
    if not prompts:
        raise PromptError(
            "no prompt: mark at least one object on the first frame (mask, stroke, box, point or polygon)"
        )
    grouped: dict[int, list[Prompt]] = {}
    for prompt in prompts:
        grouped.setdefault(prompt.frame, []).append(prompt)
    if 0 not in grouped:
        first = min(grouped)
        raise PromptError(
            f"the first prompt is on frame {first}, but tracking starts with the first frame: "
            "prompt at least one object on frame 0, or cut the video to start there"
        )
    return grouped


def propagate(
    source: FrameSource,
    prompts: Mapping[int, Sequence[Prompt]],
    tracker: VideoTracker,
    *,
    recall: Callable[[Frame], FrameResult] | None = None,
    read_ahead: int = READ_AHEAD_FRAMES,
) -> Iterator[tuple[Frame, FrameResult]]:
    """Runs a tracker over a source, frame by frame, while a thread decodes ahead.

    Args:
        source: The video; it stays open.
        prompts: Prompts by frame index.
        tracker: Takes every frame in order, from its `next_index` on.
        recall: Gives the results of the frames before that, which a tracker restored from a snapshot needs.
        read_ahead: How many frames are decoded ahead of the tracker.

    Raises:
        PromptError: A prompt does not fit its frame, or the video ends before a prompted frame.
        VideoError: The source gives no frame at all.
    """
    count = 0
    first = tracker.next_index
    # Not `with ReadAhead(...)`: that would close the source. The thread ends with this iteration, however it ends.
    for frame in ReadAhead(source, depth=read_ahead):
        if frame.index < first and recall is not None:
            result = recall(frame)
        else:
            result = tracker.step(frame.rgb, prompts.get(frame.index, ()), pts=frame.pts, time_base=frame.time_base)
        count += 1
        yield frame, result
    if count == 0:
        raise VideoError("the video has no frame that can be decoded")
    late = sorted(index for index in prompts if index >= count)
    if late:
        raise PromptError(f"there is a prompt on frame {late[0]}, but the video ends with frame {count - 1}")


def track_video(
    source: str | Path | FrameSource,
    prompts: Sequence[Prompt],
    *,
    model: VideoModel | str = "compact",
    policy: MemoryPolicy | None = None,
    absent_below: float = 0.5,
    keep_soft_masks: bool = False,
) -> Iterator[FrameResult]:
    """Masks of the prompted objects for every frame of a video.

    Args:
        source: A video file, a folder of images, or an open source (which stays open).
        prompts: At least one on frame 0; further ones on any frame.
        model: A loaded model, or the name of one.
        policy: When frames are remembered.
        absent_below: An object whose presence falls below this probability gets no pixels in that frame.
        keep_soft_masks: Whether results carry per-object probabilities at source size.

    Yields:
        One result per frame, as soon as it is known.

    Raises:
        VideoError: The video cannot be read.
        PromptError: A prompt cannot be used.

    Example:
        >>> for result in track_video("clip.mp4", [Box((40, 30, 200, 180))]):
        ...     print(result.index, result.mask_of(1).sum())
    """
    grouped = prompts_by_frame(prompts)
    tracker = VideoTracker(model, policy=policy, absent_below=absent_below, keep_soft_masks=keep_soft_masks)
    if isinstance(source, (str, Path)):
        with open_source(source) as opened:
            for _, result in propagate(opened, grouped, tracker):
                yield result
    else:
        for _, result in propagate(source, grouped, tracker):
            yield result
