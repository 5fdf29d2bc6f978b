"""Soft alpha: closer to exact alpha than hard masks, without halo, and read back equal."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.vos.runs.finished_runs import label_maps, write_clip, write_run
from vos.errors import OutputError
from vos.export import (
    ExportContext,
    ExrSink,
    MatteSink,
    make_sink,
    matte_of,
    read_alpha_video,
    read_cutout,
    read_mattes,
)
from vos.export.exr import layer_names, read_exr
from vos.results import FrameResult
from vos.runs.convert import convert_run
from vos.video import Frame, VideoInfo

HEIGHT, WIDTH = 240, 320


def composite(softness: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A textured shape over a textured ground with exact alpha: picture, alpha, and the shape's own colours."""
    rng = np.random.default_rng(seed)

    def texture(tint: tuple[int, int, int]) -> np.ndarray:
        noise = cv2.GaussianBlur(rng.normal(0, 40, (HEIGHT, WIDTH, 3)).astype(np.float32), (0, 0), 2)
        return np.clip(noise + np.array(tint, np.float32), 0, 255)

    mask = np.zeros((HEIGHT, WIDTH), np.float32)
    cv2.ellipse(mask, (150, 120), (90, 60), 20, 0, 360, 1, -1)
    cv2.line(mask, (150, 120), (290, 30), 1, 5)
    alpha = cv2.GaussianBlur(mask, (0, 0), softness)
    front, back = texture((190, 120, 60)), texture((50, 90, 130))
    picture = alpha[..., None] * front + (1 - alpha[..., None]) * back + rng.normal(0, 2, front.shape)
    return np.clip(np.round(picture), 0, 255).astype(np.uint8), alpha, front


def gradient(alpha: np.ndarray) -> np.ndarray:
    across, down = (cv2.Sobel(alpha.astype(np.float32), cv2.CV_32F, *way) / 8 for way in ((1, 0), (0, 1)))
    return np.hypot(across, down)


@pytest.mark.parametrize("softness", [1.5, 2.5])
@pytest.mark.parametrize("shift", [0, 1])
def test_alpha_is_a_third_closer_to_the_truth_than_a_hard_mask(softness: float, shift: int) -> None:
    picture, alpha, _ = composite(softness)
    mask = np.roll(alpha >= 0.5, shift, 1)
    soft = matte_of(picture, mask).alpha
    band = cv2.dilate(((alpha > 0) & (alpha < 1)).astype(np.uint8), np.ones((5, 5))) > 0
    for measure in (
        lambda found: np.abs(found - alpha)[band].sum(),
        lambda found: ((found - alpha)[band] ** 2).mean(),
        lambda found: np.abs(gradient(found) - gradient(alpha))[band].sum(),
    ):
        assert measure(soft) < 0.65 * measure(mask.astype(np.float32))


def test_colours_of_the_border_are_the_objects_own() -> None:
    picture, alpha, front = composite(2.0)
    matte = matte_of(picture, alpha >= 0.5)
    border = (alpha > 0.2) & (alpha < 0.8)
    before = np.abs(picture.astype(float) - front)[border].mean()
    assert np.abs(matte.colours.astype(float) - front)[border].mean() < 0.5 * before
    assert np.array_equal(matte.colours[alpha == 1], picture[alpha == 1])


def test_away_from_the_border_alpha_is_that_of_the_mask() -> None:
    picture, alpha, _ = composite(1.0)
    mask = alpha >= 0.5
    soft = matte_of(picture, mask, band=4).alpha
    inside = cv2.erode(mask.astype(np.uint8), np.ones((11, 11))) > 0
    outside = cv2.dilate(mask.astype(np.uint8), np.ones((11, 11))) == 0
    assert np.all(soft[inside] == 1)
    assert not soft[outside].any()
    assert not matte_of(picture, np.zeros_like(mask)).alpha.any()
    assert np.all(matte_of(picture, np.ones_like(mask)).alpha == 1)


