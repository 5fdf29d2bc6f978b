"""Runs one case and says what is wrong with how the product took it."""

from __future__ import annotations

import contextlib
import faulthandler
import io
import json
import os
import resource
import signal
import stat
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from vos.cli.main import main
from vos.errors import VosError
from vos.files.index_png import read_palette_png

# Statuses of a run that went through to its end.
_WHOLE = ("done", "stopped", "truncated")
_ERROR = "vos: error: "
_NOTE = "vos: "
# Bytes by which one case may raise the highest memory of the process: a bomb that is unpacked takes more.
_MAX_GROWTH = 1 << 30


@dataclass(frozen=True, slots=True)
class Case:
    """One input.

    Attributes:
        name: Kind of case, and what was done.
        arguments: Of the `vos` command.
        names: Parts of messages: a refusal must contain one of them, so that the user knows what it is about.
        outputs: Folders of runs that the command may write.
        may_succeed, may_fail: What is right, where only one of them is.
        untouched: Folders in which nothing may be written, removed or added, whatever the input says.
    """

    name: str
    arguments: tuple[str, ...]
    names: tuple[str, ...]
    outputs: tuple[Path, ...] = ()
    may_succeed: bool = True
    may_fail: bool = True
    untouched: tuple[Path, ...] = ()


@dataclass(slots=True)
class Verdict:
    """What came of a case. `faults` is empty if the product did well."""

    case: Case
    status: int | None
    said: str
    printed: str
    seconds: float
    faults: list[str] = field(default_factory=list)


class _TooSlow(BaseException):
    """Not an Exception: nothing in the product may catch it."""


def judge(case: Case, *, limit: float) -> Verdict:
    """Runs a case in this process.

    Args:
        case: What to run.
        limit: Seconds of this process's time that it may take. A call that never comes back ends the process, with
            all stacks on stderr.
    """
    stdout, stderr = io.StringIO(), io.StringIO()
    faults: list[str] = []
    status: int | None = None
    there = [contents(folder) for folder in case.untouched]
    before, began = _peak(), time.process_time()
    try:
        with _time_limit(limit), contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
            main(list(case.arguments))
    except SystemExit as stopped:
        status = stopped.code if isinstance(stopped.code, int) else 1
    except _TooSlow:
        faults.append(f"takes more than {limit:g} s")
    except BaseException:
        faults.append(traceback.format_exc())
    if (growth := _peak() - before) > _MAX_GROWTH:
        faults.append(f"takes {growth >> 20} MiB of memory")
    verdict = Verdict(case, status, stderr.getvalue(), stdout.getvalue(), time.process_time() - began, faults)
    faults += [
        f"touches {folder}" for folder, old in zip(case.untouched, there, strict=True) if contents(folder) != old
    ]
    if status is not None:
        faults += _faults_of(verdict)
    return verdict


def contents(folder: Path) -> dict[str, tuple[int, bytes | str]]:
    """Everything in a folder by its path: kind, and bytes or where a link leads; nothing is followed."""
    found: dict[str, tuple[int, bytes | str]] = {}
    for path in folder.rglob("*"):
        mode = os.lstat(path).st_mode
        kind = stat.S_IFMT(mode)
        held: bytes | str = path.read_bytes() if stat.S_ISREG(mode) else os.readlink(path) if stat.S_ISLNK(mode) else ""
        found[str(path)] = (kind, held)
    return found


def judge_in_process_of_its_own(case: Case, *, limit: float) -> Verdict:
    """The same by the installed command, which also shows what native libraries print and how the process ends."""
    began = time.monotonic()
    root = Path(__file__).parents[2]
    command = [sys.executable, "-m", "vos", *case.arguments]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            cwd=root,
            env=environment,
            timeout=limit,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (subprocess.TimeoutExpired, ValueError) as error:  # ValueError: a NUL byte, which no shell can pass either
        faults = [] if isinstance(error, ValueError) else [f"takes more than {limit:g} s"]
        return Verdict(case, None, "", "", time.monotonic() - began, faults)
    said, printed = (stream.decode(errors="replace") for stream in (done.stderr, done.stdout))
    verdict = Verdict(case, done.returncode, said, printed, time.monotonic() - began)
    verdict.faults += _faults_of(verdict)
    return verdict


def _faults_of(verdict: Verdict) -> Iterator[str]:
    case, status, said = verdict.case, verdict.status, verdict.said
    if status not in (0, 1, 2):
        yield f"ends with status {status}"
    if "Traceback" in said:
        yield "prints a traceback"
    if status == 0 and not case.may_succeed:
        yield "succeeds"
    if status != 0 and not case.may_fail:
        yield "fails"
    # `vos doctor` prints what is wrong with a clip among all that it prints.
    if status != 0 and not any(name in said + verdict.printed for name in case.names):
        yield f"names none of {case.names}"
    # How a picture was read is told before it may turn out not to fit.
    error_lines = [line for line in said.strip().splitlines() if line.startswith(_ERROR) or not line.startswith(_NOTE)]
    if _ERROR in said and len(error_lines) > 1 and not _is_list(said):
        yield "says more than one line"
    for folder in case.outputs:
        yield from _faults_of_run(folder, status)


def _is_list(said: str) -> bool:
    """`vos batch` lists all jobs that cannot run, indented below its line."""
    return all(line.startswith(("  ", _ERROR)) for line in said.strip().splitlines())


def _faults_of_run(folder: Path, status: int | None) -> Iterator[str]:
    """Whatever has a final name is whole; what claims to be finished is complete."""
    if not folder.is_dir():
        if status == 0:
            yield f"succeeds without {folder.name}"
        return
    leftovers = sorted(path.name for path in folder.rglob("*.part"))
    if leftovers:
        yield f"leaves {leftovers[0]}"
    record: dict[str, Any] = {}
    try:
        record = json.loads((folder / "run.json").read_bytes())
    except FileNotFoundError:
        if status == 0:
            yield "succeeds without run.json"
    except ValueError:
        yield "leaves a run.json that is no JSON"
    masks = sorted((folder / "masks").glob("*.png"))
    for path in masks:
        try:
            read_palette_png(path)
        except VosError:
            yield f"leaves a broken {path.name}"
    is_whole = record.get("status") in _WHOLE
    if status == 0 and not is_whole:
        yield f"succeeds with the run's status {record.get('status')!r}"
    if is_whole and record.get("frames") != len(masks):
        yield f"counts {record.get('frames')} frames and writes {len(masks)} masks"


@contextlib.contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """Interrupts Python code that works too long; what never comes back ends the process."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise _TooSlow

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    # What waits without working (a pipe without a writer) is ended by the clock, so generously that no busy machine
    # is taken for a hang.
    faulthandler.dump_traceback_later(max(600.0, 30 * seconds), exit=True, file=sys.__stderr__)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def _peak() -> int:
    """Highest resident bytes of this process so far."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def summary(verdicts: Sequence[Verdict]) -> str:
    """How many of each kind ended how."""
    rows: dict[str, list[int]] = {}
    for verdict in verdicts:
        row = rows.setdefault(verdict.case.name.split(":")[0], [0, 0, 0, 0])
        row[0 if verdict.faults else {0: 1, 1: 2, 2: 3}.get(verdict.status or 0, 0)] += 1
    lines = [f"{'kind':<24}{'faults':>8}{'done':>8}{'failed':>8}{'refused':>8}"]
    lines += [f"{kind:<24}" + "".join(f"{count:>8}" for count in row) for kind, row in sorted(rows.items())]
    return "\n".join(lines)
