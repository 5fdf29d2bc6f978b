"""The graphs that the ONNX Runtime engine runs (`seem_model.compact_onnx`): any view size, any number of objects.

The network is spelled out here in ONNX operators, part by part as in `seem_model.compact`, instead of being traced:
tracing with free sizes takes minutes and leaves hundreds of operators that only compute shapes. That both give the
same numbers is tested. `python -m pipelines.graphs.engine_graphs` writes the files that ship with the package; do so
after every change here or of the network.

Everything is without the batch of videos that the PyTorch modules have, except `encode`, whose
batch is the views of a frame. B views, O objects, an h x w grid of Q cells at stride 16, M remembered cells.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto

from pipelines.graphs.onnx_builder import GraphBuilder, Value
from seem_model.compact.config import PIXEL_MEAN, PIXEL_SCALE, TAP_CHANNELS, CompactConfig
from seem_model.compact.model import CompactSEEM
from seem_model.compact.trunk import TAPS, block_plan
from seem_model.compact_onnx.memory import CELL_MULTIPLE
from seem_model.compact_onnx.sessions import INDEX_NAME

_EPS = 1e-6
_CONFIG = CompactConfig()
_PRIOR_RANGE = (0.02, 0.98)
_LEAST_SHARE = 0.05

Shapes = Mapping[str, Sequence[int]]


def engine_files(weights: Shapes) -> dict[str, bytes]:
    """Everything in `seem_model/compact_onnx/graphs` by file name, for weights of these shapes."""
    models = [
        encode_graph(weights),
        memory_graph(weights, prompted=False),
        memory_graph(weights, prompted=True),
        decode_graph(weights),
    ]
    used = {
        model.graph.name: [x.name for x in model.graph.initializer if x.data_location == TensorProto.EXTERNAL]
        for model in models
    }
    shapes = {name: list(shape) for name, shape in sorted(weights.items())}
    index = json.dumps({"shapes": shapes, "used": used}, indent=1) + "\n"
    return {
        **{f"{model.graph.name}.onnx": model.SerializeToString(deterministic=True) for model in models},
        INDEX_NAME: index.encode(),
    }


def main() -> None:
    """Writes the files of the engine, for the network as it is now."""
    folder = Path(str(files("seem_model.compact_onnx"))) / "graphs"
    folder.mkdir(exist_ok=True)
    shapes = {name: tuple(tensor.shape) for name, tensor in CompactSEEM().state_dict().items()}
    for name, content in engine_files(shapes).items():
        (folder / name).write_bytes(content)
        sys.stdout.write(f"{folder / name}  {len(content) / 1e3:.0f} kB\n")


# Layers


def _conv(g: GraphBuilder, x: Value, name: str, *, stride: int = 1, same: bool = False, bias: bool = True) -> Value:
    """A convolution; `same` is TensorFlow's padding on even sizes, otherwise half the kernel on every side."""
    channels_out, per_group, kernel, _ = g.shape_of(f"{name}.weight")
    depthwise = per_group == 1 and channels_out > 1
    before = after = kernel // 2
    if same and stride == 2:
        before, after = (kernel - 2) // 2, kernel - 2 - (kernel - 2) // 2
    inputs = [x, g.weight(f"{name}.weight"), *([g.weight(f"{name}.bias")] if bias else [])]
    return g.op(
        "Conv",
        *inputs,
        kernel_shape=[kernel, kernel],
        strides=[stride, stride],
        pads=[before, before, after, after],
        group=channels_out if depthwise else 1,
    )


def _linear(g: GraphBuilder, x: Value, name: str) -> Value:
    return x @ g.weight(f"{name}.weight").transpose(1, 0) + g.weight(f"{name}.bias")


def _layer_norm(g: GraphBuilder, x: Value, name: str) -> Value:
    return g.op("LayerNormalization", x, g.weight(f"{name}.weight"), g.weight(f"{name}.bias"), axis=-1, epsilon=1e-5)