def frames(names: tuple[str, ...] = ()) -> tuple[VideoInfo, Frame, FrameResult]:
    picture, alpha, _ = composite(1.5)
    labels = (alpha >= 0.5).astype(np.uint16)
    labels[:, 200:] *= 7
    second = Fraction(1)
    info = VideoInfo(
        width=WIDTH,
        height=HEIGHT,
        frame_count=1,
        average_rate=second,
        time_base=second,
        codec="",
        container="",
        frame_names=names,
    )
    return info, Frame(0, 0, second, picture), FrameResult(0, 0, second, labels, (1, 7, 9), (1.0, 1.0, 0.0))


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_mattes_of_16_bits_read_back_equal(suffix: str, tmp_path: Path) -> None:
    info, frame, result = frames()
    with MatteSink(tmp_path, suffix=suffix).opened(info) as sink:  # type: ignore[arg-type]
        sink.write(frame, result)
    found = read_mattes(tmp_path)
    assert sorted(found) == [1, 7, 9]
    for object_id in (1, 7):
        expected = matte_of(frame.rgb, result.labels == object_id).alpha
        assert np.abs(found[object_id]["00000"] - expected).max() < 1e-5
    assert not found[9]["00000"].any()
    by_opencv = cv2.imread(str(tmp_path / "001" / f"00000{suffix}"), cv2.IMREAD_UNCHANGED)
    assert by_opencv.dtype == np.uint16
    assert len(np.unique(by_opencv)) > 300
    with pytest.raises(OutputError):
        read_mattes(tmp_path / "001")


@pytest.mark.parametrize("pixels", ["half", "float"])
@pytest.mark.parametrize("compression", ["zip", "piz"])
def test_exr_reads_back_equal_by_its_own_library(pixels: str, compression: str, tmp_path: Path) -> None:
    library = pytest.importorskip("OpenEXR")
    info, frame, result = frames(("shot.0101",))
    context = ExportContext(names={1: "the rabbit", 7: "a/b"})
    sink = ExrSink(tmp_path, context, pixels=pixels, compression=compression)  # type: ignore[arg-type]
    with sink.opened(info):
        sink.write(frame, result)
    found = read_exr(tmp_path / "shot.0101.exr")
    assert sorted(found) == ["a_b", "object_9", "the_rabbit"]
    wanted = np.float16 if pixels == "half" else np.float32
    for name, object_id in (("the_rabbit", 1), ("a_b", 7), ("object_9", 9)):
        assert found[name].dtype == wanted
        assert np.array_equal(found[name], matte_of(frame.rgb, result.labels == object_id).alpha.astype(wanted))
    header = library.File(str(tmp_path / "shot.0101.exr")).header()
    assert header["compression"] == getattr(library, f"{compression.upper()}_COMPRESSION")


def test_layers_never_share_a_name() -> None:
    assert layer_names({1: "a b", 2: "a_b", 4: "x"}, (1, 2, 3, 4)) == {1: "a_b_1", 2: "a_b_2", 3: "object_3", 4: "x"}


def test_an_exr_that_is_none_is_explained(tmp_path: Path) -> None:
    pytest.importorskip("OpenEXR")
    (tmp_path / "a.exr").write_bytes(b"nothing")
    with pytest.raises(OutputError, match="not a readable OpenEXR"):
        read_exr(tmp_path / "a.exr")


def test_soft_videos_and_cut_outs_have_the_same_alpha(tmp_path: Path) -> None:
    info, frame, result = frames()
    expected = matte_of(frame.rgb, result.labels > 0)
    for name in ("prores-soft", "cutouts-soft"):
        with make_sink(name, tmp_path).opened(info) as sink:
            sink.write(frame, result)
    cut = read_cutout(tmp_path / "cutouts_soft" / "00000.png")
    assert np.array_equal(cut[..., 3], np.round(expected.alpha * 255).astype(np.uint8))
    shown = cut[..., 3] > 0
    assert np.array_equal(cut[shown][:, :3], expected.colours[shown])
    ((_, rgba),) = read_alpha_video(tmp_path / "alpha_soft.mov")
    assert np.abs(rgba[..., 3].astype(int) - cut[..., 3]).max() <= 2


def test_a_finished_run_becomes_mattes(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", write_clip(tmp_path / "clip.mkv"), label_maps())
    done = convert_run(run, ["mattes", "mattes-tiff"], output=tmp_path / "out")
    assert [path.name for path in done.paths] == ["mattes", "mattes_tiff"]
    again = convert_run(run, ["mattes-tiff"], output=tmp_path / "out", overwrite=True)
    assert again.frames == len(list((tmp_path / "out" / "mattes_tiff" / "001").glob("*.tif")))
    assert Image.open(tmp_path / "out" / "mattes_tiff" / "001" / "00000.tif").mode.startswith("I;16")
