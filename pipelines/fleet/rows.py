"""From rows of text to jobs, with every check that needs no decoding; all errors are found before anything runs."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from pipelines.fleet.job_list import Row, stem_of
from pipelines.fleet.jobs import JobSpec, ModelSpec
from pipelines.fleet.prompt_columns import PROMPT_COLUMNS, SETTING_COLUMNS, PromptColumns
from pipelines.fleet.row_errors import RowError, existing, single
from pipelines.fleet.splitting import Split, parts_of
from vos.errors import PromptError, UsageError, VideoError
from vos.tracking.load_model import MODELS
from vos.video.image_levels import parse_range

SHOWN_PROBLEMS = 50
DEFAULT_SPLIT_OVERLAP = 16
MAX_SPLIT_FRAMES = 1_000_000

# A name becomes a folder: one level, not hidden, no option of a command, nothing that some file system refuses.
_FORBIDDEN = re.compile(r"""^[.\s-]|[/\\<>:"|?*\x00-\x1f\x7f]|[.\s]$""")
_MAX_NAME = 200
RESERVED_NAMES = frozenset({"journal.sqlite", "journal.sqlite-wal"})


class JobListError(UsageError):
    """Rows that cannot be jobs. The message names each of them (the first 50) and what is wrong."""

    def __init__(self, problems: list[str], total: int) -> None:
        super().__init__(problems, total)
        self.problems = problems
        self.total = total

    def __str__(self) -> str:
        more = "" if self.total <= len(self.problems) else f"\n  and {self.total - len(self.problems)} more"
        return f"{self.total} of the jobs cannot be run; nothing was started\n  " + "\n  ".join(self.problems) + more


@dataclass(frozen=True, slots=True)
class Defaults:
    """Settings of jobs whose row has no others.

    Attributes:
        output: A job's folder is <output>/<name>.
        reading: Keyword arguments of `open_source` for folders of images: `rate`, `images`, `value_range`.
        split_frames, split_overlap: Videos longer than `split_frames` are split (`pipelines.fleet.splitting`); None
            for none.
        require_empty: Refuse jobs whose folder is not empty.
    """

    output: Path
    model: ModelSpec = field(default_factory=ModelSpec)
    absent_below: float = 0.5
    overlay: bool = False
    contact_sheet: bool = False
    reading: Mapping[str, str] = field(default_factory=dict)
    split_frames: int | None = None
    split_overlap: int = DEFAULT_SPLIT_OVERLAP
    require_empty: bool = True


def job_specs(rows: Iterable[Row], defaults: Defaults) -> Iterator[JobSpec]:
    """Jobs of rows, one at a time. A row with a problem gives no job; after the last row all problems are raised.

    Raises:
        JobListError: Some rows cannot be jobs.
        UsageError: There is no row.
    """
    problems: list[str] = []
    total = count = 0
    first_of_name: dict[str, str] = {}
    for row in rows:
        count += 1
        try:
            spec, split = _spec(row, defaults)
            # Some file systems ignore case, so names must differ in more than case.
            earlier = first_of_name.setdefault(spec.name.casefold(), row.where)
            if earlier is not row.where:
                raise RowError(f"the name {spec.name!r} is taken by {earlier}; choose another name")
            parts = (spec,) if split is None else tuple(parts_of(spec, split))
        except (RowError, PromptError, UsageError, VideoError) as error:
            total += 1
            if len(problems) < SHOWN_PROBLEMS:
                problems.append(f"{row.where}: {error}")
            continue
        yield from parts
    if total:
        raise JobListError(problems, total)
    if not count:
        raise UsageError("the list of jobs is empty")


def _spec(row: Row, defaults: Defaults) -> tuple[JobSpec, Split | None]:
    if row.problem is not None:
        raise RowError(row.problem)
    unknown = [name for name in row.values if name not in COLUMNS]
    if unknown:
        raise RowError(f"unknown column {unknown[0]!r}; known are {', '.join(COLUMNS)}")
    if "video" not in row.values:
        raise RowError("no video")
    draft = _Draft(row, defaults)
    for name, values in row.values.items():
        COLUMNS[name](draft, name, values)
    name = draft.name or stem_of(Path(draft.video))
    _check_name(name)
    prompts = draft.prompts.sources(draft.model.name)
    output = os.path.join(defaults.output, name)
    if defaults.require_empty and os.path.isdir(output) and os.listdir(output):
        raise RowError(f"{output} is not empty; choose another --output, or pass --overwrite")
    reading = _reading(draft, defaults)
    spec = JobSpec(
        name=name,
        video=draft.video,
        prompts=prompts,
        output=output,
        model=draft.model,
        absent_below=draft.absent_below,
        overlay=draft.overlay,
        contact_sheet=draft.contact_sheet,
        rate=reading.get("rate"),
        images=reading.get("images"),
        value_range=reading.get("value_range"),
    )
    return spec, Split(draft.split_frames, draft.split_overlap) if draft.split_frames else None


