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
from vos.output_folder import OutputFolder
from vos.prompts import Box, Mask, Stroke
from vos.prompts.digest import prompts_digest
from vos.run_record import RunInputs, RunRecord, mask_crc, read_journal

BLOB = np.zeros((32, 48), dtype=bool)
BLOB[5:10, 5:20] = True


def inputs(video: str = "-") -> RunInputs:
    return RunInputs(
        video=video,
        prompts=(Mask(BLOB, object_id=1, source="m.png"), Box(1, 1, 9, 9, object_id=3)),
        model="compact",
        weights_sha256="ab" * 32,
        device="cpu",
        options={"short_side": 288},
    )


def recorded(folder: Path, *, frames: int = 5, finish: bool = True, video: str = "-") -> dict[str, Any]:
    output = OutputFolder(folder)
    output.create()
    record = RunRecord(output, inputs(video))
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


def test_losing_and_finding_an_object_are_events(tmp_path: Path) -> None:
    # Object 1 has no pixel in frame 2, which is shown at 0.08 s; frame 3 at 0.127 s.
    events = [e for e in recorded(tmp_path / "out")["events"] if e["object"] == 1]
    assert events == [
        {"event": "lost", "object": 1, "frame": 2, "time": 0.08},
        {"event": "reacquired", "object": 1, "frame": 3, "time": 0.127},
    ]


def test_the_same_run_gives_the_same_record_and_journal(tmp_path: Path) -> None:
    assert recorded(tmp_path / "a") == recorded(tmp_path / "b")
    assert (tmp_path / "a/journal.jsonl").read_bytes() == (tmp_path / "b/journal.jsonl").read_bytes()


def test_a_run_in_progress_can_be_read_from_its_journal(tmp_path: Path) -> None:
    value = recorded(tmp_path / "out", frames=3, finish=False)
    assert (value["status"], value["seconds"]) == ("running", None)
    lines = read_journal(tmp_path / "out/journal.jsonl")
    results = [result for _, result in run(count=3)]
    assert [line["index"] for line in lines] == [0, 1, 2]
    assert [line["pts"] for line in lines] == [r.pts for r in results]
    assert [line["crc32"] for line in lines] == [mask_crc(r.labels) for r in results]
    assert [list(line["presence"]) for line in lines] == [["1"], ["1", "3"], ["1", "3"]]


def test_a_journal_line_that_was_cut_off_is_left_out(tmp_path: Path) -> None:
    recorded(tmp_path / "out")
    journal = tmp_path / "out/journal.jsonl"
    journal.write_bytes(journal.read_bytes()[:-7])
    assert [line["index"] for line in read_journal(journal)] == [0, 1, 2, 3]
    journal.write_text("{broken\n{}\n")
    with pytest.raises(OutputError, match=r"journal\.jsonl"):
        read_journal(journal)
    with pytest.raises(OutputError, match=r"none\.jsonl"):
        read_journal(tmp_path / "none.jsonl")


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


def test_overwriting_removes_what_runs_wrote_and_nothing_else(tmp_path: Path) -> None:
    root = tmp_path / "out"
    everything_a_run_writes(root)
    foreign = ["notes.txt", "masks/cat.png", "masks/00001.jpg", "objects/readme.md", "objects/sub/00001.png", ".hidden"]
    for name in foreign:
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text("mine")
    assert OutputFolder(root).create() is False
    assert sorted(str(p.relative_to(root)) for p in root.rglob("*") if p.is_file()) == sorted(foreign)


def test_overwriting_leaves_no_empty_folders_behind(tmp_path: Path) -> None:
    root = tmp_path / "out"
    everything_a_run_writes(root)
    OutputFolder(root).create()
    assert list(root.iterdir()) == []


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
