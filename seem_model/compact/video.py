"""The compact model as a video model: views in, masks out, no batch dimension, no training.

This is the surface that `vos.tracking` works with (`seem_model.video_model`); the networks behind it take batches of
videos. Everything is computed in inference mode, and masks are numpy arrays on the outside.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from seem_model.array_checks import Expected, check_arrays, grid_of
from seem_model.compact.config import SIZE_DIVISIBILITY, STRIDE
from seem_model.compact.decoder import PromptTokens
from seem_model.compact.descriptions import masks_of_descriptions
from seem_model.compact.memory import TENSORS, FrameMemory
from seem_model.compact.model import CompactSEEM
from seem_model.compact.pyramid import ImageFeatures
from seem_model.compact.view_sizes import input_sizes
from seem_model.compact.weights_file import check_shapes, read_weights
from seem_model.video_model import Arrays, FrameDecode, PromptMaps, ReferencePicture

# Logit of a token that stands for nothing.
_UNSEEN = -30.0


class CompactVideoModel:
    """The compact SEEM on one device, working at one input resolution.

    Args:
        network: The network with its weights.
        weights_sha256: Hash of the weights file, for run records.
        device: Where to compute.
        short_side: The shorter side of the input picture in pixels; both sides are rounded to multiples of 32.
    """

    name = "compact"
    engine = "torch"
    reads_text = False
    uses_windows = True
    encodes_ahead = False

    def __init__(
        self, network: CompactSEEM, *, weights_sha256: str, device: torch.device, short_side: int = 320
    ) -> None:
        if short_side < 2 * SIZE_DIVISIBILITY:
            raise ValueError(f"short_side must be at least {2 * SIZE_DIVISIBILITY}, not {short_side}")
        self.network = network.eval().requires_grad_(False).to_device(device)
        self.weights_sha256 = weights_sha256
        self.device = str(device)
        self.short_side = short_side
        self._device = device

    @classmethod
    def load(cls, *, device: torch.device, weights: Path | None = None, short_side: int = 320) -> CompactVideoModel:
        """Reads the weights that ship with the package, or those in `weights`.

        Raises:
            CheckpointError: The file is missing, unreadable, or not of this model.
        """
        arrays, digest = read_weights(weights)
        network = CompactSEEM()
        expected = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
        check_shapes(weights, {name: array.shape for name, array in arrays.items()}, expected)
        network.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})
        return cls(network, weights_sha256=digest, device=device, short_side=short_side)

    @property
    def threads(self) -> int:
        """CPU threads of PyTorch in this process."""
        return torch.get_num_threads()

    def input_sizes(self, height: int, width: int) -> list[tuple[int, int]]:
        """Sizes (rows, columns) at which views of a frame of this size enter the network."""
        return input_sizes(height, width, self.short_side)

    @torch.inference_mode()
    def encode_images(self, views: Sequence[np.ndarray]) -> list[ImageFeatures]:
        """views: (h, w, 3) uint8 of one size, both sides divisible by 32."""
        pictures = torch.from_numpy(np.stack(views)).to(self._device).permute(0, 3, 1, 2)
        features = self.network.encode_image(pictures)
        if len(views) == 1:
            return [features]
        return [
            ImageFeatures(**{f.name: getattr(features, f.name)[i : i + 1] for f in fields(ImageFeatures)})
            for i in range(len(views))
        ]

    @torch.inference_mode()
    def masks_from_prompts(self, features: ImageFeatures, prompts: Sequence[PromptMaps]) -> np.ndarray:
        """Mask probabilities (N, h, w) of the prompted objects in the view they were prompted in."""
        positive = self._to_device(np.stack([prompt.positive for prompt in prompts]))[None]
        negative = self._to_device(np.stack([prompt.negative for prompt in prompts]))[None]
        kind = torch.tensor([[int(prompt.kind) for prompt in prompts]], device=self._device)
        return _to_numpy(self.network.segment_prompt(features, positive, negative, kind)[-1].mask_logits[0].sigmoid())

    @torch.inference_mode()
    def refine(
        self,
        features: ImageFeatures,
        prompts: Sequence[PromptMaps],
        estimate: np.ndarray,
        memory: Sequence[FrameMemory] = (),
        reference: PromptTokens | None = None,
    ) -> np.ndarray:
        """Masks (N, h, w) of objects, corrected by marks; `estimate` (N, h, w) are those to correct."""
        positive = self._to_device(np.stack([prompt.positive for prompt in prompts]))[None]
        negative = self._to_device(np.stack([prompt.negative for prompt in prompts]))[None]
        kind = torch.tensor([[int(prompt.kind) for prompt in prompts]], device=self._device)
        before = self._to_device(estimate)[None]
        decoded = self.network.refine(features, positive, negative, kind, before, memory, reference)
        return _to_numpy(decoded.mask_logits[0].sigmoid())

    def masks_from_descriptions(
        self, features: ImageFeatures, descriptions: Sequence[str | ReferencePicture]
    ) -> np.ndarray:
        """Masks (N, h, w) of objects that other pictures show: each picture is read as a remembered frame.

        Raises:
            ModelInputError: An object is described in words, or its picture marks nothing.
        """
        return masks_of_descriptions(self, features, features.grid, descriptions)

    @torch.inference_mode()
    def encode_reference(self, features: ImageFeatures, masks: np.ndarray) -> PromptTokens:
        """Tokens of the annotated view for objects with masks (N, h, w)."""
        return self.network.encode_reference(features, self._to_device(masks)[None])

    @torch.inference_mode()
    def join_references(self, references: Sequence[PromptTokens]) -> PromptTokens:
        """Tokens of several lists of objects as those of one list."""
        if len(references) == 1:
            return references[0]
        # Small grids have fewer cells than the sampler would take: what is filled up is not looked at.
        longest = max(reference.tokens.shape[2] for reference in references)
        filled = [(reference, longest - reference.tokens.shape[2]) for reference in references]
        return PromptTokens(
            torch.cat([F.pad(reference.tokens, (0, 0, 0, more)) for reference, more in filled], 1),
            torch.cat([F.pad(reference.bias, (0, more), value=_UNSEEN) for reference, more in filled], 1),
        )

    @torch.inference_mode()
    def encode_memory(self, features: ImageFeatures, masks: np.ndarray, *, pinned: bool) -> FrameMemory:
        """Memory of a view with masks (N, h, w) in [0, 1]."""
        return self.network.encode_memory(features, self._to_device(masks)[None], pinned=pinned)

    @torch.inference_mode()
    def decode(
        self,
        features: ImageFeatures,
        memory: Sequence[FrameMemory],
        reference: PromptTokens,
        previous: np.ndarray,
        *,
        shifts: Sequence[tuple[float, float]] | None,
    ) -> FrameDecode:
        """Masks of all objects; previous (N, h, w) are the mask probabilities of the frame before."""
        cells = None if shifts is None else [(y / STRIDE, x / STRIDE) for x, y in shifts]
        previous_masks = self._to_device(previous)[None]
        decoded = self.network.decode(
            features, memory, reference, previous_masks, local=shifts is not None, shifts=cells
        )
        propagated = decoded.propagated[0].flatten(1)
        mask = F.avg_pool2d(decoded.mask_logits.sigmoid(), 2)[0].flatten(1)
        agreement = torch.minimum(mask, propagated).sum(1) / torch.maximum(mask, propagated).sum(1).clamp(min=1e-3)
        return FrameDecode(
            _to_numpy(decoded.mask_logits[0]), _to_numpy(decoded.presence_logits[0].sigmoid()), _to_numpy(agreement)
        )

    def memory_from_arrays(self, arrays: Arrays, *, objects: int, pinned: bool) -> FrameMemory:
        """Raises ValueError if the arrays are not those of a memory."""
        rows, columns = grid_of(arrays)
        cells, config = rows * columns, self.network.config
        expected: dict[str, Expected] = {
            "grid": (np.int64, (2,)),
            "key": (np.float32, (1, cells, config.key_channels)),
            "stride8_key": (np.float16, (1, cells, 4, config.stride8_key_channels)),
            "stride4_key": (np.float16, (1, cells, 4, 4, config.stride4_key_channels)),
            "value": (np.float32, (1, objects, config.value_dim, cells)),
            "mask": (np.float32, (1, objects, cells)),
            "stride8_mask": (np.float32, (1, objects, cells, 4)),
            "stride4_mask": (np.float32, (1, objects, cells, 4, 4)),
            "prompts": (np.float32, (1, objects, config.memory_tokens, config.dim)),
            "valid": (np.float32, (1, objects)),
        }
        check_arrays(arrays, expected)
        return FrameMemory(**self._tensors(arrays, TENSORS), pinned=pinned, grid=(rows, columns))

    def reference_from_arrays(self, arrays: Arrays, *, objects: int) -> PromptTokens:
        """Raises ValueError if the arrays are not those of a reference."""
        tokens = arrays["bias"].shape[-1] if "bias" in arrays and arrays["bias"].ndim else 0
        expected: dict[str, Expected] = {
            "tokens": (np.float32, (1, objects, tokens, self.network.config.dim)),
            "bias": (np.float32, (1, objects, tokens)),
        }
        check_arrays(arrays, expected)
        return PromptTokens(**self._tensors(arrays, ("tokens", "bias")))

    def _tensors(self, arrays: Arrays, names: Sequence[str]) -> dict[str, Tensor]:
        return {name: torch.from_numpy(arrays[name]).to(self._device) for name in names}

    def _to_device(self, masks: np.ndarray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(masks, np.float32)).to(self._device)


def _to_numpy(tensor: Tensor) -> np.ndarray:
    array: np.ndarray = tensor.float().cpu().numpy()
    return array
