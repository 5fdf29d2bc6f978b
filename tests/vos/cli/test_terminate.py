"""SIGTERM, as service managers and batch systems send it: the run says that it was interrupted, and can go on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.vos.scenes import moving_shapes, write_at_a_variable_rate
from vos.cli.main import main

ROOT = Path(__file__).parents[3]


def test_sigterm_leaves_a_run_that_is_interrupted_and_not_running(tmp_path: Path) -> None:
    scene = moving_shapes(count=60, objects=1, height=64, width=96)
    clip = write_at_a_variable_rate(scene, tmp_path / "clip.mkv")
    output = tmp_path / "out"
    arguments = ["track", str(clip), "--box", "8,8,40,40", "-o", str(output), "--short-side", "64", "--device", "cpu"]
    process = subprocess.Popen(
        [sys.executable, "-m", "vos", *arguments, "-q"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
    )
    journal = output / "journal.jsonl"
    while process.poll() is None and not (journal.is_file() and journal.read_bytes().count(b"\n") >= 3):
        time.sleep(0.002)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM, said
    assert said.decode().strip() == "vos: terminated"
    assert json.loads((output / "run.json").read_text())["status"] == "interrupted"
    try:
        main([*arguments, "--resume", "-q"])
    except SystemExit as stopped:
        assert stopped.code == 0
    assert json.loads((output / "run.json").read_text())["status"] == "done"
