"""Track into a folder, then correct one frame: only the frames that the correction affects are tracked again.

python examples/correction.py clip.mp4 --box 120,80,360,400 --at 40 --point 320,210 -o clip_vos
"""

from __future__ import annotations

import argparse
from pathlib import Path

from vos import Box, Points, PromptScript, correct_run, load_model, track_script


def numbers(text: str) -> list[float]:
    return [float(part) for part in text.split(",")]


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("video")
    parser.add_argument("--box", type=numbers, required=True, metavar="X0,Y0,X1,Y1", help="the object in frame 0")
    parser.add_argument("--at", type=int, required=True, metavar="FRAME", help="frame to correct")
    parser.add_argument("--point", type=numbers, action="append", required=True, metavar="X,Y", help="on the object")
    parser.add_argument("--negative-point", type=numbers, action="append", default=[], metavar="X,Y", help="outside it")
    parser.add_argument("--short-side", type=int, help="resolution the model sees; its own if left out")
    parser.add_argument("-o", "--output", type=Path, default=Path("corrected"))
    options = parser.parse_args(arguments)
    model = load_model("compact", short_side=options.short_side)

    script = PromptScript((Box(*options.box, object_id=1),), names={1: "object"})
    run = track_script(options.video, script, options.output, model=model)
    print(f"{run.frames} masks in {run.output.masks}")

    prompt = Points(options.point, options.negative_point, frame=options.at, object_id=1)
    report = correct_run(options.output, [prompt])
    print(f"{report.frames_recomputed} frames from {report.first} to {report.last} recomputed, ", end="")
    print(f"{report.frames_changed} masks changed")


if __name__ == "__main__":
    main()
