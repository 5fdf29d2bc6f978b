"""The quality gate: the default tracker on a small set of made clips must not score less than it did.

The number is kept in `gate.toml` beside this file, with the weights it belongs to; `vos benchmark gate --renew` writes
it anew. Clips are the same everywhere; what differs between machines is how sums are rounded inside the network.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from pipelines.made.clips import MadeSet
from pipelines.made.run import MadeTracker, OnClip, run_made
from pipelines.made.summary import summarise
from vos.files.atomic import write_bytes

STORED = Path(__file__).parent / "gate.toml"
GATE_SET = MadeSet(seed=22, clips=12, difficulty=0.3, frames=20, height=240, width=426)
NOISE = 0.01
"""How much less is not a loss. Measured: see docs/made.md."""


@dataclass(frozen=True, slots=True)
class GateOutcome:
    """Outcome of the gate.

    Attributes:
        j_and_f: Mean over the clips, in [0, 1].
        stored: What it was.
        weights_sha256, stored_weights: Weights that were used, and those of the stored number.
    """

    j_and_f: float
    stored: float
    weights_sha256: str
    stored_weights: str

    @property
    def passed(self) -> bool:
        """Whether no more was lost than noise explains."""
        return self.j_and_f >= self.stored - NOISE


def measure_gate(jobs: int, tracker: MadeTracker | None = None, on_clip: OnClip = lambda scores: None) -> GateOutcome:
    """Tracks the clips of the gate in `jobs` processes and compares with the stored number."""
    tracker = tracker or MadeTracker(device="cpu")
    kept = tomllib.loads(STORED.read_text(encoding="utf-8"))
    scores = run_made(GATE_SET, tracker, jobs=jobs, on_clip=on_clip)
    return GateOutcome(
        summarise(scores).j_and_f, float(kept["j_and_f"]), tracker.load().weights_sha256, str(kept["weights_sha256"])
    )


def renew_gate(outcome: GateOutcome) -> None:
    """Stores what was measured.

    Raises:
        OutputError: The file cannot be written.
    """
    comments = [line for line in STORED.read_text(encoding="utf-8").splitlines() if line.startswith("#")]
    lines = [*comments, f'weights_sha256 = "{outcome.weights_sha256}"', f"j_and_f = {outcome.j_and_f:.4f}", ""]
    write_bytes(STORED, "\n".join(lines).encode())
