"""The compact model as graphs of fixed sizes: encode, prompt, remember, and decode per number of remembered frames.

A graph has no state and no branches. The caller keeps the memory, as `vos.tracking.memory_bank` does:
`decode_m` reads m frames, of which the first is the annotated one.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor, nn

from seem_model.compact.config import SIZE_DIVISIBILITY
from seem_model.compact.decoder import PromptTokens
from seem_model.compact.memory import FrameMemory
from seem_model.compact.model import CompactSEEM
from seem_model.compact.pyramid import ImageFeatures
from seem_model.video_model import PromptKind

FEATURES = tuple(field.name for field in fields(ImageFeatures))
# Of a remembered frame: what `encode` gives, and what `remember` adds.
KEYS = ("key", "stride8_key", "stride4_key")
STORED = ("value", "mask", "stride8_mask", "stride4_mask", "prompts")
_MEMORY = (*KEYS, *STORED, "valid")


@dataclass(frozen=True, slots=True)
class GraphSizes:
    """Sizes that are fixed in the graphs.

    Attributes:
        height: Of the picture, in pixels, divisible by 32.
        width: The same.
        objects: Objects per call.
        memory: Remembered frames, at most, the annotated one among them.
    """

    height: int
    width: int
    objects: int = 1
    memory: int = 2

    def __post_init__(self) -> None:
        if self.height % SIZE_DIVISIBILITY or self.width % SIZE_DIVISIBILITY or min(self.height, self.width) < 64:
            raise ValueError(f"{self.width}x{self.height}: both sides must be at least 64 and divisible by 32")
        if self.objects < 1 or self.memory < 1:
            raise ValueError("objects and memory must be at least 1")


@dataclass(frozen=True, slots=True)
class Graph:
    """A module with named inputs and outputs, and example inputs of the sizes it is exported for."""

    name: str
    module: nn.Module
    inputs: dict[str, Tensor]
    outputs: tuple[str, ...]


class Encode(nn.Module):
    """(1, 3, H, W) float32 RGB in 0..255 -> image features."""

    def __init__(self, network: CompactSEEM) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        features = self.network.encode_image(image)
        return tuple(getattr(features, name) for name in FEATURES)


class Prompt(nn.Module):
    """Features and prompt maps (1, O, H/4, W/4) with their kind (1, O) int64 -> mask probabilities of that frame."""

    def __init__(self, network: CompactSEEM) -> None:
        super().__init__()
        self.network = network

    def forward(self, *inputs: Tensor) -> Tensor:
        features, (positive, negative, kind) = ImageFeatures(*inputs[: len(FEATURES)]), inputs[len(FEATURES) :]
        return self.network.segment_prompt(features, positive, negative, kind)[-1].mask_logits.sigmoid()


class Remember(nn.Module):
    """Features and masks (1, O, H/4, W/4) in [0, 1] -> what is kept of the frame, and its reference tokens."""

    def __init__(self, network: CompactSEEM) -> None:
        super().__init__()
        self.network = network

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        features, masks = ImageFeatures(*inputs[: len(FEATURES)]), inputs[-1]
        memory = self.network.encode_memory(features, masks, pinned=True)
        reference = self.network.encode_reference(features, masks)
        return (*(getattr(memory, name) for name in STORED), reference.tokens, reference.bias)


class Decode(nn.Module):
    """Features, memory stacked over m frames, reference tokens and the last masks -> masks of this frame."""

    def __init__(self, network: CompactSEEM) -> None:
        super().__init__()
        self.network = network

    def forward(self, *inputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        features = ImageFeatures(*inputs[: len(FEATURES)])
        stacked = dict(zip(_MEMORY, inputs[len(FEATURES) :], strict=False))
        tokens, bias, previous = inputs[-3:]
        memory = [
            FrameMemory(**{name: tensor[i] for name, tensor in stacked.items()}, pinned=i == 0, grid=features.grid)
            for i in range(stacked["valid"].shape[0])
        ]
        decoded = self.network.decode(features, memory, PromptTokens(tokens, bias), previous)
        return decoded.mask_logits, decoded.presence_logits, decoded.propagated


@torch.no_grad()
def graphs_of(network: CompactSEEM, sizes: GraphSizes) -> list[Graph]:
    """All graphs of the model, with inputs from a generated clip."""
    generator = torch.Generator().manual_seed(0)
    shape = (1, sizes.objects, sizes.height // 4, sizes.width // 4)
    image = torch.rand(1, 3, sizes.height, sizes.width, generator=generator) * 255
    masks = torch.rand(shape, generator=generator)
    positive, negative = ((torch.rand(shape, generator=generator) > 0.9).float() for _ in range(2))
    kind = torch.full(shape[:2], int(PromptKind.STROKE))
    encode, prompt, remember, decode = (part(network).eval() for part in (Encode, Prompt, Remember, Decode))
    features = dict(zip(FEATURES, encode(image), strict=True))
    prompt_inputs = {**features, "positive": positive, "negative": negative, "kind": kind}
    stored_names = (*(f"stored_{name}" for name in STORED), "reference_tokens", "reference_bias")
    stored = dict(zip(stored_names, remember(*features.values(), masks), strict=True))
    graphs = [
        Graph("encode", encode, {"image": image}, FEATURES),
        Graph("prompt", prompt, prompt_inputs, ("mask",)),
        Graph("remember", remember, {**features, "masks": masks}, stored_names),
    ]
    one_frame = {
        **{f"memory_{name}": features[name] for name in KEYS},
        **{f"memory_{name}": stored[f"stored_{name}"] for name in STORED},
        "memory_valid": torch.ones(shape[:2]),
    }
    for count in range(1, sizes.memory + 1):
        inputs = {
            **features,
            **{name: torch.stack([tensor] * count) for name, tensor in one_frame.items()},
            "reference_tokens": stored["reference_tokens"],
            "reference_bias": stored["reference_bias"],
            "previous": masks,
        }
        graphs.append(Graph(f"decode_{count}", decode, inputs, ("mask_logits", "presence_logits", "propagated")))
    return graphs
