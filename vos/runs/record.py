"""run.json: what was run on what, with which versions, and its outcome; and the journal it grows from.

`run.json` is written before anything else and says `running`; `journal.jsonl` gets one line per frame. At the end
`run.json` sums it up and the journal stays. No times of day and no host names are recorded: the same run gives the
same file, but for the seconds it took. docs/outputs.md lists the members.
"""

from __future__ import annotations

from array import array
from dataclasses import asdict
from typing import Any

from vos.errors import OutputError
from vos.export.sink import MaskSink
from vos.files.gate import read_own_file
from vos.files.json_node import JsonNode, json_errors_as, parse_json
from vos.prompts import Prompt
from vos.results import FrameResult
from vos.runs.commit import refuse_pending
from vos.runs.folder import MAX_RECORD_BYTES, OutputFolder, recorded_frame_names, write_json
from vos.runs.inputs import RunInputs, keep_references
from vos.runs.journal import JournalEntry, JournalWriter, mask_crc
from vos.runs.record_schema import check_record
from vos.runs.summary import RunSummary
from vos.video import Frame, Truncation, VideoInfo
from vos.video.signal import UNSPECIFIED

SCHEMA = 1
# A run with one of these as its status has nothing left to do.
FINISHED = ("done", "stopped", "truncated")


class RunRecord(MaskSink):
    """Writes the journal and the record of one run; itself a sink.

    Args:
        folder: The run's folder.
        inputs: What the run is made from.
        absent_below: Presence below which an object is absent.
        finished: Journal entries of the frames that a former, killed run has written. These frames pass through
            `write` again; they are counted, and their lines stay as they are.
    """

    def __init__(
        self,
        folder: OutputFolder,
        inputs: RunInputs,
        *,
        absent_below: float = 0.5,
        finished: tuple[JournalEntry, ...] = (),
    ) -> None:
        self.folder = folder
        self.inputs = inputs
        self._finished = finished
        self._journal: JournalWriter | None = None
        # Frames that have passed through `write`.
        self.frames = 0
        # Packed: sixteen bytes per frame, whatever the length of the video.
        self._pts = array("q")
        self._checksums = array("Q")
        self._summary = RunSummary(absent_below)
        self._prompts = {(p.frame, p.object_id): p for p in inputs.script.prompts}
        # Prompts that gave their object no pixel on their own frame.
        self._fruitless: list[Prompt] = []

    def begin(self, info: VideoInfo) -> None:
        """Writes run.json for a run in progress."""
        keep_references(self.folder.root, self.inputs.script.prompts)
        former = recorded_frame_names(self.folder.record)
        self._write("running", info)
        # From now on these names are unknown, and what bears them could not be told from files of the user.
        self.folder.remove_named(frozenset(former) - frozenset(info.frame_names))

    def open(self, info: VideoInfo) -> None:
        self._journal = JournalWriter(self.folder.journal, keep=self._finished)

    def write(self, frame: Frame, result: FrameResult) -> None:
        if self._journal is None:
            raise RuntimeError("write before open")
        if result.index < len(self._finished):
            entry = self._finished[result.index]
        else:
            presence = dict(zip(result.object_ids, result.presence, strict=True))
            entry = JournalEntry(result.index, result.pts, mask_crc(result.labels), presence)
            self._journal.append(entry)
        self.frames += 1
        self._pts.append(entry.pts)
        self._checksums.append(int(entry.crc32, 16))
        counts = self._summary.update(result)
        for object_id in result.object_ids:
            prompt = self._prompts.get((result.index, object_id))
            if prompt is not None and not counts[object_id]:
                self._fruitless.append(prompt)

    @property
    def found_nothing(self) -> bool:
        """Whether no object has had a pixel in any frame so far."""
        return not any(summary.frames_with_pixels for summary in self._summary.objects.values())

    def notes_on_objects(self) -> tuple[str, ...]:
        """A sentence for every object that was not found: in no frame, or not where it was prompted."""
        names = self.inputs.script.names
        notes = []
        for object_id, summary in sorted(self._summary.objects.items()):
            prompts = [p for p in self._fruitless if p.object_id == object_id]
            if not prompts and summary.frames_with_pixels:
                continue
            name = f"object {object_id}" + (f" ({names[object_id]})" if object_id in names else "")
            where = ", ".join(f"{p.kind} on frame {p.frame}" for p in prompts[:3]) or "see run.json"
            if not summary.frames_with_pixels:
                notes.append(f"{name} got no pixel in any frame; check its prompt ({where})")
            else:
                notes.append(f"{name} got no pixel on a frame where it is prompted ({where}); check that prompt")
        return tuple(notes)

    def close(self) -> None:
        if self._journal is not None:
            self._journal.check_whole()
        self.abort()

    def abort(self) -> None:
        if self._journal is not None:
            self._journal.close()
            self._journal = None

    def finish(
        self,
        status: str,
        *,
        info: VideoInfo,
        seconds: float,
        problem: str | None = None,
        truncation: Truncation | None = None,
        approximate: dict[str, Any] | None = None,
        notes: tuple[str, ...] = (),
    ) -> None:
        """Writes the final run.json.

        Args:
            status: `done`, `stopped`, `truncated`, `failed` or `interrupted`.
            info: What the source knows at the end of the run.
            seconds: How long tracking took, in this process.
            problem: One line on what went wrong.
            truncation: Where the video broke off.
            approximate: How the video was split, if it was not tracked in one go.
            notes: Sentences that the user should see.
        """
        self._write(
            status,
            info,
            seconds=round(seconds, 3),
            problem=problem,
            truncation=truncation,
            approximate=approximate,
            notes=notes,
        )

    def _write(
        self,
        status: str,
        info: VideoInfo,
        *,
        seconds: float | None = None,
        problem: str | None = None,
        truncation: Truncation | None = None,
        approximate: dict[str, Any] | None = None,
        notes: tuple[str, ...] = (),
    ) -> None:
        inputs = self.inputs.to_json()
        # A resumed run that ends while it still reads back what was done: that is done all the same.
        unread = self._finished[self.frames :] if status != "running" else ()
        record = {
            "schema": SCHEMA,
            "status": status,
            "problem": problem,
            "notes": list(notes),
            "frames": self.frames + len(unread),
            "seconds": seconds,
            "truncated": info.is_truncated,
            "truncation": None if truncation is None else asdict(truncation),
            **({} if approximate is None else {"approximate": approximate}),
            "input": inputs.pop("input"),
            "video": {
                "width": info.width,
                "height": info.height,
                "time_base": str(info.time_base),
                "average_rate": None if info.average_rate is None else str(info.average_rate),
                "rotation": info.rotation,
                "codec": info.codec,
                "is_vfr": info.is_vfr,
                **_signal_to_json(info),
                **({"frame_names": list(info.frame_names)} if info.frame_names else {}),
            },
            "prompts": inputs.pop("prompts"),
            "removals": inputs.pop("removals"),
            "names": inputs.pop("names"),
            **self._summary.members(),
            **inputs,
            "pts": [*self._pts.tolist(), *(entry.pts for entry in unread)],
            "mask_crc32": [*(f"{checksum:08x}" for checksum in self._checksums), *(entry.crc32 for entry in unread)],
        }
        write_json(self.folder.record, record)


