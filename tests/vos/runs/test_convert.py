"""`vos convert`: every format of a finished run holds the run's masks, and mistakes end in one line."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from tests.vos.export.masks_of_runs import Masks, assert_same_masks, masks_of
from tests.vos.runs.finished_runs import (
    HEIGHT,
    TIME_BASE,
    WIDTH,
    change_record,
    label_maps,
    pictures,
    write_clip,
    write_run,
)
from vos.cli.main import main
from vos.errors import OutputError, UsageError, VideoError, VosError
from vos.export import (
    FORMATS,
    read_alpha_video,
    read_burst,
    read_coco,
    read_cutout,
    read_cvat,
    read_label_studio,
    read_mots_png,
    read_mots_text,
    read_object_pngs,
    read_palette_png,
    read_youtube_vis,
)
from vos.files.index_png import write_palette_png
from vos.runs.convert import convert_run
from vos.runs.recorded import recorded_place
from vos.video import open_source


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip") / "clip.mkv")


@pytest.fixture(scope="module")
def run(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("run"), clip, label_maps(), names={300: 'the "cat" & <dog>'})


@pytest.fixture(scope="module")
def everything(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All formats, converted in one pass."""
    output = tmp_path_factory.mktemp("everything")
    names = [name for name in FORMATS if name not in NEEDED or find_spec(NEEDED[name])]
    done = convert_run(run, names, output=output)
    assert done.paths == tuple(output / FORMATS[name].place for name in names)
    assert done.frames == 6
    assert [note for note in done.notes if "variable rate" not in note] == []
    return output


def _davis(folder: Path) -> Masks:
    return masks_of([read_palette_png(path) for path in sorted(folder.iterdir())])


def _objects(folder: Path) -> Masks:
    found = read_object_pngs(folder)
    return {i: {index: mask for index, mask in frames.items() if mask.any()} for i, frames in found.items()}


def _npz(path: Path) -> Masks:
    with np.load(path, allow_pickle=False) as archive:
        return masks_of(list(archive["labels"]))


EXACT: dict[str, Callable[[Path], Masks]] = {
    "davis": _davis,
    "objects": _objects,
    "ytvis": read_youtube_vis,
    "coco": read_coco,
    "burst": read_burst,
    "mots": read_mots_png,
    "mots-txt": read_mots_text,
    "cvat": read_cvat,
    "cvat-images": read_cvat,
    "labelstudio": read_label_studio,
    "npz": _npz,
}
# Formats without the masks of single objects; each has a test of its own below.
PICTURES = {"labelstudio-video", "prores", "vp9", "cutouts", "frames", "overlay", "overlay-mov", "overlay-mkv", "sheet"}
# tests/vos/export/test_soft_alpha.py
SOFT = {"prores-soft", "vp9-soft", "cutouts-soft", "mattes", "mattes-tiff", "exr"}
NEEDED = {"exr": "OpenEXR"}


def test_no_format_goes_untested() -> None:
    assert set(EXACT) | PICTURES | SOFT == set(FORMATS)


@pytest.mark.parametrize("name", EXACT)
def test_a_format_of_masks_reads_back_equal(name: str, everything: Path) -> None:
    # Odd sizes, a hole, an id above 255, frames without one of the objects, a name that XML has to escape.
    assert_same_masks(EXACT[name](everything / FORMATS[name].place), masks_of(label_maps()))


def test_cut_outs_have_the_colours_of_the_source_on_objects_and_nothing_elsewhere(everything: Path) -> None:
    for index, (labels, picture) in enumerate(zip(label_maps(), pictures(), strict=True)):
        rgba = read_cutout(everything / "cutouts" / f"{index:05d}.png")
        assert np.array_equal(rgba[:, :, 3], np.where(labels > 0, 255, 0))
        assert np.array_equal(rgba[:, :, :3], np.where(labels[:, :, None] > 0, picture, 0))


