"""Finished masks read back frame by frame: of a run's folder, or of a plain folder of index PNG and its video."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from vos.errors import OutputError, VideoError
from vos.export.context import ExportContext
from vos.files.index_png import frame_pngs, png_name, read_labels_or_colours
from vos.results import FrameResult
from vos.runs.folder import OutputFolder, recorded_frame_names
from vos.runs.inputs import fingerprint
from vos.runs.job import export_context
from vos.runs.journal import JournalEntry, mask_crc, read_journal
from vos.runs.masks import read_labels
from vos.runs.record import FINISHED, read_record
from vos.runs.recorded import recorded_place, recorded_source_options
from vos.video import Frame, FrameSource, VideoInfo, open_source
from vos.video.images import ImageFolderSource
from vos.video.signal import UNSPECIFIED

# Stands for the picture where none was asked for: a sink that looks at it fails instead of painting black.
NO_PICTURE = np.zeros((0, 0, 3), np.uint8)


class FinishedMasks(Protocol):
    """Where finished masks come from.

    Attributes:
        root: The folder that was given.
        masks: The folder of the index PNG.
        info: What is known of the video.
        context: Names of objects and pictures.
        frame_count: How many frames have masks.
        notes: Sentences that the user should see.
    """

    root: Path
    masks: Path
    info: VideoInfo
    context: ExportContext
    frame_count: int
    notes: tuple[str, ...]

    def read(self, *, pictures: bool) -> Iterator[tuple[Frame, FrameResult]]:
        """All frames in order, one in memory at a time.

        Args:
            pictures: Whether to decode the video; without, `Frame.rgb` has no pixels.

        Raises:
            VideoError: The video is not there or is another one.
            OutputError: A mask is missing, damaged or was changed.
        """


def open_masks(folder: Path, *, video: str | Path | None = None) -> FinishedMasks:
    """The masks of a run's folder; with `video`, also those of any folder of index PNG, one per frame.

    Args:
        folder: A run's folder, or one with `00000.png`, `00001.png`, ...
        video: File or image folder. A run knows its own; give it when the video has moved.

    Raises:
        OutputError: Neither of the two kinds of folder, or a run without masks.
        VideoError: The video cannot be read.
    """
    if not folder.is_dir():
        raise OutputError(f"{folder}: no such folder; give the output folder of a run, or a folder of masks")
    if OutputFolder(folder).is_started():
        return FinishedRun(folder, video=None if video is None else str(video))
    if any(folder.glob("*.png")):
        if video is None:
            raise OutputError(f"{folder}: a folder of masks, not of a run; say with --video which video they belong to")
        return MaskFolder(folder, str(video))
    raise OutputError(f"{folder}: neither the folder of a run (no run.json) nor a folder of masks (no PNG in it)")


class FinishedRun:
    """The masks of a run, each compared with its checksum in the journal.

    Args:
        root: The run's folder.
        video: Where the video is now; None for the place that the run recorded.

    Raises:
        OutputError: No run, or one without a mask.
        VideoError: An image folder whose file names are needed is not there.
    """

    def __init__(self, root: Path, *, video: str | None = None) -> None:
        self.root = root
        self._folder = OutputFolder(root)
        self.masks = self._folder.masks
        self.record = read_record(self._folder)
        self.entries = read_journal(self._folder.journal).entries
        if not self.entries:
            raise OutputError(f"{root}: the run has written no mask yet; go on with vos track --resume")
        self.frame_count = len(self.entries)
        self.video = video or recorded_place(str(self.record["input"]["video"]), root)
        status = self.record["status"]
        self.notes: tuple[str, ...] = ()
        if status not in FINISHED:
            self.notes = (f"the run is not finished (its status is {status!r}): {self.frame_count} frames are there",)
        self.info = _recorded_info(self._folder, self.record, self.frame_count)
        names = {int(object_id): str(name) for object_id, name in self.record.get("names", {}).items()}
        objects = [int(object_id) for object_id in self.record["objects"]]
        if "files" in self.record["input"]:
            # Formats that name files name those of the image folder, so it has to be there.
            with self.open_video() as source:
                self.context = export_context(self.video, source, names, objects)
        else:
            path = Path(self.video)
            self.context = ExportContext(
                path.name,
                names,
                audio_from=path if path.is_file() else None,
                has_unnamed=not objects or any(object_id not in names for object_id in objects),
            )

    def open_video(self) -> FrameSource:
        """The video that the run was made from.

        Raises:
            VideoError: It is not there, cannot be read twice, or is another one.
        """
        recorded = {name: value for name, value in self.record["input"].items() if name != "video"}
        if not recorded:
            raise VideoError(
                f"{self.video}: the run read its frames from a source that can be read only once; to show them, track "
                f"a file, or give {self.root / 'masks'} to vos convert with --video FILE"
            )
        if not Path(self.video).exists():
            raise VideoError(f"{self.video}: the video of this run is missing; give its location with --video")
        source = open_source(self.video, **recorded_source_options(self._folder, self.record))
        images = source.paths if isinstance(source, ImageFolderSource) else ()
        if fingerprint(self.video, images) != recorded:
            source.close()
            raise VideoError(f"{self.video}: not the video of the run in {self.root}; say with --video where that is")
        return source

    def read(self, *, pictures: bool) -> Iterator[tuple[Frame, FrameResult]]:
        if not pictures:
            for entry in self.entries:
                yield Frame(entry.index, entry.pts, self.info.time_base, NO_PICTURE), self.result(entry)
            return
        with self.open_video() as source:
            done = 0
            for frame in source:
                if done == self.frame_count:
                    return
                if frame.pts != self.entries[done].pts:
                    raise VideoError(
                        f"{self.video}: frame {done} is shown at pts {frame.pts}, but was at {self.entries[done].pts} "
                        "when it was tracked: it is decoded differently on this machine"
                    )
                yield frame, self.result(self.entries[done])
                done += 1
            if done < self.frame_count:
                raise VideoError(f"{self.video}: ends after {done} frames, but {self.frame_count} have masks")

    def result(self, entry: JournalEntry) -> FrameResult:
        """What the run had for a frame. Raises OutputError when its mask is missing, damaged or was changed."""
        labels = read_labels(self._folder, entry.index)
        path = self._folder.mask(entry.index)
        if mask_crc(labels) != entry.crc32:
            raise OutputError(
                f"{path}: was changed since the run wrote it; to convert it as it is, give the folder of masks "
                f"and --video: vos convert {self._folder.masks} --video {self.video}"
            )
        return FrameResult(
            index=entry.index,
            pts=entry.pts,
            time_base=self.info.time_base,
            labels=labels,
            object_ids=tuple(entry.presence),
            presence=tuple(entry.presence.values()),
        )


class MaskFolder:
    """Index PNG from anywhere, one per frame of a video: `00000.png`, `00001.png`, ..., or named like its frames.

    An object is known from the first frame that shows it; its presence is 1 where it has pixels and 0 elsewhere.

    Args:
        root: The folder.
        video: Where frame times (and pictures) come from.

    Raises:
        VideoError: The video cannot be read.
    """

    def __init__(self, root: Path, video: str) -> None:
        self.root = root
        self.masks = root
        self.notes: tuple[str, ...] = ()
        self.video = video
        with open_source(video) as source:
            names = source.info.frame_names
            # Masks of an image folder are named like its frames, or counted from 0.
            self._files = frame_pngs(root, names) if frame_pngs(root, names) else frame_pngs(root)
            self.frame_count = len(self._files)
            self.info = replace(source.info, frame_count=self.frame_count)
            self.context = export_context(video, source, {})

    def read(self, *, pictures: bool) -> Iterator[tuple[Frame, FrameResult]]:
        known: set[int] = set()
        done = 0
        with open_source(self.video) as source:
            for frame in source:
                path = self._files.get(frame.index)
                if path is None:
                    wanted = self.root / png_name(frame.index, self.info.frame_names)
                    raise OutputError(f"{wanted}: there is no mask for frame {frame.index} of {self.video}")
                yield frame, self._result(path, frame, known)
                done += 1
        if done < self.frame_count:
            raise OutputError(f"{self.root}: has {self.frame_count} masks, but {self.video} has {done} frames")

    def _result(self, path: Path, frame: Frame, known: set[int]) -> FrameResult:
        labels = read_labels_or_colours(path).astype(np.uint16)
        if labels.shape != frame.rgb.shape[:2]:
            (height, width), (rows, columns) = labels.shape, frame.rgb.shape[:2]
            raise OutputError(f"{path}: has {width}x{height} pixels, the video has {columns}x{rows}")
        shown = {int(object_id) for object_id in np.unique(labels) if object_id}
        known |= shown
        ids = tuple(sorted(known))
        presence = tuple(float(object_id in shown) for object_id in ids)
        return FrameResult(frame.index, frame.pts, frame.time_base, labels, ids, presence)


def _recorded_info(folder: OutputFolder, record: dict[str, Any], frames: int) -> VideoInfo:
    """What run.json knows of the video, which need not be opened for it."""
    try:
        video = record["video"]
        rate = video["average_rate"]
        return VideoInfo(
            width=int(video["width"]),
            height=int(video["height"]),
            frame_count=frames,
            average_rate=None if rate is None else Fraction(rate),
            time_base=Fraction(video["time_base"]),
            codec=str(video["codec"]),
            container="",
            rotation=int(video["rotation"]),
            is_vfr=bool(video["is_vfr"]),
            sample_aspect_ratio=Fraction(video.get("sample_aspect_ratio", 1)),
            color_primaries=str(video.get("color_primaries", UNSPECIFIED)),
            color_transfer=str(video.get("color_transfer", UNSPECIFIED)),
            timecode=video.get("timecode"),
            frame_names=recorded_frame_names(folder.record),
        )
    except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
        raise OutputError(f"{folder.record}: the record is damaged: 'video' is not what it should be") from error
