"""Where each mask format lies inside an output folder, and which files there are its own."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Place:
    """A file or a folder inside an output folder.

    Attributes:
        path: Relative to the output folder.
        files: Patterns of what is written inside `path`, if that is a folder; empty for a file.
    """

    path: str
    files: tuple[str, ...] = ()

    @property
    def is_folder(self) -> bool:
        return bool(self.files)

    def written_in(self, root: Path, names: Collection[str] = ()) -> list[Path]:
        """Existing files below `root` with the names that this format gives; anything else there is not its own.

        Args:
            root: The output folder.
            names: `VideoInfo.frame_names` of the run that wrote there.
        """
        place = root / self.path
        if not self.is_folder:
            return [place] if place.is_file() or place.is_symlink() else []
        return [
            path
            for pattern in self.files
            for path in place.glob(pattern)
            if _fits(path.relative_to(place), pattern, names)
        ]

    def folders_in(self, root: Path) -> list[Path]:
        """Existing folders below `root` that this format makes, inner ones first."""
        place = root / self.path
        inner = dict.fromkeys(pattern.rpartition("/")[0] for pattern in self.files if "/" in pattern)
        found = [p for pattern in inner for p in place.glob(pattern) if _fits(p.relative_to(place), pattern)]
        return [p for p in [*found, *([place] if self.is_folder else [])] if p.is_dir()]


# By the name of the format; `vos.export.formats` says what is written there.
PLACES: dict[str, Place] = {
    "davis": Place("masks", ("*.png",)),
    "objects": Place("objects", ("*/*.png",)),
    "ytvis": Place("youtube_vis.json"),
    "coco": Place("coco.json"),
    "burst": Place("burst.json"),
    "mots": Place("mots", ("instances/*.png", "instances/labels.txt")),
    "mots-txt": Place("mots.txt"),
    "cvat": Place("cvat.xml"),
    "cvat-images": Place("cvat_images.xml"),
    "labelstudio": Place("label_studio.json"),
    "labelstudio-video": Place("label_studio_video.json"),
    "npz": Place("masks.npz"),
    "prores": Place("alpha.mov"),
    "vp9": Place("alpha.webm"),
    "prores-soft": Place("alpha_soft.mov"),
    "vp9-soft": Place("alpha_soft.webm"),
    "cutouts-soft": Place("cutouts_soft", ("*.png",)),
    "mattes": Place("mattes", ("*/*.png",)),
    "mattes-tiff": Place("mattes_tiff", ("*/*.tif",)),
    "exr": Place("exr", ("*.exr",)),
    "cutouts": Place("cutouts", ("*.png",)),
    "frames": Place("frames", ("*.png",)),
    "overlay": Place("overlay.mp4"),
    "overlay-mov": Place("overlay.mov"),
    "overlay-mkv": Place("overlay.mkv"),
    "sheet": Place("contact_sheet.png"),
}


def _fits(path: Path, pattern: str, names: Collection[str] = ()) -> bool:
    """Whether numbers, or the names of frames, stand in a path where its pattern has wildcards."""
    stems = [
        part.removesuffix(wanted.removeprefix("*"))
        for part, wanted in zip(path.parts, pattern.split("/"), strict=True)
        if "*" in wanted
    ]
    return all(stem.isdecimal() or stem in names for stem in stems)
