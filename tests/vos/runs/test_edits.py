"""Edits of finished runs: what they do to masks, that nothing is lost, and that later commands agree with them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from seem_model.video_model import VideoModel
from tests.vos.runs.folder_contents import hashes
from tests.vos.scenes import moving_shapes, write_at_a_variable_rate
from vos import Delete, Lock, Merge, Split, Swap, Unlock, correct_run, edit_run, track_script, undo_edit
from vos.cli.main import main
from vos.errors import OutputError, PromptError, UsageError
from vos.prompts import Box, Mask, Points, Polygon, PromptScript
from vos.runs import edit_run as edit_module
from vos.runs.commit import recover_commit
from vos.runs.convert import convert_run
from vos.runs.edit_run import edits_of
from vos.runs.folder import OutputFolder
from vos.runs.masks import read_labels
from vos.runs.options import RunOptions
from vos.runs.record import read_record
from vos.runs.replay import replay_run
from vos.runs.verify import verify_run
from vos.tracking.load_model import load_model

FRAMES = 8
OFTEN = RunOptions(snapshot_every=3)
SCENE = moving_shapes(count=FRAMES, objects=2, height=64, width=96)
SCRIPT = PromptScript((Mask(SCENE.masks[1][0]), Mask(SCENE.masks[2][0], object_id=2)), names={1: "disc"})


@pytest.fixture(scope="module")
def model() -> VideoModel:
    return load_model("compact", device="cpu", short_side=64)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_at_a_variable_rate(SCENE, tmp_path_factory.mktemp("clip") / "shapes.mp4")


@pytest.fixture(scope="module")
def finished(clip: Path, model: VideoModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("finished") / "out"
    track_script(clip, SCRIPT, output, model=model, overlay=True, options=OFTEN)
    return output


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "out"))


def labels_of(run: Path) -> list[np.ndarray]:
    return [read_labels(OutputFolder(run), index) for index in range(FRAMES)]


def members(run: Path) -> dict[str, object]:
    return read_record(OutputFolder(run))


def test_a_swap_trades_masks_on_its_frames_only(run: Path, clip: Path) -> None:
    before = labels_of(run)
    report = edit_run(run, Swap(1, 2, frames=(2, 4)))
    assert report.frames_changed == 3
    for index, (old, new) in enumerate(zip(before, labels_of(run), strict=True)):
        wanted = np.select([old == 1, old == 2], [2, 1], 0) if 2 <= index <= 4 else old
        assert np.array_equal(new, wanted)
    assert verify_run(clip, run).difference is None
    assert (run / "overlay.mp4").is_file(), "it was asked for with the run, so it is written again"


def test_merge_and_delete(run: Path, clip: Path) -> None:
    before = labels_of(run)
    edit_run(run, [Merge(2, 1, frames=(1, 3)), Delete(1, frames=(6, 7))])
    after = labels_of(run)
    assert np.array_equal(after[2], np.where(before[2] == 2, 1, before[2]))
    assert np.array_equal(after[6], np.where(before[6] == 1, 0, before[6]))
    assert np.array_equal(after[0], before[0])
    assert verify_run(clip, run).difference is None
    record = members(run)
    assert record["objects"]["1"]["frames_with_pixels"] == FRAMES - 2  # type: ignore[index]
    assert record["objects"]["2"]["frames_with_pixels"] == FRAMES - 3  # type: ignore[index]
    lost = [(event["event"], event["object"], event["frame"]) for event in record["events"]]  # type: ignore[attr-defined]
    assert lost == [("lost", 2, 1), ("reacquired", 2, 4)]


def test_a_split_by_an_area_makes_a_part_an_object(run: Path, clip: Path) -> None:
    before = labels_of(run)
    middle = int(np.nonzero(before[0] == 1)[1].mean())
    report = edit_run(run, Split(1, Box(0, 0, middle, 64), name="left", frames=(0, 2)))
    assert report.new_object == 3
    after = labels_of(run)[0]
    assert np.array_equal(after == 3, (before[0] == 1) & (np.arange(96) < middle))
    assert np.array_equal(after == 1, (before[0] == 1) & (np.arange(96) >= middle))
    assert members(run)["names"] == {"1": "disc", "3": "left"}
    assert verify_run(clip, run).difference is None
    edit_run(run, Split(1, Polygon([[(0, 0), (96, 0), (96, 64), (0, 64)]]), into=3, frames=(0, 0)))
    assert np.array_equal(labels_of(run)[0] == 3, before[0] == 1)


def test_a_split_by_pieces_follows_the_piece_under_the_point(run: Path) -> None:
    before = labels_of(run)
    edit_run(run, Merge(2, 1))
    rows, columns = np.nonzero(before[4] == 2)
    x, y = int(np.median(columns)), int(np.median(rows))
    report = edit_run(run, Split(1, Points([[x + 0.5, y + 0.5]], frame=4), into=2))
    assert report.new_object == 2
    for index, (old, new) in enumerate(zip(before, labels_of(run), strict=True)):
        assert np.array_equal(new > 0, old > 0)
        # The discs do not touch; single pixels that tracking has left apart from them are no part of the piece.
        assert (new != old).sum() <= 0.05 * (old == 2).sum(), f"frame {index}"


def test_undo_brings_back_every_byte(run: Path) -> None:
    start = hashes(run)
    edit_run(run, Swap(1, 2, frames=(2, 4)))
    once = hashes(run)
    edit_run(run, Delete(1, frames=(3, 6)))
    edit_run(run, Lock(2, frames=(0, 5)))
    undo_edit(run)
    undo_edit(run)
    assert hashes(run) == once
    undo_edit(run)
    assert hashes(run) == start
    assert not (run / "tracked").exists()
    with pytest.raises(UsageError, match="no edit to take back"):
        undo_edit(run)


def test_edits_are_applied_again_to_what_a_correction_tracks(
    run: Path, clip: Path, model: VideoModel, tmp_path: Path
) -> None:
    correction = [Mask(SCENE.masks[1][5], frame=5)]
    edit_run(run, [Swap(1, 2, frames=(2, 6)), Delete(2, frames=(7, 7))])
    report = correct_run(run, correction, model=model, options=OFTEN)
    assert (report.first, report.last, report.frames_locked) == (5, 7, 0)
    track_script(clip, SCRIPT.merge(correction), tmp_path / "other", model=model, overlay=True, options=OFTEN)
    edit_run(tmp_path / "other", [Swap(1, 2, frames=(2, 6)), Delete(2, frames=(7, 7))])
    assert hashes(run) == hashes(tmp_path / "other")
    assert verify_run(clip, run).difference is None


def test_locked_frames_keep_their_bytes_through_corrections(run: Path, clip: Path, model: VideoModel) -> None:
    edit_run(run, Lock(frames=(3, 5)))
    before = {path.name: path.read_bytes() for path in (run / "masks").iterdir()}
    report = correct_run(run, [Mask(SCENE.masks[2][2], frame=2)], model=model, options=OFTEN)
    after = {path.name: path.read_bytes() for path in (run / "masks").iterdir()}
    assert [name for name in sorted(after) if after[name] == before[name] and name > "00001.png"] == [
        "00003.png",
        "00004.png",
        "00005.png",
    ]
    assert (report.frames_recomputed, report.frames_locked) == (6, 3)
    assert verify_run(clip, run).difference is None
    edit_run(run, Unlock(frames=(4, 4)))
    assert (run / "masks" / "00004.png").read_bytes() != before["00004.png"], "what was tracked appears"
    assert (run / "masks" / "00003.png").read_bytes() == before["00003.png"]


def test_a_locked_object_keeps_its_pixels_while_others_change(run: Path, model: VideoModel) -> None:
    edit_run(run, Lock(1, frames=(2, 7)))
    before = labels_of(run)
    correct_run(run, [Mask(SCENE.masks[1][3] | SCENE.masks[2][3], object_id=2, frame=3)], model=model, options=OFTEN)
    after = labels_of(run)
    assert all(np.array_equal(after[index] == 1, before[index] == 1) for index in range(2, 8))
    assert not np.array_equal(after[3] == 2, before[3] == 2)
    for edit in (Swap(1, 2, frames=(7, 7)), Delete(1), Merge(2, 1, frames=(0, 2))):
        with pytest.raises(UsageError, match="object 1 is locked; take the lock off with --unlock"):
            edit_run(run, edit)
    edit_run(run, Delete(2, frames=(7, 7)))


def test_a_replay_repeats_the_edits(run: Path, model: VideoModel, tmp_path: Path) -> None:
    edit_run(run, [Swap(1, 2, frames=(2, 4)), Lock(1, frames=(2, 4)), Delete(2, frames=(4, 6))])
    correct_run(run, [Mask(SCENE.masks[1][1], frame=1)], model=model, options=OFTEN)
    found = replay_run(run, tmp_path / "again")
    assert (found.frames, found.difference) == (FRAMES, None)
    for index in range(FRAMES):
        assert (run / "masks" / f"{index:05d}.png").read_bytes() == (
            tmp_path / "again" / "masks" / f"{index:05d}.png"
        ).read_bytes()


def test_exports_show_the_edited_masks(run: Path) -> None:
    convert_run(run, ["coco"])
    report = edit_run(run, Delete(2))
    assert report.removed == ("coco.json",), "it showed the masks before"
    convert_run(run, ["coco"])
    assert len(json.loads((run / "coco.json").read_text())["annotations"]) == FRAMES, "one object is left"


def test_a_run_with_backward_prompts_can_be_edited_and_corrected(clip: Path, model: VideoModel, tmp_path: Path) -> None:
    script = PromptScript((Mask(SCENE.masks[1][0]), Mask(SCENE.masks[2][4], object_id=2, frame=4, direction="both")))
    run = tmp_path / "both"
    track_script(clip, script, run, model=model, options=OFTEN)
    start = hashes(run)
    edit_run(run, Swap(1, 2, frames=(0, 3)))
    assert verify_run(clip, run).difference is None
    undo_edit(run)
    assert hashes(run) == start
    edit_run(run, Swap(1, 2, frames=(0, 3)))
    correct_run(run, [Mask(SCENE.masks[1][6], frame=6)], model=model, options=OFTEN)
    assert verify_run(clip, run).difference is None
    assert edits_of(run)[0].objects == (1, 2)


def test_a_kill_leaves_the_run_as_it_was_or_as_it_is(run: Path, clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start = hashes(run)

    def killed(*arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(edit_module, "commit_correction", killed)
        with pytest.raises(KeyboardInterrupt):
            edit_run(run, Delete(1))
    # What is left belongs to no run that is complete, and the next command does not take it for one.
    assert {name: value for name, value in hashes(run).items() if not name.startswith("correction/")} == start
    assert verify_run(clip, run).difference is None
    edit_run(run, Delete(1))
    assert not (run / "correction").exists()
    recover_commit(OutputFolder(run))
    assert verify_run(clip, run).difference is None


def test_a_run_started_over_has_no_edits(run: Path, clip: Path, model: VideoModel) -> None:
    start = hashes(run)
    edit_run(run, [Lock(1), Delete(2)])
    track_script(clip, SCRIPT, run, model=model, overlay=True, options=RunOptions(snapshot_every=3, overwrite=True))
    assert hashes(run) == start


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (Swap(1, 9), "object 9: is not in this run; its objects: 1, 2"),
        (Swap(1, 1), "object 1: is given twice"),
        (Delete(1, frames=(3, 8)), "frames 3 to 8: the run has frames 0 to 7"),
        (Delete(1, frames=(4, 3)), "frames 4 to 3"),
        (Split(1, Box(0, 0, 1, 1)), "changes no mask; the run stays as it is"),
        (Split(1, Points([[1, 1]])), "frame 0: object 1 is not at 1,1; give a point on it"),
        (Split(1, Points([[1, 1]], frame=5), frames=(0, 3)), "the point is on frame 5, outside the frames 0 to 3"),
        (Split(1, Box(0, 0, 9, 9), into=1), "a part of an object must become another one"),
        (Unlock(1), "object 1 is not locked on any of the frames 0 to 7"),
    ],
)
def test_edits_that_cannot_be_made_change_nothing(
    run: Path, edit: Swap | Delete | Split | Unlock, message: str
) -> None:
    start = hashes(run)
    with pytest.raises(UsageError, match=message):
        edit_run(run, edit)
    assert hashes(run) == start


def test_what_cannot_be_edited_is_refused(run: Path, tmp_path: Path) -> None:
    with pytest.raises(PromptError, match="outside"):
        edit_run(run, Split(1, Box(200, 200, 300, 300)))
    with pytest.raises(OutputError, match="is not the output of a run"):
        edit_run(tmp_path, Delete(1))
    mask = run / "masks" / "00003.png"
    shutil.copy(run / "masks" / "00000.png", mask)
    with pytest.raises(OutputError, match=r"00003\.png: this mask is not the one that the run wrote"):
        edit_run(run, Delete(1))


def vos(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    code = stopped.value.code
    return code if isinstance(code, int) else 0


def test_the_command_edits_by_name_and_range(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = labels_of(run)
    assert vos("edit", run, "--swap", "disc", 2, "--frames", "6-") == 0
    assert "2 masks changed; 1 edits in" in capsys.readouterr().out
    assert np.array_equal(labels_of(run)[7] == 2, before[7] == 1)
    assert vos("edit", run, "--split", "disc", "--box", "0,0,48,64", "--into", "half", "--frames", 0, "--json") == 0
    assert json.loads(capsys.readouterr().out)["new_object"] == 3
    assert vos("edit", run, "--lock", "all", "--frames", "2-3") == 0
    assert vos("edit", run, "--list") == 0
    assert capsys.readouterr().out.splitlines()[-3:] == [
        "swap 1 and 2, frames 6 to 7",
        "split 1, part is 3 (half), frames 0 to 0",
        "lock the whole picture, frames 2 to 3",
    ]
    assert vos("edit", run, "--undo") == 0
    assert len(edits_of(run)) == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "nothing to do: give one of --swap"),
        (("--delete", "1", "--undo"), "--delete and --undo: give one of"),
        (("--delete", "cat"), "object cat: no object has this name; names: disc"),
        (("--delete", "1", "--frames", "x"), "--frames x: expected a range like 10-40"),
        (("--delete", "1", "--frames", "5-9"), "--frames 5-9: the run has frames 0 to 7"),
        (("--delete", "1", "--box", "1,1,5,5"), "--box 1,1,5,5: has no meaning with --delete"),
        (("--undo", "--frames", "1"), "--frames 1: has no meaning with --undo"),
        (("--split", "1"), "say which part with one of --box, --polygon or --point"),
    ],
)
def test_the_command_explains_what_it_cannot_do(
    run: Path, words: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert vos("edit", run, *words) == 2
    assert message in capsys.readouterr().err


def test_correct_says_which_masks_were_kept(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert vos("edit", run, "--lock", "all", "--frames", "6-7") == 0
    assert vos("correct", run, "--at", 5, "--object", "disc", "--point", "40,30") == 0
    assert "locked masks were kept in 2 of them" in capsys.readouterr().out
