"""Runs the commands of docs/tutorial.md and makes its pictures anew, in docs/tutorial/.

    python docs/site/tutorial_pictures.py WORK      # in an environment with the extra [demo]; needs Chromium

WORK is a new folder for the clip and the run. Look at the pictures afterwards: the words around them must be true.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np

from vos import open_source, paint_overlay
from vos.cli.demo import find_clip
from vos.files.index_png import png_name, read_palette_png

DOCS = Path(__file__).parents[1]
PICTURES = DOCS / "tutorial"
COMPARED = (52, 79, 131)
CUT_OUT = 100
# Columns of the frame around the rabbit.
AROUND = slice(100, 820)


def commands() -> list[list[str]]:
    """The `vos` commands of the page, without the browser app, which waits for a person."""
    blocks = re.findall(r"^```\n(.*?)^```", (DOCS / "tutorial.md").read_text(), re.MULTILINE | re.DOTALL)
    words = [shlex.split(line) for block in blocks for line in block.splitlines() if line.startswith("vos ")]
    return [[*call[1:]] for call in words if call[1] != "ui"]


def save(name: str, bgr: np.ndarray, width: int) -> None:
    height = round(bgr.shape[0] * width / bgr.shape[1])
    small = cv2.resize(bgr, (width, height), interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(PICTURES / name), small, [cv2.IMWRITE_JPEG_QUALITY, 82])


def row_of_overlays(clip: Path, masks: Path) -> np.ndarray:
    with open_source(clip) as source:
        painted = [
            paint_overlay(source.read_at(index).rgb, read_palette_png(masks / png_name(index))) for index in COMPARED
        ]
    return np.hstack([picture[:, AROUND] for picture in painted])[:, :, ::-1]


def main() -> None:
    work = Path(sys.argv[1])
    work.mkdir(parents=True)
    clip = work / "bigbuckbunny.mp4"
    shutil.copy(find_clip(), clip)
    run, before = work / "bigbuckbunny_vos", work / "masks_before"
    for arguments in commands():
        if arguments[0] == "correct":
            shutil.copytree(run / "masks", before)
            save("tracked.jpg", cv2.imread(str(run / "contact_sheet.png")), 1200)
            screenshot = work / "report.png"
            options = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=1200,1250")
            page = (run / "report.html").resolve().as_uri()
            subprocess.run(["chromium", *options, f"--screenshot={screenshot}", page], check=True)
            save("report.jpg", cv2.imread(str(screenshot)), 900)
        subprocess.run([sys.executable, "-m", "vos", *arguments], check=True, cwd=work)
    save("corrected.jpg", np.vstack([row_of_overlays(clip, before), row_of_overlays(clip, run / "masks")]), 1200)
    cut = cv2.imread(str(run / "cutouts" / png_name(CUT_OUT)), cv2.IMREAD_UNCHANGED)
    rows, columns = np.nonzero(cut[:, :, 3])
    cut = cut[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    cv2.imwrite(str(PICTURES / "cutout.png"), cv2.resize(cut, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))


if __name__ == "__main__":
    main()
