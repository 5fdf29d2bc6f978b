"""What is settled before the first frame of a run: prompts are checked, buffers fit into memory, inputs are named."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

from seem_model.video_model import VideoModel
from vos.errors import PromptError
from vos.export import FORMATS
from vos.prompts import Box, PromptScript, Text
from vos.prompts.checks import check_in_pixels
from vos.resources.ram_budget import Buffers, Workload, fit_buffers
from vos.resources.resident import resident_bytes
from vos.resources.threads import vector_instructions
from vos.runs.folder import OutputFolder
from vos.runs.inputs import RunInputs, decoder_of, fingerprint
from vos.runs.job import TrackJob
from vos.runs.options import RunOptions
from vos.tracking.schedule import TrackingPlan, plan_of
from vos.tracking.tracker import VideoTracker
from vos.video import FrameSource, VideoInfo
from vos.video.excerpt import Excerpt
from vos.video.images import ImageFolderSource


@dataclass(frozen=True, slots=True, eq=False)
class RunSetup:
    """Everything that a run needs before its first frame.

    Attributes:
        job: What to track and what to write.
        plan: Its script by frames.
        model: A loaded model.
        source: The video, open; only the job's frames of it.
        options: With as many remembered frames as fit into `max_memory`.
        buffers: Lengths of the queues, for the same reason.
        inputs: What run.json says of all this.
        notes: How prompts were read, where that is worth telling.
    """

    job: TrackJob
    plan: TrackingPlan
    model: VideoModel
    source: FrameSource
    options: RunOptions
    buffers: Buffers
    inputs: RunInputs
    notes: tuple[str, ...] = ()

    @property
    def folder(self) -> OutputFolder:
        """The folder of the run."""
        return self.job.folder

    def make_tracker(self) -> VideoTracker:
        """A tracker that knows no frame yet."""
        absence = self.options.absence
        return VideoTracker(
            self.model,
            policy=self.options.memory,
            windows=self.options.windows,
            absent_below=absence.below,
            paint_absent=absence.mode == "hold",
            clean=self.options.clean,
        )


def prepare_run(job: TrackJob, model: VideoModel, options: RunOptions, source: FrameSource) -> RunSetup:
    """Checks a job against its video and its model, and settles what the run is made from. Writes nothing.

    Raises:
        PromptError: A prompt does not fit the video or the model, or prompts contradict each other.
        UsageError: The run cannot fit into `max_memory`.
        VideoError: The video's bytes cannot be read.
    """
    plan = plan_of(job.script)
    notes = _check_prompts(job.script, model, source.info)
    buffers = Buffers(recent_frames=options.memory.recent_frames)
    if options.max_memory is not None:
        work = workload_of(job, model, options, source.info)
        buffers = fit_buffers(work, buffers, process=resident_bytes(), limit=options.max_memory)
        options = replace(options, memory=replace(options.memory, recent_frames=buffers.recent_frames))
    inputs = _inputs(job, model, options, source)
    if plan.backward and not inputs.fingerprint:
        prompt = plan.backward[0].prompts[0]
        raise PromptError(
            f"{prompt.where}: direction {prompt.direction} needs a video that can be read again, and {job.video} can "
            "be read only once; save it to a file first, or leave the direction out"
        )
    if job.frames is not None:
        source = Excerpt(source, job.frames)
    return RunSetup(job, plan, model, source, options, buffers, inputs, notes)


def _check_prompts(script: PromptScript, model: VideoModel, info: VideoInfo) -> tuple[str, ...]:
    """Raises PromptError for a prompt that cannot be used; returns what is to be told of those that can."""
    notes = []
    for prompt in script.prompts:
        if isinstance(prompt, Text) and not model.reads_text:
            raise PromptError(
                f"{prompt.where}: the {model.name} model does not support text; a text prompt needs a SEEM checkpoint "
                "(--model seem-focalt-v1), or a mask that `vos segment FRAME --text ...` makes of it"
            )
        check_in_pixels(prompt, info.width, info.height)
        prompt.check(info.width, info.height)
        if isinstance(prompt, Box) and prompt.leaves(info.width, info.height):
            notes.append(f"{prompt.where} leaves the {info.width}x{info.height} picture: clipped to it")
    return tuple(notes)


def workload_of(job: TrackJob, model: VideoModel, options: RunOptions, info: VideoInfo) -> Workload:
    """What decides how much memory a job takes."""
    objects = len(job.script.object_ids)
    views = 1
    if model.uses_windows:
        pixels = max(rows * columns for rows, columns in model.input_sizes(info.height, info.width))
        views = min(objects, options.windows.max_views)
    else:
        aspect = max(info.width, info.height) / min(info.width, info.height)
        pixels = round(model.short_side**2 * aspect)
    annotated = len({prompt.frame for prompt in job.script.prompts})
    return Workload(
        width=info.width,
        height=info.height,
        input_pixels=pixels,
        views=views,
        objects=objects,
        # Each is kept twice, around its objects and as a whole.
        annotated_frames=min(annotated, options.memory.pinned_frames * objects) * (2 if model.uses_windows else 1),
        overlay=any(FORMATS[name].is_video for name in job.formats_beside_masks),
    )


def _inputs(job: TrackJob, model: VideoModel, options: RunOptions, source: FrameSource) -> RunInputs:
    """What run.json says that a job is made from."""
    memory, absence = options.memory, options.absence
    images = source.paths if isinstance(source, ImageFolderSource) else ()
    return RunInputs(
        video=job.video,
        fingerprint=fingerprint(job.video, images),
        decoder=decoder_of(job.video, job.source_options.get("backend", "auto")),
        script=job.script,
        model=model.name,
        weights_sha256=model.weights_sha256,
        engine=model.engine,
        device=model.device,
        threads=model.threads,
        instructions=vector_instructions(),
        options={
            "short_side": model.short_side,
            "absent_below": absence.below,
            "on_absent": absence.mode,
            "stop_after": absence.stop_after if absence.mode == "stop" else None,
            "memory_interval": memory.interval,
            "memory_recent_frames": memory.recent_frames,
            "memory_min_overlap": memory.min_overlap,
            "memory_min_presence": memory.min_presence,
            "memory_min_agreement": memory.min_agreement,
            "memory_pinned_frames": memory.pinned_frames,
            **{f"clean_{name}": value for name, value in asdict(options.clean).items()},
            **{f"windows_{name}": value for name, value in asdict(options.windows).items()},
            "source": {name: str(value) for name, value in sorted(job.source_options.items())},
            **({} if job.frames is None else {"frames": ",".join(map(str, job.frames))}),
        },
        outputs=job.outputs_to_json(),
    )
