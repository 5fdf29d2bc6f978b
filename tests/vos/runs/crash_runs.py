"""Runs that come to a bad end, each in a process of its own: killed at a chosen write, or out of disk.

`python crash_runs.py FILE` reads a list of `CrashRun` as JSON and prints one line per run: how it ended. One process
loads the model and forks before anything is computed, so a run costs no start of an interpreter.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.vos.runs.folder_contents import plain_name

SHORT_SIDE = 64


@dataclass(frozen=True)
class CrashRun:
    """One run.

    Attributes:
        video, mask, output: Paths.
        crash_at: What ends it: (`before` or `after`, file name, n): SIGKILL around the n-th time that a file gets this
            name. (`within`, `journal`, n): SIGKILL when half of the n-th line is written. (`limit`, ``, n): no file
            may grow beyond n bytes.
        resume: Whether it goes on with what is in `output`.
        snapshot_every: Frames between snapshots.
    """

    video: str
    mask: str
    output: str
    crash_at: tuple[str, str, int]
    resume: bool = False
    snapshot_every: int = 4


def run_until_crash(runs: Sequence[CrashRun], folder: Path) -> list[str]:
    """Carries out runs; returns `killed`, `done`, or the error, for each."""
    plan = folder / "crashes.json"
    plan.write_text(json.dumps([asdict(run) for run in runs]))
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, __file__, str(plan)],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _arm(journal: Path, moment: str, name: str, count: int) -> None:
    if moment == "limit":
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (count, count))
        return
    seen = 0

    def is_time() -> bool:
        nonlocal seen
        seen += 1
        return seen == count

    if moment == "within":
        from vos.runs.journal import JournalEntry

        whole_line: Callable[[JournalEntry], bytes] = JournalEntry.to_line

        def line(entry: JournalEntry) -> bytes:
            if not is_time():
                return whole_line(entry)
            with open(journal, "ab") as file:
                file.write(whole_line(entry)[:20])
            _kill()
            raise AssertionError("killed")

        JournalEntry.to_line = line  # type: ignore[method-assign]
        return
    replace = os.replace

    def replace_and_die(source: Any, target: Any) -> None:
        is_it = plain_name(target) == name and is_time()
        if is_it and moment == "before":
            _kill()
        replace(source, target)
        if is_it:
            _kill()

    os.replace = replace_and_die  # type: ignore[assignment]


def _main(plan: Path) -> None:
    from vos.errors import VosError
    from vos.prompts import PromptScript, read_masks
    from vos.runs.run import RunOptions, TrackJob, run_job
    from vos.tracking.load_model import load_model

    model = load_model("compact", device="cpu", short_side=SHORT_SIDE)
    for value in json.loads(plan.read_text()):
        run = CrashRun(**value)
        read_end, write_end = os.pipe()
        child = os.fork()
        if child == 0:
            said = "done"
            _arm(Path(run.output) / "journal.jsonl", *run.crash_at)
            try:
                job = TrackJob(run.video, PromptScript(tuple(read_masks(run.mask))), Path(run.output), overlay=True)
                options = RunOptions(resume=run.resume, snapshot_every=run.snapshot_every, keep_snapshots=False)
                run_job(job, model, options)
            except VosError as error:
                said = str(error)
            os.write(write_end, said.encode())
            os._exit(0)
        os.close(write_end)
        _, status = os.waitpid(child, 0)
        with os.fdopen(read_end) as pipe:
            said = pipe.read()
        print("killed" if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL else said or status)


if __name__ == "__main__":
    _main(Path(sys.argv[1]))
