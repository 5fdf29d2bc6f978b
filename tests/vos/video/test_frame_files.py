"""Which files of a folder are the frames: one pattern of names, or a refusal that lists what is in doubt."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vos.errors import VideoError
from vos.video.frame_files import find_frames, natural_key


def folder_of(path: Path, *names: str) -> Path:
    path.mkdir(exist_ok=True)
    for name in names:
        (path / name).write_bytes(b"")
    return path


def found(folder: Path, images: str | None = None) -> list[str]:
    return [path.name for path in find_frames(folder, images).paths]


def numbered(count: int, form: str = "{:05d}.jpg", first: int = 0) -> list[str]:
    return [form.format(first + i) for i in range(count)]


@pytest.mark.parametrize(
    "stray",
    ["thumbnail.jpg", "00002 (1).jpg", "00002_mask.png", "mask_00003.jpg", "cover.webp", "notes.txt", "00001.json"],
)
def test_what_is_certainly_no_frame_is_passed_over(tmp_path: Path, stray: str) -> None:
    frames = numbered(5)
    files = find_frames(folder_of(tmp_path / "f", *frames, stray))
    assert [path.name for path in files.paths] == frames
    is_picture = not stray.endswith((".txt", ".json"))
    assert any(stray in note for note in files.notes) == is_picture


@pytest.mark.parametrize(
    ("strays", "words"),
    [
        (["00002.png"], "claim the same frame"),
        (["00005.avif"], r"00005\.avif beside 5 files"),
        (["00005.png"], r"00005\.png beside 5 files"),
        (["other_00000.jpg"], r"other_00000\.jpg beside"),
        (["00007 (1).jpg"], r"00007 \(1\)\.jpg beside"),
        (["00002 copy.jpg"], "00002 copy"),
        (["00002-1.jpg"], "00002-1"),
        (["2.jpg"], r"2\.jpg claim the same frame"),
        (["-1.jpg"], "-1"),
        (["0000a.jpg"], "0000a"),
        (["00001-edited.jpg"], "00001-edited"),
    ],
)
def test_what_may_be_a_frame_is_refused_with_the_list_and_the_option(
    tmp_path: Path, strays: list[str], words: str
) -> None:
    folder = folder_of(tmp_path / "f", *numbered(5), *strays)
    with pytest.raises(VideoError, match=words) as caught:
        find_frames(folder)
    message = str(caught.value)
    assert "--images" in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ([*numbered(4, "left_{:03d}.png"), *numbered(4, "right_{:03d}.png")], "right_000.png, .* beside 4 files"),
        ([*numbered(4, "shot1_{}.png"), *numbered(4, "shot2_{}.png")], "number 1 or number 2"),
        (["-2.png", "-1.png", "0.png", "1.png"], "negative numbers"),
        (["-3.png", "-2.png", "-1.png"], "negative numbers"),
        (["f_-3.png", "f_-2.png"], "negative numbers"),
        (["0.5.png", "1.0.png", "1.5.png"], "number 1 or number 2"),
        (["0.9.png", "0.10.png"], "decimal fractions of different length"),
        (["a.png", "b.png"], "no number in the names"),
        (["photo.jpg", "thumbnail.jpg"], "no number in the names"),
        (["IMG.jpg", "IMG (1).jpg", "IMG (2).jpg"], r"IMG\.jpg beside 2 files like IMG \(1\)\.jpg"),
        (["frame.png", "frame_1.png", "frame_2.png"], r"frame\.png beside 2 files"),
        (["frame_1.png", "frame_001.png", "frame_2.png"], "claim the same frame"),
        (["frame_0.png", "Frame_1.png", "frame_2.png"], r"Frame_1\.png beside 2 files"),
        (["0.heic", "1.heic"], "0.heic, 1.heic: pictures of this kind are not read"),
    ],
)
def test_folders_without_one_sequence_are_refused(tmp_path: Path, names: list[str], words: str) -> None:
    with pytest.raises(VideoError, match=words):
        find_frames(folder_of(tmp_path / "f", *names))


def test_the_option_resolves_what_was_refused(tmp_path: Path) -> None:
    left, right = numbered(4, "left_{:03d}.png"), numbered(4, "right_{:03d}.png")
    pair = folder_of(tmp_path / "pair", *left, *right)
    assert found(pair, "left_*.png") == left
    assert found(pair, "right*") == right
    times = folder_of(tmp_path / "times", "0.5.png", "1.0.png", "1.5.png")
    assert found(times, "*.png") == ["0.5.png", "1.0.png", "1.5.png"]
    with pytest.raises(VideoError, match=r"no file matches --images 'nothing\*'"):
        find_frames(pair, "nothing*")
    with pytest.raises(VideoError, match=r"00005\.avif: not a picture that is read"):
        find_frames(folder_of(tmp_path / "avif", *numbered(2), "00005.avif"), "0*")


def test_pictures_in_a_subfolder_are_named(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "clip", "readme.txt")
    folder_of(folder / "images", *numbered(2))
    with pytest.raises(VideoError, match=r"no images in the folder; .* there are some in images"):
        find_frames(folder)


def test_files_of_one_number_are_told_when_the_user_chose_them(tmp_path: Path) -> None:
    files = find_frames(folder_of(tmp_path / "f", "f_1.png", "f_001.png", "f_2.png"), "f_*.png")
    assert len(files.paths) == 3
    assert "f_001.png and f_1.png have the same number; both are frames" in files.notes


def test_the_glob_of_a_refusal_chooses_the_sequence(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "f", *numbered(5), "00002-1.jpg")
    with pytest.raises(VideoError) as caught:
        find_frames(folder)
    glob = str(caught.value).split("--images '")[1].split("'")[0]
    assert found(folder, glob) == numbered(5)


def test_a_link_to_nothing_is_an_error_where_a_frame_would_be(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "f", *numbered(5))
    (folder / "00002.jpg").unlink()
    (folder / "00002.jpg").symlink_to(tmp_path / "annex" / "no.jpg")
    with pytest.raises(VideoError, match=r"00002\.jpg: a link to a file that is not there; .*git annex get"):
        find_frames(folder)


def test_numbers_that_are_missing_are_noted(tmp_path: Path) -> None:
    (note,) = find_frames(folder_of(tmp_path / "gap", "00000.jpg", "00001.jpg", "00003.jpg")).notes
    assert note == "1 number is missing, first between 1 and 3; frames are counted without gaps"
    (note,) = find_frames(folder_of(tmp_path / "steps", "0.png", "5.png", "10.png")).notes
    assert note.startswith("numbers in steps of 5, 0 to 10")


def test_usual_names_of_cameras_and_tools_are_sequences(tmp_path: Path) -> None:
    for place, form in enumerate(
        ["{}.jpg", "IMG_{:04d}.JPG", "frame-{:03d}.png", "frame ({}).png", "clip.{:04d}.tif", "sh010.{:04d}.png",
         "cam1_{:05d}_rgb.png", "b1c66a42-6f7d68ca-{:07d}.jpg", "1305031102.{:06d}.png", "x{}y.bmp"]
    ):  # fmt: skip
        names = numbered(12, form, first=1)
        assert found(folder_of(tmp_path / str(place), *names)) == names


_PREFIXES = st.sampled_from(["", "frame_", "img", "f-", "cam2_", "a.", "-", "IMG_2024_"])
_SUFFIXES = st.sampled_from(["", "_rgb", "_left", " (1)", ".final"])
_FORMS = st.sampled_from(["{}", "{:03d}", "{:05d}"])
_KINDS = st.sampled_from([".jpg", ".png", ".JPG", ".jpeg", ".tif", ".avif", ".txt"])


@st.composite
def _patterns(draw: st.DrawFn) -> list[str]:
    prefix, form, suffix, kind = draw(_PREFIXES), draw(_FORMS), draw(_SUFFIXES), draw(_KINDS)
    numbers = draw(st.lists(st.integers(0, 120), min_size=1, max_size=8, unique=True))
    return [prefix + form.format(n) + suffix + kind for n in numbers]


_STRAYS = st.lists(
    st.sampled_from(
        ["thumbnail.jpg", "00002 (1).jpg", "1.5.png", "-3.jpg", "cover.png", "00001_mask.png", "readme.md", "x.gif"]
    ),
    max_size=2,
)


@settings(deadline=None, max_examples=200)
@given(st.lists(_patterns(), min_size=1, max_size=2), _STRAYS)
def test_a_random_folder_is_one_pattern_in_natural_order_or_refused(
    patterns: list[list[str]], strays: list[str]
) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = folder_of(Path(temporary), *strays, *(name for names in patterns for name in names))
        present = {path.name for path in folder.iterdir()}
        try:
            files = find_frames(folder)
        except VideoError as error:
            assert "\n" not in str(error)
            assert str(folder) in str(error)
            return
        names = [path.name for path in files.paths]
    assert names == sorted(names, key=lambda name: natural_key(Path(name).stem))
    # One pattern: the text around the number and the kind of file are the same in all of them, ...
    shapes = {tuple(part for is_number, _, part in natural_key(Path(name).stem) if is_number) for name in names}
    assert len(shapes) == 1
    # ... and nothing of that pattern is left out.
    pictures = {n for n in present if Path(n).suffix.lower() in (".jpg", ".jpeg", ".png", ".tif", ".avif", ".gif")}
    left_out = pictures - set(names)
    assert all(name in " ".join(files.notes) for name in list(left_out)[:1])
    for name in left_out:
        shape = tuple(part for is_number, _, part in natural_key(Path(name).stem) if is_number)
        assert shape not in shapes or not any(c.isdigit() for c in name)


def test_natural_order_of_wide_numbers() -> None:
    numbers = np.random.default_rng(0).permutation(1000)[:50]
    names = [f"f{n}" for n in numbers]
    assert sorted(names, key=natural_key) == [f"f{n}" for n in sorted(numbers)]
