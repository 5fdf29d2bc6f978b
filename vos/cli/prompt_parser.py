"""From prompt options in the order in which they were given to a prompt script."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

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
    Text,
    VisualPrompt,
    box_from_argument,
    points_from_arguments,
    polygon_from_argument,
    read_masks,
    read_painted_strokes,
    read_prompt_script,
    read_strokes,
)
from vos.prompts.image_file import read_rgb
from vos.runs.folder import RECORD_FILE
from vos.runs.recorded import read_recorded_run

_LEADING_ID = re.compile(r"(\d{1,5})(?::|$)")


class Listener:
    """Takes one option after the other.

    Args:
        video: For times.
        source_options: Keyword arguments of `open_source`.
        names: Object id -> name of objects that are known already.

    Attributes:
        notes: What pictures were taken for, one line each.
    """

    def __init__(self, video: str, source_options: Mapping[str, Any], names: Mapping[int, str]) -> None:
        self._video = video
        self._source_options = source_options
        self.notes: list[str] = []
        self._known = dict(names)
        self._reserved: set[int] = set(names)
        self._prompts: list[Prompt] = []
        self._removals: list[Removal] = []
        self._names: dict[int, str] = {}
        # What holds for the options to come.
        self._frame = 0
        self._object: int | None = None
        self._direction: Direction = "forward"
        self._reference: Path | None = None

    def reserve(self, values: Iterable[str]) -> None:
        """Ids that are written out anywhere are not given to new names."""
        self._reserved |= {int(match[1]) for value in values if (match := _LEADING_ID.match(value))}

    def hear(self, option: str, value: str) -> None:
        """Raises UsageError or PromptError for a value that cannot be used."""
        if self._reference is not None and option not in ("reference-mask", "reference-stroke"):
            raise UsageError(f"--reference {self._reference}: --reference-mask or --reference-stroke must follow it")
        _HANDLERS[option](self, value)

    def script(self) -> PromptScript:
        """All that was heard."""
        if self._reference is not None:
            raise UsageError(f"--reference {self._reference}: say where the object is, with --reference-mask PNG")
        return PromptScript(tuple(self._prompts), tuple(self._removals), self._names)

    # What holds for the options to come ---------------------------------------------------------------------------

    def at(self, value: str) -> None:
        from vos.video import open_source
        from vos.video.frame_times import frame_at, parse_time

        if value.isdecimal() and len(value) < 10:
            self._frame = int(value)
            return
        seconds = parse_time(value)
        if seconds is None:
            raise UsageError(f"--at {value}: expected a frame like 40, or a time like 2.5s or 00:01:02.5")
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

    def add_first_stroke(self, value: str) -> None:
        if self._frame != 0:
            raise UsageError(f"--first-frame-stroke {value}: comes after --at {self._frame}; use --stroke there")
        strokes = read_strokes(Path(value), over=self._over(), on_note=self.notes.append)
        self._add(self._of_object(strokes, f"--first-frame-stroke {value}"))

    def add_stroke(self, value: str) -> None:
        path = Path(value)
        if path.suffix.lower() == ".json":
            found: Sequence[Prompt] = read_strokes(path)
        else:
            found = read_painted_strokes(path, frame=self._frame, over=self._over(), on_note=self.notes.append)
        self._add(self._of_object(found, f"--stroke {value}"))

    def add_mask(self, value: str) -> None:
        self._add(
            self._of_object(read_masks(Path(value), frame=self._frame, on_note=self.notes.append), f"--mask {value}")
        )

    def add_box(self, value: str) -> None:
        self._add([box_from_argument(value, frame=self._frame, object_id=self._object or 1)])

    def add_point(self, value: str) -> None:
        self._add(points_from_arguments([value], frame=self._frame, object_id=self._object or 1))

    def add_negative_point(self, value: str) -> None:
        self._add(points_from_arguments([], [value], frame=self._frame, object_id=self._object or 1))

    def add_polygon(self, value: str) -> None:
        self._add([polygon_from_argument(value, frame=self._frame, object_id=self._object or 1)])

    def add_text(self, value: str) -> None:
        self._add([Text(value, frame=self._frame, object_id=self._object or 1, source="--text")])

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

    def _over(self) -> Callable[[], np.ndarray] | None:
        """What decodes the frame of --at, for pictures that were painted over a copy of it."""
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
            raise UsageError(f"{option}: give the picture with --reference before it")
        image = read_rgb(self._reference)
        source = f"--reference {self._reference}"
        prompts = [
            ReferenceImage(image, region, object_id=region.object_id, frame=self._frame, source=source)
            for region in self._of_object(regions, option)
            if isinstance(region, VisualPrompt)
        ]
        self._reference = None
        self._add(prompts)

    def _of_object(self, prompts: Sequence[Prompt], option: str) -> list[Prompt]:
        """Prompts of a file, for the object that was chosen if there is one."""
        if self._object is None:
            return list(prompts)
        if len({prompt.object_id for prompt in prompts}) > 1:
            raise UsageError(f"{option}: has several objects; leave --object out, or give each a file of its own")
        return [replace(prompt, object_id=self._object) for prompt in prompts]

    def _add(self, prompts: Sequence[Prompt]) -> None:
        for prompt in prompts:
            said = prompt if self._direction == "forward" else replace(prompt, direction=self._direction)
            place = (said.object_id, said.frame, said.kind)
            same = [i for i, p in enumerate(self._prompts) if (p.object_id, p.frame, p.kind) == place]
            if same and isinstance(said, Points):
                # Every click is an option of its own.
                (joined,) = PromptScript((self._prompts[same[0]],)).merge([said]).prompts
                self._prompts[same[0]] = joined
            else:
                self._prompts.append(said)


_HANDLERS: dict[str, Callable[[Listener, str], None]] = {
    "script": Listener.add_script,
    "at": Listener.at,
    "object": Listener.choose_object,
    "direction": Listener.choose_direction,
    "first-frame-stroke": Listener.add_first_stroke,
    "stroke": Listener.add_stroke,
    "mask": Listener.add_mask,
    "box": Listener.add_box,
    "point": Listener.add_point,
    "negative-point": Listener.add_negative_point,
    "polygon": Listener.add_polygon,
    "text": Listener.add_text,
    "reference": Listener.choose_reference,
    "reference-mask": Listener.add_reference_mask,
    "reference-stroke": Listener.add_reference_stroke,
    "remove": Listener.add_removal,
}
