"""Small building blocks that several networks share. Parameter names follow the released checkpoints."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Products that a convolution adds one after the other in float32; longer sums are taken in parts.
_LONGEST_SUM = 64 * 9


def precise_conv2d(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, *, stride: int = 1, padding: int = 0
) -> Tensor:
    """`F.conv2d` with a third of its rounding error where it adds many products, for a tenth more time.

    Convolutions on a CPU add the products of an output value one by one, so that the error grows with their number:
    4,608 in a 3x3 convolution of 512 channels. Sums over groups of channels, added up at the end, stay close to what a
    matrix product gives. It matters here because the masks inside the decoder are cut at zero: the smaller the error,
    the fewer pixels fall on the wrong side.
    """
    parts = weight.shape[1] * weight.shape[2] * weight.shape[3] // _LONGEST_SUM
    if parts < 2 or weight.shape[2:] == (1, 1) or x.device.type != "cpu" or torch.is_autocast_enabled("cpu"):
        return F.conv2d(x, weight, bias, stride, padding)
    first, *rest = zip(x.chunk(parts, dim=1), weight.chunk(parts, dim=1), strict=True)
    result = F.conv2d(*first, bias, stride, padding)
    for channels, kernel in rest:
        result += F.conv2d(channels, kernel, None, stride, padding)
    return result


class ConvNorm(nn.Conv2d):
    """Convolution, GroupNorm with 32 groups, optionally ReLU; the norm's keys lie inside the convolution's."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, *, relu: bool) -> None:
        super().__init__(in_channels, out_channels, kernel_size, padding=kernel_size // 2, bias=False)
        self.norm = nn.GroupNorm(32, out_channels)
        self.relu = relu

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(precise_conv2d(x, self.weight, padding=self.kernel_size[0] // 2))
        return F.relu(x, inplace=not torch.is_grad_enabled()) if self.relu else x


class MLP(nn.Module):
    """Linear layers with ReLU between them."""

    def __init__(self, dims: Sequence[int]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(dims))

    def forward(self, x: Tensor) -> Tensor:
        *hidden, last = self.layers
        for layer in hidden:
            x = F.relu(layer(x))
        result: Tensor = last(x)
        return result


class FeedForward(nn.Module):
    """Two linear layers with exact GELU, keys `fc1` and `fc2`."""

    def __init__(self, dim: int, hidden_dim: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(dim, hidden_dim)
        self.fc2 = nn.Linear(hidden_dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.fc2(F.gelu(self.fc1(x)))
        return result


class MultiheadAttention(nn.Module):
    """Multi-head attention with the state-dict keys of `torch.nn.MultiheadAttention`, batch first, fused.

    Keys and values can be projected apart from the queries, so that what does not change from frame to frame or
    from object to object is projected once.
    """

    def __init__(self, dim: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.in_proj_weight = nn.Parameter(torch.empty(3 * dim, dim))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * dim))
        self.out_proj = nn.Linear(dim, dim)
        nn.init.xavier_uniform_(self.in_proj_weight)

    def _project(self, x: Tensor, part: int) -> Tensor:
        """(B, N, C) -> (B, heads, N, C / heads); part 0, 1, 2 is query, key, value."""
        weight = self.in_proj_weight.chunk(3)[part]
        bias = self.in_proj_bias.chunk(3)[part]
        result: Tensor = F.linear(x, weight, bias).unflatten(-1, (self.num_heads, -1)).transpose(1, 2)
        return result

    def project_keys(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values (B, N, C) as (B, heads, N, C / heads) each."""
        return self._project(keys, 1), self._project(values, 2)

    def attend(self, queries: Tensor, keys: Tensor, values: Tensor, readable: Tensor | None = None) -> Tensor:
        """Attention of (B, Q, C) queries to projected keys and values.

        Args:
            queries: (B, Q, C), not yet projected.
            keys: (B, heads, N, C / heads) from `project_keys`.
            values: As `keys`.
            readable: bool, broadcastable to (B, heads, Q, N); True where a query may read a key. Every query
                must have at least one key. None: all may be read.

        Returns:
            (B, Q, C)
        """
        result = F.scaled_dot_product_attention(self._project(queries, 0), keys, values, attn_mask=readable)
        projected: Tensor = self.out_proj(result.transpose(1, 2).flatten(2))
        return projected

    def forward(self, queries: Tensor, keys: Tensor, values: Tensor, readable: Tensor | None = None) -> Tensor:
        return self.attend(queries, *self.project_keys(keys, values), readable)


@lru_cache(maxsize=64)
def _sine_positions(height: int, width: int, dim: int, device: torch.device) -> Tensor:
    half = dim // 2
    i = torch.arange(half, dtype=torch.float32, device=device)
    period = 10000.0 ** (2 * torch.div(i, 2, rounding_mode="floor") / half)

    def axis(size: int) -> Tensor:
        index = torch.arange(1, size + 1, dtype=torch.float32, device=device)
        phase = (index / (size + 1e-6) * 2 * math.pi)[:, None] / period
        return torch.stack((phase[:, 0::2].sin(), phase[:, 1::2].cos()), dim=2).flatten(1)

    y = axis(height)[:, None].expand(height, width, half)
    x = axis(width)[None].expand(height, width, half)
    return torch.cat((y, x), dim=2).permute(2, 0, 1)[None].contiguous()


def sine_positions(x: Tensor) -> Tensor:
    """Sine position encoding (DETR, normalised to 2 pi) for a map, cached per size.

    Args:
        x: (B, C, H, W); only its shape, dtype and device count.

    Returns:
        (1, C, H, W): the first half of the channels encodes y, the second half x; sine and cosine interleaved.
    """
    _, dim, height, width = x.shape
    with torch.inference_mode(False), torch.no_grad():
        return _sine_positions(height, width, dim, x.device).to(x.dtype)
