"""The text encoder of SEEM (a CLIP-like causal transformer trained with UniCL)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from seem_model.configs import HIDDEN_DIM, NUM_HEADS
from seem_model.decoder.inputs import TextPrompts
from seem_model.language.tokenizer import CONTEXT_LENGTH, VOCABULARY_SIZE, Tokens
from seem_model.layers import MultiheadAttention

TEXT_LAYERS = 12
TEXT_NORM_EPS = 1e-12


class QuickGelu(nn.Module):
    """x * sigmoid(1.702 x)"""

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(1.702 * x)


class _MLP(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.c_fc = nn.Linear(HIDDEN_DIM, 4 * HIDDEN_DIM)
        self.gelu = QuickGelu()
        self.c_proj = nn.Linear(4 * HIDDEN_DIM, HIDDEN_DIM)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.c_proj(self.gelu(self.c_fc(x)))
        return result


class TextBlock(nn.Module):
    """Pre-norm transformer block with causal attention; padding is not masked (it comes after what counts)."""

    def __init__(self) -> None:
        super().__init__()
        self.attn = MultiheadAttention(HIDDEN_DIM, NUM_HEADS)
        self.ln_1 = nn.LayerNorm(HIDDEN_DIM, eps=TEXT_NORM_EPS)
        self.mlp = _MLP()
        self.ln_2 = nn.LayerNorm(HIDDEN_DIM, eps=TEXT_NORM_EPS)

    def forward(self, x: Tensor, causal: Tensor) -> Tensor:
        normed = self.ln_1(x)
        x = x + self.attn(normed, normed, normed, causal)
        result: Tensor = x + self.mlp(self.ln_2(x))
        return result


class TextTransformer(nn.Module):
    """Token ids (B, L) -> hidden states (B, L, C)."""

    def __init__(self) -> None:
        super().__init__()
        self.positional_embedding = nn.Parameter(torch.zeros(CONTEXT_LENGTH, HIDDEN_DIM))
        self.token_embedding = nn.Embedding(VOCABULARY_SIZE, HIDDEN_DIM)
        self.resblocks = nn.ModuleList(TextBlock() for _ in range(TEXT_LAYERS))
        self.ln_final = nn.LayerNorm(HIDDEN_DIM, eps=TEXT_NORM_EPS)

    def forward(self, ids: Tensor) -> Tensor:
        length = ids.shape[1]
        causal = torch.ones(length, length, dtype=torch.bool, device=ids.device).tril()
        x = self.token_embedding(ids) + self.positional_embedding[:length]
        for block in self.resblocks:
            x = block(x, causal)
        result: Tensor = self.ln_final(x)
        return result


@dataclass(frozen=True)
class TextFeatures:
    """Features of B sentences.

    Attributes:
        tokens: (B, L, C) one per token, not normalised.
        attention_mask: (B, L) bool, True from the start token to the end token.
        sentences: (B, C), the feature at the end token, not normalised.
    """

    tokens: Tensor
    attention_mask: Tensor
    sentences: Tensor

    def prompts(self) -> TextPrompts:
        """The tokens of all sentences as one set of decoder tokens: sentences of one image read each other (parity)."""
        used = self.tokens[self.attention_mask]
        return TextPrompts(used[None], torch.zeros(1, len(used), dtype=torch.bool, device=used.device))


class LanguageEncoder(nn.Module):
    """Text transformer, projection, and the learned logit scale (a logarithm)."""

    def __init__(self) -> None:
        super().__init__()
        self.lang_proj = nn.Parameter(torch.zeros(HIDDEN_DIM, HIDDEN_DIM))
        self.logit_scale = nn.Parameter(torch.ones([]))
        self.lang_encoder = TextTransformer()

    def forward(self, tokens: Tokens) -> TextFeatures:
        """Encodes tokenised sentences. Tokens after the last sentence's end are cut: nothing reads them."""
        device = self.lang_proj.device
        used = int(tokens.attention_mask.sum(1).max())
        ids = tokens.ids[:, :used].to(device)
        hidden = self.lang_encoder(ids) @ self.lang_proj
        # The end token has the greatest id; padding repeats it, and argmax gives the first.
        ends = ids.argmax(dim=1)
        sentences = hidden[torch.arange(len(hidden), device=device), ends]
        return TextFeatures(hidden, tokens.attention_mask[:, :used].to(device), sentences)
