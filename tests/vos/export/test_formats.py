"""Every format is written and read back equal, twice with the same bytes, complete or not at all."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.extras import need
from tests.vos.export.synthetic_run import feed, info, run
from vos.errors import OutputError, UsageError
from vos.export import (
    FORMATS,
    CocoSink,
    MaskSink,
    NpzSink,
    ObjectPngSink,
    PalettePngSink,
    YoutubeVisSink,
    make_sink,
    read_coco,
    read_object_pngs,
    read_palette_png,
    read_youtube_vis,
)
from vos.files.index_png import write_palette_png
from vos.files.palette import DAVIS_PALETTE
from vos.files.places import PLACES
from vos.prompts import read_masks
from vos.results import FrameResult

ID_SETS = [(1,), (1, 2, 3), (2, 254), (1, 255), (7, 300, 65535)]


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def expected_masks(results: list[FrameResult]) -> dict[int, dict[int, np.ndarray]]:
    """Object id -> frame -> mask, where it has pixels."""
    masks: dict[int, dict[int, np.ndarray]] = {}
    for result in results:
        for object_id in result.object_ids:
            of_object = masks.setdefault(object_id, {})
            if result.mask_of(object_id).any():
                of_object[result.index] = result.mask_of(object_id)
    return masks


def assert_same_masks(found: dict[int, dict[int, np.ndarray]], expected: dict[int, dict[int, np.ndarray]]) -> None:
    assert {i: sorted(frames) for i, frames in found.items()} == {i: sorted(frames) for i, frames in expected.items()}
    for object_id, frames in expected.items():
        for index, mask in frames.items():
            assert np.array_equal(found[object_id][index], mask)


@pytest.mark.parametrize("name", FORMATS)
def test_two_writes_give_the_same_bytes_and_nothing_temporary_stays(name: str, tmp_path: Path) -> None:
    for folder in ("a", "b"):
        feed(make_sink(name, tmp_path / folder), run())
    first, second = files_of(tmp_path / "a"), files_of(tmp_path / "b")
    assert first == second
    assert first
    assert all(path.startswith(FORMATS[name].place) and not path.endswith(".part") for path in first)


@pytest.mark.parametrize("name", ["ytvis", "coco", "npz"])
def test_a_format_that_needs_all_frames_leaves_nothing_after_a_failure(name: str, tmp_path: Path) -> None:
    sink = make_sink(name, tmp_path)
    sink.open(info())
    for frame, result in run()[:3]:
        sink.write(frame, result)
    sink.abort()
    assert files_of(tmp_path) == {}


@pytest.mark.parametrize("name", FORMATS)
def test_an_unwritable_place_is_named(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="file"):
        feed(make_sink(name, tmp_path / "file"), run())


def test_an_unknown_format_lists_those_there_are() -> None:
    with pytest.raises(UsageError, match="'gif' is not one of davis, objects"):
        make_sink("gif", Path())


@pytest.mark.parametrize("ids", ID_SETS)
def test_index_pngs_read_back_equal(ids: tuple[int, ...], tmp_path: Path) -> None:
    frames = run(ids=ids)
    feed(PalettePngSink(tmp_path), frames)
    assert sorted(p.name for p in tmp_path.iterdir()) == [f"{i:05d}.png" for i in range(5)]
    for _, result in frames:
        assert np.array_equal(read_palette_png(tmp_path / f"{result.index:05d}.png"), result.labels)


@settings(deadline=None, max_examples=40)
@given(
    width=st.integers(1, 50),
    height=st.integers(1, 50),
    seed=st.integers(0, 2**32 - 1),
    highest=st.sampled_from([1, 2, 254, 255, 65535]),
)
def test_any_label_map_comes_back_from_an_index_png(
    width: int, height: int, seed: int, highest: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    labels = np.random.default_rng(seed).integers(0, highest + 1, (height, width)).astype(np.uint16)
    path = tmp_path_factory.mktemp("png") / "00000.png"
    write_palette_png(path, labels)
    assert np.array_equal(read_palette_png(path), labels)
    if labels.any():
        masks = read_masks(path)
        assert all(np.array_equal(mask.pixels, labels == mask.object_id) for mask in masks)
        assert [mask.object_id for mask in masks] == [i for i in np.unique(labels) if i]


def test_index_pngs_carry_the_davis_palette(tmp_path: Path) -> None:
    feed(PalettePngSink(tmp_path), run())
    with Image.open(tmp_path / "00001.png") as image:
        assert image.mode == "P"
        palette = image.getpalette()
    assert palette is not None
    assert palette == DAVIS_PALETTE[: len(palette) // 3].ravel().tolist()


def test_ids_from_255_change_the_rest_of_a_run_to_16_bits(tmp_path: Path) -> None:
    # Object 255 becomes known in frame 1.
    feed(PalettePngSink(tmp_path), run(ids=(1, 255)))
    modes = []
    for path in sorted(tmp_path.iterdir()):
        with Image.open(path) as image:
            modes.append(image.mode)
    assert modes == ["P", "I;16", "I;16", "I;16", "I;16"]


def test_ids_that_no_png_can_hold_are_refused(tmp_path: Path) -> None:
    for labels in (np.full((3, 3), 65536), np.full((3, 3), -1)):
        with pytest.raises(OutputError, match=r"0\.\.65535"):
            write_palette_png(tmp_path / "x.png", labels)
    assert not any(tmp_path.iterdir())


def test_frames_beyond_99999_get_longer_names(tmp_path: Path) -> None:
    frame, result = run(count=1, ids=(1,))[0]
    late = FrameResult(123456, 0, result.time_base, result.labels, result.object_ids, result.presence)
    feed(PalettePngSink(tmp_path), [(frame, late)])
    assert (tmp_path / "123456.png").exists()


def test_files_that_are_no_index_png_are_named(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "rgb.png")
    (tmp_path / "text.png").write_text("hello")
    for name in ("rgb.png", "text.png", "none.png"):
        with pytest.raises(OutputError, match=name):
            read_palette_png(tmp_path / name)


def test_object_pngs_read_back_equal(tmp_path: Path) -> None:
    frames = run(ids=(1, 12, 4000))
    feed(ObjectPngSink(tmp_path), frames)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["001", "012", "4000"]
    found = read_object_pngs(tmp_path)
    assert sorted(found[4000]) == [1, 2, 3, 4], "an object has files from the frame on which it is known"
    assert not found[1][2].any(), "an absent object has an empty mask"
    with_pixels = {i: {n: mask for n, mask in masks.items() if mask.any()} for i, masks in found.items()}
    assert_same_masks(with_pixels, expected_masks([result for _, result in frames]))
    with pytest.raises(OutputError, match="no folder of an object"):
        read_object_pngs(tmp_path / "001")


@pytest.mark.parametrize(("make", "read"), [(YoutubeVisSink, read_youtube_vis), (CocoSink, read_coco)])
@pytest.mark.parametrize("ids", ID_SETS)
def test_rle_json_reads_back_equal(
    make: Callable[[Path], MaskSink], read: Callable[[Path], dict], ids: tuple[int, ...], tmp_path: Path
) -> None:
    frames = run(ids=ids)
    feed(make(tmp_path / "masks.json"), frames)
    assert_same_masks(read(tmp_path / "masks.json"), expected_masks([result for _, result in frames]))


def test_youtube_vis_lists_every_frame_and_null_where_the_object_is_absent(tmp_path: Path) -> None:
    feed(YoutubeVisSink(tmp_path / "m.json"), run(ids=(1, 3)))
    value = json.loads((tmp_path / "m.json").read_text())
    assert value["videos"] == [
        {"id": 1, "width": 48, "height": 32, "length": 5, "file_names": [f"{i:05d}.png" for i in range(5)]}
    ]
    first, second = value["annotations"]
    assert [s is None for s in first["segmentations"]] == [False, False, True, False, False]
    assert second["segmentations"][0] is None
    assert [len(a[key]) for a in value["annotations"] for key in ("segmentations", "bboxes", "areas")] == [5] * 6


def test_coco_json_is_read_by_pycocotools(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    coco = need("pycocotools.coco", "formats")
    frames = run(ids=(1, 3))
    feed(CocoSink(tmp_path / "m.json"), frames)
    api = coco.COCO(str(tmp_path / "m.json"))
    capsys.readouterr()
    results = {result.index + 1: result for _, result in frames}
    assert sorted(api.getImgIds()) == sorted(results)
    count = 0
    for annotation in api.loadAnns(api.getAnnIds()):
        mask = results[annotation["image_id"]].mask_of(annotation["track_id"])
        assert np.array_equal(api.annToMask(annotation), mask)
        assert annotation["area"] == mask.sum()
        rows, columns = np.nonzero(mask)
        x, y = columns.min(), rows.min()
        assert annotation["bbox"] == [x, y, columns.max() - x + 1, rows.max() - y + 1]
        count += 1
    assert count == sum(len(m) for m in expected_masks([result for _, result in frames]).values())


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"annotations": [3]}', '{"annotations": [{"id": 1}]}'])
def test_broken_json_is_named(content: str, tmp_path: Path) -> None:
    (tmp_path / "m.json").write_text(content)
    for read in (read_coco, read_youtube_vis):
        with pytest.raises(OutputError, match=r"m\.json"):
            read(tmp_path / "m.json")


@pytest.mark.parametrize("ids", ID_SETS)
def test_the_archive_reads_back_equal(ids: tuple[int, ...], tmp_path: Path) -> None:
    frames = run(ids=ids)
    feed(NpzSink(tmp_path / "m.npz"), frames)
    results = [result for _, result in frames]
    with np.load(tmp_path / "m.npz", allow_pickle=False) as archive:
        assert np.array_equal(archive["labels"], np.stack([result.labels for result in results]))
        assert archive["index"].tolist() == [0, 1, 2, 3, 4]
        assert archive["pts"].tolist() == [result.pts for result in results]
        assert archive["time_base"].tolist() == [1, 1000]
        assert archive["object_ids"].tolist() == list(ids)
        assert archive["presence"].shape == (5, len(ids))
        for row, result in zip(archive["presence"], results, strict=True):
            known = dict(zip(result.object_ids, result.presence, strict=True))
            assert [None if np.isnan(p) else p for p in row] == [known.get(i) for i in ids]


def test_a_finished_file_survives_a_failed_rewrite(tmp_path: Path) -> None:
    feed(NpzSink(tmp_path / "m.npz"), run(seed=1))
    before = files_of(tmp_path)
    sink = NpzSink(tmp_path / "m.npz")
    sink.open(info())
    sink.write(*run(seed=2)[0])
    sink.abort()
    assert files_of(tmp_path) == before


def test_every_format_has_its_place_and_the_folder_of_a_run_knows_it_without_the_writers() -> None:
    assert {name: row.home for name, row in FORMATS.items()} == PLACES
    code = "import sys, vos.runs.folder; print([name for name in sys.modules if name.startswith('vos.export')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
