"""How weights lie in memory; no number changes by it."""

from __future__ import annotations

import torch
from torch import nn


def lay_out_channels_last(module: nn.Module) -> None:
    """Lays out parameters of four dimensions channels last, in place: what convolutions are fastest with on a CPU.

    Besides the weights of convolutions only a table of positions or two has four; it is read the same.
    """
    for parameter in module.parameters():
        if parameter.dim() == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
