"""What a worker needs to know about one video: plain values that can be written down, compared and sent anywhere."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from vos.errors import PromptError

if TYPE_CHECKING:
    from vos.prompts import Prompt, PromptScript, Removal


# What lies in a job's output folder before an attempt.
OutputState = Literal["empty", "resumable", "stale"]

# "!10,20" is a point beside the object: points on and beside one object have to meet in one prompt.
NEGATIVE_MARK = "!"


@dataclass(frozen=True, slots=True)
class PromptSource:
    """Where a prompt comes from.

    Attributes:
        kind: A key of `PROMPT_KINDS`.
        value: Path of a file, or coordinates as on the command line of `vos track`.
        frame: Frame that the prompt is drawn on; files that name frames themselves, such as scripts, leave it 0.
    """

    kind: str
    value: str
    frame: int = 0


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """Arguments of `vos.tracking.load_model.load_model`."""

    name: str = "compact"
    weights: str | None = None
    device: str = "auto"
    short_side: int | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """The window of a longer video that a job tracks (`pipelines.fleet.splitting`).

    Attributes:
        video: Name of the job for the whole video.
        output: Folder of the whole.
        start, stop: First frame of the window, and one past its last.
        split_frames, split_overlap: What was asked for.
    """

    video: str
    output: str
    start: int
    stop: int
    split_frames: int
    split_overlap: int


@dataclass(frozen=True, slots=True)
class JobSpec:
    """One video to track, or a part of it.

    Attributes:
        name: Unique among the jobs of a batch.
        video: What `vos.video.open_source` takes.
        prompts: At least one on frame 0.
        output: Folder of the run.
        model: What tracks.
        absent_below: Presence below which an object gets no pixels.
        overlay, contact_sheet: Whether to write these files too.
        rate: Frames per second of an image folder.
        part: The window to track; None for the whole video.
    """

    name: str
    video: str
    prompts: tuple[PromptSource, ...]
    output: str
    model: ModelSpec = field(default_factory=ModelSpec)
    absent_below: float = 0.5
    overlay: bool = False
    contact_sheet: bool = False
    rate: str | None = None
    part: Part | None = None

    def to_json(self) -> str:
        """One line; equal jobs give equal lines."""
        values = {name: getattr(self, name) for name in self.__slots__}
        # Nested values as lists, not by `dataclasses.asdict`: that copies everything and takes most of the time that a
        # long manifest needs.
        values["prompts"] = [(prompt.kind, prompt.value, prompt.frame) for prompt in self.prompts]
        values["model"] = (self.model.name, self.model.weights, self.model.device, self.model.short_side)
        if self.part is None:
            del values["part"]
        else:
            values["part"] = asdict(self.part)
        return json.dumps(values, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> JobSpec:
        """Inverse of `to_json`."""
        fields: dict[str, Any] = json.loads(text)
        fields["prompts"] = tuple(PromptSource(*prompt) for prompt in fields["prompts"])
        fields["model"] = ModelSpec(*fields["model"])
        if "part" in fields:
            fields["part"] = Part(**fields["part"])
        return cls(**fields)


@dataclass(frozen=True, slots=True)
class JobResult:
    """What came of a job that went through.

    Attributes:
        frames: Masks in the output.
        tracked: How many of them the last attempt made; the others were there before.
        seconds: How long that took, without loading the model.
        peak_bytes: Greatest memory in use while the job ran: of the GPU if the model is on one, otherwise resident
            memory of the process. None where the system does not tell.
        device, weights_sha256: Of the model.
        decode_seconds: How long decoding of a video file took in its own thread, beside the model.
        truncated: Where the video broke off, in words.
    """

    frames: int
    tracked: int
    seconds: float
    peak_bytes: int | None
    device: str
    weights_sha256: str
    truncated: str | None = None
    decode_seconds: float = 0.0

    @property
    def fps(self) -> float:
        """Frames per second of tracking."""
        return self.tracked / max(self.seconds, 1e-9)


def load_prompts(sources: tuple[PromptSource, ...]) -> tuple[Prompt, ...]:
    """Reads prompts in the order of their kinds, as `vos track` does.

    Raises:
        PromptError: One cannot be read, or there is none.
    """
    if not sources:
        raise PromptError("no prompt: give a mask, stroke, box, point or polygon on the first frame")
    prompts: list[Prompt] = []
    for kind, read in PROMPT_KINDS.items():
        by_frame: dict[int, list[str]] = {}
        for source in sources:
            if source.kind == kind:
                by_frame.setdefault(source.frame, []).append(source.value)
        for frame, values in by_frame.items():
            prompts += read(values, frame)
    return tuple(prompts)


def load_script(sources: tuple[PromptSource, ...]) -> PromptScript:
    """`load_prompts`, and what prompt scripts say beside prompts: objects that end, and names.

    Raises:
        PromptError: As `load_prompts`.
    """
    from vos.prompts import PromptScript, read_prompt_script

    removals: tuple[Removal, ...] = ()
    names: dict[int, str] = {}
    for source in sources:
        if source.kind == "script":
            script = read_prompt_script(Path(source.value))
            removals += script.removals
            names |= script.names
    return PromptScript(load_prompts(sources), removals, names)


def _read_strokes(values: list[str], frame: int) -> list[Prompt]:
    from vos.prompts import read_strokes

    return [prompt for path in values for prompt in read_strokes(Path(path))]


def _read_scripts(values: list[str], frame: int) -> list[Prompt]:
    from vos.prompts import read_prompt_script

    return [prompt for path in values for prompt in read_prompt_script(Path(path)).prompts]


def _read_stroke_index(values: list[str], frame: int) -> list[Prompt]:
    import numpy as np

    from vos.files.index_png import read_palette_png
    from vos.prompts import Stroke

    prompts: list[Prompt] = []
    for path in values:
        labels = read_palette_png(Path(path))
        prompts += [
            Stroke.painted(labels == object_id, object_id=int(object_id), frame=frame, source=path)
            for object_id in np.unique(labels)
            if object_id
        ]
    return prompts


def _read_masks(values: list[str], frame: int) -> list[Prompt]:
    from vos.prompts import read_masks

    return [prompt for path in values for prompt in read_masks(Path(path), frame=frame)]


def _parse_boxes(values: list[str], frame: int) -> list[Prompt]:
    from vos.prompts import box_from_argument

    return [box_from_argument(text, frame=frame) for text in values]


def _parse_points(values: list[str], frame: int) -> list[Prompt]:
    from vos.prompts import points_from_arguments

    positive = [text for text in values if not text.startswith(NEGATIVE_MARK)]
    negative = [text.removeprefix(NEGATIVE_MARK) for text in values if text.startswith(NEGATIVE_MARK)]
    return list(points_from_arguments(positive, negative, frame=frame))


def _parse_polygons(values: list[str], frame: int) -> list[Prompt]:
    from vos.prompts import polygon_from_argument

    return [polygon_from_argument(text, frame=frame) for text in values]


# Kinds whose values are paths.
PROMPT_FILE_KINDS = frozenset({"script", "stroke", "stroke-index", "mask"})

# Kind of prompt -> reader of all its values on one frame. `stroke-index` is an index PNG whose pixels are strokes.
PROMPT_KINDS: dict[str, Callable[[list[str], int], list[Prompt]]] = {
    "script": _read_scripts,
    "stroke": _read_strokes,
    "stroke-index": _read_stroke_index,
    "mask": _read_masks,
    "box": _parse_boxes,
    "point": _parse_points,
    "polygon": _parse_polygons,
}
