"""run.json and the journal; the output folder and what may be overwritten in it."""

from __future__ import annotations

import json
import os
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.vos.export.synthetic_run import info, run
from vos.errors import OutputError
from vos.export import FORMATS, make_sink
from vos.prompts import Box, Mask, PromptScript, Stroke
from vos.prompts.digest import prompts_digest
from vos.runs.folder import OutputFolder
from vos.runs.inputs import RunInputs, decoder_of, fingerprint
from vos.runs.journal import mask_crc, read_journal
from vos.runs.lock import only_run_in
from vos.runs.record import RunRecord, read_record

BLOB = np.zeros((32, 48), dtype=bool)
BLOB[5:10, 5:20] = True


def inputs(video: str = "-") -> RunInputs:
    return RunInputs(
        video=video,
        fingerprint=fingerprint(video),
        decoder=decoder_of(video),
        script=PromptScript((Mask(BLOB, object_id=1, source="m.png"), Box(1, 1, 9, 9, object_id=3))),
        model="compact",
        weights_sha256="ab" * 32,
        engine="onnxruntime",
        device="cpu",
        threads=1,
        instructions="AVX2",
        options={"short_side": 288},
        outputs={"overlay": False},
    )


def recorded(folder: Path, *, frames: int = 5, finish: bool = True, video: str = "-") -> dict[str, Any]:
    output = OutputFolder(folder)
    output.create()
    record = RunRecord(output, inputs(video))
    record.begin(info())
    record.open(info())
    for frame, result in run(count=frames):
        record.write(frame, result)
    if finish:
        record.close()
        record.finish("done", info=info(), seconds=1.23456)
    value: dict[str, Any] = json.loads(output.record.read_text())
    return value


def test_the_record_says_what_was_run_and_what_came_of_it(tmp_path: Path) -> None:
    video = tmp_path / "clip.mp4"
    video.write_bytes(b"not really a video")
    value = recorded(tmp_path / "out", video=str(video))
    assert (value["schema"], value["status"], value["frames"], value["seconds"]) == (1, "done", 5, 1.235)
    assert value["input"] == {
        "video": str(video),
        "bytes": 18,
        "sha256": "72bd93d97bc35cb853ead2ff8cf097b9bddd2ddec759521ee5c0e6c9352863d6",
    }
    assert value["video"]["time_base"] == "1/1000"
    assert [p["object"] for p in value["prompts"]] == [1, 3]
    assert value["prompts"][0]["sha256"] == prompts_digest([Mask(BLOB)])
    assert value["model"]["weights_sha256"] == "ab" * 32
    assert value["options"] == {"short_side": 288}
    assert {"seem-vos", "python", "numpy", "av"} <= set(value["versions"])
    results = [result for _, result in run()]
    for object_id in (1, 3):
        known = [r for r in results if object_id in r.object_ids]
        presence = [r.presence[r.object_ids.index(object_id)] for r in known]
        assert value["objects"][str(object_id)] == {
            "frames": len(known),
            "frames_with_pixels": sum(r.mask_of(object_id).any() for r in known),
            "mean_presence": round(float(np.mean(presence)), 4),
        }


def test_the_same_run_gives_the_same_record_and_journal(tmp_path: Path) -> None:
    assert recorded(tmp_path / "a") == recorded(tmp_path / "b")
    assert (tmp_path / "a/journal.jsonl").read_bytes() == (tmp_path / "b/journal.jsonl").read_bytes()


def test_a_run_in_progress_can_be_read_from_its_journal(tmp_path: Path) -> None:
    value = recorded(tmp_path / "out", frames=3, finish=False)
    assert (value["status"], value["seconds"]) == ("running", None)
    entries = read_journal(tmp_path / "out/journal.jsonl").entries
    results = [result for _, result in run(count=3)]
    assert [entry.index for entry in entries] == [0, 1, 2]
    assert [entry.pts for entry in entries] == [r.pts for r in results]
    assert [entry.crc32 for entry in entries] == [mask_crc(r.labels) for r in results]
    expected = [dict(zip(r.object_ids, r.presence, strict=True)) for r in results]
    assert [entry.presence for entry in entries] == expected


