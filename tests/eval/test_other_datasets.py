"""YouTube-VOS, LVOS, SA-V, VOST, MOSE and folders: the frames and objects of each protocol, and its numbers."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from eval import DatasetError, EvalUsageError, MaskFileError, MissingPredictionsError, evaluate
from tests.eval.layouts import moving_boxes, save_davis17, save_labels, save_sequence


def headline(report: object) -> dict[str, float]:
    return dict(report.headline)  # type: ignore[attr-defined]


class TestYoutubeVos:
    STEMS = ("00000", "00005", "00010", "00015")

    @pytest.fixture
    def root(self, tmp_path: Path) -> Path:
        """Object 1 from the first frame, object 2 from the second; object 2 is of an unseen category."""
        save_sequence(tmp_path / "yt" / "train" / "Annotations" / "v", moving_boxes(4, 2), list(self.STEMS))
        objects = {
            "1": {"category": "dog", "frames": list(self.STEMS)},
            "2": {"category": "yak", "frames": list(self.STEMS[1:])},
        }
        meta = {"videos": {"v": {"objects": objects}}}
        (tmp_path / "yt" / "train" / "meta.json").write_text(json.dumps(meta))
        (tmp_path / "unseen.txt").write_text("yak\nemu\n")
        prediction = moving_boxes(4, 2)
        prediction[1] = 0
        save_sequence(tmp_path / "results" / "v", prediction, list(self.STEMS))
        return tmp_path

    @pytest.mark.parametrize(("given_frame", "seen", "unseen"), [("exclude", 2 / 3, 1.0), ("include", 3 / 4, 2 / 3)])
    def test_each_object_is_scored_in_its_own_frames(
        self, root: Path, given_frame: str, seen: float, unseen: float
    ) -> None:
        report = evaluate(
            root / "results",
            dataset="youtube-vos",
            root=root / "yt",
            unseen=root / "unseen.txt",
            given_frame=given_frame,
        )
        assert headline(report) == pytest.approx(
            {"G": (seen + unseen) / 2, "J-seen": seen, "J-unseen": unseen, "F-seen": seen, "F-unseen": unseen},
            abs=1e-12,
        )
        assert any("not public" in note and f"{given_frame}d" in note for note in report.notes)

    def test_without_a_list_of_unseen_categories_there_is_no_g(self, root: Path) -> None:
        report = evaluate(root / "results", dataset="youtube-vos", root=root / "yt")
        assert list(headline(report)) == ["J&F", "J", "F"]
        assert any("G is not defined" in note for note in report.notes)

    def test_only_listed_frames_are_needed(self, root: Path) -> None:
        (root / "results" / "v" / "00000.png").unlink()
        evaluate(root / "results", dataset="youtube-vos", root=root / "yt")
        with pytest.raises(MissingPredictionsError, match=r"00000\.png"):
            evaluate(root / "results", dataset="youtube-vos", root=root / "yt", given_frame="include")

    def test_meta_files_that_cannot_be_used_are_named(self, root: Path) -> None:
        meta = root / "yt" / "train" / "meta.json"
        content = json.loads(meta.read_text())
        del content["videos"]["v"]["objects"]["1"]["category"]
        meta.write_text(json.dumps(content))
        with pytest.raises(DatasetError, match="object 1 of v has no category"):
            evaluate(root / "results", dataset="youtube-vos", root=root / "yt", unseen=root / "unseen.txt")
        for text in ("{}", "[]", "no json", '{"videos": {}}'):
            meta.write_text(text)
            with pytest.raises(DatasetError, match=r"meta\.json: (not a meta file|its entry|not a JSON file)"):
                evaluate(root / "results", dataset="youtube-vos", root=root / "yt")
        meta.unlink()
        with pytest.raises(DatasetError, match=r"meta\.json: no such meta file"):
            evaluate(root / "results", dataset="youtube-vos", root=root / "yt")

    def test_an_object_without_a_frame_to_score_is_noted(self, root: Path) -> None:
        meta = root / "yt" / "train" / "meta.json"
        content = json.loads(meta.read_text())
        content["videos"]["v"]["objects"]["2"]["frames"] = ["00005"]
        meta.write_text(json.dumps(content))
        report = evaluate(root / "results", dataset="youtube-vos", root=root / "yt")
        assert [item.name for item in report.objects] == ["v_1"]
        assert any("object 2 has no frame after the given one" in note for note in report.notes)


class TestLvos:
    @pytest.fixture
    def root(self, tmp_path: Path) -> Path:
        """Two videos of one object, six annotated frames each, every fifth; "b" is unseen."""
        stems = [f"{frame:08d}" for frame in range(1, 31, 5)]
        videos = {}
        for name in ("a", "b"):
            save_sequence(tmp_path / "lvos" / "Annotations" / name, moving_boxes(6, 1), stems)
            videos[name] = {"objects": {"1": {"frame_range": {"start": "1", "end": "30", "frame_nums": "6"}}}}
            save_sequence(tmp_path / "results" / name, moving_boxes(6, 1), stems)
        save_labels(tmp_path / "results" / "b" / f"{stems[1]}.png", np.zeros((48, 64)))
        (tmp_path / "lvos" / "valid_meta.json").write_text(json.dumps({"videos": videos}))
        (tmp_path / "lvos" / "unseen_videos.txt").write_text("b\n")
        return tmp_path

    def test_numbers_are_means_of_seen_and_unseen_videos(self, root: Path) -> None:
        report = evaluate(root / "results", dataset="lvos-v1", root=root / "lvos")
        assert [len(item.series.stems) for item in report.objects] == [4, 4], "first and last of the range are left out"
        values = headline(report)
        assert (values["J-seen-Mean"], values["J-unseen-Mean"], values["J-Mean"]) == (1.0, 0.75, 0.875)
        assert values["J&F-Mean"] == 0.875
        assert values["V-seen-Mean"] == 0.0
        assert values["V-unseen-Mean"] == math.sqrt(round(0.1875, 4))

    @pytest.mark.parametrize(("version", "videos"), [("lvos-v1", 50), ("lvos-v2", 140)])
    def test_a_folder_of_another_size_than_the_version_has_is_noted(
        self, root: Path, version: str, videos: int
    ) -> None:
        report = evaluate(root / "results", dataset=version, root=root / "lvos")
        assert report.notes == (f"LVOS v{version[-1]} valid has {videos} videos, this folder 2: another version?",)

    def test_needs_the_list_of_unseen_videos(self, root: Path) -> None:
        (root / "lvos" / "unseen_videos.txt").rename(root / "list.txt")
        with pytest.raises(DatasetError, match="--unseen must name the unseen videos"):
            evaluate(root / "results", dataset="lvos-v1", root=root / "lvos")
        assert evaluate(root / "results", dataset="lvos-v1", root=root / "lvos", unseen=root / "list.txt").objects

    def test_a_range_that_does_not_hold_its_frames_is_refused(self, root: Path) -> None:
        meta = root / "lvos" / "valid_meta.json"
        meta.write_text(meta.read_text().replace('"frame_nums": "6"', '"frame_nums": "9"'))
        with pytest.raises(DatasetError, match=r"a, object 1: frame_range 1\.\.30 does not hold frame_nums = 9"):
            evaluate(root / "results", dataset="lvos-v1", root=root / "lvos")


class TestSav:
    @pytest.fixture
    def root(self, tmp_path: Path) -> Path:
        """Two objects that overlap; object 0 appears in frame 3 only."""
        for k in (0, 1):
            mask = (moving_boxes(6, 1) > 0) * 255
            mask[: 3 if k == 0 else 0] = 0
            for folder in (tmp_path / "sav" / "Annotations_6fps", tmp_path / "results"):
                save_sequence(folder / "video" / f"{k:03d}", mask)
        return tmp_path

    def test_overlapping_objects_are_scored_one_by_one(self, root: Path) -> None:
        report = evaluate(root / "results", dataset="sav", root=root / "sav")
        assert [(item.name, len(item.series.stems)) for item in report.objects] == [("video_0", 2), ("video_1", 4)]
        assert report.j_and_f == 1.0

    def test_an_average_begins_where_the_prediction_first_shows_the_object(self, root: Path) -> None:
        save_labels(root / "results" / "video" / "000" / "00001.png", moving_boxes(1, 1)[0])
        report = evaluate(root / "results", dataset="sav", root=root / "sav")
        assert report.objects[0].series.j.tolist() == [0.0, 1.0, 1.0, 1.0]

    def test_objects_that_neither_side_shows_leave_nothing_to_score(self, root: Path) -> None:
        for folder in ("sav/Annotations_6fps", "results"):
            for k in (0, 1):
                save_sequence(root / folder / "video" / f"{k:03d}", np.zeros((6, 48, 64)))
        with pytest.raises(DatasetError, match="no object is ever shown"):
            evaluate(root / "results", dataset="sav", root=root / "sav")

    def test_missing_masks_are_listed_per_object(self, root: Path) -> None:
        (root / "results" / "video" / "001" / "00002.png").unlink()
        with pytest.raises(MissingPredictionsError, match=r"^1 predicted mask\(s\) missing: .*video/001/00002\.png"):
            evaluate(root / "results", dataset="sav", root=root / "sav")
        report = evaluate(root / "results", dataset="sav", root=root / "sav", allow_missing=True)
        assert report.objects[1].series.j.tolist() == [1.0, 0.0, 1.0, 1.0]

    def test_label_maps_are_refused(self, root: Path) -> None:
        save_labels(root / "results" / "video" / "001" / "00002.png", moving_boxes(1, 2)[0])
        with pytest.raises(MaskFileError, match=r"001/00002\.png: holds the values 0, 1, 2"):
            evaluate(root / "results", dataset="sav", root=root / "sav")

    def test_folders_that_are_not_objects_are_refused(self, root: Path) -> None:
        save_sequence(root / "sav" / "Annotations_6fps" / "video" / "cat", moving_boxes(4, 1))
        with pytest.raises(DatasetError, match="object folders are numbers"):
            evaluate(root / "results", dataset="sav", root=root / "sav")


def test_vost_quotes_j_and_j_of_the_last_quarter_and_cuts_off_high_ids(tmp_path: Path) -> None:
    truth = moving_boxes(10, 1)
    prediction = truth.copy()
    prediction[7:] = 0
    prediction[:, 40:, 40:] = 5
    save_sequence(tmp_path / "vost" / "Annotations" / "v", truth)
    save_sequence(tmp_path / "results" / "v", prediction)
    (tmp_path / "vost" / "ImageSets").mkdir()
    (tmp_path / "vost" / "ImageSets" / "val.txt").write_text("v\n")
    report = evaluate(tmp_path / "results", dataset="vost", root=tmp_path / "vost")
    assert headline(report) == {"J": 6 / 8, "J-last-quarter": 0.0}


def test_mose_takes_its_videos_from_the_folders_and_says_what_is_not_known(tmp_path: Path) -> None:
    for name in ("x", "y"):
        save_sequence(tmp_path / "mose" / "train" / "Annotations" / name, moving_boxes(4, 2))
        save_sequence(tmp_path / "results" / name, moving_boxes(4, 2))
    report = evaluate(tmp_path / "results", dataset="mose", root=tmp_path / "mose")
    assert headline(report) == {"J&F": 1.0, "J": 1.0, "F": 1.0}
    assert len(report.objects) == 4 and "not public" in report.notes[0]


class TestFolder:
    def test_all_frames_and_all_ids_are_scored(self, tmp_path: Path) -> None:
        truth = moving_boxes(4, 2)
        truth[truth == 2] = 7
        truth[0][truth[0] == 7] = 0
        save_sequence(tmp_path / "truth" / "clip", truth)
        save_sequence(tmp_path / "results" / "clip", np.where(truth == 7, 0, truth))
        report = evaluate(tmp_path / "results", dataset="folder", root=tmp_path / "truth")
        assert [(item.name, item.series.j.tolist()) for item in report.objects] == [
            ("clip_1", [1.0] * 4),
            ("clip_7", [1.0, 0.0, 0.0, 0.0]),
        ]

    def test_one_sequence_needs_no_folder_of_its_own(self, tmp_path: Path) -> None:
        save_sequence(tmp_path / "truth", 255 * (moving_boxes(3, 1) > 0))
        save_sequence(tmp_path / "results", moving_boxes(3, 1))
        report = evaluate(tmp_path / "results", dataset="folder", root=tmp_path / "truth")
        assert [(item.name, item.j_and_f) for item in report.objects] == [("truth_1", 1.0)]

    def test_void_is_excluded_beside_objects(self, tmp_path: Path) -> None:
        truth = moving_boxes(3, 1)
        prediction = truth.copy()
        truth[:, 40:] = 255
        prediction[:, 40:] = 1
        save_sequence(tmp_path / "truth" / "a", truth)
        save_sequence(tmp_path / "results" / "a", prediction)
        assert evaluate(tmp_path / "results", dataset="folder", root=tmp_path / "truth").j_and_f == 1.0

    def test_more_than_255_objects_fit_into_sixteen_bits(self, tmp_path: Path) -> None:
        import cv2

        truth = np.zeros((20, 30), np.uint16)
        truth[2:9, 2:9], truth[11:18, 12:25] = 3, 300
        prediction = np.where(truth == 300, 300, 0).astype(np.uint16)
        for folder, labels in (("truth", truth), ("results", prediction)):
            (tmp_path / folder).mkdir()
            assert cv2.imwrite(str(tmp_path / folder / "0.png"), labels)
        report = evaluate(tmp_path / "results", dataset="folder", root=tmp_path / "truth")
        assert [(item.series.object_id, item.j.mean) for item in report.objects] == [(3, 0.0), (300, 1.0)]

    def test_a_folder_without_masks_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "truth").mkdir()
        with pytest.raises(DatasetError, match="no sequence"):
            evaluate(tmp_path, dataset="folder", root=tmp_path / "truth")


class TestAnnotated:
    def test_an_object_is_scored_after_the_frame_that_first_shows_it(self, tmp_path: Path) -> None:
        truth = moving_boxes(6, 2)
        truth[:2][truth[:2] == 2] = 0
        save_sequence(tmp_path / "set" / "Annotations" / "v", truth)
        predicted = truth.copy()
        predicted[4][predicted[4] == 2] = 0
        save_sequence(tmp_path / "results" / "v", predicted)
        report = evaluate(tmp_path / "results", dataset="burst", root=tmp_path / "set")
        rows = {item.series.object_id: item for item in report.objects}
        assert rows[1].series.stems == tuple(f"{k:05d}" for k in range(1, 6)) and rows[1].j.mean == 1
        assert rows[2].series.stems == ("00003", "00004", "00005") and rows[2].j.mean == pytest.approx(2 / 3)

    def test_every_nth_frame_counts_from_the_first_annotated_one(self, tmp_path: Path) -> None:
        save_davis17(tmp_path / "DAVIS", {"a": moving_boxes(9, 1)})
        stems = [f"{k:05d}" for k in range(0, 9, 3)]
        save_sequence(tmp_path / "results" / "a", moving_boxes(9, 1)[::3], stems)
        report = evaluate(tmp_path / "results", dataset="davis17", root=tmp_path / "DAVIS", every=3)
        assert report.objects[0].series.stems == ("00003", "00006") and report.j_and_f == 1
        assert "multiple of 3" in report.notes[0]
        with pytest.raises(MissingPredictionsError):
            evaluate(tmp_path / "results", dataset="davis17", root=tmp_path / "DAVIS", every=2)
        with pytest.raises(EvalUsageError, match="--every 0"):
            evaluate(tmp_path / "results", dataset="davis17", root=tmp_path / "DAVIS", every=0)

    def test_secvos_has_a_folder_for_each_object(self, tmp_path: Path) -> None:
        for side in ("set/Annotations", "results"):
            save_sequence(tmp_path / side / "v" / "001", moving_boxes(5, 1) * 255)
        report = evaluate(tmp_path / "results", dataset="secvos", root=tmp_path / "set")
        assert len(report.objects[0].series.stems) == 3 and report.j_and_f == 1
