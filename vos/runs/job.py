"""What a run shall do and what came of it; what a job says about inputs, memory and files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from vos.export import FORMATS, ExportContext, MaskSink
from vos.prompts import Prompt, PromptScript, Removal
from vos.resources.ram_budget import Workload
from vos.runs.folder import OutputFolder
from vos.runs.inputs import RunInputs, decoder_of, fingerprint
from vos.runs.run_sinks import mask_sinks
from vos.tracking.absence import AbsencePolicy
from vos.tracking.load_model import VideoModel
from vos.tracking.memory_bank import MemoryPolicy
from vos.video import FrameSource, Truncation, VideoInfo
from vos.video.images import ImageFolderSource


@dataclass(frozen=True, slots=True)
class TrackJob:
    """What to track, and what to write.

    Attributes:
        video: File, image folder, `-`, or `camera:0`.
        prompts: At least one, on any frames: an object is tracked from its first annotated frame on.
        output: Folder of the run.
        overlay: Whether to write an overlay video.
        contact_sheet: Frames of the contact sheet; empty for six spread over the video, None for no sheet.
        overwrite: Whether results of a former run in the folder may be replaced.
        source_options: Keyword arguments of `open_source`.
        removals: Objects that end before the video does.
        names: Of objects, for run.json and the exports.
        frames: Numbers of the frames to track, ascending; None for all. Prompts and masks count within them.
        formats: Names of `vos.export.FORMATS` to write beside the masks.
    """

    video: str
    prompts: tuple[Prompt, ...]
    output: Path
    overlay: bool = False
    contact_sheet: tuple[int, ...] | None = None
    overwrite: bool = False
    source_options: dict[str, Any] | None = None
    removals: tuple[Removal, ...] = ()
    names: Mapping[int, str] = field(default_factory=dict)
    frames: tuple[int, ...] | None = None
    formats: tuple[str, ...] = ()

    @property
    def formats_beside_masks(self) -> tuple[str, ...]:
        """All that is written beside the index PNG, which always is; the overlay first, each once."""
        chosen = (*(["overlay"] if self.overlay else []), *self.formats)
        return tuple(dict.fromkeys(name for name in chosen if name not in ("davis", "sheet")))

    @property
    def sheet_frames(self) -> tuple[int, ...] | None:
        """Frames of the contact sheet, also when it was asked for as a format."""
        return () if self.contact_sheet is None and "sheet" in self.formats else self.contact_sheet

    @property
    def script(self) -> PromptScript:
        """What is said about the objects."""
        return PromptScript(self.prompts, self.removals, self.names)


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """What came of a run that went through.

    Attributes:
        frames: Masks in the output.
        seconds: How long this process worked on it.
        output: The folder.
        truncation: Where an incomplete video broke off.
        object_ids: Objects known in the last frame.
        is_stopped: Whether the run ended before the video because no object was left.
        resumed_at: Frames that were taken over from the run that was resumed; None for a run from the start.
        was_finished: Whether the run to resume had nothing left to do.
        is_interrupted: Whether `stop` was set before the end; the run can be resumed where it stopped.
        tracked: Frames that the tracker has seen for it in this process, in either direction.
        went_back: (lowest, highest) frame of every backward pass that was made in this process.
        notes: Sentences that the user should see, such as audio that could not be copied.
    """

    frames: int
    seconds: float
    output: OutputFolder
    truncation: Truncation | None
    object_ids: tuple[int, ...]
    is_stopped: bool = False
    resumed_at: int | None = None
    was_finished: bool = False
    is_interrupted: bool = False
    tracked: int = 0
    went_back: tuple[tuple[int, int], ...] = ()
    notes: tuple[str, ...] = ()


def workload_of(job: TrackJob, model: VideoModel, info: VideoInfo) -> Workload:
    """What decides how much memory a job takes."""
    aspect = max(info.width, info.height) / min(info.width, info.height)
    return Workload(
        width=info.width,
        height=info.height,
        input_pixels=round(model.short_side**2 * aspect),
        objects=len({prompt.object_id for prompt in job.prompts}),
        annotated_frames=len({prompt.frame for prompt in job.prompts}),
        overlay=any(FORMATS[name].is_video for name in job.formats_beside_masks),
    )


def inputs_of(
    job: TrackJob, model: VideoModel, policy: MemoryPolicy, absence: AbsencePolicy, source: FrameSource
) -> RunInputs:
    """What run.json says that a job is made from."""
    images = source.paths if isinstance(source, ImageFolderSource) else ()
    return RunInputs(
        video=job.video,
        fingerprint=fingerprint(job.video, images),
        decoder=decoder_of(job.video, (job.source_options or {}).get("backend", "auto")),
        prompts=job.prompts,
        model=model.name,
        weights_sha256=model.weights_sha256,
        device=str(model.device),
        threads=torch.get_num_threads(),
        instructions=torch.backends.cpu.get_cpu_capability(),
        options={
            "short_side": model.short_side,
            "absent_below": absence.below,
            "on_absent": absence.mode,
            "stop_after": absence.stop_after if absence.mode == "stop" else None,
            "memory_interval": policy.interval,
            "memory_recent_frames": policy.recent_frames,
            "memory_min_overlap": policy.min_overlap,
            "memory_min_presence": policy.min_presence,
            "memory_min_agreement": policy.min_agreement,
            "source": {name: str(value) for name, value in sorted((job.source_options or {}).items())},
            **({} if job.frames is None else {"frames": ",".join(map(str, job.frames))}),
        },
        outputs=outputs_of(job),
        removals=job.removals,
        names=job.names,
    )


def outputs_of(job: TrackJob) -> dict[str, Any]:
    """What run.json says is written beside the masks."""
    return {
        "overlay": job.overlay,
        "contact_sheet": None if job.contact_sheet is None else list(job.contact_sheet),
        "formats": list(job.formats),
    }


def outcome_of(record: dict[str, Any], folder: OutputFolder) -> RunOutcome:
    """The outcome of a run that is finished already."""
    truncation = record["truncation"]
    return RunOutcome(
        frames=record["frames"],
        seconds=0.0,
        output=folder,
        truncation=None if truncation is None else Truncation(**truncation),
        object_ids=tuple(int(object_id) for object_id in record["objects"]),
        is_stopped=record["status"] == "stopped",
        resumed_at=record["frames"],
        was_finished=True,
    )


def sinks_of(job: TrackJob, folder: OutputFolder, context: ExportContext) -> list[MaskSink]:
    """Who writes the masks and what is made from them."""
    return mask_sinks(folder, context, job.formats_beside_masks, job.sheet_frames)
