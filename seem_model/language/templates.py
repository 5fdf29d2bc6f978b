"""Sentences around a class name: the 80 of CLIP's prompt ensemble and the bare name, as SEEM was trained.

Source: Radford et al., "Learning Transferable Visual Models From Natural Language Supervision", section 3.1.4.
The order of the sentences does not matter, because only their mean is used.
"""

from __future__ import annotations

_ARTICLES = ("a", "the")
# "<view> of a|the <name>."
_VIEWS = (
    "a photo",
    "a good photo",
    "a bad photo",
    "a bright photo",
    "a dark photo",
    "a blurry photo",
    "a cropped photo",
    "a close-up photo",
    "a pixelated photo",
    "a low resolution photo",
    "a jpeg corrupted photo",
    "a black and white photo",
    "a drawing",
    "a doodle",
    "a sketch",
    "a painting",
    "a sculpture",
    "a rendering",
    "a rendition",
    "a tattoo",
    "art",
    "graffiti",
    "itap",
)
# "a photo of a|the <looks> <name>."
_LOOKS = ("nice", "cool", "weird", "small", "large", "clean", "dirty", "hard to see")
# "a|the <material> <name>."
_MATERIALS = ("embroidered", "plastic", "origami", "plushie", "toy", "cartoon")

TEMPLATES: tuple[str, ...] = (
    "{}.",
    *(f"{view} of {article} {{}}." for view in _VIEWS for article in _ARTICLES),
    *(f"a photo of {article} {looks} {{}}." for looks in _LOOKS for article in _ARTICLES),
    *(f"{article} {material} {{}}." for material in _MATERIALS for article in _ARTICLES),
    *(f"{article} {{}} in a video game." for article in _ARTICLES),
    *(f"a photo of {which} {{}}." for which in ("one", "many", "my")),
    "itap of my {}.",
)

_DATASET_SUFFIXES = ("-other", "-merged", "-stuff")


def class_name_of(name: str) -> str:
    """A class name as it is read aloud: without what COCO appends to names of merged classes.

    >>> class_name_of("wall-other-merged")
    'wall'
    """
    for suffix in _DATASET_SUFFIXES:
        name = name.replace(suffix, "")
    return name