def _group_norm(g: GraphBuilder, x: Value, name: str, groups: int = 8) -> Value:
    """Instance norm over the joined channels of each group."""
    ones, zeros = (g.constant(np.full(groups, number, np.float32)) for number in (1, 0))
    channels = g.shape_of(f"{name}.weight")[0]
    grouped = g.op("InstanceNormalization", x.reshape(0, groups, -1), ones, zeros, epsilon=1e-5)
    x = g.op("Reshape", grouped, g.op("Shape", x))
    return x * g.weight(f"{name}.weight").reshape(channels, 1, 1) + g.weight(f"{name}.bias").reshape(channels, 1, 1)


def _separable(g: GraphBuilder, x: Value, name: str, *, activate: bool = True) -> Value:
    x = _conv(g, _conv(g, x, f"{name}.depthwise", bias=False), f"{name}.pointwise", bias=False)
    x = _group_norm(g, x, f"{name}.norm")
    return g.op("Relu", x) if activate else x


def _residual(g: GraphBuilder, x: Value, name: str) -> Value:
    inner = _separable(g, _separable(g, x, f"{name}.first"), f"{name}.second", activate=False)
    return g.op("Relu", x + inner)


def _twice(g: GraphBuilder, x: Value) -> Value:
    """Bilinear, twice the size."""
    scales = g.constant(np.array([1, 1, 2, 2], np.float32))
    return g.op("Resize", x, "", scales, mode="linear", coordinate_transformation_mode="half_pixel")


def _pooled(g: GraphBuilder, x: Value, size: int) -> Value:
    return g.op("AveragePool", x, kernel_shape=[size, size], strides=[size, size])


def _logit(g: GraphBuilder, x: Value) -> Value:
    """Of a probability, capped: certainty must leave the image something to overrule."""
    x = x.clip(*_PRIOR_RANGE)
    return g.op("Log", x / (1.0 - x))


def _attention(g: GraphBuilder, name: str, queries: Value, keys: Value, values: Value, bias: Value | None) -> Value:
    """queries (O, n, D), keys and values (O or 1, D, K), bias (O, 1, K) or None -> (O, n, D).

    There are few queries and many keys, so the projections of keys and values are taken to the side of the queries:
    q.(W k) = (W'q).k, and the mean of W v is W times the mean of v. A constant per query drops out of the softmax.
    """
    dim, heads = _CONFIG.dim, _CONFIG.num_heads
    part = dim // heads
    q = _linear(g, queries, f"{name}.query").reshape(0, 0, heads, part).transpose(0, 2, 1, 3)
    q = (q @ (g.weight(f"{name}.key.weight") * part**-0.5).reshape(heads, part, dim)).reshape(0, -1, dim)
    logits = q @ keys  # (O, heads * n, K)
    if bias is not None:
        logits = logits + bias
    mean = g.op("Softmax", logits, axis=-1) @ values.transpose(0, 2, 1)  # (O, heads * n, D)
    project = g.weight(f"{name}.value.weight").reshape(heads, part, dim).transpose(0, 2, 1)
    attended = mean.reshape(0, heads, -1, dim) @ project  # (O, heads, n, part)
    attended = attended.transpose(0, 2, 1, 3).reshape(0, 0, dim) + g.weight(f"{name}.value.bias")
    return _linear(g, attended, f"{name}.out")


# Image


def _trunk(g: GraphBuilder, x: Value) -> dict[int, Value]:
    """(B, 3, H, W) normalised -> features by stride."""

    def relu6(x: Value) -> Value:
        return x.clip(0, 6)

    x = relu6(_conv(g, x, "trunk.stem", stride=2, same=True))
    taps: dict[int, Value] = {}
    for number, block in enumerate(block_plan()):
        name = f"trunk.blocks.{number}"
        y = relu6(_conv(g, x, f"{name}.expand")) if block.expansion != 1 else x
        y = relu6(_conv(g, y, f"{name}.depthwise", stride=block.stride, same=True))
        y = _conv(g, y, f"{name}.project")
        x = x + y if block.residual else y
        if number in TAPS:
            taps[TAPS[number]] = x
    return taps


def _direction(g: GraphBuilder, x: Value, scale: Value) -> Value:
    """Unit vectors along channels of what differs within the image, times a factor."""
    x = x - x.reduce("Mean", 2, 3)
    return x * (scale / x.reduce("L2", 1).clip(1e-12, None))


