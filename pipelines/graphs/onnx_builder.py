"""Writes ONNX graphs operator by operator, with weights left out: they are bound by name when the graph is loaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

# LayerNormalization needs 17, Gelu 20. Older runtimes read nothing newer.
OPSET = 20
IR_VERSION = 9
# Where an initializer says that its numbers are; never opened, because the loader binds every one of them.
WEIGHTS_LOCATION = "bound-by-name"

_TYPES = {"float32": TensorProto.FLOAT, "uint8": TensorProto.UINT8, "int64": TensorProto.INT64}

Shape = Sequence[int | str]


@dataclass(frozen=True, slots=True)
class Value:
    """A tensor of a graph under construction; arithmetic on it adds operators."""

    graph: GraphBuilder
    name: str

    def __add__(self, other: Value | float) -> Value:
        return self.graph.op("Add", self, other)

    def __radd__(self, other: float) -> Value:
        return self.graph.op("Add", other, self)

    def __sub__(self, other: Value | float) -> Value:
        return self.graph.op("Sub", self, other)

    def __rsub__(self, other: float) -> Value:
        return self.graph.op("Sub", other, self)

    def __mul__(self, other: Value | float) -> Value:
        return self.graph.op("Mul", self, other)

    def __rmul__(self, other: float) -> Value:
        return self.graph.op("Mul", other, self)

    def __truediv__(self, other: Value | float) -> Value:
        return self.graph.op("Div", self, other)

    def __matmul__(self, other: Value) -> Value:
        return self.graph.op("MatMul", self, other)

    def reshape(self, *shape: int) -> Value:
        """0 keeps a dimension, -1 is what remains."""
        return self.graph.op("Reshape", self, self.graph.integers(shape))

    def transpose(self, *order: int) -> Value:
        return self.graph.op("Transpose", self, perm=list(order))

    def unsqueeze(self, *axes: int) -> Value:
        return self.graph.op("Unsqueeze", self, self.graph.integers(axes))

    def cut(self, axis: int, start: int | Value, stop: int | Value) -> Value:
        """Entries start..stop - 1 along an axis."""
        ends = [end if isinstance(end, Value) else self.graph.integers([end]) for end in (start, stop)]
        return self.graph.op("Slice", self, *ends, self.graph.integers([axis]))

    def reduce(self, how: str, *axes: int, keepdims: bool = True) -> Value:
        """`how`: Sum, Mean, Max or L2."""
        return self.graph.op(f"Reduce{how}", self, self.graph.integers(axes), keepdims=int(keepdims))

    def clip(self, low: float | None, high: float | None) -> Value:
        bounds = ["" if bound is None else self.graph.constant(np.float32(bound)) for bound in (low, high)]
        return self.graph.op("Clip", self, *bounds)


class GraphBuilder:
    """One graph.

    Args:
        name: Of the graph.
        weights: Shapes of the weights by name.
    """

    def __init__(self, name: str, weights: Mapping[str, Sequence[int]]) -> None:
        self._name = name
        self._shapes = weights
        self._nodes: list[onnx.NodeProto] = []
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []
        self._constants: dict[tuple[str, tuple[int, ...], bytes], Value] = {}
        self._initializers: list[TensorProto] = []
        self._weights: dict[str, Value] = {}

    def input(self, name: str, dtype: str, shape: Shape) -> Value:
        """An input; words in `shape` are sizes that a caller may choose."""
        self._inputs.append(helper.make_tensor_value_info(name, _TYPES[dtype], list(shape)))
        return Value(self, name)

    def output(self, name: str, value: Value, shape: Shape) -> None:
        self.op("Identity", value, name=name)
        self._outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape)))

    def constant(self, array: np.ndarray | np.generic) -> Value:
        array = np.asarray(array)
        key = (str(array.dtype), array.shape, array.tobytes())
        if key not in self._constants:
            name = f"constant_{len(self._constants)}"
            self._initializers.append(onnx.numpy_helper.from_array(array, name))
            self._constants[key] = Value(self, name)
        return self._constants[key]

    def integers(self, numbers: Sequence[int]) -> Value:
        return self.constant(np.array(numbers, np.int64))

    def weight(self, name: str) -> Value:
        """A weight that is bound when the graph is loaded."""
        if name not in self._weights:
            tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=self._shapes[name])
            tensor.data_location = TensorProto.EXTERNAL
            tensor.external_data.add(key="location", value=WEIGHTS_LOCATION)
            self._initializers.append(tensor)
            self._weights[name] = Value(self, name)
        return self._weights[name]

    def shape_of(self, name: str) -> Sequence[int]:
        """Shape of a weight."""
        return self._shapes[name]

    def op(self, kind: str, *inputs: Value | float | str, name: str = "", **attributes: Any) -> Value:
        """Adds an operator with one output; numbers among the inputs become float32 constants."""
        return self.ops(kind, *inputs, names=(name,), **attributes)[0]

    def ops(
        self, kind: str, *inputs: Value | float | str, names: Sequence[str] = ("",), **attributes: Any
    ) -> list[Value]:
        """Adds an operator with as many outputs as there are names; an empty name is made up."""
        wired = []
        for given in inputs:
            value = self.constant(np.float32(given)) if isinstance(given, int | float) else given
            wired.append(value.name if isinstance(value, Value) else value)
        outputs = [name or f"{kind}_{len(self._nodes)}_{number}" for number, name in enumerate(names)]
        self._nodes.append(helper.make_node(kind, wired, outputs, **attributes))
        return [Value(self, output) for output in outputs]

    def build(self) -> onnx.ModelProto:
        graph = helper.make_graph(self._nodes, self._name, self._inputs, self._outputs, self._initializers)
        return helper.make_model(
            graph, producer_name="seem-vos", opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION
        )
