"""Prompt files as other tools write them: labelme, uncompressed RLE, a byte-order mark."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from vos.errors import PromptError
from vos.files.rle import runs_of
from vos.prompts import Box, Mask, Points, Polygon, read_prompt_script

BLOB = np.zeros((48, 64), bool)
BLOB[10:30, 20:44] = True


def labelme(folder: Path, *shapes: dict[str, Any]) -> Path:
    path = folder / "00000.json"
    value = {"version": "5.4.1", "flags": {}, "shapes": shapes, "imagePath": "00000.jpg", "imageData": None}
    path.write_text(json.dumps(value | {"imageHeight": 48, "imageWidth": 64}))
    return path


def shape(label: str, kind: str, points: list[list[float]], **more: Any) -> dict[str, Any]:
    return {"label": label, "points": points, "group_id": None, "shape_type": kind, "flags": {}, **more}


def test_labelme_shapes_become_prompts_with_names(tmp_path: Path) -> None:
    part = io.BytesIO()
    Image.fromarray(BLOB[10:30, 20:44]).save(part, format="PNG")
    coded = base64.b64encode(part.getvalue()).decode()
    path = labelme(
        tmp_path,
        shape("rabbit", "polygon", [[5, 5], [30, 5], [20, 30]]),
        shape("bird", "rectangle", [[40, 30], [10, 12]]),
        shape("bird", "point", [[25, 20]]),
        shape("fox", "mask", [[20, 10], [43, 29]], mask=coded),
        shape("rabbit", "circle", [[40, 20], [45, 20]]),
        shape("dog", "rectangle", [[1, 1], [9, 9]], group_id=1),
        shape("dog", "rectangle", [[11, 11], [19, 19]], group_id=2),
    )
    script = read_prompt_script(path)
    assert script.names == {1: "rabbit", 2: "bird", 3: "fox", 4: "dog", 5: "dog"}
    by_id = {(p.object_id, p.kind): p for p in script.prompts}
    polygon = by_id[1, "polygon"]
    assert isinstance(polygon, Polygon)
    assert [len(ring) for ring in polygon.rings] == [3, 64]
    assert by_id[2, "box"] == Box(10, 12, 40, 30, object_id=2, size=(64, 48))
    assert by_id[2, "points"] == Points([[25, 20]], object_id=2, size=(64, 48))
    mask = by_id[3, "mask"]
    assert isinstance(mask, Mask)
    assert np.array_equal(mask.pixels, BLOB)
    for prompt in script.prompts:
        prompt.check(64, 48)


def test_labelme_mistakes_name_the_place(tmp_path: Path) -> None:
    with pytest.raises(PromptError, match=r"00000\.json: \$\.shapes\[0\]\.shape_type: .*'line3d' with 1 points"):
        read_prompt_script(labelme(tmp_path, shape("a", "line3d", [[1, 2]])))
    with pytest.raises(PromptError, match=r"\$\.shapes: .*is empty"):
        read_prompt_script(labelme(tmp_path))
    with pytest.raises(PromptError, match=r"mask: .*not a PNG in base64"):
        read_prompt_script(labelme(tmp_path, shape("a", "mask", [[1, 1], [2, 2]], mask="!!!")))


def script_of(path: Path, rle: dict[str, Any], encoding: str = "utf-8") -> Path:
    entry = {"object": 1, "mask": {"rle": rle}}
    path.write_text(json.dumps({"vos_prompts": 1, "prompts": [entry]}), encoding=encoding)
    return path


def test_uncompressed_run_lengths_are_read(tmp_path: Path) -> None:
    path = script_of(tmp_path / "s.json", {"size": [48, 64], "counts": runs_of(BLOB)})
    (mask,) = read_prompt_script(path).prompts
    assert isinstance(mask, Mask)
    assert np.array_equal(mask.pixels, BLOB)
    for counts in ([1, 2, 3], [-5, 48 * 64 + 5], ["a"]):
        with pytest.raises(PromptError, match="counts"):
            read_prompt_script(script_of(tmp_path / "s.json", {"size": [48, 64], "counts": counts}))


def test_a_byte_order_mark_is_read_over(tmp_path: Path) -> None:
    path = script_of(tmp_path / "s.json", {"size": [48, 64], "counts": runs_of(BLOB)}, "utf-8-sig")
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    assert len(read_prompt_script(path).prompts) == 1
