"""Everything that leaves the scorer: JSON, CSV, HTML, zip, speed, and the comparison with the official tool."""

from __future__ import annotations

import base64
import html.parser
import json
import os
import re
import shutil
import subprocess
import sys
import types
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

import eval.scorer_speed as scorer_speed
from eval import EvalUsageError, MaskFileError, MissingPredictionsError, Report, Statistics, evaluate
from eval.csv_files import csv_files
from eval.html_report import html_report
from eval.json_report import report_json
from eval.official import OfficialToolError, largest_difference, run_official
from eval.outputs import OutputExistsError, write_file
from eval.pack import pack_submission
from eval.report import ObjectScores
from eval.scorer_speed import ScorerMismatchError, measure_scorer
from eval.scoring import ObjectSeries
from tests.eval.layouts import moving_boxes, save_davis17, save_images, save_labels, save_sequence


@pytest.fixture
def davis(tmp_path: Path) -> tuple[Path, Path]:
    save_davis17(tmp_path / "DAVIS", {"a": moving_boxes(6, 2), "b,c": moving_boxes(5, 1)})
    for name, frames, objects in (("a", 6, 2), ("b,c", 5, 1)):
        save_sequence(tmp_path / "results" / name, np.roll(moving_boxes(frames, objects), 3, axis=1))
        save_images(tmp_path / "DAVIS" / "JPEGImages" / "480p" / name, frames)
    return tmp_path / "DAVIS", tmp_path / "results"


@pytest.fixture
def report(davis: tuple[Path, Path]) -> Report:
    return evaluate(davis[1], dataset="davis17", root=davis[0])


def nan_report() -> Report:
    series = ObjectSeries(
        "x_1", 1, "all", 1, ("0",), np.array([0.5]), np.array([0.25]), np.array([2 / 3]), np.array([9])
    )
    unknown = Statistics(0.5, 0.0, float("nan"))
    row = ObjectScores("x", series, unknown, unknown)
    return Report("davis17", "val", (row,), headline=(("J-Mean", 0.5), ("J-Decay", float("nan"))))


def test_json_holds_every_number_at_full_precision(report: Report) -> None:
    document = json.loads(report_json(report))
    assert document["headline"] == dict(report.headline)
    for item, row in zip(report.objects, document["objects"], strict=True):
        assert row["J_per_frame"] == item.series.j.tolist() and row["F_per_frame"] == item.series.f.tolist()
        assert row["J"]["decay"] == item.j.decay and row["frames"] == list(item.series.stems)
    assert [row["name"] for row in document["sequences"]] == ["a", "b,c"]
    assert json.loads(report_json(nan_report()))["headline"]["J-Decay"] is None


def test_csv_files_quote_and_leave_nan_empty_like_pandas(report: Report) -> None:
    files = csv_files(report)
    assert list(files) == ["global_results-val.csv", "per-sequence_results-val.csv"]
    lines = files["per-sequence_results-val.csv"].splitlines()
    assert lines[0] == "Sequence,J-Mean,F-Mean" and lines[3].startswith('"b,c_1",')
    assert lines[1] == f"a_1,{report.objects[0].j.mean:.3f},{report.objects[0].f.mean:.3f}"
    assert csv_files(nan_report())["global_results-val.csv"] == "J-Mean,J-Decay\n0.500,\n"