def _children(g: GraphBuilder, x: Value) -> Value:
    return g.op("SpaceToDepth", x, blocksize=2)


def _rows(x: Value, channels: int) -> Value:
    """(B, C, h, w) -> (B, Q, C)."""
    return x.reshape(0, channels, -1).transpose(0, 2, 1)


def encode_graph(weights: Shapes) -> onnx.ModelProto:
    """Views (B, H, W, 3) uint8 -> image features."""
    g = GraphBuilder("encode", weights)
    views = g.input("views", "uint8", ("B", "H", "W", 3))
    image = g.op("Cast", views.transpose(0, 3, 1, 2), to=TensorProto.FLOAT)
    taps = _trunk(g, (image - PIXEL_MEAN) * (1 / PIXEL_SCALE))
    name = "pyramid"
    top = _separable(g, _conv(g, taps[32], f"{name}.lateral32"), f"{name}.smooth32")
    context = _separable(g, _conv(g, taps[16], f"{name}.lateral16") + _twice(g, top), f"{name}.smooth16")
    down = _twice(g, _conv(g, context, f"{name}.down_to_mid"))
    mid = _separable(g, _conv(g, taps[8], f"{name}.lateral8") + down, f"{name}.smooth8")
    down = _twice(g, _conv(g, mid, f"{name}.down_to_mask"))
    stride4 = _separable(g, _conv(g, taps[4], f"{name}.lateral4") + down, f"{name}.smooth4")

    def keys(scales: str, parts: Sequence[Value]) -> Value:
        factors = [g.weight(f"{name}.{scales}").cut(0, i, i + 1) for i in range(len(parts))]
        return g.op("Concat", *(_direction(g, x, s) for x, s in zip(parts, factors, strict=True)), axis=1)

    learned = _conv(g, taps[16], f"{name}.key_trunk") + _conv(g, context, f"{name}.key_context")
    key = keys("coarse_scale", [taps[16], _pooled(g, taps[8], 2), learned])
    key8 = keys("fine_scale", [taps[8], _conv(g, mid, f"{name}.fine_key")])
    key4 = keys("finest_scale", [taps[4], _conv(g, stride4, f"{name}.finest_key")])
    dims16, dims8, dims4 = key_channels()
    g.output("mask_features", _conv(g, stride4, f"{name}.mask_projection"), ("B", _CONFIG.mask_dim, "H4", "W4"))
    g.output("mid", mid, ("B", _CONFIG.mid_dim, "H8", "W8"))
    g.output("context", context, ("B", _CONFIG.dim, "h", "w"))
    g.output("key", _rows(key, dims16), ("B", "Q", dims16))
    g.output("stride8_key", _rows(_children(g, key8), 4 * dims8), ("B", "Q", 4 * dims8))
    g.output("stride4_key", _rows(_children(g, _children(g, key4)), 16 * dims4), ("B", "Q", 16 * dims4))
    return g.build()


def key_channels() -> tuple[int, int, int]:
    """Channels of the keys at strides 16, 8 and 4."""
    c = _CONFIG
    return (
        TAP_CHANNELS[16] + TAP_CHANNELS[8] + c.key_dim,
        TAP_CHANNELS[8] + c.stride8_key_dim,
        TAP_CHANNELS[4] + c.stride4_key_dim,
    )


# Memory


