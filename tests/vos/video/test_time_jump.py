"""Two recordings in one transport stream: time jumps back where the second begins."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np

from vos.video import VideoEncoder, open_source

FRAMES = 25


def _record(path: Path) -> Path:
    """A second of picture and sound."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=FRAMES, options={"threads": "1", "g": "6"})
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        audio = container.add_stream("aac", rate=44100)
        audio.layout = "mono"
        for index in range(FRAMES):
            picture = np.full((48, 64, 3), 40 + 5 * index, np.uint8)
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        for index in range(43):
            sound = np.random.default_rng(index).normal(0, 0.1, (1, 1024)).astype(np.float32)
            frame = av.AudioFrame.from_ndarray(sound, format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 44100, 1024 * index
            container.mux(audio.encode(frame))
        container.mux(video.encode(None))
        container.mux(audio.encode(None))
    return path


def test_both_recordings_are_read_written_and_the_jump_is_named(tmp_path: Path) -> None:
    data = _record(tmp_path / "one.ts").read_bytes()
    both = tmp_path / "both.ts"
    both.write_bytes(data + data)
    overlay = tmp_path / "overlay.mp4"
    with open_source(both) as source:
        encoder = VideoEncoder(overlay, width=64, height=48, time_base=source.info.time_base, audio_from=both)
        times = []
        for frame in source:
            encoder.write(frame.rgb, frame.pts)
            times.append(frame.pts)
        encoder.close()
        notes = source.info.notes
    assert len(times) == 2 * FRAMES and times == sorted(set(times))
    assert any("jumps back at frame 25, from" in note and "two recordings" in note for note in notes), notes
    assert any("the time of the audio jumps back" in note for note in encoder.notes)
    with av.open(str(overlay)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 2 * FRAMES
    with av.open(str(overlay)) as container:
        seconds = sum(frame.samples for frame in container.decode(audio=0)) / 44100
    assert 1.8 < seconds < 2.2
