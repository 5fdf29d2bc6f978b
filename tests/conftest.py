"""Settings for all tests."""

from __future__ import annotations

import os

# Small tensors gain nothing from a second thread, and threads that spin on a busy machine cost minutes.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
