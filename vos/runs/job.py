"""What is tracked and which files are written: the job of a run, its sinks, and its outcome."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from vos.export import ContactSheetSink, ExportContext, MaskSink, make_sink
from vos.prompts import PromptScript
from vos.runs.folder import OutputFolder
from vos.video import FrameSource, Truncation
from vos.video.images import ImageFolderSource


@dataclass(frozen=True, slots=True)
class TrackJob:
    """What to track, and what to write.

    Attributes:
        video: File, image folder, `-`, or `camera:0`.
        script: At least one prompt, on any frames: an object is tracked from its first annotated frame on.
        output: Folder of the run.
        overlay: Whether to write an overlay video.
        contact_sheet: Frames of the contact sheet; empty for six spread over the video, None for no sheet.
        formats: Names of `vos.export.FORMATS` to write beside the masks.
        source_options: Keyword arguments of `open_source`.
        frames: Numbers of the frames to track, ascending; None for all. Prompts and masks count within them.
        notes: How prompts were read from files, for run.json.
    """

    video: str
    script: PromptScript
    output: Path
    overlay: bool = False
    contact_sheet: tuple[int, ...] | None = None
    formats: tuple[str, ...] = ()
    source_options: Mapping[str, Any] = field(default_factory=dict)
    frames: tuple[int, ...] | None = None
    notes: tuple[str, ...] = ()

    @property
    def folder(self) -> OutputFolder:
        """The folder of the run."""
        return OutputFolder(self.output)

    @property
    def formats_beside_masks(self) -> tuple[str, ...]:
        """All formats beside the index PNG, which are always written, and the contact sheet; overlay first."""
        chosen = (*(["overlay"] if self.overlay else []), *self.formats)
        return tuple(dict.fromkeys(name for name in chosen if name not in ("davis", "sheet")))

    @property
    def sheet_frames(self) -> tuple[int, ...] | None:
        """Frames of the contact sheet, also when it was asked for as a format."""
        return () if self.contact_sheet is None and "sheet" in self.formats else self.contact_sheet

    def outputs_to_json(self) -> dict[str, Any]:
        """The member `outputs` of run.json: what is written beside the masks."""
        return {
            "overlay": self.overlay,
            "contact_sheet": None if self.contact_sheet is None else list(self.contact_sheet),
            "formats": list(self.formats),
        }

    def masks_only(self) -> TrackJob:
        """The same job with nothing written beside the masks."""
        return replace(self, overlay=False, contact_sheet=None, formats=())


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """The outcome of a run that did not fail.

    Attributes:
        frames: Masks in the output.
        seconds: How long this process worked on it.
        output: The folder.
        truncation: Where an incomplete video broke off.
        object_ids: Objects known in the last frame.
        is_stopped: Whether the run ended before the video because no object was left.
        resumed_at: Frames that were taken over from the run that was resumed; None for a run from the start.
        was_finished: Whether the run to resume had nothing left to do.
        is_interrupted: Whether the observer stopped it before the end; it can be resumed where it stopped.
        tracked: Frames that the tracker has seen for it in this process, in either direction.
        went_back: (lowest, highest) frame of every backward pass that was made in this process.
        found_nothing: Whether no object has a pixel in any frame.
        notes: Sentences that the user should see: on how the video was read, what could not be written as asked, and
            objects that were not found.
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
    found_nothing: bool = False
    notes: tuple[str, ...] = ()

    @classmethod
    def of_finished(cls, record: Mapping[str, Any], folder: OutputFolder) -> RunOutcome:
        """The outcome of a run that was finished before, from its run.json."""
        truncation = record["truncation"]
        return cls(
            frames=record["frames"],
            seconds=0.0,
            output=folder,
            truncation=None if truncation is None else Truncation(**truncation),
            object_ids=tuple(int(object_id) for object_id in record["objects"]),
            is_stopped=record["status"] == "stopped",
            resumed_at=record["frames"],
            was_finished=True,
            found_nothing=not any(entry["frames_with_pixels"] for entry in record["objects"].values()),
            notes=tuple(str(note) for note in record.get("notes", ())),
        )


def mask_sinks(job: TrackJob, source: FrameSource) -> list[MaskSink]:
    """What writes a job's masks: index PNG, from which all else can be made again, and whatever was asked for."""
    context = export_context(job.video, source, job.script.names, job.script.object_ids)
    sinks = [make_sink(name, job.output, context) for name in ("davis", *job.formats_beside_masks)]
    if job.sheet_frames is not None:
        sinks.append(ContactSheetSink(job.folder.contact_sheet, job.sheet_frames or None))
    return sinks


def export_context(
    video: str, source: FrameSource, names: Mapping[int, str], object_ids: Collection[int] = ()
) -> ExportContext:
    """What the formats say about a run beside its masks.

    Args:
        video: File, image folder, or what else `open_source` takes.
        source: It, open.
        names: Of objects, by id.
        object_ids: All objects that can have pixels; empty where that is not known.
    """
    path = Path(video)
    return ExportContext(
        video=path.name,
        names=dict(names),
        frame_names=tuple(p.name for p in source.paths) if isinstance(source, ImageFolderSource) else (),
        audio_from=path if path.is_file() else None,
        has_unnamed=not object_ids or any(object_id not in names for object_id in object_ids),
    )
