"""Which video is open, and which others may be: those in the folder that was given on the command line, and uploads."""

from __future__ import annotations

import re
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vos.errors import OutputError, UsageError, VideoError
from vos.files.atomic import replacing
from vos.runs.folder import OutputFolder
from vos.ui.model_thread import ModelThread
from vos.ui.session import Session
from vos.ui.session_folder import is_session, video_of
from vos.ui.status_feed import StatusFeed
from vos.video.images import IMAGE_FORMATS
from vos.video.opening import VIDEO_SUFFIXES

MAX_UPLOAD_BYTES = 8 * 1024**3
_MAX_LISTED = 500
_UNSAFE = re.compile(r"[^\w.\- ]+")


@dataclass(frozen=True, slots=True)
class Places:
    """What the command line allows.

    Attributes:
        folder: Where videos may be chosen from; None for nowhere.
        outputs: Folder in which sessions get their folders, `<video>_vos`.
        uploads: Folder in which uploaded videos are kept.
    """

    folder: Path | None
    outputs: Path
    uploads: Path


class Workspace:
    """Holds the open session; opening another one closes it.

    Args:
        places: Where videos and sessions may be.
        model_thread: Computes for all sessions.
    """

    def __init__(self, places: Places, model_thread: ModelThread) -> None:
        self.feed = StatusFeed()
        self._places = places
        self._model_thread = model_thread
        self._lock = threading.Lock()
        self._session: Session | None = None
        # Grows with every video that is opened: tabs notice that theirs is gone.
        self._number = 0
        self._tell()

    @property
    def session(self) -> Session:
        """The open session. Raises UsageError if there is none."""
        session = self._session
        if session is None:
            raise UsageError("no video is open; choose one first")
        return session

    def view(self) -> dict[str, Any]:
        """Everything the page needs when it opens."""
        session = self._session
        if session is None:
            return {"session": self._number, "video": None, "document": None, "run": None, "first_mark": None}
        return {"session": self._number, **session.view()}

    def open(self, video: Path, output: Path | None = None) -> dict[str, Any]:
        """Opens a video, or a session or run by its folder.

        Args:
            video: A video file, a folder of images, or the folder of a session or run.
            output: Folder of the session; by default the folder given as `video`, or `<name>_vos` among the outputs.

        Raises:
            VosError: It cannot be opened; what was open stays open.
        """
        with self._lock:
            if not video.exists():
                raise VideoError(f"{video}: no such file or folder")
            folder = None if output is None else OutputFolder(output)
            if video.is_dir() and is_session(video):
                folder = folder or OutputFolder(video)
                video = video_of(OutputFolder(video))
            if folder is None:
                name = video.resolve().name if video.is_dir() else video.stem
                folder = OutputFolder(self._places.outputs / f"{name}_vos")
            session = Session(video, folder, self._model_thread, self._tell)
            former, self._session = self._session, session
            self._number += 1
        if former is not None:
            former.close()
        self._tell()
        return self.view()

    # Choosing -------------------------------------------------------------------------------------------------------

    def library(self) -> dict[str, Any]:
        """Videos, folders of images and sessions directly in the folder of the command line."""
        folder = self._places.folder
        if folder is None:
            return {"folder": None, "videos": []}
        found = []
        try:
            entries = sorted(folder.iterdir(), key=lambda path: path.name.lower())
        except OSError as error:
            raise VideoError(f"{folder}: cannot be listed ({error.strerror})") from error
        for path in entries:
            kind = _kind_of(path)
            if kind is not None:
                found.append({"name": path.name, "kind": kind, "bytes": path.stat().st_size})
        return {"folder": str(folder), "videos": found[:_MAX_LISTED]}

    def open_by_name(self, name: str) -> dict[str, Any]:
        """Opens an entry of the library.

        Raises:
            UsageError: There is no such entry; names that lead elsewhere are none.
            VosError: It cannot be opened.
        """
        folder = self._places.folder
        if folder is None:
            raise UsageError("no folder was given to choose from; start with vos ui --folder FOLDER")
        if name not in {entry["name"] for entry in self.library()["videos"]}:
            raise UsageError(f"{name!r} is not a video in {folder}")
        self._check_within(folder / name)
        return self.open(folder / name)

    def _check_within(self, path: Path) -> None:
        """Raises UsageError if a session, or a link in a folder of images, leads out of the folder.

        Whoever opens the page chooses from the folder; what somebody put into it must not show them other files.
        """
        allowed = [place.resolve() for place in (self._places.folder, self._places.uploads) if place is not None]
        video = video_of(OutputFolder(path)) if path.is_dir() and is_session(path) else path
        reached = [video, *(entry for entry in video.iterdir() if entry.is_symlink())] if video.is_dir() else [video]
        for place in reached:
            target = place.resolve()
            if not any(target.is_relative_to(root) for root in allowed):
                raise UsageError(
                    f"{place}: lies outside {self._places.folder}, and only what is in there can be chosen; "
                    f"open it with: vos ui {path}"
                )

    async def take_upload(self, name: str, chunks: AsyncIterator[bytes], run: Callable[..., Any]) -> dict[str, Any]:
        """Keeps an uploaded video under a safe name of its own, and opens it.

        Args:
            name: As the browser says; only its last part is used, and only letters, digits and a few signs of it.
            chunks: The bytes.
            run: Awaits a blocking call in another thread.

        Raises:
            VosError: It is no video, or cannot be kept.
        """
        target = self._reserve(name)
        size = 0
        try:
            with replacing(target) as temporary, open(temporary, "wb") as file:
                async for chunk in chunks:
                    size += len(chunk)
                    if size > MAX_UPLOAD_BYTES:
                        raise VideoError(f"{name}: larger than {MAX_UPLOAD_BYTES >> 30} GiB; give it as: vos ui VIDEO")
                    await run(file.write, chunk)
            view: dict[str, Any] = await run(self.open, target)
        except BaseException:
            target.unlink(missing_ok=True)
            raise
        return view

    def _reserve(self, name: str) -> Path:
        """A name that no other upload has, taken by an empty file, so that two at once keep apart."""
        last = _UNSAFE.sub("_", Path(name.replace("\\", "/")).name).strip(". ")
        suffix = Path(last).suffix.lower()
        if suffix not in VIDEO_SUFFIXES:
            raise VideoError(f"{name}: not a kind of video that is known here ({' '.join(sorted(VIDEO_SUFFIXES))})")
        stem = Path(last).stem[:80]
        folder = self._places.uploads
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for number in range(1000):
                target = folder / f"{stem}{f'-{number}' if number else ''}{suffix}"
                with suppress(FileExistsError):
                    target.touch(exist_ok=False)
                    return target
        except OSError as error:
            raise OutputError(f"{folder}: cannot be written ({error.strerror or error})") from error
        raise OutputError(f"{folder}: too many uploads named {stem}")

    # The end --------------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Stops what runs; what is done is kept."""
        self.feed.close()
        with self._lock:
            session, self._session = self._session, None
        if session is not None:
            session.close()
        self._model_thread.close()

    def _tell(self) -> None:
        session = self._session
        status = {"document": None, "run": None} if session is None else session.status()
        self.feed.post(session=self._number, **status)


def _kind_of(path: Path) -> str | None:
    """`video`, `images`, `session`, or None for anything else. Links are not followed out of the folder."""
    if path.is_symlink() or path.name.startswith("."):
        return None
    if path.is_file():
        return "video" if path.suffix.lower() in VIDEO_SUFFIXES else None
    if not path.is_dir():
        return None
    if is_session(path):
        return "session"
    with suppress(OSError):
        if any(entry.suffix.lower() in IMAGE_FORMATS for entry in path.iterdir()):
            return "images"
    return None