def _signal_to_json(info: VideoInfo) -> dict[str, str]:
    """What videos made of a run need to know of its source; only what is out of the ordinary."""
    values = {
        "sample_aspect_ratio": (str(info.sample_aspect_ratio), "1"),
        "color_primaries": (info.color_primaries, UNSPECIFIED),
        "color_transfer": (info.color_transfer, UNSPECIFIED),
        "timecode": (info.timecode or "", ""),
    }
    return {name: value for name, (value, usual) in values.items() if value != usual}


def read_record(folder: OutputFolder) -> dict[str, Any]:
    """The content of run.json, whose members are as `check_record` says. Nothing is written.

    Raises:
        OutputError: It is missing, not readable, damaged, or of another schema; a file of the run is a link, a pipe or
            a device; or a correction of the run is complete but not in its place.
    """
    path = folder.record
    folder.check_own_files()
    refuse_pending(folder)
    try:
        data = read_own_file(path, OutputError, most=MAX_RECORD_BYTES)
    except FileNotFoundError as error:
        raise OutputError(f"{path}: no such file; {folder.root} is not the output of a run") from error
    with json_errors_as(OutputError):
        record: dict[str, Any] = parse_json(data, f"{path}: not a readable run record")
    if not isinstance(record, dict) or record.get("schema") != SCHEMA:
        raise OutputError(f"{path}: not a run record of schema {SCHEMA}; another version of seem-vos wrote it")
    with json_errors_as(OutputError, remark=" (the record is damaged or was edited)"):
        check_record(JsonNode(record, path))
    return record