class Links(html.parser.HTMLParser):
    """Collects what a page would load, and checks that its tags are balanced."""

    def __init__(self) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.sources += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in ("meta", "img", "line", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_html_report_is_complete_and_loads_nothing(report: Report) -> None:
    page = html_report(report, worst=2)
    links = Links()
    links.feed(page)
    assert links.open == []
    assert all(source.startswith(("#", "data:image/jpeg;base64,")) for source in links.sources)
    assert sum(source.startswith("data:") for source in links.sources) == 3 * 2 * len(report.objects)
    assert page.count("<polyline") == 2 * len(report.objects)
    for item in report.objects:
        worst = int(np.argmin(item.series.j + item.series.f))
        assert f"frame {item.series.stems[worst]}: J {item.series.j[worst]:.3f}" in page


def test_the_worst_frames_of_the_html_report_are_no_neighbours(tmp_path: Path) -> None:
    truth = moving_boxes(62, 1)
    predicted = truth.copy()
    predicted[[10, 11, 12, 40]] = 0
    save_davis17(tmp_path / "DAVIS", {"a": truth})
    save_sequence(tmp_path / "results" / "a", predicted)
    page = html_report(evaluate(tmp_path / "results", dataset="davis17", root=tmp_path / "DAVIS"), worst=2)
    assert re.findall(r"<figcaption>frame (\d+): J 0\.000", page) == ["00010", "00040"]


def test_the_html_report_shows_masks_over_the_frames_if_there_are_any(davis: tuple[Path, Path]) -> None:
    def corner_of_first_picture() -> np.ndarray:
        page = html_report(evaluate(davis[1], dataset="davis17", root=davis[0]), worst=1)
        data = base64.b64decode(re.findall(r"data:image/jpeg;base64,([^\"]+)", page)[0])
        return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[0, 0]

    assert corner_of_first_picture().min() > 40
    shutil.rmtree(davis[0] / "JPEGImages")
    assert corner_of_first_picture().min() < 10


def test_the_html_report_escapes_names(tmp_path: Path) -> None:
    save_davis17(tmp_path / "DAVIS", {"<b>&": moving_boxes(4, 1)})
    save_sequence(tmp_path / "results" / "<b>&", moving_boxes(4, 1))
    page = html_report(evaluate(tmp_path / "results", dataset="davis17", root=tmp_path / "DAVIS"))
    assert "<b>&" not in page and "&lt;b&gt;&amp;_1" in page


def test_files_are_written_whole_and_never_over_others(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file.txt"
    write_file(path, "one")
    with pytest.raises(OutputExistsError, match=r"file\.txt: already exists"):
        write_file(path, "two")
    write_file(path, "two", overwrite=True)
    with pytest.raises(ZeroDivisionError):
        write_file(path, lambda stream: stream.write(b"half") and 1 // 0, overwrite=True)
    assert path.read_text() == "two"
    assert [entry.name for entry in path.parent.iterdir()] == ["file.txt"]


class TestPack:
    def test_the_zip_holds_every_frame_with_the_sequences_at_its_top(self, davis: tuple[Path, Path]) -> None:
        root, predictions = davis
        output = predictions.parent / "submission.zip"
        (predictions / "a" / "extra.txt").write_text("not packed")
        assert pack_submission(predictions, output, dataset="davis17", root=root, split="val") == 11
        with zipfile.ZipFile(output) as archive:
            assert archive.testzip() is None
            assert archive.namelist() == [f"a/{k:05d}.png" for k in range(6)] + [f"b,c/{k:05d}.png" for k in range(5)]
            assert archive.read("a/00003.png") == (predictions / "a" / "00003.png").read_bytes()
        first = output.read_bytes()
        pack_submission(predictions, output, dataset="davis17", root=root, split="val", overwrite=True)
        assert output.read_bytes() == first
        with pytest.raises(OutputExistsError):
            pack_submission(predictions, output, dataset="davis17", root=root, split="val")

    def test_what_the_server_would_refuse_is_refused_here(self, davis: tuple[Path, Path]) -> None:
        root, predictions = davis
        output = predictions.parent / "submission.zip"
        frame = predictions / "a" / "00002.png"

        def pack() -> None:
            pack_submission(predictions, output, dataset="davis17", root=root, split="val")

        good = frame.read_bytes()
        save_labels(frame, np.full((48, 64), 3))
        with pytest.raises(MaskFileError, match=r"00002\.png: holds the id 3, but the highest .* is 2"):
            pack()
        save_labels(frame, np.zeros((64, 48)))
        with pytest.raises(MaskFileError, match="48x64 pixels, but the frames have 64x48"):
            pack()
        Image.new("RGB", (64, 48)).save(frame)
        with pytest.raises(MaskFileError, match="RGB"):
            pack()
        frame.unlink()
        with pytest.raises(MissingPredictionsError, match=r"00002\.png"):
            pack()
        frame.write_bytes(good)
        assert not output.exists()
        with pytest.raises(EvalUsageError, match="no submission format is known for 'vost'"):
            pack_submission(predictions, output, dataset="vost", root=root, split="val")

    def test_youtube_vos_needs_the_frames_that_meta_json_lists(self, tmp_path: Path) -> None:
        root = tmp_path / "yt" / "valid"
        save_labels(root / "Annotations" / "v" / "00000.png", moving_boxes(1, 1)[0])
        objects = {"1": {"frames": ["00000", "00005"]}, "2": {"frames": ["00005", "00010"]}}
        (root / "meta.json").write_text(json.dumps({"videos": {"v": {"objects": objects}}}))
        save_sequence(tmp_path / "results" / "v", moving_boxes(4, 2), ["00000", "00003", "00005", "00010"])
        output = tmp_path / "s.zip"
        pack_submission(tmp_path / "results", output, dataset="youtube-vos", root=tmp_path / "yt", split="valid")
        with zipfile.ZipFile(output) as archive:
            assert archive.namelist() == ["v/00000.png", "v/00005.png", "v/00010.png"]

    def test_mosev2_and_lvos_need_every_frame(self, tmp_path: Path) -> None:
        root, results = tmp_path / "set", tmp_path / "results"
        stems = [f"{k:08d}" for k in range(4)]
        save_sequence(results / "v", moving_boxes(4, 2), stems)
        (root / "valid" / "JPEGImages" / "v").mkdir(parents=True)
        for stem in stems:
            Image.new("RGB", (64, 48)).save(root / "valid" / "JPEGImages" / "v" / f"{stem}.jpg")
        videos = {"v": {"objects": {"1": {}, "2": {}}}}
        for name in ("meta.json", "valid_meta.json"):
            (root / "valid" / name).write_text(json.dumps({"videos": videos}))
        for dataset in ("mosev2", "lvos-v1", "lvos-v2"):
            output = tmp_path / f"{dataset}.zip"
            assert pack_submission(results, output, dataset=dataset, root=root, split="valid") == 4
            with zipfile.ZipFile(output) as archive:
                assert archive.namelist() == [f"v/{stem}.png" for stem in stems]
        save_labels(results / "v" / "00000002.png", np.full((48, 64), 3))
        for dataset in ("mosev2", "lvos-v2"):
            with pytest.raises(MaskFileError, match="holds the id 3"):
                pack_submission(results, tmp_path / "x.zip", dataset=dataset, root=root, split="valid")
        (results / "v" / "00000002.png").unlink()
        with pytest.raises(MissingPredictionsError):
            pack_submission(results, tmp_path / "x.zip", dataset="mosev2", root=root, split="valid")


class TestOfficialBackend:
    def install(self, monkeypatch: pytest.MonkeyPatch, evaluate_method: object) -> None:
        module = types.ModuleType("davis2017.evaluation")
        kind = type("DAVISEvaluation", (), {"__init__": lambda self, *a, **k: None, "evaluate": evaluate_method})
        module.DAVISEvaluation = kind  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "davis2017", types.ModuleType("davis2017"))
        monkeypatch.setitem(sys.modules, "davis2017.evaluation", module)

    def results(self, report: Report, offset: float = 0.0) -> dict[str, dict[str, object]]:
        tables: dict[str, dict[str, object]] = {}
        for key in ("J", "F"):
            rows = [getattr(item, key.lower()) for item in report.objects]
            by_name = {item.name: row.mean for item, row in zip(report.objects, rows, strict=True)}
            by_name[report.objects[-1].name] += offset
            columns = {"M": [r.mean for r in rows], "R": [r.recall for r in rows], "D": [r.decay for r in rows]}
            tables[key] = {**columns, "M_per_object": by_name}
        return tables

    @pytest.mark.parametrize("offset", [0.0, 0.25])
    def test_shows_the_largest_difference(
        self, report: Report, davis: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, offset: float
    ) -> None:
        self.install(monkeypatch, lambda _self, _path: self.results(report, offset))
        official = run_official(davis[1], dataset="davis17", root=davis[0], split="val")
        assert official.headline == report.headline
        assert largest_difference(report, official) == pytest.approx(offset, abs=1e-15)

    def test_its_exits_and_failures_become_errors(
        self, davis: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.install(monkeypatch, lambda _self, _path: sys.exit())
        with pytest.raises(OfficialToolError, match="stopped with exit status 0"):
            run_official(davis[1], dataset="davis17", root=davis[0], split="val")
        self.install(monkeypatch, lambda _self, _path: [][0])
        with pytest.raises(OfficialToolError, match="failed: IndexError"):
            run_official(davis[1], dataset="davis17", root=davis[0], split="val")
        monkeypatch.setitem(sys.modules, "davis2017.evaluation", None)
        with pytest.raises(OfficialToolError, match="cannot be imported"):
            run_official(davis[1], dataset="davis17", root=davis[0], split="val")
        with pytest.raises(EvalUsageError, match="does not score davis16"):
            run_official(davis[1], dataset="davis16", root=davis[0], split="val")


class TestBenchmark:
    def test_measures_both_sides_on_the_same_masks(self) -> None:
        result = measure_scorer(frames=3, rounds=1, jobs=1, memory=True)
        assert [row.objects for row in result.speed] == [1, 5]
        assert all(row.baseline_ms > 0 and row.scorer_ms > 0 for row in result.speed)
        assert result.scaling is None
        assert [row.frames for row in result.memory] == [3, 30]
        assert all(20 < row.peak_mib < 200 for row in result.memory)

    def test_fails_when_the_numbers_differ(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def wrong(truth: list[Path], _predictions: list[Path], objects: int) -> tuple[np.ndarray, np.ndarray]:
            return np.full((objects, len(truth)), 0.5), np.full((objects, len(truth)), 0.5)

        monkeypatch.setattr(scorer_speed, "score_sequence", wrong)
        with pytest.raises(ScorerMismatchError, match="moving_1: the scorer and the baseline give different numbers"):
            measure_scorer(frames=2, rounds=1, jobs=1, memory=False)


class TestCommand:
    def run(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "COLUMNS": "120"}
        command = [sys.executable, "-m", "vos", "eval", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)

    def test_prints_the_table_and_writes_the_requested_files(self, davis: tuple[Path, Path], report: Report) -> None:
        root, predictions = davis
        out = predictions.parent / "out"
        options = (
            "--dataset",
            "davis17",
            "--root",
            root,
            "--csv",
            out,
            "--json",
            out / "r.json",
            "--html",
            out / "r.html",
        )
        done = self.run(predictions, *options)
        assert done.returncode == 0, done.stderr
        assert f"{report.j_and_f:.4f}" in done.stdout and "a_2 (object 2)" in done.stdout
        assert json.loads((out / "r.json").read_text())["headline"] == dict(report.headline)
        assert {path.name for path in out.iterdir()} == {*csv_files(report), "r.json", "r.html"}
        again = self.run(predictions, *options)
        assert again.returncode == 1 and again.stderr.count("\n") == 1 and "already exists" in again.stderr
        assert self.run(predictions, *options, "--overwrite", "--summary").returncode == 0

    def test_incomplete_predictions_exit_with_1_and_one_line(self, davis: tuple[Path, Path]) -> None:
        root, predictions = davis
        (predictions / "a" / "00002.png").unlink()
        done = self.run(predictions, "--dataset", "davis17", "--root", root)
        assert done.returncode == 1 and done.stdout == ""
        assert done.stderr.startswith("vos: error: 1 predicted mask(s) missing: ") and done.stderr.count("\n") == 1
        allowed = self.run(predictions, "--dataset", "davis17", "--root", root, "--allow-missing", "--jobs", 2)
        assert allowed.returncode == 0 and "1 absent mask(s) scored as empty" in allowed.stdout

    def test_knows_pack_score_and_unknown_data_sets(self, davis: tuple[Path, Path]) -> None:
        root, predictions = davis
        output = predictions.parent / "s.zip"
        packed = self.run(
            "pack", predictions, "--dataset", "davis17", "--root", root, "--split", "val", "--output", output
        )
        assert packed.returncode == 0 and packed.stdout == f"{output}: 11 masks\n"
        assert self.run("score", predictions, "--dataset", "davis17", "--root", root, "--summary").returncode == 0
        wrong = self.run(predictions, "--dataset", "davis18", "--root", root)
        assert wrong.returncode == 2 and "choose one of davis16" in wrong.stderr
        table = predictions.parent / "table.csv"
        table.write_text(
            "sequence,scribble_idx,interaction,object_id,frame,jaccard,contour,timing\na,1,1,1,0,0.5,0.5,10\n"
        )
        interactive = self.run("interactive", table, "--interactions", 1)
        assert interactive.returncode == 0 and interactive.stdout == "AUC 0.4167   at 60 s 0.5000\n"
        assert "score" in self.run("--help").stdout and self.run("score", "--help").returncode == 0


def test_the_scorer_imports_neither_torch_nor_the_tracker() -> None:
    code = (
        "import sys, eval, eval.scorer_speed, eval.pack, eval.html_report, eval.interactive, eval.official; "
        "print([m for m in ('torch', 'vos', 'seem_model', 'scipy.optimize', 'rich') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
