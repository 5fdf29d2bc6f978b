"""Scribbles that people drew for DAVIS, as prompts: `<root>/Scribbles/<sequence>/001.json`, 002, 003.

People chose the frame to draw on, and it need not be the first: tracking then goes in both directions from there. The
files are checked against the sequence and copied for each pass, with frames counted from its beginning.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from eval.errors import DatasetError, EvalUsageError
from pipelines.datasets.sequences import Sequence
from pipelines.datasets.tracking_passes import Pass
from pipelines.fleet.jobs import PromptSource
from vos.errors import PromptError
from vos.files.json_node import JsonNode, json_errors_as, read_json
from vos.prompts.davis_scribbles import davis_scribbles_from
from vos.runs.folder import write_json

FOLDER = "Scribbles"
# Data sets with scribbles. In DAVIS-2016 all objects of a sequence are one.
DATASETS_WITH_SCRIBBLES = ("davis16", "davis17")
_ONE_OBJECT = "davis16"


def check_has_scribbles(dataset: str, root: Path) -> None:
    """Raises EvalUsageError for a data set without scribbles, DatasetError where their folder is missing."""
    if dataset not in DATASETS_WITH_SCRIBBLES:
        raise EvalUsageError(
            f"--prompt scribble: people drew scribbles for {' and '.join(DATASETS_WITH_SCRIBBLES)} only, not for "
            f"{dataset}; --prompt stroke draws strokes by rule"
        )
    if not (root / FOLDER).is_dir():
        raise DatasetError(
            f"{root / FOLDER}: no such folder. The scribbles are a separate download on the site of DAVIS "
            "(DAVIS-2017-scribbles-trainval.zip); unpack it into --root, or use --prompt stroke"
        )


def scribble_passes(
    dataset: str, root: Path, sequence: Sequence, number: int, folder: Path
) -> list[tuple[Pass, tuple[PromptSource, ...]]]:
    """The passes over a sequence that one scribble file asks for, each with its prompts.

    Tracking begins in the first annotated frame, continues to the end (using scribbles of later frames on the way)
    and, from the first annotated frame again, back to the beginning.

    Args:
        dataset, root: The data set and its folder.
        sequence: One of its sequences.
        number: Which of the sequence's files, from 1.
        folder: Where the copies are written.

    Raises:
        DatasetError: There is no such file, or it does not belong to this sequence.
        PromptError: It is not a scribble file.
    """
    path = root / FOLDER / sequence.name / f"{number:03d}.json"
    if not path.is_file():
        there = ", ".join(sorted(other.name for other in path.parent.glob("*.json"))) or "no file"
        raise DatasetError(f"{path}: no such file; {path.parent} has {there}, see --scribble")
    with json_errors_as(PromptError):
        node = read_json(path)
    prompts = davis_scribbles_from(node)
    frames: list[Any] = node.value["scribbles"]
    if len(frames) != len(sequence.stems):
        raise DatasetError(f"{path}: has {len(frames)} frames, but {sequence.name} has {len(sequence.stems)}")
    if dataset == _ONE_OBJECT:
        frames = [[{**stroke, "object_id": min(stroke["object_id"], 1)} for stroke in frame] for frame in frames]
    else:
        _check_objects(node, {prompt.object_id for prompt in prompts}, sequence)
    first = min(prompt.frame for prompt in prompts)
    passes = [(Pass(sequence.name, first), frames[first:])]
    if first > 0:
        # Scribbles on later frames belong to the forward pass.
        passes.append((Pass(sequence.name, first, is_backward=True), [frames[first]]))
    return [(item, (_copy(part, sequence.name, folder / f"{item.job}.json"),)) for item, part in passes]


def _check_objects(node: JsonNode, drawn: set[int], sequence: Sequence) -> None:
    if sequence.object_ids is None:
        return
    if unknown := sorted(drawn - set(sequence.object_ids)):
        known = ", ".join(map(str, sequence.object_ids))
        raise PromptError(f"{node.file}: scribbles of object {unknown[0]}; {sequence.name} has {known}")
    if missing := sorted(set(sequence.object_ids) - drawn):
        raise PromptError(
            f"{node.file}: no scribble of object {missing[0]} of {sequence.name}; choose another file with --scribble"
        )


def _copy(frames: list[Any], sequence: str, path: Path) -> PromptSource:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, {"sequence": sequence, "scribbles": frames})
    return PromptSource("stroke", str(path))