def memory_graph(weights: Shapes, *, prompted: bool) -> onnx.ModelProto:
    """Context and maps of O objects -> what is kept of the view for each.

    `prompted`: the maps are those of prompts (marked as object, as background, estimate, other objects) and the mask
    that is remembered comes beside them; otherwise they are masks and the sum of the other objects' masks.
    """
    name = "prompt_encoder" if prompted else "memory_encoder"
    g = GraphBuilder("encode_prompt" if prompted else "encode_memory", weights)
    context = g.input("context", "float32", (1, _CONFIG.dim, "h", "w"))
    maps = g.input("maps", "float32", ("O", 4 if prompted else 2, "H4", "W4"))
    position = g.input("position", "float32", (1, _CONFIG.dim, "Q"))
    encoder = f"{name}.{'encoder' if prompted else 'value'}"
    x = g.op("Relu", _conv(g, maps, f"{encoder}.stem.0", stride=2))
    x = g.op("Relu", _conv(g, x, f"{encoder}.stem.2", stride=2))
    x = _conv(g, x, f"{encoder}.from_maps") + _conv(g, context, f"{encoder}.from_image")
    if prompted:
        x = x + g.input("offset", "float32", ("O", _CONFIG.value_dim, 1, 1))
    for block in range(2):
        x = _residual(g, x, f"{encoder}.blocks.{block}")

    mask4 = g.input("remembered", "float32", ("O", 1, "H4", "W4")) if prompted else maps.cut(1, 0, 1)
    mask8 = _pooled(g, mask4, 2)
    mask16 = _pooled(g, mask8, 2).reshape(0, 1, -1)
    image = context.reshape(0, _CONFIG.dim, -1)
    bias = g.op("Log", mask16 + 1e-3)
    tokens = g.weight(f"{name}.prompter.tokens").unsqueeze(0)
    attended = _attention(g, f"{name}.prompter.attention", tokens, image + position, image, bias)
    g.output("value", x.reshape(0, _CONFIG.value_dim, -1), ("O", _CONFIG.value_dim, "Q"))
    g.output("mask", mask16, ("O", 1, "Q"))
    g.output("stride8_mask", _rows(_children(g, mask8), 4), ("O", "Q", 4))
    g.output("stride4_mask", _rows(_children(g, _children(g, mask4)), 16), ("O", "Q", 16))
    prompts = _layer_norm(g, tokens + attended, f"{name}.prompter.norm")
    g.output("prompts", prompts, ("O", _CONFIG.memory_tokens, _CONFIG.dim))
    return g.build()


# Decoding


def _read_children(
    g: GraphBuilder,
    query: Value,
    keys: Value,
    table: Value,
    cells: Value,
    bias: Value,
    parent: Value,
    dims: tuple[int, int],
) -> tuple[Value, Value]:
    """Masks of the four children of P parent cells, each compared with the children of n remembered cells.

    Args:
        query: (P, 4, C).
        keys: (N, 4 * C) of remembered cells.
        table: (O, N, 8) masks of their children, each followed by whether it may be read.
        cells, bias: (P, n) which remembered cells, and logits for them.
        parent: (O, P, 1) the parents' masks, for objects that cannot be read there.
        dims: C and n.

    Returns:
        (P, O, 4) masks, and (P, 4, n * 4) the attention.
    """
    channels, count = dims
    candidates = g.op("Gather", keys, cells, axis=0).reshape(0, count * 4, channels)  # (P, n*4, C)
    # Every logit four times in a row, by a product: adding along rows of 4 * count is faster than along rows of 4.
    repeat = g.constant(np.repeat(np.eye(count, dtype=np.float32), 4, 1))
    affinity = query @ candidates.transpose(0, 2, 1) + (bias @ repeat).unsqueeze(1)
    weights = g.op("Softmax", affinity, axis=-1)  # (P, 4, n*4)
    stored = g.op("Gather", table, cells, axis=1).reshape(0, 0, count * 4, 2)
    read = weights @ stored  # (O, P, 4, 2)
    mask, share = (read.cut(3, i, i + 1).reshape(0, 0, 4) for i in range(2))
    known = g.op("Greater", share, g.constant(np.float32(_LEAST_SHARE)))
    return g.op("Where", known, mask / (share + _EPS), parent).transpose(1, 0, 2), weights


def _best(g: GraphBuilder, scores: Value, count: int) -> tuple[Value, Value]:
    """The `count` largest entries of each row, and where they are."""
    values, indices = g.ops("TopK", scores, g.integers([count]), names=("", ""), axis=-1)
    return values, indices