@pytest.mark.parametrize(("name", "colours", "alpha"), [("prores", 3, 0), ("vp9", 12, 40)])
def test_alpha_video_keeps_masks_times_and_size(name: str, colours: int, alpha: int, everything: Path) -> None:
    """ProRes stores alpha without loss. VP9 codes it like a picture: a few levels are lost, never the threshold."""
    frames = list(read_alpha_video(everything / FORMATS[name].place))
    assert [round(time, 4) for time, _ in frames] == [(t * 40 + t % 3 * 7) / 1000 for t in range(6)]
    for (_, rgba), labels, picture in zip(frames, label_maps(), pictures(), strict=True):
        assert rgba.shape == (HEIGHT, WIDTH, 4)
        assert np.array_equal(rgba[:, :, 3] > 127, labels > 0)
        assert np.abs(rgba[:, :, 3].astype(int) - np.where(labels > 0, 255, 0)).max() <= alpha
        assert np.abs(rgba[:, :, :3].astype(int) - picture).mean() <= colours


def test_label_studio_boxes_end_where_the_object_leaves(everything: Path) -> None:
    (task,) = json.loads((everything / "label_studio_video.json").read_text())
    first, second = task["predictions"][0]["result"]
    assert task["data"]["video"] == "clip.mkv"
    assert [box["frame"] for box in second["value"]["sequence"]] == [1, 2, 7, 9]
    assert [box["enabled"] for box in second["value"]["sequence"]] == [True, False, True, True]
    assert second["value"]["labels"] == ['the "cat" & <dog>']
    box = first["value"]["sequence"][1]
    found = [box["x"] * WIDTH, box["y"] * HEIGHT, box["width"] * WIDTH, box["height"] * HEIGHT]
    assert found == pytest.approx([500, 400, 1400, 1200])
    assert box["time"] == 0.047


def test_overlay_and_contact_sheet_are_those_of_a_run(everything: Path, clip: Path) -> None:
    with av.open(str(everything / "overlay.mp4")) as container:
        times = [Fraction(frame.pts) * frame.time_base for frame in container.decode(video=0)]
    assert times == [(t * 40 + t % 3 * 7) * TIME_BASE for t in range(6)]
    with Image.open(everything / "contact_sheet.png") as sheet:
        assert sheet.size == (3 * WIDTH, 2 * HEIGHT)


def test_names_become_categories_and_ids_stay(everything: Path) -> None:
    coco = json.loads((everything / "coco.json").read_text())
    assert [c["name"] for c in coco["categories"]] == ["object", 'the "cat" & <dog>']
    assert {(a["track_id"], a["category_id"]) for a in coco["annotations"]} == {(1, 1), (300, 2)}
    assert (everything / "mots/instances/labels.txt").read_text().splitlines() == ["object", 'the "cat" & <dog>']
    with Image.open(everything / "mots/instances/00000.png") as image:
        assert set(np.unique(np.array(image))) == {0, 1001, 2300}


def test_masks_alone_need_no_video(clip: Path, tmp_path: Path) -> None:
    moved = tmp_path / "clip.mkv"
    moved.write_bytes(clip.read_bytes())
    root = write_run(tmp_path / "run", moved, label_maps())
    moved.rename(tmp_path / "elsewhere.mkv")
    convert_run(root, ["coco,npz"])
    with pytest.raises(VideoError, match="is missing; give its location with --video"):
        convert_run(root, ["overlay"])
    assert not (root / "overlay.mp4").exists()
    convert_run(root, ["overlay"], video=str(tmp_path / "elsewhere.mkv"))
    assert (root / "overlay.mp4").exists()
    other = write_clip(tmp_path / "other.mkv", count=7)
    with pytest.raises(VideoError, match="not the video of the run"):
        convert_run(root, ["cutouts"], video=str(other))


def test_only_some_objects_by_id_or_name(run: Path, tmp_path: Path) -> None:
    convert_run(run, ["coco"], output=tmp_path / "by_name", objects=['the "cat" & <dog>'])
    convert_run(run, ["coco"], output=tmp_path / "by_id", objects=[300])
    expected = {300: masks_of(label_maps())[300]}
    for name in ("by_name", "by_id"):
        assert_same_masks(read_coco(tmp_path / name / "coco.json"), expected)
    with pytest.raises(UsageError, match="no object is called 'dog'"):
        convert_run(run, ["coco"], output=tmp_path / "x", objects=["dog"])


