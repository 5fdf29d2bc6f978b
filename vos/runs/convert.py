"""Finished masks to other formats: what `vos convert` and the browser's export button run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from vos.errors import OutputError, UsageError
from vos.export import FORMATS, ExportContext, MaskSink, find_formats
from vos.export.formats import MaskFormat
from vos.files.atomic import replacing_folder
from vos.files.index_png import make_folder
from vos.results import FrameResult
from vos.runs.lock import only_run_in
from vos.runs.mask_reader import FinishedMasks, open_masks
from vos.tracking.cleaning import CleanPolicy, clean_labels
from vos.tracking.steady import steady_masks
from vos.video import Frame, VideoInfo

# Formats that count their frames from the first one they have: a part would get other numbers.
_WHOLE_ONLY = frozenset({"ytvis", "burst", "labelstudio-video", "cvat"})


@dataclass(frozen=True, slots=True)
class Conversion:
    """Outcome of a conversion.

    Attributes:
        paths: One file or folder per format, in the order of the formats.
        frames: How many frames were written.
        notes: Sentences that the user should see, such as audio that could not be copied.
    """

    paths: tuple[Path, ...]
    frames: int
    notes: tuple[str, ...]


def convert_run(
    folder: str | Path,
    formats: Sequence[str],
    *,
    output: str | Path | None = None,
    video: str | Path | None = None,
    objects: Sequence[str | int] = (),
    clean: CleanPolicy | None = None,
    frames: tuple[int, int] | None = None,
    overwrite: bool = False,
    on_frame: Callable[[int, int | None], None] = lambda done, total: None,
) -> Conversion:
    """Writes finished masks in other formats, all in one pass. The video is decoded only for formats with pictures.

    Args:
        folder: Output folder of a run; or any folder of index PNG, with `video`.
        formats: Names of `vos.export.FORMATS`.
        output: Folder for the results, each at its usual place; the run's own folder if None.
        video: File or image folder; needed only where the run's own has moved, or for a plain folder of masks.
        objects: Ids or names of the objects to write; all if empty.
        clean: How the masks are cleaned before they are written; left out, they stay as they are.
        frames: The first and the last frame to write, which keep their numbers and times; all if None. Videos of a part
            are silent.
        overwrite: Whether existing results may be replaced.
        on_frame: Called after each frame with the number done and the total.

    Raises:
        UsageError: No such format or object.
        OutputError: Not the folder of a run, masks are missing or changed, a result exists already, or it cannot be
            written. Each result is complete or not there.
        VideoError: The video is needed and cannot be read.

    Examples:
        >>> from vos import Box, convert_run, track_script
        >>> outcome = track_script("clip.mp4", [Box(120, 80, 360, 400)], "clip_vos")
        >>> for path in convert_run("clip_vos", ["coco", "overlay"]).paths:
        ...     print(path)
        clip_vos/coco.json
        clip_vos/overlay.mp4
    """
    names = find_formats(formats)
    masks = open_masks(Path(folder), video=video)
    target = Path(folder if output is None else output)
    if "davis" in names and (target / FORMATS["davis"].place).resolve() == masks.masks.resolve():
        raise UsageError(f"{masks.masks}: these masks are in the format davis; choose another format or --output")
    ids = _chosen(objects, masks)
    first, last = _range_of(frames, names, masks)
    for name in names:
        _check_place(FORMATS[name], target, masks.info.frame_names, overwrite=overwrite)
    make_folder(target)
    # Sound cannot be cut at frames without being encoded anew.
    audio_from = masks.context.audio_from if frames is None else None
    context = replace(masks.context, overwrite=overwrite, audio_from=audio_from)
    info = replace(masks.info, frame_count=None if frames is not None else masks.info.frame_count)
    needs_pictures = any(FORMATS[name].needs_pictures for name in names)
    with only_run_in(masks.root), ExitStack() as stack:
        sinks = [stack.enter_context(_completed(FORMATS[name], target, context, info)) for name in names]
        for frame, result in _cleaned(masks.read(pictures=needs_pictures), clean or CleanPolicy("off")):
            if result.index > last:
                break
            if result.index >= first:
                chosen = result if ids is None else _only(result, ids)
                for sink in sinks:
                    sink.write(frame, chosen)
            on_frame(result.index + 1, last + 1)
    notes = [note for sink in sinks for note in getattr(sink, "notes", ())]
    paths = tuple(target / FORMATS[name].place for name in names)
    return Conversion(paths, last - first + 1, tuple(dict.fromkeys([*masks.notes, *notes])))


def _range_of(frames: tuple[int, int] | None, names: Sequence[str], masks: FinishedMasks) -> tuple[int, int]:
    """The first and the last frame that are written."""
    end = masks.frame_count - 1
    if frames is None:
        return 0, end
    first, last = frames
    if not 0 <= first <= last <= end:
        raise UsageError(
            f"frames {first}:{last}: {masks.root} has masks of the frames 0 to {end}; give FIRST:LAST in there"
        )
    whole = next((name for name in names if name in _WHOLE_ONLY), None)
    if whole is not None:
        raise UsageError(f"the format {whole} counts frames from the first that it has; convert all frames to it")
    return first, last


def _cleaned(results: Iterable[tuple[Frame, FrameResult]], policy: CleanPolicy) -> Iterator[tuple[Frame, FrameResult]]:
    if policy.steady:
        results = steady_masks(results, policy.steady)
    for frame, result in results:
        yield frame, replace(result, labels=clean_labels(result.labels, policy))


def _chosen(objects: Sequence[str | int], masks: FinishedMasks) -> frozenset[int] | None:
    """Ids of objects that are given by id or name; None for all."""
    if not objects:
        return None
    by_name = {name: object_id for object_id, name in masks.context.names.items()}
    ids = set()
    for given in map(str, objects):
        if given not in by_name and not given.isdecimal():
            known = ", ".join(by_name) or "none has a name"
            raise UsageError(f"no object is called {given!r} (names: {known}); give an id or a name")
        ids.add(by_name.get(given, 0) or int(given))
    return frozenset(ids)


def _only(result: FrameResult, ids: frozenset[int]) -> FrameResult:
    """The result as if only some objects had been tracked."""
    kept = [pair for pair in zip(result.object_ids, result.presence, strict=True) if pair[0] in ids]
    labels = result.labels.copy()
    for object_id in result.object_ids:
        if object_id not in ids:
            labels[labels == object_id] = 0
    return replace(
        result,
        labels=labels,
        object_ids=tuple(object_id for object_id, _ in kept),
        presence=tuple(presence for _, presence in kept),
        soft_masks=None,
    )


def _check_place(row: MaskFormat, target: Path, names: Sequence[str], *, overwrite: bool) -> None:
    place = target / row.place
    if not place.exists() and not place.is_symlink():
        return
    if not overwrite:
        raise OutputError(f"{place}: exists already; pass --overwrite to replace it, or choose another --output")
    if place.is_dir() != row.is_folder:
        kind = "folder" if place.is_dir() else "file"
        raise OutputError(f"{place}: a {kind} is in the way; remove it, or choose another --output")
    if row.is_folder:
        own = set(row.home.written_in(target, frozenset(names)))
        strange = next((p for p in sorted(place.rglob("*")) if not p.is_dir() and p not in own), None)
        if strange is not None:
            raise OutputError(f"{strange}: was not written by this format; move it away, or choose another --output")


@contextmanager
def _completed(row: MaskFormat, target: Path, context: ExportContext, info: VideoInfo) -> Iterator[MaskSink]:
    """An open sink; what it has written appears at its place when the block ends well, and not at all otherwise."""
    place = target / row.place
    with ExitStack() as stack:
        # A folder is filled under another name; single files do that by themselves.
        sink = row.make(stack.enter_context(replacing_folder(place)) if row.is_folder else place, context)
        try:
            sink.open(info)
            yield sink
            sink.close()
        except BaseException:
            sink.abort()
            raise
