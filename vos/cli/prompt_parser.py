"""From prompt options in the order in which they were given to a prompt script."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from vos.cli.prompt_kinds import PROMPT_KINDS, PromptPlace, add_prompts, for_object, read_prompts
from vos.errors import UsageError
from vos.prompts import (
    DIRECTIONS,
    MAX_OBJECT_ID,
    Direction,
    Points,
    Prompt,
    PromptScript,
    ReferenceImage,
    Removal,
    VisualPrompt,
    read_masks,
    read_prompt_script,
    read_strokes,
)
from vos.prompts.image_file import read_rgb
from vos.prompts.label_image import PictureNote
from vos.prompts.points import MOST_CANDIDATES
from vos.runs.folder import RECORD_FILE
from vos.runs.recorded import read_recorded_run

_LEADING_ID = re.compile(r"(\d{1,5})(?::|$)")


class PromptOptionParser:
    """Takes one option after another and builds a prompt script.

    Args:
        video: Opened for times only.
        source_options: Keyword arguments of `open_source`.
        names: Object id -> name of objects that have one already.

    Attributes:
        notes: How pictures were read, one line each.
    """

    def __init__(self, video: str, source_options: Mapping[str, Any], names: Mapping[int, str]) -> None:
        self._video = video
        self._source_options = source_options
        self.notes: list[PictureNote] = []
        self._known = dict(names)
        self._reserved: set[int] = set(names)
        self._prompts: list[Prompt] = []
        self._removals: list[Removal] = []
        self._names: dict[int, str] = {}
        # Applies to the options that follow.
        self._frame = 0
        self._object: int | None = None
        self._direction: Direction = "forward"
        self._replaces = False
        self._candidate = 0
        self._reference: Path | None = None
        # Setting -> its value, while no prompt has followed that it applies to.
        self._unused: dict[str, str] = {}

    def reserve(self, values: Iterable[str]) -> None:
        """Keeps ids that occur in any of the values from being given to new names."""
        self._reserved |= {int(match[1]) for value in values if (match := _LEADING_ID.match(value))}

    def feed(self, option: str, value: str) -> None:
        """Takes the next option, without its dashes.

        Raises:
            UsageError, PromptError: The value cannot be used here.
        """
        if self._reference is not None and option not in ("reference-mask", "reference-stroke"):
            raise UsageError(f"--reference {self._reference}: --reference-mask or --reference-stroke must follow it")
        if option in _SETTINGS:
            if option in self._unused:
                raise UsageError(
                    f"--{option} {self._unused[option]}: no prompt comes between it and --{option} {value}; "
                    "it applies to the prompts after it"
                )
            self._unused[option] = value
        else:
            self._use_settings(option)
        if option in PROMPT_KINDS:
            over = self._decoder() if PROMPT_KINDS[option].is_file else None
            self._add(read_prompts(option, value, PromptPlace(self._frame, self._object, over, self.notes.append)))
        else:
            _HANDLERS[option](self, value)

    def _use_settings(self, option: str) -> None:
        for setting, users in _SETTINGS.items():
            if option in users:
                self._unused.pop(setting, None)

    def set_place(self, frame: int | str = 0, object_name: str | None = None, direction: str = "forward") -> None:
        """All three settings at once, as `--at`, `--object` and `--direction` would make them; no object is None.

        Raises:
            UsageError: As `feed`.
        """
        self.choose_frame(str(frame))
        self._object = None
        if object_name is not None:
            self.choose_object(object_name)
        self.choose_direction(direction)

    def script(self) -> PromptScript:
        """The prompts, removals and names given so far.

        Raises:
            UsageError: A reference picture has no mark, or a setting has no prompt after it.
        """
        if self._reference is not None:
            raise UsageError(f"--reference {self._reference}: mark the object on it with --reference-mask PNG")
        for setting, value in self._unused.items():
            given = f"--{setting} {value}".strip()
            raise UsageError(
                f"{given}: no prompt comes after it; give --{setting} before the prompts that it applies to"
            )
        return PromptScript(tuple(self._prompts), tuple(self._removals), self._names)

    # Settings for the options that follow --------------------------------------------------------------------------

    def choose_frame(self, value: str) -> None:
        from vos.video import open_source
        from vos.video.frame_times import frame_at, parse_time
        from vos.video.opening import choose_backend

        self._replaces = False
        if value.isdecimal() and len(value) < 10:
            self._frame = int(value)
            return
        seconds = parse_time(value)
        if seconds is None:
            raise UsageError(f"--at {value}: expected a frame like 40, or a time like 2.5s or 00:01:02.5")
        if choose_backend(self._video) == "raw":
            raise UsageError(f"--at {value}: standard input can be read only once, so give a frame, such as --at 40")
        with open_source(self._video, **self._source_options) as source:
            try:
                self._frame = frame_at(source, seconds)
            except UsageError as error:
                raise UsageError(f"--at {value}: {error}") from None

    def choose_object(self, value: str) -> None:
        found = self._find(value)
        if found is None:
            taken = self._reserved | {prompt.object_id for prompt in self._prompts}
            found = next(i for i in range(1, MAX_OBJECT_ID + 1) if i not in taken)
            self._reserved.add(found)
            self._known[found] = self._names[found] = value
        self._object = found

    def choose_direction(self, value: str) -> None:
        found = next((direction for direction in DIRECTIONS if direction == value), None)
        if found is None:
            raise UsageError(f"--direction {value}: not one of {', '.join(DIRECTIONS)}")
        self._direction = found

    def choose_candidate(self, value: str) -> None:
        """For the next point."""
        if value not in {str(number) for number in range(1, MOST_CANDIDATES + 1)}:
            raise UsageError(f"--candidate {value}: expected a number from 1 (the largest) to {MOST_CANDIDATES}")
        self._candidate = int(value)

    def start_afresh(self, _: str = "") -> None:
        """What `--replace` says: it holds until another frame is chosen."""
        self._replaces = True

    def choose_reference(self, value: str) -> None:
        self._reference = Path(value)

    def _find(self, value: str) -> int | None:
        """The id that a number or a known name stands for."""
        if value.isdecimal():
            if not 1 <= int(value[:6]) <= MAX_OBJECT_ID:
                raise UsageError(f"object {value}: an object id is in 1..{MAX_OBJECT_ID}")
            return int(value)
        found = [object_id for object_id, name in self._known.items() if name == value]
        if len(found) > 1:
            raise UsageError(f"object {value}: {len(found)} objects have this name; give the id of one of them")
        return found[0] if found else None

    # Prompts --------------------------------------------------------------------------------------------------------

    def add_script(self, value: str) -> None:
        path = Path(value)
        script = read_recorded_run(path).script if path.name == RECORD_FILE else read_prompt_script(path)
        self._prompts += script.prompts
        self._removals += script.removals
        self._names |= script.names
        self._known |= script.names
        self._reserved |= {*script.names, *script.object_ids}

    def add_reference_mask(self, value: str) -> None:
        self._add_reference(read_masks(Path(value), on_note=self.notes.append), f"--reference-mask {value}")

    def add_reference_stroke(self, value: str) -> None:
        self._add_reference(read_strokes(Path(value)), f"--reference-stroke {value}")

    def add_removal(self, value: str) -> None:
        found = self._find(value)
        if found is None:
            known = ", ".join(self._known.values()) or "none"
            raise UsageError(f"--remove {value}: no object has this name; names: {known}")
        self._removals.append(Removal(found, self._frame, "--remove"))

    def _decoder(self) -> Callable[[], np.ndarray] | None:
        """Decodes the frame of --at, for pictures that were painted over a copy of it."""
        from vos.video import open_source
        from vos.video.opening import choose_backend

        if choose_backend(self._video) in ("raw", "webcam"):
            return None

        def decoded() -> np.ndarray:
            with open_source(self._video, **self._source_options) as source:
                if self._frame == 0:
                    return next(iter(source)).rgb
                return source.read_at(self._frame).rgb

        return decoded

    def _add_reference(self, regions: Sequence[Prompt], option: str) -> None:
        if self._reference is None:
            raise UsageError(f"{option}: the picture must come first, with --reference")
        image = read_rgb(self._reference)
        source = f"--reference {self._reference}"
        prompts = [
            ReferenceImage(image, region, object_id=region.object_id, frame=self._frame, source=source)
            for region in for_object(regions, self._object, option)
            if isinstance(region, VisualPrompt)
        ]
        self._reference = None
        self._add(prompts)

    def _add(self, prompts: Sequence[Prompt]) -> None:
        if self._direction != "forward":
            prompts = [replace(prompt, direction=self._direction) for prompt in prompts]
        if self._candidate and any(isinstance(prompt, Points) for prompt in prompts):
            prompts = [
                replace(prompt, candidate=self._candidate) if isinstance(prompt, Points) else prompt
                for prompt in prompts
            ]
            self._candidate = 0
        if self._replaces:
            prompts = [replace(prompt, replaces=True) for prompt in prompts]
        add_prompts(self._prompts, prompts)


_PROMPTS = frozenset({*PROMPT_KINDS, "reference-mask", "reference-stroke"})
# Settings for the options after them -> the options that they apply to.
_SETTINGS: dict[str, frozenset[str]] = {
    "at": _PROMPTS | {"remove"},
    "object": _PROMPTS,
    "direction": _PROMPTS,
    "replace": _PROMPTS,
    "candidate": frozenset({"point"}),
}

# Options that are not one of `PROMPT_KINDS`.
_HANDLERS: dict[str, Callable[[PromptOptionParser, str], None]] = {
    "script": PromptOptionParser.add_script,
    "at": PromptOptionParser.choose_frame,
    "object": PromptOptionParser.choose_object,
    "direction": PromptOptionParser.choose_direction,
    "replace": PromptOptionParser.start_afresh,
    "candidate": PromptOptionParser.choose_candidate,
    "reference": PromptOptionParser.choose_reference,
    "reference-mask": PromptOptionParser.add_reference_mask,
    "reference-stroke": PromptOptionParser.add_reference_stroke,
    "remove": PromptOptionParser.add_removal,
}
