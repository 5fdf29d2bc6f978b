"""What a worker needs to know about one video: plain values that can be stored, compared and sent anywhere."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from vos.prompts import PromptScript
    from vos.tracking.load_model import EngineName

# What a job's output folder holds before an attempt: nothing of a run, a part of this job, files of an earlier job.
OutputState = Literal["empty", "resumable", "stale"]


@dataclass(frozen=True, slots=True)
class PromptSource:
    """A prompt as written: an option of `vos track` with its value, and the settings that apply to it.

    A reference picture is followed by the source that marks the object on it.

    Attributes:
        option: Name of the option, without dashes in front: `mask`, `negative-point`, `reference`...
        value: Its value; paths are absolute.
        frame: Value of `--at`: a frame, or a time such as `2.5s`. Files that name their frames leave it 0.
        object_name: Value of `--object`; None for none.
        direction: Value of `--direction`.
    """

    option: str
    value: str
    frame: int | str = 0
    object_name: str | None = None
    direction: str = "forward"

    def values(self) -> tuple[Any, ...]:
        """The fields, without trailing ones that have their default."""
        fields = (self.option, self.value, self.frame, self.object_name, self.direction)
        return fields if fields[3:] != (None, "forward") else fields[:3]


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """Arguments of `vos.tracking.load_model.load_model`."""

    name: str = "compact"
    weights: str | None = None
    device: str = "auto"
    short_side: int | None = None
    engine: EngineName = "auto"

    @classmethod
    def of_options(
        cls, name: str, weights: Path | None, device: str, short_side: int | None, engine: EngineName
    ) -> ModelSpec:
        """From the values of `vos.cli.options.model_options`; workers may have another working directory."""
        return cls(name, None if weights is None else str(weights.resolve()), device, short_side, engine)


@dataclass(frozen=True, slots=True)
class Part:
    """The window of a longer video that a job tracks (`pipelines.fleet.splitting`).

    Attributes:
        video: Name of the job for the whole video.
        output: Folder of the whole.
        start, stop: First frame of the window, and one past its last.
        split_frames, split_overlap: As requested.
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
        prompts: At least one.
        output: Folder of the run.
        model: What tracks.
        absent_below: Presence below which an object gets no pixels.
        overlay, contact_sheet: Whether to write these files too.
        rate: Frames per second of an image folder.
        images, value_range: Which files of an image folder are the frames, and which values are black and white.
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
    images: str | None = None
    value_range: str | None = None
    part: Part | None = None

    def to_json(self) -> str:
        """One line; equal jobs give equal lines."""
        values = {name: getattr(self, name) for name in self.__slots__}
        # Nested values as lists, not by `dataclasses.asdict`: that copies everything and takes most of the time that a
        # long manifest needs.
        values["prompts"] = [prompt.values() for prompt in self.prompts]
        model = self.model
        values["model"] = (model.name, model.weights, model.device, model.short_side, model.engine)
        # Left out where they are not given, as in batches that were begun before there were such options.
        for name in ("images", "value_range"):
            if values[name] is None:
                del values[name]
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
    """Outcome of a finished job.

    Attributes:
        frames: Masks in the output.
        tracked: How many of them the last attempt made; the others existed before.
        seconds: How long that took, without loading the model.
        peak_bytes: Greatest memory in use while the job ran: of the GPU if the model is on one, otherwise resident
            memory of the process. None where the system does not report it.
        device, weights_sha256: Of the model.
        decode_seconds: How long decoding of a video file took in its own thread, beside the model.
        truncated: Where the video breaks off, in words.
        notes: What the user should know: how the video and the prompts were read, objects that were not found.
        found_nothing: Whether no object has a pixel in any frame.
    """

    frames: int
    tracked: int
    seconds: float
    peak_bytes: int | None
    device: str
    weights_sha256: str
    truncated: str | None = None
    decode_seconds: float = 0.0
    notes: tuple[str, ...] = ()
    found_nothing: bool = False

    @property
    def fps(self) -> float:
        """Frames per second of tracking."""
        return self.tracked / max(self.seconds, 1e-9)


def source_options(spec: JobSpec) -> dict[str, Any]:
    """Keyword arguments of `open_source` for a job's video."""
    given = {"rate": spec.rate, "images": spec.images, "value_range": spec.value_range}
    return {name: value for name, value in given.items() if value is not None}


def load_script(spec: JobSpec) -> tuple[PromptScript, tuple[str, ...]]:
    """Reads the prompts of a job, as `vos track` reads its options; and what is unusual in their pictures.

    Raises:
        PromptError, UsageError: One cannot be read, or they contradict each other.
        VideoError: A prompt is given for a time, and the video cannot be opened.
    """
    from vos.cli.prompt_parser import PromptOptionParser

    parser = PromptOptionParser(spec.video, source_options(spec), {})
    parser.reserve(text for source in spec.prompts for text in (source.value, source.object_name or ""))
    marks_reference = False
    for source in spec.prompts:
        if not marks_reference:
            parser.set_place(source.frame, source.object_name, source.direction)
        parser.feed(source.option, source.value)
        marks_reference = source.option == "reference"
    return parser.script(), tuple(str(note) for note in parser.notes if note.is_unusual)