def _best_cells(g: GraphBuilder, logits: Value, count: int) -> tuple[Value, Value]:
    """As `_best` along rows of remembered cells, whose number is a multiple of CELL_MULTIPLE.

    The largest entries are in the sets of cells with the largest maxima: the slow search only goes through these.
    """
    sets = logits.reshape(0, CELL_MULTIPLE, -1)
    total = g.op("Shape", sets, start=2)
    wanted = g.op("Min", g.integers([count]), total)
    _, chosen = g.ops("TopK", sets.reduce("Max", 1, keepdims=False), wanted, names=("", ""), axis=-1)
    steps = g.op("Mul", g.integers(range(CELL_MULTIPLE)), total).unsqueeze(0, 2)
    members = g.op("Add", chosen.unsqueeze(1), steps).reshape(0, -1)  # (Q, CELL_MULTIPLE * wanted)
    values, places = _best(g, g.op("GatherElements", logits, members, axis=1), count)
    return values, g.op("GatherElements", members, places, axis=1)


def _open_rows(g: GraphBuilder, settled: Value, cells: Value) -> Value:
    """Numbers (R,) of the rows of `cells` (P, n) whose answer is open.

    settled: (N, O, 2), 1 where a remembered cell is free of the object, and where it is full of it. Where all
    candidates of a row say the same of every object, so does their mean, whatever its weights.
    """
    same = g.op("Gather", settled, cells, axis=0).reduce("Min", 1, keepdims=False)  # (P, O, 2)
    same = same.reduce("Max", 2, keepdims=False).reduce("Min", 1, keepdims=False)
    return g.op("NonZero", 1.0 - same).reshape(-1)


def _nearest(g: GraphBuilder, masks: Value, cells: Value, count: int) -> Value:
    """What the first candidate of each row of `cells` (P, n) holds, `count` times: masks (O, N) -> (P, O, count)."""
    first = g.op("Gather", cells, g.constant(np.int64(0)), axis=1)
    nearest = g.op("Gather", masks, first, axis=1).transpose(1, 0).unsqueeze(2)
    return g.op("Concat", *[nearest] * count, axis=2)


def _put(g: GraphBuilder, rows: Value, into: Value, new: Value) -> Value:
    return g.op("ScatterND", into, rows.unsqueeze(1), new)


def _best_children(g: GraphBuilder, weights: Value, cells: Value, count: int) -> tuple[Value, Value]:
    """From the attention (P, 4, n*4) of children: the remembered children that they look into, and logits for them."""
    values, indices = _best(g, weights, count)
    values, indices = values.reshape(-1, count), indices.reshape(0, 4 * count)  # (P*4, k) and (P, 4*k)
    owners = g.op("GatherElements", cells, g.op("Div", indices, g.integers([4])), axis=1)
    children = g.op("Add", g.op("Mul", owners, g.integers([4])), g.op("Mod", indices, g.integers([4])))
    return children.reshape(-1, count), g.op("Log", values + _EPS) * g.weight("reader.fine_weight")


def _to_map(g: GraphBuilder, rows: Value, grid: Value, channels: int) -> Value:
    """(O, C, Q) -> (O, C, h, w)."""
    return g.op("Reshape", rows, g.op("Concat", g.integers([0, channels]), grid, axis=0))


def _spread(g: GraphBuilder, children: Value, grid: Value) -> Value:
    """(O, Q, 4) -> (O, 1, 2h, 2w)."""
    return g.op("DepthToSpace", _to_map(g, children.transpose(0, 2, 1), grid, 4), blocksize=2, mode="DCR")


def _spread_twice(g: GraphBuilder, children: Value, grid: Value) -> Value:
    """(O, Q, 16) -> (O, 1, 4h, 4w)."""
    x = _to_map(g, children.transpose(0, 2, 1), grid, 16)
    for _ in range(2):
        x = g.op("DepthToSpace", x, blocksize=2, mode="DCR")
    return x


