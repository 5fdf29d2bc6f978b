"""Strokes painted over a copy of the frame: PNG and JPEG copies, hard and smoothed brushes, and what is refused."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from vos.errors import PromptError
from vos.prompts import read_masks, read_painted_strokes, read_strokes

RED, GREEN = (255, 0, 0), (0, 255, 0)


def photograph(seed: int = 0) -> np.ndarray:
    """(180, 320, 3) uint8 with texture, shade and tens of thousands of colours."""
    rng = np.random.default_rng(seed)
    coarse = cv2.resize(rng.integers(30, 220, (12, 20, 3)).astype(np.uint8), (320, 180), interpolation=cv2.INTER_CUBIC)
    noise = cv2.GaussianBlur(rng.integers(0, 60, (180, 320, 3)).astype(np.uint8), (0, 0), 0.8)
    return cv2.add(coarse, noise // 2)


def lines_over(canvas: np.ndarray, line_type: int) -> np.ndarray:
    out = canvas.copy()
    cv2.line(out, (60, 40), (150, 90), RED, 9, line_type)
    cv2.line(out, (200, 140), (290, 60), GREEN, 7, line_type)
    return out


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    return float((a & b).sum() / (a | b).sum())


@pytest.mark.parametrize("kind", ["png", "jpg"])
@pytest.mark.parametrize("line_type", [cv2.LINE_8, cv2.LINE_AA])
@pytest.mark.parametrize("seed", range(4))
def test_strokes_over_a_copy_of_the_frame_are_found(tmp_path: Path, kind: str, line_type: int, seed: int) -> None:
    frame = photograph(seed)
    path = tmp_path / f"copy.{kind}"
    Image.fromarray(lines_over(frame, line_type)).save(path, **({"quality": 90} if kind == "jpg" else {}))
    notes: list[str] = []
    strokes = read_strokes(path, over=lambda: frame, on_note=notes.append)
    assert [stroke.object_id for stroke in strokes] == [1, 2]
    hard = lines_over(np.zeros_like(frame), cv2.LINE_8)
    for stroke, colour in zip(strokes, (RED, GREEN), strict=True):
        exact = (hard == colour).all(axis=2)
        found = stroke.rasterise(320, 180)  # type: ignore[attr-defined]
        assert overlap(found, exact) > (0.9 if kind == "png" else 0.75)
        # What is not under the brush must not be marked: two pixels around it at most.
        assert not (found & (cv2.dilate(exact.view(np.uint8), np.ones((5, 5), np.uint8)) == 0)).any()
    assert notes
    assert notes[0].endswith("painted over a copy of the frame")


def test_black_paint_and_one_thin_line_count_too(tmp_path: Path) -> None:
    frame = cv2.max(photograph(), 40)
    painted = frame.copy()
    cv2.line(painted, (40, 100), (200, 110), (0, 0, 0), 1, cv2.LINE_8)
    Image.fromarray(painted).save(tmp_path / "copy.png")
    (stroke,) = read_painted_strokes(tmp_path / "copy.png", over=lambda: frame)
    assert np.array_equal(stroke.rasterise(320, 180), (painted == 0).all(axis=2))


def test_a_flat_frame_with_black_background_is_no_layer_of_strokes(tmp_path: Path) -> None:
    frame = np.zeros((120, 160, 3), np.uint8)
    cv2.circle(frame, (50, 60), 25, (0, 90, 200), -1)
    painted = frame.copy()
    cv2.line(painted, (40, 60), (60, 60), RED, 5)
    Image.fromarray(painted).save(tmp_path / "copy.png")
    (stroke,) = read_painted_strokes(tmp_path / "copy.png", over=lambda: frame)
    assert np.array_equal(stroke.rasterise(160, 120), (painted == RED).all(axis=2))


def test_a_layer_of_strokes_is_read_as_ever_when_the_frame_is_known(tmp_path: Path) -> None:
    layer = lines_over(np.zeros((180, 320, 3), np.uint8), cv2.LINE_AA)
    Image.fromarray(layer).save(tmp_path / "layer.png")
    alone = read_painted_strokes(tmp_path / "layer.png")
    assert read_painted_strokes(tmp_path / "layer.png", over=photograph) == alone
    assert len(alone) == 2


def test_a_whole_object_painted_over_the_frame_is_a_mask(tmp_path: Path) -> None:
    frame = photograph()
    painted = frame.copy()
    cv2.circle(painted, (160, 90), 40, RED, -1, cv2.LINE_AA)
    Image.fromarray(painted).save(tmp_path / "copy.png")
    (mask,) = read_masks(tmp_path / "copy.png", over=lambda: frame)
    exact = np.zeros((180, 320), np.uint8)
    cv2.circle(exact, (160, 90), 40, 1, -1)
    assert overlap(mask.pixels, exact.astype(bool)) > 0.95


@pytest.mark.parametrize("kind", ["png", "jpg"])
def test_what_is_not_painted_over_this_frame_is_refused(tmp_path: Path, kind: str) -> None:
    frame, other = photograph(0), photograph(1)
    path = tmp_path / f"copy.{kind}"
    Image.fromarray(frame).save(path)
    with pytest.raises(PromptError, match="nothing is painted over the frame"):
        read_painted_strokes(path, over=lambda: frame)
    Image.fromarray(lines_over(other, cv2.LINE_8)).save(path)
    with pytest.raises(PromptError, match=rf"copy\.{kind}: .*(photograph|every pixel is painted|expected PNG)"):
        read_painted_strokes(path, over=lambda: frame)
    moved = frame.copy()
    moved[40:120, 60:160] = np.roll(frame, 30, axis=1)[40:120, 60:160]
    Image.fromarray(lines_over(moved, cv2.LINE_8)).save(path)
    with pytest.raises(PromptError, match="more than paint in flat colours"):
        read_painted_strokes(path, over=lambda: frame)
    veiled = cv2.addWeighted(frame, 0.5, np.full_like(frame, 255), 0.5, 0)
    partly = np.where(np.arange(320)[None, :, None] < 60, veiled, frame)
    Image.fromarray(partly).save(path)
    with pytest.raises(PromptError, match="flat colour"):
        read_painted_strokes(path, over=lambda: frame)
