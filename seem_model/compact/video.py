"""The compact model as a video model: pictures in, masks out, no batch dimension, no training.

This is the surface that `vos.tracking.tracker` works with; the networks behind it take batches of videos.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from seem_model.compact.config import SIZE_DIVISIBILITY
from seem_model.compact.decoder import PromptTokens
from seem_model.compact.memory import FrameMemory
from seem_model.compact.model import CompactSEEM
from seem_model.compact.prompting import PromptKind
from seem_model.compact.pyramid import ImageFeatures
from seem_model.errors import CheckpointError, ModelInputError

WEIGHTS_NAME = "compact.safetensors"


@dataclass(frozen=True, slots=True)
class PromptMaps:
    """One object's prompt in one frame: (H, W) bool maps at source size and how to read them."""

    positive: np.ndarray
    negative: np.ndarray
    kind: PromptKind


@dataclass(frozen=True, slots=True, eq=False)
class ReferencePicture:
    """An object as another picture shows it: (H, W, 3) uint8 RGB and the (H, W) bool pixels that mark it there.

    `kind` says how to read these pixels: the whole object (MASK), a stroke on it, a box around it...
    """

    rgb: np.ndarray
    mask: np.ndarray
    kind: PromptKind = PromptKind.MASK


@dataclass(frozen=True, slots=True)
class FrameDecode:
    """Answer for N objects of one frame."""

    mask_logits: Tensor  # (N, h, w) at a quarter of the model's input size
    presence: Tensor  # (N,) probability in [0, 1]
    agreement: Tensor  # (N,) soft IoU in [0, 1] of the mask with what correspondence alone says