def decode_graph(weights: Shapes) -> onnx.ModelProto:
    """Features of a view, remembered cells, tokens and the last masks -> masks, presence and agreement."""
    c = _CONFIG
    dims16, dims8, dims4 = key_channels()
    g = GraphBuilder("decode", weights)
    mask_features = g.input("mask_features", "float32", (1, c.mask_dim, "H4", "W4"))
    mid = g.input("mid", "float32", (1, c.mid_dim, "H8", "W8"))
    context = g.input("context", "float32", (1, c.dim, "h", "w"))
    key = g.input("key", "float32", (1, "Q", dims16))
    key8 = g.input("stride8_key", "float32", (1, "Q", 4 * dims8))
    key4 = g.input("stride4_key", "float32", (1, "Q", 16 * dims4))
    place = g.input("place", "float32", ("Q", 4))
    position = g.input("position", "float32", (1, c.dim, "Q"))
    # Annotated views first; `annotated` is how many of the remembered cells are theirs.
    memory_key = g.input("memory_key", "float32", (dims16, "M"))
    memory_place = g.input("memory_place", "float32", (4, "M"))
    memory_key8 = g.input("memory_stride8_key", "float32", ("M", 4 * dims8))
    memory_key4 = g.input("memory_stride4_key", "float32", ("M4", 4 * dims4))
    memory_stored = g.input("memory_stored", "float32", ("O", c.value_dim + 2, "M"))
    memory_mask8 = g.input("memory_stride8_mask", "float32", ("O", "M", 8))
    memory_mask4 = g.input("memory_stride4_mask", "float32", ("O", "M4", 8))
    settled16 = g.input("memory_settled", "float32", ("M", "O", 2))
    settled8 = g.input("memory_stride8_settled", "float32", ("M4", "O", 2))
    annotated = g.input("annotated", "int64", (1,))
    tokens = g.input("tokens", "float32", ("O", "T", c.dim))
    token_bias = g.input("token_bias", "float32", ("O", "T"))
    previous = g.input("previous", "float32", ("O", "H4", "W4")).unsqueeze(1)
    grid = g.op("Shape", context, start=2)

    # Read-out of memory (`MemoryReader`).
    query = g.op("Concat", key.reshape(-1, dims16), place, axis=1)
    logits = query @ g.op("Concat", memory_key, memory_place, axis=0)  # (Q, M)
    attention = g.op("Softmax", logits, axis=-1)
    read = memory_stored @ attention.transpose(1, 0)  # (O, D + 2, Q)
    known = read.cut(1, c.value_dim + 1, c.value_dim + 2) + _EPS
    read = read.cut(1, 0, c.value_dim + 1) / known
    mask16 = read.cut(1, c.value_dim, c.value_dim + 1)  # (O, 1, Q)
    coarse_weight = g.weight("reader.coarse_weight")
    query8, query4 = key8.reshape(-1, 4, dims8), key4.reshape(-1, 16 * dims4)
    remembered16 = g.op("Squeeze", memory_stored.cut(1, c.value_dim, c.value_dim + 1), g.integers([1]))
    remembered8 = g.op("Squeeze", memory_mask8.reshape(0, -1, 2).cut(2, 0, 1), g.integers([2]))  # (O, 4 * M)

    def read_stride8(logits: Value, mask16: Value) -> tuple[Value, Value, Value, Value, Value]:
        """(O, Q, 4) masks; then the cells that are looked into, which rows of them are open, and for these rows the
        cells and the attention."""
        best, cells = _best_cells(g, logits, c.candidates)
        rows = _open_rows(g, settled16, cells)
        query, own, bias = (g.op("Gather", x, rows, axis=0) for x in (query8, cells, best * coarse_weight))
        parent = g.op("Gather", mask16.transpose(0, 2, 1), rows, axis=1)
        sizes = (dims8, c.candidates)
        read, weights = _read_children(g, query, memory_key8, memory_mask8, own, bias, parent, sizes)
        mask8 = _put(g, rows, _nearest(g, remembered16, cells, 4), read)
        return mask8.transpose(1, 0, 2), cells, rows, own, weights

    mask8, cells, rows, own, weights8 = read_stride8(logits, mask16)
    # The children of open cells, and of these those that are open themselves.
    cells8, bias8 = _best_children(g, weights8, own, c.stride8_candidates)
    rows8 = _open_rows(g, settled8, cells8)
    query = g.op("Gather", g.op("Gather", query4, rows, axis=0).reshape(-1, 4, dims4), rows8, axis=0)
    own8, bias8 = (g.op("Gather", x, rows8, axis=0) for x in (cells8, bias8))
    parent = g.op("Gather", g.op("Gather", mask8, rows, axis=1).reshape(0, -1, 1), rows8, axis=1)
    sizes = (dims4, c.stride8_candidates)
    read4, _ = _read_children(g, query, memory_key4, memory_mask4, own8, bias8, parent, sizes)
    read4 = _put(g, rows8, _nearest(g, remembered8, cells8, 4), read4)  # (4 * R, O, 4)
    objects = g.op("Shape", memory_stored, start=0, end=1)
    read4 = g.op("Reshape", read4, g.op("Concat", g.integers([-1, 4]), objects, g.integers([4]), axis=0))
    read4 = read4.transpose(0, 2, 1, 3).reshape(0, 0, 16)
    mask4 = _put(g, rows, _nearest(g, remembered16, cells, 16), read4).transpose(1, 0, 2)  # (O, Q, 16)
    # The same from annotated views alone.
    alone = logits.cut(1, 0, annotated)
    share = attention.cut(1, 0, annotated).reduce("Sum", 1)  # (Q, 1)
    stored = memory_stored.cut(1, c.value_dim, c.value_dim + 2).cut(2, 0, annotated)
    read_alone = stored @ g.op("Softmax", alone, axis=-1).transpose(1, 0)
    pinned16 = read_alone.cut(1, 0, 1) / (read_alone.cut(1, 1, 2) + _EPS)
    pinned8 = read_stride8(alone, pinned16)[0]

    # Mask decoder.
    read = _to_map(g, read, grid, c.value_dim + 1)
    mask16, pinned16 = read.cut(1, c.value_dim, c.value_dim + 1), _to_map(g, pinned16, grid, 1)
    mask8, pinned8 = _spread(g, mask8, grid), _spread(g, pinned8, grid)
    mask4 = _spread_twice(g, mask4, grid)
    share = _to_map(g, share.reshape(1, 1, -1), grid, 1)
    share = g.op("Expand", share, g.op("Shape", mask16))
    previous8 = _pooled(g, previous, 2)
    previous16 = _pooled(g, previous8, 2)
    name = "decoder"
    x = _conv(g, g.op("Concat", read, previous16, pinned16, share, axis=1), f"{name}.from_memory")
    x = g.op("Relu", x + _conv(g, context, f"{name}.from_context"))
    for block in range(2):
        x = _residual(g, x, f"{name}.blocks.{block}")

    prior, pinned_prior = _logit(g, mask8), _logit(g, pinned8)
    coarse = _twice(g, g.op("Concat", _logit(g, mask16), share * 4.0 - 2.0, axis=1))
    hints = [prior, coarse.cut(1, 0, 1), previous8 * 4.0 - 2.0, pinned_prior, coarse.cut(1, 1, 2)]
    y = _twice(g, _conv(g, x, f"{name}.to_mid"))
    y = y + _conv(g, g.op("Concat", *hints, axis=1) * 0.25, f"{name}.prior_to_mid") + mid
    y = _separable(g, g.op("Relu", y), f"{name}.smooth")
    y = _residual(g, y, f"{name}.mid_block")
    # In two, so that the embedding has as many channels as a vector register is wide, and stays in that order.
    local, offset = (
        g.op("Conv", y, *(g.weight(f"{name}.local_embedding.{part}").cut(0, *rows) for part in ("weight", "bias")))
        for rows in ((0, c.mask_dim), (c.mask_dim, c.mask_dim + 1))
    )
    prior = prior * g.weight(f"{name}.prior_weight") + pinned_prior * g.weight(f"{name}.pinned_prior_weight")
    offset = _twice(g, offset + prior)
    local = _twice(g, local)
    # A product with ones, because ReduceSum over channels is slower.
    ones = g.constant(np.ones((1, c.mask_dim), np.float32))
    size4 = g.op("Shape", offset)
    early = g.op("Reshape", ones @ (local * mask_features).reshape(0, c.mask_dim, -1), size4) + offset

    queries = _decode_queries(g, x, early, tokens, token_bias, position)
    embedding = queries.cut(1, 0, 1)
    embedding = g.op("Relu", _linear(g, embedding, f"{name}.mask_embedding.0"))
    embedding = _linear(g, embedding, f"{name}.mask_embedding.2")  # (O, 1, mask_dim)
    answer = early + g.op("Reshape", embedding @ mask_features.reshape(0, c.mask_dim, -1), size4)

    # Boundary head.
    finest = _logit(g, mask4)
    hints = [answer.clip(-8, 8) * 0.25, previous * 2.0 - 1.0, finest * 0.25]
    z = _twice(g, _conv(g, y, f"{name}.boundary.from_mid"))
    z = z + _conv(g, g.op("Concat", *hints, axis=1), f"{name}.boundary.from_hints") + mask_features
    z = g.op("Relu", z)
    for block in range(2):
        z = _separable(g, z, f"{name}.boundary.blocks.{block}")
    z = _conv(g, z, f"{name}.boundary.out") + finest * g.weight(f"{name}.boundary.finest_weight")
    answer = answer + z
    probability = g.op("Sigmoid", answer)

    # Presence.
    weight = _pooled(g, probability, 4).reshape(0, 1, -1)  # (O, 1, Q)
    pooled = (weight @ _rows(x, c.dim)).reshape(0, c.dim) / (weight.reduce("Sum", 1, 2).reshape(0, 1) + 1.0)
    strongest = [weight.reduce("Max", 1, 2).reshape(0, 1), mask16.reduce("Max", 1, 2, 3).reshape(0, 1)]
    seen = queries.cut(1, 1, 2).reshape(0, c.dim)
    presence = g.op("Concat", seen, pooled, *strongest, axis=1)
    presence = _linear(g, g.op("Relu", _linear(g, presence, f"{name}.presence.0")), f"{name}.presence.2")

    # Agreement of the answer with what correspondence alone says.
    half = _pooled(g, probability, 2)
    common = g.op("Min", half, mask8).reduce("Sum", 1, 2, 3)
    either = g.op("Max", half, mask8).reduce("Sum", 1, 2, 3)
    g.output("mask_logits", g.op("Squeeze", answer, g.integers([1])), ("O", "H4", "W4"))
    g.output("presence", g.op("Sigmoid", presence).reshape(-1), ("O",))
    g.output("agreement", (common / either.clip(1e-3, None)).reshape(-1), ("O",))
    return g.build()


