"""Frames from the last to the first, with a fixed number of them in memory."""

from __future__ import annotations

from collections.abc import Iterator

from vos.video.types import Frame, FrameSource

# Decoders only go forward. A window that is decoded in one go and handed out backwards costs, per window, the frames
# from the key frame before it; the larger the window, the fewer of these.
WINDOW_BYTES = 128 * 1024 * 1024
_LARGEST_WINDOW = 256


def backwards(source: FrameSource, first: int, last: int, *, window_bytes: int = WINDOW_BYTES) -> Iterator[Frame]:
    """Frames `first`, `first` - 1, ... `last` of a source: the same that iteration yields.

    Args:
        source: Must be readable by number (`read_at`).
        first, last: Frame numbers, `first` >= `last` >= 0.
        window_bytes: About how much memory decoded frames may take.

    Raises:
        VideoError: A frame cannot be read, or the source can only be read in order.
    """
    frame_bytes = 3 * source.info.width * source.info.height
    size = max(1, min(_LARGEST_WINDOW, window_bytes // frame_bytes))
    while first >= last:
        start = max(last, first - size + 1)
        window = [source.read_at(index) for index in range(start, first + 1)]
        while window:
            yield window.pop()
        first = start - 1