class CompactVideoModel:
    """The compact SEEM on one device, working at one input resolution.

    Args:
        network: The network with its weights.
        weights_sha256: Hash of the weights file, for run records.
        device: Where to compute.
        short_side: The shorter side of the input picture in pixels; both sides are rounded to multiples of 32.
    """

    name = "compact"
    reads_text = False

    def __init__(
        self, network: CompactSEEM, *, weights_sha256: str, device: torch.device, short_side: int = 320
    ) -> None:
        if short_side < 2 * SIZE_DIVISIBILITY:
            raise ValueError(f"short_side must be at least {2 * SIZE_DIVISIBILITY}, not {short_side}")
        self.network = network.eval().requires_grad_(False).to_device(device)
        self.weights_sha256 = weights_sha256
        self.device = device
        self.short_side = short_side

    @classmethod
    def load(cls, *, device: torch.device, weights: Path | None = None, short_side: int = 320) -> CompactVideoModel:
        """Reads the weights that ship with the package, or those in `weights`.

        Raises:
            CheckpointError: The file is missing, unreadable, or not of this model.
        """
        path = weights or Path(str(files("seem_model"))) / "weights" / WEIGHTS_NAME
        if path.exists() and not path.is_file():
            # Reading a pipe waits for ever, reading a device may never end.
            raise CheckpointError(f"{path}: not a regular file; give a safetensors file")
        try:
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            tensors = load_file(path)
        except FileNotFoundError as error:
            raise CheckpointError(f"{path}: no such weights file") from error
        except (OSError, SafetensorError) as error:
            raise CheckpointError(f"{path}: not a readable safetensors file: {error}") from error
        network = CompactSEEM()
        expected = network.state_dict()
        missing = sorted(expected.keys() - tensors.keys())
        unknown = sorted(tensors.keys() - expected.keys())
        wrong = sorted(k for k in expected.keys() & tensors.keys() if expected[k].shape != tensors[k].shape)
        for problem, names in (("misses", missing), ("does not know", unknown), ("has another shape for", wrong)):
            if names:
                raise CheckpointError(
                    f"{path}: not weights of this version of the compact model: it {problem} {names[0]}"
                    f" and {len(names) - 1} more"
                )
        if not all(torch.isfinite(tensor).all() for tensor in tensors.values()):
            raise CheckpointError(f"{path}: the weights contain NaN or infinity")
        network.load_state_dict({name: tensor.float() for name, tensor in tensors.items()})
        return cls(network, weights_sha256=digest, device=device, short_side=short_side)

    def input_size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width at which a picture of this size enters the network."""
        scale = self.short_side / min(height, width)
        sides = (round(side * scale / SIZE_DIVISIBILITY) * SIZE_DIVISIBILITY for side in (height, width))
        new_height, new_width = (max(side, 2 * SIZE_DIVISIBILITY) for side in sides)
        return new_height, new_width

    def encode_image(self, rgb: np.ndarray) -> ImageFeatures:
        """rgb: (H, W, 3) uint8."""
        height, width = self.input_size(*rgb.shape[:2])
        shrinking = height < rgb.shape[0]
        resized = cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR)
        image = torch.from_numpy(resized).to(self.device).permute(2, 0, 1)[None]
        return self.network.encode_image(image)

    def shrink_masks(self, features: ImageFeatures, masks: Sequence[np.ndarray]) -> Tensor:
        """(H, W) bool masks at source size -> (N, h, w) share of each stride-4 cell that they cover."""
        return self._to_grid(features, masks)[0]

    def masks_from_prompts(self, features: ImageFeatures, prompts: Sequence[PromptMaps]) -> Tensor:
        """Mask probabilities (N, h, w) of the prompted objects in the frame they were prompted in."""
        positive = self._to_grid(features, [prompt.positive for prompt in prompts])
        negative = self._to_grid(features, [prompt.negative for prompt in prompts])
        kind = torch.tensor([[int(prompt.kind) for prompt in prompts]], device=self.device)
        return self.network.segment_prompt(features, positive, negative, kind)[-1].mask_logits[0].sigmoid()

    def masks_from_descriptions(
        self, features: ImageFeatures, descriptions: Sequence[str | ReferencePicture]
    ) -> Tensor:
        """Masks (N, h, w) of objects that other pictures show: each picture is read as a remembered frame.

        Raises:
            ModelInputError: An object is described in words, or its picture marks nothing.
        """
        return torch.cat([self._look_up(features, description) for description in descriptions])

    def _look_up(self, features: ImageFeatures, description: str | ReferencePicture) -> Tensor:
        if isinstance(description, str):
            raise ModelInputError(
                f"the compact model does not support text ({description!r}); a text prompt needs a SEEM checkpoint: "
                "--model seem-focalt-v1"
            )
        if not description.mask.any():
            raise ModelInputError("the referring image marks no pixel; draw its stroke or mask on the object")
        rows, columns = features.grid
        picture, mask = _fit(description, (rows * 16, columns * 16))
        seen = self.network.encode_image(torch.from_numpy(picture).to(self.device).permute(2, 0, 1)[None])
        if description.kind is PromptKind.MASK:
            masks = self.shrink_masks(seen, [mask])
        else:
            masks = self.masks_from_prompts(seen, [PromptMaps(mask, np.zeros_like(mask), description.kind)])
        memory = self.remember(seen, masks, pinned=True, valid=torch.ones(1, dtype=torch.bool, device=self.device))
        decoded = self.decode(features, [memory], self.reference(seen, masks), torch.zeros_like(masks))
        return decoded.mask_logits.sigmoid()

    def reference(self, features: ImageFeatures, masks: Tensor) -> PromptTokens:
        """Tokens of the annotated frame for objects with masks (N, h, w)."""
        return self.network.reference_tokens(features, masks[None])

    def remember(self, features: ImageFeatures, masks: Tensor, *, pinned: bool, valid: Tensor) -> FrameMemory:
        """Memory of a frame with masks (N, h, w) in [0, 1]; valid (N,) bool says who may be read from it."""
        return self.network.remember(features, masks[None], pinned=pinned, valid=valid[None].to(masks.dtype))

    def decode(
        self,
        features: ImageFeatures,
        memory: Sequence[FrameMemory],
        reference: PromptTokens,
        previous: Tensor,
    ) -> FrameDecode:
        """Masks of all objects; previous (N, h, w) are the mask probabilities of the frame before."""
        decoded = self.network.decode(features, memory, reference, previous[None])
        propagated = decoded.propagated[0].flatten(1)
        mask = F.avg_pool2d(decoded.mask_logits.sigmoid(), 2)[0].flatten(1)
        agreement = torch.minimum(mask, propagated).sum(1) / torch.maximum(mask, propagated).sum(1).clamp(min=1e-3)
        return FrameDecode(decoded.mask_logits[0], decoded.presence_logits[0].sigmoid(), agreement)

    def _to_grid(self, features: ImageFeatures, maps: Sequence[np.ndarray]) -> Tensor:
        height, width = features.mask_features.shape[-2:]
        resized = [
            cv2.resize(np.ascontiguousarray(m, np.float32), (width, height), interpolation=cv2.INTER_AREA) for m in maps
        ]
        return torch.from_numpy(np.stack(resized)).to(self.device)[None]


def _fit(shown: ReferencePicture, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """A picture (H, W, 3) uint8 and its mask (H, W) bool, scaled to fit into `size`, in its middle, on grey.

    The read-out of memory compares grids of one size, and an object must keep its shape to be found.
    """
    height, width = shown.mask.shape
    scale = min(size[0] / height, size[1] / width)
    rows, columns = max(1, round(height * scale)), max(1, round(width * scale))
    top, left = (size[0] - rows) // 2, (size[1] - columns) // 2
    inside = slice(top, top + rows), slice(left, left + columns)
    picture = np.full((*size, 3), 128, np.uint8)
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    picture[inside] = cv2.resize(shown.rgb, (columns, rows), interpolation=interpolation)
    mask = np.zeros(size, bool)
    mask[inside] = cv2.resize(shown.mask.astype(np.uint8), (columns, rows), interpolation=cv2.INTER_NEAREST_EXACT) > 0
    return picture, mask