def test_a_journal_is_trusted_up_to_the_first_damaged_line(tmp_path: Path) -> None:
    recorded(tmp_path / "out")
    journal = tmp_path / "out/journal.jsonl"
    whole = journal.read_bytes()
    assert read_journal(journal).damage is None
    lines = whole.splitlines(keepends=True)
    for damaged, trusted, problem in (
        (whole[:-7], 4, "line 5: the line is cut off"),
        (b"{broken\n" + whole, 0, "line 1"),
        (b"".join([lines[0], b"{}\n", *lines[1:]]), 1, "line 2: not a line of a journal"),
        (b"".join([*lines[:2], *lines[3:]]), 2, "line 3: the line is about frame 3"),
        (b"".join([*lines[:3], b"\0" * 80]), 3, "line 4"),
    ):
        journal.write_bytes(damaged)
        read = read_journal(journal)
        assert [entry.index for entry in read.entries] == list(range(trusted))
        assert problem in (read.damage or "")
    with pytest.raises(OutputError, match=r"none\.jsonl"):
        read_journal(tmp_path / "none.jsonl")


def test_a_record_that_is_none_is_explained(tmp_path: Path) -> None:
    folder = OutputFolder(tmp_path)
    with pytest.raises(OutputError, match="not the output of a run"):
        read_record(folder)
    for text, problem in (("{", "not a readable run record"), ("[]", "schema 1"), ('{"schema": 99}', "schema 1")):
        folder.record.write_text(text)
        with pytest.raises(OutputError, match=problem):
            read_record(folder)


def test_the_mask_checksum_does_not_depend_on_how_labels_are_stored() -> None:
    labels = np.arange(12, dtype=np.uint8).reshape(3, 4)
    expected = f"{zlib.crc32(bytes(b for i in range(12) for b in (i, 0))):08x}"
    assert mask_crc(labels) == expected
    assert mask_crc(np.asfortranarray(labels.astype(np.uint16))) == expected
    assert mask_crc(labels.astype(">u2")) == expected


def test_prompt_digests_follow_the_content_and_nothing_else() -> None:
    line = np.array([[1.0, 2.0], [3.0, 4.0]])
    same = [prompts_digest([Stroke((line,), source=s)]) for s in ("a", "b")]
    assert same[0] == same[1]
    others = [
        Stroke((line,), width=4),
        Stroke((line, line)),
        Stroke((line + 1,)),
        Stroke((line,), frame=1),
        Stroke((line,), object_id=2),
        Mask(BLOB),
        Stroke.painted(BLOB),
    ]
    digests = {same[0], *(prompts_digest([p]) for p in others)}
    assert len(digests) == 1 + len(others)
    # The value itself is part of the format of run.json.
    assert prompts_digest([Box(1, 2, 3, 4)]) == "cb4a46a42d8150da11e45934355508bbca25b14b91042ff7fb4263728fdfa9de"


def test_a_folder_with_content_is_refused_with_the_remedy(tmp_path: Path) -> None:
    folder = OutputFolder(tmp_path / "out")
    folder.check(overwrite=False)
    assert not folder.root.exists(), "a check writes nothing"
    folder.root.mkdir()
    folder.check(overwrite=False)
    (folder.root / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"out: is not empty; .*--overwrite"):
        folder.check(overwrite=False)
    folder.check(overwrite=True)


