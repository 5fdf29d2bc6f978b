"""The folder of one run: its files, when it may be written, and how it is cleared."""

from __future__ import annotations

import contextlib
import functools
import glob
import json
import os
import shutil
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from vos.errors import OutputError
from vos.files.atomic import write_bytes
from vos.files.gate import check_own_files, is_plain_name, read_own_file
from vos.files.index_png import png_name
from vos.files.json_node import JsonError, parse_json
from vos.files.places import PLACES

MASKS_FOLDER = PLACES["davis"].path
OVERLAY_FILE = PLACES["overlay"].path
CONTACT_SHEET_FILE = PLACES["sheet"].path
RECORD_FILE = "run.json"
JOURNAL_FILE = "journal.jsonl"
SNAPSHOTS_FOLDER = "snapshots"
CORRECTION_FOLDER = "correction"
PASSES_FOLDER = "layers"
TRACKED_FOLDER = "tracked"
EDITS_FOLDER = "edits"
# Of run.json: about ten million frames.
MAX_RECORD_BYTES = 256 << 20


@dataclass(frozen=True, slots=True)
class OutputFolder:
    """Paths of one run's output."""

    root: Path

    @property
    def masks(self) -> Path:
        return self.root / MASKS_FOLDER

    def mask(self, index: int) -> Path:
        """The index PNG of a frame, named as run.json says.

        Raises:
            OutputError: run.json names pictures, but none for this frame.
        """
        names = recorded_frame_names(self.record)
        if names and index >= len(names):
            raise OutputError(f"{self.record}: names {len(names)} pictures, so frame {index} has no mask")
        return self.masks / png_name(index, names)

    @property
    def overlay(self) -> Path:
        return self.root / OVERLAY_FILE

    @property
    def contact_sheet(self) -> Path:
        return self.root / CONTACT_SHEET_FILE

    @property
    def record(self) -> Path:
        return self.root / RECORD_FILE

    @property
    def journal(self) -> Path:
        return self.root / JOURNAL_FILE

    @property
    def snapshots(self) -> Path:
        return self.root / SNAPSHOTS_FOLDER

    @property
    def correction(self) -> Path:
        """Where a correction is made, laid out as a run; there only while it goes on."""
        return self.root / CORRECTION_FOLDER

    @property
    def passes(self) -> Path:
        """The passes of a run with backward prompts: `forward/`, and `back_<frame>/` for each backward pass."""
        return self.root / PASSES_FOLDER

    @property
    def forward_pass(self) -> OutputFolder:
        """Of a run with backward prompts: its forward pass, laid out as a run."""
        return OutputFolder(self.passes / "forward")

    @property
    def tracked(self) -> OutputFolder:
        """Of a run with edits: what was tracked, laid out as a run (`vos.runs.edit_layers`)."""
        return OutputFolder(self.root / TRACKED_FOLDER)

    @property
    def edits(self) -> Path:
        """Of a run with edits: the masks that were locked, a folder `001/`, `002/`, ... for each lock."""
        return self.root / EDITS_FOLDER

    def edit_files(self) -> list[Path]:
        """Existing files of `edits`."""
        folders = [path for path in self.edits.glob("*") if path.name.isdecimal() and path.is_dir()]
        return [path for folder in folders for path in folder.glob("*") if path.is_file()]

    def check_own_files(self) -> None:
        """Raises OutputError if a link, a pipe or a device has a name that runs give; other names are the user's."""
        places = (place.path.partition("/")[0] for place in PLACES.values())
        names = [
            RECORD_FILE,
            JOURNAL_FILE,
            SNAPSHOTS_FOLDER,
            CORRECTION_FOLDER,
            PASSES_FOLDER,
            TRACKED_FOLDER,
            EDITS_FOLDER,
            *places,
        ]
        check_own_files(self.root, [*names, *(path.name for path in self.references())], OutputError)

    def _frame_names(self) -> frozenset[str]:
        return frozenset(recorded_frame_names(self.record))

    def references(self) -> list[Path]:
        """Referring images that run.json names."""
        return list(self.root.glob("reference_" + 16 * "[0-9a-f]" + ".png"))

    def _pass_folders(self) -> list[Path]:
        found = [path for path in self.passes.glob("back_*") if path.name[len("back_") :].isdecimal()]
        return [path for path in [self.forward_pass.root, *found] if path.is_dir()]

    def written(self) -> list[Path]:
        """Existing whole files of the run, its exports in other formats among them; not what a kill left behind."""
        names = self._frame_names()
        own = [self.record, self.journal, *(p for place in PLACES.values() for p in place.written_in(self.root, names))]
        own += self.references()
        own += [p for p in self._written_snapshots() if not p.name.startswith(".")]
        own += [p for folder in self._pass_folders() for p in folder.rglob("*")]
        own += self.edit_files()
        if self.tracked.is_started():
            own += self.tracked.written()
        return [path for path in own if path.is_file()]

    def exports(self) -> list[Path]:
        """What is there beside the index masks, in the order of `PLACES`."""
        paths = [self.root / place.path for name, place in PLACES.items() if name != "davis"]
        return [path for path in paths if path.exists()]

    def _written_by_runs(self) -> list[Path]:
        """Existing files with the names that runs give; anything else in the folder is not ours to remove."""
        own = [self.record, self.journal, *(self.root / place.path for place in PLACES.values())]
        # What a killed run left under temporary names. Masks have theirs below: looking once per mask would take
        # minutes in the folder of a long run.
        own += [p for path in own for p in self.root.glob(f".{glob.escape(path.name)}.*.part")]
        own += [p for folder in self._folders() for p in folder.glob(".*.png.*.part")]
        names = self._frame_names()
        own += [p for place in PLACES.values() for p in place.written_in(self.root, names)]
        own += [*self._written_snapshots(), *self.references()]
        return [path for path in dict.fromkeys(own) if path.is_file() or path.is_symlink()]

    def _written_snapshots(self) -> list[Path]:
        # `00000100.<SHA-256>.safetensors`; early versions wrote no SHA-256.
        whole = [p for p in self.snapshots.glob("*.safetensors") if p.stem.partition(".")[0].isdecimal()]
        return [*whole, *self.snapshots.glob(".*.safetensors.*.part")]

    def _folders(self) -> list[Path]:
        """Existing folders that runs make, inner ones first."""
        snapshots = [self.snapshots] if self.snapshots.is_dir() else []
        return [*(p for place in PLACES.values() for p in place.folders_in(self.root)), *snapshots]

    def _remove(self, *, keep: Collection[Path] = ()) -> None:
        """Removes what runs write, but for the files and the folders' contents in `keep`."""
        for path in self._written_by_runs():
            is_whole = not path.name.startswith(".")
            if not (is_whole and (path in keep or path.parent in keep)):
                path.unlink(missing_ok=True)
        for folder in self._folders():
            if not any(folder.iterdir()):
                folder.rmdir()

    def check(self, *, overwrite: bool, resume: bool = False) -> None:
        """Makes sure that a run may write here; writes nothing.

        Args:
            overwrite: The results of a former run may be replaced.
            resume: The folder may hold a run that was killed; see `is_started`.

        Raises:
            OutputError: The folder holds something and neither is allowed, or it cannot be written.
        """
        with self._writing():  # a name that is too long, or a link to itself, fails at the first look
            if self.root.exists():
                if not self.root.is_dir():
                    raise OutputError(f"{self.root}: is a file, not a folder; choose another --output")
                if not overwrite and not (resume and self.is_started()) and self._holds_something():
                    wanted = "holds no run.json to resume from" if resume else "is not empty"
                    raise OutputError(
                        f"{self.root}: {wanted}; choose another --output, or pass --overwrite to replace what an "
                        "earlier run wrote there"
                    )
            self.check_own_files()
            parent = next(p for p in [self.root, *self.root.absolute().parents] if p.exists())
            if not parent.is_dir():
                raise OutputError(f"{self.root}: cannot be created, {parent} is a file; choose another --output")
            if not os.access(parent, os.W_OK | os.X_OK):
                raise OutputError(f"{self.root}: cannot be written, no permission in {parent}; choose another --output")

    def is_started(self) -> bool:
        """Whether a run has begun here: it writes run.json before anything else."""
        return self.record.is_file() or self.record.is_symlink()  # a link is refused, not passed over

    def create(self) -> bool:
        """Makes the folder. Returns whether it is new."""
        is_new = not self.root.exists()
        with self._writing():
            self.root.mkdir(parents=True, exist_ok=True)
        return is_new

    def clear_snapshots(self) -> None:
        """Removes the snapshots of a run that is done, or that is about to be replaced."""
        with self._writing():
            for path in self._written_snapshots():
                path.unlink(missing_ok=True)
            if self.snapshots.is_dir() and not any(self.snapshots.iterdir()):
                self.snapshots.rmdir()

    def clear_passes(self) -> None:
        """Removes the passes of a run with backward prompts."""
        for path in self._pass_folders():
            shutil.rmtree(path, ignore_errors=True)
        if self.passes.is_dir() and not any(self.passes.iterdir()):
            self.passes.rmdir()

    def clear_edits(self) -> None:
        """Removes the edits of a run and what they were applied to."""
        for path in self.edit_files():
            path.unlink(missing_ok=True)
        if self.tracked.is_started():
            shutil.rmtree(self.tracked.root, ignore_errors=True)
        for folder in [*self.edits.glob("*"), self.edits]:
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()

    def _clear_correction(self) -> None:
        """Removes a correction that was broken off: what is laid out like a run, and nothing else of that name."""
        if OutputFolder(self.correction).masks.is_dir() or OutputFolder(self.correction).is_started():
            shutil.rmtree(self.correction, ignore_errors=True)

    def clear_for_start(self, *, keep_passes: bool = False) -> None:
        """Removes what a former run left, but for run.json, which is the new run's already."""
        with self._writing():
            self._clear_correction()
            if not keep_passes:
                self.clear_passes()
                self.clear_edits()
            self._remove(keep=(self.record, *self.references()))

    def clear_for_resume(self) -> None:
        """Removes what a killed run cannot go on with: files that need all frames, and temporary ones."""
        with self._writing():
            self._remove(keep=(self.record, self.journal, self.masks, self.snapshots, *self.references()))

    def remove_named(self, names: frozenset[str]) -> None:
        """Removes what runs write per frame, of frames with these names."""
        with self._writing():
            for place in PLACES.values():
                for path in place.written_in(self.root, names):
                    if place.is_folder and path.stem in names:
                        path.unlink()

    def discard(self, *, is_new: bool) -> None:
        """Takes everything back after a run that gave no result: nothing of it is left."""
        if is_new:
            shutil.rmtree(self.root, ignore_errors=True)
            return
        with contextlib.suppress(OSError):  # the failure that led here is what the user must see
            self._remove()
            self.clear_passes()

    def _holds_something(self) -> bool:
        """Whether the folder holds more than the temporary run.json of a run killed at its very start."""
        try:
            started = set(self.root.glob(f".{RECORD_FILE}.*.part"))
            return any(path not in started for path in self.root.iterdir())
        except OSError as error:
            raise OutputError(f"{self.root}: cannot be read ({error.strerror}); choose another --output") from error

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise OutputError(
                f"{self.root}: cannot be written ({error.strerror or error}); choose another --output"
            ) from error


