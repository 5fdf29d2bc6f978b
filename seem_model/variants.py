"""Ways to run a released model for video that trade exactness, speed and what is carried from frame to frame.

A variant is written behind the model's name, `seem-focalt-v1:memory,bfloat16`, and so is part of every record of a run.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass, fields

import torch

from seem_model.errors import ModelInputError
from seem_model.memory_format import lay_out_channels_last
from seem_model.seem import Seem

_SEPARATOR = ":"


@dataclass(frozen=True)
class Variant:
    """What differs from the released model in float32, which has none of these.

    Attributes:
        memory: The mask of the frame before prompts the next as SEEM's memory prompts (v0's attention table).
        bfloat16, float16: Autocast; at most one of them.
        channels_last: Convolutions work on channels-last tensors.
        compile: Backbone and pixel decoder go through `torch.compile`; the first frame then takes a minute or more.
    """

    memory: bool = False
    bfloat16: bool = False
    float16: bool = False
    channels_last: bool = False
    compile: bool = False

    def __post_init__(self) -> None:
        if self.bfloat16 and self.float16:
            raise ModelInputError("bfloat16 and float16 exclude each other; name one of them")

    @property
    def dtype(self) -> torch.dtype:
        if self.bfloat16:
            return torch.bfloat16
        return torch.float16 if self.float16 else torch.float32

    @property
    def is_exact(self) -> bool:
        """Whether the numbers are those of float32, computed as always."""
        return not (self.bfloat16 or self.float16 or self.channels_last or self.compile)

    def apply(self, model: Seem) -> None:
        """Lays out and compiles a model that is on its device already."""
        if self.channels_last:
            lay_out_channels_last(model)
        if self.compile:
            model.backbone.compile()
            model.sem_seg_head.pixel_decoder.compile()

    def autocast(self, device: torch.device) -> AbstractContextManager[None]:
        """The precision in which the model is to be called."""
        return torch.autocast(device.type, dtype=self.dtype, enabled=self.dtype != torch.float32)

    def named(self, name: str) -> str:
        """The model's name with this variant behind it."""
        chosen = [field.name for field in fields(self) if getattr(self, field.name)]
        return _SEPARATOR.join([name, ",".join(chosen)]) if chosen else name


def split_name(name: str) -> tuple[str, Variant]:
    """`seem-focalt-v1:memory,bfloat16` -> the model's name and the variant.

    Raises:
        ModelInputError: Unknown or contradictory words behind the colon.
    """
    model, separator, words = name.partition(_SEPARATOR)
    if not separator:
        return model, Variant()
    known = [field.name for field in fields(Variant)]
    chosen = words.split(",")
    for word in chosen:
        if word not in known:
            raise ModelInputError(
                f"model {name!r}: {word!r} is no variant; behind the colon may stand, with commas: {', '.join(known)}"
            )
    return model, Variant(**dict.fromkeys(chosen, True))