def _decode_queries(
    g: GraphBuilder, x: Value, early: Value, tokens: Value, token_bias: Value, position: Value
) -> Value:
    """x (O, dim, h, w), early (O, 1, H/4, W/4) -> (O, queries, dim)."""
    name = "decoder"
    image = x.reshape(0, _CONFIG.dim, -1)
    cover = _pooled(g, g.op("Sigmoid", early), 4)
    mask_bias = g.op("Log", cover.reshape(0, 1, -1) + 1e-2)
    prompt_bias = token_bias.unsqueeze(1)
    tokens = tokens.transpose(0, 2, 1)
    placed = image + position
    queries = g.weight(f"{name}.queries").unsqueeze(0)
    for number in range(_CONFIG.num_layers):
        layer = f"{name}.layers.{number}"
        attended = _attention(g, f"{layer}.to_prompts", queries, tokens, tokens, prompt_bias)
        queries = _layer_norm(g, queries + attended, f"{layer}.norms.0")
        attended = _attention(g, f"{layer}.to_image", queries, placed, image, mask_bias)
        queries = _layer_norm(g, queries + attended, f"{layer}.norms.1")
        own = queries.transpose(0, 2, 1)
        attended = _attention(g, f"{layer}.to_queries", queries, own, own, None)
        queries = _layer_norm(g, queries + attended, f"{layer}.norms.2")
        inner = g.op("Gelu", _linear(g, queries, f"{layer}.feed_forward.0"))
        queries = _layer_norm(g, queries + _linear(g, inner, f"{layer}.feed_forward.2"), f"{layer}.norms.3")
    return queries


if __name__ == "__main__":
    main()