def _reading(draft: _Draft, defaults: Defaults) -> dict[str, str]:
    """How the video of a row is read; options of the command are about the folders among the videos only."""
    general = defaults.reading if os.path.isdir(draft.video) else {}
    return {**general, **draft.reading}


def _check_name(name: str) -> None:
    if not name or len(name.encode()) > _MAX_NAME or name in RESERVED_NAMES:
        raise RowError(f"{name!r} cannot be the name of a folder: it is reserved, empty or over {_MAX_NAME} bytes long")
    fault = _FORBIDDEN.search(name)
    if fault is not None:
        place = "at the beginning" if fault.start() == 0 else "at the end" if fault.end() == len(name) else "in it"
        raise RowError(
            f"{name!r} cannot be the name of a folder: {fault[0]!r} {place}; give another name in a manifest"
        )


class _Draft:
    """A job while its columns are read."""

    def __init__(self, row: Row, defaults: Defaults) -> None:
        self.base = row.base
        self.video = ""
        self.name = ""
        self.prompts = PromptColumns(row.base)
        self.model = defaults.model
        self.absent_below = defaults.absent_below
        self.overlay = defaults.overlay
        self.contact_sheet = defaults.contact_sheet
        self.reading: dict[str, str] = {}
        self.split_frames = defaults.split_frames
        self.split_overlap = defaults.split_overlap


_Reader = Callable[[_Draft, str, list[str]], None]


def _read_video(draft: _Draft, name: str, values: list[str]) -> None:
    draft.video = existing(draft.base, name, single(name, values))


def _read_name(draft: _Draft, name: str, values: list[str]) -> None:
    draft.name = single(name, values)


def _read_prompts(draft: _Draft, name: str, values: list[str]) -> None:
    draft.prompts.add(name, values)


def _read_model(draft: _Draft, name: str, values: list[str]) -> None:
    value = single(name, values)
    if value not in MODELS:
        raise RowError(f"model {value}: unknown; choose one of {', '.join(MODELS)}")
    draft.model = replace(draft.model, name=value)


def _read_weights(draft: _Draft, name: str, values: list[str]) -> None:
    draft.model = replace(draft.model, weights=existing(draft.base, name, single(name, values)))


def _read_short_side(draft: _Draft, name: str, values: list[str]) -> None:
    draft.model = replace(draft.model, short_side=int(_number(name, values, 64, 2048)))


def _read_absent_below(draft: _Draft, name: str, values: list[str]) -> None:
    draft.absent_below = _number(name, values, 0, 1)


def _read_overlay(draft: _Draft, name: str, values: list[str]) -> None:
    draft.overlay = _yes_or_no(name, values)


def _read_contact_sheet(draft: _Draft, name: str, values: list[str]) -> None:
    draft.contact_sheet = _yes_or_no(name, values)


def _read_rate(draft: _Draft, name: str, values: list[str]) -> None:
    from vos.video import parse_rate

    draft.reading[name] = single(name, values)
    parse_rate(draft.reading[name])


def _read_images(draft: _Draft, name: str, values: list[str]) -> None:
    draft.reading[name] = single(name, values)


def _read_range(draft: _Draft, name: str, values: list[str]) -> None:
    # A cell is split at |, not at commas.
    draft.reading["value_range"] = single(name, values)
    parse_range(draft.reading["value_range"])


def _read_split_frames(draft: _Draft, name: str, values: list[str]) -> None:
    # 0 exempts a video from the option of the command.
    draft.split_frames = int(_number(name, values, 0, MAX_SPLIT_FRAMES)) or None


def _read_split_overlap(draft: _Draft, name: str, values: list[str]) -> None:
    draft.split_overlap = int(_number(name, values, 1, MAX_SPLIT_FRAMES))


def _number(name: str, values: list[str], low: float, high: float) -> float:
    text = single(name, values)
    try:
        value = float(text)
    except ValueError:
        raise RowError(f"{name} {text}: not a number") from None
    if not low <= value <= high:
        raise RowError(f"{name} {text}: must be between {low:g} and {high:g}")
    return value


def _yes_or_no(name: str, values: list[str]) -> bool:
    text = single(name, values).lower()
    if text not in ("true", "false", "yes", "no", "1", "0"):
        raise RowError(f"{name} {text}: must be true or false")
    return text in ("true", "yes", "1")


# Column of a manifest -> what it sets.
COLUMNS: dict[str, _Reader] = {
    "video": _read_video,
    "name": _read_name,
    **dict.fromkeys((*PROMPT_COLUMNS, *SETTING_COLUMNS), _read_prompts),
    "model": _read_model,
    "weights": _read_weights,
    "short_side": _read_short_side,
    "absent_below": _read_absent_below,
    "overlay": _read_overlay,
    "contact_sheet": _read_contact_sheet,
    "rate": _read_rate,
    "images": _read_images,
    "range": _read_range,
    "split_frames": _read_split_frames,
    "split_overlap": _read_split_overlap,
}
