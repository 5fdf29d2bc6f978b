"""The compact model on ONNX Runtime as a video model: views in, masks out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from seem_model.array_checks import Expected, check_arrays
from seem_model.compact.config import SIZE_DIVISIBILITY, STRIDE, CompactConfig
from seem_model.compact.descriptions import masks_of_descriptions
from seem_model.compact.view_sizes import input_sizes
from seem_model.compact.weights_file import check_shapes, read_weights
from seem_model.compact_onnx.geometry import Grid, memory_place, query_place, sine_position
from seem_model.compact_onnx.memory import CellTables, ObjectCells, OnnxMemory, ViewKeys, join_places
from seem_model.compact_onnx.reference import OnnxReference, sample_tokens
from seem_model.compact_onnx.sessions import Sessions, WeightIndex
from seem_model.video_model import Arrays, FrameDecode, PromptMaps, ReferencePicture

if TYPE_CHECKING:
    from onnxruntime import OrtValue

_FEATURES = ("mask_features", "mid", "context", "key", "stride8_key", "stride4_key")
_STORED = ("value", "mask", "stride8_mask", "stride4_mask", "prompts")
_PROMPT_PASSES = 2
# Logit of a token that stands for nothing.
_UNSEEN = -30.0


@dataclass(frozen=True, slots=True, eq=False)
class OnnxFeatures:
    """What the network knows of one view: arrays of the runtime, which it reads again without a copy."""

    values: Mapping[str, OrtValue]
    grid: Grid

    @property
    def mask_size(self) -> tuple[int, int]:
        """Height and width of the mask grid."""
        return 4 * self.grid[0], 4 * self.grid[1]


class OnnxVideoModel:
    """The compact SEEM on the CPU through ONNX Runtime.

    Args:
        weights: float32 arrays by name, with the shapes of the network's.
        weights_sha256: Hash of the weights file, for run records.
        short_side: The shorter side of the input picture in pixels; both sides are rounded to multiples of 32.
        threads: Threads of each call.
    """

    name = "compact"
    engine = "onnxruntime"
    device = "cpu"
    reads_text = False
    uses_windows = True

    def __init__(
        self, weights: Mapping[str, np.ndarray], *, weights_sha256: str, short_side: int = 320, threads: int = 1
    ) -> None:
        if short_side < 2 * SIZE_DIVISIBILITY:
            raise ValueError(f"short_side must be at least {2 * SIZE_DIVISIBILITY}, not {short_side}")
        self.weights_sha256 = weights_sha256
        self.short_side = short_side
        self.threads = threads
        self._config = CompactConfig()
        self._weights = weights
        self._log_sigma = float(weights["reader.log_sigma"])
        self._tables = CellTables(self._config)
        self._sessions = Sessions(weights, WeightIndex.read(), threads)

    @property
    def encodes_ahead(self) -> bool:
        """Whether there is a thread to spare: encoder and decoder share the threads between them."""
        return self.threads > 1

    @classmethod
    def load(cls, *, weights: Path | None = None, short_side: int = 320, threads: int = 1) -> Self:
        """Reads the weights that ship with the package, or those in `weights`.

        Raises:
            CheckpointError: The file is missing, unreadable, or not of this model.
            MissingExtraError: ONNX Runtime is not installed.
        """
        arrays, digest = read_weights(weights)
        check_shapes(weights, {name: array.shape for name, array in arrays.items()}, WeightIndex.read().shapes)
        return cls(arrays, weights_sha256=digest, short_side=short_side, threads=threads)

    def input_sizes(self, height: int, width: int) -> list[tuple[int, int]]:
        """Sizes (rows, columns) at which views of a frame of this size enter the network."""
        return input_sizes(height, width, self.short_side)

    def encode_images(self, views: Sequence[np.ndarray]) -> list[OnnxFeatures]:
        """views: (h, w, 3) uint8 of one size, both sides divisible by 32."""
        # One by one: a batch gains nothing on a CPU, and must not decide about the last digit of the features.
        return [
            OnnxFeatures(
                self._run(self._sessions.encode, _FEATURES, {"views": view[None]}),
                (view.shape[0] // STRIDE, view.shape[1] // STRIDE),
            )
            for view in views
        ]

    def masks_from_prompts(self, features: OnnxFeatures, prompts: Sequence[PromptMaps]) -> np.ndarray:
        """Mask probabilities (N, h, w) of the prompted objects in the view they were prompted in."""
        positive = np.stack([prompt.positive for prompt in prompts]).astype(np.float32)
        negative = np.stack([prompt.negative for prompt in prompts]).astype(np.float32)
        others = (positive.sum(0) - positive).clip(0, 1)
        reference = self.encode_reference(features, positive)
        estimate = np.zeros_like(positive)
        for _ in range(_PROMPT_PASSES):
            maps = np.stack([positive, negative, estimate, others], 1)
            memory = self._prompt_memory(features, prompts, maps, positive)
            estimate = _sigmoid(self.decode(features, [memory], reference, estimate, shifts=None).mask_logits)
        return estimate

    def refine(
        self,
        features: OnnxFeatures,
        prompts: Sequence[PromptMaps],
        estimate: np.ndarray,
        memory: Sequence[OnnxMemory] = (),
        reference: OnnxReference | None = None,
    ) -> np.ndarray:
        """Masks (N, h, w) of objects, corrected by marks; `estimate` (N, h, w) are those to correct."""
        estimate = estimate.astype(np.float32)
        positive = np.stack([prompt.positive for prompt in prompts]).astype(np.float32)
        negative = np.stack([prompt.negative for prompt in prompts]).astype(np.float32)
        others = (estimate.sum(0) - estimate).clip(0, 1)
        corrected = np.maximum(estimate, positive) * (1 - negative)
        own = self._prompt_memory(features, prompts, np.stack([positive, negative, estimate, others], 1), corrected)
        tokens = self.encode_reference(features, corrected)
        if reference is not None:
            tokens = OnnxReference(
                np.concatenate([reference.tokens, tokens.tokens], 1), np.concatenate([reference.bias, tokens.bias], 1)
            )
        return _sigmoid(self.decode(features, [own, *memory], tokens, estimate, shifts=None).mask_logits)

    def _prompt_memory(
        self, features: OnnxFeatures, prompts: Sequence[PromptMaps], maps: np.ndarray, remembered: np.ndarray
    ) -> OnnxMemory:
        offset = self._weights["prompt_encoder.kinds.weight"][[int(prompt.kind) for prompt in prompts]]
        inputs = {
            "maps": maps,
            "offset": np.ascontiguousarray(offset[..., None, None]),
            "remembered": remembered[:, None],
        }
        return self._memory(self._sessions.encode_prompt, features, inputs, pinned=True)

    def masks_from_descriptions(
        self, features: OnnxFeatures, descriptions: Sequence[str | ReferencePicture]
    ) -> np.ndarray:
        """Masks (N, h, w) of objects that other pictures show: each picture is read as a remembered view.

        Raises:
            ModelInputError: An object is described in words, or its picture marks nothing.
        """
        return masks_of_descriptions(self, features, features.grid, descriptions)

    def encode_reference(self, features: OnnxFeatures, masks: np.ndarray) -> OnnxReference:
        """Tokens of the annotated view for objects with masks (N, h, w)."""
        return sample_tokens(self._weights, self._config, features.values["context"].numpy(), masks)

    def join_references(self, references: Sequence[OnnxReference]) -> OnnxReference:
        """Tokens of several lists of objects as those of one list."""
        if len(references) == 1:
            return references[0]
        # Small grids have fewer cells than the sampler would take: what is filled up is not looked at.
        longest = max(reference.tokens.shape[1] for reference in references)
        filled = [(reference, (0, longest - reference.tokens.shape[1])) for reference in references]
        return OnnxReference(
            np.concatenate([np.pad(reference.tokens, ((0, 0), more, (0, 0))) for reference, more in filled]),
            np.concatenate(
                [np.pad(reference.bias, ((0, 0), more), constant_values=_UNSEEN) for reference, more in filled]
            ),
        )

    def encode_memory(self, features: OnnxFeatures, masks: np.ndarray, *, pinned: bool) -> OnnxMemory:
        """Memory of a view with masks (N, h, w) in [0, 1]."""
        masks = masks.astype(np.float32)
        others = (masks.sum(0) - masks).clip(0, 1)
        return self._memory(
            self._sessions.encode_memory, features, {"maps": np.stack([masks, others], 1)}, pinned=pinned
        )

    def decode(
        self,
        features: OnnxFeatures,
        memory: Sequence[OnnxMemory],
        reference: OnnxReference,
        previous: np.ndarray,
        *,
        shifts: Sequence[tuple[float, float]] | None,
    ) -> FrameDecode:
        """Masks of all objects; previous (N, h, w) are the mask probabilities of the frame before."""
        grid = features.grid
        table = self._tables.table_of(memory)
        inputs = {
            **features.values,
            **table.inputs,
            "memory_place": self._places(memory, grid, shifts),
            "place": query_place(grid, self._log_sigma),
            "position": sine_position(grid, self._config.dim),
            "tokens": np.concatenate([reference.tokens, table.prompts], 1),
            "token_bias": np.concatenate([reference.bias, table.prompt_bias], 1),
            "previous": previous,
        }
        names = ("mask_logits", "presence", "agreement")
        outputs = self._run(self._sessions.decode, names, inputs)
        return FrameDecode(*(outputs[name].numpy() for name in names))

    def memory_from_arrays(self, arrays: Arrays, *, objects: int, pinned: bool) -> OnnxMemory:
        """Raises ValueError if the arrays are not those of a memory."""
        return OnnxMemory.from_arrays(dict(arrays), self._config, objects=objects, pinned=pinned)

    def reference_from_arrays(self, arrays: Arrays, *, objects: int) -> OnnxReference:
        """Raises ValueError if the arrays are not those of a reference."""
        tokens = len(arrays["bias"].T) if "bias" in arrays else 0
        expected: dict[str, Expected] = {
            "tokens": (np.float32, (objects, tokens, self._config.dim)),
            "bias": (np.float32, (objects, tokens)),
        }
        check_arrays(arrays, expected)
        return OnnxReference(arrays["tokens"], arrays["bias"])

    def _places(
        self, memory: Sequence[OnnxMemory], grid: Grid, shifts: Sequence[tuple[float, float]] | None
    ) -> np.ndarray:
        """(4, M): what the prior on distance adds to the keys of all remembered cells."""
        places = []
        for view, (x, y) in zip(memory, shifts or [(0.0, 0.0)] * len(memory), strict=True):
            spread = self._config.pinned_spread if view.pinned else 1.0
            bonus = self._config.pinned_bonus if view.pinned else 0.0
            places.append(
                memory_place(
                    view.keys.grid,
                    max(grid),
                    self._log_sigma,
                    (y / STRIDE, x / STRIDE),
                    0.0 if shifts is None else spread,
                    bonus,
                )
            )
        return join_places(places, [view.pinned for view in memory])

    def _memory(
        self, session: Any, features: OnnxFeatures, inputs: Mapping[str, np.ndarray], *, pinned: bool
    ) -> OnnxMemory:
        position = sine_position(features.grid, self._config.dim)
        context = features.values["context"]
        outputs = self._run(session, _STORED, {"context": context, "position": position, **inputs})
        stored = {name: value.numpy() for name, value in outputs.items()}
        keys = ViewKeys(
            # A copy, because the array only lives as long as the features do.
            key=features.values["key"].numpy()[0].copy(),
            # Half precision halves snapshots and traffic; fine keys only choose among few candidates.
            stride8_key=features.values["stride8_key"].numpy()[0].astype(np.float16),
            stride4_key=features.values["stride4_key"].numpy()[0].astype(np.float16),
            grid=features.grid,
        )
        count = len(stored["value"])
        # Copies, because an object that is kept must not keep the arrays of all others.
        objects = [ObjectCells(**{name: stored[name][row].copy() for name in _STORED}) for row in range(count)]
        return OnnxMemory(keys, tuple(objects), pinned)

    def _run(
        self, session: Any, names: Sequence[str], inputs: Mapping[str, np.ndarray | OrtValue]
    ) -> dict[str, OrtValue]:
        """Outputs of a graph by name. Arrays are handed over where they lie."""
        values = {name: self._value(x) if isinstance(x, np.ndarray) else x for name, x in inputs.items()}
        return dict(zip(names, session.run_with_ort_values(names, values), strict=True))

    def _value(self, array: np.ndarray) -> OrtValue:
        return self._sessions.value_of(array)


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    probability: np.ndarray = 1 / (1 + np.exp(-logits))
    return probability
