"""Prompt scripts and DAVIS scribbles: read, written, and what is said about broken ones."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from vos.errors import PromptError
from vos.prompts import (
    DIRECTIONS,
    Box,
    Mask,
    Points,
    Polygon,
    PromptScript,
    ReferenceImage,
    Removal,
    Stroke,
    Text,
    read_davis_scribbles,
    read_prompt_script,
    read_strokes,
    write_prompt_script,
)

BLOB = np.zeros((40, 60), dtype=bool)
BLOB[10:20, 15:30] = True
BLOB[12, 17] = False

SCRIPT: dict[str, Any] = {
    "vos_prompts": 1,
    "size": [60, 40],
    "names": {"1": "rabbit"},
    "prompts": [
        {"object": 1, "stroke": {"lines": [[[10, 10], [20, 15.5]], [[4, 4]]], "width": 6}},
        {"object": 1, "frame": 40, "points": {"positive": [[30, 20]], "negative": [[5, 5]]}},
        {"object": 2, "box": [10, 10, 30, 35]},
        {"object": 3, "polygon": [[[10, 10], [30, 10], [20, 30]]]},
        {"object": 4, "text": "the butterfly"},
        {"object": 2, "frame": 90, "remove": True},
    ],
}


def script_file(folder: Path, value: object) -> Path:
    path = folder / "script.json"
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return path


def changed(*keys: Any, to: object) -> dict[str, Any]:
    value = copy.deepcopy(SCRIPT)
    target: Any = value
    for key in keys[:-1]:
        target = target[key]
    target[keys[-1]] = to
    return value


def test_a_script_gives_prompts_names_and_removals(tmp_path: Path) -> None:
    script = read_prompt_script(script_file(tmp_path, SCRIPT))
    size = (60, 40)
    assert script.prompts == (
        Stroke((np.array([[10, 10], [20, 15.5]]), np.array([[4.0, 4.0]])), 6, object_id=1, size=size),
        Points(np.array([[30.0, 20]]), np.array([[5.0, 5]]), object_id=1, frame=40, size=size),
        Box(10, 10, 30, 35, object_id=2, size=size),
        Polygon((np.array([[10, 10], [30, 10], [20, 30]]),), object_id=3, size=size),
        Text("the butterfly", object_id=4),
    )
    assert script.removals == (Removal(2, 90),)
    assert script.names == {1: "rabbit"}


def test_masks_come_from_png_files_beside_the_script(tmp_path: Path) -> None:
    labels = np.zeros((40, 60), np.uint8)
    labels[BLOB] = 2
    labels[30:35, 40:50] = 5
    (tmp_path / "masks").mkdir()
    Image.fromarray(labels).save(tmp_path / "masks" / "m.png")
    Image.fromarray(BLOB).save(tmp_path / "one.png")
    entries = [
        {"object": 2, "mask": {"png": "masks/m.png"}},
        {"object": 9, "mask": {"png": "masks/m.png", "id": 5}},
        {"object": 7, "stroke": {"png": "one.png"}},
    ]
    script = read_prompt_script(script_file(tmp_path, {"vos_prompts": 1, "prompts": entries}))
    assert script.prompts == (
        Mask(BLOB, object_id=2),
        Mask(labels == 5, object_id=9),
        Stroke.painted(BLOB, object_id=7),
    )


pixel = st.floats(0, 60, allow_nan=False)
pairs = st.lists(st.tuples(pixel, pixel), min_size=3, max_size=6)


@st.composite
def prompts_of_all_kinds(draw: st.DrawFn) -> PromptScript:
    seed = draw(st.integers(0, 2**32 - 1))
    raster = np.random.default_rng(seed).random((draw(st.integers(1, 30)), draw(st.integers(1, 30)))) < 0.4
    raster[0, 0] = True
    makers = [
        lambda c: Mask(raster, **c),
        lambda c: Stroke.painted(raster, **c),
        lambda c: Stroke((np.array(draw(pairs)),), draw(st.floats(0.5, 50)), size=(60, 60), **c),
        lambda c: Points(np.array(draw(pairs)), np.array(draw(st.lists(st.tuples(pixel, pixel), max_size=3))), **c),
        lambda c: Box(draw(st.floats(0, 20)), 1.5, draw(st.floats(30, 60)), 7, **c),
        lambda c: Polygon((np.array(draw(pairs)), np.array(draw(pairs))), **c),
        lambda c: Text(draw(st.text('aé中"\\ ', min_size=1).filter(str.strip)), **c),
        lambda c: ReferenceImage(np.full((*raster.shape, 3), 7, np.uint8), Mask(raster), **c),
    ]
    chosen = draw(st.lists(st.sampled_from(makers), min_size=1, max_size=6))
    ids = draw(st.permutations(range(65536 - len(chosen), 65536)))
    prompts = [
        make({"object_id": i, "frame": draw(st.integers(0, 10**6)), "direction": draw(st.sampled_from(DIRECTIONS))})
        for make, i in zip(chosen, ids, strict=False)
    ]
    return PromptScript(tuple(prompts), (Removal(3, 9),), {1: "rabbit", 300: 'the "second"'})


@settings(deadline=None, max_examples=60)
@given(script=prompts_of_all_kinds())
def test_a_written_script_reads_back_equal_and_writes_the_same_bytes(
    script: PromptScript, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("scripts") / "s.json"
    write_prompt_script(path, script)
    first = path.read_bytes()
    again = read_prompt_script(path)
    assert again == script
    write_prompt_script(path, again)
    assert path.read_bytes() == first


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (changed("vos_prompts", to=2), r"\$\.vos_prompts: version 2 is not supported"),
        (changed("prompts", 2, "box", to=[1, 2, 3]), r"\$\.prompts\[2\]\.box: expected 4 numbers, found 3"),
        (changed("prompts", 2, "box", 1, to="7"), r"\$\.prompts\[2\]\.box\[1\]: expected a number"),
        (changed("prompts", 2, "box", to=[30, 1, 10, 9]), r"\$\.prompts\[2\]: box of object 2 is empty"),
        (changed("prompts", 0, "object", to=0), r"\$\.prompts\[0\]\.object: expected a whole number in 1\.\.65535"),
        (changed("prompts", 1, "frame", to=-1), r"\$\.prompts\[1\]\.frame: expected a whole number"),
        (changed("prompts", 1, "points", to={}), r"\$\.prompts\[1\]\.points: has no 'positive'"),
        (
            changed("prompts", 1, "direction", to="sideways"),
            r"\$\.prompts\[1\]\.direction: expected one of forward,",
        ),
        (changed("prompts", 5, "direction", to="both"), r"\$\.prompts\[5\]: unknown member 'direction'"),
        (changed("prompts", 3, "colour", to="red"), r"\$\.prompts\[3\]: unknown member 'colour'"),
        (changed("prompts", 3, "box", to=[1, 1, 2, 2]), r"\$\.prompts\[3\]: needs exactly one of"),
        (changed("prompts", 5, "remove", to=1), r"\$\.prompts\[5\]\.remove: expected true"),
        (changed("prompts", to=[]), r"\$\.prompts: is empty"),
        (changed("prompts", to=5), r"\$\.prompts: expected a list"),
        (changed("names", to={"x": "y"}), r"\$\.names\.x: 'x' is not an object id"),
        (changed("names", "1", to=3), r"\$\.names\.1: expected a text"),
        (changed("size", to=[60]), r"\$\.size: expected 2 elements"),
        (changed("extra", to=1), r"\$: unknown member 'extra'"),
        (changed("prompts", 2, to=3), r"\$\.prompts\[2\]: needs exactly one of"),
        (changed("prompts", 2, to={"object": 1, "mask": {"rle": {"size": [4, 4], "counts": "zz"}}}), r"rle\.counts: "),
        (
            changed("prompts", 2, to={"object": 1, "mask": {"rle": {"size": [65535, 65535], "counts": ""}}}),
            r"rle\.size",
        ),
        (changed("prompts", 2, to={"object": 1, "mask": {"png": "no.png"}}), r"no\.png: no such file"),
        (changed("prompts", 2, to={"object": 1, "mask": {"png": "../x.png"}}), r"mask\.png: leads out of the script's"),
        (changed("prompts", 2, to={"object": 1, "mask": {"png": "/etc/passwd"}}), r"mask\.png: leads out"),
        (changed("prompts", 2, to={"object": 1, "mask": {"png": "a\0b"}}), r"mask\.png: is not a usable path"),
        (changed("prompts", 2, to=SCRIPT["prompts"][0]), r"given twice"),
        ([], r"is neither a prompt script"),
        ("{", r"not JSON: .* in line 1"),
        ("", r"not JSON"),
        ("[" * 100_000, r"not JSON"),
        ('{"vos_prompts": NaN}', r"not JSON"),
        ('{"vos_prompts": 1, "prompts": [{"object": 1, "box": [0, 0, 1' + "0" * 400 + ", 1]}]}", r"expected a number"),
    ],
)
def test_a_broken_script_is_refused_with_the_place_in_the_file(tmp_path: Path, value: object, message: str) -> None:
    with pytest.raises(PromptError, match=message) as error:
        read_prompt_script(script_file(tmp_path, value))
    assert "\n" not in str(error.value)
    assert "script.json" in str(error.value) or "no.png" in str(error.value)


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "inside").mkdir()
    Image.fromarray(BLOB).save(tmp_path / "secret.png")
    (tmp_path / "inside" / "link.png").symlink_to(tmp_path / "secret.png")
    entries = [{"object": 1, "mask": {"png": "link.png"}}]
    with pytest.raises(PromptError, match="leads out"):
        read_prompt_script(script_file(tmp_path / "inside", {"vos_prompts": 1, "prompts": entries}))


def test_a_png_with_other_objects_names_those_it_has(tmp_path: Path) -> None:
    labels = np.zeros((9, 9), np.uint8)
    labels[1, 1], labels[3, 3] = 2, 5
    Image.fromarray(labels).save(tmp_path / "m.png")
    entries = [{"object": 1, "mask": {"png": "m.png"}}]
    with pytest.raises(PromptError, match=r"object 1 is not in this picture, which has 2, 5"):
        read_prompt_script(script_file(tmp_path, {"vos_prompts": 1, "prompts": entries}))


@settings(deadline=None, max_examples=150)
@given(data=st.data())
def test_mutated_scripts_end_in_one_clear_error_or_a_script(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    text = bytearray(json.dumps(SCRIPT).encode())
    for _ in range(data.draw(st.integers(1, 5))):
        text[data.draw(st.integers(0, len(text) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("mutated") / "s.json"
    path.write_bytes(text)
    try:
        read_prompt_script(path)
    except PromptError as error:
        assert str(error).startswith(str(path))
        assert "\n" not in str(error)


def scribbles(*frames: list[dict[str, Any]]) -> dict[str, Any]:
    return {"sequence": "rabbit", "scribbles": list(frames)}


def stroke(object_id: int, *path: tuple[float, float]) -> dict[str, Any]:
    return {"path": [list(p) for p in path], "object_id": object_id, "start_time": 0, "end_time": 9}


def test_davis_scribbles_follow_the_truncation_rule(tmp_path: Path) -> None:
    # 0.5 * (101 - 1) = 50; 0.999 * (51 - 1) = 49.95 -> 49.
    path = script_file(tmp_path, scribbles([stroke(2, (0.5, 0.999), (0.5, 0.999))]))
    (prompt,) = read_davis_scribbles(path)
    assert (prompt.object_id, prompt.frame, prompt.size) == (2, 0, None)
    marked = prompt.rasterise(101, 51)
    assert np.array_equal(np.argwhere(marked), [[49, 50]])
    prompt.check(101, 51)
    prompt.check(854, 480)


def test_the_annotated_frame_of_davis_scribbles_is_the_one_with_strokes(tmp_path: Path) -> None:
    value = scribbles([], [], [stroke(1, (0.1, 0.1), (0.2, 0.2)), stroke(3, (0.6, 0.6), (0.9, 0.9))], [])
    found = read_davis_scribbles(script_file(tmp_path, value))
    assert [(p.object_id, p.frame) for p in found] == [(1, 2), (3, 2)]


def test_later_scribbles_paint_over_earlier_ones_and_background_erases(tmp_path: Path) -> None:
    across, down = ((0.1, 0.5), (0.9, 0.5)), ((0.5, 0.1), (0.5, 0.9))
    one, two = read_davis_scribbles(script_file(tmp_path, scribbles([stroke(1, *across), stroke(2, *down)])))
    assert two.rasterise(100, 100)[49, 49]
    assert not one.rasterise(100, 100)[49, 49]
    assert one.rasterise(100, 100)[49, 20]
    value = scribbles([stroke(1, *across), stroke(0, *down)])
    (erased,) = read_davis_scribbles(script_file(tmp_path, value))
    assert not erased.rasterise(100, 100)[49, 49]
    assert erased.rasterise(100, 100)[49, 20]


def test_davis_scribbles_pass_through_a_prompt_script(tmp_path: Path) -> None:
    found = read_davis_scribbles(script_file(tmp_path, scribbles([stroke(1, (0.1, 0.3), (1, 0)), stroke(0, (0, 1))])))
    write_prompt_script(tmp_path / "out.json", PromptScript(tuple(found)))
    assert read_prompt_script(tmp_path / "out.json").prompts == tuple(found)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (scribbles([], []), "holds no scribble"),
        (scribbles([stroke(0, (0.1, 0.1))]), "holds no scribble of any object"),
        (scribbles([stroke(1, (1.5, 0.1))]), r"\$\.scribbles\[0\]\[0\]\.path: has coordinates outside 0\.\.1"),
        (scribbles([stroke(1)]), r"\$\.scribbles\[0\]\[0\]\.path: is empty"),
        (scribbles([{"path": [[0.1, 0.1]]}]), r"\$\.scribbles\[0\]\[0\]: has no 'object_id'"),
        ({"scribbles": 3}, r"\$\.scribbles: expected a list"),
    ],
)
def test_broken_scribbles_are_refused_with_the_place_in_the_file(tmp_path: Path, value: object, message: str) -> None:
    with pytest.raises(PromptError, match=message):
        read_prompt_script(script_file(tmp_path, value))


def test_strokes_are_read_from_every_kind_of_file(tmp_path: Path) -> None:
    lines = {"vos_prompts": 1, "prompts": [{"object": 4, "stroke": {"lines": [[[1, 1], [5, 5]]]}}]}
    assert read_strokes(script_file(tmp_path, lines)) == [Stroke((np.array([[1, 1], [5, 5]]),), object_id=4)]
    assert [p.kind for p in read_strokes(script_file(tmp_path, scribbles([stroke(1, (0, 0))])))] == ["stroke"]
    Image.fromarray(BLOB).save(tmp_path / "s.png")
    assert read_strokes(tmp_path / "s.png") == [Stroke.painted(BLOB)]
    with pytest.raises(PromptError, match="only strokes are expected"):
        read_strokes(script_file(tmp_path, SCRIPT))
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(PromptError, match="not a PNG"):
        read_strokes(tmp_path / "notes.txt")