def test_places_that_cannot_be_written_are_refused_before_work_begins(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="is a file, not a folder"):
        OutputFolder(tmp_path / "file").check(overwrite=False)
    with pytest.raises(OutputError, match=r"file is a file"):
        OutputFolder(tmp_path / "file" / "out").check(overwrite=False)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_refused_before_work_begins(tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    with pytest.raises(OutputError, match="no permission"):
        OutputFolder(tmp_path / "locked" / "out").check(overwrite=False)


def everything_a_run_writes(root: Path) -> None:
    recorded(root)
    for name in FORMATS:
        sink = make_sink(name, root)
        sink.open(info())
        for frame, result in run():
            sink.write(frame, result)
        sink.close()
    for name in ("overlay.mp4", "contact_sheet.png"):
        (root / name).write_bytes(b"x")
    (root / ".overlay.mp4.77.part").write_bytes(b"left by a killed run")
    (root / "masks" / ".00003.png.77.part").write_bytes(b"left by a killed run")
    (root / "snapshots").mkdir()
    for name in ("00000100.safetensors", ".00000200.safetensors.77.part"):
        (root / "snapshots" / name).write_bytes(b"x")


def names(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def test_overwriting_removes_what_runs_wrote_and_nothing_else(tmp_path: Path) -> None:
    root = tmp_path / "out"
    everything_a_run_writes(root)
    foreign = ["notes.txt", "masks/cat.png", "masks/00001.jpg", "objects/readme.md", "objects/sub/00001.png", ".hidden"]
    for name in foreign:
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text("mine")
    folder = OutputFolder(root)
    assert folder.create() is False
    folder.clear_for_start()
    # run.json is the new run's already.
    assert names(root) == sorted([*foreign, "run.json"])
    folder.discard(is_new=False)
    assert names(root) == sorted(foreign)


def test_overwriting_leaves_no_empty_folders_behind(tmp_path: Path) -> None:
    root = tmp_path / "out"
    everything_a_run_writes(root)
    OutputFolder(root).clear_for_start()
    assert [path.name for path in root.iterdir()] == ["run.json"]


def test_clearing_looks_through_a_folder_a_fixed_number_of_times(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[object] = []
    scandir = os.scandir

    def counted(path: Any) -> Any:
        looks.append(path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", counted)
    counts = []
    for frames in (5, 80):
        folder = OutputFolder(tmp_path / str(frames))
        folder.masks.mkdir(parents=True)
        for index in range(frames):
            (folder.masks / f"{index:05d}.png").write_bytes(b"x")
        looks.clear()
        folder.clear_for_start()
        counts.append(len(looks))
        assert not folder.masks.exists()
    assert counts[0] == counts[1] > 0


def test_resuming_keeps_what_can_go_on_and_removes_the_rest(tmp_path: Path) -> None:
    root = tmp_path / "out"
    everything_a_run_writes(root)
    OutputFolder(root).clear_for_resume()
    kept = ["journal.jsonl", *(f"masks/{i:05d}.png" for i in range(5)), "run.json", "snapshots/00000100.safetensors"]
    assert names(root) == kept
    OutputFolder(root).clear_snapshots()
    assert names(root) == kept[:-1]
    assert not (root / "snapshots").exists()


def test_a_folder_can_be_resumed_once_it_has_a_run_record(tmp_path: Path) -> None:
    folder = OutputFolder(tmp_path / "out")
    folder.check(overwrite=False, resume=True)
    folder.root.mkdir()
    # Killed while the very first file was being written.
    (folder.root / ".run.json.77.part").write_text("{")
    folder.check(overwrite=False, resume=True)
    (folder.root / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"no run\.json to resume from"):
        folder.check(overwrite=False, resume=True)
    (folder.root / "run.json").write_text("{}")
    folder.check(overwrite=False, resume=True)
    with pytest.raises(OutputError, match="is not empty"):
        folder.check(overwrite=False)


def test_two_runs_do_not_write_to_one_folder(tmp_path: Path) -> None:
    with only_run_in(tmp_path), pytest.raises(OutputError, match="another process"), only_run_in(tmp_path):
        pass
    with only_run_in(tmp_path):
        pass


def test_inputs_that_differ_are_named(tmp_path: Path) -> None:
    video = tmp_path / "clip.mp4"
    video.write_bytes(b"one")
    record = recorded(tmp_path / "out", video=str(video))
    moved = tmp_path / "moved.mp4"
    video.rename(moved)
    assert inputs(str(moved)).differences(record) == [], "the same bytes under another name are the same video"
    moved.write_bytes(b"two!")
    changed = inputs(str(moved)).differences(record)
    assert changed[0] == "input.bytes was 3, is 4"
    assert changed[1].startswith("input.sha256 was ")
    record["options"]["short_side"] = 160
    record["prompts"].pop()
    named = [difference.split(" was ")[0] for difference in inputs(str(moved)).differences(record)[2:]]
    assert named == [
        "options.short_side",
        *(f"prompts[1].{key}" for key in ("kind", "object", "frame", "direction", "sha256")),
    ]


def test_the_fingerprint_of_an_image_folder_follows_names_and_contents(tmp_path: Path) -> None:
    images = [tmp_path / "0.png", tmp_path / "1.png"]
    for image in images:
        image.write_bytes(image.name.encode())
    first = fingerprint(str(tmp_path), images)
    assert (first["files"], first["bytes"]) == (2, 10)
    images[1].write_bytes(b"2.png")
    assert fingerprint(str(tmp_path), images)["sha256"] != first["sha256"]
    assert fingerprint("camera:0") == {}


def test_a_run_without_a_result_leaves_nothing(tmp_path: Path) -> None:
    fresh = OutputFolder(tmp_path / "deep" / "fresh")
    is_new = fresh.create()
    assert is_new
    (fresh.root / "run.json").write_text("{}")
    fresh.discard(is_new=is_new)
    assert not fresh.root.exists()

    used = OutputFolder(tmp_path / "used")
    used.root.mkdir()
    (used.root / "notes.txt").write_text("mine")
    is_new = used.create()
    assert not is_new
    (used.root / "run.json").write_text("{}")
    used.masks.mkdir()
    (used.masks / "00000.png").write_text("x")
    used.discard(is_new=is_new)
    assert [p.name for p in used.root.iterdir()] == ["notes.txt"]
