"""The released checkpoints: names, files, and which configuration reads them.

A file is known by its content, not by its name: before October 2023 other files had the names `seem_focalt_v1.pt`
and `seem_focall_v1.pt`, with tensors of the same shapes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from seem_model.configs import SeemConfig, config_named
from seem_model.errors import ModelInputError


@dataclass(frozen=True)
class Release:
    """One released model.

    Attributes:
        name: How users call it, such as "seem-focalt-v1".
        file: The released file; None where none was published.
        config_name: Of the configuration that it was trained and evaluated with.
        panoptic_quality: PQ on COCO as the release states it, in percent.
    """

    name: str
    file: str | None
    config_name: str
    panoptic_quality: float

    @property
    def published_file(self) -> str:
        """The released file. Raises ModelInputError if none was published."""
        if self.file is None:
            raise ModelInputError(f"{self.name}: no weights were published; give a file of your own with --weights")
        return self.file

    @property
    def config(self) -> SeemConfig:
        return config_named(self.config_name)


def _release(backbone: str, behaviour: str, panoptic_quality: float, *, published: bool = True) -> Release:
    return Release(
        name=f"seem-{backbone}-{behaviour}",
        file=f"seem_{backbone}_{behaviour}.pt" if published else None,
        config_name=f"{backbone}_unicl_lang_{behaviour}",
        panoptic_quality=panoptic_quality,
    )


_ALL = (
    _release("focalt", "v0", 50.6),
    _release("focall", "v0", 56.2),
    _release("focalt", "v1", 50.8),
    _release("focall", "v1", 56.1),
    _release("samvitb", "v1", 52.0),
    _release("samvitl", "v1", 49.0),
    _release("davitd3", "v1", 56.2, published=False),
)

RELEASES: Mapping[str, Release] = MappingProxyType({release.name: release for release in _ALL})


def release_named(name: str) -> Release:
    """The release of that name. Raises `ModelInputError` that lists the known names."""
    try:
        return RELEASES[name]
    except KeyError:
        raise ModelInputError(f"unknown SEEM model {name!r}; known: {', '.join(RELEASES)}") from None
