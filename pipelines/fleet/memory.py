"""Peak memory of a job, measured from a mark that every job resets."""

from __future__ import annotations

from pathlib import Path

_CLEAR_REFS = Path("/proc/self/clear_refs")
_STATUS = Path("/proc/self/status")
# "5" resets the peak of resident memory (Linux, proc(5)).
_RESET_PEAK = "5"


class PeakMemory:
    """Peak memory since construction: of the GPU if `device` is one, otherwise resident memory of this process."""

    def __init__(self, device: str) -> None:
        self._device = device
        self._resets = True
        if device.startswith("cuda"):
            import torch

            torch.cuda.reset_peak_memory_stats(device)
            return
        try:
            _CLEAR_REFS.write_text(_RESET_PEAK)
        except OSError:
            self._resets = False

    def read(self) -> int | None:
        """Bytes; None if the system does not report the peak of this job alone."""
        if self._device.startswith("cuda"):
            import torch

            return torch.cuda.max_memory_allocated(self._device)
        if not self._resets:
            return None
        for line in _STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
        return None
