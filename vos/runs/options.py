"""How a run is carried out and who follows it: parameters of every call that starts a run."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from vos.results import FrameResult
from vos.tracking.absence import AbsencePolicy
from vos.tracking.cleaning import CleanPolicy
from vos.tracking.memory_bank import MemoryPolicy
from vos.tracking.windows import WindowPolicy
from vos.video import Frame

SNAPSHOT_EVERY = 100


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How a run is carried out.

    Attributes:
        memory: Which frames are remembered.
        windows: Where objects are looked for.
        absence: What happens to objects that are out of view.
        clean: How masks are cleaned before they are written anywhere.
        snapshot_every: Frames between two snapshots of the tracker, which is the most that a kill can cost. At least 1.
        keep_snapshots: Whether snapshots spread over the video stay when the run is done (18 at most), so that a
            correction need not track again from the first frame.
        max_memory: Resident bytes to stay below, by the estimate of `vos.resources.ram_budget`: queues and the number
            of remembered frames shrink as far as needed. None for no limit.
        resume: Go on with what a killed, failed or stopped run of the same job left in the folder; the result is the
            same to the byte as that of a run that was never interrupted. Starts normally where there is none, and does
            nothing where it is finished. docs/promises.md says how.
        overwrite: Whether results of an earlier run in the folder may be replaced.
    """

    memory: MemoryPolicy = field(default_factory=MemoryPolicy)
    windows: WindowPolicy = field(default_factory=WindowPolicy)
    absence: AbsencePolicy = field(default_factory=AbsencePolicy)
    clean: CleanPolicy = field(default_factory=CleanPolicy)
    snapshot_every: int = SNAPSHOT_EVERY
    keep_snapshots: bool = True
    max_memory: int | None = None
    resume: bool = False
    overwrite: bool = False


@dataclass(frozen=True, slots=True)
class Observer:
    """Callbacks of a run, and the way to stop it. They are called in the thread of the run, so they should be quick.

    Attributes:
        on_frame: Called after each frame with the number of frames done and the total, if that is known.
        on_result: Called with each frame and its masks, which must not be changed; for a live preview.
        stop: When it is set (from any thread), the run ends after the frame in progress and can be resumed there.

    Examples:
        >>> import threading
        >>> from vos import Box, Observer, track_script
        >>> stop = threading.Event()
        >>> observer = Observer(on_frame=lambda done, total: stop.set() if done == 3 else None, stop=stop)
        >>> track_script("clip.mp4", [Box(120, 80, 360, 400)], "clip_vos", observer=observer).is_interrupted
        True
    """

    on_frame: Callable[[int, int | None], None] = lambda done, total: None
    on_result: Callable[[Frame, FrameResult], None] = lambda frame, result: None
    stop: threading.Event | None = None

    @property
    def wants_to_stop(self) -> bool:
        """Whether `stop` is set."""
        return self.stop is not None and self.stop.is_set()
