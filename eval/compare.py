"""J and F of one folder of masks against another, without a data set: ids and file names say what belongs together.

The measures are those of DAVIS, over all frames that the second folder has, first and last included.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from eval.baseline import boundary_measure, region_similarity
from eval.errors import DatasetError, MaskFileError, MissingPredictionsError
from eval.png import read_labels
from eval.surplus import surplus_of

_VOID = 255


@dataclass(frozen=True, slots=True)
class ObjectComparison:
    """One object.

    Attributes:
        sequence: Name of the folder.
        object_id: Its id.
        frames: How many frames were compared.
        j, f: Means over these frames, in [0, 1].
    """

    sequence: str
    object_id: int
    frames: int
    j: float
    f: float

    @property
    def j_and_f(self) -> float:
        return (self.j + self.f) / 2


@dataclass(frozen=True, slots=True)
class Comparison:
    """Outcome of a comparison.

    Attributes:
        objects: By sequence and id.
        notes: Sentences that the user should see.
    """

    objects: tuple[ObjectComparison, ...]
    notes: tuple[str, ...]

    @property
    def overall(self) -> tuple[float, float, float]:
        """J&F, J and F, each the mean over objects."""
        j = float(np.mean([own.j for own in self.objects]))
        f = float(np.mean([own.f for own in self.objects]))
        return (j + f) / 2, j, f


def compare_folders(predictions: str | Path, truth: str | Path, *, allow_missing: bool = False) -> Comparison:
    """Scores the masks in one folder against those in another.

    Args:
        predictions: A folder of index PNG, the output folder of a run, or a folder of such folders.
        truth: The same kind of folder. Its file names say which frames are scored and its ids which objects. Where
            all its masks hold only 0 and 255 they are those of one object; else 255 is void and not looked at.
        allow_missing: Score absent predictions as empty masks instead of refusing to score.

    Raises:
        DatasetError: A folder holds no mask, or `predictions` lacks a sequence.
        MissingPredictionsError: Masks are absent and `allow_missing` is off.
        MaskFileError: A mask cannot be read, or has another size than its counterpart.
    """
    predicted, true = _sequences(Path(predictions)), _sequences(Path(truth))
    if len(predicted) == len(true) == 1:
        pairs = [(next(iter(true)), next(iter(predicted.values())), next(iter(true.values())))]
    else:
        absent = sorted(set(true) - set(predicted))
        if absent:
            raise DatasetError(f"{predictions}: has no folder {absent[0]!r}, which {truth} has; name them alike")
        pairs = [(name, predicted[name], folder) for name, folder in sorted(true.items())]
    objects: list[ObjectComparison] = []
    notes: list[str] = []
    missing: list[Path] = []
    for name, ours, theirs in pairs:
        files = sorted(theirs.glob("*.png"))
        absent_files = [ours / file.name for file in files if not (ours / file.name).exists()]
        missing += absent_files
        if len(absent_files) == len(files):
            raise DatasetError(f"{ours}: no mask is named like one in {theirs}, such as {files[0].name}")
        more = surplus_of(name, ours, (path.name for path in ours.glob("*.png")), (file.name for file in files))
        if more is not None:
            notes.append(more)
        if missing and not allow_missing:
            continue
        rows, surplus = _compare(name, ours, files)
        objects += rows
        if surplus:
            notes.append(f"{ours}: objects {', '.join(map(str, surplus))} are not in {theirs} and are not scored")
    if missing and not allow_missing:
        raise MissingPredictionsError(tuple(missing))
    if not objects:
        raise DatasetError(f"{truth}: shows no object, there is nothing to score")
    return Comparison(tuple(objects), tuple(notes))


def _sequences(folder: Path) -> dict[str, Path]:
    """Name -> folder of masks."""
    if not folder.is_dir():
        raise DatasetError(f"{folder}: no such folder; give a folder of index PNG, or the output folder of a run")
    own = _masks_of(folder)
    if own is not None:
        return {folder.name: own}
    inner = {path.name: own for path in sorted(folder.iterdir()) if path.is_dir() and (own := _masks_of(path))}
    if not inner:
        raise DatasetError(f"{folder}: holds no PNG, no run and no folder of these; give a folder of index PNG")
    return inner


def _masks_of(folder: Path) -> Path | None:
    """The folder itself, or `masks` in that of a run; None if there are no masks."""
    if (folder / "run.json").is_file() and (folder / "masks").is_dir():
        folder = folder / "masks"
    return folder if any(folder.glob("*.png")) else None


def _compare(name: str, ours: Path, files: list[Path]) -> tuple[list[ObjectComparison], list[int]]:
    """One sequence, a frame in memory at a time; and the ids that only the prediction has."""
    is_binary, ids = _ids_of(files)
    scores: dict[int, list[tuple[float, float]]] = {object_id: [] for object_id in ids}
    surplus: set[int] = set()
    for file in files:
        true = read_labels(file)
        path = ours / file.name
        labels = read_labels(path) if path.exists() else np.zeros_like(true)
        if labels.shape != true.shape:
            sizes = " and ".join(f"{m.shape[1]}x{m.shape[0]}" for m in (labels, true))
            raise MaskFileError(f"{path}: masks of one frame differ in size ({sizes}); see {file}")
        void = np.zeros(true.shape, bool) if is_binary else true == _VOID
        surplus |= set(np.unique(labels[~void]).tolist()) - {0, *ids}
        for object_id, own in scores.items():
            if is_binary:
                predicted, wanted = labels > 0, true > 0
            else:
                predicted, wanted = labels == object_id, true == object_id
            j = float(region_similarity(predicted[None], wanted[None], void[None])[0])
            own.append((j, boundary_measure(predicted, wanted, void)))
    rows = [
        ObjectComparison(name, object_id, len(own), *(float(value) for value in np.mean(own, axis=0)))
        for object_id, own in scores.items()
    ]
    return rows, [] if is_binary else sorted(surplus)


def _ids_of(files: list[Path]) -> tuple[bool, list[int]]:
    """Whether all masks hold only 0 and 255; and the ids, 1 in that case."""
    found: set[int] = set()
    for file in files:
        found |= set(np.unique(read_labels(file)).tolist())
    if found - {0} == {_VOID}:
        return True, [1]
    return False, sorted(found - {0, _VOID})
