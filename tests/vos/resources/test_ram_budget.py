"""Memory: what a run is expected to need, what --max-memory does about it, and what it takes in fact."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.vos.scenes import moving_shapes
from vos.cli.main import main
from vos.errors import UsageError
from vos.resources.ram_budget import MIB, Buffers, Workload, estimate_memory, fit_buffers, parse_size
from vos.tracking.memory_bank import MemoryPolicy
from vos.video import VideoEncoder

WORK = Workload(width=1280, height=720, input_pixels=320 * 576, objects=2)
PROCESS = 300 * MIB


def total(work: Workload, buffers: Buffers | None = None) -> int:
    return estimate_memory(work, buffers or Buffers(), process=PROCESS).total


@pytest.mark.parametrize(
    ("text", "size"),
    [("1.5G", 1610612736), ("800M", 838860800), ("800MiB", 838860800), ("64k", 65536), ("123", 123), ("2 GB", 2 << 30)],
)
def test_sizes_are_read_as_people_write_them(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "much", "-1G", "0", "1.5X", "1,5G", "G"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--max-memory"):
        parse_size(text)


def test_the_estimate_grows_with_everything_that_needs_memory() -> None:
    base = total(WORK)
    for more in (
        replace(WORK, width=1920),
        replace(WORK, height=1080),
        replace(WORK, input_pixels=480 * 864),
        replace(WORK, objects=5),
        replace(WORK, annotated_frames=4),
        replace(WORK, overlay=True),
    ):
        assert total(more) > base
    for less in (Buffers(read_ahead=3), Buffers(sink_queue=3), Buffers(recent_frames=1)):
        assert total(WORK, less) < base


@given(st.integers(250 * MIB, 600 * MIB))
@settings(deadline=None, max_examples=60)
def test_buffers_fit_the_limit_and_are_no_smaller_than_needed(limit: int) -> None:
    smallest = Buffers(1, 1, 1)
    if total(WORK, smallest) > limit:
        with pytest.raises(UsageError, match="--max-memory"):
            fit_buffers(WORK, Buffers(), process=PROCESS, limit=limit)
        return
    fitted = fit_buffers(WORK, Buffers(), process=PROCESS, limit=limit)
    assert total(WORK, fitted) <= limit
    if fitted.recent_frames < 2:
        assert (fitted.read_ahead, fitted.sink_queue) == (1, 1), "speed goes before memory of the object"
    if fitted != Buffers():
        larger = replace(fitted, read_ahead=fitted.read_ahead + 1, sink_queue=fitted.sink_queue + 1)
        assert total(WORK, replace(larger, recent_frames=2)) > limit


def test_a_refusal_shows_a_sum_that_is_right() -> None:
    with pytest.raises(UsageError) as refused:
        fit_buffers(WORK, Buffers(), process=PROCESS, limit=400 * MIB)
    message = str(refused.value)
    assert "1280x720 with 2 objects" in message
    assert "more than 400 MiB" in message
    terms, result = message.split(" needs ")[1].split(" MiB")[0].split(" = ")
    numbers = [int(term.rsplit(" ", 1)[1]) for term in terms.split(" + ")]
    assert len(numbers) == 5
    assert abs(sum(numbers) - int(result)) <= 3, "but for rounding"
    assert int(result) > 400


def test_track_shrinks_what_it_holds_or_refuses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clip = tmp_path / "clip.mkv"
    with VideoEncoder(clip, width=96, height=64, time_base=Fraction(1, 25), codec="ffv1") as encoder:
        for index, frame in enumerate(moving_shapes(count=4, height=64, width=96).frames):
            encoder.write(frame, index)

    def track(limit: str) -> int:
        arguments = ["track", str(clip), "--box", "15,12,35,33", "-o", str(tmp_path / limit), "--max-memory", limit]
        with pytest.raises(SystemExit) as stopped:
            main([*arguments, "--short-side", "64", "--device", "cpu", "-q"])
        assert isinstance(stopped.value.code, int)
        return stopped.value.code

    assert track("64G") == 0
    options = json.loads((tmp_path / "64G/run.json").read_text())["options"]
    assert options["memory_recent_frames"] == MemoryPolicy().recent_frames
    assert track("50M") == 2
    assert "--max-memory: 96x64 with 1 object needs process" in capsys.readouterr().err
    assert not (tmp_path / "50M").exists()
    assert track("lots") == 2


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="resident memory is read from /proc")
def test_a_run_takes_about_what_was_estimated() -> None:
    root = Path(__file__).parents[3]
    command = "vos perf memory --json --device cpu --objects 3 --frames 16 --width 640 --height 360 --short-side 192"
    run = subprocess.run(
        [sys.executable, "-m", *command.split()],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    curve = json.loads(run.stdout)
    peak = curve["points"][-1][1]
    assert curve["points"][-1][0] == 16
    assert 0.7 * curve["estimate"] < peak < 1.15 * curve["estimate"]
