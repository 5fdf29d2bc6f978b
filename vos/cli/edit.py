"""`vos edit`: swap, merge, split, delete and lock objects of a finished run on a range of frames."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vos.errors import UsageError

if TYPE_CHECKING:
    from vos.runs.edits import Edit, EditReport, Region

_RANGE = re.compile(r"(\d{1,9})(?:(-)(\d{0,9}))?")
_WHOLE = "all"
_WHICH = "NAME|ID"
# Options of which one must be given.
_ACTIONS = ("swap", "merge", "split", "delete", "lock", "unlock", "undo", "list")


@click.command()
@click.argument("run", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--swap", nargs=2, metavar=f"{_WHICH} {_WHICH}", help="Two objects trade their masks.")
@click.option("--merge", nargs=2, metavar=f"{_WHICH} {_WHICH}", help="The first object becomes part of the second.")
@click.option("--split", metavar=_WHICH, help="A part becomes an object: --box, --polygon, or --point with --at.")
@click.option("--delete", metavar=_WHICH, help="The object loses its pixels to the background.")
@click.option("--lock", metavar=f"{_WHICH}|{_WHOLE}", help="Its masks (all: the whole picture) stay, come what may.")
@click.option("--unlock", metavar=f"{_WHICH}|{_WHOLE}", help="Takes a lock off.")
@click.option("--undo", is_flag=True, help="Take the last edit back.")
@click.option("--list", "listing", is_flag=True, help="List the edits of the run.")
@click.option(
    "--frames", metavar="FROM-TO", help="Frames of the edit: 10-40, 25, or 10- to the end.  [default: all frames]"
)
@click.option("--box", metavar="X0,Y0,X1,Y1", help="With --split: the part is what lies in this box.")
@click.option("--polygon", metavar="'X,Y X,Y ...'", help="With --split: the part is what lies in this outline.")
@click.option("--point", metavar="X,Y", help="With --split: the part is the connected piece under this point of --at.")
@click.option("--at", metavar="FRAME", type=click.IntRange(0), help="With --point: its frame.  [default: the first]")
@click.option("--into", metavar=_WHICH, help="With --split: object that gets the part.  [default: a new one]")
@click.option("--video", help="Where the video is now, if it has moved; needed if the run has an overlay.")
@click.option("--json", "as_json", is_flag=True, help="The outcome as one JSON object on stdout.")
@click.option("-q", "--quiet", is_flag=True, help="Print nothing.")
def edit(
    run: Path,
    swap: tuple[str, str] | None,
    merge: tuple[str, str] | None,
    split: str | None,
    delete: str | None,
    lock: str | None,
    unlock: str | None,
    undo: bool,
    listing: bool,
    frames: str | None,
    box: str | None,
    polygon: str | None,
    point: str | None,
    at: int | None,
    into: str | None,
    video: str | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Edit the masks of RUN, the folder of a finished run, without tracking anything.

    What was tracked is kept: --undo brings it back, and a later `vos correct` applies the edits to what it tracks
    anew. Frames that are locked are never changed by it.

    \b
    vos edit clip_vos --swap rabbit bird --frames 10-40
    vos edit clip_vos --split rabbit --point 320,210 --at 25 --frames 20-60 --into bird
    vos edit clip_vos --lock all --frames 0-80
    vos edit clip_vos --undo
    """
    from vos.runs.edit_run import edit_run, edits_of, undo_edit
    from vos.runs.edits import Delete, Lock, Merge, Swap, Unlock

    given = {
        "swap": swap, "merge": merge, "split": split, "delete": delete, "lock": lock, "unlock": unlock, "undo": undo,
        "list": listing,
    }  # fmt: skip
    chosen = [name for name in _ACTIONS if given[name]]
    if len(chosen) != 1:
        wanted = ", ".join(f"--{name}" for name in _ACTIONS)
        raise UsageError(f"{'--' + ' and --'.join(chosen) if chosen else 'nothing to do'}: give one of {wanted}")
    action = chosen[0]
    _check_unused(action, {"frames": frames}, ("undo", "list"), used=False)
    _check_unused(
        action, {"box": box, "polygon": polygon, "point": point, "at": at, "into": into}, ("split",), used=True
    )
    if action == "list":
        found = [str(step) for step in edits_of(run)]
        click.echo(json.dumps({"edits": found}) if as_json else "\n".join(found) or f"{run}: no edits")
        return 0
    if action == "undo":
        _print(run, undo_edit(run, video=video), as_json=as_json, quiet=quiet)
        return 0
    names = _Names(run)
    span = None if frames is None else _range(frames, names.frames)
    change: Edit
    if swap:
        change = Swap(names.find(swap[0]), names.find(swap[1]), frames=span)
    elif merge:
        change = Merge(names.find(merge[0]), names.find(merge[1]), frames=span)
    elif delete:
        change = Delete(names.find(delete), frames=span)
    elif split:
        region = _region(box, polygon, point, at if at is not None else (span or (0, 0))[0])
        change = names.split(split, region, into, span)
    else:
        text = lock or unlock or ""
        object_id = None if text == _WHOLE else names.find(text)
        change = Lock(object_id, frames=span) if lock else Unlock(object_id, frames=span)
    _print(run, edit_run(run, change, video=video), as_json=as_json, quiet=quiet)
    return 0


