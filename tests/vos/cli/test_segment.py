"""`vos segment` as a user meets it, with a tiny SEEM of pseudo-random weights in place of a released one."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from seem_model import store
from seem_model.language import vocabulary
from seem_model.store import LoadedSeem
from tests.extras import need_vocabulary
from tests.seem_model.tiny import disc, noise, picture, tiny_model
from vos.cli.main import main
from vos.files.index_png import read_palette_png

SIZE = (90, 120)


@pytest.fixture
def photo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A picture in the working directory, and a model that needs no file."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEEM_VOS_HOME", str(tmp_path / "home"))
    path = tmp_path / "photo.png"
    Image.fromarray(picture(*SIZE)).save(path)
    return path


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(name: str, *, weights: Path | None, with_text: bool) -> LoadedSeem:
        return LoadedSeem(name, tiny_model("v1", with_text=with_text), "0" * 64)

    monkeypatch.setattr(store, "load_seem", load)
    # 134 x 81 sentences would take minutes; the embeddings themselves are tested elsewhere.
    classes = torch.nn.functional.normalize(noise("classes", 134, 512), dim=1)
    monkeypatch.setattr(vocabulary, "cached_class_embeddings", lambda *args, **kwargs: classes)


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as caught:
        main(["segment", *arguments])
    captured = capsys.readouterr()
    return int(caught.value.code or 0), captured.out, captured.err


def test_points_and_boxes_give_one_mask_per_object(photo: Path, tiny: None, capsys) -> None:
    arguments = ("--point", "1:40,30", "--negative-point", "1:90,60", "--box", "7:70,40,100,70")
    status, out, _ = run(capsys, str(photo), *arguments, "--no-labels", "--short-side", "64", "--json")
    assert status == 0
    segments = json.loads(out)["segments"]
    assert [entry["id"] for entry in segments] == [1, 7]
    assert [entry["prompt"] for entry in segments] == ["points", "box"]
    folder = Path("photo_segments")
    labels = read_palette_png(folder / "labels.png")
    assert labels.shape == SIZE
    assert set(np.unique(labels)) <= {0, 1, 7}
    assert json.loads((folder / "segments.json").read_text()) == json.loads(out)
    with Image.open(folder / "overlay.png") as overlay:
        assert overlay.size == (SIZE[1], SIZE[0])


def test_a_stroke_may_be_painted_over_a_copy_of_the_picture(photo: Path, tiny: None, capsys) -> None:
    painted = np.array(Image.open(photo).convert("RGB"))
    painted[30:38, 40:70] = (255, 0, 255)
    Image.fromarray(painted).save("painted.png")
    status, out, err = run(capsys, str(photo), "--stroke", "painted.png", "--no-labels", "--short-side", "64", "--json")
    assert status == 0, err
    (segment,) = json.loads(out)["segments"]
    assert (segment["id"], segment["prompt"]) == (1, "stroke")


def test_a_reference_picture_of_another_size_marks_the_object(photo: Path, tiny: None, capsys) -> None:
    need_vocabulary()
    Image.fromarray(picture(70, 100)).save("other.png")
    mark = np.zeros((70, 100, 3), np.uint8)
    mark[disc(70, 100, 0.35, 0.3)] = (128, 0, 0)
    Image.fromarray(mark).save("mark.png")
    arguments = ("--reference", "other.png", "--reference-mask", "mark.png", "--short-side", "64")
    status, out, err = run(capsys, str(photo), *arguments, "--json")
    assert (status, err) == (0, "")
    (entry,) = json.loads(out)["segments"]
    assert entry["prompt"] == "reference other.png"
    assert isinstance(entry["label"], str)


def test_text_prompts_are_numbered_in_order(photo: Path, tiny: None, capsys) -> None:
    need_vocabulary()
    status, out, err = run(
        capsys, str(photo), "--text", "the red disc", "--text", "lawn", "--no-labels", "--short-side", "64", "--json"
    )
    assert (status, err) == (0, "")
    assert [(e["id"], e["prompt"]) for e in json.loads(out)["segments"]] == [(1, "the red disc"), (2, "lawn")]


def test_panoptic_needs_no_prompt_and_labels_what_it_finds(photo: Path, tiny: None, capsys) -> None:
    need_vocabulary()
    status, out, err = run(capsys, str(photo), "--panoptic", "--short-side", "64", "--json")
    assert (status, err) == (0, "")
    labels = read_palette_png(Path("photo_segments/labels.png"))
    found = json.loads(out)["segments"]
    assert {entry["id"] for entry in found} == set(np.unique(labels)) - {0}


def test_labels_come_from_the_users_own_words(photo: Path, tiny: None, monkeypatch, capsys) -> None:
    need_vocabulary()
    asked: list[tuple[str, ...]] = []

    def embeddings(language, tokenizer, names, **kwargs) -> torch.Tensor:
        asked.append(tuple(names))
        return torch.nn.functional.normalize(noise("classes", len(names) + 1, 512), dim=1)

    monkeypatch.setattr(vocabulary, "cached_class_embeddings", embeddings)
    Path("words.txt").write_text("red disc\n\nlawn\n", encoding="utf-8")
    for given in ("red disc, lawn", "words.txt"):
        arguments = ("--point", "40,30", "--classes", given, "--short-side", "64", "--json", "--overwrite")
        status, out, err = run(capsys, str(photo), *arguments)
        assert (status, err) == (0, "")
        assert json.loads(out)["segments"][0]["label"] in ("red disc", "lawn")
    assert asked == [("red disc", "lawn")] * 2


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("--point", "1,1", "--classes", "dog,,cat"), 2, "class name 2 ('') is empty"),
        (("--point", "1,1", "--classes", "dog,cat,dog"), 2, "class name 'dog' is given twice"),
        (("--point", "1,1", "--classes", "absent.txt"), 2, "absent.txt: class names cannot be read"),
        (("--point", "1,1", "--classes", "dog", "--no-labels"), 2, "leave one of them out"),
        (("--text", " "), 2, "--text is empty"),
        ((), 2, "no prompt: say what to segment"),
        (("--panoptic", "--text", "dog"), 2, "takes no prompt"),
        (("--panoptic", "--no-labels"), 2, "needs class names"),
        (("--reference", "other.png"), 2, "go together"),
        (("--point", "500,500"), 2, "lies outside the image"),
        (("--stroke", "absent.png"), 2, "absent.png"),
        (("--point", "1,1", "--model", "seem-none"), 2, "unknown SEEM model 'seem-none'; known: seem-focalt-v0"),
        (("--point", "1,1"), 1, "vos weights pull seem-focalt-v1"),
        (("--point", "1,1", "--weights", "absent.pt"), 1, "absent.pt: no such weights file"),
    ],
)
def test_mistakes_end_in_one_line(photo: Path, capsys, arguments: tuple[str, ...], status: int, message: str) -> None:
    found, out, err = run(capsys, str(photo), *arguments)
    assert found == status
    assert message in err
    assert err.count("\n") == 1
    assert out == ""
    assert not Path("photo_segments").exists()


def test_results_are_not_overwritten_unasked(photo: Path, tiny: None, capsys) -> None:
    arguments = (str(photo), "--point", "40,30", "--no-labels", "--short-side", "64")
    assert run(capsys, *arguments)[0] == 0
    status, _, err = run(capsys, *arguments)
    assert status == 1
    assert "--overwrite" in err
    assert run(capsys, *arguments, "--overwrite")[0] == 0