def test_an_image_folder_gives_its_file_names(tmp_path: Path) -> None:
    (tmp_path / "frames").mkdir()
    for t, picture in enumerate(pictures()):
        Image.fromarray(picture).save(tmp_path / "frames" / f"shot_{t + 7}.png")
    root = write_run(tmp_path / "run", tmp_path / "frames", label_maps())
    convert_run(root, ["coco", "burst", "cvat-images"])
    names = [f"shot_{t + 7}.png" for t in range(6)]
    assert [image["file_name"] for image in json.loads((root / "coco.json").read_text())["images"]] == names
    assert json.loads((root / "burst.json").read_text())["sequences"][0]["annotated_image_paths"] == names
    assert 'name="shot_12.png"' in (root / "cvat_images.xml").read_text()


def test_a_plain_folder_of_masks_with_its_video(clip: Path, tmp_path: Path) -> None:
    masks = tmp_path / "masks"
    masks.mkdir()
    for t, labels in enumerate(label_maps()):
        write_palette_png(masks / f"{t:05d}.png", labels)
    convert_run(masks, ["ytvis", "npz"], output=tmp_path / "out", video=str(clip))
    assert_same_masks(read_youtube_vis(tmp_path / "out/youtube_vis.json"), masks_of(label_maps()))
    with np.load(tmp_path / "out/masks.npz") as archive:
        assert archive["pts"].tolist() == [t * 40 + t % 3 * 7 for t in range(6)]
    (masks / "00004.png").unlink()
    with pytest.raises(OutputError, match=r"00004\.png: there is no mask for frame 4 of"):
        convert_run(masks, ["coco"], output=tmp_path / "out", video=str(clip))
    assert not (tmp_path / "out/coco.json").exists()


def test_an_unfinished_run_gives_what_is_there_and_says_so(clip: Path, tmp_path: Path) -> None:
    root = write_run(tmp_path / "run", clip, label_maps()[:4], status="interrupted")
    done = convert_run(root, ["coco", "overlay"])
    assert done.frames == 4
    assert "not finished" in done.notes[0] and "4 frames" in done.notes[0]
    assert len(json.loads((root / "coco.json").read_text())["images"]) == 4