def _check_unused(action: str, given: dict[str, object], actions: tuple[str, ...], *, used: bool) -> None:
    """Refuses options that the action does not look at; `used` says whether `actions` are those that do."""
    for name, value in given.items():
        if value is not None and (action in actions) is not used:
            raise UsageError(f"--{name} {value}: has no meaning with --{action}; leave it out")


def _range(text: str, count: int) -> tuple[int, int]:
    match = _RANGE.fullmatch(text)
    if match is None:
        raise UsageError(f"--frames {text}: expected a range like 10-40, a frame like 25, or 10- to the end")
    first = int(match[1])
    last = first if match[2] is None else int(match[3]) if match[3] else count - 1
    if not first <= last < count:
        raise UsageError(f"--frames {text}: the run has frames 0 to {count - 1}")
    return first, last


def _region(box: str | None, polygon: str | None, point: str | None, frame: int) -> Region:
    from vos.prompts import box_from_argument, points_from_arguments, polygon_from_argument

    if sum(value is not None for value in (box, polygon, point)) != 1:
        raise UsageError("--split: say which part with one of --box, --polygon or --point")
    if box is not None:
        return box_from_argument(box, frame=frame, object_id=1)
    if polygon is not None:
        return polygon_from_argument(polygon, frame=frame, object_id=1)
    assert point is not None
    (found,) = points_from_arguments([point], frame=frame, object_id=1)
    return found


class _Names:
    """Objects of a run by id or name."""

    def __init__(self, run: Path) -> None:
        from vos.runs.folder import OutputFolder
        from vos.runs.record import read_record

        members = read_record(OutputFolder(run))
        self.frames: int = members["frames"]
        self._names = {int(object_id): str(name) for object_id, name in members.get("names", {}).items()}

    def _known(self, text: str) -> int | None:
        if text.isdecimal():
            return int(text[:6])
        found = [object_id for object_id, name in self._names.items() if name == text]
        if len(found) > 1:
            raise UsageError(f"object {text}: {len(found)} objects have this name; give the id of one of them")
        return found[0] if found else None

    def find(self, text: str) -> int:
        found = self._known(text)
        if found is None:
            known = ", ".join(self._names.values()) or "none"
            raise UsageError(f"object {text}: no object has this name; names: {known}")
        return found

    def split(self, text: str, region: Region, into: str | None, span: tuple[int, int] | None) -> Edit:
        from vos.runs.edits import Split

        target = None if into is None else self._known(into)
        name = into if target is None else None
        return Split(self.find(text), region, target, name, frames=span)


def _print(run: Path, report: EditReport, *, as_json: bool, quiet: bool) -> None:
    if as_json:
        click.echo(json.dumps({"event": "done", **report.to_json(), "output": str(run)}))
        return
    if quiet:
        return
    part = "" if report.new_object is None else f", the part is object {report.new_object}"
    click.echo(f"{report.frames_changed} masks changed{part}; {len(report.edits)} edits in {run}")
    if report.removed:
        click.echo(f"vos: {', '.join(report.removed)}: showed the masks before and were removed", err=True)
