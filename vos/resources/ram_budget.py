"""What a run will need of memory, and how its buffers shrink to fit a limit.

The estimate is a sum of products whose factors were measured (docs/promises.md gives the measurements). It is meant
for a CPU; on a GPU the network's share lies in the GPU's memory.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from vos.errors import UsageError

MIB = 1024 * 1024

# Measured for the compact model, in bytes.
_LIBRARIES = 40 * MIB  # what the first frame brings in beside its data: thread stacks, codec tables, kernels
_NETWORK_PER_PIXEL = 470  # activations per pixel of the network's input
_OBJECT_PER_PIXEL = 16  # the same for every object
# Keys of a remembered frame, per 16x16 cell of the input: as kept, laid out as float32, and joined with other frames.
_MEMORY_PER_CELL = 2400 + 4000 + 4000
_MEMORY_PER_CELL_AND_OBJECT = 4 * (88 + 2 * 116)  # the same for value and masks
_DECODER_PER_PIXEL = 24  # pictures that the codec refers to or decodes at once
_PAINTING_PER_PIXEL = 12  # from the network's logits to a label map of the source's size
_OVERLAY_PER_PIXEL = 90  # pictures that the encoder looks ahead at

# RGB and label map of a frame on its way.
_FRAME_PER_PIXEL = 3 + 2
# Frames beside those in queues: in the tracker, in the sinks, in conversion.
_FRAMES_IN_HAND = 3

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?", re.IGNORECASE)
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


@dataclass(frozen=True, slots=True)
class Buffers:
    """What a run may hold beside the frame in hand.

    Attributes:
        read_ahead: Frames decoded before the tracker asks for them.
        sink_queue: Frames tracked and not yet written.
        recent_frames: Frames remembered beside the annotated ones. Fewer change the masks, so this shrinks last.
    """

    read_ahead: int = 4
    sink_queue: int = 4
    recent_frames: int = 2


@dataclass(frozen=True, slots=True)
class Workload:
    """What decides how much memory a run needs, apart from buffers.

    Attributes:
        width, height: Of the video.
        input_pixels: Pixels of a view that the network sees.
        objects: How many are tracked.
        annotated_frames: Remembered views of frames with prompts.
        overlay: Whether an overlay video is written.
        views: Views that are encoded at once.
    """

    width: int
    height: int
    input_pixels: int
    objects: int
    annotated_frames: int = 1
    overlay: bool = False
    views: int = 1


@dataclass(frozen=True, slots=True)
class MemoryEstimate:
    """Bytes by purpose."""

    process: int
    network: int
    remembered: int
    frames: int
    video: int

    @property
    def total(self) -> int:
        return self.process + self.network + self.remembered + self.frames + self.video

    def __str__(self) -> str:
        parts = {
            "process": self.process,
            "network": self.network,
            "remembered frames": self.remembered,
            "frames in flight": self.frames,
            "video codecs": self.video,
        }
        return " + ".join(f"{name} {_mib(value)}" for name, value in parts.items()) + f" = {_mib(self.total)} MiB"


def estimate_memory(work: Workload, buffers: Buffers, *, process: int) -> MemoryEstimate:
    """What a run will hold at most.

    Args:
        work: The run.
        buffers: Its queues.
        process: Resident bytes of the process with the model loaded.
    """
    pixels = work.width * work.height
    cells = work.input_pixels // 256
    return MemoryEstimate(
        process=process + _LIBRARIES,
        network=work.input_pixels * (_NETWORK_PER_PIXEL * work.views + _OBJECT_PER_PIXEL * work.objects),
        remembered=(work.annotated_frames + buffers.recent_frames * work.views)
        * cells
        * (_MEMORY_PER_CELL + _MEMORY_PER_CELL_AND_OBJECT * work.objects),
        frames=pixels * _FRAME_PER_PIXEL * (buffers.read_ahead + buffers.sink_queue + _FRAMES_IN_HAND),
        video=pixels * (_DECODER_PER_PIXEL + _PAINTING_PER_PIXEL + _OVERLAY_PER_PIXEL * work.overlay + work.objects),
    )


def fit_buffers(work: Workload, buffers: Buffers, *, process: int, limit: int) -> Buffers:
    """The largest buffers, at most the given ones, with which a run stays below a limit.

    Queues shrink first, evenly, to one frame each: that costs speed only. Then fewer frames are remembered, at least
    one beside the annotated ones.

    Raises:
        UsageError: The run does not fit even so; the message shows the sum.
    """
    while (needed := estimate_memory(work, buffers, process=process)).total > limit:
        if max(buffers.read_ahead, buffers.sink_queue) > 1:
            longest = max(buffers.read_ahead, buffers.sink_queue)
            buffers = replace(
                buffers,
                read_ahead=buffers.read_ahead - (buffers.read_ahead == longest),
                sink_queue=buffers.sink_queue - (buffers.sink_queue == longest),
            )
        elif buffers.recent_frames > 1:
            buffers = replace(buffers, recent_frames=buffers.recent_frames - 1)
        else:
            plural = "" if work.objects == 1 else "s"
            raise UsageError(
                f"--max-memory: {work.width}x{work.height} with {work.objects} object{plural} needs {needed} with the "
                f"shortest queues, more than {_mib(limit)} MiB; raise the limit, or lower --short-side"
            )
    return buffers


def parse_size(text: str) -> int:
    """Bytes from `1500M`, `1.5G`, `1.5GiB` or `2000000`; K, M, G, T are powers of 1024.

    Raises:
        UsageError: Not such a size.
    """
    match = _SIZE.fullmatch(text.strip())
    if match is None or float(match[1]) == 0:
        raise UsageError(f"--max-memory {text}: not a size; give one like 800M or 1.5G")
    return int(float(match[1]) * _UNITS[match[2].upper()])


def _mib(value: int) -> str:
    return f"{value / MIB:.0f}"
