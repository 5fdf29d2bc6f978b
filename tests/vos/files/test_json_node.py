"""Values of a JSON file with their place in it; who reads the file decides what kind of error a wrong one is."""

from __future__ import annotations

from pathlib import Path

import pytest

from vos.errors import OutputError, PromptError
from vos.files.json_node import JsonError, JsonNode, json_errors_as, read_json
from vos.prompts import read_prompt_script


def test_a_wrong_value_is_named_with_file_and_place() -> None:
    node = JsonNode({"prompts": [{"box": [1, "2"]}]}, Path("clip.json"))
    with pytest.raises(JsonError, match=r"^clip\.json: \$\.prompts\[0\]\.box\[1\]: expected a number$"):
        next(node.get("prompts").items()).get("box").numbers(2)


def test_the_reader_of_a_file_makes_the_error_one_of_its_own() -> None:
    message = r"^run\.json: \$: has no 'frames' \(damaged\)$"
    with pytest.raises(OutputError, match=message), json_errors_as(OutputError, remark=" (damaged)"):
        JsonNode({}, Path("run.json")).get("frames")


def test_errors_of_other_kinds_pass() -> None:
    with pytest.raises(PromptError, match="too large"), json_errors_as(OutputError):
        raise PromptError("too large")


def test_a_prompt_script_that_is_no_json_is_an_error_of_prompts(tmp_path: Path) -> None:
    path = tmp_path / "clip.json"
    path.write_text("{")
    with pytest.raises(JsonError, match="not JSON"):
        read_json(path)
    with pytest.raises(PromptError, match="not JSON"):
        read_prompt_script(path)
