"""Masks as `supervision.Detections`: drawn by supervision's annotators, and ready for its counters and zones.

pip install 'seem-vos[formats]'
python examples/supervision_annotator.py clip.mp4 --box 120,80,360,400 --name rabbit -o annotated.mp4
"""

from __future__ import annotations

import argparse
from pathlib import Path

import supervision

from vos import Box, VideoTracker, load_model, open_source
from vos.export import to_supervision
from vos.video import VideoEncoder


def numbers(text: str) -> list[float]:
    return [float(part) for part in text.split(",")]


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("video")
    parser.add_argument("--box", type=numbers, required=True, metavar="X0,Y0,X1,Y1", help="the object in frame 0")
    parser.add_argument("--name", default="object", help="what the label says")
    parser.add_argument("--short-side", type=int, help="resolution the model sees; its own if left out")
    parser.add_argument("-o", "--output", type=Path, default=Path("annotated.mp4"))
    options = parser.parse_args(arguments)

    tracker = VideoTracker(load_model("compact", short_side=options.short_side))
    masks = supervision.MaskAnnotator(color_lookup=supervision.ColorLookup.TRACK)
    labels = supervision.LabelAnnotator(color_lookup=supervision.ColorLookup.TRACK)
    with open_source(options.video) as source:
        info = source.info
        with VideoEncoder(
            options.output,
            width=info.width,
            height=info.height,
            time_base=info.time_base,
            average_rate=info.average_rate,
        ) as encoder:
            for frame in source:
                prompts = [Box(*options.box)] if frame.index == 0 else []
                result = tracker.step(frame.rgb, prompts)
                detections = to_supervision(result, {1: options.name})
                text = [f"{options.name} {presence:.2f}" for presence in result.presence] if len(detections) else []
                # Annotators paint in place, in the order of channels that they get: RGB here.
                picture = masks.annotate(frame.rgb.copy(), detections)
                encoder.write(labels.annotate(picture, detections, labels=text), frame.pts)
    print(f"see {options.output}")


if __name__ == "__main__":
    main()
