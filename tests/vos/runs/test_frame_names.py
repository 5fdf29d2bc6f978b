"""Masks of an image folder are named like its frames, and all commands on a run find them by these names."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.seem_model.tiny import tiny_video_model
from tests.vos.runs.finished_runs import label_maps, pictures, write_clip, write_run
from vos.errors import OutputError
from vos.export import read_object_pngs
from vos.files.index_png import read_palette_png, write_palette_png
from vos.files.palette import DAVIS_PALETTE
from vos.prompts import Box, Points, PromptScript
from vos.runs.convert import convert_run
from vos.runs.correction import correct_run
from vos.runs.folder import OutputFolder
from vos.runs.run import RunOptions, TrackJob, run_job
from vos.runs.verify import verify_run

COUNT = 6
FORMS = {"from one": "{:05d}", "with a prefix": "frame_{:04d}", "with a suffix": "{}_rgb"}


def frames_called(folder: Path, form: str) -> list[str]:
    folder.mkdir()
    names = [form.format(index + 1) for index in range(COUNT)]
    for name, picture in zip(names, pictures(COUNT), strict=True):
        Image.fromarray(picture).save(folder / f"{name}.png")
    return names


def stems(folder: Path) -> list[str]:
    return sorted(path.stem for path in folder.iterdir())


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_run_keeps_the_names_and_is_verified_and_converted(tmp_path: Path, form: str) -> None:
    names = frames_called(tmp_path / "frames", form)
    run = write_run(tmp_path / "run", tmp_path / "frames", label_maps())
    assert stems(run / "masks") == sorted(names)
    assert json.loads((run / "run.json").read_text())["video"]["frame_names"] == names
    assert verify_run(tmp_path / "frames", run).difference is None
    convert_run(run, ["objects", "mots", "cutouts"], output=tmp_path / "out")
    assert stems(tmp_path / "out" / "cutouts") == stems(tmp_path / "out" / "objects" / "001") == sorted(names)
    found = read_object_pngs(tmp_path / "out" / "objects", names)
    assert all(np.array_equal(found[1][t], labels == 1) for t, labels in enumerate(label_maps()))
    # What is there can be replaced, because these names are known as its own.
    convert_run(run, ["objects", "mots", "cutouts"], output=tmp_path / "out", overwrite=True)
    assert stems(tmp_path / "out" / "cutouts") == sorted(names)
    # A folder of masks alone is read by the same names.
    convert_run(run / "masks", ["objects"], output=tmp_path / "again", video=tmp_path / "frames")
    assert stems(tmp_path / "again" / "objects" / "001") == sorted(names)


def test_a_mask_of_no_frame_is_found(tmp_path: Path) -> None:
    frames_called(tmp_path / "frames", "frame_{:04d}")
    run = write_run(tmp_path / "run", tmp_path / "frames", label_maps())
    write_palette_png(run / "masks" / "00000.png", label_maps()[0])
    assert "00000.png: a mask of no frame" in str(verify_run(tmp_path / "frames", run).difference)


def test_frames_from_zero_leave_no_list_of_names(tmp_path: Path) -> None:
    (tmp_path / "frames").mkdir()
    for index, picture in enumerate(pictures(COUNT)):
        Image.fromarray(picture).save(tmp_path / "frames" / f"{index:05d}.png")
    run = write_run(tmp_path / "run", tmp_path / "frames", label_maps())
    assert "frame_names" not in json.loads((run / "run.json").read_text())["video"]


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_runs_resume_correct_and_overwrite_under_these_names(tmp_path: Path, form: str) -> None:
    names = frames_called(tmp_path / "frames", form)
    model = tiny_video_model()
    script = PromptScript((Box(3, 4, 17, 16), Box(30, 5, 40, 20, frame=4, object_id=2, direction="both")))
    job = TrackJob(str(tmp_path / "frames"), script, tmp_path / "run")
    run_job(job, model)
    folder = OutputFolder(tmp_path / "run")
    assert stems(folder.masks) == sorted(names)
    whole = {path.name: path.read_bytes() for path in folder.masks.iterdir()}
    # Resume: the last masks are gone, and come again.
    record = json.loads(folder.record.read_text())
    folder.record.write_text(json.dumps(record | {"status": "running"}))
    folder.mask(COUNT - 1).unlink()
    run_job(job, model, RunOptions(resume=True))
    assert {path.name: path.read_bytes() for path in folder.masks.iterdir()} == whole
    report = correct_run(tmp_path / "run", [Points([[5, 5]], frame=2)], model=model)
    assert report.outcome.frames == COUNT
    assert stems(folder.masks) == sorted(names)
    assert verify_run(tmp_path / "frames", tmp_path / "run").difference is None
    # Another run over it, from another folder: nothing of the old one stays.
    other = frames_called(tmp_path / "other", "x{:03d}")
    run_job(TrackJob(str(tmp_path / "other"), script, tmp_path / "run"), model, RunOptions(overwrite=True))
    assert stems(folder.masks) == sorted(other)


def test_names_in_a_record_never_lead_out_of_the_folder(tmp_path: Path) -> None:
    frames_called(tmp_path / "frames", "{:05d}")
    run = write_run(tmp_path / "run", tmp_path / "frames", label_maps())
    record = json.loads((run / "run.json").read_text())
    record["video"]["frame_names"][0] = "../../precious"
    (run / "run.json").write_text(json.dumps(record))
    assert OutputFolder(run).mask(0) == run / "masks" / "00000.png"


def test_colours_of_the_davis_palette_become_ids(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mkv")
    (tmp_path / "colours").mkdir()
    maps = [np.where(labels == 300, 2, labels) for labels in label_maps()]
    for index, labels in enumerate(maps):
        Image.fromarray(DAVIS_PALETTE[labels]).save(tmp_path / "colours" / f"{index:05d}.png")
    convert_run(tmp_path / "colours", ["davis"], output=tmp_path / "out", video=clip)
    for index, labels in enumerate(maps):
        assert np.array_equal(read_palette_png(tmp_path / "out" / "masks" / f"{index:05d}.png"), labels)
    Image.fromarray(np.full((31, 47, 3), 77, np.uint8)).save(tmp_path / "colours" / "00003.png")
    with pytest.raises(OutputError, match=r"00003\.png: colour #4d4d4d is none of the DAVIS palette"):
        convert_run(tmp_path / "colours", ["davis"], output=tmp_path / "out2", video=clip)