def recorded_frame_names(record: Path) -> tuple[str, ...]:
    """`VideoInfo.frame_names` as a run.json has them; empty where it has none or cannot be read."""
    try:
        status = record.stat()
    except OSError:
        return ()
    return _read_frame_names(record, status.st_mtime_ns, status.st_size)


@functools.lru_cache(maxsize=8)
def _read_frame_names(record: Path, modified: int, size: int) -> tuple[str, ...]:
    """Reads a run.json once for all frames, and anew when it has changed."""
    try:
        names = parse_json(read_own_file(record, OutputError, most=MAX_RECORD_BYTES), record)["video"]["frame_names"]
    except (OSError, JsonError, OutputError, KeyError, TypeError):
        return ()
    # A name is never a path: nothing outside the folder may be read or removed by it.
    return tuple(names) if isinstance(names, list) and all(map(is_plain_name, names)) else ()


def write_json(path: Path, value: Mapping[str, object]) -> None:
    """Writes an object as JSON under a temporary name and renames it. Long lists of plain values take one line each.

    Raises:
        OutputError: The file cannot be written.
    """
    members = []
    for name, member in value.items():
        is_plain = isinstance(member, list) and not any(isinstance(item, (dict, list)) for item in member)
        text = json.dumps(member) if is_plain else json.dumps(member, indent=2).replace("\n", "\n  ")
        members.append(f"  {json.dumps(name)}: {text}")
    write_bytes(path, ("{\n" + ",\n".join(members) + "\n}\n").encode())
