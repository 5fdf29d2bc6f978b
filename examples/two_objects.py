"""Two objects from different kinds of prompt: a box for the first, a point for the second; one pass over the video.

python examples/two_objects.py clip.mp4 --box 120,80,360,400 --point 500,200 -o two.mp4
"""

from __future__ import annotations

import argparse
from pathlib import Path

from vos import Box, Points, VideoTracker, load_model, open_source, paint_overlay
from vos.video import VideoEncoder


def numbers(text: str) -> list[float]:
    return [float(part) for part in text.split(",")]


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("video")
    parser.add_argument("--box", type=numbers, required=True, metavar="X0,Y0,X1,Y1", help="object 1")
    parser.add_argument("--point", type=numbers, required=True, metavar="X,Y", help="object 2")
    parser.add_argument("--short-side", type=int, help="resolution the model sees; its own if left out")
    parser.add_argument("-o", "--output", type=Path, default=Path("two_objects.mp4"))
    options = parser.parse_args(arguments)

    tracker = VideoTracker(load_model("compact", short_side=options.short_side))
    prompts = [Box(*options.box, object_id=1), Points([options.point], object_id=2)]
    with open_source(options.video) as source:
        info = source.info
        with VideoEncoder(
            options.output,
            width=info.width,
            height=info.height,
            time_base=info.time_base,
            average_rate=info.average_rate,
            audio_from=options.video if Path(options.video).is_file() else None,
        ) as encoder:
            for frame in source:
                result = tracker.step(frame.rgb, prompts if frame.index == 0 else [])
                encoder.write(paint_overlay(frame.rgb, result.labels), frame.pts)
                areas = [int(result.mask_of(object_id).sum()) for object_id in result.object_ids]
                print(f"frame {frame.index}: presence {result.presence}, pixels {areas}")
    print(f"see {options.output}")


if __name__ == "__main__":
    main()
