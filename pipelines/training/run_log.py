"""The log of a run: one JSON object per line, and TensorBoard events where asked for."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pipelines.training.stills import TrainingDataError


class RunLog:
    """Appends to `log.jsonl` in the run folder; every row has `step` and `seconds` since this process began.

    Args:
        folder: The run folder.
        tensorboard: Also write events to `tensorboard/` in it.

    Raises:
        TrainingDataError: TensorBoard is asked for and not installed.
    """

    def __init__(self, folder: Path, *, tensorboard: bool) -> None:
        self._events: Any = None
        if tensorboard:
            try:
                from torch.utils.tensorboard import SummaryWriter
            except ImportError as error:
                raise TrainingDataError("--tensorboard needs the package: pip install tensorboard") from error
            self._events = SummaryWriter(str(folder / "tensorboard"))
        self._file = (folder / "log.jsonl").open("a", encoding="utf-8")
        self._began = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        if self._events is not None:
            self._events.close()

    def write(self, step: int, numbers: Mapping[str, float]) -> None:
        """Adds a row, and makes sure that it survives the process."""
        rounded = {name: round(float(value), 4) for name, value in numbers.items()}
        row = {"step": step, "seconds": round(time.monotonic() - self._began, 1), **rounded}
        self._file.write(json.dumps(row) + "\n")
        self._file.flush()
        if self._events is not None:
            for name, value in numbers.items():
                self._events.add_scalar(name, value, step)
            self._events.flush()
