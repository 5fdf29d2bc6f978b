"""The folder of a run that somebody else made: it is only data, and nothing outside it is read, written or removed."""

from __future__ import annotations

import json
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.vos.runs.finished_runs import label_maps, write_clip, write_run
from vos.cli.main import main
from vos.errors import OutputError
from vos.files.gate import inside, read_own_file
from vos.runs.journal import JournalEntry, JournalWriter, read_journal

# Everything that takes the folder of a run. None of them may touch anything outside.
COMMANDS: dict[str, tuple[str, ...]] = {
    "verify": ("verify", "clip.mkv", "run"),
    "replay": ("replay", "run", "-q"),
    "report": ("report", "run", "-q"),
    "convert": ("convert", "run", "--to", "coco", "-q"),
    "correct": ("correct", "run", "--at", "1", "--box", "1,1,9,9", "-q"),
    "resume": ("track", "clip.mkv", "--box", "1,1,9,9", "-o", "run", "--resume", "--short-side", "64", "-q"),
}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A finished run beside its clip, and a folder of somebody's own files."""
    monkeypatch.chdir(tmp_path)
    write_clip(Path("clip.mkv"))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/00000.png").write_bytes(b"mine")
    (tmp_path / "mine/note.txt").write_text("mine")
    return write_run(Path("run"), Path("clip.mkv"), label_maps()).absolute()


