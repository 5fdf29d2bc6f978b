"""The work on one video: its document, first masks, propagation, and all of it on disk at any moment."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np

from seem_model.video_model import VideoModel
from vos.errors import OutputError, PromptError, UsageError, exit_code_of, message_of
from vos.files.json_node import JsonNode, json_errors_as
from vos.prompts import Box, Prompt, PromptScript
from vos.results import FrameResult
from vos.runs.commit import recover_commit
from vos.runs.edit_run import edit_run, undo_edit
from vos.runs.edits import EditReport
from vos.runs.folder import OutputFolder
from vos.runs.options import Observer
from vos.ui.document import History, apply_edit, with_object
from vos.ui.exports import export_masks
from vos.ui.forecast import forecast
from vos.ui.frames import FrameStore
from vos.ui.gestures import Place
from vos.ui.mask_edits import edit_of
from vos.ui.model_thread import ModelThread
from vos.ui.preview import EncodeCache, first_mask
from vos.ui.progress import RunProgress
from vos.ui.run_masks import RunMasks, ScriptKey, matches_on, script_key
from vos.ui.session_folder import load_document, save_document
from vos.ui.update import bring_up_to_date
from vos.ui.views import document_view
from vos.video import Frame, open_source

_log = logging.getLogger(__name__)

# Where a frame's masks come from: tracked, made from the marks on this frame alone, or not there.
Origin = Literal["run", "prompts", "none"]


class Session:
    """One open video. Methods may be called from any thread.

    Args:
        video: A video file or a folder of images.
        folder: Where masks, record and script go; may hold a former session or run of the same video.
        model_thread: Computes.
        on_change: Called whenever `status` has changed.

    Raises:
        VideoError: The video cannot be read.
        OutputError: The folder holds something else.
        PromptError: The script in it cannot be used.
    """

    def __init__(
        self, video: Path, folder: OutputFolder, model_thread: ModelThread, on_change: Callable[[], None]
    ) -> None:
        self.video = video
        self.folder = folder
        self._model_thread = model_thread
        self._on_change = on_change
        self._lock = threading.RLock()
        self.frames = FrameStore(open_source(str(video)))
        try:
            self._history = History(load_document(folder, video))
            # Kept, because it hashes every prompt and is asked for with every frame that is tracked.
            self._key = script_key(self._script)
            self._masks = RunMasks(folder, len(self.frames))
        except BaseException:
            self.frames.close()
            raise
        self._encoded: EncodeCache | None = None
        self._stop = threading.Event()
        self._progress = RunProgress()
        self._forecast: tuple[tuple[ScriptKey, int], dict[str, Any] | None] | None = None
        model_thread.submit(self._warm_up)

    # State ----------------------------------------------------------------------------------------------------------

    def view(self) -> dict[str, Any]:
        """Everything the page needs when it opens."""
        info = self.frames.info
        times = self.frames.times
        with self._lock:
            marked = [prompt.frame for prompt in self._history.document.script.prompts]
            return {
                "video": {
                    "name": self.video.name,
                    "width": info.width,
                    "height": info.height,
                    "frames": len(times),
                    "rate": None if info.average_rate is None else float(info.average_rate),
                    "times": np.round(times, 4).tolist(),
                },
                "document": document_view(self._history),
                "run": self.run_view(),
                "folder": str(self.folder.root),
                "first_mark": min(marked, default=None),
                "notes": list(info.notes),
            }

    def status(self) -> dict[str, Any]:
        """What changes without the page having asked for it."""
        with self._lock:
            return {"document": self._history.revision, "run": self.run_view()}

    def run_view(self) -> dict[str, Any]:
        """The state of propagation, and whether the masks are those of the document."""
        with self._lock:
            return {
                **self._progress.view(),
                "masks": self._masks.state(self._key),
                "frames_done": self._masks.count(self._key),
                "can_export": self._progress.state == "idle" and self._masks.exportable(self._key) is not None,
                "edits": list(self._masks.edits),
                "forecast": self._forecast_view(),
            }

    def _forecast_view(self) -> dict[str, Any] | None:
        """What an update would track, if there is something to bring up to date; looked at once per change."""
        if self._progress.state != "idle" or not self._script.prompts or self._masks.state(self._key) == "current":
            return None
        if self._forecast is None or self._forecast[0] != (self._key, self._progress.epoch):
            mode = self._masks.update_mode(self._key)
            done = self._masks.count(self._key) if mode == "resume" else 0
            found = forecast(self.folder, self._script, mode, done, len(self.frames))
            self._forecast = ((self._key, self._progress.epoch), None if found is None else found.to_json())
        return self._forecast[1]

    def presence(self) -> dict[int, str]:
        """See `RunMasks.presence`."""
        with self._lock:
            return self._masks.presence(self._key)

    @property
    def _script(self) -> PromptScript:
        return self._history.document.script

    # Edits ----------------------------------------------------------------------------------------------------------

    @json_errors_as(PromptError)
    def edit(self, edit: JsonNode) -> dict[str, Any]:
        """Changes the document, saves it and returns its view.

        Raises:
            PromptError: The edit makes no sense; the document is as before.
            OutputError: It cannot be saved; the document is as before.
        """
        frame = edit.get("frame").integer(0, len(self.frames) - 1) if edit.has("frame") else 0
        object_id = edit.get("object").integer(1, 65535) if edit.has("object") else 1
        needs_mask = edit.get("kind").value in ("eraser", "point")
        tracked = self._tracked(object_id, frame) if needs_mask else None
        place = Place(object_id, frame, (self.frames.info.width, self.frames.info.height), tracked)
        return self._change(lambda: self._history.change(apply_edit(self._history.document, edit, place)))

    def undo(self) -> dict[str, Any]:
        """The document before the last edit. Raises like `edit`."""
        return self._change(self._history.undo)

    def redo(self) -> dict[str, Any]:
        """The document before the last undo. Raises like `edit`."""
        return self._change(self._history.redo)

    def _change(self, act: Callable[[], None]) -> dict[str, Any]:
        with self._lock:
            if self._progress.state != "idle":
                raise PromptError("stop the propagation before you change anything; what is done is kept")
            with self._history.all_or_nothing():
                act()
                save_document(self.folder, self.video, self._history.document)
            self._key = script_key(self._script)
            view = document_view(self._history)
        self._on_change()
        return view

    # Masks ----------------------------------------------------------------------------------------------------------

    def labels(self, frame: int) -> tuple[np.ndarray | None, Origin]:
        """(H, W) uint16 labels of a frame and where they come from.

        Raises:
            VosError: The frame, a mask or a prompt cannot be used.
        """
        with self._lock:
            prompts = self._prompts_on(frame)
            found = self._masks.labels(self._key, frame)
            tracked = None if found is None else found[0]
            is_current = found is not None and matches_on(frame, prompts, found[1])
            if self._progress.state != "idle" or not prompts or is_current:
                return tracked, "none" if tracked is None else "run"
            # Queued while nothing runs: never behind a propagation.
            job = self._model_thread.submit(lambda model: self._first_mask(model, frame, prompts, tracked))
        return job.result(), "prompts"

    def warm(self, frame: int) -> None:
        """Encodes a frame that is about to be drawn on, unless something is running."""
        with self._lock:
            if self._progress.state != "idle":
                return
            job = self._model_thread.submit(lambda model: self._features(model).encode_whole(self.frames.rgb(frame)))
        job.result()

    def _first_mask(
        self, model: VideoModel, frame: int, prompts: tuple[Prompt, ...], tracked: np.ndarray | None
    ) -> np.ndarray:
        return first_mask(self._features(model), self.frames.rgb(frame), prompts, tracked)

    def _features(self, model: VideoModel) -> EncodeCache:
        if self._encoded is None:
            self._encoded = EncodeCache(model)
        return self._encoded

    def _warm_up(self, model: VideoModel) -> None:
        """Makes the first call of the network, which is slow, before a user waits for it."""
        width, height = self.frames.info.width, self.frames.info.height
        self._first_mask(model, 0, (Box(width * 0.25, height * 0.25, width * 0.75, height * 0.75),), None)

    def _prompts_on(self, frame: int) -> tuple[Prompt, ...]:
        return tuple(prompt for prompt in self._script.prompts if prompt.frame == frame)

    def _tracked(self, object_id: int, frame: int) -> np.ndarray | None:
        found = self._masks.labels(self._key, frame)
        return None if found is None else found[0] == object_id

    # Propagation ----------------------------------------------------------------------------------------------------

    def propagate(self) -> dict[str, Any]:
        """Starts to bring the masks up to date, or to go on where a run was stopped; returns the state of it.

        Raises:
            PromptError: Nothing is marked.
        """
        with self._lock:
            if self._progress.state == "idle":
                if not self._script.prompts:
                    raise PromptError("mark an object first: paint a stroke over part of it")
                self._stop = threading.Event()
                self._progress = RunProgress(state="running", epoch=self._progress.epoch + 1, total=len(self.frames))
                self._model_thread.submit(self._run)
        self._on_change()
        return self.run_view()

    def stop(self) -> dict[str, Any]:
        """Ends a run after the frame in progress; what is done stays, and `propagate` goes on there."""
        with self._lock:
            if self._progress.state == "running":
                self._progress.state = "stopping"
                self._stop.set()
        self._on_change()
        return self.run_view()

    # Exports --------------------------------------------------------------------------------------------------------

    def export(self, name: str) -> Path:
        """Writes the masks in another format into the session's folder; returns the file or folder.

        Of a run that was stopped, the frames that are done are written.

        Raises:
            UsageError: There is no such format, or the masks are not those of the marks.
            OutputError: It cannot be written.
        """
        with self._lock:
            source = None if self._progress.state != "idle" else self._masks.exportable(self._key)
            if source is None:
                raise UsageError("propagate first: the masks are not those of the marks yet")
            job = self._model_thread.submit(lambda model: export_masks(self.folder, source, self.video, name))
        return job.result()

    # Edits of finished masks ----------------------------------------------------------------------------------------

    @json_errors_as(UsageError)
    def edit_masks(self, edit: JsonNode) -> dict[str, Any]:
        """Edits the masks of a range of frames; nothing is tracked. Returns what the page shows of it.

        Raises:
            UsageError: The masks are not up to date, or the edit cannot be made.
            OutputError: They cannot be written.
        """
        info = self.frames.info
        wanted = edit_of(edit, (info.width, info.height))
        return self._edit_masks(lambda: edit_run(self.folder.root, wanted, video=str(self.video)))

    def undo_mask_edit(self) -> dict[str, Any]:
        """Takes back the last edit of the masks. Raises like `edit_masks`."""
        return self._edit_masks(lambda: undo_edit(self.folder.root, video=str(self.video)))

    def _edit_masks(self, act: Callable[[], EditReport]) -> dict[str, Any]:
        with self._lock:
            if self._progress.state != "idle" or self._masks.state(self._key) != "current":
                raise UsageError("propagate first: edits are made to masks that are up to date")
            # Under the lock: it takes as long as reading the masks, and nobody may change them meanwhile.
            report = act()
            self._masks.reload()
            self._progress = RunProgress(epoch=self._progress.epoch + 1)
            new = report.new_object
            if new is not None and new not in self._history.document.object_ids:
                with self._history.all_or_nothing():
                    self._history.change(with_object(self._history.document, new))
                    save_document(self.folder, self.video, self._history.document)
            view = {"report": report.to_json(), "document": document_view(self._history), "run": self.run_view()}
        self._on_change()
        return view

    def close(self) -> None:
        """Stops a run and waits for its end."""
        self.stop()
        # There is one thread: when this job's turn comes, the run is over.
        self._model_thread.submit(lambda model: None).exception()
        self.frames.close()

    def _run(self, model: VideoModel) -> None:
        """In the model's thread: one run from its start to the record of how it ended."""
        message, is_failure = "", False
        try:
            message = self._track(model)
        except Exception as error:
            message, is_failure = message_of(error), True
            if exit_code_of(error) is None:
                _log.exception("propagation failed")
                message = f"a fault of seem-vos, see the terminal: {type(error).__name__}: {error}"
        finally:
            with self._lock:
                try:
                    self._masks.reload()
                except OutputError as error:
                    message, is_failure = str(error), True
                self._progress = RunProgress(epoch=self._progress.epoch + 1, message=message, is_failure=is_failure)
            self._on_change()

    def _track(self, model: VideoModel) -> str:
        script = self._script
        if recover_commit(self.folder):
            with self._lock:
                self._masks.reload()
        with self._lock:
            key = self._key
            mode = self._masks.update_mode(key)
            first = self._masks.first_change(key) if mode == "correct" else 0
            self._masks.begin(key, mode)
        last = -1

        def restart() -> None:
            nonlocal first
            first = 0
            with self._lock:
                self._masks.begin(key, "start")

        def take(frame: Frame, result: FrameResult) -> None:
            nonlocal last
            goes_back, last = result.index < last, result.index
            if result.index < first and not goes_back:
                return  # as it was: nothing to look at
            presence = dict(zip(result.object_ids, result.presence, strict=True))
            with self._lock:
                self._masks.take(result.index, result.labels, presence)
                self._progress.frame = result.index

        return bring_up_to_date(
            self.video,
            self.folder,
            script,
            model,
            mode=mode,
            frames=len(self.frames),
            observer=Observer(self._on_frame, take, self._stop),
            on_restart=restart,
        )

    def _on_frame(self, done: int, total: int | None) -> None:
        with self._lock:
            self._progress.advance(done, total)
        self._on_change()
