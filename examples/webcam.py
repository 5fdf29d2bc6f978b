"""The streaming tracker on live frames: hold an object in the middle of the picture when the recording begins.

    python examples/webcam.py --camera 0 --seconds 10 -o webcam.mp4

The caller owns the frames: it hands one after the other to `VideoTracker.step` and gets the masks of each.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from vos import Box, VideoTracker, load_model, open_source, paint_overlay
from vos.video import VideoEncoder


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--camera", type=int, default=0, help="number of the camera")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long to record")
    parser.add_argument("--short-side", type=int, default=192, help="resolution the model sees: smaller is faster")
    parser.add_argument("-o", "--output", type=Path, default=Path("webcam.mp4"))
    options = parser.parse_args(arguments)

    tracker = VideoTracker(load_model("compact", short_side=options.short_side))
    with open_source(f"camera:{options.camera}") as camera:
        info = camera.info
        middle = Box(info.width / 4, info.height / 4, info.width * 3 / 4, info.height * 3 / 4)
        with VideoEncoder(
            options.output,
            width=info.width,
            height=info.height,
            time_base=info.time_base,
            average_rate=info.average_rate,
        ) as encoder:
            begin = time.monotonic()
            for frame in camera:
                prompts = [middle] if frame.index == 0 else []
                result = tracker.step(frame.rgb, prompts, pts=frame.pts, time_base=frame.time_base)
                encoder.write(paint_overlay(frame.rgb, result.labels), frame.pts)
                seconds = time.monotonic() - begin
                print(f"frame {frame.index}: presence {result.presence[0]:.2f}, {(frame.index + 1) / seconds:.1f} fps")
                if seconds > options.seconds:
                    break
    print(f"see {options.output}")


if __name__ == "__main__":
    main()
