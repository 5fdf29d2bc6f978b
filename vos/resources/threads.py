"""Threads of the computing libraries: how many, and that they sleep while they wait.

PyTorch, OpenCV and ONNX Runtime each keep a pool of threads. By default a thread that waits for work spins, which is a
little faster on an idle machine and several times slower on a busy one: it takes the core from whoever has work to do.
"""

from __future__ import annotations

import contextlib
import math
import os
from pathlib import Path

_QUOTA = Path("/sys/fs/cgroup/cpu.max")
# More threads than this share operators that are too small to be shared.
_MOST_THREADS = 4
# OpenCV's numbers.
_INSTRUCTIONS = {"AVX512": 256, "AVX2": 11, "NEON": 100}
# Read by OpenMP runtimes (GNU, LLVM and Intel) and by OpenCV when they are loaded.
_CALM = {
    "OMP_WAIT_POLICY": "PASSIVE",
    "KMP_BLOCKTIME": "0",
    "OPENCV_THREAD_POOL_ACTIVE_WAIT_WORKER": "0",
    "OPENCV_THREAD_POOL_ACTIVE_WAIT_MAIN": "0",
}


def wait_calmly() -> None:
    """Lets threads of OpenMP and OpenCV sleep while they wait.

    Works only before these libraries are loaded: call it before the first import of torch or cv2, as `vos` does.
    Variables that are set already stay as they are.
    """
    for name, value in _CALM.items():
        os.environ.setdefault(name, value)


def available_cpus() -> int:
    """Processors that this process may use: its affinity, and the share that a container allows."""
    # Not on macOS and Windows.
    affinity = getattr(os, "sched_getaffinity", None)
    count = (os.cpu_count() or 1) if affinity is None else len(affinity(0))
    with contextlib.suppress(OSError, ValueError):
        quota, period = _QUOTA.read_text("ascii").split()
        if quota != "max":
            count = min(count, math.ceil(int(quota) / int(period)))
    return max(1, count)


def default_threads() -> int:
    """Threads for one network that has the machine to itself; at most OMP_NUM_THREADS, where that is set."""
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    most = int(wanted) if wanted.isdecimal() and int(wanted) else _MOST_THREADS
    return min(available_cpus(), most)


def vector_instructions() -> str:
    """Widest vector instructions of this processor, as run.json records them: sums round differently with others."""
    import cv2

    for name, number in _INSTRUCTIONS.items():
        if cv2.checkHardwareSupport(number):
            return name
    return "DEFAULT"
