"""The compact model as a video model: views in, masks out, no batch dimension, no training.

This is the surface that `vos.tracking` works with (`seem_model.video_model`); the networks behind it take batches of
videos. Everything is computed in inference mode, and masks are numpy arrays on the outside.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import fields
from importlib.resources import files
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from seem_model.compact.config import SIZE_DIVISIBILITY, STRIDE
from seem_model.compact.decoder import PromptTokens
from seem_model.compact.memory import TENSORS, FrameMemory
from seem_model.compact.model import CompactSEEM
from seem_model.compact.pyramid import ImageFeatures
from seem_model.errors import CheckpointError, ModelInputError
from seem_model.video_model import Arrays, FrameDecode, PromptKind, PromptMaps, ReferencePicture

WEIGHTS_NAME = "compact.safetensors"

# Logit of a token that stands for nothing.
_UNSEEN = -30.0

# Pictures that are longer than this are squeezed along their longer side: nothing so long was trained on, and the
# cost of a view must not depend on how elongated a video is. 2.4 admits CinemaScope (2.39).
MAX_ASPECT = 2.4
# Windows have these shapes, rows over columns, beside that of the frame; all cost about the same.
_WINDOW_ASPECTS = (4 / 7, 3 / 4, 10 / 11, 11 / 10, 4 / 3)


def input_sizes(height: int, width: int, short_side: int) -> list[tuple[int, int]]:
    """Sizes (rows, columns) at which views of a frame enter the network, all multiples of 32.

    The first is that of the whole frame: its shorter side has about `short_side` pixels, and its longer one at most
    2.4 times as many. The others have as many pixels as a 7:4 picture with that shorter side.
    """
    aspect = min(max(width / height, 1 / MAX_ASPECT), MAX_ASPECT)
    whole = (_rounded(short_side * max(1.0, 1 / aspect)), _rounded(short_side * max(1.0, aspect)))
    pixels = short_side**2 * 7 / 4
    shapes = [(_rounded((pixels * a) ** 0.5), _rounded((pixels / a) ** 0.5)) for a in _WINDOW_ASPECTS]
    return list(dict.fromkeys([whole, *shapes]))


def _rounded(side: float) -> int:
    return max(round(side / SIZE_DIVISIBILITY), 2) * SIZE_DIVISIBILITY


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
    uses_windows = True

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

    def masks_from_descriptions(
        self, features: ImageFeatures, descriptions: Sequence[str | ReferencePicture]
    ) -> np.ndarray:
        """Masks (N, h, w) of objects that other pictures show: each picture is read as a remembered frame.

        Raises:
            ModelInputError: An object is described in words, or its picture marks nothing.
        """
        return np.concatenate([self._look_up(features, description) for description in descriptions])

    def _look_up(self, features: ImageFeatures, description: str | ReferencePicture) -> np.ndarray:
        if isinstance(description, str):
            raise ModelInputError(
                f"the compact model does not support text ({description!r}); a text prompt needs a SEEM checkpoint: "
                "--model seem-focalt-v1"
            )
        if not description.mask.any():
            raise ModelInputError("the referring image marks no pixel; draw its stroke or mask on the object")
        rows, columns = features.grid
        picture, mask = _fit(description, (rows * STRIDE, columns * STRIDE))
        seen = self.encode_images([picture])[0]
        cover = cv2.resize(mask.astype(np.float32), features.mask_size[::-1], interpolation=cv2.INTER_AREA)[None]
        if description.kind is not PromptKind.MASK:
            cover = self.masks_from_prompts(seen, [PromptMaps(cover[0], np.zeros_like(cover[0]), description.kind)])
        memory = self.encode_memory(seen, cover, pinned=True)
        reference = self.encode_reference(seen, cover)
        logits = self.decode(features, [memory], reference, np.zeros_like(cover), shifts=None).mask_logits
        answer: np.ndarray = 1 / (1 + np.exp(-logits))
        return answer

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

    def memory_from_arrays(self, arrays: Arrays, *, pinned: bool) -> FrameMemory:
        """Raises ValueError if the arrays are not those of a memory."""
        tensors = self._tensors(arrays, (*TENSORS, "grid"))
        rows, columns = tensors.pop("grid").tolist()
        if tensors["key"].shape[1] != rows * columns:
            raise ValueError(f"keys of {tensors['key'].shape[1]} cells for a grid of {rows} times {columns}")
        return FrameMemory(**tensors, pinned=pinned, grid=(rows, columns))

    def reference_from_arrays(self, arrays: Arrays) -> PromptTokens:
        """Raises ValueError if the arrays are not those of a reference."""
        return PromptTokens(**self._tensors(arrays, ("tokens", "bias")))

    def _tensors(self, arrays: Arrays, expected: Sequence[str]) -> dict[str, Tensor]:
        if arrays.keys() != set(expected):
            raise ValueError(f"expected the arrays {sorted(expected)}, found {sorted(arrays)}")
        return {name: torch.from_numpy(array).to(self._device) for name, array in arrays.items()}

    def _to_device(self, masks: np.ndarray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(masks, np.float32)).to(self._device)


def _to_numpy(tensor: Tensor) -> np.ndarray:
    array: np.ndarray = tensor.float().cpu().numpy()
    return array


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