def test_existing_results_are_kept_unless_asked_for(run: Path, tmp_path: Path) -> None:
    convert_run(run, ["objects", "coco"], output=tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.*")}
    with pytest.raises(OutputError, match=r"objects: exists already; pass --overwrite"):
        convert_run(run, ["objects"], output=tmp_path)
    convert_run(run, ["objects", "coco"], output=tmp_path, overwrite=True)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.*")} == before
    (tmp_path / "objects/mine.txt").write_text("keep me")
    with pytest.raises(OutputError, match=r"mine\.txt: was not written by this format"):
        convert_run(run, ["objects"], output=tmp_path, overwrite=True)
    assert (tmp_path / "objects/mine.txt").read_text() == "keep me"


def test_a_failure_on_the_way_leaves_nothing(clip: Path, tmp_path: Path) -> None:
    root = write_run(tmp_path / "run", clip, label_maps())
    (root / "masks/00004.png").unlink()
    output = tmp_path / "out"
    with pytest.raises(OutputError, match=r"00004\.png"):
        convert_run(root, list(FORMATS), output=output)
    assert list(output.iterdir()) == []


def test_a_mask_that_was_changed_is_not_passed_off_as_the_runs(clip: Path, tmp_path: Path) -> None:
    root = write_run(tmp_path / "run", clip, label_maps())
    write_palette_png(root / "masks/00002.png", np.zeros((HEIGHT, WIDTH), np.uint16), wide=True)
    with pytest.raises(OutputError, match=r"00002\.png: was changed since the run wrote it; .* --video"):
        convert_run(root, ["coco"])


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("{run}", "--to", "coco,gif"), 2, r"mask format 'gif' is not one of davis, objects"),
        (("{run}", "--to", "davis"), 2, r"these masks are in the format davis"),
        (("{run}/nothing", "--to", "coco"), 1, r"no such folder"),
        (("{run}/..", "--to", "coco"), 1, r"neither the folder of a run"),
        (("{run}/masks", "--to", "coco"), 1, r"say with --video which video"),
    ],
)
def test_mistakes_on_the_command_line_are_one_line(
    arguments: tuple[str, ...],
    status: int,
    message: str,
    clip: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    root = write_run(tmp_path / "run", clip, label_maps())
    with pytest.raises(SystemExit) as stopped:
        main(["convert", *(argument.format(run=root) for argument in arguments), "--quiet"])
    assert stopped.value.code == status
    error = capsys.readouterr().err.strip()
    assert error.count("\n") == 0
    assert re.search(message, error)


def test_the_command_tells_what_it_wrote(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["convert", str(run), "--to", "burst", "--to", "mots-txt", "-o", str(tmp_path / "o"), "--json"])
    assert not stopped.value.code
    done = json.loads(capsys.readouterr().out)
    assert done["paths"] == [str(tmp_path / "o/burst.json"), str(tmp_path / "o/mots.txt")]
    assert done["frames"] == 6


def test_a_damaged_record_is_named(clip: Path, tmp_path: Path) -> None:
    root = write_run(tmp_path / "run", clip, label_maps())
    change_record(root, video={"width": "wide"})
    with pytest.raises(VosError, match=r"\$\.video\.width: expected a whole number"):
        convert_run(root, ["coco"])


def test_a_video_that_was_named_from_another_folder_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_clip(tmp_path / "clip.mkv")
    monkeypatch.chdir(tmp_path)
    run = write_run(Path("runs/one"), Path("clip.mkv"), label_maps()).absolute()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    convert_run(run, ["cutouts"])
    assert len(list((run / "cutouts").iterdir())) == len(label_maps())
    assert recorded_place("clip.mkv", run) == str(tmp_path / "clip.mkv")
    (tmp_path / "clip.mkv").unlink()
    with pytest.raises(VideoError, match="--video"):
        convert_run(run, ["cutouts"], overwrite=True)


def test_the_frames_that_coco_names_are_written_on_request(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", write_clip(tmp_path / "clip.mkv"), label_maps())
    convert_run(run, ["coco", "frames"])
    for index, image in enumerate(json.loads((run / "coco.json").read_text())["images"]):
        with Image.open(run / "frames" / image["file_name"]) as frame:
            assert np.array_equal(np.array(frame), pictures()[index])


def test_a_part_keeps_the_numbers_and_times_of_the_source(run: Path, tmp_path: Path) -> None:
    done = convert_run(run, ["objects", "coco", "npz", "overlay-mkv", "sheet"], output=tmp_path, frames=(2, 4))
    assert done.frames == 3
    assert sorted(path.stem for path in (tmp_path / "objects" / "001").iterdir()) == ["00002", "00003", "00004"]
    whole = masks_of(label_maps())
    part = {i: {t: mask for t, mask in own.items() if 2 <= t <= 4} for i, own in whole.items()}
    assert_same_masks(read_coco(tmp_path / "coco.json"), part)
    with np.load(tmp_path / "masks.npz", allow_pickle=False) as archive:
        assert archive["index"].tolist() == [2, 3, 4]
        assert archive["pts"].tolist() == [94, 120, 167]
    with open_source(tmp_path / "overlay.mkv") as source:
        assert [round(frame.time * 1000) for frame in source] == [94, 120, 167]


@pytest.mark.parametrize(("frames", "names"), [((4, 2), ["npz"]), ((0, 6), ["npz"]), ((1, 2), ["npz", "burst"])])
def test_a_part_that_is_none_is_refused(frames: tuple[int, int], names: list[str], run: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        convert_run(run, names, output=tmp_path / "out", frames=frames)
    assert not (tmp_path / "out").exists()
