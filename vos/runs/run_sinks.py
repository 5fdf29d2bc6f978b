"""What a run writes beside its journal and its record, and what the formats say about it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from vos.export import ContactSheetSink, ExportContext, MaskSink, make_sink
from vos.runs.folder import OutputFolder
from vos.video import FrameSource
from vos.video.images import ImageFolderSource


def export_context(video: str, source: FrameSource, names: Mapping[int, str]) -> ExportContext:
    """Facts for the formats.

    Args:
        video: File, image folder, or what else `open_source` takes.
        source: It, open.
        names: Of objects, by id.
    """
    path = Path(video)
    return ExportContext(
        video=path.name,
        names=dict(names),
        frame_names=tuple(p.name for p in source.paths) if isinstance(source, ImageFolderSource) else (),
        audio_from=path if path.is_file() else None,
    )


def mask_sinks(
    folder: OutputFolder, context: ExportContext, formats: Iterable[str], sheet: Sequence[int] | None
) -> list[MaskSink]:
    """The index PNG, from which everything else can be made again, and whatever was asked for.

    Args:
        folder: The run's folder.
        context: What the formats say about the run.
        formats: Names of `vos.export.FORMATS`, without those for masks and contact sheet.
        sheet: Frames of a contact sheet, empty for six spread over the video; None for no sheet.
    """
    sinks = [make_sink(name, folder.root, context) for name in ("davis", *formats)]
    if sheet is not None:
        sinks.append(ContactSheetSink(folder.contact_sheet, sheet or None))
    return sinks
