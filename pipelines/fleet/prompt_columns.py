"""The columns of a row that are about prompts: one for each kind of prompt, and the settings of each prompt.

Kinds are those of the prompt options of `vos track`, with underscores: `mask`, `negative_point`, `text`... A row may
have several values of several kinds. `frame`, `object` and `direction` (the options `--at`, `--object` and
`--direction`) have one value for all prompts of the row, or one for each prompt in the order of the columns.
"""

from __future__ import annotations

from pipelines.fleet.jobs import PromptSource
from pipelines.fleet.row_errors import RowError, existing
from seem_model.zoo import RELEASES
from vos.cli.prompt_kinds import PROMPT_KINDS
from vos.cli.prompt_parser import PromptOptionParser
from vos.video.frame_times import parse_time

REFERENCE = "reference"
# What marks the object on a reference picture.
REFERENCE_MARKS = ("reference_mask", "reference_stroke")

# Options that are files or mark frames, but no kinds of their own.
_OTHER_FILES = ("script", REFERENCE)
# `stroke` is the same on the first frame.
_LEFT_OUT = "first-frame-stroke"

# Columns that give one prompt for each value.
VALUE_COLUMNS = (
    "script",
    *(kind.replace("-", "_") for kind in PROMPT_KINDS if kind != _LEFT_OUT),
    REFERENCE,
    "remove",
)
PROMPT_COLUMNS = (*VALUE_COLUMNS, *REFERENCE_MARKS)
SETTING_COLUMNS = ("frame", "object", "direction")


class PromptColumns:
    """The prompts of one row, while its columns are read.

    Args:
        base: Folder in which relative paths start.
    """

    def __init__(self, base: str) -> None:
        self._base = base
        # (column, value) of each prompt, in the order of the row.
        self._prompts: list[tuple[str, str]] = []
        self._marks: dict[str, list[str]] = {}
        self._settings: dict[str, list[str]] = {}

    def add(self, column: str, values: list[str]) -> None:
        """Takes a column. Raises RowError for a file that does not exist."""
        if column in SETTING_COLUMNS:
            self._settings[column] = values
        elif column in REFERENCE_MARKS:
            self._marks[column] = [existing(self._base, column, value) for value in values]
        else:
            is_file = column in _OTHER_FILES or (column in PROMPT_KINDS and PROMPT_KINDS[column].is_file)
            self._prompts += [(column, existing(self._base, column, value) if is_file else value) for value in values]

    def sources(self, model: str) -> tuple[PromptSource, ...]:
        """The prompts, checked as far as that needs neither their files nor the video.

        Args:
            model: Name of the model that will track.

        Raises:
            RowError: Columns contradict each other, or the model does not support a prompt.
            PromptError, UsageError: Coordinates or a setting cannot be read.
        """
        if not any(column != "remove" for column, _ in self._prompts):
            raise RowError(f"no prompt; give one of {', '.join(VALUE_COLUMNS[:-1])}")
        texts = [value for column, value in self._prompts if column == "text"]
        if texts and model.partition(":")[0] not in RELEASES:
            raise RowError(f"text {texts[0]!r}: the {model} model does not support text; choose a SEEM model")
        frames = [_frame(value) for value in self._per_prompt("frame", "0")]
        objects = [value or None for value in self._per_prompt("object", "")]
        directions = self._per_prompt("direction", "forward")
        marks = iter(self._reference_marks())
        sources: list[PromptSource] = []
        for (column, value), frame, name, way in zip(self._prompts, frames, objects, directions, strict=True):
            sources.append(PromptSource(column.replace("_", "-"), value, frame, name, way))
            if column == REFERENCE:
                option, path = next(marks)
                sources.append(PromptSource(option, path, frame, name, way))
        _check(sources)
        return tuple(sources)

    def _per_prompt(self, column: str, default: str) -> list[str]:
        values = self._settings.get(column, [default])
        count = len(self._prompts)
        if len(values) == 1:
            return values * count
        if len(values) != count:
            raise RowError(f"{column}: {len(values)} values for {count} prompt(s); give one for all, or one for each")
        return values

    def _reference_marks(self) -> list[tuple[str, str]]:
        """(option, path) of the mark on each reference picture."""
        count = sum(column == REFERENCE for column, _ in self._prompts)
        if len(self._marks) > 1:
            raise RowError(f"{' and '.join(REFERENCE_MARKS)}: give one of them")
        marks = [(column.replace("_", "-"), path) for column, paths in self._marks.items() for path in paths]
        if len(marks) != count:
            raise RowError(
                f"{count} value(s) of {REFERENCE}, but {len(marks)} of {' or '.join(REFERENCE_MARKS)}; "
                "every picture needs a mask or stroke that marks the object on it"
            )
        return marks


def _frame(value: str) -> int | str:
    if value.isdecimal():
        return int(value)
    if parse_time(value) is None:
        raise RowError(f"frame {value}: expected a frame like 40, or a time like 2.5s or 00:01:02.5")
    return value


def _check(sources: list[PromptSource]) -> None:
    """Reads what is written out: coordinates and settings. Files are read by the worker, and times need the video."""
    parser = PromptOptionParser("", {}, {})
    # The object to remove may be named by a script.
    has_script = any(source.option == "script" for source in sources)
    for source in sources:
        parser.set_place(0, source.object_name, source.direction)
        kind = PROMPT_KINDS.get(source.option)
        if (kind is not None and not kind.is_file) or (source.option == "remove" and not has_script):
            parser.feed(source.option, source.value)
