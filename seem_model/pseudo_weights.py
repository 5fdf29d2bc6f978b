"""Deterministic pseudo-random weights that depend only on a parameter's name and shape.

Parity with other implementations is tested with these weights, and speed is measured with them, because neither
depends on training. Scales are chosen so that features neither vanish nor explode with depth.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from seem_model.configs import SeemConfig
from seem_model.seem import Seem

# Embedding tables keep unit scale; the ends of residual branches are damped.
_UNIT_SCALE = (
    "query_feat.weight",
    "query_embed.weight",
    "level_embed.weight",
    "pn_indicator.weight",
    "spatial_embed.weight",
    "spatial_featured.weight",
)
_DAMPED = ("out_proj.weight", "linear2.weight", ".fn.dw.weight")
_ONES = ("dilation_kernel", "criterion.empty_weight", "logit_scale")


def pseudo_weight(name: str, shape: tuple[int, ...]) -> Tensor:
    """The float32 tensor of that name and shape."""
    if name.endswith(_ONES):
        return torch.ones(shape)
    values = np.random.default_rng(zlib.crc32(name.encode("utf-8"))).standard_normal(shape)
    if len(shape) >= 2 and not name.endswith(_UNIT_SCALE):
        values *= (0.3 if name.endswith(_DAMPED) else 1.0) / math.sqrt(math.prod(shape[1:]))
    elif len(shape) == 1:
        last = name.rsplit(".", 1)[-1]
        is_scale = last == "weight" or last.startswith("gamma_")
        values = 1.0 + 0.1 * values if is_scale else 0.02 * values
    return torch.from_numpy(values.astype(np.float32))


@torch.inference_mode(False)  # tensors made in inference mode could not be shared with a model built outside it
def pseudo_model(config: SeemConfig, *, with_text: bool = False, known: Mapping[str, Tensor] | None = None) -> Seem:
    """A model in eval mode with pseudo-random weights.

    Args:
        config: Which model.
        with_text: Whether to build the text encoder.
        known: Tensors to use instead of generating them, by name; for models that share weights.
    """
    known = known or {}
    with torch.device("meta"):
        model = Seem(config, with_text=with_text)
    state = {
        name: known[name] if name in known else pseudo_weight(name, tuple(tensor.shape))
        for name, tensor in model.state_dict().items()
    }
    model.load_state_dict(state, assign=True)
    return model.eval().requires_grad_(False)