def _said(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line of a command that refuses."""
    with pytest.raises(SystemExit) as stopped:
        main(list(arguments))
    said = capsys.readouterr().err.strip()
    assert stopped.value.code in (1, 2), said
    assert len(said.splitlines()) == 1 and "Traceback" not in said, said
    return said


def _contents(folder: Path) -> dict[str, bytes | str]:
    found: dict[str, bytes | str] = {}
    for path in sorted(folder.rglob("*")):
        mode = os.lstat(path).st_mode
        found[str(path)] = (
            os.readlink(path)
            if stat.S_ISLNK(mode)
            else path.read_bytes()
            if stat.S_ISREG(mode)
            else str(stat.S_IFMT(mode))
        )
    return found


def _correction(run: Path, ready: object) -> None:
    shutil.copytree(run, run / "correction")
    (run / "correction/ready.json").write_text(json.dumps(ready))


def _remove_elsewhere(run: Path) -> None:
    _correction(run, {"remove": [str(run.parent / "mine/note.txt")]})


def _remove_above(run: Path) -> None:
    _correction(run, {"remove": ["../mine/note.txt"]})


def _remove_the_users(run: Path) -> None:
    (run / "note.txt").write_text("not of the run")
    _correction(run, {"remove": ["note.txt"]})


def _write_through_a_link(run: Path) -> None:
    _correction(run, {"remove": []})
    shutil.rmtree(run / "masks")
    (run / "masks").symlink_to(run.parent / "mine")


def _linked(name: str, target: str) -> Callable[[Path], None]:
    def change(run: Path) -> None:
        path = run / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        path.symlink_to(run.parent / target)

    return change


def _pipe(name: str) -> Callable[[Path], None]:
    def change(run: Path) -> None:
        (run / name).unlink(missing_ok=True)
        os.mkfifo(run / name)

    return change


HOSTILE: dict[str, Callable[[Path], None]] = {
    "a correction that removes a file elsewhere": _remove_elsewhere,
    "a correction that removes a file above": _remove_above,
    "a correction that removes what no run writes": _remove_the_users,
    "a correction that is put behind a link": _write_through_a_link,
    "a linked journal": _linked("journal.jsonl", "mine/note.txt"),
    "linked masks": _linked("masks", "mine"),
    "one linked mask": _linked("masks/00000.png", "mine/00000.png"),
    "linked snapshots": _linked("snapshots", "mine"),
    "a linked record": _linked("run.json", "mine/note.txt"),
    "a linked correction": _linked("correction", "mine"),
    "linked passes": _linked("layers", "mine"),
    "a pipe for a record": _pipe("run.json"),
    "a pipe for a journal": _pipe("journal.jsonl"),
    "a pipe for a mask": _pipe("masks/00001.png"),
    "a device for a journal": _linked("journal.jsonl", "../../../../../../dev/zero"),
}


# Every command meets the worst; the two that read and write most meet everything.
_WORST = ("a correction that removes a file elsewhere", "linked masks", "a pipe for a journal")


@pytest.mark.parametrize(
    ("kind", "command"),
    [(kind, command) for kind in HOSTILE for command in COMMANDS if kind in _WORST or command in ("verify", "correct")],
)
def test_nothing_is_touched_through_a_folder(
    kind: str, command: str, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    HOSTILE[kind](run)
    before = _contents(run.parent)
    assert "run" in _said(COMMANDS[command], capsys)
    assert _contents(run.parent) == before


def _change(**members: Any) -> Callable[[dict[str, Any]], None]:
    return lambda record: record.update(members)


# Values of run.json that made readers fail, hang or take gigabytes -> words of the message.
RECORDS: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "no pinned frame": (lambda r: r["options"].update(memory_pinned_frames=0), "options"),
    "an object beyond all ids": (lambda r: r["objects"].update({"99999999999": r["objects"]["1"]}), "not an object id"),
    "a prompt for object -1": (lambda r: r["prompts"][0].update(object=-1), "$.prompts[0].object: expected a whole"),
    "raw frames": (lambda r: r["options"]["source"].update(backend="raw"), "$.options.source.backend: expected one of"),
    "a source option": (lambda r: r["options"]["source"].update(evil="1"), "unknown member 'evil'"),
    "a device of PyTorch that is none": (
        lambda r: r["model"].update(device="meta"),
        "not a device that a run can have",
    ),
    "4096 threads": (lambda r: r["model"].update(threads=4096), "$.model.threads: expected a whole number in 1..256"),
    "a huge picture": (lambda r: r["video"].update(width=10**9), "$.video.width: expected a whole number"),
    "a time base of zero": (lambda r: r["video"].update(time_base="0/0"), "$.video.time_base"),
    "frames without end": (_change(frames=10**18), "$.frames: expected a whole number"),
    "a name that is a path": (
        lambda r: r["video"].update(frame_names=["../../mine/00000"]),
        "not the name of a picture",
    ),
    "a status of its own": (_change(status="fine"), "$.status: expected one of running"),
}


@pytest.mark.parametrize("command", ["verify", "correct"])
@pytest.mark.parametrize("kind", RECORDS)
def test_a_record_is_checked_before_it_is_used(
    kind: str, command: str, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change, words = RECORDS[kind]
    if kind == "no pinned frame" and command != "correct":
        pytest.skip("read by those only who run it again")
    record = json.loads((run / "run.json").read_text())
    change(record)
    (run / "run.json").write_text(json.dumps(record))
    assert words in _said(COMMANDS[command], capsys)


@pytest.mark.parametrize(
    "text", ['{"schema": Infinity}', '{"schema": 1e400}', "[" * 100_000, '{"a": "\\ud800"}', "\xff"]
)
@pytest.mark.parametrize("command", ["verify", "convert"])
def test_what_is_no_json_is_refused(text: str, command: str, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (run / "run.json").write_bytes(text.encode("latin-1"))
    assert "not a readable run record" in _said(COMMANDS[command], capsys)


@pytest.mark.parametrize(
    "line",
    [
        b'{"index": 0, "pts": 0, "crc32": "00000000", "presence": {"99999999999": 1.0}}\n',
        b'{"index": 0, "pts": 0, "crc32": "00000000", "presence": {"0": 1.0}}\n',
        b'{"index": 0, "pts": 0, "crc32": "00000000", "presence": {"1": 1e400}}\n',
        b'{"index": 0, "pts": 0, "crc32": "00000000", "presence": {"1": 7}}\n',
        b'{"index": 0, "pts": 1e300, "crc32": "00000000", "presence": {}}\n',
        b'{"index": 0, "pts": 0, "crc32": "zz", "presence": {}}\n',
        b"[" * 100_000 + b"\n",
    ],
)
def test_a_line_of_the_journal_is_trusted_only_within_bounds(line: bytes, tmp_path: Path) -> None:
    (tmp_path / "journal.jsonl").write_bytes(line)
    journal = read_journal(tmp_path / "journal.jsonl")
    assert journal.entries == ()
    assert journal.damage is not None and journal.damage.startswith("line 1: ")


@pytest.mark.parametrize("kind", ["deleted", "replaced"])
def test_a_journal_that_goes_away_during_a_run_is_noticed(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    writer = JournalWriter(path)
    writer.append(JournalEntry(0, 0, "00000000", {1: 1.0}))
    path.rename(tmp_path / "moved")
    if kind == "replaced":
        path.write_bytes(b"")
    with pytest.raises(OutputError, match=f"journal.jsonl: was {kind} while the run went on"):
        writer.append(JournalEntry(1, 1, "00000000", {1: 1.0}))
    with pytest.raises(OutputError, match=kind):
        writer.check_whole()
    writer.close()


def test_a_journal_with_a_second_name_elsewhere_is_not_written_to(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    entry = JournalEntry(0, 0, "00000000", {1: 1.0})
    elsewhere.write_bytes(entry.to_line() + b"the rest of somebody's file\n")
    os.link(elsewhere, tmp_path / "journal.jsonl")
    before = elsewhere.read_bytes()
    JournalWriter(tmp_path / "journal.jsonl", keep=(entry,)).close()
    assert elsewhere.read_bytes() == before
    assert (tmp_path / "journal.jsonl").read_bytes() == entry.to_line()


@pytest.mark.parametrize("name", ["/etc/passwd", "../a", "a/../../b", "", ".", "a\0b", 7, None, "a/\ud800", "x" * 300])
def test_a_name_from_a_file_stays_inside(name: object, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"list\.txt: .* not a path inside its folder"):
        inside(tmp_path, name, OutputError, source="list.txt")


def test_a_name_does_not_lead_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "out").symlink_to("/tmp")
    with pytest.raises(OutputError, match="a link"):
        inside(tmp_path, "out/x", OutputError, source="list.txt")
    assert inside(tmp_path, "a/b.png", OutputError, source="list.txt") == tmp_path / "a/b.png"


def test_a_file_of_our_own_has_a_size(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"12345")
    with pytest.raises(OutputError, match="more than"):
        read_own_file(tmp_path / "large", OutputError, most=4)
    assert read_own_file(tmp_path / "large", OutputError, most=5) == b"12345"
