"""Video in and out: every displayed frame, once, with its time, upright, in bounded memory.

`open_source` opens anything; `ReadAhead` decodes it in a thread. docs/video.md explains the frame contract.
"""

from __future__ import annotations

from vos.video.encoder import VideoEncoder
from vos.video.opening import open_source, parse_rate
from vos.video.read_ahead import ReadAhead
from vos.video.types import Frame, FrameSource, Truncation, VideoInfo

__all__ = ["Frame", "FrameSource", "ReadAhead", "Truncation", "VideoEncoder", "VideoInfo", "open_source", "parse_rate"]
