"""How many threads, and that they sleep while they wait."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from vos.resources import threads


@pytest.fixture
def eight_cpus(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine with eight processors; gives the file with a container's quota, which is not there yet."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    quota = tmp_path / "cpu.max"
    monkeypatch.setattr(threads, "_QUOTA", quota)
    return quota


def test_a_network_gets_four_threads_at_most(eight_cpus: Path) -> None:
    assert threads.available_cpus() == 8
    assert threads.default_threads() == 4


@pytest.mark.parametrize(("text", "expected"), [("max 100000", 8), ("150000 100000", 2), ("20000 100000", 1), ("?", 8)])
def test_a_container_gets_what_its_quota_allows(eight_cpus: Path, text: str, expected: int) -> None:
    eight_cpus.write_text(text)
    assert threads.available_cpus() == expected
    assert threads.default_threads() == min(expected, 4)


@pytest.mark.parametrize(("wanted", "expected"), [("1", 1), ("6", 6), ("64", 8), ("0", 4), ("many", 4)])
def test_the_usual_variable_sets_the_number(
    eight_cpus: Path, monkeypatch: pytest.MonkeyPatch, wanted: str, expected: int
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", wanted)
    assert threads.default_threads() == expected


def test_the_command_lets_threads_sleep_unless_the_user_wants_otherwise() -> None:
    script = (
        "import os, sys; from vos.cli.main import main\n"
        "assert not {'torch', 'cv2', 'numpy'} & set(sys.modules)\n"
        "try: main(['--version'])\n"
        "except SystemExit: print(os.environ['OMP_WAIT_POLICY'], os.environ['KMP_BLOCKTIME'])"
    )
    environment = {name: value for name, value in os.environ.items() if name not in threads._CALM}
    for given, expected in (({}, "PASSIVE 0"), ({"OMP_WAIT_POLICY": "ACTIVE"}, "ACTIVE 0")):
        done = subprocess.run(
            [sys.executable, "-c", script],
            env={**environment, **given},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        assert done.stdout.splitlines()[-1] == expected
