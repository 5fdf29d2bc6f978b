"""One call for a whole video: frames from a source, masks out, one at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from seem_model.video_model import VideoModel
from vos.errors import PromptError, VideoError
from vos.prompts import Prompt, PromptScript
from vos.results import FrameResult
from vos.tracking.cleaning import CleanPolicy
from vos.tracking.memory_bank import MemoryPolicy
from vos.tracking.schedule import TrackingPlan, plan_of
from vos.tracking.steady import steady_masks
from vos.tracking.tracker import VideoTracker
from vos.video import Frame, FrameSource, ReadAhead, open_source

READ_AHEAD_FRAMES = 4


def propagate(
    source: FrameSource,
    plan: TrackingPlan,
    tracker: VideoTracker,
    *,
    recall: Callable[[Frame], FrameResult] | None = None,
    read_ahead: int = READ_AHEAD_FRAMES,
) -> Iterator[tuple[Frame, FrameResult]]:
    """Runs a tracker over a source, frame by frame, while a thread decodes ahead.

    Args:
        source: The video; it stays open.
        plan: Prompts and removals by frame. Its backward passes are not done here: they need finished frames.
        tracker: Takes every frame in order, from its `next_index` on.
        recall: Gives the results of the frames before that, which a tracker restored from a snapshot needs.
        read_ahead: How many frames are decoded ahead of the tracker.

    Raises:
        PromptError: A prompt does not fit its frame, or the video ends before a prompted frame.
        VideoError: The source gives no frame at all.
    """
    count = 0
    first = tracker.next_index
    check_frames(plan, source.info.frame_count)
    # Not `with ReadAhead(...)`: that would close the source. The thread ends with this iteration, however it ends.
    for frame, upcoming in ReadAhead(source, depth=read_ahead).with_upcoming():
        if frame.index < first and recall is not None:
            result = recall(frame)
        else:
            result = track_frame(frame, plan, tracker, upcoming)
        del upcoming
        count += 1
        yield frame, result
    if count == 0:
        raise VideoError("the video has no frame that can be decoded")
    check_frames(plan, count)


def track_frame(frame: Frame, plan: TrackingPlan, tracker: VideoTracker, upcoming: Frame | None = None) -> FrameResult:
    """One frame of the forward pass: removals, then prompts, then the tracker, which may look at the next frame."""
    for object_id in plan.removals.get(frame.index, ()):
        tracker.remove_object(object_id)
    prompts = plan.prompts.get(frame.index, ())
    if not prompts and not tracker.object_ids:
        return tracker.skip(frame.rgb, pts=frame.pts, time_base=frame.time_base)
    following = None if upcoming is None else upcoming.rgb
    return tracker.step(frame.rgb, prompts, pts=frame.pts, time_base=frame.time_base, upcoming=following)


def check_frames(plan: TrackingPlan, count: int | None) -> None:
    """Raises PromptError if something is said about a frame that the video of `count` frames does not have."""
    if count is None or plan.last_event < count:
        return
    prompts = [prompt for own in plan.prompts.values() for prompt in own]
    prompts += [prompt for one in plan.backward for prompt in one.prompts]
    late = min((p for p in prompts if p.frame >= count), key=lambda prompt: prompt.frame, default=None)
    what = (
        f"an object is removed on frame {plan.last_event}" if late is None else f"{late.where} is on frame {late.frame}"
    )
    raise PromptError(f"{what}, but the video ends with frame {count - 1}")


def track_video(
    source: str | Path | FrameSource,
    prompts: PromptScript | Sequence[Prompt],
    *,
    model: VideoModel | str = "compact",
    policy: MemoryPolicy | None = None,
    absent_below: float = 0.5,
    clean: CleanPolicy | None = None,
    keep_soft_masks: bool = False,
) -> Iterator[FrameResult]:
    """Masks of the prompted objects for every frame of a video.

    Args:
        source: A video file, a folder of images, or an open source (which stays open).
        prompts: At least one, on any frames: an object is tracked from its first annotated frame on. Or a script,
            which can also remove objects.
        model: A loaded model, or the name of one.
        policy: When frames are remembered.
        absent_below: An object whose presence falls below this probability gets no pixels in that frame.
        clean: How masks are cleaned; `light` when left out.
        keep_soft_masks: Whether results carry per-object probabilities at source size.

    Yields:
        One result per frame, as soon as it is known.

    Raises:
        VideoError: The video cannot be read.
        PromptError: A prompt cannot be used, or has a direction other than forward: results come in the order of the
            frames as soon as they are known. `track_script` does these.

    Examples:
        >>> from vos import Box, track_video
        >>> for result in track_video("clip.mp4", [Box(120, 80, 360, 400)]):
        ...     if result.presence[0] > 0.5:
        ...         print(f"frame {result.index} at {result.time:.2f} s")
        frame 0 at 0.00 s
        frame 1 at 0.04 s
        frame 2 at 0.08 s
        frame 3 at 0.12 s
        frame 4 at 0.16 s
        frame 5 at 0.20 s
    """
    plan = plan_of(PromptScript.of(prompts))
    if plan.backward:
        prompt = plan.backward[0].prompts[0]
        raise PromptError(f"{prompt.where}: direction {prompt.direction} needs finished frames; use vos.track_script")
    clean = clean or CleanPolicy()
    tracker = VideoTracker(
        model, policy=policy, absent_below=absent_below, clean=clean, keep_soft_masks=keep_soft_masks
    )
    if isinstance(source, (str, Path)):
        with open_source(source) as opened:
            yield from _results(opened, plan, tracker, clean)
    else:
        yield from _results(source, plan, tracker, clean)


def _results(
    source: FrameSource, plan: TrackingPlan, tracker: VideoTracker, clean: CleanPolicy
) -> Iterator[FrameResult]:
    results = propagate(source, plan, tracker)
    if clean.steady:
        results = steady_masks(results, clean.steady, keep=plan.prompts)
    for _, result in results:
        yield result
