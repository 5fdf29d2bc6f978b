"""ONNX Runtime sessions of the network's graphs, with weights bound to them by name."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import TYPE_CHECKING, Self

import numpy as np

from seem_model.errors import MissingExtraError

if TYPE_CHECKING:
    import onnxruntime

INDEX_NAME = "weights.json"
# ONNX Runtime's number for messages from errors on.
_ERRORS = 3


@dataclass(frozen=True, slots=True)
class WeightIndex:
    """What weights the graphs were written for.

    Attributes:
        shapes: Shape of every weight of the network by name.
        used: Names of the weights that each graph takes.
    """

    shapes: Mapping[str, Sequence[int]]
    used: Mapping[str, Sequence[str]]

    @classmethod
    def read(cls) -> Self:
        """The index that ships with the package."""
        return cls(**json.loads(_graph_file(INDEX_NAME).read_text("utf-8")))


def _graph_file(name: str) -> Traversable:
    return files("seem_model.compact_onnx").joinpath("graphs", name)


class Sessions:
    """The graphs: those of every run are loaded at once, that of prompts when there is one.

    Args:
        weights: float32 arrays by name.
        index: Which of them each graph takes.
        threads: Threads in all. A video's next frame is encoded while this one is decoded, so with several threads
            encoder and decoder have a part of them each.

    Raises:
        MissingExtraError: ONNX Runtime is not installed.
    """

    def __init__(self, weights: Mapping[str, np.ndarray], index: WeightIndex, threads: int) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise MissingExtraError(
                f"the engine onnxruntime cannot be imported ({error}): pip install onnxruntime, "
                "or track with --engine torch"
            ) from error
        # Builds for Windows send usage data, and some warn of graphics cards that nobody asked for.
        onnxruntime.disable_telemetry_events()
        onnxruntime.set_default_logger_severity(_ERRORS)
        self._runtime = onnxruntime
        self._index = index
        self._values = {name: onnxruntime.OrtValue.ortvalue_from_numpy(array) for name, array in weights.items()}
        # Encoding takes a little longer than the rest.
        self._rest = max(1, threads // 2)
        self.encode = self._load("encode", max(1, threads - self._rest))
        self.encode_memory, self.decode = (self._load(name, self._rest) for name in ("encode_memory", "decode"))

    def value_of(self, array: np.ndarray) -> onnxruntime.OrtValue:
        """An array as the runtime takes it, without a copy if it is contiguous."""
        return self._runtime.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(array))

    @cached_property
    def encode_prompt(self) -> onnxruntime.InferenceSession:
        return self._load("encode_prompt", self._rest)

    def _load(self, name: str, threads: int) -> onnxruntime.InferenceSession:
        options = self._runtime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # A thread that waits sleeps: one that spins takes a core from whatever else runs on the machine.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.add_session_config_entry("session.inter_op.allow_spinning", "0")
        # `session.dynamic_block_base` stays unset: sums would be split as threads happen to be free, and round
        # differently from call to call.
        options.log_severity_level = _ERRORS
        names = list(self._index.used[name])
        options.add_external_initializers(names, [self._values[weight] for weight in names])
        graph = _graph_file(f"{name}.onnx").read_bytes()
        return self._runtime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
